"""What people see while commands run: progress, plans, the findings of a validation."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer import echo

from xstilts.errors import DataError, Interrupted
from xstilts.experiment import Experiment, Listener, run_experiment
from xstilts.outlook import cost_words, outlook, print_outlook
from xstilts.plan import Plan, Stage
from xstilts.task_types import get_task_type
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    from xstilts.costs import Costs
    from xstilts.counting import RowCounts
    from xstilts.detectable import Detectable
    from xstilts.executors.local import Work
    from xstilts.racing import Race

_Place = tuple[str, str, str]
"""Task, split, language."""
_WHAT = {
    "prepare": "read data",
    "features": "look at images",
    "train": "train",
    "select": "choose checkpoints and layers",
    "predict": "predict",
    "score": "score items",
}


def run_with_progress(experiment: Experiment, folder: Path, console: Console, as_json: bool) -> None:
    """Run an experiment under a progress bar, then print the answer and where its tables are."""
    from xstilts.report import print_answer
    from xstilts.training.processes import processes

    started = time.time()
    try:
        with _Bars(console) as bars:
            results = run_experiment(experiment, folder, bars.listener())
    except KeyboardInterrupt:
        raise Interrupted(
            "Stopped. What was complete is kept; the same command goes on from there."
        ) from None
    if not processes().leads:
        return
    if as_json:
        answer = {"folder": str(folder), "verdicts": results.verdicts, "run": results.run}
        echo(json.dumps(answer, ensure_ascii=False, default=str))
        return
    print_answer(results, console)
    took = f"{time.time() - started:.0f} s"
    console.print(f"{took} · tables in [bold]{escape(str(folder))}[/]", highlight=False)


@dataclass
class _Bars:
    """A bar over all stages, and one over the updates of the training that runs."""

    console: Console
    bars: Progress = field(init=False)
    total: TaskID | None = None
    inner: TaskID | None = None

    def __post_init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self.bars = Progress(*columns, console=self.console, transient=True)

    def __enter__(self) -> _Bars:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def listener(self) -> Listener:
        return Listener(self.planned, self.done, self.training, self.raced)

    def planned(self, plan: Plan, pending: int, cached: int) -> None:
        if cached and pending:
            self.console.print(f"{cached} stages are cached; {pending} are to be done.", highlight=False)
        elif not pending:
            self.console.print(f"All {cached} stages are cached; nothing is computed again.", highlight=False)
        else:
            self.console.print(f"{pending} stages are to be done.", highlight=False)
        for line in plan.skipped:
            self.console.print(f"[dim]left out: {escape(line)}[/]", highlight=False)
        if self.total is not None:
            self.bars.remove_task(self.total)
        self.total = self.bars.add_task("stages", total=pending)

    def raced(self, race: Race) -> None:
        from xstilts.heats import race_record
        from xstilts.report.race import of_round

        last = race.rounds[-1]
        line = of_round(race_record(race), len(race.rounds), last.leader, last.seeds)
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def done(self, stage: Stage) -> None:
        if self.inner is not None and stage.kind in {"train", "features"}:
            self.bars.remove_task(self.inner)
            self.inner = None
            if not self.console.is_terminal:
                self.console.print(f"done: {escape(stage.label)}", highlight=False)
        if self.total is not None:
            self.bars.advance(self.total)
            self.bars.update(self.total, description=_WHAT[stage.kind])

    def training(self, label: str, update: int, updates: int) -> None:
        if self.inner is None:
            self.inner = self.bars.add_task(escape(label), total=updates)
        self.bars.update(self.inner, completed=update, total=updates, description=escape(label))


def print_plan(experiment: Experiment, folder: Path, console: Console, as_json: bool) -> None:
    """Print a plan's stages by kind, how many are cached, what the rest will cost, and what gain it could find.

    Results of an earlier run in the folder tell how much its gains vary.
    """
    rows = experiment.row_counts()
    plan, work, costs = planned(experiment, rows)
    could_find = _detectable(experiment, plan, rows, folder)
    todo = Counter(stage.kind for stage in work.stages)
    every = Counter(stage.kind for stage in plan.stages)
    if as_json:
        rest = {stage.key for stage in work.stages}
        stages = [
            {"kind": stage.kind, "key": stage.key, "label": stage.label, "pending": stage.key in rest}
            for stage in plan.stages
        ]
        answer = {"stages": stages, "pending": len(work.stages), "precision": plan.precision, **vars(costs)}
        answer["detectable"] = [vars(one) for one in could_find]
        if experiment.races:
            answer["race"] = outlook(experiment, plan, work, costs, rows).record()
        echo(json.dumps(answer, ensure_ascii=False))
        return
    table = Table("stage", "what", box=None, pad_edge=False)
    for name in ("all", "cached", "to do"):
        table.add_column(name, justify="right")
    for kind, what in _WHAT.items():
        table.add_row(kind, what, str(every[kind]), str(every[kind] - todo[kind]), str(todo[kind]))
    console.print(table)
    for line in _trainings(work.stages):
        console.print(f"  {escape(line)}", highlight=False)
    if experiment.tower is not None and experiment.recipe.images.image == "tune":
        line = f"  The image tower {experiment.tower.name} is tuned in each training of a target with images."
        console.print(escape(line), highlight=False, soft_wrap=True)
    for line in plan.skipped:
        console.print(f"[dim]left out: {escape(line)}[/]", highlight=False)
    if experiment.chooses_best and not plan.controls:
        console.print(
            "Controls of the best arm follow once dev scores have chosen it; they are not counted here."
        )
    if experiment.races:
        print_outlook(outlook(experiment, plan, work, costs, rows), plan.precision, console)
    else:
        console.print(f"The rest, roughly: {cost_words(costs, plan.precision)}.", highlight=False)
    _print_detectable(could_find, folder, console)


def _trainings(stages: Sequence[Stage]) -> list[str]:
    """A line for each training; one for those that go on from one model in several languages."""
    trained = [stage for stage in stages if stage.kind == "train"]
    alone = [stage.label for stage in trained if not stage.spec.get("continued")]
    languages: dict[str, list[str]] = {}
    for stage in trained:
        if stage.spec.get("continued"):
            label = stage.label.partition(" at ")[0]  # without the rate of a grid
            place, _, language = label.rpartition(" ")
            languages.setdefault(place, []).append(language)
    told = {place: list(dict.fromkeys(found)) for place, found in languages.items()}
    return [
        *alone,
        *(f"{place} in {len(found)} language{'s' * (len(found) > 1)}" for place, found in told.items()),
    ]


def _detectable(experiment: Experiment, plan: Plan, rows: RowCounts, folder: Path) -> list[Detectable]:
    """What the plan could find, from the test rows that it will read."""
    from xstilts.detectable import detectable

    tests: dict[str, dict[str, Stage]] = {target: {} for target in plan.recipe.targets}
    for cell in plan.cells:
        for prediction in cell.score.parents["prediction"]:
            for stage in prediction.parents["data"]:
                tests[cell.target][cell.language] = stage
    dropped = len(experiment.recipe.arms) - len(plan.recipe.arms)
    return detectable(plan, rows.catalogue, lambda target: rows.shared(tests[target]), folder, dropped)


def _print_detectable(found: Sequence[Detectable], folder: Path, console: Console) -> None:
    """Print the smallest gain that would be found, by target, and what that rests on."""
    seeds = found[0].seeds
    if all(one.corrected is None for one in found):
        line = f"{seeds} seed{'s'[: seeds != 1]}: there will be no verdict on any gain. Set seeds to three or more."
        console.print(line, highlight=False)
        return
    table = Table(
        "target", "languages", "sources", "English", "others", "corrected", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found:
        gains = [one.english, one.non_english, one.corrected]
        points = ["–" if gain is None else f"{100 * gain:.1f}" for gain in gains]
        name = one.task if one.measured else f"{one.task} *"
        table.add_row(escape(name), str(one.languages), f"{one.sources:,}", *points)
    line = f"The smallest gain that 80 of 100 such experiments would find, in points, on clean input, {seeds} seeds:"
    console.print(line, highlight=False, soft_wrap=True)
    console.print(table)
    for line in _basis(found, folder):
        console.print(f"[dim]{escape(line)}[/]", highlight=False, soft_wrap=True)


def _basis(found: Sequence[Detectable], folder: Path) -> Iterator[str]:
    from xstilts.detectable import DIFFERENT, RUN, SHARED

    tests = dict.fromkeys(f"{one.tests} ({one.family})" for one in found)
    yield f"corrected: after Holm's correction at its strictest, for as many arms × targets as {', '.join(tests)}."
    if not all(one.measured for one in found):
        yield (
            f"* assumed: {DIFFERENT:.0%} of the items answered differently, correlated {SHARED:g} between languages; "
            f"runs {100 * RUN:g} point apart (standard deviation). Measured once {folder} has results."
        )


def planned(experiment: Experiment, rows: RowCounts | None = None) -> tuple[Plan, Work, Costs]:
    """The plan of an experiment, what of it is to be done, and what that will cost by its row counts."""
    from xstilts.costs import estimate
    from xstilts.executors.local import pending

    plan = experiment.full_plan()
    work = pending(plan, experiment.store.addresses())
    costs = estimate(plan, work.stages, experiment.encoder, rows or experiment.row_counts(), experiment.tower)
    return plan, work, costs


def print_validation(experiment: Experiment, console: Console, as_json: bool) -> bool:
    """Read all rows that a recipe uses; print what is wrong with them, and what of a test set is trained on.

    True if nothing is wrong; an overlap is none of that.
    """
    from xstilts.overlap import MEANING, find_overlap, sentences

    plan = experiment.plan()
    reader = _Reader(experiment, [stage for stage in plan.stages if stage.kind == "prepare"])
    overlaps = [one.record() for one in find_overlap(plan, experiment.catalogue, reader.sampled)]
    counts, problems = reader.finished()
    notes = _notes(experiment, plan)
    if as_json:
        answer = {
            "valid": not problems,
            "problems": problems,
            "rows": counts,
            "overlap": overlaps,
            "notes": notes,
        }
        echo(json.dumps(answer, ensure_ascii=False))
        return not problems
    for name, count in counts.items():
        console.print(f"  {escape(name)}: {count} rows", highlight=False)
    for problem in problems:
        console.print(f"[red]✗[/] {escape(problem)}", highlight=False, soft_wrap=True)
    for line in notes:
        console.print(f"[yellow]Note:[/] {escape(line)}", highlight=False, soft_wrap=True)
    for line in plan.skipped:
        console.print(f"[dim]left out: {escape(line)}[/]", highlight=False)
    for line in sentences(overlaps):
        console.print(f"[yellow]![/] overlap: {escape(line)}", highlight=False, soft_wrap=True)
    if overlaps:
        console.print(f"  {MEANING}", highlight=False, soft_wrap=True)
    if not problems:
        cells = len(plan.cells) + len(plan.beside)
        console.print(f"[green]✓[/] valid: {len(plan.stages)} stages, {cells} cells and seeds")
    return not problems


def _notes(experiment: Experiment, plan: Plan) -> list[str]:
    """What may be a slip in the training rows, but need be none."""
    from xstilts.tasks.rare_labels import rare_labels

    prepared = [_place(stage) for stage in plan.stages if stage.kind == "prepare"]
    trained = dict.fromkeys((name, language) for name, split, language in prepared if split == "train")
    return [
        line
        for name, language in trained
        for line in rare_labels(experiment.catalogue.get(name).source, language)
    ]


class _Reader:
    """Reads all that prepare stages could read, each split and language once, and notes what is wrong.

    Rows that several stages read are kept, others forgotten.
    """

    def __init__(self, experiment: Experiment, stages: Sequence[Stage]) -> None:
        self._catalogue, self._stages = experiment.catalogue, stages
        self._readers = Counter(map(_place, stages))
        self._kept: dict[_Place, list[Row]] = {}
        self._found: dict[_Place, tuple[int, str]] = {}

    def sampled(self, stage: Stage) -> list[Row]:
        """The rows that a stage will make: of its number of examples, within the recipe's limit."""
        from xstilts.tasks.dividing import used

        return used(self.rows(stage), stage.spec)

    def rows(self, stage: Stage) -> list[Row]:
        """All rows of a stage's split and language; none where they cannot be read, which is noted."""
        place = _place(stage)
        if place not in self._kept:
            rows, problem = _examined(self._catalogue.get(place[0]), *place[1:])
            self._found[place] = len(rows), problem
            if self._readers[place] < 2:
                return rows
            self._kept[place] = rows
        return self._kept[place]

    def finished(self) -> tuple[dict[str, int], list[str]]:
        """Read the rest. The rows of each task and split, and what is wrong, in the order of the stages."""
        counts: Counter[str] = Counter()
        few: list[str] = []
        for stage in self._stages:
            if _place(stage) not in self._found:
                self.rows(stage)
            if "shots" in stage.spec:
                few.append(self._too_few(stage))
        places = dict.fromkeys(map(_place, self._stages))
        for place in places:
            counts[f"{place[0]} {place[1]}"] += self._found[place][0]
        problems = dict.fromkeys([*(self._found[place][1] for place in places), *few])
        return dict(counts), [problem for problem in problems if problem]

    def _too_few(self, stage: Stage) -> str:
        """What is wrong with the number of sources to draw, if anything."""
        try:
            self.sampled(stage)
        except DataError as error:
            return str(error)
        return ""


def _place(stage: Stage) -> _Place:
    spec = stage.spec
    return spec["task"]["name"], spec["split"], spec["language"]


def _examined(task: Task, split: str, language: str) -> tuple[list[Row], str]:
    """The rows of a split and language, and what is wrong with them, if anything."""
    try:
        rows = task.source.rows(split, language)
    except DataError as error:
        return [], str(error)
    if not rows:
        return [], f"{task.name}: the {split} split in {language} is empty"
    reason = get_task_type(task.type).unlearnable(rows) if split == "train" else ""
    return rows, f"{task.name}, train, {language}: {reason}" if reason else ""
