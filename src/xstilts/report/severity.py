"""Geometry of severity curves: the gain over the severities of one perturbation, from clean input on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.report.charts import WIDTH, Scale
from xstilts.report.evidence import CLEAN, ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.words import points, with_span

LEAST = 2
"""Severities beside clean that make a curve worth drawing."""
SEVEREST = 5
_APART = 5.0
"""Pixels between the marks of two groups of languages at one severity."""

GROUPS = {ENGLISH: "English", OTHERS: "other languages"}


@dataclass(frozen=True)
class Stop:
    """One severity of one line: where its gain and the ends of its interval are drawn, and both in words."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Trend:
    """The gain of one group of languages over severities."""

    label: str
    path: str
    stops: list[Stop]
    style: int


@dataclass(frozen=True)
class Severities:
    """The drawing of one arm under one perturbation."""

    title: str
    trends: list[Trend]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    zero: float
    summary: str
    width: int = WIDTH
    height: int = 214
    left: int = 40


Gains = dict[str, dict[int, Interval]]
"""Gains by severity, by group of languages."""


def perturbations(conditions: Sequence[str]) -> dict[str, dict[int, str]]:
    """The conditions of each perturbation and role, by severity.

    Example:
        >>> perturbations(["typos@2", "ocr:context@4", "typos@1"])
        {'typos': {1: 'typos@1', 2: 'typos@2'}, 'ocr:context': {4: 'ocr:context@4'}}
    """
    found: dict[str, dict[int, str]] = {}
    for condition in conditions:
        name, _, severity = condition.partition("@")
        if severity.isdigit():
            found.setdefault(name, {})[int(severity)] = condition
    return {name: dict(sorted(by_severity.items())) for name, by_severity in found.items()}


def gains_by_severity(target: str, evidence: Evidence) -> dict[tuple[str, str], Gains]:
    """(arm, perturbation) → gains by group and severity, 0 for clean; for those with two severities or more."""
    found = {}
    for name, conditions in perturbations(evidence.conditions).items():
        for arm in evidence.arms:
            gains: Gains = {}
            for group in GROUPS:
                for severity, condition in {0: CLEAN, **conditions}.items():
                    gain = evidence.gain(arm, target, group, condition)
                    if gain:
                        gains.setdefault(group, {})[severity] = gain
            gains = {group: by for group, by in gains.items() if len(by) > LEAST}
            if gains:
                found[arm, name] = gains
    return found


def severity_curves(target: str, evidence: Evidence) -> list[Severities]:
    """A drawing for each arm and perturbation of a target with curves, all on one scale."""
    found = gains_by_severity(target, evidence)
    gains = [gain for by_group in found.values() for by in by_group.values() for gain in by.values()]
    if not gains:
        return []
    bounds = [x for gain in gains for x in gain if x is not None]
    low, high = min(0.0, *bounds), max(0.0, *bounds)
    margin = max(0.06 * (high - low), 0.002)
    x = Scale(0, SEVEREST, Severities.left + 16, WIDTH - 16)
    y = Scale(low - margin, high + margin, 176, 10)
    return [_drawing(arm, name, by_group, (x, y)) for (arm, name), by_group in found.items()]


def _drawing(arm: str, name: str, gains: Gains, scales: tuple[Scale, Scale]) -> Severities:
    x, y = scales
    trends = [_trend(group, by, scales, list(GROUPS).index(group)) for group, by in gains.items()]
    x_ticks = [(x(i), str(i) if i else "clean") for i in range(SEVEREST + 1)]
    y_ticks = [(y(value), points(value)) for value in y.ticks(5)]
    summary = "; ".join(f"{trend.label}: {', '.join(stop.title for stop in trend.stops)}" for trend in trends)
    what, _, role = name.partition(":")
    title = f"{arm}, {what}{f' in {role}' if role else ''}"
    return Severities(title, trends, x_ticks, y_ticks, y(0), summary)


def _trend(group: str, gains: dict[int, Interval], scales: tuple[Scale, Scale], style: int) -> Trend:
    x, y = scales
    stops = []
    for severity, gain in gains.items():
        place = round(x(severity) + (style - 0.5) * _APART, 1)
        low, high = gain.ends
        where = f"severity {severity}" if severity else "clean"
        title = f"{where} {with_span(gain)}"
        stops.append(Stop(place, y(gain.value), y(low), y(high), title))
    return Trend(GROUPS[group], " ".join(f"{stop.x},{stop.y}" for stop in stops), stops, style)
