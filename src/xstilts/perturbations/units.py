"""Words and sentences of a text, for noise that moves or drops them whole.

Where words are set apart by spaces, a word is what stands between them, without the marks at its edges. Scripts
without spaces have no words to be seen; there, stretches of letters are cut by rules of ours that need no
dictionary: Chinese into two letters, most of its words having so many; Japanese after hiragana, where a phrase
ends; Thai and its neighbours into three letters, never between a vowel and the consonant that it is written with.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from xstilts.perturbations.base import Span, script, unspaced
from xstilts.perturbations.graphemes import is_letter, words

_ENDS = frozenset("!?…。！？．؟۔।॥።፧։။។")
_GREEK_QUESTION = ";"
_CLOSING = frozenset("\"'”’»)]」』）")
CASED = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
"""Scripts with capitals. Georgian capitals exist and are not used in sentences."""

_BEFORE_CONSONANT = frozenset("เแโใไເແໂໃໄ")
_AFTER_CONSONANT = frozenset("ะาๅๆฯະາຽໆ")


def word_spans(clusters: Sequence[str], language: str) -> Iterator[Span]:
    """Start and end of every word that has letters and no digits.

    Example:
        >>> list(word_spans(list("(it's) 3 km."), "en"))
        [(1, 5), (9, 11)]
        >>> list(word_spans(list("我们喜欢茶。"), "zh"))
        [(0, 2), (2, 4), (4, 5)]
    """
    if unspaced(language):
        for start, stop in words(clusters):
            yield from _cut(clusters, start, stop, script(language))
        return
    for start, stop in _between_spaces(clusters):
        if not any(cluster[0].isdigit() for cluster in clusters[start:stop]):
            yield start, stop


def letters_a_word(language: str) -> int:
    """Letters of a usual word in a script without spaces."""
    return 2 if script(language) in {"Hans", "Hant", "Hani", "Jpan"} else 3


def _between_spaces(clusters: Sequence[str]) -> Iterator[Span]:
    """Runs without white space, from their first to their last letter or digit."""
    start = stop = -1
    for i, cluster in enumerate(clusters):
        if cluster.isspace():
            if start >= 0:
                yield start, stop
            start = -1
        elif is_letter(cluster) or (start >= 0 and cluster[0].isdigit()):
            start, stop = (i if start < 0 else start), i + 1
        elif cluster[0].isdigit():
            start, stop = i, i + 1
    if start >= 0:
        yield start, stop


def _cut(clusters: Sequence[str], start: int, stop: int, writing: str) -> Iterator[Span]:
    first = start
    for i in range(start + 1, stop):
        if _parts(clusters[i - 1], clusters[i], i - first, writing):
            yield first, i
            first = i
    yield first, stop


def _parts(left: str, right: str, length: int, writing: str) -> bool:
    """Whether a word ends between two letters, `length` letters after its beginning."""
    if _latin(left) or _latin(right):
        return _latin(left) != _latin(right)
    if writing == "Jpan":
        return _hiragana(left) and not _hiragana(right)
    if writing in {"Hans", "Hant", "Hani"}:
        return length >= 2
    return length >= 3 and left[0] not in _BEFORE_CONSONANT and right[0] not in _AFTER_CONSONANT


def _latin(cluster: str) -> bool:
    return cluster[0] < "\u0250"


def _hiragana(cluster: str) -> bool:
    return "\u3041" <= cluster[0] <= "\u309f"


def sentence_spans(clusters: Sequence[str], language: str) -> Iterator[Span]:
    """Start and end of every sentence, with the white space after it; together they are the whole text.

    A sentence ends after its mark and what closes quotes and brackets. A full stop ends one only before white
    space and, in scripts with capitals, not where it may shorten a name or follow a short number; none ends
    before a small letter. What is missed so makes a longer sentence.

    Example:
        >>> text = "Dr. Wu left. “Why?” Nobody knew."
        >>> ["".join(text[start:stop]) for start, stop in sentence_spans(list(text), "en")]
        ['Dr. Wu left. ', '“Why?” ', 'Nobody knew.']
    """
    ends = _ENDS | {"."} | ({_GREEK_QUESTION} if script(language) == "Grek" else set())
    first = i = 0
    while i < len(clusters):
        mark, i = i, i + 1
        if clusters[mark] not in ends:
            continue
        while i < len(clusters) and (clusters[i] in _CLOSING or clusters[i] in ends):
            i += 1
        end = i
        while i < len(clusters) and clusters[i].isspace():
            i += 1
        if i < len(clusters) and _ends(clusters, mark, (end, i), language):
            yield first, i
            first = i
    if first < len(clusters):
        yield first, len(clusters)


def _ends(clusters: Sequence[str], mark: int, space: Span, language: str) -> bool:
    """Whether a mark ends a sentence, `space` being the white space after it."""
    apart = space[0] < space[1]
    if clusters[mark] == ".":
        shortened = script(language) in CASED and _is_short(_word_before(clusters, mark))
        if not apart or shortened:
            return False
    return (apart or unspaced(language)) and unicodedata.category(clusters[space[1]][0]) != "Ll"


def _word_before(clusters: Sequence[str], mark: int) -> str:
    """The letters or digits before a mark, closing quotes and brackets between them left aside."""
    stop = mark
    while stop and clusters[stop - 1] in _CLOSING:
        stop -= 1
    start = stop
    while start and (is_letter(clusters[start - 1]) or clusters[start - 1].isdigit()):
        start -= 1
    return "".join(clusters[start:stop])


def _is_short(word: str) -> bool:
    """Whether a full stop after the word may belong to it: `J.`, `Dr.`, `3.`; not so after `zu`."""
    return len(word) < 2 or (len(word) == 2 and not word.islower())
