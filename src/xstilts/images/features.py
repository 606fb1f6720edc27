"""Files with features of images: vectors that some image encoder gave, by the images' names. Never pickles.

Three forms are read:

- `.npz` with the arrays `keys` [n], text, and `features` [n, width] or [n, parts, width], numbers;
- HDF5 (`.h5`, `.hdf5`) with datasets of the same names and shapes;
- HDF5 with a group for every image, named as the image is and holding a dataset `features`, [width] or [parts, width]:
  IGLUE's own files, in which the parts are 36 boxes.

Of an image with several parts the mean is taken, or all are kept. A key is an image's file name, with or without its
suffix. However large a file is, a few images at a time are read from it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, final

from xstilts.errors import DataError, MissingPackage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

SUFFIXES = (".npz", ".h5", ".hdf5")
PICKLED = (".lmdb", ".mdb", ".pkl", ".pickle", ".npy", ".pt", ".pth")
"""What is refused: IGLUE's LMDB and `.npy` files hold Python objects, which can run code when they are read."""

CONVERT = """\
IGLUE publishes the same features as .h5, which are read as they are. Else convert the file on a machine where you trust
it, in Python:
    import lmdb, numpy, pickle
    with lmdb.open("features.lmdb", readonly=True, lock=False).begin() as file:
        keys = [key.decode() for key, _ in file.cursor() if key != b"keys"]
        items = [pickle.loads(file.get(key.encode())) for key in keys]
    numpy.savez("features.npz", keys=keys, features=[item["features"] for item in items])
(`item["features"]` may be base64 of float32: numpy.frombuffer(base64.b64decode(…), "float32").reshape(-1, 2048).)"""
"""How features get out of a file that holds pickles."""


AT_ONCE = 64
"""Images whose features are handed on together: of 36 boxes each, 19 MB."""


@final
@dataclass(frozen=True)
class FeatureFile:
    """One file of features; see the module for its forms.

    Raises:
        DataError: of every method: the file is of no form that is read, or holds what does not fit.

    Example:
        >>> names, vectors = next(FeatureFile(Path("flickr30k.npz")).blocks(["1007129816.jpg"]))  # doctest: +SKIP
        >>> vectors.shape  # doctest: +SKIP
        (1, 2048)
    """

    path: Path

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of the images that the file has no features of."""
        return [name for name in names if self._key(name) is None]

    def blocks(self, names: Sequence[str], whole: bool = False) -> Iterator[tuple[list[str], Vectors]]:
        """The vectors of images, a few at a time, in the order that the file has them; it must have them all.

        Args:
            names: of the images.
            whole: keep the parts of an image, of which all images must have as many; else the mean over them.

        Returns:
            Names of images, and their vectors, [n, width] or [n, parts, width].
        """
        import numpy as np

        wanted: dict[str, list[str]] = {}
        for name in names:
            key = self._key(name)
            if key is None:
                raise DataError(f"{self.path}: there are no features of {name!r}")
            wanted.setdefault(key, []).append(name)
        vectors = self._vectors(list(wanted), whole)
        while some := list(islice(vectors, AT_ONCE)):
            found = [(name, vector) for key, vector in some for name in wanted[key]]
            yield [name for name, _ in found], np.stack([vector for _, vector in found])

    def _vectors(self, keys: Sequence[str], whole: bool) -> Iterator[tuple[str, Vectors]]:
        shape: tuple[int, ...] = ()
        for key, values in self._content.read(keys):
            shape = shape or (values.shape if whole else values.shape[-1:])
            yield key, self._checked(key, values, shape, whole)

    def _key(self, name: str) -> str | None:
        """What an image is called in the file: as its rows name it, by its file name, or without the suffix."""
        path = PurePosixPath(name)
        known = self._content.keys
        return next((one for one in (name, path.name, path.stem) if one in known), None)

    def _checked(self, key: str, values: NDArray[Any], shape: tuple[int, ...], whole: bool) -> Vectors:
        """The features of an image in the shape that all have: with their parts, or the mean over these."""
        import numpy as np

        vector = values.mean(0, dtype="float64") if values.ndim == 2 and not whole else values
        if vector.shape != shape or not 1 <= values.ndim <= 2 or 0 in values.shape:
            as_many = "as many parts" if whole else "one width"
            raise DataError(
                f"{self.path}: {key} has features of shape {values.shape}, others of {shape}. Expected {as_many} of "
                f"every image{'; `images: {parts: 1}` takes the mean of parts' if whole else ''}"
            )
        if not np.isfinite(vector).all():
            raise DataError(f"{self.path}: holds numbers that are not finite, of {key}")
        narrow: Vectors = vector.astype("float32")
        return narrow

    @cached_property
    def _content(self) -> _Content:
        suffix = self.path.suffix.lower()
        if suffix in PICKLED:
            raise DataError(f"{self.path}: {suffix} files hold pickles and are not read. {CONVERT}")
        if suffix not in SUFFIXES:
            raise DataError(f"{self.path}: expected features as {', '.join(SUFFIXES)}")
        found = _npz(self.path) if suffix == ".npz" else _hdf5(self.path)
        if not found.keys:
            raise DataError(f"{self.path}: holds no features")
        return found


Reader = Callable[[Sequence[str]], Iterator[tuple[str, "NDArray[Any]"]]]
"""Reads the features of some keys, one after another, in the order that the file has them."""


@dataclass(frozen=True)
class _Content:
    """What a file has: its keys with their places, and how their features are read."""

    keys: Mapping[str, int]
    read: Reader

    @classmethod
    def of_array(
        cls, path: Path, keys: NDArray[Any], features: Any, at: Callable[[list[int]], Iterator[NDArray[Any]]]
    ) -> _Content:
        """The content of a file with an array of keys beside one of features, which has a shape and a dtype.

        `at` reads the features of places, which are in ascending order.
        """
        names = [key.decode() if isinstance(key, bytes) else str(key) for key in keys.tolist()]
        shape, dtype = tuple(features.shape), features.dtype
        if len(shape) not in {2, 3} or dtype.kind not in "fiu" or len(names) != shape[0]:
            expected = f"[{len(names)}, width] or [{len(names)}, parts, width]"
            raise DataError(
                f"{path}: features are {dtype} of shape {shape}. Expected numbers of shape {expected}, "
                f"for {len(names)} keys"
            )
        places = {name: place for place, name in enumerate(names)}
        if len(places) < len(names):
            twice = next(name for place, name in enumerate(names) if places[name] != place)
            raise DataError(f"{path}: the key {twice!r} is there twice")

        def read(wanted: Sequence[str]) -> Iterator[tuple[str, NDArray[Any]]]:
            ordered = sorted(wanted, key=places.__getitem__)
            yield from zip(ordered, at([places[key] for key in ordered]), strict=True)

        return cls(places, read)


@dataclass(frozen=True)
class _Header:
    """The shape and the dtype of an array in a file."""

    shape: tuple[int, ...]
    dtype: Any


def _npz(path: Path) -> _Content:
    import numpy as np

    with _unzipped(path):
        with np.load(path, allow_pickle=False) as file:
            there = list(file.files)
            keys = file["keys"] if "keys" in there else None
        if keys is None or "features" not in there:
            raise _unpaired(path, there)
        with zipfile.ZipFile(path) as archive, archive.open("features.npy") as opened:
            header = _header(opened)

    def at(places: list[int]) -> Iterator[NDArray[Any]]:
        size = int(np.prod(header.shape[1:])) * header.dtype.itemsize
        with _unzipped(path), zipfile.ZipFile(path) as archive, archive.open("features.npy") as opened:
            _header(opened)
            start = opened.tell()
            for place in places:
                opened.seek(start + place * size)
                data = opened.read(size)
                if len(data) < size:
                    raise ValueError("it ends before its last features")
                yield np.frombuffer(data, header.dtype).reshape(header.shape[1:])

    return _Content.of_array(path, keys, header, at)


def _header(opened: IO[bytes]) -> _Header:
    """The header of an array that numpy wrote; behind it the numbers begin."""
    from numpy.lib import format as npy

    version = npy.read_magic(opened)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"arrays of numpy's format {version} are not read")
    shape, by_column, dtype = readers[version](opened)
    if dtype.hasobject:
        raise ValueError("pickle")
    if by_column:
        raise ValueError("features lie column by column; save numpy.ascontiguousarray(features)")
    return _Header(shape, dtype)


@contextmanager
def _unzipped(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = "holds Python objects" if "pickle" in str(error) else str(error)
        raise DataError(
            f"{path}: cannot be read as .npz with arrays of numbers and text ({reason})"
        ) from None


def _unpaired(path: Path, there: Sequence[str]) -> DataError:
    return DataError(f"{path}: expected arrays `keys` and `features`, found {', '.join(there) or 'nothing'}")


def _hdf5(path: Path) -> _Content:
    with _opened(path) as file:
        there = list(file)
        if "features" not in there:
            return _Content({name: place for place, name in enumerate(there)}, _groups(path))
        named = next((name for name in ("keys", "image_id") if name in there), None)
        if named is None:
            raise _unpaired(path, there)
        keys, features = _array(path, file, named)[()], _array(path, file, "features")
        header = _Header(features.shape, features.dtype)

    def at(places: list[int]) -> Iterator[NDArray[Any]]:
        with _opened(path) as file:
            features = _array(path, file, "features")
            for _, near in groupby(places, key=lambda place: place // AT_ONCE):
                window = list(near)
                values = features[window[0] : window[-1] + 1]
                yield from (values[place - window[0]].copy() for place in window)

    return _Content.of_array(path, keys, header, at)


def _groups(path: Path) -> Reader:
    """Reads the features of images that have a group each."""

    def read(wanted: Sequence[str]) -> Iterator[tuple[str, NDArray[Any]]]:
        with _opened(path) as file:
            for name in sorted(wanted):
                features = _array(path, file, f"{name}/features")
                if features.dtype.kind not in "fiu":
                    raise DataError(f"{path}: {name}/features holds {features.dtype}. Expected numbers")
                yield name, features[()]

    return read


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ModuleNotFoundError:
        raise MissingPackage(f"reading {path.name}", "h5py", "images") from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as HDF5 ({error})") from None


def _array(path: Path, file: Any, name: str) -> Any:
    """A dataset that is in the file itself, not read yet: HDF5 can also point into others."""
    import h5py

    place = file
    for part in name.split("/"):
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) and part in place else None
        if not isinstance(link, h5py.HardLink):
            what = "is not there" if link is None else "is a link, which is not followed"
            raise DataError(
                f"{path}: {name} {what}. Expected `keys` and `features`, or a group for each image"
            )
        place = place[part]
    if not isinstance(place, h5py.Dataset) or place.external or place.is_virtual:
        raise DataError(f"{path}: {name} is no dataset of its own. Expected an array in this file")
    kind = place.dtype.kind
    if kind not in "fiuSO" or (kind == "O" and h5py.check_string_dtype(place.dtype) is None):
        raise DataError(f"{path}: {name} holds {place.dtype}. Expected numbers, or text for keys")
    return place
