"""Two processes, started by torchrun, give what one gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tiny_world import tiny_recipe
from xstilts.experiment import anchored
from xstilts.results import Results
from xstilts.store import Store
from xstilts.training.processes import Processes

DRIVER = Path(__file__).with_name("processes_driver.py")


def run(encoder: Path, out: Path, *start: str) -> Any:
    path = os.pathsep.join([str(DRIVER.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *start, str(DRIVER), str(encoder), str(out)]
    subprocess.run(
        command, check=True, timeout=280, env=os.environ | {"PYTHONPATH": path}, capture_output=True
    )
    return np.load(out)


def launcher() -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]


def test_a_run_in_two_processes_answers_as_one_does(
    tiny_encoder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    arms = {"none": {}, "odd": {"tasks": ["my/odd"]}}
    phase = {
        "epochs": 1,
        "learning_rate": 1e-3,
        "batch_size": 8,
        "dropout": 0,
        "candidates": 1,
        "max_length": 32,
    }
    training = {"intermediate": phase, "target": phase, "precision": "fp32", "threads": 1}
    recipe = tiny_recipe(
        tiny_encoder, arms=arms, training=training, targets=["my/mood", "my/pairs"], languages="all"
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(anchored(recipe, tiny_data).to_yaml(), "utf-8")
    answers, outputs = [], []
    for name, start in (("one", []), ("two", launcher())):
        command = [
            sys.executable,
            *start,
            "-m",
            "xstilts.cli",
            "run",
            str(path),
            "--out",
            str(tmp_path / name),
        ]
        done = subprocess.run(command, check=True, timeout=280, capture_output=True, text=True)
        outputs.append(done.stdout)
        answers.append(Results.load(tmp_path / name))
    one, two = ([(row["arm"], row["language"], row["value"]) for row in answer.results] for answer in answers)
    assert one == two and len(one) > 10
    assert all(text.count("tables in") == 1 for text in outputs)  # one of them speaks
    stores = [Store(tmp_path / name / "store").addresses() for name in ("one", "two")]
    assert stores[0] == stores[1]


def test_two_processes_give_the_weights_of_one(tiny_encoder: Path, tmp_path: Path) -> None:
    one, two = run(tiny_encoder, tmp_path / "one.npz"), run(tiny_encoder, tmp_path / "two.npz", *launcher())
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
