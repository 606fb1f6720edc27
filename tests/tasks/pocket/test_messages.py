"""pocket/messages: parallel sources, honest splits, answerable rows, plain text only."""

from __future__ import annotations

import struct

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from xstilts.languages import normalise, script
from xstilts.tasks.base import Row
from xstilts.tasks.pocket.messages import BY_SPLIT, LANGUAGES, PACKAGES, VERSION, _read_mo, messages

pytest.importorskip("django", reason="needs Django: pip install 'xstilts[pocket]'")

EVERY = pytest.mark.parametrize("language", LANGUAGES)


def rows_of(language: str) -> list[Row]:
    return messages("dev", language) + messages("test", language)


def plain(text: str) -> str:
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


def test_languages() -> None:
    assert len(LANGUAGES) >= 60
    assert len({script(language) for language in LANGUAGES}) >= 15
    assert {"zh", "zh-Hant", "sr", "sr-Latn", "pt-BR"} <= set(LANGUAGES)
    assert not [language for language in LANGUAGES if language.split("-")[0] == "en"]
    assert all(normalise(language) == language for language in LANGUAGES)
    assert BY_SPLIT == {"dev": LANGUAGES, "test": LANGUAGES}
    assert PACKAGES == ("Django",) and VERSION >= 1


@EVERY
def test_counts(language: str) -> None:
    dev, test = messages("dev", language), messages("test", language)
    assert len(dev) >= 20
    assert 50 <= len(test) <= 160
    assert 0.2 < len(dev) / (len(dev) + len(test)) < 0.4


@EVERY
def test_every_row_has_one_answer(language: str) -> None:
    rows = rows_of(language)
    assert all(row.keys() == {"id", "source", "text", "target"} for row in rows)
    for column in ("id", "text", "target"):
        values = [plain(row[column]) for row in rows]
        assert len(values) == len(set(values)), column
    assert all(row["id"] == row["source"] for row in rows)


@EVERY
def test_text_is_plain_and_translated(language: str) -> None:
    odd = regex.compile(r"[%{}<>|\\_=@`#\n\0\u200b\u202a-\u202e]|https?:|&\w+;|  ")
    latin = regex.compile(r"\p{Latin}")
    for row in rows_of(language):
        assert not odd.search(row["text"]) and not odd.search(row["target"]), row
        assert len(row["target"].split()) >= 3
        assert plain(row["text"]) != plain(row["target"])
        letters = regex.findall(r"\p{L}", row["text"])
        mostly_latin = sum(bool(latin.match(letter)) for letter in letters) * 2 > len(letters)
        assert mostly_latin == (script(language) == "Latn"), row


def test_one_source_is_one_message_in_one_split_everywhere() -> None:
    said: dict[str, str] = {}
    splits: dict[str, str] = {}
    for language in LANGUAGES:
        for split in ("dev", "test"):
            for row in messages(split, language):
                assert said.setdefault(row["source"], plain(row["target"])) == plain(row["target"])
                assert splits.setdefault(row["source"], split) == split


def test_most_sources_are_shared() -> None:
    first, second = ({row["source"] for row in messages("test", language)} for language in ("de", "ru"))
    assert len(first & second) > 0.8 * len(first | second)


def test_known_translation() -> None:
    pairs = {row["target"]: row["text"] for row in rows_of("de")}
    assert pairs["Enter a whole number."] == "Bitte eine ganze Zahl eingeben."


def test_same_rows_every_time() -> None:
    before = messages("test", "ja")
    before[0]["text"] = "spoilt"
    assert messages("test", "ja")[0]["text"] != "spoilt"
    assert [row["id"] for row in messages("test", "ja")] == sorted(row["id"] for row in before)


def compiled(pairs: dict[str, str], order: str) -> bytes:
    """A catalogue as msgfmt writes it: header, two tables of (length, offset), the strings."""
    count, body, tables = len(pairs), b"", [b"", b""]
    start = 28 + 16 * count
    for table, texts in enumerate((list(pairs.keys()), list(pairs.values()))):
        for text in texts:
            data = text.encode()
            tables[table] += struct.pack(f"{order}2I", len(data), start + len(body))
            body += data + b"\0"
    header = struct.pack(f"{order}7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start)
    return header + tables[0] + tables[1] + body


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=5), st.sampled_from("<>"))
def test_catalogues_of_either_byte_order_are_read(pairs: dict[str, str], order: str) -> None:
    assert dict(_read_mo(compiled(pairs, order))) == pairs
