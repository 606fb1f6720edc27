"""Text as grapheme clusters: splitting, cased forms, and what a cluster can be mistaken for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import regex

_CLUSTER = regex.compile(r"\X")
_DOTTED_I = frozenset({"tr", "az"})  # i pairs with İ, and I with ı

_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")


def split(text: str) -> list[str]:
    r"""Extended grapheme clusters of a text, what a reader calls characters (Unicode UAX 29, `\X`).

    Example:
        >>> split("नमस्ते")
        ['न', 'म', 'स्ते']
    """
    return list(_CLUSTER.findall(text))


def is_letter(cluster: str) -> bool:
    """Whether a cluster begins with a letter, in any script."""
    return cluster[:1].isalpha()


def is_separator(character: str) -> bool:
    """Whether a character is white space or punctuation."""
    return character.isspace() or unicodedata.category(character)[0] == "P"


def words(clusters: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of every run of letters.

    Example:
        >>> list(words(["I", "t", "'", "s", " ", "m", "e"]))
        [(0, 2), (3, 4), (5, 7)]
    """
    start = -1
    for i, cluster in enumerate(clusters):
        if cluster[:1].isalpha():
            start = i if start < 0 else start
        elif start >= 0:
            yield start, i
            start = -1
    if start >= 0:
        yield start, len(clusters)


def upper(text: str, language: str) -> str:
    """Upper case, with the dotted İ of Turkish and Azerbaijani."""
    return (text.replace("i", "İ") if language.partition("-")[0] in _DOTTED_I else text).upper()


def lower(text: str, language: str) -> str:
    """Lower case, with the dotless ı of Turkish and Azerbaijani."""
    if language.partition("-")[0] in _DOTTED_I:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def strip_marks(cluster: str) -> str:
    """A letter without its diacritics and vowel marks.

    Viramas and joiners stay: they hold conjuncts together.

    Example:
        >>> [strip_marks(cluster) for cluster in ("é", "ế", "أ", "कि", "が")]
        ['e', 'e', 'ا', 'क', 'か']
    """
    decomposed = unicodedata.normalize("NFD", cluster)
    kept = [
        c for c in decomposed if unicodedata.category(c) not in {"Mn", "Mc"} or unicodedata.combining(c) == 9
    ]
    return unicodedata.normalize("NFC", "".join(kept))


def jamo(syllable: str) -> tuple[str, ...]:
    """The two or three letters of a Hangul syllable; empty for anything else.

    Arithmetic of the Unicode Standard, section 3.12.

    Example:
        >>> jamo("한")
        ('ㅎ', 'ㅏ', 'ㄴ')
    """
    if len(syllable) != 1 or not _HANGUL_FIRST <= ord(syllable) <= _HANGUL_LAST:
        return ()
    lead, rest = divmod(ord(syllable) - _HANGUL_FIRST, 21 * 28)
    vowel, tail = divmod(rest, 28)
    return tuple(letter for letter in (_LEADS[lead], _VOWELS[vowel], _TAILS[tail]) if letter)


def syllable(letters: Sequence[str]) -> str:
    """The Hangul syllable of two or three letters; empty where they make none.

    Example:
        >>> syllable(("ㅎ", "ㅏ", "ㄴ")), syllable(("ㅏ", "ㅎ"))
        ('한', '')
    """
    lead, vowel, tail = (*letters, "", "", "")[:3]
    if not lead or not vowel or lead not in _LEADS or vowel not in _VOWELS or tail not in _TAILS:
        return ""
    index = (_LEADS.index(lead) * 21 + _VOWELS.index(vowel)) * 28 + _TAILS.index(tail)
    return chr(_HANGUL_FIRST + index)


class Substitutions:
    """Which code points are mistaken for which, asked by grapheme cluster.

    One code point of a cluster is replaced at a time, one letter of a Hangul syllable, and only where a
    cluster of several code points stays one cluster.

    Example:
        >>> mistaken = Substitutions({"क": ["र"], "ㅏ": ["ㅑ"]})
        >>> mistaken.variants("कि"), mistaken.variants("한")
        (('रि',), ('햔',))
    """

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self._table = {source: tuple(targets) for source, targets in table.items()}
        self.variants = lru_cache(maxsize=2**16)(self._variants)

    def _variants(self, cluster: str) -> tuple[str, ...]:
        letters = jamo(cluster)
        found = [
            self._join((*parts[:i], target, *parts[i + 1 :]), hangul=bool(letters))
            for parts in [letters or tuple(cluster)]
            for i, part in enumerate(parts)
            for target in self._table.get(part, ())
        ]
        whole = [v for v in dict.fromkeys(found) if v and (len(cluster) == 1 or len(split(v)) == 1)]
        return tuple(v for v in whole if v != cluster)

    @staticmethod
    def _join(parts: Sequence[str], *, hangul: bool) -> str:
        return syllable(parts) if hangul else unicodedata.normalize("NFC", "".join(parts))
