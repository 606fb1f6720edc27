from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import StoreError
from xstilts.hashing import cached_file_digest, canonical_json, digest, files_fingerprint
from xstilts.store import MANIFEST, Address, Store

HERE = Address("score", "ab12")


@pytest.fixture(params=["folder", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A local folder, and a store behind an fsspec URL."""
    if request.param == "folder":
        yield str(tmp_path / "store")
        return
    name = f"memory://{uuid.uuid4().hex}"
    yield name
    if fsspec.filesystem("memory").exists(name):
        fsspec.filesystem("memory").rm(name, recursive=True)


def put(store: Store, address: Address = HERE, text: str = "hello", **info: Any) -> None:
    with store.write(address, {"setting": 1}) as draft:
        draft.file("deep/x.txt").write_text(text)
        draft.info.update(info)


def killed_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# --- writing and reading


def test_what_is_written_is_read_back(root: str) -> None:
    store = Store(root)
    put(store, n=1)
    artifact = Store(root).open(HERE)
    assert artifact.path("deep/x.txt").read_text() == "hello"
    assert artifact.info == {"n": 1}
    assert artifact.names() == ["deep/x.txt"]
    assert artifact.manifest["spec"] == {"setting": 1}
    assert store.addresses() == {HERE}
    assert HERE in store and Address("predict", "ab12") not in store


def test_an_artifact_may_be_facts_alone(root: str) -> None:
    store = Store(root)
    with store.write(HERE) as draft:
        draft.info["updates"] = 3
    artifact = store.open(HERE)
    assert artifact.info == {"updates": 3} and artifact.names() == []


def test_kinds_with_one_key_are_apart(root: str) -> None:
    store = Store(root)
    other = Address("select", HERE.key)
    put(store, HERE, "one")
    put(store, other, "two")
    assert [store.open(place).path("deep/x.txt").read_text() for place in (HERE, other)] == ["one", "two"]


def test_nothing_is_there_before_the_block_ends(root: str) -> None:
    store = Store(root)
    with store.write(HERE) as draft:
        draft.file("x.txt").write_text("half")
        assert HERE not in store and store.addresses() == set()
        with pytest.raises(StoreError, match="has no score ab12"):
            store.open(HERE)
    assert HERE in store


def test_an_exception_leaves_nothing(root: str) -> None:
    store = Store(root)
    with pytest.raises(ZeroDivisionError), store.write(HERE) as draft:
        draft.file("x.txt").write_text("half")
        raise ZeroDivisionError
    assert HERE not in store
    if store.is_local:
        assert not [path for path in Path(root).rglob("*") if path.is_file()]


def test_the_manifest_is_written_last(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(root)
    seen: list[list[str]] = []
    commit = Store._commit

    def spy(self: Store, address: Address, manifest: dict[str, Any]) -> None:
        seen.append(self._fs.find(self._folder(address)))
        commit(self, address, manifest)

    monkeypatch.setattr(Store, "_commit", spy)
    put(store)
    (before,) = seen
    assert [path for path in before if path.endswith("x.txt")]
    assert not [path for path in before if MANIFEST in path]


def test_deleting(root: str) -> None:
    store = Store(root)
    put(store)
    store.delete(HERE)
    store.delete(HERE)  # what is not there needs no deleting
    assert HERE not in store and store.addresses() == set()
    put(store, text="again")
    assert store.open(HERE).path("deep/x.txt").read_text() == "again"


# --- two writers, killed writers


def test_the_first_of_two_writers_wins(root: str) -> None:
    first, second = Store(root), Store(root)
    with first.write(HERE) as slow:
        slow.file("x.txt").write_text("slow")
        with second.write(HERE) as fast:
            fast.file("x.txt").write_text("fast")
        reading = second.open(HERE)
    assert reading.path("x.txt").read_text() == "fast"  # not pulled away under a reader
    assert first.open(HERE).path("x.txt").read_text() == "fast"
    if first.is_local:
        assert len(list(Path(root).glob("score/ab12/*/x.txt"))) == 1


@pytest.mark.parametrize("committed", [False, True])
def test_leftovers_of_a_killed_writer_are_swept(tmp_path: Path, committed: bool) -> None:
    if committed:
        put(Store(tmp_path))
    folder = tmp_path / "score/ab12" / f"{socket.gethostname()}-{killed_pid()}-00000000"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("half")
    Store(tmp_path)
    assert not folder.exists()
    assert (HERE in Store(tmp_path)) is committed
    if committed:
        assert Store(tmp_path).open(HERE).path("deep/x.txt").read_text() == "hello"


def test_a_manifest_that_was_being_written_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "score/ab12"
    (folder / f"{socket.gethostname()}-{killed_pid()}-00000000").mkdir(parents=True)
    draft = folder / f"{MANIFEST}.1234abcd"
    draft.write_text('{"kind":')
    store = Store(tmp_path)
    assert HERE not in store and store.addresses() == set()
    assert not draft.exists()


@pytest.mark.parametrize(
    "writer",
    [f"{socket.gethostname()}-{os.getpid()}", "elsewhere-1", "else-where-999999"],
    ids=["living", "foreign", "dashes"],
)
def test_living_and_foreign_writers_are_left_alone(tmp_path: Path, writer: str) -> None:
    folder = tmp_path / f"score/ab12/{writer}-00000000"
    folder.mkdir(parents=True)
    Store(tmp_path)
    assert folder.is_dir()


def test_a_host_whose_name_begins_like_ours_is_foreign(tmp_path: Path) -> None:
    folder = tmp_path / f"score/ab12/{socket.gethostname()}-b-{killed_pid()}-00000000"
    folder.mkdir(parents=True)
    Store(tmp_path)
    assert folder.is_dir()


# --- damage


def test_a_changed_file_is_told_with_what_to_do(root: str) -> None:
    store = Store(root)
    put(store)
    (path,) = [path for path in store._fs.find(store._root) if path.endswith("x.txt")]
    store._fs.pipe_file(path, b"hellO")
    with pytest.raises(
        StoreError, match=r"'deep/x.txt' is missing or damaged. Delete the folder .*score/ab12 and"
    ):
        store.open(HERE).path("deep/x.txt")


def test_a_missing_file_is_told(root: str) -> None:
    store = Store(root)
    put(store)
    (path,) = [path for path in store._fs.find(store._root) if path.endswith("x.txt")]
    store._fs.rm_file(path)
    artifact = store.open(HERE)  # hashes are checked when loaded
    with pytest.raises(StoreError, match="missing or damaged"):
        artifact.path("deep/x.txt")


def test_a_name_that_was_never_written_is_told(root: str) -> None:
    put(Store(root))
    with pytest.raises(StoreError, match=r"'y.txt' is missing"):
        Store(root).open(HERE).path("y.txt")


@pytest.mark.parametrize("text", ["", '{"kind": "sco', "[]", "{}", "\x00\xff"])
def test_a_damaged_manifest_is_told(root: str, text: str) -> None:
    store = Store(root)
    put(store)
    store._fs.pipe_file(f"{store._root}/score/ab12/{MANIFEST}", text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"manifest.json is damaged. Delete the folder .*score/ab12"):
        Store(root).open(HERE)


def test_seconds_before_the_block_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.write(HERE, seconds=12.5):
        pass
    assert 12.5 <= store.open(HERE).manifest["seconds"] < 15


# --- keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reordered(value: Any) -> Any:
    """The same value with every mapping's keys the other way round, and tuples for lists."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return tuple(reordered(part) for part in value) if isinstance(value, list) else value


@given(VALUES)
def test_the_order_of_keys_is_irrelevant(value: Any) -> None:
    assert canonical_json(reordered(value)) == canonical_json(value)
    assert digest(reordered(value)) == digest(value)


@given(VALUES)
def test_canonical_json_loses_nothing(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(VALUES, VALUES)
def test_equal_keys_mean_equal_values(one: Any, other: Any) -> None:
    if digest(one) == digest(other):
        assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    else:
        assert json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", Path("x")])
def test_what_json_cannot_say_is_no_key(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(value)


def test_file_digests_follow_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "large.bin"
    path.write_bytes(b"a" * (1 << 20))
    before = cached_file_digest(path)
    assert cached_file_digest(path) == before == digest_of(b"a" * (1 << 20))
    path.write_bytes(b"b" * (1 << 20))
    os.utime(path, ns=(1, 1))
    assert cached_file_digest(path) == digest_of(b"b" * (1 << 20))


def digest_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_a_fingerprint_covers_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    prints = {files_fingerprint([one]), files_fingerprint([two]), files_fingerprint([one, two])}
    assert files_fingerprint([two, one]) in prints and len(prints) == 3
    two.write_text("x")
    assert files_fingerprint([two]) not in prints
