from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts.encoders.checkpoint import Checkpoint, Head, HeadSpec, average
from xstilts.encoders.vocabulary import Rows
from xstilts.errors import StoreError
from xstilts.store import Address, Store

HERE = Address("checkpoint", "ab12")
SPEC = HeadSpec("my/mood", "AutoModelForSequenceClassification", ("bad", "good"))
OTHER = HeadSpec("my/<odd> ☃", "AutoModelForMultipleChoice", ())


def checkpoint(value: float, rows: bool = True) -> Checkpoint:
    changed = Rows(np.array([2, 5]), torch.full((2, 3), value)) if rows else None
    heads = {
        spec.task: Head(spec, {"classifier.weight": torch.full((2, 3), value)}) for spec in (SPEC, OTHER)
    }
    body = {"layer.weight": torch.full((3, 3), value), "layer.turned": torch.full((2, 3), value).T}
    return Checkpoint(body, changed, heads)


def stored(store: Store, saved: Checkpoint) -> Checkpoint:
    with store.write(HERE) as draft:
        saved.save(draft.folder / "one")
    return Checkpoint.load(store.open(HERE), "one")


@pytest.mark.parametrize("rows", [True, False])
def test_what_is_saved_is_loaded(tmp_path: Path, rows: bool) -> None:
    saved = checkpoint(0.1, rows)
    loaded = stored(Store(tmp_path), saved)
    assert loaded.body.keys() == saved.body.keys()
    assert all(torch.equal(loaded.body[name], saved.body[name]) for name in saved.body)
    assert [head.spec for head in loaded.heads.values()] == [SPEC, OTHER]
    assert torch.equal(loaded.heads[OTHER.task].weights["classifier.weight"], torch.full((2, 3), 0.1))
    assert (loaded.rows is not None) is rows
    if loaded.rows is not None and saved.rows is not None:
        assert loaded.rows.ids.tolist() == [2, 5] and torch.equal(loaded.rows.values, saved.rows.values)


def test_damaged_weights_are_not_loaded(tmp_path: Path) -> None:
    stored(Store(tmp_path), checkpoint(0.1))
    (path,) = tmp_path.rglob("body.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        Checkpoint.load(Store(tmp_path).open(HERE), "one")


def test_the_average_is_that_of_every_weight() -> None:
    mean = average([checkpoint(1.0), checkpoint(2.0), checkpoint(6.0)])
    assert mean.rows is not None
    tensors = [
        *mean.body.values(),
        mean.rows.values,
        *(head.weights["classifier.weight"] for head in mean.heads.values()),
    ]
    assert all(torch.allclose(tensor, torch.tensor(3.0)) for tensor in tensors)
    assert mean.rows.ids.tolist() == [2, 5]


def test_the_average_of_one_is_that_one() -> None:
    mean = average([checkpoint(0.3, rows=False)])
    assert mean.rows is None
    assert torch.equal(mean.body["layer.weight"], torch.full((3, 3), 0.3))
