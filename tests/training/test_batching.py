from __future__ import annotations

from collections import Counter
from itertools import chain, islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from xstilts.training.batching import batches_per_epoch, length_batches, mixed_batches, parts

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=300)
SEEDS = st.integers(0, 2**31)


@given(LENGTHS, st.integers(1, 16), SEEDS, st.integers(0, 20))
def test_each_example_is_in_one_batch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = length_batches(lengths, size, seed, epoch)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert all(len(batch) <= size for batch in batches)


@given(LENGTHS, st.integers(1, 16), SEEDS, st.integers(0, 20))
def test_batches_are_a_function_of_seed_and_epoch(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    first = length_batches(lengths, size, seed, epoch)
    length_batches(lengths, size, seed + 1, epoch + 1)  # no hidden state
    assert length_batches(lengths, size, seed, epoch) == first


def test_seeds_and_epochs_give_other_orders() -> None:
    lengths = list(range(1, 101))
    orders = {str(length_batches(lengths, 8, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_batches_hold_similar_lengths() -> None:
    lengths = [1 + (number * 37) % 100 for number in range(512)]
    padding = sum(
        max(lengths[place] for place in batch) * len(batch) - sum(lengths[place] for place in batch)
        for batch in length_batches(lengths, 16, 0, 0)
    )
    assert padding < 0.1 * sum(lengths)  # at random it is about 0.85


@given(
    st.dictionaries(st.sampled_from("abc"), LENGTHS, min_size=1),
    st.integers(1, 8),
    st.integers(1, 100),
    SEEDS,
)
def test_mixed_batches_keep_the_proportions(
    lengths: dict[str, list[int]], size: int, cap: int, seed: int
) -> None:
    quota = batches_per_epoch({task: len(values) for task, values in lengths.items()}, size, cap)
    assert quota == {task: -(-min(len(values), cap) // size) for task, values in lengths.items()}
    one_pass = sum(quota.values())
    drawn = list(islice(mixed_batches(lengths, size, cap, seed), 3 * one_pass))
    for epoch in range(3):
        turns = drawn[epoch * one_pass : (epoch + 1) * one_pass]
        assert Counter(batch.task for batch in turns) == quota
    assert drawn == list(islice(mixed_batches(lengths, size, cap, seed), 3 * one_pass))


@given(LENGTHS, st.integers(1, 8), st.integers(1, 40), SEEDS)
def test_a_task_beyond_the_cap_goes_on_where_it_stopped(
    lengths: list[int], size: int, cap: int, seed: int
) -> None:
    batches = -(-len(lengths) // size)
    stream = mixed_batches({"a": lengths}, size, cap, seed)
    seen = [place for batch in islice(stream, batches) for place in batch.examples]
    assert sorted(seen) == list(range(len(lengths)))


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 40), st.integers(1, 400))
def test_a_batch_is_cut_into_the_largest_parts_that_fit(lengths: list[int], most: int, tokens: int) -> None:
    found = [lengths[part] for part in parts(lengths, most, tokens)]
    assert list(chain.from_iterable(found)) == lengths
    for part in found:
        assert 1 <= len(part) <= most and (len(part) == 1 or len(part) * max(part) <= tokens)
    for part, behind in pairwise(found):
        assert len(part) == most or (len(part) + 1) * max(*part, behind[0]) > tokens


def test_one_task_alone_is_drawn_like_a_single_training() -> None:
    lengths = list(range(1, 40))
    drawn = [batch.examples for batch in islice(mixed_batches({"a": lengths}, 8, 10**6, 3), 5)]
    assert drawn == length_batches(lengths, 8, 3, 0)
