"""Which targets are an intermediate task over again: trained on the same rows, or on rows that hold them."""

from __future__ import annotations

from collections.abc import Iterable

_SAME = {
    "stilts/anli+": {"xnli"},
    "stilts/mnli": {"xnli"},
    "stilts/squad1": {"xquad", "mlqa"},
    "stilts/squad2": {"xquad", "mlqa"},
}
"""Targets of XTREME and XTREME-R, without the suite, whose English training set is (in) that of an intermediate task.

ANLI+ holds MultiNLI, which XNLI is trained on; SQuAD 2.0 holds the questions of SQuAD 1.1, which XQuAD and MLQA are."""


def same_task(intermediates: Iterable[str], target: str) -> bool:
    """Whether a target is one of some intermediate tasks over again, so that a gain on it is no transfer.

    Example:
        >>> same_task(["stilts/squad1"], "xtreme/xquad"), same_task(["stilts/squad1"], "xtreme/xnli")
        (True, False)
    """
    suite, _, name = target.partition("/")
    again = suite in {"xtreme", "xtreme-r"}
    return any(task == target or (again and name in _SAME.get(task, ())) for task in intermediates)
