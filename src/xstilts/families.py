"""Language families and the distance from English, as Glottolog's tree has them.

The tree is the one that the package `qwanqwa` brings (Glottolog, Hammarström et al.; CC BY 4.0). It says nothing about
script, words borrowed or contact: French is as far from English in it as its last common group, Indo-European.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import langcodes
from langcodes.data_dicts import NORMALIZED_MACROLANGUAGES

from xstilts.hashing import cache_dir, read_json, write_json
from xstilts.languages import display_name

if TYPE_CHECKING:
    from qq import Database

_STANDARD = {macro: member for member, macro in NORMALIZED_MACROLANGUAGES.items() if len(member) == 3}
"""The language that is meant by a group of languages with a code of its own: `swh` by `sw`, `cmn` by `zh`."""


@cache
def lineage(code: str) -> tuple[str, ...] | None:
    """The groups that a language belongs to, the family first; empty for an isolate, None where nothing is known.

    Example:
        >>> lineage("sv")[:2]
        ('Indo-European', 'Classical Indo-European')
        >>> lineage("eu")
        ()
    """
    language = str(langcodes.get(code).language)
    groups = _groups(language)
    return groups if groups or language not in _STANDARD else _groups(_STANDARD[language]) or None


def family(code: str) -> str | None:
    """The family of a language; an isolate is a family of its own.

    Example:
        >>> [family(code) for code in ("de", "zh-Hant", "eu")]
        ['Indo-European', 'Sino-Tibetan', 'Basque']
    """
    groups = lineage(code)
    return None if groups is None else groups[0] if groups else display_name(code)


def distance_from_english(code: str) -> float | None:
    """Which share of the groups that English belongs to do not hold the language: 0 for English, 1 for another family.

    Example:
        >>> distance_from_english("en"), distance_from_english("sw")
        (0.0, 1.0)
        >>> distance_from_english("nl") < distance_from_english("fr") < 1
        True
    """
    groups, english = lineage(code), lineage("en")
    if groups is None or not english:
        return None
    shared = next(
        (i for i, pair in enumerate(zip(groups, english, strict=False)) if pair[0] != pair[1]), None
    )
    return 1 - (min(len(groups), len(english)) if shared is None else shared) / len(english)


def _groups(language: str) -> tuple[str, ...] | None:
    """The groups of a language without a script or region; kept in the cache, for loading the tree takes seconds."""
    known = _known()
    if language not in known:
        known[language] = _looked_up(language)
        _keep(known)
    groups = known[language]
    return None if groups is None else tuple(groups)


def _looked_up(language: str) -> list[str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated codes, which mean what they meant
            found = _database().guess(language)
    except KeyError:
        return None
    return [str(group.name) for group in reversed(found.family_tree)]


def _file() -> Path:
    return cache_dir() / f"families-{metadata.version('qwanqwa')}.json"


@cache
def _known() -> dict[str, list[str] | None]:
    return read_json(_file())


def _keep(known: dict[str, list[str] | None]) -> None:
    with suppress(OSError):  # where the cache cannot be written, it is looked up again
        write_json(_file(), known)


@cache
def _database() -> Database:
    from qq import Database

    return Database.load()
