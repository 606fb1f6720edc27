"""Sentence vectors side by side: what is done to them before they are compared, and who is nearest to whom.

Similarities are computed block by block and only the largest are kept, so that memory grows with the number of
vectors and never with the number of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

BLOCK = 2048
"""Vectors of one side that are compared at once with as many of the other: 16 MB of similarities."""
_GROUPS = 16
"""For each wanted neighbour, groups whose maxima bound the search in a block that nothing is known about."""


@dataclass(frozen=True)
class Side:
    """One side of a search: rows of a table of vectors, with what is done to them before they are compared.

    `table` [n, width] may be of half precision: what is computed is of single precision. `places` are the rows of
    the side, in its order. `mean` is taken away where there is one, and `unit` vectors then have length 1.
    """

    table: Vectors
    places: Places
    mean: NDArray[np.float32] | None = None
    unit: bool = True

    @classmethod
    def of(cls, table: Vectors, places: Places, rule: str = "none", unit: bool = True) -> Side:
        """A side after a post-processing: `center` takes its own mean away, any other rule nothing.

        Queries and candidates are centred each by their own mean: what remains of a gain is not mere isotropy.
        """
        if rule != "center" or not len(places):
            return cls(table, places, None, unit)
        total = sum(table[part].sum(0, dtype=np.float64) for part in _parts(places))
        return cls(table, places, (total / len(places)).astype(np.float32), unit)

    def __len__(self) -> int:
        return len(self.places)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """The vectors from `start` to `stop`, [stop - start, width]."""
        vectors = self.table[self.places[start:stop]].astype(np.float32)
        if self.mean is not None:
            vectors -= self.mean
        if self.unit:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors


class VectorMemory:
    """Vectors of texts by layer, all of one owner: a text that was embedded for one test set serves the next.

    What is held is forgotten rather than let grow over `limit` bytes; one test set alone may have more.

    Example:
        >>> memory, asked = VectorMemory(), []
        >>> embed = lambda places: asked.append(list(places)) or {0: np.ones((len(places), 2), np.float32)}
        >>> memory.vectors(["a", "b"], [0], embed)[0].shape, memory.vectors(["b", "c"], [0], embed)[0].shape, asked
        ((2, 2), (2, 2), [[0, 1], [1]])
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self._owner: Hashable = None
        self._layers: dict[int, tuple[dict[Hashable, int], Vectors]] = {}

    @property
    def _held(self) -> int:
        return sum(table.nbytes for _, table in self._layers.values())

    def belong_to(self, owner: Hashable) -> None:
        """Forget what another owner embedded."""
        if owner != self._owner:
            self._owner, self._layers = owner, {}

    def vectors(
        self,
        texts: Sequence[Hashable],
        layers: Sequence[int],
        embed: Callable[[Sequence[int]], Mapping[int, Vectors]],
    ) -> dict[int, Vectors]:
        """For each layer the vectors of the texts, [texts, width]; `embed` makes those at some places of the list."""
        kept = {layer: self._layers[layer] for layer in layers if layer in self._layers}
        fresh = [
            place for place, text in enumerate(texts) if any(text not in index for index, _ in kept.values())
        ]
        a_text = sum(table.nbytes // max(1, len(table)) for _, table in kept.values())
        if len(kept) < len(layers) or self._held + len(fresh) * a_text > self.limit:
            kept, fresh = {}, list(range(len(texts)))
        if fresh:
            made = embed(fresh)
            if not kept and self._held + sum(table.nbytes for table in made.values()) > self.limit:
                self._layers = {}
            self._layers |= {
                layer: _joined(kept.get(layer), [texts[place] for place in fresh], made[layer])
                for layer in layers
            }
        found = {layer: self._layers[layer] for layer in layers}
        return {layer: table[[index[text] for text in texts]] for layer, (index, table) in found.items()}


def _joined(
    kept: tuple[dict[Hashable, int], Vectors] | None, texts: Sequence[Hashable], vectors: Vectors
) -> tuple[dict[Hashable, int], Vectors]:
    """Old and new vectors in one table; a text that was there gets its new one."""
    index, table = kept or ({}, vectors[:0])
    places = {text: len(table) + place for place, text in enumerate(texts)}
    return index | places, np.concatenate([table, vectors])


@dataclass(frozen=True)
class Nearest:
    """The nearest of each vector: `similarities` and `places` on the other side, both [n, k], the nearest first.

    Of equals the first one on the other side comes first.
    """

    similarities: NDArray[np.float32]
    places: Places

    @property
    def means(self) -> NDArray[np.float32]:
        """Mean similarity of each vector to its nearest ones, [n]."""
        means: NDArray[np.float32] = self.similarities.mean(1)
        return means


def nearest(queries: Side, candidates: Side, count: int = 1) -> Nearest:
    """The `count` candidates with the largest inner product with each query; fewer where there are fewer."""
    return _search(queries, candidates, count, 0)[0]


def nearest_both_ways(left: Side, right: Side, count: int) -> tuple[Nearest, Nearest]:
    """The nearest on the right for each on the left, and the other way round; each product is computed once."""
    return _search(left, right, count, count)


def _search(left: Side, right: Side, forward: int, backward: int) -> tuple[Nearest, Nearest]:
    rows = _Largest(len(left), min(forward, len(right)))
    columns = _Largest(len(right), min(backward, len(left)))
    for start in range(0, len(left), BLOCK):
        ours = left.block(start, start + BLOCK)
        for other in range(0, len(right), BLOCK):
            block = ours @ right.block(other, other + BLOCK).T
            rows.offer(block, start, other)
            columns.offer(block.T, other, start)
    return Nearest(rows.values, rows.places), Nearest(columns.values, columns.places)


class _Largest:
    """The `count` largest values of each of `size` owners among all that were offered, places in ascending order."""

    def __init__(self, size: int, count: int) -> None:
        self.count = count
        self.values = np.full((size, count), -np.inf, np.float32)
        self.places = np.zeros((size, count), np.int64)

    def offer(self, block: NDArray[np.float32], start: int, other: int) -> None:
        """Values [owners from `start`, places from `other`]."""
        if not self.count:
            return
        least = self.values[start : start + len(block), -1]
        large = block > least[:, None]  # of equals the earlier one stays
        if np.isneginf(least).any():
            large &= block >= self._bound(block)[:, None]
        owners, places = np.nonzero(large)
        if len(owners):
            self._merge(owners + start, places + other, block[owners, places])

    def _bound(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """A value that at least `count` of each row's values reach: the least of the largest maxima of groups."""
        groups = self.count * _GROUPS
        width = block.shape[1] // groups
        if width < 2:
            return np.full(len(block), -np.inf, np.float32)
        maxima = block[:, : groups * width].reshape(len(block), groups, width).max(2)
        bound: NDArray[np.float32] = np.partition(maxima, -self.count, axis=1)[:, -self.count]
        return bound

    def _merge(self, owners: Places, places: Places, values: NDArray[np.float32]) -> None:
        """Keep the largest of old and new; -inf stands for what is not there yet."""
        changed = np.unique(owners)
        every = np.concatenate([np.repeat(changed, self.count), owners])
        all_values = np.concatenate([self.values[changed].ravel(), values])
        all_places = np.concatenate([self.places[changed].ravel(), places])
        order = np.lexsort((all_places, -all_values, every))
        first = np.searchsorted(every[order], changed)
        kept = order[first[:, None] + np.arange(self.count)]
        self.values[changed], self.places[changed] = all_values[kept], all_places[kept]


def _parts(places: Places) -> Iterator[Places]:
    return (places[start : start + BLOCK] for start in range(0, len(places), BLOCK))
