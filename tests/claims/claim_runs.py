"""Made-up runs for the tests of claims: gains that are put in, tables that come out of the analysis proper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from xstilts import analysis
from xstilts.analysis import Cell, Design, Settings
from xstilts.claims import Outcome, on_run
from xstilts.recipe import Recipe, parse_recipe
from xstilts.results import Results
from xstilts.tasks.same_data import same_task

LANGUAGES = ("en", "de", "sw")
RETRIEVAL = ("xtreme/bucc2018", "xtreme/tatoeba")

Gains = Mapping[str, Mapping[str, float | tuple[float, float]]]
"""target → arm → gain; or (English gain, gain of the others)."""


def recipe_of(arms: Mapping[str, Sequence[str]], targets: Sequence[str], **other: Any) -> Recipe:
    """A recipe with these arms and targets."""
    content = {
        "encoder": "bundled/multilingual-e5-small",
        "arms": {"none": {}} | {arm: {"tasks": list(tasks)} for arm, tasks in arms.items()},
        "targets": list(targets),
    } | other
    return parse_recipe(yaml.safe_dump(content))


def _gain(gain: float | tuple[float, float], language: str) -> float:
    english, others = gain if isinstance(gain, tuple) else (gain, gain)
    return english if language == "en" else others


def _cells(gains: Gains, seeds: int, share: Mapping[tuple[str, str], float], items: int) -> list[Cell]:
    rng = np.random.default_rng(3)
    found = []
    for target, by_arm in gains.items():
        retrieval = target in RETRIEVAL
        family, kind = ("retrieval", "sentence-retrieval") if retrieval else ("trained", "classification")
        difficulty = rng.normal(0.5, 0.1, items)
        for arm, gain in {"none": 0.0, **by_arm}.items():
            for seed in range(seeds):
                luck = rng.normal(0, 0.002)
                for language in LANGUAGES[retrieval:]:
                    for condition in ("clean", "typos@2"):
                        for rule in ("none", "center") if retrieval else ("",):
                            kept = share.get((condition, rule), 1.0)
                            mean = difficulty + kept * _gain(gain, language) + luck
                            score = mean + rng.normal(0, 0.02, items)
                            found.append(
                                Cell(
                                    arm=arm,
                                    target=target,
                                    task_type=kind,
                                    family=family,
                                    language=language,
                                    condition=condition,
                                    seed=seed,
                                    metric="accuracy",
                                    sources=[f"s{i}" for i in range(items)],
                                    stats=np.column_stack([score, np.ones(items)]),
                                    postprocess=rule,
                                )
                            )
    return found


def run_of(
    arms: Mapping[str, Sequence[str]],
    gains: Gains,
    *,
    seeds: int = 3,
    best: Mapping[str, str | None] | None = None,
    controls: Mapping[str, tuple[str, str]] | None = None,
    share: Mapping[tuple[str, str], float] | None = None,
    clean_only: bool = False,
    **recipe: Any,
) -> tuple[Results, Recipe]:
    """A run's tables and recipe. `share` is the share of a gain that is left under (condition, post-processing)."""
    controls = dict(controls or {})
    design = Design(
        arms=("none", *arms, *controls),
        controls=controls,
        deterministic={(target, "none") for target in RETRIEVAL},
        same_task={(arm, target) for arm in arms for target in gains if same_task(arms[arm], target)},
    )
    cells = _cells(gains, seeds, share or {}, 500)
    cells = [cell for cell in cells if cell.condition == "clean" or not clean_only]
    answer = analysis.analyse(cells, design, Settings(draws=200))
    record = {
        "controls": [{"name": name, "of": of, "kind": kind} for name, (of, kind) in controls.items()],
        "best": dict(best or {}),
    }
    results = Results(Path(), answer.results, answer.gains, answer.verdicts, record)
    return results, recipe_of(arms, list(gains), **recipe)


def outcome(number: int, run: tuple[Results, Recipe]) -> Outcome:
    """What one claim comes to on a run."""
    return next(found.outcome for found in on_run(*run) if found.claim.number == number)
