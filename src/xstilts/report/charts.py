"""Geometry of the report's drawings: numbers to places on the paper; templates turn them into SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.languages import display_name
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.words import points, span

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
        step = next(power * x for x in (1, 2, 5, 10) if power * x >= rough * 0.999)
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
    """One arm's curve over layers; `chosen` is the point of the layer that was taken most often."""

    arm: str
    path: str
    chosen: tuple[float, float] | None
    style: int


@dataclass(frozen=True)
class Curves:
    """Dev scores over layers, a line an arm."""

    title: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    width: int = WIDTH
    height: int = 210


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
        low = gain.value if gain.low is None else gain.low
        high = gain.value if gain.high is None else gain.high
        title = f"{label}: {points(gain.value)} ({span(gain)})"
        y = 12 + i * _ROW + (0 if mean else gap)
        places = scale(gain.value), scale(low), scale(high)
        marks.append(Mark(_cut(label), points(gain.value), title, y, *places, gain.sign, mean))
    height = 12 + len(rows) * _ROW + gap + _AXIS - 10
    ticks = [(scale(x), points(x)) for x in scale.ticks()]
    rule = 12 + means * _ROW - _ROW / 2 + gap / 2 if gap else 0
    return Forest(arm, height, marks, ticks, scale(0), rule)


def _cut(label: str, length: int = 21) -> str:
    return label if len(label) <= length else label[: length - 1] + "…"


def curves(target: str, postprocess: str, evidence: Evidence) -> Curves | None:
    """The curves over layers of all arms for one post-processing; None where no layer was searched."""
    rows = [row for row in evidence.run.get("layers", ()) if row["task"] == target]
    data: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        for point in row["curve"]:
            if point["postprocess"] == postprocess:
                data.setdefault(row["arm"], {}).setdefault(point["layer"], []).append(point["hit"])
    if not data:
        return None
    means = {arm: {i: sum(x) / len(x) for i, x in sorted(curve.items())} for arm, curve in data.items()}
    hits = [value for curve in means.values() for value in curve.values()]
    last = max(layer for curve in means.values() for layer in curve)
    x = Scale(0, max(1, last), 44, WIDTH - 14)
    low, high = min(hits), max(hits)
    margin = max(0.05 * (high - low), 0.01)
    y = Scale(max(0.0, low - margin), min(1.0, high + margin), 176, 12)
    lines = [
        _line(arm, means[arm], (x, y), i, evidence.layer(arm, target, postprocess))
        for i, arm in enumerate(means)
    ]
    step = max(1, -(-last // 8))
    x_ticks = [(x(i), str(i)) for i in range(0, last + 1, step)]
    return Curves(postprocess, lines, x_ticks, [(y(v), points(v, sign=False)) for v in y.ticks(3)])


def _line(
    arm: str, curve: dict[int, float], scales: tuple[Scale, Scale], style: int, chosen: list[int]
) -> Line:
    x, y = scales
    path = " ".join(f"{x(layer)},{y(hit)}" for layer, hit in curve.items())
    common = max(chosen, key=chosen.count) if chosen else None
    point = (x(common), y(curve[common])) if common in curve else None
    return Line(arm, path, point, style)
