"""Files of features: three forms are read, everything that is a pickle or points elsewhere is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xstilts.errors import DataError
from xstilts.images.features import FeatureFile

KEYS = ["7", "COCO_val2014_000000000009"]
VECTORS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def hdf5(folder: Path) -> Any:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    return h5py.File(folder / "a.h5", "w")


def test_npz_with_a_vector_an_image(tmp_path: Path) -> None:
    file = FeatureFile(npz(tmp_path, keys=KEYS, features=VECTORS))
    assert file.vectors(["COCO_val2014_000000000009.jpg", "7.jpg", "7"]).tolist() == [
        [4, 5, 6],
        [1, 2, 3],
        [1, 2, 3],
    ]
    assert file.missing(["7.jpg", "8.jpg", "images/7.png"]) == ["8.jpg"]
    with pytest.raises(DataError, match=r"a\.npz: there are no features of '8\.jpg'"):
        file.vectors(["8.jpg"])


def test_of_parts_the_mean_is_taken(tmp_path: Path) -> None:
    parts = np.stack([VECTORS, VECTORS + 2], 1).astype(np.float16)
    found = FeatureFile(npz(tmp_path, keys=KEYS, features=parts)).vectors(["7"])
    assert found.dtype == np.float32
    assert found.tolist() == [[2, 3, 4]]


def test_hdf5_with_two_arrays(tmp_path: Path) -> None:
    with hdf5(tmp_path) as file:
        file["keys"], file["features"] = KEYS, VECTORS
    assert FeatureFile(tmp_path / "a.h5").vectors(["7.jpg"]).tolist() == [[1, 2, 3]]


def test_hdf5_as_iglue_publishes_it(tmp_path: Path) -> None:
    """A group for each image, with its boxes beside the features of these."""
    with hdf5(tmp_path) as file:
        for key, vector in zip(KEYS, VECTORS, strict=True):
            file[f"{key}/features"] = np.stack([vector] * 36)
            file[f"{key}/boxes"], file[f"{key}/img_h"] = np.zeros((36, 4)), 375
    assert FeatureFile(tmp_path / "a.h5").vectors(["7.jpg"]).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"keys": KEYS}, "expected arrays `keys` and `features`, found keys"),
        ({"keys": KEYS, "features": VECTORS[:1]}, r"shape \(1, 3\)\. Expected numbers of shape \[2, width\]"),
        ({"keys": KEYS, "features": VECTORS[0]}, "Expected numbers of shape"),
        ({"keys": ["7", "7"], "features": VECTORS}, "the key '7' is there twice"),
        ({"keys": KEYS, "features": VECTORS * np.nan}, "not finite"),
        ({"keys": KEYS, "features": np.array(["a", "b"])}, "Expected numbers"),
        ({"keys": [], "features": np.zeros((0, 3))}, "holds no features"),
        ({"keys": np.array(KEYS, object), "features": VECTORS}, "holds Python objects"),
    ],
)
def test_arrays_that_do_not_fit_are_told(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        FeatureFile(npz(tmp_path, **arrays)).vectors(["7"])


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize("name", ["a.lmdb", "data.mdb", "a.npy", "a.pkl"])
def test_pickles_are_refused_and_the_conversion_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(
        DataError, match=r"hold pickles and are not read\. IGLUE publishes the same features as \.h5"
    ):
        FeatureFile(tmp_path / name).vectors(["7"])


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_files_that_are_something_else_are_told(tmp_path: Path, name: str) -> None:
    if name == "a.h5":
        pytest.importorskip("h5py", reason="h5py is not installed")
    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=rf"{name}: cannot be read as"):
        FeatureFile(tmp_path / name).vectors(["7"])


def test_what_points_into_other_files_is_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["features"] = VECTORS
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["keys"], file["features"] = KEYS, h5py.ExternalLink("other.h5", "features")
    with pytest.raises(DataError, match="features is a link, which is not followed"):
        FeatureFile(tmp_path / "a.h5").vectors(["7"])
    (tmp_path / "raw.bin").write_bytes(VECTORS.tobytes())
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["keys"] = KEYS
        file.create_dataset("features", (2, 3), "f4", external=[(str(tmp_path / "raw.bin"), 0, 24)])
    with pytest.raises(DataError, match="features is no dataset of its own"):
        FeatureFile(tmp_path / "b.h5").vectors(["7"])
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "features", (2, 3))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["keys"] = KEYS
        file.create_virtual_dataset("features", layout)
    with pytest.raises(DataError, match="features is no dataset of its own"):
        FeatureFile(tmp_path / "c.h5").vectors(["7"])
