"""Do gains persist: for every target the gain in English and in other languages, on clean and on changed input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.report import words
from xstilts.report.evidence import CLEAN, ENGLISH, FAMILIES, OTHERS, PERTURBED, Evidence, Interval

STRENGTH = 60
"""The strongest mix of a cell's colour into the paper, in percent: text on it keeps a contrast of 4.5."""

COLUMNS = ((ENGLISH, CLEAN), (OTHERS, CLEAN), (ENGLISH, PERTURBED), (OTHERS, PERTURBED))
"""(group of languages, input) of the columns of gains."""

_UNTESTED = {
    "trained": "trained on English labels",
    "retrieval": "of retrieval",
    "image-text": "of images and text",
}


@dataclass(frozen=True)
class Heat:
    """One coloured cell: `mix` is the strength of its colour in percent, `mark` says without colour what is clear."""

    value: str
    span: str
    mix: int
    sign: str
    clear: bool

    @property
    def mark(self) -> str:
        """▲ a clear gain, ▼ a clear loss, nothing where the interval holds 0."""
        return {"plus": "▲", "minus": "▼"}[self.sign] if self.clear else ""


@dataclass(frozen=True)
class Line:
    """One arm, or control, on one target: its cells, and its verdicts on clean and on changed input."""

    arm: str
    control: bool
    cells: tuple[Heat | None, ...]
    gains: tuple[Interval | None, ...]
    verdicts: tuple[str, str]


@dataclass(frozen=True)
class Block:
    """The lines of one target."""

    target: str
    family: str
    metric: str
    rule: str
    lines: tuple[Line, ...]


def matrix(evidence: Evidence) -> list[Block]:
    """The persistence matrix: a block a target, families in order, in it a line for every arm and control.

    The colours of a family share one scale, since gains of trained targets and of retrieval are not alike.
    """
    blocks = []
    for family in evidence.families:
        lines = {target: _gains(target, evidence) for target in evidence.targets(family)}
        found = [abs(x.value) for rows in lines.values() for row in rows.values() for x in row if x]
        top = max(0.01, *found, 0.0)
        for target, rows in lines.items():
            told = tuple(_line(arm, target, gains, top, evidence) for arm, gains in rows.items())
            if told:
                blocks.append(Block(target, family, *evidence.judged(target), told))
    return blocks


def untested(evidence: Evidence) -> list[str]:
    """What the matrix cannot say, as the run has no such target or condition.

    Example:
        >>> untested(evidence)  # doctest: +SKIP
        ['targets of images and text', 'changed input']
    """
    told = [f"targets {_UNTESTED[family]}" for family in FAMILIES if family not in evidence.families]
    return told + ([] if evidence.conditions else ["changed input"])


def _gains(target: str, evidence: Evidence) -> dict[str, tuple[Interval | None, ...]]:
    arms = evidence.all_arms(evidence.family(target))
    found = {arm: tuple(evidence.gain(arm, target, *column) for column in COLUMNS) for arm in arms}
    return {arm: gains for arm, gains in found.items() if any(gains)}


def _line(arm: str, target: str, gains: tuple[Interval | None, ...], top: float, evidence: Evidence) -> Line:
    rows = [evidence.verdict(arm, target, perturbed) for perturbed in (False, True)]
    clean, changed = (words.verdict_word(row) if row else "" for row in rows)
    cells = tuple(colour(gain, top) for gain in gains)
    return Line(arm, arm in evidence.controls, cells, gains, (clean, changed))


def colour(gain: Interval | None, top: float) -> Heat | None:
    """The cell of a gain, where `top` is the largest of its scale; None where there is no gain."""
    if gain is None:
        return None
    mix = round(STRENGTH * min(1.0, abs(gain.value) / top))
    sign = "plus" if gain.value > 0 else "minus"
    return Heat(words.points(gain.value), words.span(gain), mix, sign, gain.clear)


def families(blocks: Sequence[Block]) -> list[tuple[str, list[Block]]]:
    """The blocks by family, under the families' names for readers."""
    order = dict.fromkeys(block.family for block in blocks)
    return [
        (words.FAMILIES.get(family, family), [block for block in blocks if block.family == family])
        for family in order
    ]


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given."""
    blocks = matrix(evidence)
    changed = any(gain for block in blocks for line in block.lines for gain in line.gains[2:])
    return {"families": families(blocks), "changed": changed, "untested": untested(evidence)}
