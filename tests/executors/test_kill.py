"""Whenever a run is killed: what was complete is kept, running again goes on, and the answer is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiny_world import tiny_recipe

NAMED = [
    "before-1",
    "within-4",
    "after-5",
    "before-9",
    "within-11",
    "after-14",
    "deleting-1",
    "deleting-3",
    "chunks-3",
]
RANDOM = ["moments-0", "moments-1", "moments-2"]


@pytest.fixture(scope="module")
def runs(tiny_encoder: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every store holds in the end, and the signals that its runs were ended by."""
    folder = tmp_path_factory.mktemp("kills")
    recipe = tiny_recipe(tiny_encoder, "targets=[my/mood, my/pairs]", "controls.of=odd", "keep=best")
    (folder / "recipe.yaml").write_text(recipe.to_yaml(), "utf-8")
    driver = Path(__file__).with_name("kill_driver.py")
    seed = os.environ.get("XSTILTS_KILL_SEED", "0")
    arguments = [sys.executable, str(driver), str(folder / "recipe.yaml"), str(tiny_data), str(folder), seed]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", NAMED)
def test_killed_at_a_named_point(runs: dict[str, Any], name: str) -> None:
    assert runs["kills"][name] == [signal.SIGKILL]
    assert runs["answers"][name] == runs["answers"]["undisturbed"]


@pytest.mark.parametrize("name", RANDOM)
def test_killed_at_random_moments(runs: dict[str, Any], name: str) -> None:
    assert runs["answers"][name] == runs["answers"]["undisturbed"]


def test_some_random_moments_were_in_time(runs: dict[str, Any]) -> None:
    assert signal.SIGKILL in [code for name in RANDOM for code in runs["kills"][name]]


def test_the_undisturbed_run_is_worth_comparing(runs: dict[str, Any]) -> None:
    undisturbed = runs["answers"]["undisturbed"]
    kinds = {name.partition("/")[0] for name in undisturbed["store"]}
    assert kinds == {"prepare", "train", "select", "checkpoint", "predict", "score"}
    assert undisturbed["leftovers"] == []
    assert len(undisturbed["results"]) > 10
