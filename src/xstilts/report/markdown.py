"""Verdicts and gains as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.languages import display_name
from xstilts.report import claimed, modalities, settings, spread
from xstilts.report.evidence import CLEAN, ENGLISH, OTHERS, Evidence, flags, of_verdict
from xstilts.report.layers import all_vectors, layer_gains
from xstilts.report.race import RACE, dropped_rows, outcome, rule
from xstilts.report.visible import visible
from xstilts.report.words import (
    FAMILIES,
    NOTHING,
    QUESTION,
    condition_label,
    overall,
    points,
    short_answer,
    span,
    verdict_word,
    with_span,
)

if TYPE_CHECKING:
    from xstilts.claims import Finding
    from xstilts.results import Results

Table = list[list[str]]

_VERDICTS = ["Target", "Arm", "Input", "Verdict", "English", "Other languages", "Worst language", "Flags"]
_GAINS = ["Target", "Arm", "Condition", "Language", "Gain", "Interval"]
_CLAIMS = ["No.", "Claim", "Verdict", "Figures"]
_BESIDE = "Beside zero-shot"
_SETTINGS = "Gains over no intermediate task in the same setting. Verdicts are about zero-shot alone."
_LAYERS = ["Target", "Arm", "Vectors", "Layer", "Gain", "Interval"]


def write_markdown(results: Results, path: str | Path) -> Path:
    """Write verdicts and gains as Markdown tables; returns the path.

    Example:
        >>> write_markdown(Results.load("runs/demo"), "answer.md")  # doctest: +SKIP
        PosixPath('answer.md')
    """
    evidence = Evidence(results)
    parts = [f"# {QUESTION}", *(_markdown(text) for text in _answers(evidence))]
    parts += [f"Setting: {evidence.scope}, but for “{_BESIDE}”."] if evidence.scope else []
    parts += ["## Verdicts", _pipes(_VERDICTS, _verdicts(evidence))]
    if lines := spread.lines(evidence):
        names = spread.columns(lines)
        parts += ["## How gains are spread", _markdown(spread.meanings(names))]
        parts += [_pipes(["Target", "Arm", *names], _spread(lines))]
    parts += ["## Gains", _note(evidence), _pipes(_GAINS, _gains(evidence))]
    if found := modalities.table(evidence):
        parts += ["## From text to images", _pipes(modalities.head(evidence), found)]
    if found := settings.table(evidence):
        parts += [f"## {_BESIDE}", _SETTINGS, _pipes(settings.HEAD, found)]
    if race := evidence.run.get("race"):
        parts += ["## Race", _markdown(f"{rule(race)} {outcome(race)}"), _pipes(RACE, dropped_rows(race))]
    if found := _layers(evidence):
        parts += ["## Layers of retrieval", _markdown(all_vectors(evidence)), _pipes(_LAYERS, found)]
    if found := _claims(evidence):
        parts += ["## Claims", claimed.caveat(evidence.level), _pipes(_CLAIMS, found)]
    return _write(path, "\n\n".join(parts) + "\n")


def _answers(evidence: Evidence) -> list[str]:
    return [
        f"{FAMILIES.get(family, family)}: {short_answer(family, evidence)} {overall(family, evidence)}"
        for family in evidence.families
    ]


def _note(evidence: Evidence) -> str:
    return f"Gains over no intermediate task in points of 0–100, with {evidence.level}% intervals."


def _verdicts(evidence: Evidence) -> Table:
    rows = [
        row
        for x in evidence.families
        for perturbed in (False, True)
        for row in evidence.verdicts(x, perturbed)
    ]
    table = []
    for row in rows:
        gains = [of_verdict(row, group) for group in (ENGLISH, OTHERS)]
        told = [with_span(gain) if gain else NOTHING for gain in gains]
        worst = row["worst_language"]
        lowest = f"{display_name(worst)} {points(row['worst_gain'])}" if worst else NOTHING
        changed = "changed" if row["perturbed"] else "clean"
        table.append(
            [
                row["task"],
                row["arm"],
                changed,
                verdict_word(row),
                *told,
                lowest,
                ", ".join(flags(row)) or NOTHING,
            ]
        )
    return table


def _gains(evidence: Evidence) -> Table:
    names = {ENGLISH: "English (mean)", OTHERS: "other languages (mean)"}
    table = []
    for target in evidence.targets():
        languages = [x for x in evidence.languages(target) if x != ENGLISH]
        for arm in evidence.all_arms():
            for condition in (CLEAN, *evidence.told_conditions(arm, target)):
                for group in (ENGLISH, OTHERS, *languages):
                    gain = evidence.gain(arm, target, group, condition)
                    if gain:
                        label = names.get(group) or display_name(group)
                        value = points(gain.value)
                        table.append([target, arm, condition_label(condition), label, value, span(gain)])
    return table


def _spread(lines: Sequence[spread.Line]) -> Table:
    def told(entry: spread.Entry | None) -> str:
        if entry is None:
            return NOTHING
        return f"{entry.told} ({entry.beside})" if entry.beside else entry.told

    return [[line.target, line.arm, *map(told, line.entries)] for line in lines]


def _claims(evidence: Evidence) -> Table:
    """A row a claim, with every figure that was judged."""
    return [
        [str(one.claim.number), one.claim.sentence, one.outcome.verdict, _judged(one) or NOTHING]
        for one in claimed.findings(evidence)
    ]


def _judged(finding: Finding) -> str:
    found = [x for x in claimed.figures(finding.outcome.parts) if x.verdict and x.value]
    return "; ".join(f"{x.name} {x.value} ({x.span}): {x.judgement}" for x in found)


def _layers(evidence: Evidence) -> Table:
    """The layer of every arm and post-processing, and its mean clean gain over all languages."""
    return [
        [*told, points(gain.value if gain else None), span(gain)] for *told, gain in layer_gains(evidence)
    ]


def _pipes(head: Sequence[str], rows: Table) -> str:
    lines = [head, ["---"] * len(head), *([_markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(text: str) -> str:
    """Text that means nothing to Markdown or HTML."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text).replace("\n", " ")


def _write(path: str | Path, text: str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
