"""Geometry of the spread of gains: a row for each target and arm, with a dot a language, their mean, and English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.languages import display_name
from xstilts.report import words
from xstilts.report.charts import WIDTH, Scale, cut
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.words import points, with_span

_LABELS, _VALUES, _ROW, _HEAD, _AXIS = 100, 48, 34, 22, 24
MEAN, ALONE = "mean of the others", "English"
APART = 8.0
"""Pixels by which the mean is drawn above the dots of a row, and English below them."""


@dataclass(frozen=True)
class Spread:
    """The clean gains of one arm on one target: in English, in each other language, and the mean of these.

    `languages` are (name, gain), the largest first; there is a mean where they are several.
    """

    target: str
    arm: str
    english: Interval | None
    mean: Interval | None
    languages: tuple[tuple[str, Interval], ...]

    @property
    def drawn(self) -> list[float]:
        """All that is drawn of a row: English and the mean with their intervals, and a dot a language."""
        ends = [end for gain in (self.english, self.mean) if gain for end in gain.ends]
        return ends + [gain.value for _, gain in self.languages]


@dataclass(frozen=True)
class Dot:
    """A gain on the paper, with its interval, and both in words; `sign` says on which side of 0 the interval lies."""

    title: str
    x: float
    low: float
    high: float
    sign: int


@dataclass(frozen=True)
class Row:
    """An arm, at height `y`; above its head stands the target, at height `head`, where it is the target's first."""

    arm: str
    target: str
    head: float
    y: float
    text: str
    english: Dot | None
    mean: Dot | None
    languages: list[Dot]


@dataclass(frozen=True)
class Strips:
    """The drawing of one family of targets, on one scale."""

    family: str
    title: str
    height: float
    rows: list[Row]
    ticks: list[tuple[float, str]]
    zero: float
    summary: str
    width: int = WIDTH


def spreads(evidence: Evidence) -> dict[str, list[Spread]]:
    """By family of targets a row for each target and arm that has gains to set apart, in the report's order."""
    found = {}
    for family in evidence.families:
        places = [(arm, target) for target in evidence.targets(family) for arm in evidence.arms]
        rows = [_spread(arm, target, evidence) for arm, target in places]
        found[family] = [one for one in rows if len(one.languages) + bool(one.english) > 1]
    return {family: rows for family, rows in found.items() if rows}


def _spread(arm: str, target: str, evidence: Evidence) -> Spread:
    languages = [x for x in evidence.gain_languages(arm, target) if x != ENGLISH]
    gains = [(display_name(x), gain) for x in languages if (gain := evidence.gain(arm, target, x))]
    mean = evidence.gain(arm, target, OTHERS) if len(gains) > 1 else None
    return Spread(target, arm, evidence.gain(arm, target, ENGLISH), mean, tuple(gains))


def strips(evidence: Evidence) -> list[Strips]:
    """A drawing a family: its gains are not to be read beside those of another."""
    return [_strips(family, rows, evidence) for family, rows in spreads(evidence).items()]


def _strips(family: str, found: Sequence[Spread], evidence: Evidence) -> Strips:
    bounds = [x for one in found for x in one.drawn]
    low, high = min(0.0, *bounds), max(0.0, *bounds)
    margin = max(0.03 * (high - low), 0.002)
    scale = Scale(low - margin, high + margin, _LABELS, WIDTH - _VALUES)
    rows: list[Row] = []
    y, before = 0.0, ""
    for one in found:
        head = y + _HEAD - 8 if one.target != before else 0.0
        y += _HEAD if head else 0
        name = cut(words.short(one.target, evidence.targets()), 40) if head else ""
        rows.append(_row(one, name, head, y + _ROW / 2, scale))
        y, before = y + _ROW, one.target
    title = words.FAMILIES.get(family, family)
    ticks = [(scale(x), points(x)) for x in scale.ticks(5)]
    summary = "; ".join(_told(one, evidence) for one in found)
    return Strips(family, title, y + _AXIS, rows, ticks, scale(0), summary)


def _row(one: Spread, name: str, head: float, y: float, scale: Scale) -> Row:
    shown = one.mean or (one.languages[0][1] if one.languages else one.english)
    return Row(
        cut(one.arm, 15),
        name,
        head,
        y,
        points(shown.value if shown else None),
        _dot(ALONE, one.english, scale) if one.english else None,
        _dot(MEAN, one.mean, scale) if one.mean else None,
        [_dot(language, gain, scale) for language, gain in one.languages],
    )


def _dot(label: str, gain: Interval, scale: Scale) -> Dot:
    title = f"{label}: {with_span(gain)}"
    low, high = gain.ends
    return Dot(title, scale(gain.value), scale(low), scale(high), gain.sign)


def _told(one: Spread, evidence: Evidence) -> str:
    """A row in words, for those who cannot see it."""
    told = [f"English {points(one.english.value)}"] if one.english else []
    told += [f"mean of {len(one.languages)} others {points(one.mean.value)}"] if one.mean else []
    ends = [f"{language} {points(gain.value)}" for language, gain in (one.languages[-1:] + one.languages[:1])]
    told.append(f"from {' to '.join(ends)}" if len(one.languages) > 1 else ends[0] if ends else "")
    return f"{words.short(one.target, evidence.targets())}, {one.arm}: {', '.join(filter(None, told))}"
