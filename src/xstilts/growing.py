"""One array in a file, written a few rows at a time: what does not fit into memory need not."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 64
"""Rows that are converted together."""


@final
class GrowingArray:
    """A `.npy` file that grows along its first axis: in half precision until a number is too large for that.

    Args:
        path: the file, which is written anew.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.npy"
        >>> array = GrowingArray(path)
        >>> array.add(np.ones((2, 3)))
        >>> array.add(np.full((1, 3), 1e6))
        >>> array.close()
        >>> np.load(path).shape, np.load(path).dtype
        ((3, 3), dtype('float32'))
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] = path.open("wb")
        self._kind: np.dtype[Any] = np.dtype(np.float16)
        self._shape: tuple[int, ...] = ()

    def add(self, rows: NDArray[np.floating[Any]]) -> None:
        """Write some more rows; all have one shape."""
        if not self._shape:
            self._shape = 0, *rows.shape[1:]
            self._write_header()
        if self._kind == np.float16 and np.abs(rows).max() >= np.finfo(np.float16).max:
            self._widen()
        self._file.write(rows.astype(self._kind).tobytes())
        self._shape = self._shape[0] + len(rows), *self._shape[1:]

    def close(self) -> None:
        """Say in the file how many rows there are."""
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        """The header, which numpy makes long enough for any number of rows."""
        header = {"descr": self._kind.str, "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def _widen(self) -> None:
        """Begin anew in single precision, with the rows so far."""
        self.close()
        narrow = self._path.rename(self._path.with_suffix(".narrow"))
        rows = np.load(narrow, mmap_mode="r", allow_pickle=False)
        self._kind = np.dtype(np.float32)
        self._file = self._path.open("wb")
        self._write_header()
        for start in range(0, len(rows), _AT_ONCE):
            self._file.write(rows[start : start + _AT_ONCE].astype(self._kind).tobytes())
        narrow.unlink()
