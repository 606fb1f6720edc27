"""Images to vectors: the same for any number of threads, in order, bad ones left out and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xstilts.encoders.towers import ImageTower
from xstilts.errors import DataError, EncoderError
from xstilts.perturbations import CLEAN, Condition
from xstilts.seeing import AT_ONCE, Block, Look, Seen, check_sizes, keep, see, take
from xstilts.store import Address, Store
from xstilts.tasks.base import VECTOR

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'xstilts[images]'")
NAMES = [f"image {number}" for number in range(3 * AT_ONCE + 1)]


class Means(ImageTower):
    """The mean of each colour."""

    def prepare(self, image: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(image, np.float32)).permute(2, 0, 1)

    def vectors(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3))

    def grid(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.permute(0, 2, 3, 1)


class Broken(Means):
    def vectors(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3)) / 0


@dataclass(frozen=True)
class Colours:
    """Images of one colour each, some of which cannot be read."""

    bad: Sequence[str] = ()

    def fingerprint(self, split: str, language: str) -> str:
        return "colours"

    def of(self, language: str) -> str:
        return "en"

    def open(self, name: str) -> Any:
        number = int(name.split()[1])
        return None if name in self.bad else Image.new("RGB", (32, 32), (number, 2 * number, 3 * number))


def together(blocks: Iterable[Block]) -> Seen:
    """All blocks in memory."""
    found = list(blocks)
    vectors = np.concatenate([block.vectors for block in found if block.vectors is not None])
    names = [name for block in found for name in block.names]
    return Seen(vectors, names, [name for block in found for name in block.bad])


def looked(names: Sequence[str], condition: str = "clean", threads: int = 1, bad: Sequence[str] = ()) -> Seen:
    return together(see(Colours(bad), names, Look(Means(None), Condition.parse(condition)), threads))


def kept(blocks: Iterable[Block], folder: Path) -> Seen:
    """All blocks, written to a store and read again."""
    store, address = Store(folder), Address("features", "0" * 64)
    with store.write(address, {}) as draft:
        keep(blocks, draft)
    return Seen.load(store.open(address))


def test_every_image_gets_its_own_vector_whatever_the_threads() -> None:
    told: list[int] = []
    one = together(see(Colours(), NAMES, Look(Means(None)), 1, told.append))
    assert one.names == NAMES and one.bad == []
    expected = [[n, 2 * n, 3 * n] for n in range(len(NAMES))]
    assert np.allclose(one.vectors, expected)
    assert np.array_equal(looked(NAMES, threads=3).vectors, one.vectors)
    assert told[-1] == len(NAMES) and told == sorted(told)


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    bad = [NAMES[0], *NAMES[AT_ONCE : 2 * AT_ONCE]]  # a whole batch among them
    seen = looked(NAMES, threads=2, bad=bad)
    assert seen.bad == bad and len(seen.names) == len(seen.vectors) == len(NAMES) - len(bad)
    rows = seen.shown([{"id": name, "image": name} for name in NAMES])
    assert [row["id"] for row in rows] == [name for name in NAMES if name not in bad]
    assert rows[0][VECTOR].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="none of the images of 1 rows can be read"):
        seen.shown([{"id": "x", "image": NAMES[0]}])
    with pytest.raises(DataError, match="none of 25 images can be read"):
        kept(see(Colours(NAMES), NAMES, Look(Means(None)), 2), tmp_path)


def test_rows_of_other_images_are_an_error() -> None:
    seen = looked(NAMES[:2])
    with pytest.raises(DataError, match=r"1 of 2 rows name an image .* 'image 7'"):
        seen.shown([{"id": "a", "image": NAMES[0]}, {"id": "b", "image": NAMES[7]}])


def test_damaged_weights_are_not_taken_for_vectors() -> None:
    with pytest.raises(EncoderError, match="not finite"):
        list(see(Colours(), NAMES[:2], Look(Broken(None)), 1))


def test_conditions_on_images_and_on_vectors_change_them_the_same_way_each_time() -> None:
    clean = looked(NAMES).vectors
    for text in ("brightness@3", "feature-noise@3"):
        found = [looked(NAMES, text, threads).vectors for threads in (1, 2)]
        assert np.array_equal(*found) and not np.allclose(found[0], clean)
    assert np.array_equal(looked(NAMES, "typos@3").vectors, clean)


def test_they_are_kept_as_one_array(tmp_path: Path) -> None:
    seen = looked(NAMES, bad=[NAMES[3]])
    read = kept(see(Colours([NAMES[3]]), NAMES, Look(Means(None)), 1), tmp_path)
    assert read.names == seen.names and read.bad == [NAMES[3]]
    assert np.array_equal(read.vectors, seen.vectors) and read.vectors.dtype == np.float16


def test_of_parts_there_are_at_most_so_many(tmp_path: Path) -> None:
    """Each image is of one colour, whose parts are all the same; a grid of 32 × 32 becomes one of 3 × 3."""
    read = kept(see(Colours(), NAMES, Look(Means(None), parts=10), 1), tmp_path)
    assert read.vectors.shape == (len(NAMES), 9, 3) and read.sizes == {"image_parts": 9, "image_width": 3}
    assert np.array_equal(read.vectors[:, 4], looked(NAMES).vectors)
    pixels = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert Means(None).parts(pixels, 4)[0, :, 0].tolist() == [2.5, 4.5, 10.5, 12.5]
    assert Means(None).parts(pixels, 100)[0, :, 0].tolist() == list(range(16))


def test_a_pair_of_images_is_shown_with_both_vectors() -> None:
    seen = looked(NAMES[:4], bad=[NAMES[2]])
    pairs = [{"id": str(n), "image": NAMES[n], "image_pair": NAMES[n + 1]} for n in range(3)]
    (row,) = seen.shown(pairs)
    assert (row["vector"].tolist(), row["vector_pair"].tolist()) == ([0, 0, 0], [1, 2, 3])
    with pytest.raises(DataError, match=r"1 of 1 rows name an image .* the first is 9: 'image 9'"):
        seen.shown([{"id": "9", "image": NAMES[0], "image_pair": NAMES[9]}])


def test_vectors_of_another_size_are_not_put_to_a_model() -> None:
    check_sizes("predict", {"image_parts": 1, "image_width": 3}, {"image_width": 3, "width": 8})
    with pytest.raises(
        DataError, match=r"predict x: vectors of its images are 9 × 3, those of training 9 × 4"
    ):
        check_sizes("predict x", {"image_parts": 9, "image_width": 3}, {"image_parts": 9, "image_width": 4})


@dataclass(frozen=True)
class Table:
    """Vectors that come with a task."""

    there: Sequence[str]

    def missing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self.there]

    def blocks(self, names: Sequence[str], whole: bool = False) -> Iterator[tuple[list[str], Any]]:
        for name in names:
            vector = np.array([[float(name.split()[1]), 1.0]], np.float32)
            yield [name], np.repeat(vector[:, None], 2, 1) if whole else vector


def test_vectors_that_come_with_a_task_are_taken(tmp_path: Path) -> None:
    seen = kept(take(Table(NAMES[2:]), NAMES, CLEAN, whole=False), tmp_path / "a")
    assert seen.bad == NAMES[:2] and seen.vectors[:, 0].tolist() == list(range(2, len(NAMES)))
    whole = together(take(Table(NAMES[2:]), NAMES, CLEAN, whole=True))
    assert whole.vectors.shape == (len(NAMES) - 2, 2, 2)
    for parts in (False, True):
        noisy = together(take(Table(NAMES[2:]), NAMES, Condition.parse("feature-noise@2"), parts))
        assert not np.allclose(noisy.vectors, (whole if parts else seen).vectors)
    with pytest.raises(DataError, match="none of 25 images can be read"):
        kept(take(Table([]), NAMES, CLEAN, whole=False), tmp_path / "b")
