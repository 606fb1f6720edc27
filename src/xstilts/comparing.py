"""Two systems on the same items: models, folders of predictions, or arms of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from rich.console import Console
from rich.table import Table

from xstilts import analysis
from xstilts.errors import DataError
from xstilts.evaluating import GROUPS, WORDS, group_name, interval_text, telling
from xstilts.examining import Options
from xstilts.metrics import get_metric
from xstilts.report.words import MINUS, counted, points
from xstilts.systems import Place, Scored, both
from xstilts.tasks import Catalogue


@dataclass(frozen=True)
class Comparison:
    """B − A on the items that both have.

    `rows`: a row a task, group (`en`, `non-en`, `all`, or a language), condition, metric and post-processing: `a`,
    `b`, `difference`, `ci_low`, `ci_high`, `p`, `over`, `languages`, `n_sources`; numbers in 0..1. `unpaired`: a row
    for each place where items, or all of it, are on one side only. `notes`: what makes the two sides unlike.
    """

    a: str
    b: str
    rows: list[dict[str, Any]]
    unpaired: list[dict[str, Any]]
    notes: list[str]

    def to_json(self) -> str:
        """Everything, as JSON."""
        return json.dumps(vars(self), indent=1, ensure_ascii=False)


def compare(
    a: str | Path,
    b: str | Path,
    tasks: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    statistics: analysis.Settings | None = None,
    data: Path | None = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare two systems item by item; what is reported is B − A.

    A system is a folder that `xstilts evaluate --out` wrote, the folder of a run (the arm that is best on dev for
    each target, or the one of `FOLDER:ARM`), or a model, which is evaluated first.

    Args:
        a: the first system.
        b: the second.
        tasks: tasks or suites; needed where both are models. Default: all that both have.
        languages: BCP-47 or ISO 639 codes; default: all that both have.
        statistics: level, draws and seed of the bootstrap over sources.
        data: folder with benchmark data, for models, and for runs whose data has moved.
        options: how models are evaluated, see `examining.Settings`; default: as the other side was, where it is no
            model.

    Raises:
        UserError: not a system, or two models without tasks.
        DataError: nothing in common.

    Example:
        >>> compare("runs/demo:none", "runs/demo:definitions").rows  # doctest: +SKIP
    """
    if data is not None:
        options = Options(**({"catalogue": Catalogue(data=data)} | options))
    first, second, left_out = both(str(a), str(b), tasks, languages, options)
    pairs, unpaired, notes = _align(first, second)
    if not pairs:
        raise DataError(
            f"{a} and {b} have no item in common: one has {_tasks(first)}, the other {_tasks(second)}. "
            "Expected predictions on the same test sets: xstilts evaluate MODEL --tasks TASK --out DIR, for both"
        )
    ours, theirs = ([scored.cell for pair in pairs for scored in pair[side]] for side in (0, 1))
    return Comparison(str(a), str(b), analysis.compare(ours, theirs, statistics), unpaired, left_out + notes)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print a table a task: differences with intervals, means before languages; then what could not be paired."""
    console.print(f"A  {comparison.a}\nB  {comparison.b}", highlight=False, markup=False)
    over = {row["over"] for row in comparison.rows}
    for task in dict.fromkeys(row["task"] for row in comparison.rows):
        rows = telling([row for row in comparison.rows if row["task"] == task])
        table = Table(title=task, title_justify="left", box=None, pad_edge=False)
        for name, justify in _COLUMNS.items():
            table.add_column(name, justify=justify, no_wrap=name not in WORDS)  # a number is never cut
        for row in sorted(
            rows,
            key=lambda row: (row["group"] not in GROUPS, row["metric"], row["postprocess"] == "center"),
        ):
            marked = len(over) > 1 and row["over"] == "items"
            table.add_row(*_cells(row, "*" if marked else ""), style="bold" if row["group"] in GROUPS else "")
        console.print()
        console.print(table, highlight=False)
    legend = _LEGENDS[tuple(sorted(over))]
    console.print(f"\nIn percent and points; {legend}", style="dim", highlight=False)
    for line in [*comparison.notes, *_unpaired_lines(comparison.unpaired)]:
        console.print(f"! {line}", style="yellow", highlight=False, markup=False)


_COLUMNS: dict[str, Literal["left", "right"]] = {
    "languages": "left",
    "condition": "left",
    "metric": "left",
    "A": "right",
    "B": "right",
    "B − A": "right",
    "interval": "left",
    "p": "right",
}
_REACH = "they hold for these very models, not for others trained like them"
_POOLED = (
    "The variance over seeds is that of A and B; a run's own report pools it over all its arms and controls."
)
_LEGENDS = {
    ("seeds and items",): f"95% intervals over seeds and items. {_POOLED}",
    ("items",): f"95% intervals over items: {_REACH}.",
    (
        "items",
        "seeds and items",
    ): "95% intervals over seeds and items; those marked * are over items alone, as two "
    f"seeds that differ in their spread say too little: {_REACH}. {_POOLED}",
}


def _cells(row: Mapping[str, Any], mark: str) -> tuple[str, ...]:
    vectors = {"none": ", raw vectors", "center": ", centred vectors"}.get(row["postprocess"], "")
    return (
        group_name(row["group"], row["languages"] if row["group"] in GROUPS else 0),
        row["condition"],
        get_metric(row["metric"]).label + vectors,
        f"{100 * row['a']:.1f}",
        f"{100 * row['b']:.1f}",
        points(row["difference"]),
        interval_text(row, -1.0).replace("-", MINUS) + mark,
        "<0.001" if row["p"] < 0.001 else f"{row['p']:.3f}",
    )


def _unpaired_lines(unpaired: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each task and language, whatever conditions and metrics there are."""
    most: dict[tuple[str, str], tuple[int, int]] = {}
    for row in unpaired:
        where = row["task"], row["language"]
        before = most.get(where, (0, 0))
        most[where] = max(before[0], row["only_a"]), max(before[1], row["only_b"])
    return [
        f"{task} {group_name(language)}: left out, as only one side has them: {ours} items of A, {theirs} of B"
        for (task, language), (ours, theirs) in most.items()
    ]


Pair = tuple[list[Scored], list[Scored]]


def _align(
    ours: Sequence[Scored], theirs: Sequence[Scored]
) -> tuple[list[Pair], list[dict[str, Any]], list[str]]:
    """Cells of both sides cut to the items they share; what is on one side only; what makes the sides unlike."""
    sides = _by_place(ours), _by_place(theirs)
    pairs: list[Pair] = []
    unpaired: list[dict[str, Any]] = []
    notes: list[str] = []
    for place in sorted(sides[0].keys() | sides[1].keys()):
        found = [side.get(place, []) for side in sides]
        items = [set.intersection(*(set(one.items) for one in group)) if group else set() for group in found]
        common = sorted(items[0] & items[1])
        if items[0] ^ items[1]:
            unpaired.append(_unpaired(place, *items))
        if common:
            pairs.append(([one.only(common) for one in found[0]], [one.only(common) for one in found[1]]))
            notes += _unlike(place, found, bool(items[0] ^ items[1]))
    return pairs, unpaired, list(dict.fromkeys(notes))


def _by_place(scored: Sequence[Scored]) -> dict[Place, list[Scored]]:
    places: dict[Place, list[Scored]] = {}
    for one in scored:
        places.setdefault(one.place, []).append(one)
    return places


def _unpaired(place: Place, ours: set[str], theirs: set[str]) -> dict[str, Any]:
    names = ("task", "language", "condition", "metric", "postprocess")
    only = sorted(ours - theirs), sorted(theirs - ours)
    return dict(zip(names, place, strict=True)) | {
        "only_a": len(only[0]),
        "only_b": len(only[1]),
        "common": len(ours & theirs),
        "examples": [*only[0][:2], *only[1][:2]],
    }


def _unlike(place: Place, found: Sequence[Sequence[Scored]], differ: bool) -> list[str]:
    """Why a difference at a place may be due to something else than the systems."""
    task, language = place[0], group_name(place[1])
    notes = []
    runs = [len(group) for group in found]
    if runs[0] != runs[1]:
        notes.append(_fewer_seeds(found))
    if len({one.revision for group in found for one in group}) > 1:
        notes.append(f"{task} {language}: the two sides read different revisions of the data")
    if differ and found[0][0].cell.family == "retrieval":
        notes.append(f"{task} {language}: the two sides chose among different candidates")
    return notes


def _fewer_seeds(found: Sequence[Sequence[Scored]]) -> str:
    """How many seeds each side has, and which of them are compared."""
    seeds = [sorted(one.cell.seed for one in group) for group in found]
    few = min(map(len, seeds))
    noun = "seed" if few == 1 else "seeds"
    have = " and ".join(
        f"{side} has {counted(len(group), 'seed')}" for side, group in zip("AB", seeds, strict=True)
    )
    taken = " with ".join(
        f"{noun} {', '.join(map(str, group[:few]))} of {side}"
        for side, group in zip("AB", seeds, strict=True)
    )
    return f"{have}: compared {'is' if few == 1 else 'are'} {taken}"


def _tasks(scored: Sequence[Scored]) -> str:
    return ", ".join(sorted({one.cell.target for one in scored})) or "nothing"
