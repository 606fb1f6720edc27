"""Two systems on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xstilts.analysis.cells import Cell, Design, Settings
from xstilts.analysis.estimates import Row, by_target, estimate_target, finite
from xstilts.errors import DataError
from xstilts.wording import listed

_A, _B = "a", "b"


def compare(a_cells: Sequence[Cell], b_cells: Sequence[Cell], settings: Settings | None = None) -> list[Row]:
    """Paired differences B − A on the same items, for each language, condition and metric, and their means.

    With one seed on either side, or with two whose variance cannot be pooled over the two systems, the interval
    and the p-value are over sources alone: they hold for these very runs, not for others trained like them (`over`
    says which). The arms' names play no part.

    Args:
        a_cells: the first system's cells.
        b_cells: the second's.
        settings: level, draws and seed of the bootstrap.

    Returns:
        Rows `task, group (en, non-en, all, or a language), condition, metric, postprocess, a, b, difference,
        ci_low, ci_high, p, over (items, or seeds and items), languages, n_sources`; numbers in 0..1.

    Raises:
        DataError: no cell in common, or a cell over different items on the two sides.
    """
    settings = settings or Settings()
    cells = _on_common_places([replace(x, arm=_A) for x in a_cells], [replace(x, arm=_B) for x in b_cells])
    design = Design(arms=(_A, _B), baseline=_A)
    return [row for found in by_target(cells) for row in _rows(found, design, settings)]


def _rows(cells: Sequence[Cell], design: Design, settings: Settings) -> list[Row]:
    estimates = estimate_target(cells, design, settings).estimates
    rows = []
    for key, estimate in estimates.items():
        if key.quantity != "gain":
            continue
        low, high = estimate.interval(settings.alpha)
        a, b = (estimates[key._replace(quantity="score", arm=arm, reference="")].value for arm in (_A, _B))
        rows.append(
            {
                "task": key.target,
                "group": key.group,
                "condition": key.condition,
                "metric": key.metric,
                "postprocess": key.postprocess,
                "a": a,
                "b": b,
                "difference": estimate.value,
                "ci_low": finite(low),
                "ci_high": finite(high),
                "p": estimate.p(),
                "over": estimate.over,
                "languages": estimate.languages,
                "n_sources": estimate.clusters,
            }
        )
    return rows


_Where = tuple[str, str, str, str, str]


def _on_common_places(a_cells: Sequence[Cell], b_cells: Sequence[Cell]) -> list[Cell]:
    """The cells at places that both systems have, their seeds numbered from 0."""
    a, b = _by_place(a_cells), _by_place(b_cells)
    if not a.keys() & b.keys():
        raise DataError(
            f"the two systems share no cell: one has {_named(a)}, the other {_named(b)}. Expected at least "
            "one task, language and metric in both: xstilts evaluate MODEL --tasks TASK"
        )
    common = sorted(a.keys() & b.keys())
    runs = min(len(side[where]) for side in (a, b) for where in common)
    return [
        replace(cell, seed=seed)
        for side in (a, b)
        for where in common
        for seed, cell in enumerate(sorted(side[where], key=lambda x: x.seed)[:runs])
    ]


def _by_place(cells: Sequence[Cell]) -> dict[_Where, list[Cell]]:
    places: dict[_Where, list[Cell]] = {}
    for cell in cells:
        where = (cell.target, cell.language, cell.condition, cell.metric, cell.postprocess)
        places.setdefault(where, []).append(cell)
    return places


def _named(places: dict[_Where, list[Cell]]) -> str:
    names = sorted({f"{target} in {language}" for target, language, *_ in places})
    return listed(names, 4) or "no cells"
