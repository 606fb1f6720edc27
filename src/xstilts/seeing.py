"""Images → the vectors of an image tower, once for every set of images and condition, kept as one array."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.towers import ImageTower
from xstilts.errors import DataError, EncoderError
from xstilts.perturbations import Condition
from xstilts.store import Artifact, Draft
from xstilts.tasks.base import VECTOR, GivenVectors, ImageSource, Row

AT_ONCE = 8
"""Images that one thread puts to the tower together: more do not take less time each, but more memory."""
VECTORS, NAMES = "vectors.npy", "names.json"


@dataclass(frozen=True)
class Seen:
    """The vectors of named images: `vectors` [n, width], and the place of each name. `bad` could not be read."""

    vectors: NDArray[np.floating[Any]]
    names: Sequence[str]
    bad: Sequence[str] = field(default_factory=list)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def save(self, draft: Draft) -> None:
        """Write the array, in half precision where that holds its numbers, and the names."""
        kind = np.float16 if np.abs(self.vectors).max() < np.finfo(np.float16).max else np.float32
        np.save(draft.file(VECTORS), self.vectors.astype(kind), allow_pickle=False)
        draft.file(NAMES).write_text(json.dumps([self.names, self.bad], ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, artifact: Artifact) -> Seen:
        """Read what was saved; the array stays on disk until it is used."""
        names, bad = json.loads(artifact.path(NAMES).read_text("utf-8"))
        return cls(np.load(artifact.path(VECTORS), mmap_mode="r", allow_pickle=False), names, bad)

    def shown(self, rows: Sequence[Row]) -> list[Row]:
        """The rows with the vectors of their images, without those whose image could not be read.

        Raises:
            DataError: a row names an image that is not among these, or none of the images could be read.
        """
        bad = set(self.bad)
        kept = [row for row in rows if row["image"] not in bad]
        unknown = [row for row in kept if row["image"] not in self._places]
        if unknown:
            raise DataError(
                f"{len(unknown):,} of {len(rows):,} rows name an image that the set of their language does not have; "
                f"the first is {unknown[0]['id']}: {unknown[0]['image']!r}"
            )
        if not kept:
            raise DataError(
                f"none of the images of {len(rows):,} rows can be read; the first is {self.bad[0]!r}"
            )
        return [row | {VECTOR: self.vectors[self._places[row["image"]]]} for row in kept]


def see(
    source: ImageSource,
    names: Sequence[str],
    tower: ImageTower,
    condition: Condition,
    threads: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Seen:
    """The vectors of images under a condition, [n, width].

    Each thread opens, changes and puts to the tower a few images at a time, with torch on that thread alone: nothing
    waits for anything, and the number of threads changes no vector.

    Args:
        source: opens the images.
        names: of the images; each once.
        tower: gives the vectors.
        condition: what is done to an image before it is prepared for the tower, or to its vector.
        threads: how many batches are worked on at once.
        progress: called with the number of images that are done.

    Raises:
        DataError: an image cannot be read.
    """
    import torch

    before = torch.get_num_threads()
    batches = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    parts: list[_Part] = []
    try:
        with ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1)) as pool:
            for part in _in_order(pool, partial(_batch, source, tower, condition), batches, 2 * threads):
                parts.append(part)
                progress(min(AT_ONCE * len(parts), len(names)))
    finally:
        torch.set_num_threads(before)
    vectors = [part.vectors for part in parts if part.vectors is not None]
    if not vectors:
        raise DataError(f"none of {len(names):,} images can be read; the first is {names[0]!r}")
    found = np.concatenate(vectors)
    if not np.isfinite(found).all():
        raise EncoderError("the image tower gave numbers that are not finite: its weights are damaged")
    return Seen(
        found, [name for part in parts for name in part.names], [x for part in parts for x in part.bad]
    )


def take(given: GivenVectors, names: Sequence[str], condition: Condition) -> Seen:
    """The vectors of images that come with a task, [n, width], under a condition on vectors."""
    bad = given.missing(names)
    lost = set(bad)
    known = [name for name in names if name not in lost]
    if not known:
        raise DataError(f"there are no features of any of {len(names):,} images; the first is {names[0]!r}")
    return Seen(_changed(given.vectors(known), condition, known), known, bad)


@dataclass(frozen=True)
class _Part:
    vectors: NDArray[np.floating[Any]] | None
    names: list[str]
    bad: list[str]


def _batch(source: ImageSource, tower: ImageTower, condition: Condition, names: Sequence[str]) -> _Part:
    import torch

    opened = [(name, _opened(source, condition, name)) for name in names]
    read = [(name, image) for name, image in opened if image is not None]
    bad = [name for name, image in opened if image is None]
    if not read:
        return _Part(None, [], bad)
    with torch.inference_mode():
        batch = torch.stack([tower.prepare(image) for _, image in read])
        vectors: NDArray[np.floating[Any]] = tower.vectors(batch).float().numpy()
    return _Part(_changed(vectors, condition, [name for name, _ in read]), [name for name, _ in read], bad)


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
    work: Callable[[Sequence[str]], _Part],
    batches: Sequence[Sequence[str]],
    ahead: int,
) -> Iterator[_Part]:
    """What each batch gives, in their order, with no more than `ahead` of them begun."""
    running = [pool.submit(work, batch) for batch in batches[:ahead]]
    try:
        for place in range(len(batches)):
            yield running[place].result()
            if place + ahead < len(batches):
                running.append(pool.submit(work, batches[place + ahead]))
    finally:
        for future in running:
            future.cancel()
