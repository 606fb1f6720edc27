"""What a claim is, and how evidence makes a verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xstilts.analysis.estimates import finite
from xstilts.analysis.intervals import Estimate

if TYPE_CHECKING:
    from xstilts.claims.published import Published
    from xstilts.claims.tables import RunTables

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTED = "supported", "contradicted", "undecided", "not tested"
MET, NOT_MET = "met", "not met"
CONSISTENT, INCONSISTENT, NOT_TESTABLE, STATED = "consistent", "inconsistent", "not testable", "stated"


class PValues(NamedTuple):
    """Two-sided p-values: that of the evidence for a claim, and that of the evidence against it."""

    p_for: float
    p_against: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """One figure of a finding, in 0..1.

    `verdict` is empty where the figure is shown beside and decides nothing. `printed` is the published figure,
    `before` what a gain that is to last was before, as (what it was measured on, value); `note` says in words what a
    reader must know of this figure.
    """

    name: str
    verdict: str = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    printed: float | None = None
    before: tuple[str, float] | None = None
    p_for: float | None = None
    p_against: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a test came to: a verdict, the figures it rests on, and what a reader must know beside them."""

    verdict: str
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a claim is made: a paper and the place in it, or this project."""

    paper: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.paper}, {self.where}" if self.where else self.paper


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim or precondition: what it says, who says it, how it is tested, and what to run to test it.

    `on_run` tests it on the tables of a run, `on_reference` on the published figures. `short` is its name in a
    table. `how` is what to type, or what a recipe must hold.
    """

    number: int
    short: str
    sentence: str
    source: Source
    on_run: Callable[[RunTables], Outcome]
    on_reference: Callable[[Published], Outcome]
    how: str
    precondition: bool = False


@dataclass(frozen=True)
class Finding:
    """A claim with what its test came to.

    Example:
        >>> findings = Results.load("runs/demo").claims()  # doctest: +SKIP
        >>> [(finding.claim.number, finding.outcome.verdict) for finding in findings]  # doctest: +SKIP
        [(1, 'not tested'), ...]
    """

    claim: Claim
    outcome: Outcome

    def record(self) -> dict[str, Any]:
        """What scripts read; figures in 0..1."""
        claim = self.claim
        return {
            "claim": claim.number,
            "kind": "precondition" if claim.precondition else "claim",
            "sentence": claim.sentence,
            "source": str(claim.source),
            "verdict": self.outcome.verdict,
            "parts": [asdict(part) for part in self.outcome.parts],
            "notes": list(self.outcome.notes),
            "how": claim.how,
        }


@dataclass(frozen=True)
class Rule:
    """Level and smallest gain of interest of a run, which verdicts on claims share with its other verdicts."""

    alpha: float = 0.05
    delta: float = 0.01

    def above(self, name: str, estimate: Estimate, bound: float, **other: Any) -> Part:
        """A part that claims more than a bound: supported clearly above it, contradicted clearly below."""
        test = PValues(_two(estimate.p_above(bound)), _two(estimate.p_below(bound)))
        return self.part(name, estimate, test, **other)

    def gains(self, name: str, estimate: Estimate, **other: Any) -> Part:
        """A part that claims a gain: supported above 0, contradicted where it is too small to matter."""
        test = PValues(_two(estimate.p_above()), _two(estimate.p_below(self.delta)))
        return self.part(name, estimate, test, **other)

    def lasts(self, name: str, first: Estimate, then: Estimate, **other: Any) -> Part:
        """A part that claims that a gain lasts.

        Supported where it is above 0 at first and then; contradicted where there is a clear loss then, or a gain at
        first and none of interest then: the rules of the verdicts persists, harms and fades.
        """
        fades = max(first.p_above(), then.p_below(self.delta))
        against = min(1.0, 2 * min(_two(then.p_below()), _two(fades)))
        test = PValues(_two(max(first.p_above(), then.p_above())), against)
        return self.part(name, then, test, first.items_only, **other)

    def part(self, name: str, estimate: Estimate, test: PValues, one_run: bool = False, **other: Any) -> Part:
        """The part of an estimate with what its test says; without two seeds there is no verdict."""
        low, high = estimate.interval(self.alpha)
        other |= {"estimate": estimate.value, "low": finite(low), "high": finite(high)}
        if estimate.items_only or one_run:
            other.setdefault("note", "interval over items alone: too few seeds for a verdict")
            return Part(name=name, verdict=UNDECIDED, **other)
        return Part(name=name, verdict=self.verdict([test]), **test._asdict(), **other)

    def beside(self, name: str, estimate: Estimate, **other: Any) -> Part:
        """A part that is shown and decides nothing."""
        low, high = estimate.interval(self.alpha)
        return Part(name=name, estimate=estimate.value, low=finite(low), high=finite(high), **other)

    def verdict(self, tests: Sequence[PValues]) -> str:
        """The verdict on a claim that says several things at once.

        All must be supported, which needs no correction; one that is contradicted is enough, which is corrected
        for their number (Bonferroni).
        """
        if max(test.p_for for test in tests) <= self.alpha:
            return SUPPORTED
        against = min(test.p_against for test in tests) * len(tests)
        return CONTRADICTED if against <= self.alpha else UNDECIDED

    def outcome(self, parts: Sequence[Part], *notes: str) -> Outcome:
        """The outcome of parts that must all hold; those that were not tested leave it open."""
        judged = [part for part in parts if part.verdict]
        found = [
            PValues(part.p_for, part.p_against)
            for part in judged
            if part.p_for is not None and part.p_against is not None
        ]
        untested = all(part.verdict == NOT_TESTED for part in judged)
        verdict = NOT_TESTED if untested else self.verdict(found) if found else UNDECIDED
        if verdict == SUPPORTED and len(found) < len(judged):
            verdict = UNDECIDED
        return Outcome(verdict, tuple(parts), tuple(note for note in notes if note))


def is_fragment(how: str) -> bool:
    """Whether what is to be done to test a claim is part of a recipe, and not a sentence.

    Example:
        >>> is_fragment("languages: all"), is_fragment("For translation: declare it.")
        (True, False)
    """
    return how.partition(":")[0].isidentifier() and how[:1].islower()


def untested(name: str, note: str, **other: Any) -> Part:
    """A part that the run has no data for."""
    return Part(name=name, verdict=NOT_TESTED, note=note, **other)


def not_tested(*notes: str) -> Outcome:
    """A claim that the run has no data for."""
    return Outcome(NOT_TESTED, (), notes)


def _two(p: float) -> float:
    return min(1.0, 2 * p)
