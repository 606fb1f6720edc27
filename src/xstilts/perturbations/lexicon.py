"""Bilingual lexicons: words of a language and what they are in English.

A user's lexicon is a file `lexicons/de-en.tsv` (or `.txt`) in the data folder: a word and an English word a line,
between them a tab or, as in the dictionaries of MUSE (Conneau et al. 2018, arXiv:1710.04087), a space. It takes
the place of the built-in one, which is small: names of countries and languages (Unicode CLDR, in `language_data`)
and, where Django is installed, its interface messages of one word, such as months, weekdays and numerals.
"""

from __future__ import annotations

import calendar
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import final

import regex

from xstilts.hashing import digest
from xstilts.perturbations.base import Edit, Span, pick, script, unspaced
from xstilts.perturbations.graphemes import lower, split, upper, words
from xstilts.perturbations.units import letters_a_word, word_spans
from xstilts.tasks.pocket.messages import single_words
from xstilts.tasks.readers import Problem, raise_problems, read

PATTERNS = ("lexicons/{language}-en.tsv", "lexicons/{language}-en.txt")
"""Where a user's lexicon is looked for, below the data folder."""

_CODE = regex.compile(r"[A-Z]{2}|[a-z]{2}")  # of countries, and of languages that many people know
_JOINERS = regex.compile(r"[\u200c\u200d]")
_WORD = regex.compile(r"[\p{L}\p{M}\u200c\u200d]+")
_LEAST = 100  # words without which a built-in lexicon changes next to nothing
_PROPER = frozenset({*calendar.month_name, *calendar.day_name})
_SHORTENED = {short.lower() for short in (*calendar.month_abbr, *calendar.day_abbr, "tues", "thur", "sept")}
"""Left out: short names of days are words of their own in many a language, such as `so` in German."""


@final
@dataclass(frozen=True)
class Lexicon:
    """English words for the words of one language; these in lower case, composed (NFC), without joiners.

    Example:
        >>> lexicon = Lexicon("de", {"haus": ("house", "home")})
        >>> lexicon.english("Haus")
        ('House', 'Home')
    """

    language: str
    entries: Mapping[str, tuple[str, ...]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the entries."""
        return digest([self.language, {word: list(found) for word, found in sorted(self.entries.items())}])

    @cached_property
    def longest(self) -> int:
        """Letters of the longest word."""
        return max((len(split(word)) for word in self.entries), default=0)

    def english(self, word: str) -> tuple[str, ...]:
        """What a word is in English, with a capital where it has one; empty where that is not known."""
        found = self.entries.get(_key(word, self.language), ())
        first = word[:1]
        if first == lower(first, self.language):
            return found
        return tuple(upper(option[:1], "en") + option[1:] for option in found)

    def perturb(self, clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
        """Words that the lexicon has, in English; which of several words is drawn."""
        find = self._in_letters if unspaced(language) else self._between_spaces
        done = -1
        for start, stop in find(clusters):
            if rng.random() >= rate:
                continue
            english = pick(self.english("".join(clusters[start:stop])), rng)
            if unspaced(language):
                english = self._apart(clusters, start, stop, done, english)
            done = stop
            yield start, (english, *[""] * (stop - start - 1))

    def _between_spaces(self, clusters: Sequence[str]) -> Iterator[Span]:
        """Words between spaces; where the lexicon has not the whole (`l'été`), the runs of letters in it."""
        for start, stop in word_spans(clusters, self.language):
            if self.english("".join(clusters[start:stop])):
                yield start, stop
                continue
            for first, last in words(clusters[start:stop]):
                if last - first < stop - start and self.english(
                    "".join(clusters[start + first : start + last])
                ):
                    yield start + first, start + last

    def _in_letters(self, clusters: Sequence[str]) -> Iterator[Span]:
        """The longest words from left to right; short ones are left out, as most are parts of others."""
        shortest = letters_a_word(self.language)
        for first, last in words(clusters):
            start = first
            while start < last:
                stops = range(min(start + self.longest, last), start + shortest - 1, -1)
                stop = next((stop for stop in stops if "".join(clusters[start:stop]) in self.entries), 0)
                if stop:
                    yield start, stop
                start = stop or start + 1

    @staticmethod
    def _apart(clusters: Sequence[str], start: int, stop: int, done: int, english: str) -> str:
        """The English word with spaces towards letters and digits beside it."""
        left = " " if start and start != done and clusters[start - 1][0].isalnum() else ""
        right = " " if stop < len(clusters) and clusters[stop][0].isalnum() else ""
        return left + english + right


@lru_cache(maxsize=512)
def find_lexicon(language: str, folder: Path | None) -> Lexicon | None:
    """The user's lexicon of a language in a data folder, else the built-in one; None where there is none.

    Raises:
        DataError: a line of the user's file is not two words.

    Example:
        >>> find_lexicon("sw", None).english("Ujerumani")
        ('Germany',)
    """
    for pattern in PATTERNS if folder else ():
        path = Path(str(folder)) / pattern.format(language=language)
        if path.is_file():
            return _lexicon(language, read_lexicon(path))
    built_in = _lexicon(language, (*_messages(language), *_names(language)))
    return built_in if built_in and len(built_in.entries) >= _LEAST else None


def read_lexicon(path: Path) -> list[tuple[str, str]]:
    """The pairs of a lexicon file: a word and an English word a line, between them a tab or spaces.

    Pairs with several words on a side, between tabs, are left out. `.gz` is unpacked.

    Raises:
        DataError: a line is not two words; the first five such lines are named.
    """
    pairs, problems = [], list[Problem]()
    for line, record in read(path, "lines", report=problems.append):
        text = record["text"]
        parts = [part.strip() for part in (text.split("\t") if "\t" in text else text.split())]
        if len(parts) != 2 or not all(parts):
            message = f"expected a word, a tab and an English word, found {text[:60]!r}"
            problems.append(Problem(str(path), line, message))
        elif not any(regex.search(r"\s", part) for part in parts):
            pairs.append((parts[0], parts[1]))
    if problems:
        raise_problems("lexicon", problems)
    return pairs


def _lexicon(language: str, pairs: Iterable[tuple[str, str]]) -> Lexicon | None:
    found: dict[str, list[str]] = {}
    for word, english in pairs:
        key = _key(word, language)
        if key != english.lower() and english not in found.setdefault(key, []):
            found[key].append(english)
    entries = {word: tuple(options) for word, options in found.items() if options}
    return Lexicon(language, MappingProxyType(entries)) if entries else None


def _key(word: str, language: str) -> str:
    """A word as it is looked up: joiners are spelling, and many leave them out."""
    return unicodedata.normalize("NFC", _JOINERS.sub("", lower(word, language)))


def _messages(language: str) -> Iterator[tuple[str, str]]:
    """Django's messages of one word; in lower case but for months, weekdays and names."""
    try:
        pairs = single_words(language)
    except metadata.PackageNotFoundError:
        return
    names = _english_names()
    for word, english in pairs:
        if english in _PROPER:
            yield word, english
        elif english.lower() not in _SHORTENED and not english.isupper():
            yield word, english if english in names else english.lower()


def _names(language: str) -> Iterator[tuple[str, str]]:
    """Countries and languages whose names are one word in both languages."""
    from language_data.name_data import CODE_TO_NAMES

    base = language.partition("-")[0]
    keys = (language, base) if script(base) == script(language) else (language,)
    for code, names in CODE_TO_NAMES.items():
        if _CODE.fullmatch(code):
            name = next((names[key] for key in keys if key in names), "")
            english = names.get("en", "")
            if _WORD.fullmatch(name) and _WORD.fullmatch(english):
                yield name, english


@lru_cache(maxsize=1)
def _english_names() -> frozenset[str]:
    from language_data.name_data import CODE_TO_NAMES

    return frozenset(names.get("en", "") for names in CODE_TO_NAMES.values())
