"""Gains where a model sees a few rows of the language, or reads its test in English: beside zero-shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xstilts.languages import display_name
from xstilts.recipe import BASELINE
from xstilts.report import words
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.persistence import Heat, colour
from xstilts.tasks.base import TRANSLATED

HEAD = ["Target", "Setting", "Language", "Score of none", "Arm", "Gain", "Interval"]
"""The columns of `table`."""


@dataclass(frozen=True)
class Column:
    """One setting of a target: how many languages its mean is over, and the run's tables in it."""

    setting: str
    languages: int
    evidence: Evidence


@dataclass(frozen=True)
class Rows:
    """Scores of the baseline, a value a setting, and the gains of each arm."""

    scores: tuple[Interval | None, ...]
    gains: tuple[tuple[str, tuple[Interval | None, ...], tuple[Heat | None, ...]], ...]


@dataclass(frozen=True)
class Block:
    """One target: the settings, the baseline's scores in them, and for each arm the gains, coloured.

    `means` are over the languages but English of each setting; `by_language` holds the same for each language.
    """

    target: str
    columns: tuple[Column, ...]
    means: Rows
    by_language: tuple[tuple[str, Rows], ...]
    notes: tuple[str, ...]


def blocks(evidence: Evidence) -> list[Block]:
    """For each target that is tested in other settings, what its gains are in each: of arms, without controls."""
    found = []
    for target in evidence.targets():
        columns = _columns(target, evidence)
        if len(columns) > 1:
            top = _top(target, columns)
            languages = [
                x for x in evidence.languages(target) if x != ENGLISH and _beside(x, target, columns)
            ]
            rows = tuple((display_name(x), _rows(target, x, columns, top)) for x in languages)
            notes = _notes(target, columns)
            found.append(Block(target, columns, _rows(target, OTHERS, columns, top), rows, notes))
    return found


def _columns(target: str, evidence: Evidence) -> tuple[Column, ...]:
    every = {evidence.setting: evidence, **evidence.beside}
    counts = {
        name: sum(language != ENGLISH for language in one.languages(target)) for name, one in every.items()
    }
    return tuple(Column(name, counts[name], one) for name, one in every.items() if counts[name])


def _beside(language: str, target: str, columns: tuple[Column, ...]) -> bool:
    return any(language in column.evidence.languages(target) for column in columns[1:])


def _rows(target: str, group: str, columns: tuple[Column, ...], top: float) -> Rows:
    found = [column.evidence for column in columns]
    scores = tuple(one.gain(BASELINE, target, group, quantity="score", reference="") for one in found)
    rows = []
    for arm in found[0].arms:
        gains = tuple(one.gain(arm, target, group) for one in found)
        if any(gains):
            rows.append((arm, gains, tuple(colour(gain, top) for gain in gains)))
    return Rows(scores, tuple(rows))


def _top(target: str, columns: tuple[Column, ...]) -> float:
    found = [
        abs(gain.value)
        for column in columns
        for arm in column.evidence.arms
        for group in (OTHERS, *column.evidence.languages(target))
        if (gain := column.evidence.gain(arm, target, group))
    ]
    return max(0.01, *found, 0.0)


def _notes(target: str, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Where few-shot rows are from, and which means are over other languages than the zero-shot ones."""
    told = []
    for row in columns[0].evidence.run.get("few_shot", ()):
        if row["task"] == target:
            count = words.counted(int(row["setting"].rpartition("@")[2]), "source")
            drawn = f"rows of {count}, drawn anew from {row['split']} for each seed"
            given = "the task's own few-shot rows, the same for all seeds"
            told.append(f"{row['setting']}: {drawn if row['drawn'] else given}")
            if row["drawn"] and len({x["seed"] for x in columns[0].evidence.results.results}) < 3:
                told.append(
                    f"{row['setting']}: with fewer than three seeds, intervals are over test items alone"
                )
    fewer = [column for column in columns[1:] if column.languages != columns[0].languages]
    if fewer:
        names = words.listed([f"{column.setting} over {column.languages}" for column in fewer])
        told.append(
            f"means are not over the same languages ({columns[0].setting} over {columns[0].languages}, {names}): "
            "compare by language"
        )
    return tuple(told)


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given; `rules` are those that few-shot models were selected by."""
    rules = {
        row["selection"]
        for one in evidence.beside.values()
        for row in one.results.results
        if row.get("selection") and one.setting != TRANSLATED
    }
    return {"blocks": blocks(evidence), "rules": sorted(rules)}


def table(evidence: Evidence) -> list[list[str]]:
    """The same as rows of text, for Markdown, in every setting."""
    rows = []
    for block in blocks(evidence):
        for language, found in (("other languages (mean)", block.means), *block.by_language):
            for place, column in enumerate(block.columns):
                score = found.scores[place]
                told = words.points(score.value if score else None, sign=False)
                for arm, gains, _ in found.gains:
                    gain = gains[place]
                    if gain:
                        line = [block.target, column.setting, language, told, arm]
                        rows.append([*line, words.points(gain.value), words.span(gain)])
    return rows
