"""Noise in words: some in English, some left out, some out of order. Numbers stay, and so do named spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from xstilts.perturbations.base import Edit, Perturbation, Span
from xstilts.perturbations.lexicon import find_lexicon
from xstilts.perturbations.units import sentence_spans, word_spans

_WINDOW = 3  # places that a word moves at most


def code_switch(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Words in English, where the built-in lexicon of the language has them."""
    lexicon = find_lexicon(language, None)
    if lexicon:
        yield from lexicon.perturb(clusters, language, rate, rng)


def word_drop(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Words left out, each with a space beside it; the last one that is left stays."""
    spans = list(word_spans(clusters, language))
    left, done = len(spans), 0
    for start, stop in spans:
        if left > 1 and rng.random() < rate:
            left -= 1
            first, done = _with_space(clusters, start, stop, done)
            yield first, ("",) * (done - first)


def _with_space(clusters: Sequence[str], start: int, stop: int, done: int) -> Span:
    """The word and the space before it, or else the one after; neither where marks stand on both sides."""
    if start > done and clusters[start - 1].isspace():
        return start - 1, stop
    if stop < len(clusters) and clusters[stop].isspace():
        return start, stop + 1
    return start, stop


def word_shuffle(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Words change places with one of the next three of their sentence; marks and numbers keep theirs."""
    for first, last in sentence_spans(clusters, language):
        spans = [(first + start, first + stop) for start, stop in word_spans(clusters[first:last], language)]
        yield from _shuffled(clusters, spans, rate, rng)


def _shuffled(clusters: Sequence[str], spans: Sequence[Span], rate: float, rng: Random) -> Iterator[Edit]:
    # An exchange moves two words and passes over three on average: chance p moves 2p / (1 + 2p) of all words.
    chance = rate / (2 * (1 - rate))
    i = 0
    while i < len(spans) - 1:
        if rng.random() >= chance:
            i += 1
            continue
        other = min(i + 1 + int(rng.random() * _WINDOW), len(spans) - 1)
        yield _exchange(clusters, spans[i], spans[other])
        i = other + 1


def _exchange(clusters: Sequence[str], one: Span, other: Span) -> Edit:
    """Two words in each other's place; what is between them stays."""
    left, right = clusters[slice(*one)], clusters[slice(*other)]
    between = clusters[one[1] : other[0]]
    return one[0], (*_fill(right, len(left)), *between, *_fill(left, len(right)))


def _fill(word: Sequence[str], places: int) -> tuple[str, ...]:
    """The clusters of a word in a number of places: empty ones at the end, or several in the last."""
    head = [*word[: places - 1], "".join(word[places - 1 :])]
    return (*head, *[""] * (places - len(head)))


WORDS = (
    Perturbation(
        name="code-switch",
        summary="words in English, by a bilingual lexicon",
        fn=code_switch,
        rates=(0.1, 0.25, 0.5, 0.75, 1.0),
        unit="words that the lexicon has",
        source="after Qin et al. 2020, CoSDA-ML (IJCAI, arXiv:2006.06402), towards English and on test input; "
        "shares ours",
        without=frozenset({"en"}),
        kind="words",
        data=find_lexicon,
    ),
    Perturbation(
        name="word-drop",
        summary="words left out",
        fn=word_drop,
        rates=(0.05, 0.1, 0.15, 0.2, 0.3),
        unit="words",
        source="random deletion of Wei & Zou 2019, EDA (EMNLP, arXiv:1901.11196); shares ours",
        on_tokens=False,
        kind="words",
    ),
    Perturbation(
        name="word-shuffle",
        summary="words out of order, moved by three places at most",
        fn=word_shuffle,
        rates=(0.1, 0.2, 0.3, 0.4, 0.6),
        unit="words",
        source="the bounded displacement of Lample et al. 2018 (ICLR, arXiv:1711.00043), k = 3; shares ours",
        on_tokens=False,
        kind="words",
    ),
)
