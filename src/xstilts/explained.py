"""What explains the gains by language, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from xstilts.analysis.explanations import FEATURES, TOGETHER
from xstilts.report.explanations import by_place, counts, told, whole_note
from xstilts.report.words import points

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]

_CAVEAT = (
    "Points of gain for one unit of each feature, all features at once unless it says alone. * p < {alpha:g} after "
    "Holm's correction over the features. An association over languages is no cause."
)


def print_explanations(rows: Sequence[Row], alpha: float, console: Console) -> None:
    """Print what goes with larger gains, for each arm × family of targets × clean or perturbed input.

    Where languages are too few, a line says so. Nothing is printed without rows.

    Args:
        rows: of the table of explanations.
        alpha: 1 − the level of the intervals.
        console: where to print.
    """
    if not rows:
        return
    console.print(Text("What goes with larger gains, by language beside English", "bold"))
    for place, found in by_place(rows).items():
        _print_place(place, found, alpha, console)
    if any(row["estimate"] is not None for row in rows):
        console.print(_CAVEAT.format(alpha=alpha), style="dim", highlight=False)
    console.print()


def _print_place(place: tuple[str, str, str], rows: Sequence[Row], alpha: float, console: Console) -> None:
    arm, family, condition = place
    head = f"{arm}, {family} targets, {condition} input: "
    whole = whole_note(rows)
    console.print(Padding(head + (whole or counts(rows[0])), (0, 0, 0, 4), expand=False), highlight=False)
    if not whole:
        console.print(Padding(_table(told(rows), alpha), (0, 0, 0, 6), expand=False))


def _table(rows: Sequence[Row], alpha: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    for justify in ("left", "right", "left", "left"):
        table.add_column(justify=justify, overflow="fold")
    for row in rows:
        name = FEATURES[row["feature"]] + ("" if row["model"] == TOGETHER else ", alone")
        if row["estimate"] is None:
            table.add_row(name, "", "", Text(row["note"], "dim"))
            continue
        clear = row["p_holm"] <= alpha
        span = f"{points(row['ci_low'])} to {points(row['ci_high'])}"
        table.add_row(
            name, Text(points(row["estimate"]), "bold" if clear else ""), Text(span, "dim"), "*" * clear
        )
    return table
