"""Our claims (10) to (14): that gains last, tested on a run's tables.

They are made of the arm that is best on dev, target by target, so that no arm is judged on the data it was chosen by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from xstilts.analysis.intervals import Estimate
from xstilts.claims.base import Outcome, Part, not_tested, untested
from xstilts.claims.tables import (
    ALL,
    CLEAN,
    ENGLISH,
    IMAGE_TEXT,
    OTHERS,
    PERTURBED,
    RETRIEVAL,
    TRAINED,
    RunTables,
)
from xstilts.claims.theirs import best_places
from xstilts.recipe import BASELINE

FAMILIES = (TRAINED, RETRIEVAL, IMAGE_TEXT)
NOTHING_GAINED = "on dev no arm was better than the baseline: there is no gain whose lasting could be tested"


def beyond_english(run: RunTables) -> Outcome:
    """(10): the best arms gain in English and in the other languages."""
    parts = []
    for family in FAMILIES:
        places = [x for x in _chosen(run, family) if run.gain(*x, ENGLISH) and run.gain(*x, OTHERS)]
        before, after = run.mean(places, ENGLISH), run.mean(places, OTHERS)
        if before is not None and after is not None:
            parts.append(_lasting(run, f"{family}, other languages", before, after, "English"))
    if not parts:
        return not_tested(_why(run, "no target has an English cell beside other languages"))
    return run.rule.outcome(parts, _counted(run, perturbed=False), _arms(run))


def under_perturbation(run: RunTables) -> Outcome:
    """(11): the best arms gain on clean input and on perturbed input."""
    parts = []
    for family in FAMILIES:
        places = [x for x in _chosen(run, family) if run.gain(*x, ALL, PERTURBED)]
        before, after = run.mean(places), run.mean(places, ALL, PERTURBED)
        if before is not None and after is not None:
            parts.append(_lasting(run, f"{family}, perturbed", before, after, "clean"))
    if not parts:
        clean = run.conditions <= {CLEAN}
        return not_tested(_why(run, "the run has clean input only" if clean else "nothing to compare"))
    return run.rule.outcome(parts, _counted(run, perturbed=True), _arms(run))


def in_image_text(run: RunTables) -> Outcome:
    """(12): the best arms gain on image-text targets."""
    return _gains(run, IMAGE_TEXT)


def on_trained_targets(run: RunTables) -> Outcome:
    """(13): the best arms gain on trained targets, retrieval left aside."""
    return _gains(run, TRAINED)


def against_controls_and_centring(run: RunTables) -> Outcome:
    """(14): the gain of the arms that have controls holds against these, and the best arms' on centred vectors."""
    parts = [part for control in run.controls for part in _controlled(run, *control)]
    places = [x for x in _chosen(run, RETRIEVAL) if run.gain(*x, postprocess="center")]
    raw, centred = run.mean(places, postprocess="none"), run.mean(places, postprocess="center")
    if raw is not None and centred is not None:
        parts.append(_lasting(run, "retrieval, centred vectors", raw, centred, "raw vectors"))
    if not parts:
        return not_tested("the run has neither controls nor a retrieval target where an arm was best on dev")
    return run.rule.outcome(
        [*parts, *_lacking(run, parts)], "" if run.controls else "the run has no controls"
    )


def _lacking(run: RunTables, parts: Sequence[Part]) -> list[Part]:
    """What the claim names and the run has no figure of: a control that its targets allow, or centred vectors."""
    wanted = {"~shuffled": FAMILIES, "~longer": (TRAINED, IMAGE_TEXT), "centred vectors": (RETRIEVAL,)}
    chosen = bool(_chosen(run, RETRIEVAL))
    centred = "the run has none that can be compared" if chosen else NOTHING_GAINED
    reasons = dict.fromkeys(wanted, "the run has none that can be compared") | {"centred vectors": centred}
    return [
        untested(name, reasons[name])
        for name, families in wanted.items()
        if run.of(families) and not any(part.name.endswith(name) for part in parts)
    ]


def _gains(run: RunTables, family: str) -> Outcome:
    found = run.mean(best_places(run, [family]))
    if found is None:
        there = any(run.family(target) == family for target in run.targets)
        return not_tested(NOTHING_GAINED if there else f"the run has no {family} target")
    parts = [run.rule.gains(f"{family}, best arm of each target", found)]
    for arm in run.arms:
        own = run.arm_mean(arm, run.of([family], arm))
        if own is not None:
            parts.append(run.rule.beside(f"{family}, {arm}", own))
    return run.rule.outcome(parts, _arms(run, family), run.not_counted)


def _controlled(run: RunTables, control: str, arm: str) -> list[Part]:
    """What an arm gains over one of its controls, by family."""
    parts = []
    for family in FAMILIES:
        places = [(arm, x) for x in run.of([family], arm) if run.gain(arm, x, reference=control)]
        before, after = run.mean(places), run.mean(places, reference=control)
        if before is not None and after is not None:
            parts.append(_lasting(run, f"{family}, {arm} − {control}", before, after, "over the baseline"))
    return parts


def _lasting(run: RunTables, name: str, before: Estimate, after: Estimate, called: str) -> Part:
    low, high = before.interval(run.rule.alpha)
    note = "" if low > 0 else "no clear gain to start from" if high > 0 else "a loss to start from"
    part = run.rule.lasts(name, before, after, before=(called, before.value))
    return replace(part, note=part.note or note)


def _chosen(run: RunTables, family: str) -> list[tuple[str, str]]:
    return [(arm, target) for arm, target in best_places(run, [family]) if arm != BASELINE]


def _why(run: RunTables, otherwise: str) -> str:
    return otherwise if any(_chosen(run, family) for family in FAMILIES) else NOTHING_GAINED


def _arms(run: RunTables, *families: str) -> str:
    """Which arm was best on dev, target by target."""
    chosen = best_places(run, families or FAMILIES)
    return f"best on dev: {', '.join(f'{target} {arm}' for arm, target in chosen)}"


def _counted(run: RunTables, perturbed: bool) -> str:
    """The verdicts of all arms and targets, counted."""
    rows = [row["verdict"] for row in run.verdicts if row["perturbed"] == perturbed]
    counts: Sequence[tuple[str, int]] = Counter(rows).most_common()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts)
    return f"verdicts of all arms and targets: {told}"
