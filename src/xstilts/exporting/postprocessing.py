"""Which of a run's vectors an export is of: as they are, or with their mean taken away."""

from __future__ import annotations

from collections.abc import Collection

RAW, CENTER = "none", "center"


def rule_for(asked: str | None, there: Collection[str]) -> str:
    """The post-processing that was asked for, else the one that a run's verdicts rest on: raw vectors if it has them.

    Example:
        >>> rule_for(None, ("center", "none")), rule_for(None, ("center",)), rule_for("center", ())
        ('none', 'center', 'center')
    """
    return asked or (RAW if RAW in there or not there else next(iter(there)))
