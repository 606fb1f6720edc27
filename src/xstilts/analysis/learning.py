"""Whether an arm learned its own intermediate task: one that did not says nothing about that task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LEARNED = 0.1
"""A task is learned where its dev score closes this share of the way from chance to perfect."""


def learned_runs(values: Sequence[float], chance: float | None) -> int | None:
    """In how many runs a task was learned; None where no chance level is known.

    Example:
        >>> learned_runs([0.26, 0.6, 0.7], 0.25)
        2
    """
    if chance is None:
        return None
    bar = chance + LEARNED * (1 - chance)
    return sum(value >= bar for value in values)


def unlearned_arms(intermediates: Iterable[Mapping[str, Any]]) -> list[str]:
    """The arms that learned none of their tasks in any run, from `run.json`'s rows of intermediates.

    Example:
        >>> rows = [{"arm": arm, "values": [value], "chance": 0.25} for arm, value in (("a", 0.26), ("b", 0.9))]
        >>> unlearned_arms(rows)
        ['a']
    """
    runs: dict[str, list[int | None]] = {}
    for row in intermediates:
        if row["values"]:
            runs.setdefault(row["arm"], []).append(learned_runs(row["values"], row.get("chance")))
    return [arm for arm, found in runs.items() if all(count == 0 for count in found)]
