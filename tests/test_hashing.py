"""Keys, and what the cache remembers: never another value than the facts have."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts import hashing
from xstilts.hashing import cached_file_digest, read_json, remembered, write_json

SIZE = 1 << 17
"""Bytes of a file that is large enough to be remembered."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XSTILTS_CACHE", str(folder))
    return folder


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to be hashed."""
    read: list[Path] = []
    plain = hashing.file_digest
    monkeypatch.setattr(hashing, "file_digest", lambda path: read.append(path) or plain(path))
    return read


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as written long ago."""
    monkeypatch.setattr(hashing, "_TICK", -(10**18))


def written(path: Path, letter: bytes, at: int = 10**18) -> Path:
    """A file of `SIZE` letters with a modification time of its own."""
    path.write_bytes(letter * SIZE)
    os.utime(path, ns=(at, at))
    return path


def right(letter: bytes) -> str:
    return hashlib.sha256(letter * SIZE).hexdigest()


# --- files


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once(tmp_path: Path, counted: list[Path]) -> None:
    path = written(tmp_path / "large", b"a")
    assert [cached_file_digest(path) for _ in range(3)] == [right(b"a")] * 3
    assert counted == [path]


@pytest.mark.usefixtures("settled")
def test_another_content_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "large", b"a", at=10**18)
    assert cached_file_digest(path) == right(b"a")
    assert cached_file_digest(written(path, b"b", at=10**18 + 1)) == right(b"b")


@pytest.mark.usefixtures("settled")
@pytest.mark.skipif(os.name == "nt", reason="there, no time tells of such a change")
def test_so_is_one_of_the_same_size_and_modification_time(tmp_path: Path) -> None:
    """As `rsync --times` and `cp --preserve` write it."""
    path = written(tmp_path / "large", b"a")
    assert cached_file_digest(path) == right(b"a")
    time.sleep(0.02)
    assert cached_file_digest(written(path, b"b")) == right(b"b")
    other = written(tmp_path / "other", b"c")
    other.replace(path)
    assert cached_file_digest(path) == right(b"c")


def test_what_was_written_a_moment_ago_is_not_remembered(tmp_path: Path, counted: list[Path]) -> None:
    """Within one tick of the clock it could change again and have the same times."""
    path = written(tmp_path / "large", b"a")
    assert cached_file_digest(path) == cached_file_digest(path) == right(b"a")
    assert len(counted) == 2


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plain = written(tmp_path / "large", b"a"), hashing.file_digest

    def slow(path: Path) -> str:
        found = plain(path)
        written(path, b"b", at=10**18 + 5)
        return found

    monkeypatch.setattr(hashing, "file_digest", slow)
    cached_file_digest(path)
    monkeypatch.setattr(hashing, "file_digest", plain)
    assert cached_file_digest(path) == right(b"b")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"value": "0", "check": "0"}', b"\xff\xfe"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, cache: Path, damage: bytes) -> None:
    path = written(tmp_path / "large", b"a")
    cached_file_digest(path)
    (entry,) = (cache / "file-digests").iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage)
    assert cached_file_digest(path) == right(b"a")
    assert entry.read_bytes() == whole


@pytest.mark.usefixtures("settled")
def test_a_value_that_was_changed_by_hand_is_made_anew(tmp_path: Path, cache: Path) -> None:
    path = written(tmp_path / "large", b"a")
    cached_file_digest(path)
    (entry,) = (cache / "file-digests").iterdir()
    entry.write_text(entry.read_text("utf-8").replace(right(b"a"), right(b"b")), "utf-8")
    assert cached_file_digest(path) == right(b"a")


# --- any value


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=20))
def test_what_is_remembered_follows_from_the_facts(asked: list[tuple[int, int]]) -> None:
    """Whatever was asked for before under the same name."""
    for name, fact in asked:
        assert remembered(f"any/{name}", fact, lambda fact=fact: [fact, fact * fact]) == [fact, fact * fact]


def test_it_is_made_once() -> None:
    made: list[int] = []
    for _ in range(3):
        assert remembered("one/thing", ["a"], lambda: made.append(1) or {"b": 0.1}) == {"b": 0.1}
    assert made == [1]


def test_without_a_cache_to_write_to_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder would be")
    monkeypatch.setenv("XSTILTS_CACHE", str(blocked))
    assert remembered("any/thing", 1, lambda: 2) == 2


def test_what_json_cannot_say_is_not_kept(cache: Path) -> None:
    value = remembered("any/number", 1, lambda: float("nan"))
    assert value != value
    assert not (cache / "any").exists()


def test_an_error_is_not_remembered() -> None:
    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        remembered("any/error", 1, fail)
    assert remembered("any/error", 1, lambda: 3) == 3


def test_readers_see_whole_entries_while_others_write(tmp_path: Path) -> None:
    """Two threads write entries of many numbers, a third reads: never a part of one."""
    path, stop, seen = tmp_path / "entry.json", threading.Event(), set[tuple[int, int]]()
    write_json(path, {"value": [0] * 5000})

    def write(number: int) -> None:
        while not stop.is_set():
            write_json(path, {"value": [number] * 5000})

    writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(200):
            value = read_json(path)["value"]
            seen.add((len(value), len(set(value))))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert seen == {(5000, 1)}
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("entry")] == ["entry.json"]
