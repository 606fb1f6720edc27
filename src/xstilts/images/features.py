"""Files with features of images: vectors that some image encoder gave, by the images' names. Never pickles.

Three forms are read:

- `.npz` with the arrays `keys` [n], text, and `features` [n, width] or [n, parts, width], numbers;
- HDF5 (`.h5`, `.hdf5`) with datasets of the same names and shapes;
- HDF5 with a group for every image, named as the image is and holding a dataset `features`, [width] or [parts, width]:
  IGLUE's own files, in which the parts are 36 boxes.

Of an image with several parts the mean is taken. A key is an image's file name, with or without its suffix.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, final

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
    numpy.savez("features.npz", keys=keys, features=[item["features"].mean(0) for item in items])
(`item["features"]` may be base64 of float32: numpy.frombuffer(base64.b64decode(…), "float32").reshape(-1, 2048).)"""
"""How features get out of a file that holds pickles."""


@final
@dataclass(frozen=True)
class FeatureFile:
    """One file of features; see the module for its forms.

    Raises:
        DataError: of every method: the file is of no form that is read, or holds what does not fit.

    Example:
        >>> FeatureFile(Path("flickr30k.npz")).vectors(["1007129816.jpg"]).shape  # doctest: +SKIP
        (1, 2048)
    """

    path: Path

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of the images that the file has no features of."""
        return [name for name in names if self._key(name) is None]

    def vectors(self, names: Sequence[str]) -> Vectors:
        """The vectors of images, [n, width]; the file must have them all."""
        import numpy as np

        keys = [self._key(name) for name in names]
        for name, key in zip(names, keys, strict=True):
            if key is None:
                raise DataError(f"{self.path}: there are no features of {name!r}")
        found = np.stack([self._checked(key, self._content[key]) for key in keys if key is not None])
        if not np.isfinite(found).all():
            raise DataError(f"{self.path}: holds numbers that are not finite")
        return found

    def _key(self, name: str) -> str | None:
        """What an image is called in the file: as its rows name it, by its file name, or without the suffix."""
        path = PurePosixPath(name)
        known = self._content.keys()
        return next((one for one in (name, path.name, path.stem) if one in known), None)

    def _checked(self, key: str, values: NDArray[Any]) -> Vectors:
        """One vector of the width that all have: the mean over parts."""
        vector = values.mean(0, dtype="float64") if values.ndim == 2 else values
        width = self._width
        if vector.shape != (width,):
            raise DataError(
                f"{self.path}: {key} has features of shape {values.shape}, others of width {width}"
            )
        narrow: Vectors = vector.astype("float32")
        return narrow

    @cached_property
    def _width(self) -> int:
        return int(next(iter(self._content.values())).shape[-1])

    @cached_property
    def _content(self) -> dict[str, NDArray[Any]]:
        suffix = self.path.suffix.lower()
        if suffix in PICKLED:
            raise DataError(f"{self.path}: {suffix} files hold pickles and are not read. {CONVERT}")
        if suffix not in SUFFIXES:
            raise DataError(f"{self.path}: expected features as {', '.join(SUFFIXES)}")
        found = dict(_npz(self.path) if suffix == ".npz" else _hdf5(self.path))
        if not found:
            raise DataError(f"{self.path}: holds no features")
        return found


def _npz(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("keys", "features") if name in file.files}
            there = file.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = "holds Python objects" if "pickle" in str(error) else str(error)
        raise DataError(
            f"{path}: cannot be read as .npz with arrays of numbers and text ({reason})"
        ) from None
    yield from _paired(path, arrays.get("keys"), arrays.get("features"), there)


def _paired(
    path: Path, keys: NDArray[Any] | None, features: NDArray[Any] | None, there: Sequence[str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    if keys is None or features is None:
        raise DataError(
            f"{path}: expected arrays `keys` and `features`, found {', '.join(there) or 'nothing'}"
        )
    names = [key.decode() if isinstance(key, bytes) else str(key) for key in keys.tolist()]
    if features.ndim not in {2, 3} or features.dtype.kind not in "fiu" or len(names) != len(features):
        expected = f"[{len(names)}, width] or [{len(names)}, parts, width]"
        raise DataError(
            f"{path}: features are {features.dtype} of shape {features.shape}. Expected numbers of shape {expected}, "
            f"for {len(names)} keys"
        )
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise DataError(f"{path}: the key {twice!r} is there twice")
    yield from zip(names, features, strict=True)


def _hdf5(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    with _opened(path) as file:
        there = list(file)
        if "features" in there:
            keys = next((name for name in ("keys", "image_id") if name in there), None)
            given = _array(path, file, keys) if keys else None
            yield from _paired(path, given, _array(path, file, "features"), there)
            return
        for name in there:
            yield name, _array(path, file, f"{name}/features")


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


def _array(path: Path, file: Any, name: str) -> NDArray[Any]:
    """A dataset that is in the file itself: HDF5 can also point into others."""
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
    values: NDArray[Any] = place[()]
    if values.dtype.kind not in "fiuSO" or (
        values.dtype.kind == "O" and h5py.check_string_dtype(place.dtype) is None
    ):
        raise DataError(f"{path}: {name} holds {values.dtype}. Expected numbers, or text for keys")
    return values
