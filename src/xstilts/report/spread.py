"""How each gain is spread: over languages, against English, and what is left of scores on changed input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.languages import display_name
from xstilts.report import words
from xstilts.report.evidence import ALL, OTHERS, PERTURBED, Evidence
from xstilts.report.shares import percent, ratio_span, signed, signed_span


@dataclass(frozen=True)
class Entry:
    """One number with what a reader needs beside it, in words; `clear`: its interval leaves out no difference.

    `where` is the language that it is the number of, if it is that of one.
    """

    value: str
    beside: str = ""
    clear: bool = False
    where: str = ""

    @property
    def told(self) -> str:
        """The number, and of what it is."""
        return f"{self.where} {self.value}".strip()


@dataclass(frozen=True)
class Line:
    """The spread of the gain of one arm on one target: an entry a column, None where there is nothing to say."""

    target: str
    arm: str
    entries: tuple[Entry | None, ...]


COLUMNS = {
    "Languages that gain": "in how many of the other languages the gain is above 0; beneath, from how many are shown "
    "to gain, to how many are not shown to lose, when all are looked at together.",
    "Smallest gain": "the language that gains least, and bounds on the smallest gain of any of them: wider than that "
    "language's own interval, as it was picked for being the smallest.",
    "Gap to English": "how far the other languages lag behind English with the arm, minus the same without it: above "
    "0 the gap grew.",
    "Kept of the English gain": "the mean gain of the other languages as a share of the English gain, where English "
    "has a clear gain (Fieller's interval).",
    "Lost when changed": "the share of its clean score that the arm loses on changed input, minus what the baseline "
    "loses of its own: below 0 the arm loses less.",
    "Errors when changed": "errors on changed input as a share of the baseline's, a mean over perturbations (mean "
    "corruption error): below 100% there are fewer.",
}
"""The columns with what they mean. Those of changed input come last, and are left out where none was tested."""

_CHANGED = 2


def lines(evidence: Evidence) -> list[Line]:
    """A line for each target and arm, in the report's order; targets of which there is nothing to say are left out."""
    width = len(COLUMNS) if evidence.conditions else len(COLUMNS) - _CHANGED
    found = [
        Line(target, arm, _entries(arm, target, evidence)[:width])
        for family in evidence.families
        for target in evidence.targets(family)
        for arm in evidence.arms
    ]
    return [line for line in found if any(line.entries)]


def columns(found: Sequence[Line]) -> list[str]:
    """The names of the columns that lines fill."""
    return list(COLUMNS)[: max((len(line.entries) for line in found), default=0)]


def meanings(names: Sequence[str]) -> str:
    """What columns mean, in sentences."""
    return " ".join(f"{name}: {COLUMNS[name]}" for name in names)


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given: the lines of each target, and the columns with what they mean."""
    found = lines(evidence)
    targets = dict.fromkeys(line.target for line in found)
    return {
        "targets": [(target, [line for line in found if line.target == target]) for target in targets],
        "columns": [(name, COLUMNS[name]) for name in columns(found)],
    }


def _entries(arm: str, target: str, evidence: Evidence) -> tuple[Entry | None, ...]:
    """In the order of the columns."""
    told = (_gaining, _worst, _gap, _kept, _lost, _errors)
    return tuple(tell(arm, target, evidence) for tell in told)


def _gaining(arm: str, target: str, evidence: Evidence) -> Entry | None:
    share = evidence.gain(arm, target, OTHERS, quantity="share_gaining")
    row = evidence.verdict(arm, target)
    if share is None or row is None or not row["languages"]:
        return None
    of = row["languages"]
    count, low, high = (None if x is None else round(x * of) for x in share)
    return Entry(f"{count} of {of}", "" if low is None or high is None else f"{low} to {high}")


def _worst(arm: str, target: str, evidence: Evidence) -> Entry | None:
    row = evidence.verdict(arm, target)
    if row is None or row["languages"] < 2 or not row["worst_language"]:
        return None
    language = str(row["worst_language"])
    gain = evidence.gain(arm, target, language, quantity="worst_gain")
    if gain is None:
        return None
    return Entry(words.points(gain.value), words.span(gain), gain.clear, display_name(language))


def _gap(arm: str, target: str, evidence: Evidence) -> Entry | None:
    gap = evidence.gain(arm, target, ALL, quantity="transfer_gap")
    return Entry(words.points(gap.value), words.span(gap), gap.clear) if gap else None


def _kept(arm: str, target: str, evidence: Evidence) -> Entry | None:
    kept = evidence.retention(arm, target)
    return Entry(percent(kept.value), ratio_span(kept)) if kept else None


def _lost(arm: str, target: str, evidence: Evidence) -> Entry | None:
    difference = evidence.gain(arm, target, ALL, PERTURBED, quantity="relative_drop")
    if difference is None:
        return None
    return Entry(signed(difference.value), signed_span(difference), difference.clear)


def _errors(arm: str, target: str, evidence: Evidence) -> Entry | None:
    ratio = evidence.gain(arm, target, ALL, PERTURBED, quantity="mean_corruption_error")
    if ratio is None:
        return None
    return Entry(percent(ratio.value), ratio_span(ratio), ratio.minus(1.0).clear)
