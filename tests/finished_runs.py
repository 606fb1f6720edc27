"""One finished run on tiny tasks, shared by the tests of what is done with finished runs."""

from __future__ import annotations

import json
import random
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from tiny_world import TASKS, WORDS, tiny_recipe
from xstilts.experiment import Experiment, open_experiment, run_experiment
from xstilts.plan import Stage

TARGETS = ("my/mood", "my/tags", "my/odd", "my/pairs")
TAGGED = {"my/tags": {"type": "tagging", "files": "tags/{split}-{language}.tsv"}}


def _write_tags(folder: Path) -> None:
    rng = random.Random(0)
    for split, language, count in (
        ("train", "en", 30),
        ("dev", "en", 8),
        ("test", "en", 12),
        ("test", "de", 12),
    ):
        words = WORDS[language]
        sentences = []
        for _ in range(count):
            tagged = [(word, "O") for word in words[""]]
            tagged.insert(rng.randrange(4), (rng.choice(words["good"]), "B-GOOD"))
            sentences.append("\n".join(f"{word}\t{tag}" for word, tag in tagged))
        path = folder / f"tags/{split}-{language}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n\n".join(sentences) + "\n", "utf-8")


def experiment_on(encoder: Path, data: Path, store: Path, *overrides: str, **values: Any) -> Experiment:
    """An experiment on the tiny tasks that keeps no checkpoint of a target."""
    tasks = TASKS | TAGGED
    settings: dict[str, Any] = {"targets": list(TARGETS), "conditions": ["clean", "typos@2"], "seeds": [0, 1]}
    settings |= {"keep": "none", "tasks": tasks, "statistics": {"draws": 200}} | values
    learns = ("training.target.epochs=10", "training.target.learning_rate=5.0e-3")
    return open_experiment(tiny_recipe(encoder, *learns, *overrides, **settings), data, store)


@lru_cache(maxsize=1)
def finished(encoder: Path, data: Path) -> Path:
    """The folder of a finished run: arms none and odd, two seeds, four targets."""
    _write_tags(data)
    folder = data.parent / "finished-run"
    run_experiment(experiment_on(encoder, data, folder / "store"), folder)
    return folder


def copy_of(run: Path, out: Path, **changes: Any) -> Path:
    """A copy of a run with other values in its run.json."""
    shutil.copytree(run, out)
    record = json.loads((out / "run.json").read_text("utf-8"))
    (out / "run.json").write_text(json.dumps(record | changes), "utf-8")
    return out


def with_dev(run: Path, out: Path, scores: dict[tuple[str, str], list[float]]) -> Path:
    """A copy of a run with other dev scores, by arm and task."""
    dev = json.loads((run / "run.json").read_text("utf-8"))["dev"]
    for row in dev:
        row["values"] = scores.get((row["arm"], row["task"]), row["values"])
        row["mean"] = sum(row["values"]) / len(row["values"])
    return copy_of(run, out, dev=dev)


def predictions_of(stage: Stage, experiment: Experiment) -> list[dict[str, Any]]:
    """The rows that a predict stage wrote."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(
        experiment.store.open(stage.address).path("predictions.parquet")
    ).to_pylist()
    return rows
