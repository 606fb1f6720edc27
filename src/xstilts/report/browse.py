"""Every gain by language in one table that readers sort and filter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from xstilts.languages import display_name, script_name
from xstilts.report import words
from xstilts.report.evidence import Evidence, Interval


@dataclass(frozen=True)
class Entry:
    """The clean gain of one arm or control on one target in one language."""

    target: str
    arm: str
    language: str
    code: str
    script: str
    gain: Interval


def entries(evidence: Evidence) -> list[Entry]:
    """A row for each target, arm and language with a gain: by target, arm, then the largest gain first."""
    targets = evidence.targets()
    return [
        Entry(words.short(target, targets), arm, display_name(code), code, script_name(code), gain)
        for target in targets
        for arm in evidence.all_arms()
        for code in evidence.gain_languages(arm, target)
        if (gain := evidence.gain(arm, target, code))
    ]


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given: the rows, and what each filter offers."""
    rows = entries(evidence)
    chosen = {"Target": _unique(x.target for x in rows), "Arm": _unique(x.arm for x in rows)}
    return {"rows": rows, "filters": chosen | {"Script": sorted({x.script for x in rows})}}


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
