r"""The tables of a run for a paper: booktabs, one float each, or a longtable where it would not fit on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.languages import display_name
from xstilts.report import claimed, explanations, spread, words
from xstilts.report.evidence import PERTURBED, Evidence, Interval
from xstilts.report.layers import all_vectors, layer_gains
from xstilts.report.persistence import Block, matrix
from xstilts.report.sections import against_controls, changed_input
from xstilts.report.visible import visible

if TYPE_CHECKING:
    from xstilts.results import Results

ROWS = 30
"""Rows that a float may have; a longer table is broken over pages."""
ARMS = 4
"""Arms that stand beside each other in one table."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "–": "--",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # else an argument of the line before
    "]": "{]}",
    "*": "{*}",
    "-": "-{}",  # else a dash out of two
    "'": "'{}",
    "`": "`{}",
    "\n": " ",
    "\t": " ",
    **{x: f"\\{x}" for x in "&%$#_{}"},
}
_PREAMBLE = r"""% \usepackage[T1]{fontenc}
% \usepackage{booktabs,longtable}
% How a gain with its interval is set; define it before \input to set it otherwise, such as "#1 {\tiny [#2]}".
\providecommand{\gainwithin}[2]{\begin{tabular}[c]{@{}c@{}}#1\\[-2pt]{\tiny #2}\end{tabular}}"""
_LATIN = re.compile("[^\x00-\u024f\u2010-\u2027]")


@dataclass(frozen=True)
class Table:
    """One table, its cells ready for LaTeX: `head` are whole lines, `rows` hold cells; an empty row is a rule."""

    label: str
    caption: str
    columns: str
    head: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [_line(row) if row else r"\addlinespace" for row in self.rows]
        caption = rf"\caption{{{escape(self.caption)}}}\label{{tab:{self.label}}}"
        top = ["\\toprule", *self.head, "\\midrule"]
        if len(lines) <= ROWS:
            lines = [
                r"\begin{table*}[t]",
                r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
                caption,
                *self._body(top, lines),
            ]
            return "\n".join([*lines, r"\end{table*}"])
        opening = [
            rf"\begin{{longtable}}{{@{{}}{self.columns}@{{}}}}",
            caption + r"\\",
            *top,
            r"\endfirsthead",
        ]
        lines = [*opening, *top, r"\endhead", r"\bottomrule", r"\endlastfoot", *lines, r"\end{longtable}"]
        return "\n".join([r"{\footnotesize\setlength{\tabcolsep}{4pt}", *lines, "}"])

    def _body(self, top: Sequence[str], lines: Sequence[str]) -> list[str]:
        begin = rf"\begin{{tabular}}{{@{{}}{self.columns}@{{}}}}"
        return [begin, *top, *lines, r"\bottomrule", r"\end{tabular}"]


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
    tables += [_claims(evidence)]
    text = "\n\n".join([str(table) for table in tables if table.rows])
    other = "% Some names are in other scripts than Latin: compile with lualatex or xelatex.\n"
    head = f"{_PREAMBLE}\n{other if _LATIN.search(text) else ''}"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}\n{text}\n", "utf-8")
    return path


def escape(text: str) -> str:
    r"""Text that means nothing to LaTeX, hidden characters as their code points.

    Example:
        >>> escape("50% of a_b"), escape("−1.5")
        ('50\\% of a\\_b', '$-$1.5')
    """
    return "".join(_SPECIAL.get(character, character) for character in visible(text))


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(gain: Interval | None) -> str:
    """A gain with its interval beneath, bold where this leaves out 0."""
    if gain is None:
        return "--"
    value = escape(words.points(gain.value))
    value = rf"\textbf{{{value}}}" if gain.clear else value
    return rf"\gainwithin{{{value}}}{{{escape(words.span(gain))}}}"


def _head(names: Sequence[str]) -> list[str]:
    return [_line(map(escape, names))]


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
    head = [rf" & {groups} \\", rules, *_head(["", *["English", "Others", "Verdict"] * len(sides)])]
    rows: list[list[str]] = []
    for block in blocks:
        rows += [[]] if rows else []
        rows.append([_target(block, 1 + 3 * len(sides), evidence)])
        for line in block.lines:
            cells = [rf"\textit{{{escape(line.arm)}}}" if line.control else escape(line.arm)]
            for side in range(len(sides)):
                cells += [*map(_cell, line.gains[2 * side : 2 * side + 2]), escape(line.verdicts[side])]
            rows.append(cells)
    caption = f"Do gains persist? Gains {_note(evidence)}. Controls in italics."
    return Table("persistence", caption, "l" + "ccl" * len(sides), head, rows)


def _changed(block: Block) -> bool:
    return any(gain for line in block.lines for gain in line.gains[2:])


def _target(block: Block, width: int, evidence: Evidence) -> str:
    told = [words.metric_label(block.metric), words.POSTPROCESSES.get(block.rule, block.rule)]
    name = escape(words.short(block.target, evidence.targets()))
    return (
        rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textbf{{{name}}} ({escape(', '.join(filter(None, told)))})}}"
    )


def _verdicts(evidence: Evidence) -> Table:
    names = ["Target", "Arm", "Input", "Verdict", "Above 0 in", "Lowest", "Flags"]
    table = Table(
        "verdicts", "Verdicts, and how the languages apart from English fare.", "l" * 7, _head(names)
    )
    for family in evidence.families:
        for perturbed in (False, True):
            for row in evidence.verdicts(family, perturbed):
                worst = row["worst_language"]
                lowest = (
                    f"{display_name(worst)} {words.points(row['worst_gain'])}" if worst else words.NOTHING
                )
                share = words.gaining(row) if row["share_gaining"] is not None else words.NOTHING
                cells = [words.short(row["task"], evidence.targets()), row["arm"]]
                cells += ["changed" if perturbed else "clean", words.verdict_word(row), share, lowest]
                table.rows.append(
                    [*map(escape, [*cells, ", ".join(words.named_flags(row)) or words.NOTHING])]
                )
    return table


def _spread(evidence: Evidence) -> Table:
    found = spread.lines(evidence)
    names = spread.columns(found)
    rows = [(line.target, [escape(line.arm), *map(_entry, line.entries)]) for line in found]
    caption = f"How each gain is spread, with {evidence.level}% intervals. {spread.meanings(names)}"
    head = [_line(["Arm", *map(_stacked, names)])]
    return Table("spread", caption, "l" + "c" * len(names), head, _by_target(rows, evidence))


def _stacked(name: str) -> str:
    """A head in two lines, broken at the space that is next to its middle."""
    spaces = [i for i, letter in enumerate(name) if letter == " "]
    if not spaces:
        return escape(name)
    middle = min(spaces, key=lambda i: abs(2 * i - len(name)))
    above, below = escape(name[:middle]), escape(name[middle + 1 :])
    return rf"\begin{{tabular}}[b]{{@{{}}c@{{}}}}{above}\\{below}\end{{tabular}}"


def _entry(entry: spread.Entry | None) -> str:
    if entry is None:
        return "--"
    value = rf"\textbf{{{escape(entry.value)}}}" if entry.clear else escape(entry.value)
    return rf"\gainwithin{{{value}}}{{{escape(entry.beside)}}}" if entry.beside else value


def _explanations(evidence: Evidence) -> Table:
    told = explanations.context(evidence)
    units = "; ".join(f"{head}: {unit}" for head, unit in told["units"])
    silent = " ".join(f"{x.family}{', ' if x.where else ''}{x.where}: {x.why}." for x in told["silences"])
    caption = (
        f"What goes with larger gains, in points for one unit of each feature, with {evidence.level}% intervals; bold: "
        f"clear after Holm's correction over the features. {units}. An association over languages is no cause. {silent}"
    ).strip()
    head = _head(["Arm", "Input", *(head for head, _ in told["units"])])
    table = Table("explanations", caption, "ll" + "c" * len(told["units"]), head)
    for family, models in told["families"]:
        table.rows.extend([*([[]] if table.rows else []), [_across(escape(family), 2 + len(told["units"]))]])
        for model in models:
            cells = [escape(model.arm), "changed" if model.changed else "clean"]
            table.rows.append([*cells, *map(_effect, model.effects)])
    return table


def _effect(effect: explanations.Effect | None) -> str:
    if effect is None or effect.change is None:
        return "--"
    value = escape(words.points(effect.change.value))
    value = rf"\textbf{{{value}}}" if effect.clear else value
    span = words.span(effect.change) + (", alone" if effect.alone else "")
    return rf"\gainwithin{{{value}}}{{{escape(span)}}}"


def _claims(evidence: Evidence) -> Table:
    """A row a claim, with a figure of its own: the first that has its verdict, or else the first there is."""
    found = claimed.findings(evidence)
    counts, caveat = claimed.counts(found), claimed.caveat(evidence.level)
    what = "What becomes of the published claims, and of ours, with the first figure of each that bears its verdict"
    caption = f"{what}: {counts}. {caveat}"
    table = Table("claims", caption, "rllc", _head(["", "Claim", "Verdict", "Points"]))
    for finding in found:
        figures = [x for x in claimed.figures(finding.outcome.parts) if x.value]
        figures.sort(key=lambda x: x.verdict != finding.outcome.verdict)
        figure = next(iter(figures), None)
        cells = [str(finding.claim.number), finding.claim.short, finding.outcome.verdict]
        told = rf"\gainwithin{{{escape(figure.value)}}}{{{escape(figure.span)}}}" if figure else "--"
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
            table = Table(f"languages-{label}", caption, "l" + "c" * len(arms), _head(["Language", *arms]))
            for language in evidence.languages(target):
                gains = [evidence.gain(arm, target, language) for arm in arms]
                if any(gains):
                    table.rows.append([escape(display_name(language)), *map(_cell, gains)])
            tables.append(table)
    return tables


def _conditions(evidence: Evidence) -> Table:
    names = ["Arm", "Condition", "English", "Others", "English", "Others"]
    groups = r" & & \multicolumn{2}{c}{Gain} & \multicolumn{2}{c}{Against clean} \\"
    head = [groups, r"\cmidrule(lr){3-4}\cmidrule(lr){5-6}", *_head(names)]
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
    return Table("conditions", caption, "llcccc", head, _by_target(rows, evidence))


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
    head = _head(["Arm", "Against", "English", "Others"])
    return Table("controls", caption, "llcc", head, _by_target(rows, evidence))


def _by_target(rows: Sequence[tuple[str, list[str]]], evidence: Evidence) -> list[list[str]]:
    """The rows of each target under its name."""
    told: list[list[str]] = []
    for target, cells in groupby(rows, key=lambda row: row[0]):
        lines = [line for _, line in cells]
        head = _across(escape(words.short(target, evidence.targets())), len(lines[0]))
        told += [*([[]] if told else []), [head], *lines]
    return told


def _across(name: str, width: int) -> str:
    return rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textbf{{{name}}}}}"


def _layers(evidence: Evidence) -> Table:
    caption = f"Layers of retrieval, and mean gains on test data. {all_vectors(evidence)}"
    names = ["Target", "Arm", "Vectors", "Layer", "Gain"]
    table = Table("layers", caption, "lllrc", _head(names))
    for target, *told, gain in layer_gains(evidence):
        cells = [words.short(target, evidence.targets()), *told]
        table.rows.append([*map(escape, cells), _cell(gain)])
    return table
