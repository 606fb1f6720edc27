"""Names of countries that change places, in step in all texts of an item.

For each item the countries of a group are paired anew, and a share of the pairs change places: wherever one stood, in
question, context and answer, the other stands. So the answer to an extractive question is what has come into its place.
Countries of one group lie in one part of the world, and their English adjectives are formed and begin alike, so that
neither *a* nor *which European country* is wrong afterwards.

A language has a rule where the name of a country never changes its form: in Indonesian, Malay, Vietnamese, Thai,
Chinese and Japanese, where it is the adjective as well; and in English, whose adjectives are below. Left out are
countries that have short names beside the one that is written (`露` for Russia), whose names are other words, too, or
parts of them (`Pole`; 海地, Haiti, in 沿海地区), or whose inhabitants are called otherwise (`Serbs`). The names are
those of Unicode CLDR (in `language_data`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import final

import regex

from xstilts.hashing import digest
from xstilts.perturbations.base import Edit, unspaced

_GROUPS = tuple(
    group.split()
    for group in (
        "DE NO HU BE RU RO BG RS HR SI LT LV",
        "IT AT EE AL",
        "PL SE DK FI",
        "CN JP VN NP",
        "IN ID IR",
        "BR MX CO CU CL PE BO VE CA PY JM HT NI",
        "KE NG TN LY ZM TZ NA LR MA RW",
        "DZ ET EG AO ER",
    )
)

_ENGLISH = {
    "DE": "German", "NO": "Norwegian", "HU": "Hungarian", "BE": "Belgian", "RU": "Russian", "RO": "Romanian",
    "BG": "Bulgarian", "LT": "Lithuanian", "LV": "Latvian", "IT": "Italian", "AT": "Austrian", "EE": "Estonian",
    "AL": "Albanian", "SE": "Swedish Swede", "DK": "Danish Dane",
    "CN": "Chinese =", "JP": "Japanese =", "VN": "Vietnamese =", "NP": "Nepalese =", "ID": "Indonesian",
    "IR": "Iranian", "BR": "Brazilian", "MX": "Mexican", "CO": "Colombian", "CU": "Cuban", "CL": "Chilean",
    "PE": "Peruvian", "BO": "Bolivian", "VE": "Venezuelan", "CA": "Canadian", "PY": "Paraguayan", "JM": "Jamaican",
    "HT": "Haitian", "NI": "Nicaraguan", "KE": "Kenyan", "NG": "Nigerian", "TN": "Tunisian", "LY": "Libyan",
    "ZM": "Zambian", "TZ": "Tanzanian", "NA": "Namibian", "LR": "Liberian", "MA": "Moroccan", "RW": "Rwandan",
    "DZ": "Algerian", "ET": "Ethiopian", "EG": "Egyptian", "AO": "Angolan", "ER": "Eritrean",
}  # fmt: skip
"""The adjective, and the inhabitant where that is another word; `=` where several are called like one."""

_LEFT_OUT: Mapping[str, frozenset[str]] = {
    language: frozenset(codes.split())
    for language, codes in {
        "en": "RS HR SI IN PL FI",
        "id": "CN IN",
        "ms": "CN IN",
        "vi": "DE RU BE AT IT CN JP VN IN NA",
        "th": "RU CN IN",
        "zh": "DE RU CN JP VN IN IT CO HT",
        "ja": "DE RU CN JP IN",
    }.items()
}

LANGUAGES = frozenset(_LEFT_OUT)
"""The languages that have a rule."""


@final
@dataclass(frozen=True)
class Names:
    """What the countries are called in one language: name and derived forms by code, the same forms for a group.

    Example:
        >>> find_names("en", None).forms["NO"]
        ('Norway', 'Norwegian', 'Norwegians')
    """

    language: str
    forms: Mapping[str, tuple[str, ...]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the names."""
        return digest([self.language, {code: list(forms) for code, forms in sorted(self.forms.items())}])

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        return {form: (code, place) for code, forms in self.forms.items() for place, form in enumerate(forms)}

    @cached_property
    def _groups(self) -> list[list[str]]:
        return [[code for code in group if code in self.forms] for group in _GROUPS]

    @cached_property
    def _pattern(self) -> regex.Pattern[str]:
        longest = "|".join(map(regex.escape, sorted(self._places, key=len, reverse=True)))
        if self.language == "ja":
            return regex.compile(rf"(?<![\p{{Katakana}}ー・])(?:{longest})(?![\p{{Katakana}}ー・])")
        return regex.compile(
            longest if unspaced(self.language) else rf"(?<![\p{{L}}\p{{M}}])(?:{longest})(?![\p{{L}}\p{{M}}])"
        )

    def perturb(self, clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
        """Every name that is found, as that of the country it changes places with; no more is drawn than the pairs."""
        found = list(self._pattern.finditer("".join(clusters)))
        if not found:
            return
        others = exchanges(self._groups, rate, rng)
        starts = list(accumulate(map(len, clusters), initial=0))
        for match in found:
            code, place = self._places[match[0]]
            first, last = bisect_left(starts, match.start()), bisect_left(starts, match.end())
            whole = starts[first] == match.start() and starts[last] == match.end()
            if whole and code in others:
                yield first, (self.forms[others[code]][place], *[""] * (last - first - 1))


def exchanges(groups: Sequence[Sequence[str]], rate: float, rng: Random) -> dict[str, str]:
    """For each country that changes its place the one it changes with, by code; of an odd group one stays.

    Example:
        >>> exchanges(["AB", "C"], 1.0, Random(0))
        {'B': 'A', 'A': 'B'}
    """
    found: dict[str, str] = {}
    for group in groups:
        dealt = sorted((rng.random(), code) for code in group)
        for (_, one), (_, other) in [*pairwise(dealt)][::2]:
            if rng.random() < rate:
                found |= {one: other, other: one}
    return found


@lru_cache(maxsize=64)
def find_names(language: str, folder: Path | None) -> Names | None:
    """The names of countries in a language that has a rule, else None; `folder` is not looked into.

    Example:
        >>> find_names("id", None).forms["NO"], find_names("de", None)
        (('Norwegia',), None)
    """
    from language_data.name_data import CODE_TO_NAMES

    base = language.partition("-")[0]
    if base not in LANGUAGES:
        return None
    codes = [code for group in _GROUPS for code in group if code not in _LEFT_OUT[base]]
    names = {code: CODE_TO_NAMES[code][base] for code in codes if base in CODE_TO_NAMES[code]}
    forms = {code: (name, *(_english(code) if base == "en" else ())) for code, name in names.items()}
    return Names(base, MappingProxyType(forms))


def _english(code: str) -> tuple[str, ...]:
    adjective, *other = _ENGLISH[code].split()
    if other == ["="]:
        return (adjective,)
    return (adjective, f"{adjective}s") if not other else (adjective, other[0], f"{other[0]}s")
