"""Images to vectors: the same for any number of threads, in order, bad ones left out and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xstilts.encoders.towers import ImageTower
from xstilts.errors import DataError, EncoderError
from xstilts.perturbations import CLEAN, Condition
from xstilts.seeing import AT_ONCE, Seen, see, take
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


def test_every_image_gets_its_own_vector_whatever_the_threads() -> None:
    told: list[int] = []
    one = see(Colours(), NAMES, Means(), CLEAN, 1, told.append)
    assert one.names == NAMES and one.bad == []
    expected = [[n, 2 * n, 3 * n] for n in range(len(NAMES))]
    assert np.allclose(one.vectors, expected)
    assert np.array_equal(see(Colours(), NAMES, Means(), CLEAN, 3).vectors, one.vectors)
    assert told[-1] == len(NAMES) and told == sorted(told)


def test_what_cannot_be_read_is_left_out_and_named() -> None:
    bad = [NAMES[0], *NAMES[AT_ONCE : 2 * AT_ONCE]]  # a whole batch among them
    seen = see(Colours(bad), NAMES, Means(), CLEAN, 2)
    assert seen.bad == bad and len(seen.names) == len(seen.vectors) == len(NAMES) - len(bad)
    rows = seen.shown([{"id": name, "image": name} for name in NAMES])
    assert [row["id"] for row in rows] == [name for name in NAMES if name not in bad]
    assert rows[0][VECTOR].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="none of the images of 1 rows can be read"):
        seen.shown([{"id": "x", "image": NAMES[0]}])
    with pytest.raises(DataError, match="none of 25 images can be read"):
        see(Colours(NAMES), NAMES, Means(), CLEAN, 2)


def test_rows_of_other_images_are_an_error() -> None:
    seen = see(Colours(), NAMES[:2], Means(), CLEAN, 1)
    with pytest.raises(DataError, match=r"1 of 2 rows name an image .* 'image 7'"):
        seen.shown([{"id": "a", "image": NAMES[0]}, {"id": "b", "image": NAMES[7]}])


def test_damaged_weights_are_not_taken_for_vectors() -> None:
    with pytest.raises(EncoderError, match="not finite"):
        see(Colours(), NAMES[:2], Broken(), CLEAN, 1)


def test_conditions_on_images_and_on_vectors_change_them_the_same_way_each_time() -> None:
    clean = see(Colours(), NAMES, Means(), CLEAN, 1).vectors
    for text in ("brightness@3", "feature-noise@3"):
        condition = Condition.parse(text)
        found = [see(Colours(), NAMES, Means(), condition, threads).vectors for threads in (1, 2)]
        assert np.array_equal(*found) and not np.allclose(found[0], clean)
    assert np.array_equal(see(Colours(), NAMES, Means(), Condition.parse("typos@3"), 1).vectors, clean)


def test_they_are_kept_as_one_array(tmp_path: Path) -> None:
    store, address = Store(tmp_path), Address("features", "0" * 64)
    seen = see(Colours([NAMES[3]]), NAMES, Means(), CLEAN, 1)
    with store.write(address, {}) as draft:
        seen.save(draft)
    read = Seen.load(store.open(address))
    assert read.names == seen.names and read.bad == [NAMES[3]]
    assert np.array_equal(read.vectors, seen.vectors) and read.vectors.dtype == np.float16


@dataclass(frozen=True)
class Table:
    """Vectors that come with a task."""

    there: Sequence[str]

    def missing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self.there]

    def vectors(self, names: Sequence[str]) -> Any:
        return np.array([[float(name.split()[1]), 1.0] for name in names], np.float32)


def test_vectors_that_come_with_a_task_are_taken() -> None:
    seen = take(Table(NAMES[2:]), NAMES, CLEAN)
    assert seen.bad == NAMES[:2] and seen.vectors[:, 0].tolist() == list(range(2, len(NAMES)))
    noisy = take(Table(NAMES[2:]), NAMES, Condition.parse("feature-noise@2"))
    assert not np.allclose(noisy.vectors, seen.vectors)
    with pytest.raises(DataError, match="no features of any of 25 images"):
        take(Table([]), NAMES, CLEAN)
