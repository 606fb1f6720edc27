"""How wide LaTeX sets our tables, by the widths of Computer Modern's letters: a ruler where there is no LaTeX."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

TEXT = 345.0
"""Points of text in a line of an article at 10 pt."""
EMS = {"footnotesize": 8 * 1.0625, "tiny": 5 * 1.361}
"""Points of one em of a 10 pt font's table in cmr8 and cmr5, whose letters are wider for their size."""
_COLUMN = 6.0  # two times \tabcolsep
_BOLD, _ITALIC = 1.15, 1.03
_SYMBOLS = {"−": 778, "→": 1000, "×": 778, "·": 278, "≤": 778, "⟨": 389, "⟩": 389, "–": 500}
_PLAIN = {
    r"$-$": "−",
    r"$\rightarrow$": "→",
    r"$\times$": "×",
    r"$\cdot$": "·",
    r"$\leq$": "≤",
    r"\textasciitilde{}": "~",
    "--": "–",
    "-{}": "-",
    "{[}": "[",
    "{]}": "]",
    "{*}": "*",
    "'{}": "'",
}


@cache
def _letters() -> dict[str, float]:
    """Width of each letter in thousandths of an em, from the metrics of cmr10 that matplotlib brings."""
    import matplotlib

    text = (Path(matplotlib.get_data_path()) / "fonts/afm/cmr10.afm").read_text("latin-1")
    found = re.findall(r"^C (\d+) ; WX ([\d.]+) ;", text, re.M)
    return {chr(int(code)): float(width) for code, width in found if 32 <= int(code) < 127} | _SYMBOLS


def table_width(body: str, columns: str) -> float:
    """The width of a table's body, in points: `columns` as `tabular` takes them."""
    widths = [0.0] * len(columns)
    whole = 0.0
    for line in body.splitlines():
        if not line.endswith(r"\\"):
            continue
        place = 0
        for cell in _split(line.removesuffix(r"\\"), " & "):
            spread = re.match(r"\s*\\multicolumn\{(\d+)\}", cell)
            if spread:
                place += int(spread[1])
                whole = max(whole, _width(_arguments(cell, r"\multicolumn", 3)[2]))
            else:
                widths[place] = max(widths[place], _width(cell))
                place += 1
    return max(sum(widths) + _COLUMN * (len(columns) - 1), whole)


def _width(text: str, size: str = "footnotesize") -> float:
    """The width of a cell."""
    text = text.strip()
    if text.startswith(r"\gainwithin"):
        above, beneath = _arguments(text, r"\gainwithin", 2)
        return max(_width(above, size), _width(beneath, "tiny"))
    if text.startswith(r"\begin{tabular}"):
        inner = re.fullmatch(r"\\begin\{tabular\}\[.\]\{@\{\}c@\{\}\}(.*)\\end\{tabular\}", text, re.S)
        assert inner, text
        return max(_width(line, size) for line in _split(inner[1], r"\\"))
    for command, factor in ((r"\textbf", _BOLD), (r"\textit", _ITALIC)):
        if command + "{" in text:
            before, _, rest = text.partition(command)
            (inside,) = _arguments(command + rest, command, 1)
            after = rest[len(inside) + 2 :]
            return _width(before, size) + factor * _width(inside, size) + _width(after, size)
    for written, plain in _PLAIN.items():
        text = text.replace(written, plain)
    text = re.sub(r"\\([&%$#_{}])", r"\1", text)
    assert "\\" not in text, text
    return sum(_letters().get(letter, 600) for letter in text) / 1000 * EMS[size]


def _arguments(text: str, command: str, count: int) -> list[str]:
    """The first arguments of a command that a text starts with."""
    found, depth, start = [], 0, 0
    for place in range(len(text.partition(command)[0]) + len(command), len(text)):
        letter, escaped = text[place], text[place - 1] == "\\"
        if letter == "{" and not escaped:
            depth += 1
            start = place + 1 if depth == 1 else start
        elif letter == "}" and not escaped:
            depth -= 1
            if not depth:
                found.append(text[start:place])
        if len(found) == count:
            return found
    raise AssertionError(text)


def _split(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that stand in no braces."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        escaped = place and text[place - 1] == "\\" and text[max(0, place - 2) : place] != r"\\"
        depth += (letter == "{" and not escaped) - (letter == "}" and not escaped)
        if not depth and text.startswith(mark, place):
            parts.append(text[start:place])
            start = place + len(mark)
    return [*parts, text[start:]]
