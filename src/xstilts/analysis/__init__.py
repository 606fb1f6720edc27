"""From scored cells to gains with intervals, and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.analysis.cells import Cell, Design, Settings
from xstilts.analysis.compare import compare
from xstilts.analysis.estimates import Row, by_target, estimate_target, gain_rows
from xstilts.analysis.verdicts import verdict_rows

__all__ = ["Analysis", "Cell", "Design", "Settings", "analyse", "compare"]


@dataclass(frozen=True)
class Analysis:
    """Three tables as lists of rows: `results` (cell and seed), `gains` (long), `verdicts` (arm × target)."""

    results: list[Row]
    gains: list[Row]
    verdicts: list[Row]


def analyse(cells: Sequence[Cell], design: Design, settings: Settings | None = None) -> Analysis:
    """Gains over the baseline and the controls, with intervals over seeds and items, and verdicts.

    Cells may be missing: a contrast is made where both sides have a cell for each of their common seeds, and
    `languages` says how many languages a mean spans.

    Args:
        cells: all cells, in any order.
        design: arms, baseline and controls.
        settings: smallest gain of interest, level, draws and seed of the bootstrap.

    Returns:
        Tables whose numbers are in the metric's unit, 0..1; None stands where there is nothing to say, as for
        `df` where no seed plays a part, or `se_seed` and `p` of a gain whose interval is over items alone (`over`).

    Raises:
        DataError: a cell was given twice.

    Example:
        >>> import numpy as np
        >>> items = {"none": [0, 0, 1, 1, 0, 1], "squad": [1, 0, 1, 1, 1, 1]}
        >>> cells = [
        ...     Cell(arm=arm, target="t", task_type="classification", family="trained", language="en",
        ...          condition="clean", seed=0, metric="accuracy", sources=list("abcdef"),
        ...          stats=np.column_stack([right, np.ones(6)]))
        ...     for arm, right in items.items()
        ... ]
        >>> analysis = analyse(cells, Design(arms=("none", "squad")))
        >>> [round(row["estimate"], 3) for row in analysis.gains if row["quantity"] == "gain"]
        [0.333, 0.333]
    """
    settings = settings or Settings()
    targets = [estimate_target(found, design, settings) for found in by_target(cells)]
    return Analysis(
        results=[row for target in targets for row in target.results],
        gains=[row for target in targets for row in gain_rows(target, settings)],
        verdicts=verdict_rows(targets, design, settings),
    )
