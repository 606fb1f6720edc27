r"""The tables of a run for a paper: booktabs, one float each, or a longtable where it would not fit on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.languages import display_name
from xstilts.report import claimed, explanations, settings, spread, words
from xstilts.report.evidence import PERTURBED, Evidence, Interval
from xstilts.report.layers import all_vectors, layer_gains
from xstilts.report.persistence import Block, matrix
from xstilts.report.sections import against_controls, changed_input
from xstilts.report.typeset import PREAMBLE, Table, across, escape, head, within

if TYPE_CHECKING:
    from xstilts.results import Results

ARMS = 4
"""Arms that stand beside each other in one table."""

_LATIN = re.compile("[^\x00-\u024f\u2010-\u2027]")


def write_latex(results: Results, path: str | Path) -> Path:
    r"""Write the tables of a run for a paper; returns the path.

    The file is meant for `\input`; its first lines name the packages that it needs, and how a gain is set. Gains are
    in points with their intervals, bold where these leave out 0.

    Example:
        >>> write_latex(Results.load("runs/demo"), "answer.tex")  # doctest: +SKIP
        PosixPath('answer.tex')
    """
    evidence = Evidence(results)
    tables = [_persistence(evidence), _verdicts(evidence), _spread(evidence), *_languages(evidence)]
    tables += [_explanations(evidence), _conditions(evidence), _controls(evidence), _layers(evidence)]
    tables = [_scoped(table, evidence) for table in (*tables, _claims(evidence))] + _settings(evidence)
    text = "\n\n".join([str(table) for table in tables if table.rows])
    other = "% Some names are in other scripts than Latin: compile with lualatex or xelatex.\n"
    opening = f"{PREAMBLE}\n{other if _LATIN.search(text) else ''}"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{opening}\n{text}\n", "utf-8")
    return path


def _scoped(table: Table, evidence: Evidence) -> Table:
    """The table with its setting, where the run has several."""
    if not evidence.scope:
        return table
    return replace(table, caption=f"{table.caption.removesuffix('.')}. Setting: {evidence.scope}.")


def _cell(gain: Interval | None) -> str:
    """A gain with its interval beneath, bold where this leaves out 0."""
    return within(words.points(gain.value), words.span(gain), gain.clear) if gain else "--"


def _note(evidence: Evidence) -> str:
    return (
        f"in points of 0–100 over the encoder without an intermediate task, with {evidence.level}% intervals; bold: "
        "the interval leaves out 0"
    )


def _persistence(evidence: Evidence) -> Table:
    blocks = matrix(evidence)
    sides = ("Clean input", "Changed input") if any(_changed(block) for block in blocks) else ("Clean input",)
    groups = " & ".join(rf"\multicolumn{{3}}{{c}}{{{side}}}" for side in sides)
    rules = "".join(rf"\cmidrule(lr){{{2 + 3 * i}-{4 + 3 * i}}}" for i in range(len(sides)))
    top = [rf" & {groups} \\", rules, *head(["", *["English", "Others", "Verdict"] * len(sides)])]
    rows: list[list[str]] = []
    for block in blocks:
        rows += [[]] if rows else []
        rows.append([_target(block, 1 + 3 * len(sides), evidence)])
        for arm in block.lines:
            cells = [rf"\textit{{{escape(arm.arm)}}}" if arm.control else escape(arm.arm)]
            for side in range(len(sides)):
                cells += [*map(_cell, arm.gains[2 * side : 2 * side + 2]), escape(arm.verdicts[side])]
            rows.append(cells)
    caption = f"Do gains persist? Gains {_note(evidence)}. Controls in italics."
    return Table("persistence", caption, "l" + "ccl" * len(sides), top, rows)


def _changed(block: Block) -> bool:
    return any(gain for line in block.lines for gain in line.gains[2:])


def _target(block: Block, width: int, evidence: Evidence) -> str:
    told = [words.metric_label(block.metric), words.POSTPROCESSES.get(block.rule, block.rule)]
    name = escape(words.short(block.target, evidence.targets()))
    return across(rf"\textbf{{{name}}} ({escape(', '.join(filter(None, told)))})", width)


def _verdicts(evidence: Evidence) -> Table:
    names = ["Arm", "Input", "Verdict", "Above 0 in", "Lowest", "Flags"]
    rows = [
        (target, _verdict(row))
        for family in evidence.families
        for target in evidence.targets(family)
        for perturbed in (False, True)
        for row in evidence.verdicts(family, perturbed)
        if row["task"] == target
    ]
    caption = "Verdicts, and how the languages apart from English fare."
    return Table("verdicts", caption, "l" * len(names), head(names), _by_target(rows, evidence))


def _verdict(row: Mapping[str, Any]) -> list[str]:
    worst = row["worst_language"]
    lowest = f"{display_name(worst)} {words.points(row['worst_gain'])}" if worst else words.NOTHING
    share = words.gaining(row) if row["share_gaining"] is not None else words.NOTHING
    flags = ", ".join(words.named_flags(row)) or words.NOTHING
    changed = "changed" if row["perturbed"] else "clean"
    return [*map(escape, [row["arm"], changed, words.verdict_word(row), share, lowest, flags])]


def _spread(evidence: Evidence) -> Table:
    found = spread.lines(evidence)
    names = spread.columns(found)
    rows = [(one.target, [escape(one.arm), *map(_entry, one.entries)]) for one in found]
    caption = f"How each gain is spread, with {evidence.level}% intervals. {spread.meanings(names)}"
    columns = "l" + "c" * len(names)
    return Table("spread", caption, columns, head(["Arm", *names]), _by_target(rows, evidence))


def _entry(entry: spread.Entry | None) -> str:
    return within(entry.value, entry.beside, entry.clear, entry.where) if entry else "--"


def _explanations(evidence: Evidence) -> Table:
    told = explanations.context(evidence)
    units = "; ".join(f"{name}: {unit}" for name, unit in told["units"])
    silent = " ".join(f"{x.family}{', ' if x.where else ''}{x.where}: {x.why}." for x in told["silences"])
    caption = (
        f"What goes with larger gains, in points for one unit of each feature, with {evidence.level}% intervals; bold: "
        f"clear after Holm's correction over the features. {units}. An association over languages is no cause. {silent}"
    ).strip()
    top = head(["Arm", "Input", *(name for name, _ in told["units"])])
    table = Table("explanations", caption, "ll" + "c" * len(told["units"]), top)
    for family, models in told["families"]:
        table.rows.extend([*([[]] if table.rows else []), [_bold(family, 2 + len(told["units"]))]])
        for model in models:
            cells = [escape(model.arm), "changed" if model.changed else "clean"]
            table.rows.append([*cells, *map(_effect, model.effects)])
    return table


def _effect(effect: explanations.Effect | None) -> str:
    if effect is None or effect.change is None:
        return "--"
    span = words.span(effect.change) + ("; alone" if effect.alone else "")
    return within(words.points(effect.change.value), span, effect.clear)


def _claims(evidence: Evidence) -> Table:
    """A row a claim, with a figure of its own: the first that has its verdict, or else the first there is."""
    found = claimed.findings(evidence)
    counts, caveat = claimed.counts(found), claimed.caveat(evidence.level)
    what = "What becomes of the published claims, and of ours, with the first figure of each that bears its verdict"
    caption = f"{what}: {counts}. {caveat}"
    table = Table("claims", caption, "rllc", head(["", "Claim", "Verdict", "Points"]))
    for finding in found:
        figures = [x for x in claimed.figures(finding.outcome.parts) if x.value]
        figures.sort(key=lambda x: x.verdict != finding.outcome.verdict)
        figure = next(iter(figures), None)
        cells = [str(finding.claim.number), finding.claim.short, finding.outcome.verdict]
        told = within(figure.value, figure.span) if figure else "--"
        table.rows.append([*map(escape, cells), told])
    return table


def _languages(evidence: Evidence) -> list[Table]:
    """For each target the gains by language, `ARMS` arms beside each other."""
    tables = []
    for target in evidence.targets():
        have = [arm for arm in evidence.all_arms() if evidence.gain_languages(arm, target)]
        name = words.short(target, evidence.targets())
        for start in range(0, len(have), ARMS):
            arms = have[start : start + ARMS]
            label = f"{words.slug(target)}-{start // ARMS + 1}" if len(have) > ARMS else words.slug(target)
            caption = f"Gains on {name} by language, {_note(evidence)}."
            table = Table(f"languages-{label}", caption, "l" + "c" * len(arms), head(["Language", *arms]))
            for language in evidence.languages(target):
                gains = [evidence.gain(arm, target, language) for arm in arms]
                if any(gains):
                    table.rows.append([escape(display_name(language)), *map(_cell, gains)])
            tables.append(table)
    return tables


def _conditions(evidence: Evidence) -> Table:
    names = ["Arm", "Condition", "English", "Others", "English", "Others"]
    groups = r" & & \multicolumn{2}{c}{Gain} & \multicolumn{2}{c}{Against clean} \\"
    top = [groups, r"\cmidrule(lr){3-4}\cmidrule(lr){5-6}", *head(names)]
    caption = (
        f"Gains with changed input, {_note(evidence)}; and these minus the gain on clean input. The number behind @ is "
        "the severity, 1 to 5."
    )
    rows = [
        (
            row["target"],
            [escape(row["arm"]), escape(_condition(row)), *map(_cell, row["gains"] + row["changes"])],
        )
        for row in changed_input(evidence)
    ]
    return Table("conditions", caption, "llcccc", top, _by_target(rows, evidence))


def _condition(row: Mapping[str, Any]) -> str:
    return "all of them" if row["condition"] == PERTURBED else str(row["condition"])


def _controls(evidence: Evidence) -> Table:
    caption = (
        "The score of each arm minus that of its control, in points. "
        "A gain is the task's own only where this is above 0 as well."
    )
    rows = [
        (
            row["target"],
            [escape(row["arm"]), rf"\textit{{{escape(row['control'])}}}", *map(_cell, row["gains"])],
        )
        for row in against_controls(evidence)
    ]
    top = head(["Arm", "Against", "English", "Others"])
    return Table("controls", caption, "llcc", top, _by_target(rows, evidence))


def _by_target(rows: Sequence[tuple[str, list[str]]], evidence: Evidence) -> list[list[str]]:
    """The rows of each target under its name."""
    told: list[list[str]] = []
    for target, cells in groupby(rows, key=lambda row: row[0]):
        lines = [row for _, row in cells]
        name = _bold(words.short(target, evidence.targets()), len(lines[0]))
        told += [*([[]] if told else []), [name], *lines]
    return told


def _bold(name: str, width: int) -> str:
    return across(rf"\textbf{{{escape(name)}}}", width)


def _layers(evidence: Evidence) -> Table:
    caption = f"Layers of retrieval, and mean gains on test data. {all_vectors(evidence)}"
    names = ["Target", "Arm", "Vectors", "Layer", "Gain"]
    table = Table("layers", caption, "lllrc", head(names))
    for target, *told, gain in layer_gains(evidence):
        cells = [words.short(target, evidence.targets()), *told]
        table.rows.append([*map(escape, cells), _cell(gain)])
    return table


def _settings(evidence: Evidence) -> list[Table]:
    """For each target that is tested in several settings its scores and gains, `ARMS` arms beside each other."""
    tables = []
    for block in settings.blocks(evidence):
        arms = [arm for arm, *_ in block.means.gains]
        name, label = words.short(block.target, evidence.targets()), words.slug(block.target)
        caption = (
            f"Gains on {name} by setting, {_note(evidence)}. Without an intermediate task: the score in that setting. "
            f"Others: the mean of the languages other than English. {' '.join(f'{note}.' for note in block.notes)}"
        )
        for start in range(0, len(arms), ARMS):
            shown = arms[start : start + ARMS]
            part = f"-{start // ARMS + 1}" if len(arms) > ARMS else ""
            top = head(["Language", "Setting", "none", *shown])
            table = Table(f"settings-{label}{part}", caption.strip(), "llc" + "c" * len(shown), top)
            for language, found in (("Others", block.means), *block.by_language):
                table.rows.extend(
                    [*([[]] if table.rows else []), *_in_settings(language, found, block, shown)]
                )
            tables.append(table)
    return tables


def _in_settings(
    language: str, found: settings.Rows, block: settings.Block, arms: Sequence[str]
) -> list[list[str]]:
    """A line a setting: the score of the baseline, and the gains of some arms."""
    gains = {arm: by_setting for arm, by_setting, _ in found.gains}
    lines: list[list[str]] = []
    for place, column in enumerate(block.columns):
        score = found.scores[place]
        told = [_cell(gains[arm][place] if arm in gains else None) for arm in arms]
        if score or any(gain != "--" for gain in told):
            value = words.points(score.value if score else None, sign=False)
            name = "" if lines else language
            lines.append([escape(name), escape(column.setting), escape(value), *told])
    return lines
