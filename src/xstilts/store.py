"""The content-addressed store: one artifact a key, in a local folder or behind any fsspec URL.

An artifact is a folder `<kind>/<key>/` with a `manifest.json` and a folder of files. The manifest is written last
and is the commit: what has none does not exist, whatever files lie there. Each writer has a folder of its own, so
that two writers of one key cannot mix their files; the first to commit wins. Hashes are checked when files are loaded,
not when listed.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec

from xstilts import __version__
from xstilts.errors import StoreError
from xstilts.hashing import file_digest

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Address:
    """Where an artifact is: the kind of stage that makes it, and its key."""

    kind: str
    key: str


@dataclass(frozen=True)
class Draft:
    """An artifact being written: put files into `folder`, facts into `info`."""

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """Path of a file to write; the folders above it are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True)
class Artifact:
    """A committed artifact: its facts and its files; `place` is what to delete to have it made anew."""

    address: Address
    manifest: dict[str, Any]
    folder: Path
    place: str
    downloads: object = None  # held, so that a downloaded copy lives as long as what reads it

    @property
    def info(self) -> dict[str, Any]:
        """The facts its stage wrote down."""
        info: dict[str, Any] = self.manifest["info"]
        return info

    def names(self) -> list[str]:
        """Names of its files."""
        return sorted(self.manifest["files"])

    def path(self, name: str) -> Path:
        """Path of one file, its hash checked.

        Raises:
            StoreError: the file is missing or is not what the manifest says.
        """
        path = self.folder / name
        expected = self.manifest["files"].get(name)
        if expected is None or not path.is_file() or file_digest(path) != expected:
            raise StoreError(
                f"{self.address.kind} {self.address.key[:12]}: the file {name!r} is missing or damaged. "
                f"Delete the folder {self.place} and run again: only this is made anew"
            )
        return path


class Store:
    """A content-addressed store.

    Example:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp())
        >>> with store.write(Address("score", "ab12")) as draft:
        ...     _ = draft.file("x.txt").write_text("hello")
        ...     draft.info["n"] = 1
        >>> store.open(Address("score", "ab12")).path("x.txt").read_text()
        'hello'
    """

    def __init__(self, root: str | Path) -> None:
        self.url = str(root)
        self._fs, self._root = fsspec.core.url_to_fs(self.url)
        self.is_local = "file" in (
            self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,)
        )
        self._downloads = None if self.is_local else tempfile.TemporaryDirectory(prefix="xstilts-")
        if self.is_local:
            self._sweep()

    def __contains__(self, address: Address) -> bool:
        return bool(self._fs.exists(f"{self._folder(address)}/{MANIFEST}"))

    def addresses(self) -> set[Address]:
        """Everything that is committed, from one listing."""
        if self.is_local:  # some ten times faster than fsspec's
            found = [path.as_posix() for path in Path(self._root).glob(f"*/*/{MANIFEST}")]
        else:
            found = self._fs.glob(f"{self._root}/*/*/{MANIFEST}")
        return {Address(*path.rsplit("/", 3)[1:3]) for path in found}

    @contextmanager
    def write(
        self, address: Address, spec: dict[str, Any] | None = None, seconds: float = 0.0
    ) -> Iterator[Draft]:
        """Write an artifact; it exists once the block ends without an exception, and not before.

        Where another writer was faster, its artifact stays, since somebody may be reading it, and this one is dropped.
        `seconds` is what its making took before the block; the block's own time is added.
        """
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        target = f"{self._folder(address)}/{name}"
        folder = Path(target) if self.is_local else Path(tempfile.mkdtemp(prefix="xstilts-"))
        folder.mkdir(parents=True, exist_ok=True)
        draft = Draft(folder)
        started = time.time()
        try:
            yield draft
            manifest: dict[str, Any] = {
                "xstilts": __version__,
                "kind": address.kind,
                "key": address.key,
                "folder": name,
                "files": _digests(folder),
                "spec": spec or {},
                "info": draft.info,
                "seconds": round(seconds + time.time() - started, 3),
            }
            if address not in self:
                if not self.is_local:
                    self._upload(folder, target, manifest["files"])
                self._commit(address, manifest)
                if self.is_local:
                    return
        except BaseException:
            if not self._is_committed(address, name):  # an interruption may come right behind the commit
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)

    def _is_committed(self, address: Address, folder: str) -> bool:
        try:
            manifest = json.loads(self._fs.cat_file(f"{self._folder(address)}/{MANIFEST}"))
        except (OSError, ValueError):
            return False
        return self.is_local and isinstance(manifest, dict) and manifest.get("folder") == folder

    def open(self, address: Address) -> Artifact:
        """A committed artifact.

        Raises:
            StoreError: there is none under this address.
        """
        place = self._folder(address)
        try:
            manifest = json.loads(self._fs.cat_file(f"{place}/{MANIFEST}"))
            files = f"{place}/{manifest['folder']}"
        except FileNotFoundError:
            raise StoreError(
                f"the store {self.url} has no {address.kind} {address.key[:12]}. "
                "If another process deleted it, run again: it is made anew"
            ) from None
        except (ValueError, TypeError, KeyError):
            raise StoreError(
                f"{address.kind} {address.key[:12]}: its {MANIFEST} is damaged. "
                f"Delete the folder {place} and run again: only this is made anew"
            ) from None
        folder = Path(files) if self.is_local else self._download(manifest, files)
        return Artifact(address, manifest, folder, place, self._downloads)

    def delete(self, address: Address) -> None:
        """Remove an artifact, its manifest first, so that it is never half there."""
        folder = self._folder(address)
        if self._fs.exists(f"{folder}/{MANIFEST}"):
            self._fs.rm_file(f"{folder}/{MANIFEST}")
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)

    def _folder(self, address: Address) -> str:
        return f"{self._root}/{address.kind}/{address.key}"

    def _upload(self, folder: Path, target: str, names: Iterable[str]) -> None:
        for name in names:
            self._fs.makedirs(f"{target}/{name}".rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(folder / name), f"{target}/{name}")

    def _download(self, manifest: dict[str, Any], remote: str) -> Path:
        """A local copy of an artifact's files, made once."""
        assert self._downloads is not None
        local = Path(self._downloads.name, str(manifest["folder"]))
        if not local.exists():
            local.mkdir()
            for name in manifest["files"]:
                (local / name).parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # which whoever asks for the file is told
                    (local / name).write_bytes(self._fs.cat_file(f"{remote}/{name}"))
        return local

    def _commit(self, address: Address, manifest: dict[str, Any]) -> None:
        text = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        path = f"{self._folder(address)}/{MANIFEST}"
        if self.is_local:  # a rename is atomic; an object store's put is so already
            draft = Path(f"{path}.{uuid.uuid4().hex[:8]}")
            draft.write_bytes(text)
            draft.replace(path)
        else:
            self._fs.pipe_file(path, text)

    def _sweep(self) -> None:
        """Remove what writers on this machine left behind when they were killed."""
        host = socket.gethostname()
        by_artifact: dict[Path, list[Path]] = defaultdict(list)
        for folder in Path(self._root).glob(f"*/*/{glob.escape(host)}-*"):
            by_artifact[folder.parent].append(folder)
        for artifact, folders in by_artifact.items():
            if len(folders) == 1 and (artifact / MANIFEST).exists():
                continue  # nearly always so
            committed = _committed_folder(artifact)
            for folder in folders:
                writer, pid, _ = folder.name.rsplit("-", 2)
                if writer == host and folder.name != committed and not _is_alive(int(pid)):
                    shutil.rmtree(folder, ignore_errors=True)
                    for draft in artifact.glob(f"{MANIFEST}.*"):
                        draft.unlink(missing_ok=True)


def _committed_folder(artifact: Path) -> str | None:
    try:
        return str(json.loads((artifact / MANIFEST).read_text("utf-8"))["folder"])
    except (OSError, ValueError, KeyError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(files)}
