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


def vectors(path: Path, names: list[str], whole: bool = False) -> Any:
    """The vectors of images in the order of their names."""
    found = {
        name: vector
        for some, block in FeatureFile(path).blocks(names, whole)
        for name, vector in zip(some, block, strict=True)
    }
    return np.stack([found[name] for name in names])


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def hdf5(folder: Path) -> Any:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    return h5py.File(folder / "a.h5", "w")


def test_npz_with_a_vector_an_image(tmp_path: Path) -> None:
    path = npz(tmp_path, keys=KEYS, features=VECTORS)
    file = FeatureFile(path)
    assert vectors(path, ["COCO_val2014_000000000009.jpg", "7.jpg", "7"]).tolist() == [
        [4, 5, 6],
        [1, 2, 3],
        [1, 2, 3],
    ]
    assert file.missing(["7.jpg", "8.jpg", "images/7.png"]) == ["8.jpg"]
    with pytest.raises(DataError, match=r"a\.npz: there are no features of '8\.jpg'"):
        vectors(path, ["8.jpg"])


def test_of_parts_the_mean_is_taken(tmp_path: Path) -> None:
    parts = np.stack([VECTORS, VECTORS + 2], 1).astype(np.float16)
    found = vectors(npz(tmp_path, keys=KEYS, features=parts), ["7"])
    assert found.dtype == np.float32
    assert found.tolist() == [[2, 3, 4]]


def test_parts_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    parts = np.stack([VECTORS, VECTORS + 2], 1)
    assert vectors(npz(tmp_path, keys=KEYS, features=parts), ["7"], whole=True).tolist() == [
        parts[0].tolist()
    ]
    with hdf5(tmp_path) as file:
        file["a/features"], file["b/features"] = np.ones((2, 3)), np.ones((4, 3))
    assert vectors(tmp_path / "a.h5", ["a", "b"]).shape == (2, 3), "their mean needs no common number"
    with pytest.raises(
        DataError, match=r"b has features of shape \(4, 3\).*`images: {parts: 1}` takes the mean"
    ):
        vectors(tmp_path / "a.h5", ["a", "b"], whole=True)


@pytest.mark.parametrize("form", ["npz", "compressed", "arrays", "groups"])
def test_a_few_images_are_in_memory_at_a_time(tmp_path: Path, form: str) -> None:
    """Every fifth of 700 images is read; what is held at once is far less than the file."""
    import tracemalloc

    count = 700
    parts = np.random.default_rng(0).random((count, 8, 1024)).astype(np.float32)
    keys = [f"{number:04}" for number in range(count)]
    path = tmp_path / ("a.npz" if form in {"npz", "compressed"} else "a.h5")
    if form in {"npz", "compressed"}:
        (np.savez if form == "npz" else np.savez_compressed)(path, keys=keys, features=parts)
    else:
        with hdf5(tmp_path) as file:
            if form == "arrays":
                file["keys"] = keys
                file.create_dataset("features", data=parts, chunks=(50, 8, 1024))
            for key, values in zip(keys, parts, strict=True) if form == "groups" else ():
                file[f"{key}/features"] = values
    expected = dict(zip(keys, parts.mean(1, dtype="float64"), strict=True))
    tracemalloc.start()
    asked, seen = keys[::-5], []
    for names, block in FeatureFile(path).blocks(asked):
        assert np.allclose(block, [expected[name] for name in names])
        seen += names
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted(seen) == sorted(asked)
    assert peak < parts.nbytes / 4


def test_what_numpy_cannot_hand_on_row_by_row_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ascontiguousarray"):
        vectors(npz(tmp_path, keys=KEYS, features=np.asfortranarray(VECTORS)), ["7"])


def test_hdf5_with_two_arrays(tmp_path: Path) -> None:
    with hdf5(tmp_path) as file:
        file["keys"], file["features"] = KEYS, VECTORS
    assert vectors(tmp_path / "a.h5", ["7.jpg"]).tolist() == [[1, 2, 3]]


def test_hdf5_as_iglue_publishes_it(tmp_path: Path) -> None:
    """A group for each image, with its boxes beside the features of these."""
    with hdf5(tmp_path) as file:
        for key, vector in zip(KEYS, VECTORS, strict=True):
            file[f"{key}/features"] = np.stack([vector] * 36)
            file[f"{key}/boxes"], file[f"{key}/img_h"] = np.zeros((36, 4)), 375
    assert vectors(tmp_path / "a.h5", ["7.jpg"]).tolist() == [[1, 2, 3]]


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
        vectors(npz(tmp_path, **arrays), ["7"])


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize("name", ["a.lmdb", "data.mdb", "a.npy", "a.pkl"])
def test_pickles_are_refused_and_the_conversion_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(
        DataError, match=r"hold pickles and are not read\. IGLUE publishes the same features as \.h5"
    ):
        vectors(tmp_path / name, ["7"])


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_files_that_are_something_else_are_told(tmp_path: Path, name: str) -> None:
    if name == "a.h5":
        pytest.importorskip("h5py", reason="h5py is not installed")
    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=rf"{name}: cannot be read as"):
        vectors(tmp_path / name, ["7"])


def test_what_points_into_other_files_is_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["features"] = VECTORS
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["keys"], file["features"] = KEYS, h5py.ExternalLink("other.h5", "features")
    with pytest.raises(DataError, match="features is a link, which is not followed"):
        vectors(tmp_path / "a.h5", ["7"])
    (tmp_path / "raw.bin").write_bytes(VECTORS.tobytes())
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["keys"] = KEYS
        file.create_dataset("features", (2, 3), "f4", external=[(str(tmp_path / "raw.bin"), 0, 24)])
    with pytest.raises(DataError, match="features is no dataset of its own"):
        vectors(tmp_path / "b.h5", ["7"])
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "features", (2, 3))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["keys"] = KEYS
        file.create_virtual_dataset("features", layout)
    with pytest.raises(DataError, match="features is no dataset of its own"):
        vectors(tmp_path / "c.h5", ["7"])
