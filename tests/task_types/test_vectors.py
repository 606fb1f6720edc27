"""Searching block by block gives what comparing everything at once gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xstilts.task_types import vectors
from xstilts.task_types.vectors import Side, VectorMemory, nearest, nearest_both_ways

SMALL = st.integers(1, 24).flatmap(
    lambda size: arrays.arrays(np.int8, (size, 3), elements=st.integers(-2, 2))
)
"""Vectors of small whole numbers: their products are exact, and many are equal."""


def side(table: Any, **options: Any) -> Side:
    table = np.asarray(table, np.float32)
    return Side.of(table, np.arange(len(table)), **options)


def brute_force(products: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest of each row, of equals the first, by sorting everything."""
    order = np.argsort(-products, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(products, order, 1), order


@given(SMALL, SMALL, st.integers(1, 30), st.sampled_from([1, 2, 5, 64]))
def test_the_nearest_are_those_of_a_full_sort(left: Any, right: Any, count: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", block)
        ours, theirs = side(left, unit=False), side(right, unit=False)
        found = (nearest(ours, theirs, count), *nearest_both_ways(ours, theirs, count))
    products = left.astype(float) @ right.T.astype(float)
    for near, expected in zip(found, (products, products, products.T), strict=True):
        values, places = brute_force(expected, count)
        assert near.similarities.tolist() == values.tolist()
        assert near.places.tolist() == places.tolist()
        assert np.allclose(near.means, values.mean(1))


@pytest.mark.parametrize("order", ["random", "rising", "falling", "equal"])
def test_wide_blocks_are_searched_by_their_groups(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    """Whatever the order in which values come, with blocks so wide that most of a block is never sorted."""
    monkeypatch.setattr(vectors, "BLOCK", 150)
    random = np.random.default_rng(0)
    values = random.normal(size=700).astype(np.float32)
    values = {"rising": np.sort(values), "falling": np.sort(values)[::-1], "equal": values * 0}.get(
        order, values
    )
    left = side(random.uniform(1, 2, size=(400, 1)), unit=False)
    forward, backward = nearest_both_ways(left, side(values[:, None], unit=False), 4)
    products = left.table @ values[None, :]
    assert forward.places.tolist() == brute_force(products, 4)[1].tolist()
    assert backward.places.tolist() == brute_force(products.T, 4)[1].tolist()


def test_the_nearest_of_random_vectors() -> None:
    random = np.random.default_rng(0)
    left, right = (side(random.normal(size=(size, 16))) for size in (300, 5000))
    products = left.block(0, 300) @ right.block(0, 5000).T
    forward, backward = nearest_both_ways(left, right, 3)
    assert forward.places.tolist() == brute_force(products, 3)[1].tolist()
    assert np.allclose(backward.similarities, brute_force(products.T, 3)[0], atol=1e-6)


def test_nothing_is_near_where_nothing_is() -> None:
    empty = Side.of(np.ones((3, 2), np.float32), np.zeros(0, np.int64), "center")
    assert nearest(side(np.ones((3, 2))), empty, 2).places.shape == (3, 0)
    assert nearest(empty, side(np.ones((3, 2))), 2).places.shape == (0, 2)


@given(arrays.arrays(np.float32, (7, 4), elements=st.floats(-1, 1, width=32)))
def test_vectors_are_made_as_long_as_one(table: Any) -> None:
    for rule in ("none", "center", ""):
        lengths = np.linalg.norm(side(table, rule=rule).block(0, 7), axis=1)
        assert np.isfinite(lengths).all() and (lengths < 1.0001).all()


def test_centring_takes_a_common_direction_away() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(30, 8)).astype(np.float32)
    raw, centred = (side(table + np.float32(100), rule=rule).block(0, 30) for rule in ("none", "center"))
    assert (raw @ raw.T).min() > 0.99  # one cone
    assert np.allclose(centred, side(table, rule="center").block(0, 30), atol=1e-3)


def test_a_side_is_centred_by_its_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK", 2)
    table = np.array([[0, 0], [2, 4], [100, 100], [4, 8]], np.float16)
    chosen = Side.of(table, np.array([0, 1, 3]), "center", unit=False)
    assert chosen.block(0, 3).tolist() == [[-2, -4], [0, 0], [2, 4]]
    assert chosen.block(1, 2).dtype == np.float32


def test_memory_of_vectors_forgets_rather_than_grows() -> None:
    asked: list[int] = []

    def embed(places: Sequence[int]) -> dict[int, Any]:
        asked.append(len(places))
        return {0: np.ones((len(places), 4), np.float32)}

    memory = VectorMemory(limit=100 * 16)  # a hundred texts
    for start in range(0, 400, 40):
        texts = [f"w{number}" for number in range(start, start + 60)]
        assert memory.vectors(texts, [0], embed)[0].shape == (60, 4)
        assert memory._held <= memory.limit
    assert asked[:3] == [60, 40, 60]  # the third set would be too many, and is embedded alone
    many = [f"v{number}" for number in range(300)]
    assert memory.vectors(many, [0], embed)[0].shape == (300, 4)


def test_a_layer_more_leaves_no_rows_behind() -> None:
    memory = VectorMemory()

    def embed(places: Sequence[int]) -> dict[int, Any]:
        return {layer: np.ones((len(places), 2), np.float32) for layer in (0, 1)}

    memory.vectors(["a", "b"], [0], embed)
    memory.vectors(["a", "b"], [0, 1], embed)
    assert memory._held == 2 * 2 * 2 * 4
