r"""Tables in LaTeX: text that means nothing to it, cells, and floats that are no wider than the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from xstilts.report.visible import visible

ROWS = 30
"""Rows that a float may have; a longer table is broken over pages."""

PREAMBLE = r"""% \usepackage[T1]{fontenc}
% \usepackage{booktabs,graphicx,longtable}
% How a gain with its interval is set; define it before \input to set it otherwise, such as "#1 {\tiny [#2]}".
\providecommand{\gainwithin}[2]{\begin{tabular}[c]{@{}c@{}}#1\\[-2pt]{\tiny #2}\end{tabular}}
% A table that is wider than the text is made smaller.
\providecommand{\fitted}[1]{\sbox0{#1}\ifdim\wd0>\textwidth\resizebox{\textwidth}{!}{\usebox0}\else\usebox0\fi}"""
"""What stands before tables: the packages that they need, and their two commands."""

_SIZE = r"\footnotesize\setlength{\tabcolsep}{3pt}"
_HEAD_LINES = 3

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


@dataclass(frozen=True)
class Table:
    """One table, its cells ready for LaTeX: `head` are whole lines, `rows` hold cells; an empty row is a rule."""

    label: str
    caption: str
    columns: str
    head: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [line(row) if row else r"\addlinespace" for row in self.rows]
        caption = rf"\caption{{{escape(self.caption)}}}\label{{tab:{self.label}}}"
        top = ["\\toprule", *self.head, "\\midrule"]
        columns = rf"{{@{{}}{self.columns}@{{}}}}"
        if len(lines) <= ROWS:
            opening = [r"\begin{table*}[t]", rf"\centering{_SIZE}", caption]
            body = [r"\fitted{%", rf"\begin{{tabular}}{columns}", *top, *lines, r"\bottomrule"]
            return "\n".join([*opening, *body, r"\end{tabular}%", "}", r"\end{table*}"])
        opening = [rf"\begin{{longtable}}{columns}", caption + r"\\", *top, r"\endfirsthead"]
        lines = [*opening, *top, r"\endhead", r"\bottomrule", r"\endlastfoot", *lines, r"\end{longtable}"]
        return "\n".join([f"{{{_SIZE}", *lines, "}"])


def escape(text: str) -> str:
    r"""Text that means nothing to LaTeX, hidden characters as their code points.

    Example:
        >>> escape("50% of a_b"), escape("−1.5")
        ('50\\% of a\\_b', '$-$1.5')
    """
    return "".join(_SPECIAL.get(character, character) for character in visible(text))


def line(cells: Iterable[str]) -> str:
    """Cells as a line of a table."""
    return " & ".join(cells) + r" \\"


def head(names: Sequence[str]) -> list[str]:
    """The head of a table, a name a column, each as narrow as three lines make it."""
    return [line(map(_narrow, names))]


def across(text: str, width: int) -> str:
    """A cell, ready for LaTeX, over so many columns."""
    return rf"\multicolumn{{{width}}}{{@{{}}l}}{{{text}}}"


def within(value: str, bounds: str, clear: bool = False, where: str = "") -> str:
    """A value with its interval beneath, bold where it is clear; below the value first what it is the value of."""
    told = escape(value)
    lines = [escape(text) for text in (where, *_short(bounds)) if text]
    beneath = _stack(lines) if len(lines) > 1 else "".join(lines)
    told = rf"\textbf{{{told}}}" if clear else told
    return rf"\gainwithin{{{told}}}{{{beneath}}}" if beneath else told


def _short(bounds: str) -> list[str]:
    """An interval with a comma, `−1.2, +3.0`; words in its place in two lines."""
    if " to " in bounds:
        return [bounds.replace(" to ", ", ")]
    return wrap(bounds, max(12, (len(bounds) + 4) // 2), break_on_hyphens=False)


def _narrow(name: str) -> str:
    """A name in so few words a line as three lines allow."""
    longest = max(map(len, name.split()), default=1)
    widths = (wrap(name, width, break_on_hyphens=False) for width in range(longest, len(name) + 1))
    lines = next((lines for lines in widths if len(lines) <= _HEAD_LINES), [name])
    return _stack([escape(text) for text in lines], "b") if len(lines) > 1 else escape(name)


def _stack(lines: Sequence[str], place: str = "t") -> str:
    """Lines above each other in one cell."""
    body = r"\\".join(lines)
    return rf"\begin{{tabular}}[{place}]{{@{{}}c@{{}}}}{body}\end{{tabular}}"
