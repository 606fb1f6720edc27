"""Verdicts: what the evidence supports of an arm on a target, clean and perturbed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.cells import CLEAN, PERTURBED, Design, Settings, is_english, modality_of
from xstilts.analysis.contrasts import ALL, ENGLISH, OTHERS
from xstilts.analysis.estimates import Row, TargetEstimates, finite
from xstilts.analysis.grid import Grid, Key, Place
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.languages import SHARE_GAINING, WORST_GAIN, holm
from xstilts.perturbations import reported_apart

PRECEDENCE = ("harms", "persists", "gains", "fades", "spreads", "no gain")
UNDECIDED = "undecided"
GAINED = {"persists": (ENGLISH, OTHERS), "gains": (), "fades": (ENGLISH,), "spreads": (OTHERS,)}
"""Verdicts that claim a gain, and the groups it is claimed for (gains: the one there is)."""

RAW = ("", "none")


@dataclass(frozen=True)
class _Case:
    """An arm on a target under clean or perturbed input, with the estimates that its verdict rests on."""

    target: TargetEstimates
    grid: Grid
    arm: str
    condition: str

    def key(self, quantity: str, group: str, reference: str) -> Key:
        grid = self.grid
        return Key(
            grid.target, grid.metric, grid.postprocess, quantity, self.arm, reference, group, self.condition
        )

    def gain(self, group: str, reference: str = "") -> Estimate | None:
        reference = reference or self.grid.design.baseline
        return self.target.estimates.get(self.key("gain", group, reference))

    @property
    def gap(self) -> Estimate | None:
        return self.target.estimates.get(self.key("transfer_gap", ALL, self.grid.design.baseline))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that have an estimate: English, the others, or both."""
        return tuple(group for group in (ENGLISH, OTHERS) if self.gain(group))

    @property
    def judged(self) -> Estimate:
        """The gain that matters most: over other languages, or English where that is all there is."""
        found = self.gain(OTHERS) or self.gain(ENGLISH)
        assert found is not None
        return found

    def places(self) -> list[Place]:
        """The places of this condition that arm and baseline share; noise in content is reported apart."""
        pair = (self.arm, self.grid.design.baseline)
        places = [x for x in self.grid.places(pair) if not reported_apart(x[1])]
        return [x for x in places if (x[1] == CLEAN) == (self.condition == CLEAN)]


def verdict_rows(targets: Sequence[TargetEstimates], design: Design, settings: Settings) -> list[Row]:
    """The verdicts table: a row for each arm × target, on clean and on perturbed input.

    Verdicts, with δ the smallest gain of interest:

    - harms: the mean gain over other languages < 0
    - persists: English gain > 0 and that of the others > 0
    - gains: gain > 0, for a target with English cells only or with none
    - fades: English > 0, English − others > 0, the others' upper bound < δ
    - spreads: others > 0, others − English > 0, the English upper bound < δ
    - no gain: the 90% interval of each within ±δ (two one-sided tests)

    A conjunction has the largest p of its parts. Tests are two-sided except the last, so that a verdict never
    contradicts a printed interval. For each kind of verdict, p-values are corrected within a family (trained,
    retrieval, image-text; clean, perturbed) over arms × targets (Holm 1979, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6); arms that a race dropped count with p = 1, for
    seeds that did well on dev do well on test, and who stayed was chosen by them. The first that holds, in the order
    above, is given; else undecided. Verdicts on perturbed input leave out the places where arm or baseline is at the
    ceiling or at the floor; `left_out` counts them. With one seed, and with two whose variance cannot be pooled, it
    is undecided.
    """
    cases = [case for target in targets for case in _cases(target, design)]
    tests = [_tests(case, settings.delta) for case in cases]
    corrected = _corrected(cases, tests, len(design.dropped))
    return [_row(*each, settings) for each in zip(cases, tests, corrected, strict=True)]


def _cases(target: TargetEstimates, design: Design) -> list[_Case]:
    grid = primary(target.grids, design)
    conditions = (CLEAN, PERTURBED)
    cases = [_Case(target, grid, arm, condition) for arm in design.treatments for condition in conditions]
    return [case for case in cases if case.groups or (case.condition == PERTURBED and _has_places(case))]


def _has_places(case: _Case) -> bool:
    pair = (case.arm, case.grid.design.baseline)
    return all(arm in case.grid.arms for arm in pair) and bool(case.places())


def primary(found: Sequence[Grid], design: Design) -> Grid:
    """The grid a target is judged by: its primary metric, raw scores before post-processed ones."""
    wanted = design.primary.get(found[0].target, "")
    return min(found, key=lambda x: (x.metric != wanted, x.metric, x.postprocess not in RAW, x.postprocess))


def _tests(case: _Case, delta: float) -> dict[str, float]:
    """The p-value of each kind of verdict that can be given; none if the seeds do not allow any."""
    estimates = [estimate for group in case.groups if (estimate := case.gain(group))]
    if not estimates or any(x.items_only for x in estimates):
        return {}
    none = max(max(x.p_above(-delta), x.p_below(delta)) for x in estimates)
    english, others, gap = case.gain(ENGLISH), case.gain(OTHERS), case.gap
    if not (english and others and gap):
        return {"harms": _two(case.judged.p_below()), "gains": _two(case.judged.p_above()), "no gain": none}
    return {
        "harms": _two(others.p_below()),
        "persists": _two(max(english.p_above(), others.p_above())),
        "fades": _two(max(english.p_above(), gap.p_above(), others.p_below(delta))),
        "spreads": _two(max(others.p_above(), gap.p_below(), english.p_below(delta))),
        "no gain": none,
    }


def _two(p: float) -> float:
    return min(1.0, 2 * p)


def _corrected(
    cases: Sequence[_Case], tests: Sequence[Mapping[str, float]], dropped: int
) -> list[dict[str, float]]:
    corrected: list[dict[str, float]] = [{} for _ in cases]
    families = [(case.grid.family, case.condition) for case in cases]
    for family in sorted(set(families)):
        for kind in PRECEDENCE:
            members = [i for i, x in enumerate(families) if x == family and kind in tests[i]]
            p_values = [tests[i][kind] for i in members]
            absent = dropped * len({cases[i].grid.target for i in members})
            for i, p in zip(members, holm([*p_values, *[1.0] * absent])[: len(members)], strict=True):
                corrected[i][kind] = p
    return corrected


def _row(case: _Case, tests: Mapping[str, float], corrected: Mapping[str, float], settings: Settings) -> Row:
    holding = (kind for kind in PRECEDENCE if corrected.get(kind, 1.0) <= settings.alpha)
    verdict = next(holding, UNDECIDED)
    # What is undecided is shown with the p-value of the gain that one had hoped for.
    kind = verdict if verdict in tests else next((x for x in ("persists", "gains") if x in tests), "")
    return {
        "arm": case.arm,
        "task": case.grid.target,
        "family": case.grid.family,
        "modality": modality_of(case.grid.family),
        "perturbed": case.condition == PERTURBED,
        "metric": case.grid.metric,
        "postprocess": case.grid.postprocess,
        "verdict": verdict,
        "p": tests.get(kind),
        "p_holm": corrected.get(kind),
        "mdg": finite(case.judged.detectable(settings.alpha)) if tests else None,
        "flags": ",".join(_flags(case, verdict, settings)),
        "seeds": max((x.seeds for x in _estimates(case)), default=0),
        **_interval(case, "english", ENGLISH, settings),
        **_interval(case, "non_english", OTHERS, settings),
        **_languages(case),
        "left_out": _left_out(case),
    }


def _interval(case: _Case, name: str, group: str, settings: Settings) -> Row:
    estimate = case.gain(group)
    low, high = estimate.interval(settings.alpha) if estimate else (np.nan, np.nan)
    value = estimate.value if estimate else None
    return {name: value, f"{name}_low": finite(low), f"{name}_high": finite(high)}


def _languages(case: _Case) -> Row:
    """What the other languages say together: how many gain, and the one that gains least."""
    baseline = case.grid.design.baseline
    share = case.target.derived.get(case.key(SHARE_GAINING, OTHERS, baseline))
    languages = {language for language, _ in case.places()}
    keys = (case.key(WORST_GAIN, language, baseline) for language in sorted(languages))
    worst = next((key for key in keys if key in case.target.derived), None)
    others = case.gain(OTHERS)
    return {
        "languages": others.languages if others else 0,
        "share_gaining": share[0] if share else None,
        "worst_language": worst.group if worst else None,
        "worst_gain": case.target.derived[worst][0] if worst else None,
    }


def _left_out(case: _Case) -> int:
    """How many places of a perturbed verdict are kept out of it, at the ceiling or at the floor."""
    if case.condition == CLEAN:
        return 0
    pair = (case.arm, case.grid.design.baseline)
    return sum(any(case.grid.extreme(arm, place) for arm in pair) for place in case.places())


def _flags(case: _Case, verdict: str, settings: Settings) -> list[str]:
    """What a reader must know beside the verdict, in a fixed order."""
    checks: dict[str, Callable[[], bool]] = {
        "not-specific": lambda: verdict in GAINED and not _specific(case, verdict, settings),
        "uncontrolled": lambda: verdict in GAINED and not _controls(case),
        "isotropy": lambda: verdict in GAINED and _only_raw(case, verdict, settings),
        "english-loss": lambda: verdict == "spreads" and _loses_english(case, settings),
        "same-task": lambda: (case.arm, case.grid.target) in case.grid.design.same_task,
        "ceiling": lambda: _mostly(case, "ceiling"),
        "floor": lambda: _mostly(case, "floor"),
        "one-run": lambda: any(x.items_only and x.seeds == 1 for x in _estimates(case)),
        "unpooled": lambda: any(x.items_only and x.seeds > 1 for x in _estimates(case)),
        "immovable": lambda: not case.groups,
    }
    return [name for name, check in checks.items() if check()]


def _estimates(case: _Case) -> list[Estimate]:
    return [estimate for group in case.groups if (estimate := case.gain(group))]


def _controls(case: _Case) -> list[str]:
    return [x for x in case.grid.design.controls_of(case.arm) if any(case.gain(g, x) for g in case.groups)]


def _specific(case: _Case, verdict: str, settings: Settings) -> bool:
    """Whether the gain holds against each control of the arm that was run."""
    groups = GAINED[verdict] or case.groups
    against = [case.gain(group, control) for control in _controls(case) for group in groups]
    return all(x is not None and _two(x.p_above()) <= settings.alpha for x in against)


def _only_raw(case: _Case, verdict: str, settings: Settings) -> bool:
    """Whether the gain on raw embeddings is missing on centred ones: it may be nothing but isotropy."""
    if case.grid.postprocess not in RAW:
        return False
    groups = GAINED[verdict] or case.groups
    baseline = case.grid.design.baseline
    keys = [case.key("gain", group, baseline)._replace(postprocess="center") for group in groups]
    centred = [case.target.estimates[key] for key in keys if key in case.target.estimates]
    return any(_two(x.p_above()) > settings.alpha for x in centred)


def _loses_english(case: _Case, settings: Settings) -> bool:
    """Whether the English gain is clearly below 0."""
    english = case.gain(ENGLISH)
    return english is not None and _two(english.p_below()) <= settings.alpha


def _mostly(case: _Case, flag: str) -> bool:
    """Whether arm or baseline is at the ceiling or floor in English, or in half of the other languages."""
    for arm in (case.arm, case.grid.design.baseline):
        for english in (True, False):
            places = [place for place in case.places() if is_english(place[0]) == english]
            found = [place for place in places if case.grid.extreme(arm, place) == flag]
            if places and 2 * len(found) >= len(places):
                return True
    return False
