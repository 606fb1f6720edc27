from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from set_widths import TEXT, table_width

from xstilts.report import write_latex
from xstilts.report.typeset import ROWS, Table, escape, head, within
from xstilts.results import Results

Make = Callable[..., Results]

HOSTILE = r"50%&{x} #1$ ^_~\end{table*} [t] * '' `` -- <<>> | \input{/etc/passwd}" + '"'
ENGINES = [name for name in ("pdflatex", "lualatex", "tectonic") if shutil.which(name)]
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx,longtable}
\begin{document}
\input{answer.tex}
\end{document}
"""


def cells(line: str) -> int:
    """Columns that a line of a table fills; a head in two lines is one."""
    spans = [int(found) - 1 for found in re.findall(r"\\multicolumn\{(\d+)\}", line)]
    return len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans)


def bodies(text: str) -> list[tuple[int, list[str]]]:
    """(columns, lines of cells) of every table."""
    found = []
    for columns, body in re.findall(
        r"\\begin\{(?:tabular|longtable)\}\{@\{\}([lcr]+)@\{\}\}\n(.*?)\n\\end\{(?:tabular|longtable)\}",
        text,
        re.S,
    ):
        lines = [
            line for line in body.splitlines() if line.endswith(r"\\") and not line.startswith(r"\caption")
        ]
        found.append((len(columns), lines))
    return found


EXPLAINED = [
    {"arm": "squad1", "family": "trained", "condition": "clean", "model": "together", "feature": "latin"}
    | {"estimate": 0.02, "ci_low": 0.01, "ci_high": 0.03, "p_holm": 0.01, "note": ""}
    | {"languages": 12, "families": 6, "left_out": 0},
    {"arm": "squad1", "family": "retrieval", "condition": "clean", "model": "", "feature": ""}
    | {"estimate": None, "note": "no conclusion: 2 languages", "languages": 2, "families": 2, "left_out": 0},
]


def test_claims_and_explanations_are_tables(judged_run: Results, tmp_path: Path) -> None:
    path = write_latex(replace(judged_run, explanations=EXPLAINED), tmp_path / "answer.tex")
    text = path.read_text("utf-8")
    tables = dict(zip(re.findall(r"\\label\{tab:([^}]*)\}", text), bodies(text), strict=True))
    for name in ("claims", "explanations", "spread"):
        width, lines = tables[name]
        assert {cells(line) for line in lines} == {width}
    assert len(tables["claims"][1]) == 15
    assert r"squad1 & clean & \gainwithin{\textbf{+2.0}}{+1.0, +3.0} & -- & --" in text
    assert "no conclusion: 2 languages" in text


def test_tables_are_whole(rich_run: Results, tmp_path: Path) -> None:
    text = write_latex(rich_run, tmp_path / "answer.tex").read_text("utf-8")
    tables = bodies(text)
    labels = re.findall(r"\\label\{tab:([^}]*)\}", text)
    languages = ["languages-pocket-intents", "languages-pocket-messages"]
    assert labels == ["persistence", "verdicts", "spread", *languages, "conditions", "controls", "layers"]
    assert len(tables) == len(labels)
    for width, lines in tables:
        assert len(lines) > 1 and {cells(line) for line in lines} == {width}
    for command in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{command}") == len(tables)
    assert "−" not in text and "$-$" in text
    assert re.search(r"\ndefinitions & \\gainwithin\{\\textbf\{\+\d\.\d\}\}\{\+\d\.\d, \+\d\.\d\}", text)
    assert "Setting:" not in text and "tab:settings" not in text


def test_tables_are_no_wider_than_the_text(rich_run: Results, judged_run: Results, tmp_path: Path) -> None:
    """As they are set: none of them has to be made smaller. What LaTeX itself says is tested where there is one."""
    measured = 0
    for results in (rich_run, replace(judged_run, explanations=EXPLAINED)):
        text = write_latex(results, tmp_path / "answer.tex").read_text("utf-8")
        tables = re.findall(
            r"\\label\{tab:([^}]*)\}\n\\fitted\{%\n\\begin\{tabular\}\{@\{\}([lcr]+)@\{\}\}\n(.*?)\n\\end\{tabular\}%",
            text,
            re.S,
        )
        for label, columns, body in tables:
            assert 0 < table_width(body, columns) <= TEXT, label
            measured += 1
    assert measured > 12


def test_heads_are_as_narrow_as_three_lines_make_them() -> None:
    (line,) = head(["Arm", "Kept of the English gain"])
    assert line == r"Arm & \begin{tabular}[b]{@{}c@{}}Kept of the\\English\\gain\end{tabular} \\"


def test_what_stands_beneath_a_value() -> None:
    assert within("+1.0", "") == "+1.0"
    assert within("72%", "60% to 150%") == r"\gainwithin{72\%}{60\%, 150\%}"
    assert within("+1.0", "at least 61%", clear=True) == r"\gainwithin{\textbf{+1.0}}{at least 61\%}"
    stacked = r"\begin{tabular}[t]{@{}c@{}}Swahili\\+0.5, +1.5\end{tabular}"
    assert within("+1.0", "+0.5 to +1.5", where="Swahili") == rf"\gainwithin{{+1.0}}{{{stacked}}}"
    assert r"no interval: it\\may divide by 0" in within("72%", "no interval: it may divide by 0")


def test_braces_are_paired(rich_run: Results, make: Make, tmp_path: Path) -> None:
    hostile = make(tmp_path, {HOSTILE: {HOSTILE: {"en": 0.02, "de": 0.01}}})
    for results in (rich_run, hostile):
        text = write_latex(results, tmp_path / "x.tex").read_text("utf-8")
        plain = re.sub(r"\\\\|\\[{}]|%.*", "", text.replace(r"\%", ""))
        assert plain.count("{") == plain.count("}")


def test_a_long_table_is_broken_over_pages() -> None:
    table = Table("t", "Long.", "ll", ["a & b \\\\"], [["1", "2"]] * (ROWS + 1))
    assert str(table).count(r"\begin{longtable}") == str(table).count(r"\end{longtable}") == 1
    assert r"\begin{table*}" not in str(table)
    short = Table("t", "Short.", "ll", ["a & b \\\\"], [["1", "2"]] * ROWS)
    assert str(short).count(r"\begin{table*}") == str(short).count(r"\end{table*}") == 1


@given(st.text())
def test_escaped_text_has_no_command_but_ours(text: str) -> None:
    """Whatever is left of a special character stands behind a backslash of our own."""
    told = escape(text)
    ours = r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|quotedbl)\{\}|\\[&%$#_{}]"
    maths = r"\$(-|\\(rightarrow|times|cdot|leq|langle|rangle))\$"
    rest = re.sub(f"{maths}|{ours}|[-'`]{{}}|{{[][*]}}", "", told)
    assert not set(rest) & set('\\{}$&#^_~%<>|"[]*\n'), rest


def test_names_in_other_scripts_are_said_to_need_another_engine(make: Make, tmp_path: Path) -> None:
    latin = write_latex(make(tmp_path, {"x/t": {"é": {"en": 0.02}}}), tmp_path / "x.tex").read_text("utf-8")
    other = write_latex(make(tmp_path, {"x/t": {"任务": {"en": 0.02}}}), tmp_path / "x.tex").read_text(
        "utf-8"
    )
    assert "lualatex" not in latin and "compile with lualatex or xelatex" in other


@pytest.mark.skipif(not ENGINES, reason="no pdflatex, lualatex or tectonic is installed")
def test_it_compiles(rich_run: Results, judged_run: Results, make: Make, tmp_path: Path) -> None:
    languages = [
        "en",
        "de",
        "fr",
        "es",
        "ru",
        "uk",
        "el",
        "he",
        "ar",
        "hi",
        "zh",
        "zh-Hant",
        "nb",
        "yo",
        "gn",
        "ki",
    ]
    hostile = make(
        tmp_path, {HOSTILE: {HOSTILE: dict.fromkeys(languages, 0.02), "a\x00b": {"en": 0.01, "de": 0.1}}}
    )
    engine = ENGINES[0]
    options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    for results in (rich_run, hostile, replace(judged_run, explanations=EXPLAINED)):
        write_latex(results, tmp_path / "answer.tex")
        (tmp_path / "document.tex").write_text(DOCUMENT, "utf-8")
        command = [engine, *options, "document.tex"]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=300)
        assert made.returncode == 0, made.stdout.decode("utf-8", "replace")[-2000:]
        assert (tmp_path / "document.pdf").stat().st_size > 1000
