"""Two processes, started by torchrun, give what one gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.training.processes import Processes

DRIVER = Path(__file__).with_name("processes_driver.py")


def run(encoder: Path, out: Path, *launcher: str) -> Any:
    path = os.pathsep.join([str(DRIVER.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *launcher, str(DRIVER), str(encoder), str(out)]
    subprocess.run(
        command, check=True, timeout=280, env=os.environ | {"PYTHONPATH": path}, capture_output=True
    )
    return np.load(out)


def test_two_processes_give_the_weights_of_one(tiny_encoder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    one, two = run(tiny_encoder, tmp_path / "one.npz"), run(tiny_encoder, tmp_path / "two.npz", *launch)
    assert (int(one["count"]), int(two["count"])) == (1, 2)
    assert one["tokens"] == two["tokens"] and one["loss"][0] != one["loss"][-1]
    assert np.allclose(one["loss"], two["loss"], atol=1e-4)
    assert set(one.files) == set(two.files)
    # a bias that is added to all alike has no gradient, and Adam moves it by what rounding leaves
    told = [name for name in one.files if not name.endswith(("key.bias", "qa_outputs.bias", "count"))]
    assert max(np.abs(one[name] - two[name]).max() for name in told) < 1e-4


def test_processes_share_what_there_is() -> None:
    items = list(range(7))
    shares = [Processes(3, place).share(items) for place in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert Processes().share(items) is items
    assert [Processes(3, place).leads for place in range(3)] == [
        True,
        False,
        False,
    ]
