"""Noise in characters: what fingers, keyboards, habits and scanners do to writing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random

from xstilts.perturbations.base import Edit, Perturbation, pick, script, unspaced
from xstilts.perturbations.graphemes import Substitutions, is_letter, lower, split, strip_marks, upper, words
from xstilts.perturbations.keyboards import neighbours
from xstilts.perturbations.lookalikes import PAIRS, SCRIPTS, confusions
from xstilts.perturbations.units import CASED

_INDIC = frozenset({"Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh"})
_MARKED = frozenset({"Latn", "Cyrl", "Grek", "Arab", "Hebr", "Thai", "Laoo", "Khmr", "Mymr", "Jpan"}) | _INDIC
_UNMARKED_LANGUAGES = frozenset({"en", "he", "id", "jv", "ms", "sw", "tl", "fil"})

_STOPS: Mapping[str, tuple[str, ...]] = {
    "Arab": ("،", "؛"),
    "Armn": ("։", ","),
    "Beng": ("।", ","),
    "Deva": ("।", ","),
    "Ethi": ("።", "፣"),
    "Grek": (",", "·"),
    "Hans": ("，", "。", "、"),
    "Hant": ("，", "。", "、"),
    "Jpan": ("、", "。"),
    "Khmr": ("។",),
    "Mymr": ("၊", "။"),
    "Tibt": ("།",),
}
_LATIN_STOPS = (",", ".", ";")

_LETTERS_A_WORD = 3  # in scripts without spaces, to turn shares of words into shares of gaps between letters
_GAPS_A_WORD = 5  # in scripts with spaces, for the same


def typos(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Slips of the fingers: 40% the key beside, 20% swapped with the next letter, 20% dropped, 20% repeated.

    Where a slip is not possible (no key beside, as for Japanese ideographs; the last letter of a word, for a swap; its
    first, for a drop) the next kind in this order is taken.
    """
    keys = neighbours(language)
    done = 0
    for start, stop in words(clusters):
        for i in range(start, stop):
            if i < done or rng.random() >= rate:
                continue
            new = _slip(
                clusters[i], clusters[i + 1] if i + 1 < stop else "", first=i == start, keys=keys, rng=rng
            )
            done = i + len(new)
            yield i, new


def _slip(here: str, right: str, *, first: bool, keys: Substitutions, rng: Random) -> tuple[str, ...]:
    kind = rng.random()
    near = keys.variants(here) if kind < 0.4 else ()
    if near:
        return (pick(near, rng),)
    if kind < 0.6 and right and right != here:
        return right, here
    if kind < 0.8 and not first:
        return ("",)
    return (here + here,)


def casing(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Words in lower case, in capitals or in mIXed; one of those that differ from the word as it is."""
    random = rng.random
    for start, stop in words(clusters):
        word = tuple(clusters[start:stop])
        cased = _cased(word, language)
        if cased is None or random() >= rate:
            continue
        small, capital = cased
        mixed = tuple(
            [big if random() >= 0.5 else little for little, big in zip(small, capital, strict=True)]
        )
        options = [new for new in (small, capital, mixed) if new != word]
        yield start, options[int(random() * len(options))]


@lru_cache(maxsize=2**16)  # words repeat
def _cased(word: tuple[str, ...], language: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The letters of a word in lower case and in capitals; None for a word without case."""
    text = "".join(word)
    if lower(text, language) == upper(text, language):
        return None
    return _recased(word, lower, language), _recased(word, upper, language)


def _recased(word: tuple[str, ...], change: Callable[[str, str], str], language: str) -> tuple[str, ...]:
    whole = split(change("".join(word), language))  # at once, for the sake of final sigma
    return tuple(whole) if len(whole) == len(word) else tuple(change(letter, language) for letter in word)


_bare = lru_cache(maxsize=2**16)(strip_marks)


def diacritics(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Letters lose their accents, vowel marks, tone marks, points and hamzas."""
    for i, here in enumerate(clusters):
        if not here.isascii() and is_letter(here) and _bare(here) != here and rng.random() < rate:
            yield i, (_bare(here),)


def punctuation(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Marks dropped (half of the time), doubled or set apart by spaces (a quarter each).

    A tenth of the rate is the share of words that get a mark. Marks between digits stay: 3.5 is a number.
    """
    stops = _STOPS.get(script(language), _LATIN_STOPS)
    solid = unspaced(language)
    extra = rate / 10 / (_LETTERS_A_WORD if solid else 1)
    for i, (here, right) in enumerate(pairwise((*clusters, ""))):
        if is_letter(here):
            if (right.isspace() or (solid and is_letter(right))) and rng.random() < extra:
                yield i, (here + pick(stops, rng),)
        elif _is_punctuation(here) and not (i and _digits(clusters[i - 1], right)) and rng.random() < rate:
            apart = f" {here} " if right.strip() else f" {here}"
            yield i, (pick(("", "", here + here, apart), rng),)


@lru_cache(maxsize=2**12)
def _is_punctuation(cluster: str) -> bool:
    return unicodedata.category(cluster[0])[0] == "P"


def _digits(left: str, right: str) -> bool:
    return left[-1:].isdigit() and right[:1].isdigit()


def whitespace(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Spaces lost, so that words are joined, and half as many words split in two; numbers stay apart.

    Scripts without spaces get spaces between letters instead, as a wrong segmentation would set them.
    """
    extra = rate / 2 / (_LETTERS_A_WORD if unspaced(language) else _GAPS_A_WORD)
    for i, (here, right) in enumerate(pairwise(clusters)):
        if is_letter(here):
            if is_letter(right) and rng.random() < extra:
                yield i, (here + " ",)
        elif (
            here in " \u00a0\u3000" and _joinable(clusters[i - 1] if i else "", right) and rng.random() < rate
        ):
            yield i, ("",)


def _joinable(left: str, right: str) -> bool:
    return bool(left.strip() and right.strip()) and not _digits(left, right)


def ocr(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Letters read as others that look like them, one letter as two and two as one."""
    table = confusions()
    done = 0
    for i, (here, right) in enumerate(pairwise((*clusters, ""))):
        joined = PAIRS.get(here + right, "")
        options = table.variants(here)
        if i < done or not (joined or options) or rng.random() >= rate:
            continue
        new = (joined, "") if joined and (not options or rng.random() < 0.5) else (pick(options, rng),)
        done = i + len(new)
        yield i, new


_NOISY_TEXT = (
    "after Náplava et al. 2021, Understanding Model Robustness to User-generated Noisy Texts (W-NUT)"
)

TEXT = (
    Perturbation(
        name="typos",
        summary="slips of the fingers: keys beside (by layout; in Chinese, characters of one sound); letters "
        "swapped, dropped, repeated",
        fn=typos,
        rates=(0.01, 0.03, 0.06, 0.10, 0.15),
        unit="letters",
        source="the four kinds of Damerau 1964 (doi:10.1145/363958.363994); keys after Belinkov & Bisk 2018 "
        "(arXiv:1711.02173); shares ours",
        version=2,
    ),
    Perturbation(
        name="casing",
        summary="words in lower case, in capitals or in mixed case",
        fn=casing,
        rates=(0.1, 0.2, 0.4, 0.6, 0.9),
        unit="words that have case",
        source=f"{_NOISY_TEXT}; shares ours",
        scripts=CASED,
    ),
    Perturbation(
        name="diacritics",
        summary="accents, vowel marks, tone marks, points and hamzas dropped",
        fn=diacritics,
        rates=(0.2, 0.4, 0.6, 0.8, 1.0),
        unit="letters that carry marks",
        source=f"{_NOISY_TEXT}; marks of other scripts and shares ours",
        scripts=_MARKED,
        without=_UNMARKED_LANGUAGES,
    ),
    Perturbation(
        name="punctuation",
        summary="marks dropped, doubled, set apart by spaces; a few put after words",
        fn=punctuation,
        rates=(0.1, 0.2, 0.4, 0.6, 0.8),
        unit="punctuation marks",
        source=f"{_NOISY_TEXT}; shares ours",
    ),
    Perturbation(
        name="whitespace",
        summary="words joined and split; spaces inside words for scripts that have none between them",
        fn=whitespace,
        rates=(0.05, 0.1, 0.2, 0.3, 0.5),
        unit="spaces (lost); half that share of words (split)",
        source=f"{_NOISY_TEXT}; shares ours",
        on_tokens=False,
    ),
    Perturbation(
        name="ocr",
        summary="letters read as others that look like them",
        fn=ocr,
        rates=(0.02, 0.05, 0.10, 0.15, 0.25),
        unit="letters that look like another",
        source="our tables of look-alikes; the kinds (one for one, one for two, two for one) of Kukich 1992 "
        "(doi:10.1145/146370.146380); shares ours",
        scripts=SCRIPTS,
        version=2,
    ),
)
