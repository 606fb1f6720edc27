"""The claims that a run tests, put into words: each with its verdict, its figures, and what would test it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.claims.base import (
    CONTRADICTED,
    NOT_TESTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    Part,
    is_fragment,
)
from xstilts.claims.ours import NOTHING_GAINED
from xstilts.report.evidence import Evidence, Interval
from xstilts.report.words import points, span

ON_RUN = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTED)
"""The verdicts that a claim can get on a run."""

_CAVEAT = (
    "A verdict is about this run alone, and is no wider than its targets, encoder and training. Intervals are of "
    "{level}%; the number of claims is not corrected for."
)
_MORE = "more seeds, such as xstilts run RECIPE --out DIR --set 'seeds=[0,1,2,3,4,5]'"


@dataclass(frozen=True)
class Figure:
    """One figure of a claim in words; empty where the part has none."""

    name: str
    value: str
    span: str
    printed: str
    verdict: str
    note: str

    @property
    def judgement(self) -> str:
        """The verdict, and what must be known of it."""
        return "; ".join(filter(None, (self.verdict, self.note)))


@dataclass(frozen=True)
class ToDo:
    """What to run to test or to decide a claim; a `recipe` is a part of one, to be set as it stands."""

    lead: str
    text: str
    recipe: bool = False


def figures(parts: Sequence[Part]) -> list[Figure]:
    """The figures that the verdict on a claim rests on, and those beside."""
    return [_figure(part) for part in parts]


def _figure(part: Part) -> Figure:
    before = f" ({part.before[0]} {points(part.before[1])})" if part.before else ""
    known = part.estimate is not None and part.low is not None and part.high is not None
    return Figure(
        f"{part.name}{before}",
        points(part.estimate) if part.estimate is not None else "",
        span(Interval(part.estimate or 0.0, part.low, part.high)) if known else "",
        points(part.printed) if part.printed is not None else "",
        part.verdict,
        part.note,
    )


def notes(finding: Finding) -> list[str]:
    """What a reader must know beside the figures, in sentences."""
    return [f"{note[:1].upper()}{note[1:]}." for note in finding.outcome.notes]


def to_do(finding: Finding) -> ToDo | None:
    """What would test or decide a claim; None where it is decided."""
    verdict, how = finding.outcome.verdict, finding.claim.how
    if NOTHING_GAINED in finding.outcome.notes:
        return ToDo("To test it:", "an arm that is better on dev than the baseline.")
    if verdict not in {NOT_TESTED, UNDECIDED}:
        return None
    if verdict == UNDECIDED and not any(part.verdict == NOT_TESTED for part in finding.outcome.parts):
        return ToDo("To decide it:", _MORE)
    fragment = is_fragment(how)
    return ToDo("To test it, a recipe with:" if fragment else "To test it:", how, fragment)


def counts(found: Sequence[Finding], verdicts: Sequence[str] = ON_RUN) -> str:
    """How many claims came to each of some verdicts; preconditions are not counted.

    Example:
        >>> counts([])
        '0 supported, 0 contradicted, 0 undecided, 0 not tested'
    """
    counted = Counter(finding.outcome.verdict for finding in found if not finding.claim.precondition)
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in verdicts)


def caveat(level: int) -> str:
    """How far verdicts on claims reach; `level` is that of the intervals, in percent."""
    return _CAVEAT.format(level=level)


def findings(evidence: Evidence) -> list[Finding]:
    """What every claim comes to on a run; none where its recipe, which says what the arms are, is not there."""
    told = evidence.recipe is not None and evidence.results.verdicts
    return evidence.results.claims() if told else []


def context(found: Sequence[Finding], level: int) -> dict[str, Any]:
    """What the section's template is given: claims and preconditions apart, each told."""
    return {
        "counts": counts(found),
        "caveat": caveat(level),
        "claims": [_told(one) for one in found if not one.claim.precondition],
        "preconditions": [_told(one) for one in found if one.claim.precondition],
    }


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "claim": finding.claim,
        "verdict": finding.outcome.verdict,
        "figures": figures(finding.outcome.parts),
        "notes": notes(finding),
        "to_do": to_do(finding),
    }


def rows(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The ledger as a table: a row a figure, or one alone for a claim without figures; numbers in 0..1."""
    return [
        {
            "claim": finding.claim.number,
            "kind": "precondition" if finding.claim.precondition else "claim",
            "sentence": finding.claim.sentence,
            "source": str(finding.claim.source),
            "verdict": finding.outcome.verdict,
            "figure": part.name,
            "estimate": part.estimate,
            "ci_low": part.low,
            "ci_high": part.high,
            "printed": part.printed,
            "figure_verdict": part.verdict,
            "note": part.note,
        }
        for finding in found
        for part in finding.outcome.parts or (Part(name=""),)
    ]
