"""Images → the vectors of an image tower, once for every set of images and condition, kept as one array."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.towers import AT_ONCE, ImageTower
from xstilts.errors import DataError, EncoderError
from xstilts.growing import GrowingArray
from xstilts.perturbations import CLEAN, Condition
from xstilts.store import Artifact, Draft
from xstilts.tasks.base import VECTORS, GivenVectors, ImageSource, Row

if TYPE_CHECKING:
    from PIL.Image import Image

ARRAY, NAMES = "vectors.npy", "names.json"


@dataclass(frozen=True)
class Seen:
    """The vectors of named images: `vectors` [n, width] or [n, parts, width], and the place of each name.

    Where a tower is to be tuned they are instead what it takes, [n, 3, height, width]. `bad` could not be read.
    """

    vectors: NDArray[np.floating[Any]]
    names: Sequence[str]
    bad: Sequence[str] = field(default_factory=list)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @property
    def are_pixels(self) -> bool:
        """Whether these are no vectors yet, but what a tower takes."""
        return self.vectors.ndim == 4

    @property
    def sizes(self) -> dict[str, int]:
        """Parts of an image, and the width of their vectors, as `Task.towers` has them."""
        parts = self.vectors.shape[1] if self.vectors.ndim == 3 else 1
        return {"image_parts": int(parts), "image_width": int(self.vectors.shape[-1])}

    @classmethod
    def load(cls, artifact: Artifact) -> Seen:
        """Read what `keep` wrote; the array stays on disk until it is used."""
        names, bad = json.loads(artifact.path(NAMES).read_text("utf-8"))
        return cls(np.load(artifact.path(ARRAY), mmap_mode="r", allow_pickle=False), names, bad)

    def shown(self, rows: Sequence[Row]) -> list[Row]:
        """The rows with the vectors of their images, without those of which an image could not be read.

        Raises:
            DataError: a row names an image that is not among these, or none of the images could be read.
        """
        bad = set(self.bad)
        kept = [row for row in rows if bad.isdisjoint(self._of(row).values())]
        known = self._places
        unknown = [(row, name) for row in kept for name in self._of(row).values() if name not in known]
        if unknown:
            row, name = unknown[0]
            raise DataError(
                f"{len({id(row) for row, _ in unknown}):,} of {len(rows):,} rows name an image that the set of their "
                f"language does not have; the first is {row['id']}: {name!r}"
            )
        if not kept:
            raise DataError(
                f"none of the images of {len(rows):,} rows can be read; the first is {self.bad[0]!r}"
            )
        return [
            row | {column: self.vectors[known[name]] for column, name in self._of(row).items()}
            for row in kept
        ]

    @staticmethod
    def _of(row: Row) -> dict[str, str]:
        """The columns for a row's vectors, and the images that they are of."""
        return {vector: row[column] for column, vector in VECTORS.items() if column in row}


def check_sizes(label: str, found: Mapping[str, int], trained: Mapping[str, int]) -> None:
    """Vectors of images that are tested must be of the size that those of training were.

    Args:
        label: what is done with them, for people.
        found: `Seen.sizes` of those that are tested.
        trained: the same of training; one that a model does not depend on may not be there.

    Raises:
        DataError: they are not: features of images came from several towers.
    """
    before = {**found, **{name: size for name, size in trained.items() if name in found}}
    if before != found:
        sizes = (f"{one['image_parts']} × {one['image_width']}" for one in (found, before))
        raise DataError(
            f"{label}: vectors of its images are {next(sizes)}, those of training {next(sizes)}. Expected features of "
            "one kind for all images of a task"
        )


@dataclass(frozen=True)
class Block:
    """A few images with their vectors, [n, width] or [n, parts, width], or what a tower takes; `bad` could not be read.

    `vectors` is None where all of them are bad.
    """

    names: list[str]
    vectors: NDArray[np.floating[Any]] | None
    bad: list[str] = field(default_factory=list)


def keep(blocks: Iterable[Block], draft: Draft) -> tuple[int, list[str]]:
    """Write vectors as one array, as they come, with the images' names: how many there are, and which are bad.

    Raises:
        DataError: no image could be read.
    """
    names: list[str] = []
    bad: list[str] = []
    array = GrowingArray(draft.file(ARRAY))
    for block in blocks:
        bad += block.bad
        if block.vectors is not None:
            names += block.names
            array.add(block.vectors)
    if not names:
        raise DataError(f"none of {len(bad):,} images can be read; the first is {bad[0]!r}")
    array.close()
    draft.file(NAMES).write_text(json.dumps([names, bad], ensure_ascii=False), "utf-8")
    return len(names), bad


@dataclass(frozen=True)
class Look:
    """How images are looked at: by a tower, under a condition, as at most so many parts (1: one vector; 0: as pixels).

    Pixels are images as the tower takes them, for a training that tunes it.
    """

    tower: ImageTower
    condition: Condition = CLEAN
    parts: int = 1

    def vectors(self, images: Sequence[Image]) -> NDArray[np.floating[Any]]:
        """The tower's vectors of RGB images, [n, width] or [n, parts, width]; or pixels, [n, 3, height, width]."""
        import torch

        prepared: NDArray[np.floating[Any]] = torch.stack([self.tower.prepare(one) for one in images]).numpy()
        return self.seen(prepared) if self.parts else prepared

    def seen(self, prepared: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The tower's vectors of images as it takes them."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.require(prepared, np.float32, "W"))
            found: NDArray[np.floating[Any]] = self.tower.seen(batch, self.parts).float().numpy()
        return found


def see(
    source: ImageSource,
    names: Sequence[str],
    look: Look,
    threads: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Block]:
    """The vectors of images under a condition, a few at a time, in the order of their names.

    Each thread opens, changes and puts to the tower a few images at a time, with torch on that thread alone: nothing
    waits for anything, and the number of threads changes no vector.

    Args:
        source: opens the images.
        names: of the images; each once.
        look: what gives the vectors, and what is done to an image before it is prepared for that, or to its vector.
        threads: how many batches are worked on at once.
        progress: called with the number of images that are done.

    Raises:
        DataError: an image cannot be read.
        EncoderError: the tower's weights are damaged.
    """
    import torch

    before = torch.get_num_threads()
    batches = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    try:
        with ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1)) as pool:
            done = 0
            for block in _in_order(pool, partial(_batch, source, look), batches, 2 * threads):
                yield block
                done += len(block.names) + len(block.bad)
                progress(done)
    finally:
        torch.set_num_threads(before)


def take(given: GivenVectors, names: Sequence[str], condition: Condition, whole: bool) -> Iterator[Block]:
    """The vectors of images that come with a task, a few at a time, under a condition on vectors.

    With `whole` the parts of images are kept, [n, parts, width]; else the mean over them, [n, width].
    """
    bad = given.missing(names)
    lost = set(bad)
    yield Block([], None, bad)
    for some, vectors in given.blocks([name for name in names if name not in lost], whole):
        yield Block(some, _changed(vectors, condition, some))


def _batch(source: ImageSource, look: Look, names: Sequence[str]) -> Block:
    opened = [(name, _opened(source, look.condition, name)) for name in names]
    read = [name for name, image in opened if image is not None]
    bad = [name for name, image in opened if image is None]
    if not read:
        return Block([], None, bad)
    vectors = look.vectors([image for _, image in opened if image is not None])
    if not np.isfinite(vectors).all():
        raise EncoderError("the image tower gave numbers that are not finite: its weights are damaged")
    return Block(read, _changed(vectors, look.condition, read), bad)


def _opened(source: ImageSource, condition: Condition, name: str) -> Any:
    image = source.open(name)
    if image is None or condition.modality != "image":
        return image
    from xstilts.perturbations.pixels import perturb_image

    return perturb_image(image, condition, name)


def _changed(
    vectors: NDArray[np.floating[Any]], condition: Condition, names: Sequence[str]
) -> NDArray[np.floating[Any]]:
    if condition.modality != "features":
        return vectors
    from xstilts.perturbations.pixels import perturb_features

    changed = [perturb_features(one, condition, name) for one, name in zip(vectors, names, strict=True)]
    return np.stack(changed).astype(np.float32)


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[Sequence[str]], Block],
    batches: Sequence[Sequence[str]],
    ahead: int,
) -> Iterator[Block]:
    """What each batch gives, in their order, with no more than `ahead` of them begun."""
    running = deque(pool.submit(work, batch) for batch in batches[:ahead])
    try:
        for following in range(ahead, ahead + len(batches)):
            yield running.popleft().result()
            if following < len(batches):
                running.append(pool.submit(work, batches[following]))
    finally:
        for future in running:
            future.cancel()
