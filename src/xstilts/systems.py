"""What can be compared: an evaluation, a run, or a model, which is put to what the other side was put to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from xstilts import analysis
from xstilts.answer import analysis_cells
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.errors import UnknownName, UserError
from xstilts.evaluating import RECORD, cells, evaluate
from xstilts.examining import Options, Settings, unfit
from xstilts.finished import BEST, FinishedRun
from xstilts.languages import normalise
from xstilts.recipe import Retrieval
from xstilts.report.words import listed
from xstilts.saved import load_record, load_table, read_parquet
from xstilts.stage import data_revision
from xstilts.tasks import Catalogue
from xstilts.tasks.base import ZERO_SHOT

Place = tuple[str, str, str, str, str]
"""Task, language, condition, metric, post-processing."""


_ASKED = ("conditions", "limit", "retrieval", "precision", "max_length")
"""Settings of an evaluation that a model beside it takes over."""


@dataclass(frozen=True)
class Scored:
    """A cell, the ids of its items in the same order, and the revision of its data."""

    cell: analysis.Cell
    items: tuple[str, ...]
    revision: str

    @property
    def place(self) -> Place:
        """Where the cell stands: what must be equal on both sides."""
        cell = self.cell
        return cell.target, cell.language, cell.condition, cell.metric, cell.postprocess

    def only(self, items: Sequence[str]) -> Scored:
        """The same cell with these items, in this order."""
        place = {item: number for number, item in enumerate(self.items)}
        chosen = np.array([place[item] for item in items])
        sources = np.asarray(self.cell.sources)[chosen].tolist()
        cell = replace(self.cell, sources=sources, stats=self.cell.stats[chosen])
        return replace(self, cell=cell, items=tuple(items))


@dataclass(frozen=True)
class _Stored:
    """The scored cells that a folder holds, and how a model must be evaluated to be comparable with them.

    `gone`: the folder of benchmark data that was read, where it is no longer there: only a model needs it. `settings`
    are those other than zero-shot that a run has as well: they are not compared.
    """

    scored: list[Scored]
    options: Options
    gone: Path | None = None
    settings: tuple[str, ...] = ()

    def asked(self) -> dict[str, tuple[str, ...]]:
        """The languages of each task."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for one in self.scored:
            found[one.cell.target][one.cell.language] = None
        return {task: tuple(languages) for task, languages in found.items()}

    def left_out(self, what: str) -> str:
        """That zero-shot alone is compared, in a sentence; `what` is the system."""
        return f"setting: {ZERO_SHOT}. What {what} has in {listed(self.settings)} is not compared"


def both(
    a: str, b: str, tasks: Sequence[str] | None, languages: Sequence[str] | None, options: Options
) -> tuple[list[Scored], list[Scored], list[str]]:
    """The scored cells of two systems, and what of them is left out.

    A model beside an evaluation or a run is put to the same tasks, languages and conditions, with the same settings;
    tasks that its head does not fit are left out.

    Args:
        a: a folder of an evaluation, a folder of a run or `FOLDER:ARM`, or a model.
        b: another.
        tasks: tasks or suites; needed where both are models.
        languages: BCP-47 or ISO 639 codes.
        options: settings of evaluations that overrule those of the other side.

    Raises:
        UserError: not a system, two models without tasks, or a model that none of the tasks fits.
        DataError: a file of a folder is damaged.
    """
    catalogue = options.get("catalogue")
    stored = [_stored(what, catalogue.data if catalogue else None) for what in (a, b)]
    for number, (what, one) in enumerate(zip((a, b), stored, strict=True)):
        if one is not None:
            stored[number] = replace(one, scored=_wanted(one.scored, tasks, languages, what))
    sides = []
    for what, one, other in zip((a, b), stored, reversed(stored), strict=True):
        if one is not None:
            sides.append(one.scored)
        elif other is not None:
            sides.append(_like(what, other, options))
        else:
            sides.append(_model(what, tasks, languages, options))
    notes = [one.left_out(what) for what, one in zip((a, b), stored, strict=True) if one and one.settings]
    return sides[0], sides[1], notes


def _stored(what: str, data: Path | None) -> _Stored | None:
    """What a folder holds; None for a model. `data`: where a run's benchmark data is, if not where it was."""
    folder = Path(what)
    path, colon, arm = what.rpartition(":")
    if (folder / RECORD).is_file():
        return _of_evaluation(folder)
    if (folder / "run.json").is_file():
        return _of_run(folder, BEST, data)
    if colon and (Path(path) / "run.json").is_file():
        return _of_run(Path(path), arm, data)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise UserError(
            f"{what} is neither a model (config.json), nor an evaluation ({RECORD}), nor a run (run.json). "
            "Write predictions: xstilts evaluate MODEL --tasks TASK --out DIR"
        )
    return None


def _like(what: str, other: _Stored, options: Options) -> list[Scored]:
    """A model put to what the other side was put to: its tasks, each in the languages that it has there."""
    if other.gone and "catalogue" not in options:
        raise UserError(
            f"{what} is to be put to the tasks of the other side, whose data folder, {other.gone}, is not there. "
            "Say where it is now: --data DIR"
        )
    asked, chosen = other.asked(), Options(**{**other.options, **options})
    settings = Settings(**chosen)
    base = load_encoder(find_encoder(what))
    reasons = {task: unfit(settings.catalogue.get(task), base) for task in asked}
    if asked and all(reasons.values()):
        raise UserError("\n".join(dict.fromkeys(reasons.values())))
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for task, languages in asked.items():
        if not reasons[task]:
            together[languages].append(task)
    return [one for languages, tasks in together.items() for one in _model(what, tasks, languages, chosen)]


def _model(
    what: str, tasks: Sequence[str] | None, languages: Sequence[str] | None, options: Options
) -> list[Scored]:
    if not tasks:
        raise UserError(
            f"{what} is a model: expected the tasks to compare on. Type --tasks with names from: xstilts ls tasks"
        )
    evaluation = evaluate(what, tasks, languages, **options)
    return _scored(evaluation.predictions, evaluation.record)


def _of_evaluation(folder: Path) -> _Stored:
    again = f"xstilts evaluate MODEL --tasks TASK --out {folder}"
    record = load_record(folder / RECORD, again, ("model", "settings", "tasks"))
    again = f"xstilts evaluate {record['model']} --tasks {','.join(record['tasks'])} --out {folder}"
    paths = {task: folder / "predictions" / f"{task}.parquet" for task in record["tasks"]}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise UserError(f"{folder}: predictions are missing: {', '.join(missing)}. Write them again: {again}")
    tables = {task: load_table(path, again) for task, path in paths.items()}
    settings = dict(record["settings"])
    if "retrieval" in settings:
        settings["retrieval"] = Retrieval.model_validate(settings["retrieval"])
    known = {name: value for name, value in settings.items() if name in _ASKED}
    data = Path(record["data"]) if record.get("data") else None
    gone = data if data and not data.is_dir() else None
    if data and not gone:
        known["catalogue"] = Catalogue(data=data)
    return _Stored(_scored(tables, record), cast("Options", known), gone)


def _scored(predictions: Mapping[str, Any], record: Mapping[str, Any]) -> list[Scored]:
    tasks = record["tasks"]
    return [
        Scored(cell, tuple(items), tasks[cell.target]["data"][cell.language])
        for cell, items in cells(predictions, record)
    ]


def _of_run(folder: Path, arm: str, data: Path | None) -> _Stored:
    """The cells of one arm, or for each target of the arm that is best on it."""
    run = FinishedRun.open(folder, data)
    arms = {target: run.arm(arm, [target]) for target in run.recipe.targets}
    chosen = tuple(cell for cell in run.plan.cells if cell.arm == arms[cell.target])
    scored = []
    for cell, statistics in zip(chosen, analysis_cells(run.experiment, chosen), strict=True):
        table = read_parquet(run.experiment.store.open(cell.score.address).path("item_stats.parquet"))
        (prediction,) = cell.score.parents["prediction"]
        scored.append(Scored(statistics, tuple(table["item"].to_pylist()), data_revision(prediction)))
    options = Options(
        conditions=run.recipe.conditions,
        limit=run.recipe.limit,
        retrieval=run.recipe.retrieval,
        precision=run.recipe.training.precision,
        max_length=run.recipe.training.target.max_length,
        catalogue=run.experiment.catalogue,
    )
    settings = tuple(dict.fromkeys(cell.setting for cell in run.plan.beside))
    return _Stored(scored, options, settings=settings)


def _wanted(
    scored: Sequence[Scored], tasks: Sequence[str] | None, languages: Sequence[str] | None, what: str
) -> list[Scored]:
    """The cells of some tasks or suites and languages.

    Raises:
        UnknownName: a name that the system has nothing of.
    """
    there = {one.cell.target for one in scored}
    names = there | {name.partition("/")[0] for name in there}
    for name in tasks or ():
        if name not in names:
            raise UnknownName(f"task in {what}:", name, names)
    codes = None if languages is None else {normalise(code) for code in languages}
    return [
        one
        for one in scored
        if (not tasks or {one.cell.target, one.cell.target.partition("/")[0]} & set(tasks))
        and (codes is None or one.cell.language in codes)
    ]
