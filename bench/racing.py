"""Does a race keep what the full grid would choose, and what does it cost? Whole grids of scores, raced by the rule.

Two sources of grids:

    python bench/racing.py --run runs/pocket-full --out runs/bench/racing.json  # a finished full grid: no training
    python bench/racing.py --out runs/bench/racing.json                         # simulated dev scores

Of a finished grid (`strategy: full`) the dev scores of every arm, target and seed are taken, and raced over and over
with the seeds in another order. Its costs are the seconds that its trainings and predictions took, without controls;
what several arms or seeds share counts for none of them.

Simulated are right and wrong answers to `items` dev items, the same ones for all arms and seeds. The expected score of
an arm is drawn from a normal distribution with `spread` times the standard deviation of a run, one point; a run adds an
effect of its own and one that it shares with all arms under the same seed. An item has a difficulty that all share,
an effect of each arm under all of its seeds, so that arms differ on these items even at spread 0, and as much noise
of each run. `uneven` makes the runs of one arm in three vary twice as much. A training of an arm costs 1, and its
predictions on test data cost `tests`; the baseline costs as much as an arm.

Reported, over many races: `kept`, how often an arm stays whose mean dev score lies within the interval of the full
grid's best (mean over seeds ± t s/√S, pooled over arms); `best`, how often the very best stays; `share`, what it cost
of the full grid; `stayed`, how many arms did. `least` is the share if all arms but the best had left after two seeds.
Beside each of the two rules, `intervals` and `halving`, as many arms are dropped after as many seeds, but any: its
`random`. `lost` is how likely, by its own estimate, a race dropped the very best.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from xstilts.plan import Plan, Stage
from xstilts.racing import FIRST, Race, race
from xstilts.recipe import RaceRule

Leaving = list[tuple[int, set[int]]]
"""After how many seeds which arms leave."""

RUN = 0.01
"""Standard deviation of a run's own effect on a dev score, one point."""


@dataclass(frozen=True)
class World:
    """How dev scores come about."""

    arms: int
    seeds: int
    spread: float
    items: int = 400
    tests: float = 1.0
    uneven: bool = False
    error: float = 0.1


@dataclass(frozen=True)
class Grid:
    """A full grid: dev scores `[arms, seeds]`, and what each costs before (`dev`) and after (`test`) it is scored.

    Costs `[arms, seeds]`; those of the baseline, which is in every race to the end, are its own numbers.
    """

    scores: np.ndarray
    dev: np.ndarray
    test: np.ndarray
    baseline: float


@dataclass(frozen=True)
class Outcome:
    """One race beside the full grid."""

    kept: bool
    best: bool
    share: float
    stayed: int
    least: float
    lost: float


def simulate(world: World, rng: np.random.Generator) -> Grid:
    """One grid of a world."""
    scale = np.where(np.arange(world.arms) % 3 == 2, 2.0 if world.uneven else 1.0, 1.0)[:, None]
    means = world.spread * RUN * rng.normal(size=(world.arms, 1))
    shape = (world.arms, world.seeds)
    runs = RUN * (scale * rng.normal(size=shape) + rng.normal(size=world.seeds))
    # A latent score above 0 is right; effects on the share of right answers are put into the latent unit.
    latent = (means + runs) * np.sqrt(2) / norm.pdf(0)
    difficulty = rng.normal(size=world.items)
    noise = np.sqrt(0.5) * rng.normal(size=(world.arms, 1, world.items))
    noise = noise + np.sqrt(0.5) * rng.normal(size=(*shape, world.items))
    scores = (latent[:, :, None] + difficulty + noise > 0).mean(axis=2)
    return Grid(scores, np.ones(shape), np.full(shape, world.tests), world.seeds * (1 + world.tests))


def raced(grid: Grid, error: float, order: Sequence[int], rule: RaceRule) -> Race:
    """The race over a grid with its seeds in an order."""
    scores = {str(arm): {seed: float(x) for seed, x in enumerate(row)} for arm, row in enumerate(grid.scores)}
    return race(scores, order, error, rule=rule)


def left(found: Race) -> Leaving:
    """After how many seeds which arms leave."""
    return [(one.seeds, {int(x.arm) for x in one.dropped}) for one in found.rounds if one.dropped]


def outcome(grid: Grid, order: Sequence[int], out: Leaving, lost: float = math.nan) -> Outcome:
    """What came of a race in which arms left after so many seeds, and said that it may have `lost` the best."""
    arms, seeds = grid.scores.shape
    means = grid.scores.mean(axis=1)
    best = means == means.max()
    ran = np.full(arms, seeds)
    for number, gone in out:
        ran[list(gone)] = number
    stays = ran == seeds
    return Outcome(
        kept=bool((within(grid.scores) & stays).any()),
        best=bool((best & stays).any()),
        share=share(grid, order, ran),
        stayed=int(stays.sum()),
        least=share(grid, order, np.where(np.arange(arms) == means.argmax(), seeds, min(FIRST, seeds))),
        lost=lost,
    )


def share(grid: Grid, order: Sequence[int], ran: np.ndarray) -> float:
    """The cost of so many seeds of each arm, tests of those that ran all included, as a share of the full grid's."""
    before = sum(grid.dev[arm, list(order[:count])].sum() for arm, count in enumerate(ran))
    whole = grid.baseline + grid.dev.sum() + grid.test.sum()
    return float((grid.baseline + before + grid.test[ran == len(order)].sum()) / whole)


def within(scores: np.ndarray) -> np.ndarray:
    """The arms whose mean lies within the 95% interval over seeds of the best arm's, its variance pooled over arms."""
    arms, seeds = scores.shape
    means = scores.mean(axis=1)
    half = student.ppf(0.975, arms * (seeds - 1)) * np.sqrt(scores.var(axis=1, ddof=1).mean() / seeds)
    return np.asarray(means >= means.max() - half)


def at_random(arms: int, out: Leaving, rng: np.random.Generator) -> Leaving:
    """As many arms after as many seeds, but any."""
    shuffled = [int(arm) for arm in rng.permutation(arms)]
    return [(number, {shuffled.pop() for _ in gone}) for number, gone in out]


def summary(grids: Iterator[Grid], error: float, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Means over races by each rule, and beside each over as many arms that left at random."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for grid in grids:
        arms, seeds = grid.scores.shape
        order = [int(seed) for seed in rng.permutation(seeds)]
        for rule in get_args(RaceRule):
            this = raced(grid, error, order, rule)
            out = left(this)
            found[rule].append(outcome(grid, order, out, this.lost))
            found[f"{rule}: random"].append(outcome(grid, order, at_random(arms, out, rng)))
    names = [field.name for field in fields(Outcome)]
    return {
        name: {
            key: float(np.mean([getattr(one, key) for one in each]))
            for key in names
            if key != "lost" or name in get_args(RaceRule)
        }
        for name, each in found.items()
    }


def of_run(folder: Path) -> Grid:
    """The grid of a finished run: mean dev scores over targets, and the seconds of its stages by arm and seed.

    A stage that several arms or seeds share counts for none of them.
    """
    from xstilts.finished import FinishedRun
    from xstilts.heats import dev_part, mean_scores
    from xstilts.recipe import BASELINE

    run = FinishedRun.open(folder)
    recipe, store = run.recipe, run.experiment.store
    if recipe.strategy != "full":
        raise SystemExit(f"{folder} is no full grid. Expected a run with strategy: full")
    plan = run.experiment.plan()
    scores = mean_scores(plan, store)
    before = {stage.key for stage in dev_part(plan).stages}
    costs: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    baseline = 0.0
    for stage, owners in owned(plan).values():
        seconds = float(store.open(stage.address).manifest["seconds"])
        if {arm for arm, _ in owners} == {BASELINE}:
            baseline += seconds
        elif len(owners) == 1:
            costs[next(iter(owners))][stage.key not in before] += seconds
    arms = [arm for arm in recipe.arms if arm != BASELINE]
    took = np.array([[costs[arm, seed] for seed in recipe.seeds] for arm in arms])
    table = np.array([[scores[arm][seed] for seed in recipe.seeds] for arm in arms])
    return Grid(table, took[..., 0], took[..., 1], baseline)


def owned(plan: Plan) -> dict[str, tuple[Stage, set[tuple[str, int]]]]:
    """The trainings and predictions of a plan, each with the arms and seeds that need it."""
    found: dict[str, tuple[Stage, set[tuple[str, int]]]] = {}
    for cell in plan.cells:
        for stage in behind(cell.score):
            if stage.kind in ("train", "predict"):
                found.setdefault(stage.key, (stage, set()))[1].add((cell.arm, cell.seed))
    return found


def behind(stage: Stage) -> Iterator[Stage]:
    """A stage and all that it needs."""
    yield stage
    for parents in stage.parents.values():
        for parent in parents:
            yield from behind(parent)


def worlds(quick: bool) -> Iterator[World]:
    """What is simulated."""
    for arms, seeds in ((6, 3), (6, 5), (6, 8), (9, 10)):
        for spread in (0.0, 1.0, 2.0, 4.0):
            yield World(arms, seeds, spread)
    if not quick:
        for spread in (0.0, 2.0):
            yield World(6, 8, spread, uneven=True)
            yield World(6, 8, spread, items=100)
            for error in (0.05, 0.2):
                yield World(6, 8, spread, error=error)
        for tests in (0.0, 3.0):
            yield World(6, 8, 2.0, tests=tests)


def simulated(count: int, quick: bool, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row a world."""
    rows = []
    for world in worlds(quick):
        rng = np.random.default_rng(0)
        grids = (simulate(world, rng) for _ in range(count))
        rows.append(asdict(world) | {"races": count} | summary(grids, world.error, np.random.default_rng(1)))
        tell(line(rows[-1]))
    return rows


def line(row: dict[str, Any]) -> str:
    """A row for the terminal."""
    names = ("arms", "seeds", "spread", "items", "tests", "uneven", "error")
    told = {name: row[name] for name in names if name in row}
    parts = [" ".join(f"{name} {value}" for name, value in told.items())]
    for rule in get_args(RaceRule):
        for name in (rule, f"{rule}: random"):
            parts.append(f"{name}: " + " ".join(f"{key} {value:.3g}" for key, value in row[name].items()))
    return "\n  ".join(parts)


def main() -> None:
    """Race, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="folder of a finished full grid; default: simulated grids")
    parser.add_argument("--races", type=int, default=1000, help="how many, for each world or run")
    parser.add_argument("--error", type=float, default=0.1, help="of races over a run")
    parser.add_argument("--quick", action="store_true", help="the main table of simulated grids alone")
    parser.add_argument("--out", type=Path, required=True, help="JSON")
    options = parser.parse_args()
    started = time.time()
    if options.run:
        grid = of_run(options.run)
        arms, seeds = grid.scores.shape
        grids = (grid for _ in range(options.races))
        what = {
            "run": str(options.run),
            "arms": arms,
            "seeds": seeds,
            "error": options.error,
            "races": options.races,
        }
        rows = [what | summary(grids, options.error, np.random.default_rng(0))]
        print(line(rows[0]))
    else:
        rows = simulated(options.races, options.quick, print)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps({"rows": rows, "seconds": round(time.time() - started, 1)}, indent=1), "utf-8"
    )


if __name__ == "__main__":
    main()
