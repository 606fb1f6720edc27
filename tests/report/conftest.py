from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from report_rows import curve_rows

from xstilts import analysis
from xstilts.analysis import Cell, Design, Settings
from xstilts.recipe import parse_recipe
from xstilts.results import Results

READ = {"pooling": "mean", "direction": "xx-en", "scoring": "cosine"}

Gains = Mapping[str, Mapping[str, Mapping[str, float]]]
Make = Callable[..., Results]

FAMILIES = {
    "trained": "classification",
    "retrieval": "sentence-retrieval",
    "image-text": "image-text-retrieval",
}
CONTROLS = {"longer": "the baseline for longer", "shuffled": "shuffled labels"}


def cells(
    target: str,
    gains: Mapping[str, Mapping[str, float]],
    seeds: int,
    family: str = "trained",
    conditions: Sequence[str] = ("clean",),
    items: int = 200,
    noise: float = 0.02,
) -> list[Cell]:
    """Cells whose items have continuous scores: difficulty shared by arms, plus each arm's gain and seed."""
    rng = np.random.default_rng(7)
    rules = ("none", "center") if family == "retrieval" else ("",)
    difficulty = rng.normal(0.55, 0.12, items)
    found = []
    for arm, by_language in {"none": dict.fromkeys(next(iter(gains.values())), 0.0), **gains}.items():
        runs = rng.normal(0, noise / 10, seeds)
        for language, gain in by_language.items():
            for condition in conditions:
                for seed in range(seeds):
                    for rule in rules:
                        lasting = gain * (1 if condition == "clean" else 0.3) * (rule != "center")
                        score = difficulty + lasting + runs[seed] + rng.normal(0, noise, items)
                        found.append(
                            Cell(
                                arm=arm,
                                target=target,
                                task_type=FAMILIES[family],
                                family=family,
                                language=language,
                                condition=condition,
                                seed=seed,
                                metric="accuracy",
                                sources=[f"s{i}" for i in range(items)],
                                stats=np.column_stack([score, np.ones(items)]),
                                postprocess=rule,
                                chance=0.1,
                            )
                        )
    return found


def make_results(
    folder: Path,
    gains: Gains,
    *,
    seeds: int = 3,
    retrieval: Sequence[str] = (),
    images: Sequence[str] = (),
    conditions: Sequence[str] = ("clean",),
    controls: Mapping[str, tuple[str, str]] | None = None,
    curves: Sequence[dict[str, Any]] = (),
    **run: Any,
) -> Results:
    """Results of a made-up run: `gains[target][arm][language]`, through the analysis proper."""
    controls = dict(controls or {})
    arms = dict.fromkeys(arm for by_arm in gains.values() for arm in by_arm)
    families = dict.fromkeys(retrieval, "retrieval") | dict.fromkeys(images, "image-text")
    found = [
        cell
        for target, by_arm in gains.items()
        for cell in cells(target, by_arm, seeds, families.get(target, "trained"), conditions)
    ]
    design = Design(
        arms=("none", *arms),
        controls=controls,
        same_task=run.pop("same_task", frozenset()),
        deterministic={(target, "none") for target in retrieval},
    )
    answer = analysis.analyse(found, design, Settings(draws=200))
    record = {
        "xstilts": "0.1.0",
        "controls": [{"name": name, "of": of, "kind": kind} for name, (of, kind) in controls.items()],
        **run,
    }
    results = [row | (READ if row["task"] in retrieval else {}) for row in answer.results]
    return Results(folder, results, answer.gains, answer.verdicts, record, list(curves))


@pytest.fixture(scope="session")
def make() -> Make:
    return make_results


def with_recipe(results: Results, folder: Path) -> Results:
    """The same run in a folder that holds its recipe, which claims need."""
    arms = {row["arm"] for row in results.verdicts}
    content = {
        "encoder": "bundled/multilingual-e5-small",
        "arms": {"none": {}} | {arm: {"tasks": [f"stilts/{arm}"]} for arm in sorted(arms)},
        "targets": list(dict.fromkeys(row["task"] for row in results.verdicts)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(parse_recipe(yaml.safe_dump(content)).to_yaml(), "utf-8")
    return replace(results, folder=folder)


@pytest.fixture(scope="session")
def judged_run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Intermediate tasks and targets that published claims are about, one task not learned."""
    gains = {
        "xtreme/xnli": {"squad1": {"en": 0.05, "de": 0.04}, "hellaswag": {"en": 0.0, "de": 0.0}},
        "xtreme/tatoeba": {"squad1": {"de": 0.3, "sw": 0.3}, "hellaswag": {"de": -0.1, "sw": -0.1}},
    }
    folder = tmp_path_factory.mktemp("judged")
    best = {"xtreme/xnli": "squad1", "xtreme/tatoeba": "squad1"}
    own = [learned("squad1", 0.8), learned("hellaswag", 0.25)]
    made = make_results(folder, gains, retrieval=["xtreme/tatoeba"], best=best, intermediates=own)
    return with_recipe(made, folder)


def learned(arm: str, value: float, seeds: int = 3) -> dict[str, Any]:
    """A row of run.json's intermediates."""
    return {
        "arm": arm,
        "task": f"pocket/{arm.partition('~')[0]}",
        "metric": "accuracy",
        "values": [value] * seeds,
        "mean": value,
        "chance": 0.25,
        "examples": 800,
        "updates": 100,
        "learning_rate": 2e-5,
        "tokens": [12_000] * seeds,
    }


@pytest.fixture(scope="session")
def rich_run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two arms, controls, trained and retrieval targets, two conditions, with effects of several kinds."""
    gains = {
        "pocket/intents": {
            "definitions": {"en": 0.05, "de": 0.04, "zh": 0.045, "sw": 0.03},
            "replies": {"en": -0.03, "de": -0.04, "zh": -0.05, "sw": -0.03},
            "definitions~longer": {"en": 0.01, "de": 0.0, "zh": 0.0, "sw": 0.0},
            "definitions~shuffled": {"en": 0.0, "de": 0.0, "zh": 0.0, "sw": 0.0},
        },
        "pocket/messages": {
            "definitions": {"de": 0.06, "zh": 0.07, "sw": 0.05},
            "replies": {"de": 0.0, "zh": 0.0, "sw": 0.0},
            "definitions~shuffled": {"de": 0.06, "zh": 0.07, "sw": 0.05},
        },
    }
    curve = [
        {"postprocess": rule, "layer": layer, "hit": 0.5 + layer / 10}
        for rule in ("none", "center")
        for layer in range(4)
    ]
    layers = [
        {"arm": arm, "task": "pocket/messages", "seed": 0, "layers": {"none": 3, "center": 2}, "curve": curve}
        for arm in ("none", "definitions", "replies")
    ]
    scores = [[0.5, 0.52], [0.6, 0.6], [0.7, 0.74], [0.8, 0.8]]
    words = ["no gain", "gains", "gains", "undecided"]
    curves = curve_rows("pocket/messages", "none", [[0.5, 0.5]] * 4)
    for arm in ("definitions", "definitions~shuffled", "replies"):
        curves += curve_rows("pocket/messages", arm, scores, () if "~" in arm else words)
    return make_results(
        tmp_path_factory.mktemp("rich"),
        gains,
        retrieval=["pocket/messages"],
        conditions=("clean", "typos@2", "casing@3"),
        controls={
            "definitions~longer": ("definitions", "longer"),
            "definitions~shuffled": ("definitions", "shuffled"),
        },
        intermediates=[learned("definitions", 0.61), learned("replies", 0.27)],
        layers=layers,
        curves=curves,
        best={"pocket/intents": "definitions", "pocket/messages": None},
        encoder={"name": "bundled/multilingual-e5-small@6", "fingerprint": "abc", "layers": 6},
        stages={"train": {"stages": 12, "seconds": 300.0}, "score": {"stages": 90, "seconds": 0.2}},
        skipped=["pocket/messages: no test data in en"],
        packages={"torch": "2.13.0"},
        seconds=312.0,
    )
