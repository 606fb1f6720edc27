"""The bootstrap over sources: one draw of weights for everything that is measured on a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis.cells import Cell, Float, Settings
from xstilts.metrics import get_metric

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BUDGET = 2**22
"""Numbers in one chunk of weights or totals: 16 MB of float32."""

Sums = NDArray[np.float32]


@dataclass(frozen=True)
class _Group:
    """Cells of one metric on the same sources: `sums` `[sources, cells * k]`, the cells' `columns`."""

    metric: str
    columns: list[int]
    clusters: NDArray[np.intp]
    sums: Sums


def item_variances(cells: Sequence[Cell], contrasts: csr_array, settings: Settings) -> Float:
    """Variance over items of linear contrasts of the cells' values.

    Sources are drawn with replacement; all items of a source, in every language, condition, arm and seed, get
    the same weight, so that what they share cancels in differences (the cluster bootstrap; for crossed
    factors, Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2)). Draws are made in
    chunks: memory does not grow with their number.

    Args:
        cells: all cells of one target, any metrics.
        contrasts: `[contrasts, cells]`, the coefficients of each cell's value.
        settings: number of draws and seed.

    Returns:
        `[contrasts]`, variances with the divisor n of the bootstrap (see `item_variance`).
    """
    groups, universe = _groups(cells)
    values = np.array([cell.value for cell in cells])
    first, second = np.zeros(contrasts.shape[0]), np.zeros(contrasts.shape[0])
    rng = np.random.default_rng([settings.seed, crc32(cells[0].target.encode())])
    width = max(universe, *(group.sums.shape[1] for group in groups))
    for weights in _weights(rng, universe, settings.draws, max(1, _BUDGET // width)):
        # Deviations from the point estimate, so that the two moments below lose no digits.
        deviations = contrasts @ (_values(groups, weights, len(cells)) - values).T
        first += deviations.sum(axis=1)
        second += np.square(deviations).sum(axis=1)
    mean = first / settings.draws
    return np.asarray(np.maximum(second / settings.draws - mean**2, 0))


def _weights(rng: np.random.Generator, size: int, draws: int, chunk: int) -> Iterator[Sums]:
    """Multinomial weights `[<= chunk, size]`: how often each source was drawn."""
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        picks = rng.integers(0, size, size=(rows, size)) + size * np.arange(rows)[:, None]
        yield np.bincount(picks.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float32)


def _values(groups: Sequence[_Group], weights: Sums, cells: int) -> Float:
    """The value of every cell under every draw: `[draws, cells]`."""
    values = np.empty((len(weights), cells))
    for group in groups:
        totals = weights[:, group.clusters] @ group.sums
        shape = (len(weights), len(group.columns), -1)
        values[:, group.columns] = get_metric(group.metric).value(totals.reshape(shape))
    return values


def _groups(cells: Sequence[Cell]) -> tuple[list[_Group], int]:
    """Cells put together by metric and set of sources, and the number of sources of all."""
    codes: dict[tuple[str, ...], tuple[tuple[str, ...], NDArray[np.intp]]] = {}
    members: dict[tuple[str, int, tuple[str, ...]], list[tuple[int, Sums]]] = {}
    for column, cell in enumerate(cells):
        sources = tuple(cell.sources)
        if sources not in codes:
            unique, inverse = np.unique(np.asarray(sources, dtype=str), return_inverse=True)
            codes[sources] = tuple(unique.tolist()), inverse
        clusters, inverse = codes[sources]
        sums = np.zeros((len(clusters), cell.stats.shape[1]))
        np.add.at(sums, inverse, cell.stats)
        key = (cell.metric, cell.stats.shape[1], clusters)
        members.setdefault(key, []).append((column, sums.astype(np.float32)))
    universe = np.unique(np.concatenate([np.array(clusters, dtype=str) for clusters, _ in codes.values()]))
    groups = [
        _Group(
            metric,
            [column for column, _ in found],
            np.searchsorted(universe, np.array(clusters, dtype=str)),
            np.concatenate([sums for _, sums in found], axis=1),
        )
        for (metric, _, clusters), found in members.items()
    ]
    return groups, len(universe)
