"""What is still to come of a plan, in words: its cost, and that of a race as a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from xstilts.costs import Costs, estimate
from xstilts.experiment import Experiment
from xstilts.plan import Plan

if TYPE_CHECKING:
    from xstilts.counting import RowCounts
    from xstilts.executors.local import Work
    from xstilts.racing import Race


@dataclass(frozen=True)
class Outlook:
    """What the rest of a race may cost: `best` if arms are dropped as early as can be, `worst` if none is.

    With halving, how many are dropped is known, and both are the same.
    """

    race: Race
    best: Costs
    worst: Costs

    def record(self) -> dict[str, Any]:
        """For `--json`."""
        from xstilts.heats import race_record

        return {**race_record(self.race), "best": vars(self.best), "worst": vars(self.worst)}


def outlook(experiment: Experiment, plan: Plan, work: Work, worst: Costs, rows: RowCounts) -> Outlook:
    """What a race may come to.

    Args:
        experiment: what races.
        plan: of all arms that are still in the race.
        work: what of it is to be done if none is dropped.
        worst: what that costs.
        rows: counts of the rows that it reads.
    """
    from xstilts.heats import best_case, race_of

    race = race_of(experiment)
    if race.over:
        return Outlook(race, worst, worst)
    stages = best_case(plan, work.stages, race, experiment.recipe.controls.of)
    best = estimate(plan, stages, experiment.encoder, rows, experiment.tower)
    return Outlook(race, best, worst if race.rule == "intervals" else best)


def print_outlook(found: Outlook, precision: str, console: Console) -> None:
    """Print what was decided of a race, and the range of what the rest will cost."""
    from xstilts.heats import race_record
    from xstilts.report.race import lines, outcome

    race, record = found.race, race_record(found.race)
    for line in lines(record):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if race.over:
        console.print(f"The race is over. {outcome(record)}", highlight=False, soft_wrap=True, markup=False)
        console.print(f"The rest, roughly: {cost_words(found.worst, precision)}.", highlight=False)
        return
    after = f"after seed {len(race.due)} of {len(race.seeds)}"
    if race.rule == "halving":
        told = (
            f"A race of {len(race.arms)} arms; the worse half is dropped {after}. "
            f"The rest, roughly: {cost_words(found.best, precision)}, where the table counts all arms to the end."
        )
    else:
        told = (
            f"A race of {len(race.arms)} arms; the next are dropped {after} at the earliest. The rest, roughly: from "
            f"{cost_words(found.best, precision)}, if all but one are dropped then, to "
            f"{cost_words(found.worst, precision)}, if none is."
        )
    console.print(told, highlight=False, soft_wrap=True, markup=False)


def cost_words(costs: Costs, precision: str) -> str:
    """Time, memory and disk in words."""
    memory, disk = costs.memory / 1e9, costs.disk / 1e9
    return f"{_duration(costs.seconds)}, {memory:.1f} GB of memory, {disk:.1f} GB of disk, in {precision}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
