from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from xstilts.analysis import Cell

Make = Callable[..., list[Cell]]


def cell(arm: str, language: str, seed: int, scores: Sequence[float], **other: object) -> Cell:
    """A cell of continuous item scores: the statistics are (score, 1), the value their mean."""
    stats = np.column_stack([np.asarray(scores, dtype=float), np.ones(len(scores))])
    fields = {
        "target": "t",
        "task_type": "classification",
        "family": "trained",
        "condition": "clean",
        "metric": "accuracy",
        "sources": [f"s{i}" for i in range(len(scores))],
    }
    return Cell(arm=arm, language=language, seed=seed, stats=stats, **{**fields, **other})


def simulated(
    rng: np.random.Generator,
    gains: Mapping[str, Mapping[str, float]],
    seeds: int,
    items: int = 60,
    ratio: float = 1.0,
    scale: float = 0.1,
    **other: object,
) -> list[Cell]:
    """Scores with item effects shared by seeds and correlated over languages, and effects of every run.

    `gains[arm][language]` is the expected score. `ratio` is the variance of a run's score over seeds to its
    variance over items. Half of each is shared by the languages. `scale` is that of an item's effect.
    """
    languages = next(iter(gains.values()))
    difficulty = rng.normal(size=items)
    cells = []
    for arm, expected in gains.items():
        shared, run = rng.normal(size=items), rng.normal(size=seeds)
        for language in languages:
            item = np.sqrt(0.5) * (shared + rng.normal(size=items))
            runs = np.sqrt(0.5 * ratio / items) * (run + rng.normal(size=seeds))
            for seed in range(seeds):
                noise = difficulty + item + runs[seed] + 0.5 * rng.normal(size=items)
                cells.append(cell(arm, language, seed, 0.5 + expected[language] + scale * noise, **other))
    return cells


@pytest.fixture(scope="session")
def make() -> Callable[..., Cell]:
    return cell


@pytest.fixture(scope="session")
def simulate() -> Make:
    return simulated
