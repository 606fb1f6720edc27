"""Geometry of the report's drawings: numbers to places on the paper; templates turn them into SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.languages import display_name
from xstilts.recipe import BASELINE
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval, Row
from xstilts.report.layers import chosen_layers
from xstilts.report.words import POSTPROCESSES, points, with_span

WIDTH = 400
_LABELS, _VALUES, _ROW, _AXIS = 138, 48, 21, 30


@dataclass(frozen=True)
class Scale:
    """A linear scale from data to x (or y) on the paper."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value, rounded to a tenth of a pixel."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 4) -> list[float]:
        """About `count` round values within the scale: multiples of 1, 2 or 5 times a power of ten.

        Example:
            >>> Scale(-0.032, 0.061, 0, 100).ticks()
            [0.0, 0.05]
        """
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        steps = [power * x for x in (1, 2, 5, 10)]
        place = next(place for place, step in enumerate(steps) if step >= rough * 0.999)
        return self._multiples(steps[place]) or self._multiples(steps[place - 1])

    def _multiples(self, step: float) -> list[float]:
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]


@dataclass(frozen=True)
class Mark:
    """One row of a forest plot."""

    label: str
    text: str
    title: str
    y: float
    x: float
    low: float
    high: float
    sign: int
    mean: bool


@dataclass(frozen=True)
class Forest:
    """Gains by language of one arm on one target, with intervals; the means come first."""

    title: str
    height: float
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    zero: float
    rule: float
    width: int = WIDTH


@dataclass(frozen=True)
class Line:
    """An arm's mean curve over layers, the band of its seeds, and the points of the layers that they chose.

    `band` is empty where the seeds do not differ. `style` is the place among the lines of the drawing.
    """

    arm: str
    role: str
    path: str
    band: str
    chosen: list[tuple[float, float]]
    key: str
    style: int


@dataclass(frozen=True)
class Curves:
    """Dev scores over layers of the baseline, an arm and its controls, under one post-processing."""

    title: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    summary: str
    width: int = WIDTH
    height: int = 214
    left: int = 40


def forests(target: str, evidence: Evidence) -> list[Forest]:
    """A forest plot for each arm with gains on a target, all on one scale."""
    found = {arm: _gains(arm, target, evidence) for arm in evidence.arms}
    gains = [gain for rows in found.values() for _, gain, _ in rows]
    if not gains:
        return []
    bounds = [x for gain in gains for x in gain if x is not None]
    low, high = min(0.0, *bounds), max(0.0, *bounds)
    margin = max(0.04 * (high - low), 0.002)
    scale = Scale(low - margin, high + margin, _LABELS, WIDTH - _VALUES)
    return [_forest(arm, rows, scale) for arm, rows in found.items() if rows]


def _gains(arm: str, target: str, evidence: Evidence) -> list[tuple[str, Interval, bool]]:
    """(label, gain, whether it is a mean): the means, then each language, the largest gain first."""
    rows = []
    languages = evidence.gain_languages(arm, target)
    others = [language for language in languages if language != ENGLISH]
    english, mean = evidence.gain(arm, target, ENGLISH), evidence.gain(arm, target, OTHERS)
    if english:
        rows.append(("English", english, True))
    if mean and len(others) > 1:
        rows.append((f"Mean of {len(others)}{' others' if english else ''}", mean, True))
    for language in others:
        gain = evidence.gain(arm, target, language)
        assert gain is not None
        rows.append((display_name(language), gain, False))
    return rows


def _forest(arm: str, rows: Sequence[tuple[str, Interval, bool]], scale: Scale) -> Forest:
    means = sum(mean for _, _, mean in rows)
    gap = 8 if 0 < means < len(rows) else 0
    marks = []
    for i, (label, gain, mean) in enumerate(rows):
        title = f"{label}: {with_span(gain)}"
        y = 12 + i * _ROW + (0 if mean else gap)
        low, high = gain.ends
        places = scale(gain.value), scale(low), scale(high)
        marks.append(Mark(cut(label), points(gain.value), title, y, *places, gain.sign, mean))
    height = 12 + len(rows) * _ROW + gap + _AXIS - 10
    ticks = [(scale(x), points(x)) for x in scale.ticks()]
    rule = 12 + means * _ROW - _ROW / 2 + gap / 2 if gap else 0
    return Forest(arm, height, marks, ticks, scale(0), rule)


def cut(label: str, length: int = 21) -> str:
    """A label that fits: one that is too long loses its end."""
    return label if len(label) <= length else label[: length - 1] + "…"


def curves(target: str, evidence: Evidence) -> list[Curves]:
    """For each arm and post-processing the curve over layers beside the baseline's, all on one scale."""
    arms, rules = evidence.curve_arms(target), evidence.curve_rules(target)
    rows = [row for arm in arms for rule in rules for row in evidence.curve(arm, target, rule)]
    if not rows:
        return []
    last = max(row["layer"] for row in rows)
    low, high = min(row["seed_low"] for row in rows), max(row["seed_high"] for row in rows)
    margin = max(0.05 * (high - low), 0.005)
    x = Scale(0, max(1, last), Curves.left + 6, WIDTH - 12)
    y = Scale(max(0.0, low - margin), min(1.0, high + margin), 176, 10)
    treated = [arm for arm in arms if arm in evidence.arms] or [BASELINE]
    step = max(1, -(-last // 12))
    x_ticks = [(x(i), str(i)) for i in range(0, last + 1, step)]
    y_ticks = [(y(value), points(value, sign=False)) for value in y.ticks(5)]
    plots = []
    for arm in treated:
        shown = dict.fromkeys((BASELINE, arm, *evidence.controls_of(arm)))
        for rule in rules:
            found = [(name, evidence.curve(name, target, rule)) for name in shown]
            lines = [
                _line(name, curve, (x, y), i, evidence) for i, (name, curve) in enumerate(found) if curve
            ]
            title = POSTPROCESSES.get(rule, rule)
            summary = "; ".join(_told(name, curve) for name, curve in found if curve)
            plots.append(Curves(f"{arm}, {title}", lines, x_ticks, y_ticks, summary))
    return plots


def _line(
    arm: str, curve: Sequence[Row], scales: tuple[Scale, Scale], style: int, evidence: Evidence
) -> Line:
    x, y = scales
    path = " ".join(f"{x(row['layer'])},{y(row['value'])}" for row in curve)
    edges = [(row["layer"], row["seed_high"]) for row in curve]
    edges += [(row["layer"], row["seed_low"]) for row in reversed(curve)]
    spread = any(row["seed_high"] > row["seed_low"] for row in curve)
    band = " ".join(f"{x(layer)},{y(value)}" for layer, value in edges) if spread else ""
    taken = [row for row in curve if row["chosen"]]
    role = "base" if arm == BASELINE else "control" if arm in evidence.controls else "arm"
    key = f"{arm}: {chosen_layers(taken)}" if taken else arm
    return Line(arm, role, path, band, [(x(row["layer"]), y(row["value"])) for row in taken], key, style)


def _told(arm: str, curve: Sequence[Row]) -> str:
    """A curve in words, for those who cannot see it."""
    best = max(curve, key=lambda row: row["value"])
    ends = [points(row["value"], sign=False) for row in (curve[0], curve[-1])]
    return (
        f"{arm} goes from {ends[0]} at layer {curve[0]['layer']} to {ends[1]} at layer {curve[-1]['layer']}, "
        f"its highest is {points(best['value'], sign=False)} at layer {best['layer']}"
    )
