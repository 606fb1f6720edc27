"""Drawings of gains as dots: how they are spread over languages, and what becomes of them in other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xstilts.report.evidence import Evidence, Interval
from xstilts.report.figures import HOLLOW, gain_axis, mark_gain, sign_colour, target_title
from xstilts.report.panels import MARKS, blank, name_marks, panels
from xstilts.report.settings import Block, Rows, blocks
from xstilts.report.strips import ALONE, MEAN, Spread, spreads
from xstilts.report.words import FAMILIES, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_APART = 0.24
"""Rows by which the mean is drawn above the dots of a row, and English below them."""


def draw_spread(evidence: Evidence) -> Figure | None:
    """A panel a family of targets, a row an arm: a dot a language, their mean and English with intervals."""
    found = spreads(evidence)
    if not found:
        return None
    heights = [1.1 + 0.42 * len(rows) for rows in found.values()]
    figure = blank(7.2, sum(heights) + 0.4)
    axes = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (family, rows) in zip(axes, found.items(), strict=True):
        for y, one in enumerate(rows):
            _spread(axis, y, one)
        gain_axis(axis, [f"{short(one.target, evidence.targets())}, {one.arm}" for one in rows])
        axis.set_title(evidence.scoped(FAMILIES.get(family, family)))
    _name_kinds(figure)
    return figure


def _spread(axis: Axes, y: int, one: Spread) -> None:
    for _, gain in one.languages:
        axis.plot(100 * gain.value, y, "o", color=sign_colour(gain), markersize=4.5, alpha=0.6)
    if one.mean:
        mark_gain(axis, y - _APART, one.mean, "D")
    if one.english:
        mark_gain(axis, y + _APART, one.english, HOLLOW)


def _name_kinds(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    kinds = {MEAN: "D", "one other language": "o", ALONE: HOLLOW}
    handles = [
        Line2D([], [], color=sign_colour(None), marker=mark, linestyle="", label=label)
        for label, mark in kinds.items()
    ]
    handles[-1].set_markerfacecolor("white")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def draw_settings(target: str, evidence: Evidence) -> Figure | None:
    """A panel an arm, a row a language, a mark a setting; None where a target is tested zero-shot alone."""
    block = next((one for one in blocks(evidence) if one.target == target), None)
    arms = [arm for arm, *_ in block.means.gains] if block else []
    if block is None or not arms:
        return None
    rows = [("mean of the others", block.means), *block.by_language]
    figure, axes = panels(len(arms), 4.4, 1.2 + 0.1 * len(rows) * (2 + len(block.columns)))
    for axis, arm in zip(axes, arms, strict=True):
        for place in range(len(block.columns)):
            _setting(axis, block, place, [_gain(arm, found, place) for _, found in rows])
        gain_axis(axis, [label for label, _ in rows])
        axis.set_title(arm)
        axis.tick_params(labelbottom=True)
    figure.suptitle(target_title(target, evidence, scoped=False))
    name_marks(figure, axes[0])
    return figure


def _gain(arm: str, found: Rows, place: int) -> Interval | None:
    return next((gains[place] for name, gains, _ in found.gains if name == arm), None)


def _setting(axis: Axes, block: Block, place: int, gains: list[Interval | None]) -> None:
    """The gains of one setting, a row a language; its name is what the legend says."""
    colour, mark, _ = MARKS[place % len(MARKS)]
    offset = 0.7 * ((place + 0.5) / len(block.columns) - 0.5)
    for y, gain in enumerate(gains):
        if gain:
            mark_gain(axis, y + offset, gain, mark, colour)
    (named,) = axis.plot([], [], mark, color=colour, label=block.columns[place].setting)
    if mark == HOLLOW:
        named.set_markerfacecolor("white")
