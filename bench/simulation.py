"""Do the intervals and verdicts hold what they claim? Runs whose truth is known, weighed by the real code.

An item has a difficulty that all arms share, an effect of each arm, half of it shared by the languages, and noise of
each run; a run has an effect of its own, half of it shared by the languages. `ratio` is the variance that runs give a
score to the variance that items give it. Two systems answer about a fifth of the items differently, as real ones do.
Every replication goes through the code that weighs a run's cells: bootstrap, contrasts, intervals and verdicts, of
the gains that these rest on. For each number of seeds and each ratio:

- coverage: how often the 95% interval of a gain holds the true one, in English and on average over the others;
- false: how often any of three arms without effect is said to persist (Holm's correction is over the three), and how
  often one that gains in English alone is;
- power: how often a gain of so many points in every language is found to persist.

    python bench/simulation.py --out runs/bench/simulation.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from xstilts.analysis import Cell, Design, Settings
from xstilts.analysis.contrasts import ENGLISH, OTHERS
from xstilts.analysis.estimates import by_target, estimate_target
from xstilts.analysis.grid import Key
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.verdicts import verdict_rows

LANGUAGES = ("en", "de", "sw", "th", "zh")
DIFFERENT = 0.2
"""Share of the items that two systems answer differently: the variance of an item's difference."""
SHARED = 0.5
"""Correlation of an arm's item effects, and of its run effects, between two languages."""
NOISE = 0.25
"""Variance of a run's noise on an item, of that of the arm's effect on it."""
BATCH = 25
GAINS = (0.01, 0.02, 0.03, 0.05, 0.08)


@dataclass(frozen=True)
class World:
    """How much is run; `binary`: items are right or wrong, else their scores are normal."""

    seeds: int
    ratio: float
    items: int = 500
    binary: bool = False


def effects(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal `[languages, *shape]`, correlated between languages."""
    own = rng.normal(size=(len(LANGUAGES), *shape))
    return np.asarray(np.sqrt(SHARED) * rng.normal(size=shape) + np.sqrt(1 - SHARED) * own)


def scores(
    world: World, expected: np.ndarray, rng: np.random.Generator, difficulty: np.ndarray
) -> np.ndarray:
    """An arm's item scores `[languages, seeds, items]`, whose expectation is `expected` `[languages]`."""
    items = effects(rng, (world.items,))[:, None]
    runs = effects(rng, (world.seeds,))[:, :, None] * np.sqrt(world.ratio / world.items)
    noise = np.sqrt(NOISE) * rng.normal(size=(len(LANGUAGES), world.seeds, world.items))
    scale = np.sqrt(DIFFERENT / 2)
    if not world.binary:
        return np.asarray(expected[:, None, None] + difficulty + scale * (items + runs + noise))
    # A latent score above 0 is right; run effects are in its unit, as large as they make the score's ratio.
    spread = np.sqrt(2 + NOISE)
    slope = spread * np.sqrt(DIFFERENT / 2) / norm.pdf(norm.ppf(expected))[:, None, None]
    latent = spread * norm.ppf(expected)[:, None, None] + difficulty + items + noise + slope * runs
    return np.asarray(latent > 0, dtype=float)


def simulate(
    world: World, gains: Mapping[str, Sequence[float]], rng: np.random.Generator, name: str = ""
) -> list[Cell]:
    """The cells of one experiment: a baseline at 0.5, and arms with a true gain in each language.

    Experiments of a batch share a target, and differ in `postprocess`: their name.
    """
    difficulty = rng.normal(size=world.items)
    sources = tuple(map(str, range(world.items)))
    fields: dict[str, Any] = {
        "postprocess": name,
        "target": "t",
        "task_type": "classification",
        "family": "trained",
        "metric": "accuracy",
    }
    cells = []
    for arm, gain in {"none": np.zeros(len(LANGUAGES)), **gains}.items():
        found = scores(world, 0.5 + np.asarray(gain), rng, difficulty)
        for language, by_seed in zip(LANGUAGES, found, strict=True):
            for seed, values in enumerate(by_seed):
                where: dict[str, Any] = {"arm": arm, "language": language, "condition": "clean", "seed": seed}
                stats = np.column_stack([values, np.ones(world.items)])
                cells.append(Cell(**fields, **where, sources=sources, stats=stats))
    return cells


@dataclass(frozen=True)
class Answer:
    """The gains of each arm by group of languages, and its verdict."""

    gains: dict[tuple[str, str], Estimate]
    verdicts: dict[str, str]


def weighed(
    world: World, gains: Mapping[str, Sequence[float]], rng: np.random.Generator, draws: int, size: int
) -> Iterator[Answer]:
    """What the analysis says of so many simulated experiments, a batch of which share the draws of weights."""
    design, settings = Design(("none", *gains)), Settings(draws=draws)
    for start in range(0, size, BATCH):
        names = [f"{number:04d}" for number in range(min(BATCH, size - start))]
        (cells,) = by_target([cell for name in names for cell in simulate(world, gains, rng, name)])
        batch = estimate_target(cells, design, settings, _decides)
        for grid in batch.grids:
            rows = verdict_rows([replace(batch, grids=[grid])], design, settings)
            found = {k: x for k, x in batch.estimates.items() if k.postprocess == grid.postprocess}
            yield Answer(_gains(found), {row["arm"]: row["verdict"] for row in rows})


def _decides(key: Key) -> bool:
    """Whether verdicts rest on a contrast."""
    gap = key.quantity == "transfer_gap" and bool(key.reference)
    return gap or (key.quantity == "gain" and key.group in (ENGLISH, OTHERS))


def _gains(estimates: Mapping[Key, Estimate]) -> dict[tuple[str, str], Estimate]:
    return {(key.arm, key.group): x for key, x in estimates.items() if key.quantity == "gain"}


def everywhere(gain: float) -> list[float]:
    """The same gain in every language."""
    return [gain] * len(LANGUAGES)


def english_alone(gain: float) -> list[float]:
    """A gain in English and none elsewhere."""
    return [gain] + [0.0] * (len(LANGUAGES) - 1)


def nothing(world: World, replications: int, draws: int) -> dict[str, Any]:
    """Three arms without any effect: coverage, and how often any is said to persist or to harm."""
    rng = np.random.default_rng([world.seeds, int(10 * world.ratio), 1])
    arms = {name: everywhere(0.0) for name in ("a", "b", "c")}
    held: dict[str, list[bool]] = {ENGLISH: [], OTHERS: []}
    verdicts = []
    for answer in weighed(world, arms, rng, draws, replications):
        verdicts.append(set(answer.verdicts.values()))
        for (_, group), gain in answer.gains.items():
            if not gain.items_only:
                low, high = gain.interval()
                held[group].append(low <= 0 <= high)
    return {
        "coverage_english": float(np.mean(held[ENGLISH])),
        "coverage_others": float(np.mean(held[OTHERS])),
        "without_verdict": 1 - len(held[OTHERS]) / (len(arms) * replications),
        "false_persists": float(np.mean(["persists" in found for found in verdicts])),
        "false_harms": float(np.mean(["harms" in found for found in verdicts])),
    }


def persisting(world: World, gain: Sequence[float], replications: int, draws: int, stream: int) -> float:
    """How often one arm with these gains is said to persist."""
    rng = np.random.default_rng([world.seeds, int(10 * world.ratio), stream])
    answers = weighed(world, {"a": gain}, rng, draws, replications)
    return float(np.mean([answer.verdicts["a"] == "persists" for answer in answers]))


def measure(world: World, replications: int, draws: int) -> dict[str, Any]:
    """All figures of one world; power on a quarter of the replications."""
    started = time.process_time()
    record = asdict(world) | nothing(world, replications, draws)
    record["false_persists_english"] = persisting(world, english_alone(0.1), replications, draws, 2)
    record["power"] = {
        str(gain): persisting(world, everywhere(gain), replications // 4, draws, 3 + place)
        for place, gain in enumerate(GAINS)
    }
    return record | {"processor_seconds": time.process_time() - started}


def print_head() -> None:
    """The head of a Markdown table of the worlds; numbers are percent."""
    powers = " | ".join(f"{100 * gain:g} points" for gain in GAINS)
    print(
        f"| seeds | ratio | covered: English | others | no verdict | no effect | English alone | {powers} |"
    )
    print("|---" * (7 + len(GAINS)) + "|")


def print_row(row: Mapping[str, Any]) -> None:
    """A line of the table."""
    shares = ("coverage_english", "coverage_others", "without_verdict", "false_persists")
    numbers = [row[name] for name in (*shares, "false_persists_english")] + [*row["power"].values()]
    cells = " | ".join(f"{100 * number:.1f}" for number in numbers)
    print(f"| {row['seeds']} | {row['ratio']:g} | {cells} |", flush=True)


def main() -> None:
    """Simulate, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 3, 5, 10])
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.1, 1, 10])
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--binary", action="store_true", help="items are right or wrong")
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    rows = []
    print_head()
    for seeds in given.seeds:
        for ratio in given.ratios:
            rows.append(
                measure(World(seeds, ratio, given.items, given.binary), given.replications, given.draws)
            )
            print_row(rows[-1])
            if given.out:
                given.out.parent.mkdir(parents=True, exist_ok=True)
                record = {"replications": given.replications, "draws": given.draws, "worlds": rows}
                given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(f"{sum(row['processor_seconds'] for row in rows):.0f} processor seconds")


if __name__ == "__main__":
    main()
