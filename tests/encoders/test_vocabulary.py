from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig

from xstilts.encoders.vocabulary import Rows, Vocabulary, gather_rows, trimmed_config

IDS = st.lists(st.integers(0, 60), max_size=20)


def rows(ids: list[int], value: float) -> Rows:
    unique = np.array(sorted(set(ids)), np.int64)
    return Rows(unique, torch.full((len(unique), 2), value))


@given(st.lists(IDS, max_size=5), st.integers(0, 5))
def test_trimmed_ids_stand_for_the_same_rows(sequences: list[list[int]], pad: int) -> None:
    arrays = [np.array(ids, np.int64) for ids in sequences]
    vocabulary = Vocabulary.of(arrays, pad)
    for array in arrays:
        assert vocabulary.ids[vocabulary.trim(array)].tolist() == array.tolist()
    assert vocabulary.trim(np.array([pad])).tolist() == [pad]  # RoBERTa counts positions from it
    assert set(vocabulary.ids) == {id for ids in sequences for id in ids} | set(range(pad + 1))
    assert (np.diff(vocabulary.ids) > 0).all()


def test_a_padding_id_far_up_does_not_keep_all_below_it() -> None:
    assert Vocabulary.of([np.array([3])], 128_000).ids.tolist() == [3, 128_000]


@given(IDS, IDS)
def test_rows_lie_over_rows(above: list[int], below: list[int]) -> None:
    merged = rows(above, 1.0).over(rows(below, 2.0))
    expected = dict.fromkeys(below, 2.0) | dict.fromkeys(above, 1.0)
    assert merged.ids.tolist() == sorted(expected)
    assert merged.values[:, 0].tolist() == [expected[id] for id in sorted(expected)]


@given(IDS, IDS)
def test_gathered_rows_are_the_changed_ones_where_there_are_any(
    changed: list[int], wanted: list[int]
) -> None:
    table = torch.arange(61.0)[:, None].repeat(1, 2)
    ids = np.array(wanted, np.int64)
    got = gather_rows(table, rows(changed, -1.0), ids)
    assert got[:, 0].tolist() == [-1.0 if id in changed else float(id) for id in wanted]
    got += 1  # a copy: the published table stays as it is
    assert table[:, 0].tolist() == list(range(61))
    assert torch.equal(gather_rows(table, None, ids), table[ids])


def test_a_trimmed_configuration() -> None:
    config = BertConfig(vocab_size=500, pad_token_id=3, bos_token_id=400)
    trimmed = trimmed_config(config, Vocabulary.of([np.array([9, 77])], 3), 3)
    assert (trimmed.vocab_size, trimmed.pad_token_id, trimmed.bos_token_id) == (6, 3, None)
    assert (config.vocab_size, config.bos_token_id) == (500, 400)
