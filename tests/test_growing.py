"""Arrays that grow in a file: what is read is what was added, in half precision where that holds it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xstilts.growing import GrowingArray


@given(
    st.lists(
        st.tuples(st.integers(1, 130), st.sampled_from([1.0, 6.0e4, 7.0e4, 1.0e9])), min_size=1, max_size=4
    )
)
def test_blocks_are_read_as_one_array(blocks: list[tuple[int, float]]) -> None:
    path = Path(tempfile.mkdtemp()) / "a.npy"
    array, whole = GrowingArray(path), []
    for number, (rows, scale) in enumerate(blocks):
        whole.append(np.random.default_rng(number).uniform(0.95, 1, (rows, 2, 3)) * scale)
        array.add(whole[-1])
    array.close()
    found, expected = np.load(path, allow_pickle=False), np.concatenate(whole)
    large = max(scale for _, scale in blocks) > 6.5e4
    assert found.dtype == (np.float32 if large else np.float16) and found.shape == expected.shape
    assert np.allclose(found, expected, rtol=2e-3)
    assert [one.name for one in path.parent.iterdir()] == ["a.npy"]
