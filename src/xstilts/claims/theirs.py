"""The published claims (1) to (6) and their preconditions (7) to (9), tested on a run's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xstilts.analysis.intervals import Estimate
from xstilts.claims.base import MET, NOT_MET, NOT_TESTED, Outcome, Part, PValues, not_tested, untested
from xstilts.claims.published import Published
from xstilts.claims.tables import (
    RETRIEVAL,
    STILTS,
    TRAINED,
    XTREME,
    RunTables,
    Term,
    combine,
)
from xstilts.recipe import BASELINE

TEXT = (TRAINED, RETRIEVAL)
XLMR_LARGE = {"FacebookAI/xlm-roberta-large", "xlm-roberta-large"}
MANY = 3
"""Intermediate tasks that are the fewest to speak of many."""


def large_average_gains(run: RunTables) -> Outcome:
    """(1): SQuAD, MNLI and HellaSwag each gain half of the printed average or more."""
    printed = Published.load().headline["averages"]
    parts: list[Part] = []
    for task in ("squad1", "mnli", "hellaswag"):
        arms = run.arms_of(task)
        parts += [
            part for arm in arms for part in _average(run, arm, f"{arm}: all targets", printed[task] / 100)
        ]
        parts += [] if arms else [untested(task, _no_arm(run, task), printed=printed[task] / 100)]
    arms = run.arms_of("squad1") + run.arms_of("mnli") + run.arms_of("hellaswag")
    notes = scope(run, run.published(TEXT)), run.left_out(*arms), "large: half of the printed gain or more"
    return _published(run, run.rule.outcome(parts, *(notes if arms else ())))


def _no_arm(run: RunTables, task: str) -> str:
    there = run.trained_on(task)
    return f"{there[0]} did not learn this task" if there else "no arm with this task alone"


def multi_task_is_best(run: RunTables) -> Outcome:
    """(2): an arm of all tasks that the run has alone gains more on average than each of them."""
    mixed = _mixture(run)
    if mixed is None:
        return not_tested("no arm mixes all tasks that other arms have alone (two or more)")
    targets = run.published(TEXT, mixed, *run.single)
    parts = []
    for arm in run.single:
        difference = _difference(run, [(mixed, arm)], targets)
        name = f"{mixed} − {arm}: all targets"
        if difference is not None:
            parts.append(_of_both(run, run.rule.above(name, difference, 0.0), targets))
    own = run.average([(mixed, target) for target in targets])
    if own is not None:
        printed = Published.load().headline["averages"]["multi"] / 100
        parts.append(run.rule.beside(f"{mixed}: all targets", own, printed=printed))
    if len(run.tasks(mixed)) < len(STILTS):
        note = f"{mixed} mixes {len(run.tasks(mixed))} tasks"
        parts.append(untested("all nine tasks together", note))
    notes = scope(run, targets), run.left_out(mixed, *run.single), run.not_counted
    return _published(run, run.rule.outcome(parts, *notes))


def retrieval_gains_much(run: RunTables) -> Outcome:
    """(3): the mean gain of single intermediates over retrieval targets is half of the least printed, or more."""
    targets = run.published([RETRIEVAL])
    places = [(arm, target) for arm in run.single for target in targets]
    found = run.mean(places)
    if found is None:
        return not_tested("no retrieval target, or no arm with one intermediate task")
    bound = much() / 100
    parts = [run.rule.above("mean of the arms with one task", found, bound)]
    for arm in run.single:
        own = run.arm_mean(arm, targets)
        if own is not None:
            parts.append(run.rule.beside(arm, own))
    notes = f"much: {100 * bound:.1f} points or more, half of the smallest printed mean", scope(run, targets)
    return _published(run, run.rule.outcome(parts, *notes, run.not_counted))


def much() -> float:
    """Points that count as much for retrieval: half of the smallest printed mean gain of one intermediate."""
    figures = Published.load()
    return min(figures.retrieval(row) for arm, row in figures.dev("plain").items() if arm != "multi") / 2


def tydiqa_gains_xnli_does_not(run: RunTables) -> Outcome:
    """(4): on TyDiQA more than half of the arms gain clearly, on XNLI more than half gain nothing of interest."""
    parts = []
    for task, gains in (("tydiqa", True), ("xnli", False)):
        for target in run.named(task):
            arms = [arm for arm in run.single if target in run.of([TRAINED], arm) and run.gain(arm, target)]
            if len(arms) >= MANY:
                parts.append(_most(run, arms, target, gains))
        if not any(part.name.startswith(task) for part in parts):
            parts.append(untested(task, f"needs this target and {MANY} arms with one intermediate task"))
    return run.rule.outcome(parts, run.not_counted)


def best_per_target(run: RunTables) -> Outcome:
    """(5): the arm that is best on dev, target by target, gains half of the printed +5.4 or more."""
    places = [place for place in best_places(run, TEXT) if place[1] in run.published(TEXT)]
    found = run.average(places)
    printed = Published.load().headline["best_per_target"] / 100
    if not places or found is None:
        return not_tested("on dev no arm was better than the baseline on any target" if run.targets else "")
    judged = run.rule.above("best arm of each target: all", found, printed / 2, printed=printed)
    parts = [_of_both(run, judged, [target for _, target in places])]
    for family in TEXT:
        own = run.mean([place for place in places if run.family(place[1]) == family])
        if own is not None:
            parts.append(run.rule.beside(f"  {family} alone", own))
    chosen = ", ".join(f"{target} {arm}" for arm, target in places)
    over = "the printed gain is over Hu et al.'s baseline, the run's over its own"
    notes = scope(run, [x for _, x in places]), f"chosen on dev: {chosen}", over
    return _published(run, run.rule.outcome(parts, *notes))


def english_beats_mlm_and_translation(run: RunTables) -> Outcome:
    """(6): language modelling beside an intermediate, or a translated one, does not gain more on average."""
    arms = {frozenset(run.tasks(arm)): arm for arm in run.arms if not run.with_mlm(arm)}
    pairs = [
        (arm, plain)
        for arm in run.arms
        if run.with_mlm(arm) and (plain := arms.get(frozenset(run.tasks(arm))))
    ]
    targets = run.published(TEXT, *(arm for pair in pairs for arm in pair))
    found = _difference(run, pairs, targets) if pairs else None
    name = "with − without language modelling"
    part = untested(name, "no arm with language modelling beside the same tasks without")
    if found is not None:
        test = PValues(min(1.0, 2 * found.p_below(run.rule.delta)), min(1.0, 2 * found.p_above()))
        part = _of_both(run, run.rule.part(name, found, test), targets)
    translated = untested("translated − English", "the run's tables do not tell the two apart")
    return _published(run, run.rule.outcome([part, translated], run.not_counted))


def starts_from_xlmr(run: RunTables) -> Outcome:
    """(7): the encoder is XLM-R Large, whole."""
    return Outcome(
        MET if run.recipe.encoder in XLMR_LARGE else NOT_MET,
        (),
        (f"the run's encoder: {run.recipe.encoder}",),
    )


def three_phases(run: RunTables) -> Outcome:
    """(8): a pretrained encoder, English intermediate tasks, then English target training with a new head."""
    trained = [target for target in run.targets if run.family(target) == TRAINED]
    note = "fresh heads in each phase; English training sets"
    if not trained:
        note = "no target of the run is trained: its third phase is missing"
    elif run.recipe.selection != "target-dev":
        note += (
            f"; checkpoints by {run.recipe.selection}, where the paper looked at dev data of all languages"
        )
    return Outcome(MET if trained and run.judged_arms else NOT_MET, (), (note,))


def nine_intermediates(run: RunTables) -> Outcome:
    """(9): the run's arms have all nine intermediate tasks, each by itself."""
    there = [task for task in STILTS if run.trained_on(task)]
    missing = ", ".join(task for task in STILTS if task not in there)
    note = f"{len(there)} of nine have an arm of their own" + (f"; without one: {missing}" if missing else "")
    return Outcome(NOT_MET if missing else MET, (), (note,))


def best_places(run: RunTables, families: Iterable[str]) -> list[tuple[str, str]]:
    """(arm, target): for each target of some families the arm that is best on dev; none where it is the same task."""
    wanted = set(families)
    chosen = [(run.best(target), target) for target in run.targets if run.family(target) in wanted]
    return [(arm, target) for arm, target in chosen if arm == BASELINE or target in run.of(wanted, arm)]


def scope(run: RunTables, targets: Sequence[str]) -> str:
    """Over which targets a mean was taken, beside XTREME's nine."""
    if not run.has_xtreme or not targets:
        return ""
    ours = [task for task in XTREME if any(target in run.named(task) for target in targets)]
    return f"over {len(ours)} of XTREME's nine targets"


def _published(run: RunTables, outcome: Outcome) -> Outcome:
    """The outcome of a claim about XTREME: without any of its targets the figures stand beside and decide nothing."""
    if run.has_xtreme or outcome.verdict == NOT_TESTED:
        return outcome
    parts = tuple(
        replace(part, verdict="" if part.estimate is not None else part.verdict) for part in outcome.parts
    )
    note = (
        "the claim is about XTREME, and none of its nine targets is there: the figures are of the run's own"
    )
    return Outcome(NOT_TESTED, parts, (*outcome.notes, note))


def _average(run: RunTables, arm: str, name: str, printed: float) -> list[Part]:
    """An arm's average gain against half of the printed one, and beside it those of its two families."""
    targets = run.published(TEXT, arm)
    found = run.average([(arm, target) for target in targets])
    if found is None:
        return [untested(name, "no target to average over", printed=printed)]
    parts = [_of_both(run, run.rule.above(name, found, printed / 2, printed=printed), targets)]
    for family in TEXT:
        own = run.arm_mean(arm, [x for x in targets if run.family(x) == family])
        if own is not None:
            parts.append(run.rule.beside(f"  {family} alone", own))
    return parts


def _of_both(run: RunTables, part: Part, targets: Sequence[str]) -> Part:
    """A figure about XTREME's average: over targets of one kind alone it tests nothing, for signs differ by kind."""
    families = {run.family(target) for target in targets}
    if families >= set(TEXT):
        return part
    told = f"over {' and '.join(sorted(families))} targets alone; the claim is about an average of both kinds"
    return replace(part, verdict=NOT_TESTED, p_for=None, p_against=None, note=told)


def _mixture(run: RunTables) -> str | None:
    """The arm that mixes at least all tasks that the run has alone, two or more of them."""
    alone = {task for arm in run.single for task in run.tasks(arm)}
    mixed = [arm for arm in run.arms if set(run.tasks(arm)) >= alone and not run.with_mlm(arm)]
    return max(mixed, key=lambda arm: len(run.tasks(arm))) if len(alone) > 1 and mixed else None


def _difference(run: RunTables, pairs: Sequence[tuple[str, str]], targets: Sequence[str]) -> Estimate | None:
    """Mean over pairs and targets of one arm's gain minus the other's, targets weighted as XTREME's average does."""
    rows = [
        (target, first, second)
        for one, other in pairs
        for target in targets
        if (first := run.gain(one, target)) and (second := run.gain(other, target))
    ]
    weights = run.weights([target for target, _, _ in rows])
    terms = [
        Term(sign * weight, row)
        for weight, (_, first, second) in zip(weights, rows, strict=True)
        for sign, row in ((1, first), (-1, second))
    ]
    return combine(terms) if terms else None


def _most(run: RunTables, arms: Sequence[str], target: str, gains: bool) -> Part:
    """Whether more than half of the arms gain on a target, or gain nothing of interest.

    More than half of m hypotheses hold if the (⌊m/2⌋ + 1)-th smallest p-value, times the m − ⌊m/2⌋ of those that may
    still be false, is small enough (Benjamini & Heller 2008, "Screening for partial conjunction hypotheses",
    Biometrics 64, by Bonferroni's rule).
    """
    found = {arm: run.mean([(arm, target)]) for arm in arms}
    known = {arm: estimate for arm, estimate in found.items() if estimate is not None}
    up = partial_conjunction([_two(x.p_above()) for x in known.values()])
    flat = partial_conjunction([_two(x.p_below(run.rule.delta)) for x in known.values()])
    mean = run.mean([(arm, target) for arm in known])
    assert mean is not None
    clear = sum(x.interval(run.rule.alpha)[0] > 0 for x in known.values())
    name = f"{target.rpartition('/')[2]}: mean of {len(known)} arms"
    test = PValues(up, flat) if gains else PValues(flat, up)
    return run.rule.part(name, mean, test, note=f"{clear} of {len(known)} arms gain clearly")


def partial_conjunction(p_values: Sequence[float]) -> float:
    """The p-value of "more than half of these hold".

    Example:
        >>> partial_conjunction([0.001, 0.002, 0.9])
        0.004
    """
    ordered, most = sorted(p_values), len(p_values) // 2 + 1
    return min(1.0, ordered[most - 1] * (len(ordered) - most + 1))


def _two(p: float) -> float:
    return min(1.0, 2 * p)
