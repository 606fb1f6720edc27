"""What the drawings of a run share: paper, panels on one scale, marks that are told apart without colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = (
    ("#2f7fb5", "o", "-"),
    ("#d9780c", "s", "--"),
    ("#7b5ea7", "^", "-."),
    ("#00896a", "D", "--"),
    ("#c2527f", "v", ":"),
    ("#7f5539", "P", "-"),
)
"""Colour, mark and dash of each line or kind of dot: colour alone tells nothing apart."""
_COLUMNS = 3


def blank(width: float, height: float) -> Figure:
    """An empty figure of so many inches, which lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels of one size, in inches, on one scale; at most three beside each other."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = blank(width * columns, height * rows + 0.5)
    grid: Any = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    axes = list(_flat(grid))
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def _flat(grid: Any) -> Iterator[Axes]:
    return (axis for row in grid for axis in row)


def name_marks(figure: Figure, axis: Axes) -> None:
    """Below the panels what each line, or kind of dot, of the first one is."""
    handles, labels = axis.get_legend_handles_labels()
    columns = min(len(labels), 4)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
