"""Which contrasts of a grid are asked for: scores, gains, robustness gains, transfer gaps, shares of scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xstilts.analysis.cells import CLEAN, PERTURBED, is_english
from xstilts.analysis.grid import Contrast, Grid, Key, Place, Weights, signed
from xstilts.analysis.nonlinear import nonlinear
from xstilts.perturbations import reported_apart

ENGLISH, OTHERS, ALL = "en", "non-en", "all"


def contrasts(grid: Grid) -> Iterator[Contrast]:
    """All contrasts of a grid, in a fixed order.

    - `score`: an arm's value; no reference.
    - `gain`: arm − reference.
    - `robustness_gain`: gain under a condition − gain on clean.
    - `transfer_gap`: English − mean over other languages, of an arm's score (no reference) or of its gain, so above 0
      where the gap grew. Of scores: Hu et al. 2020, "XTREME", ICML, section 5.
    - `relative_drop`, `mean_corruption_error`: see `nonlinear`.

    Each for every language and for the means `en`, `non-en` and `all` (of regional Englishes, all others,
    all).

    The condition `perturbed` is the mean over all conditions but clean and those that change the content, which are
    reported apart; in differences, without the places where
    arm or reference is at the ceiling or at the floor, and in robustness gains also without those where one of
    them is so on clean input: a score that cannot rise or fall any further hides what noise does to it.
    """
    for arm in grid.arms:
        yield from _of_pair(grid, arm, "")
    for arm, reference in pairs(grid):
        yield from _of_pair(grid, arm, reference)


def pairs(grid: Grid) -> list[tuple[str, str]]:
    """(arm, reference): arms and controls against the baseline, arms against their controls."""
    design = grid.design
    wanted = [(arm, design.baseline) for arm in (*design.treatments, *design.controls)]
    wanted += [(arm, control) for arm in design.treatments for control in design.controls_of(arm)]
    return [pair for pair in wanted if all(arm in grid.arms for arm in pair)]


def _movable(grid: Grid, arms: Iterable[str], places: Iterable[Place]) -> list[Place]:
    """The places where none of the arms is at the ceiling or at the floor."""
    return [place for place in places if not any(grid.extreme(arm, place) for arm in arms)]


def _of_pair(grid: Grid, arm: str, reference: str) -> Iterator[Contrast]:
    arms = {arm: 1.0, reference: -1.0} if reference else {arm: 1.0}
    places = grid.places(tuple(arms))
    movable = _movable(grid, arms, places) if reference else places
    for condition, chosen in _conditions(places, movable).items():
        for quantity, group, weights in _quantities(chosen, bool(reference)):
            languages = len({language for language, _ in weights})
            key = Key(grid.target, grid.metric, grid.postprocess, quantity, arm, reference, group, condition)
            yield Contrast(key, signed(arms, weights), languages)
        if condition != CLEAN:
            yield from nonlinear(grid, (arm, reference), condition, (_groups(chosen[0]), _groups(chosen[1])))


def _conditions(
    places: Sequence[Place], movable: Sequence[Place]
) -> dict[str, tuple[list[Place], list[Place]]]:
    """The places of each condition, and those of them that are perturbed and have a clean counterpart."""
    names = sorted({condition for _, condition in places}, key=lambda x: (x != CLEAN, x))
    found = {name: _paired([place for place in places if place[1] == name], places) for name in names}
    perturbed = [place for place in movable if place[1] != CLEAN and not reported_apart(place[1])]
    return found | ({PERTURBED: _paired(perturbed, movable)} if perturbed else {})


def _paired(members: list[Place], among: Sequence[Place]) -> tuple[list[Place], list[Place]]:
    clean = {language for language, condition in among if condition == CLEAN}
    return members, [place for place in members if place[0] in clean and place[1] != CLEAN]


def _quantities(
    chosen: tuple[list[Place], list[Place]], difference: bool
) -> Iterator[tuple[str, str, Weights]]:
    places, paired = chosen
    groups = _groups(places)
    for group, members in groups.items():
        yield ("gain" if difference else "score"), group, _mean(members)
    if ENGLISH in groups and OTHERS in groups:
        yield "transfer_gap", ALL, _minus(_mean(groups[ENGLISH]), _mean(groups[OTHERS]))
    if not difference:
        return
    for group, members in _groups(paired).items():
        clean = [(language, CLEAN) for language, _ in members]
        yield "robustness_gain", group, _minus(_mean(members), _mean(clean))


def _groups(places: Sequence[Place]) -> dict[str, list[Place]]:
    """`en`, `non-en`, `all` and each language; groups without a place are left out."""
    english = [place for place in places if is_english(place[0])]
    others = [place for place in places if not is_english(place[0])]
    groups = {ENGLISH: english, OTHERS: others, ALL: list(places)}
    for place in places:
        if place[0] != ENGLISH:
            groups.setdefault(place[0], []).append(place)
    return {group: members for group, members in groups.items() if members}


def _mean(places: Sequence[Place]) -> dict[Place, float]:
    weights: dict[Place, float] = {}
    for place in places:
        weights[place] = weights.get(place, 0.0) + 1 / len(places)
    return weights


def _minus(one: Mapping[Place, float], other: Mapping[Place, float]) -> dict[Place, float]:
    return {place: one.get(place, 0.0) - other.get(place, 0.0) for place in {**one, **other}}
