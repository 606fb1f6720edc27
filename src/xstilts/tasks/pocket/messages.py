"""pocket/messages: find the English original of an interface message, among all messages of its language.

The messages are those of Django's translation catalogues: short, real, translated by volunteers. What is not plain
language is left out: placeholders, markup, addresses, code words, plural forms, fewer than three words. So is what
was never translated, what keeps half of its English words, and what shares its translation with another message
(nobody could tell which is meant). Variants of one country are left out where the language has a catalogue of its
own, so that no average counts Spanish six times; so are languages with fewer than fifty messages to test.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import regex

from xstilts.languages import normalise, script
from xstilts.tasks.base import Row

VERSION = 1
PACKAGES = ("Django",)

_CATALOGUES = """
    af ar az be bg bn ca ckb cs cy da de dsb el eo es et eu fa fi fr ga gd gl he hi hr hsb hu hy ia id is it ja ka kk
    ko ky lt lv mk ml mn mr ms nb ne nl nn os pl pt pt_BR ro ru sk sl sq sr sr_Latn sv sw tg th tk tr tt ug uk uz vi
    zh_Hans zh_Hant
""".split()  # noqa: SIM905
_DIRECTORIES = {normalise(code): code for code in _CATALOGUES}

LANGUAGES = tuple(_DIRECTORIES)
BY_SPLIT = {"dev": LANGUAGES, "test": LANGUAGES}

_DEV_PERCENT = 28
_MIN_WORDS = 3
_MO_MAGIC = 0x950412DE
_NOT_PLAIN = regex.compile(r"[%{}<>|\\_=@`#*~⌘\n\0]|https?:|//|&\w+;|/\w+/|\bHH\b|YYYY|\b(True|None)\b|IPv\d")
_CONTEXT_END = "\4"


def messages(split: str, language: str) -> list[Row]:
    """Rows for sentence-retrieval: `text` in `language`, `target` its English original.

    `id` and `source` are the hash of the English words, the same in every language. Within a language no two rows
    of both splits together share a text or a target. `dev` (28% of the sources) chooses the layer, `test` reports.

    Example:
        >>> messages("test", "de")[0].keys()
        dict_keys(['id', 'source', 'text', 'target'])
    """
    return [dict(row) for row in _pairs(language) if _split_of(row["source"]) == split]


def single_words(language: str) -> list[tuple[str, str]]:
    """(word, English word) of every message that is one word in both; none where there is no catalogue.

    Raises:
        PackageNotFoundError: Django is not installed.

    Example:
        >>> ("februar", "February") in [(word.lower(), english) for word, english in single_words("de")]
        True
    """
    pairs = _entries(_DIRECTORIES[language]) if language in _DIRECTORIES else ()
    return sorted({(text, english) for english, text in pairs if _one_word(english) and _one_word(text)})


def _one_word(text: str) -> bool:
    return bool(regex.fullmatch(r"[\p{L}\p{M}\u200c\u200d]{2,}", text))


@cache
def _pairs(language: str) -> tuple[Row, ...]:
    translations: dict[str, tuple[str, str]] = {}
    for english, text in sorted(_entries(_DIRECTORIES[language])):
        if _usable(english, text, language):
            # Old and new spelling of one message (straight, curly quotes): the last in order, the curly one, stays.
            translations[_words(english)] = (text, english)
    return tuple(
        {"id": _digest(words), "source": _digest(words), "text": text, "target": english}
        for words, (text, english) in sorted(
            _unambiguous(translations).items(), key=lambda item: _digest(item[0])
        )
    )


def _unambiguous(translations: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Without the messages whose translation is also that of another: both leave, for neither has one answer."""
    seen = Counter(_words(text) for text, _ in translations.values())
    return {words: pair for words, pair in translations.items() if seen[_words(pair[0])] == 1}


def _usable(english: str, text: str, language: str) -> bool:
    words = _words(english).split()
    kept = len(set(words) & set(_words(text).split()))
    return len(english.split()) >= _MIN_WORDS and kept * 2 < len(words) and _in_script(text, language)


def _in_script(text: str, language: str) -> bool:
    """Whether most letters are Latin exactly where the language is written so: the rest was not translated."""
    letters = regex.findall(r"\p{L}", text)
    latin = sum(bool(regex.match(r"\p{Latin}", letter)) for letter in letters)
    return bool(letters) and (latin * 2 > len(letters)) == (script(language) == "Latn")


def _words(text: str) -> str:
    """What a message says, whatever its capitals, quotes and full stops."""
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


def _split_of(source: str) -> str:
    return "dev" if int(source, 16) % 100 < _DEV_PERCENT else "test"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _entries(directory: str) -> Iterator[tuple[str, str]]:
    """(English, translation) of every message of one language in Django and its contributed applications."""
    root = Path(str(metadata.distribution("Django").locate_file("django")))
    catalogue = f"locale/{directory}/LC_MESSAGES/*.mo"
    for path in sorted([*root.glob(f"conf/{catalogue}"), *root.glob(f"contrib/*/{catalogue}")]):
        for original, translation in _read_mo(path.read_bytes()):
            english = original.rpartition(_CONTEXT_END)[2]
            if not _NOT_PLAIN.search(english + translation):
                yield _tidy(english), _tidy(translation)


def _tidy(text: str) -> str:
    """Single spaces, no invisible marks; the (non-)joiners stay, for they are spelling in Persian and in Indic."""
    return " ".join(regex.sub(r"[\u200b\u200e\u200f\u202a-\u202e\ufeff]", "", text).split())


def _read_mo(content: bytes) -> Iterator[tuple[str, str]]:
    """The pairs of a compiled catalogue (GNU gettext manual, "The Format of GNU MO Files")."""
    order = "<" if struct.unpack_from("<I", content)[0] == _MO_MAGIC else ">"
    count, originals, translations = struct.unpack_from(f"{order}3I", content, 8)
    for index in range(count):
        pair = []
        for table in (originals, translations):
            length, offset = struct.unpack_from(f"{order}2I", content, table + 8 * index)
            pair.append(content[offset : offset + length].decode())
        yield pair[0], pair[1]
