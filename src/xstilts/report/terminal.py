"""The answer in the terminal: one table, a few sentences, and where the report is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from xstilts.languages import display_name
from xstilts.overlap import MEANING, sentences
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval, Row, flags, of_verdict
from xstilts.report.layers import reading
from xstilts.report.race import lines as race_lines
from xstilts.report.race import outcome, rule
from xstilts.report.settings import Block, blocks
from xstilts.report.words import (
    FAMILIES,
    FLAGS,
    NO_VERDICT,
    NOTHING,
    SHORT_FLAGS,
    learned_word,
    named_flags,
    overall,
    points,
    sentence,
    short,
    short_answer,
    span,
    verdict_word,
)

if TYPE_CHECKING:
    from rich.console import Console

    from xstilts.results import Results

_STYLES = {
    "persists": "bold blue",
    "gains": "bold blue",
    "spreads": "bold blue",
    "fades": "blue",
    "harms": "bold yellow",
    "undecided": "dim",
    NO_VERDICT: "dim",
}
_SENTENCES = 4
_WIDE = 96

Put = Callable[[str], str]


def print_answer(results: Results, console: Console) -> None:
    """Print the answer of a run: a table of arms × targets, then what it says.

    Args:
        results: a finished run.
        console: where to print; without a terminal there are no colours, without Unicode only ASCII.

    Example:
        >>> print_answer(Results.load("runs/demo"), Console())  # doctest: +SKIP
    """
    evidence = Evidence(results)
    put = _plain if not console.encoding.lower().startswith("utf") else str
    if not results.verdicts:
        console.print("Nothing was compared: the run has no arm with a gain.", markup=False, highlight=False)
    else:
        console.print(_table(evidence, console, put))
        console.print()
        for line in _lines(evidence, console.width < _WIDE):
            console.print(put(line), markup=False, highlight=False)
        _print_settings(evidence, console, put)
    if race := results.run.get("race"):
        for line in (*race_lines(race), f"{outcome(race)} {rule(race)}"):
            console.print(put(line), markup=False, highlight=False, soft_wrap=True)
    overlap = sentences(results.run.get("overlap", []))
    for line in [f"! {text}" for text in overlap] + ([f"  {MEANING}"] if overlap else []):
        console.print(put(line), markup=False, highlight=False, soft_wrap=True)
    report = results.folder / "report.html"
    if report.is_file():
        console.print(f"Report: {report}", markup=False, highlight=False, soft_wrap=True)


def _table(evidence: Evidence, console: Console, put: Put) -> Table:
    """A row for each verdict on clean input, targets of one family together."""
    what = f"{evidence.scope.capitalize()} gains" if evidence.scope else "Gains"
    table = _empty(put(f"{what} over no intermediate task, in points, with {evidence.level}% intervals"))
    narrow = console.width < _WIDE
    for name in ("target", "arm"):
        table.add_column(name, overflow="fold", max_width=11 if narrow else None)
    table.add_column("verdict", overflow="fold", min_width=12)
    table.add_column("English", justify="right", no_wrap=True)
    table.add_column("other languages", justify="right", min_width=14)
    table.add_column("worst", justify="right", min_width=7, overflow="fold")
    if not narrow:
        table.add_column("learned its task?", min_width=12)
    for family in evidence.families:
        rows = evidence.verdicts(family)
        for row in rows:
            cells = _cells(row, evidence, put, str if narrow else display_name)[: len(table.columns)]
            table.add_row(*cells, end_section=row is rows[-1])
    return table


def _empty(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )


def _print_settings(evidence: Evidence, console: Console, put: Put) -> None:
    """Gains in every setting, a row each, of targets that are tested in several; nothing where none is."""
    found = blocks(evidence)
    if not found:
        return
    table = _empty(put("By setting: mean gains over the other languages, no verdicts"))
    for name in ("target", "arm", "setting"):
        table.add_column(name, overflow="fold", max_width=14 if console.width < _WIDE else None)
    for name in ("languages", "none", "gain", "interval"):
        table.add_column(name, justify="right", no_wrap=name != "languages", overflow="fold")
    for block in found:
        for row in _settings(block, short(block.target, evidence.targets()), put):
            table.add_row(*row, end_section=row[2].plain == block.columns[-1].setting)
    console.print()
    console.print(table)
    for block in found:
        for note in block.notes:
            line = f"{short(block.target, evidence.targets())}: {note}."
            console.print(put(line), markup=False, highlight=False)


def _settings(block: Block, target: str, put: Put) -> Iterator[list[Text]]:
    """For each arm and setting: the baseline's score in it, and the gain over that."""
    for arm, gains, _ in block.means.gains:
        for column, score, gain in zip(block.columns, block.means.scores, gains, strict=True):
            value = points(score.value if score else None, sign=False)
            told = Text(put(points(gain.value if gain else None)), "bold" if gain and gain.clear else "")
            cells = [target, arm, column.setting, str(column.languages), put(value)]
            yield [*map(Text, cells), told, Text(put(span(gain)))]


def _cells(row: Row, evidence: Evidence, put: Put, name: Put) -> list[Text]:
    word = verdict_word(row)
    verdict = Text(word, _STYLES.get(word, ""))
    verdict.append("".join(f"\n{flag}" for flag in named_flags(row)), "dim")
    worst = (
        f"{name(row['worst_language'])}\n{points(row['worst_gain'])}" if row["worst_language"] else NOTHING
    )
    return [
        Text(short(row["task"], evidence.targets())),
        Text(row["arm"]),
        verdict,
        _gain(of_verdict(row, ENGLISH), put),
        _gain(of_verdict(row, OTHERS), put),
        Text(put(worst)),
        Text(put(_learned(row["arm"], evidence))),
    ]


def _gain(gain: Interval | None, put: Put) -> Text:
    if gain is None:
        return Text(put(NOTHING))
    text = Text(put(points(gain.value)), "bold" if gain.clear else "")
    return text.append(put(f"\n{span(gain)}"), "dim")


def _learned(arm: str, evidence: Evidence, joint: str = "\n") -> str:
    rows = [row for row in evidence.learned if row.arm == arm]
    told = []
    for row in rows:
        name = f"{short(row.task, [x.task for x in rows])}: " if len(rows) > 1 else ""
        beside = "" if row.chance is None else f"{joint}(guess {points(row.chance, sign=False)})"
        told.append(
            f"{name}{learned_word(row.runs, len(row.values))}, {points(row.mean, sign=False)}{beside}"
        )
    return joint.join(told) or NOTHING


def _lines(evidence: Evidence, narrow: bool) -> list[str]:
    """A line a family and a flag; how the arms learned where the table had no room; sentences where there are few."""
    lines = [
        f"{FAMILIES.get(x, x)}: {short_answer(x, evidence)} {overall(x, evidence)}" for x in evidence.families
    ]
    if narrow and evidence.learned:
        arms = [f"{arm} {_learned(arm, evidence, ' ')}" for arm in evidence.arms]
        lines.append(f"Own task learned? {'; '.join(arms)}.")
    lines += [f"{text}." for target in evidence.targets() if (text := reading(target, evidence))]
    rows = [row for family in evidence.families for row in evidence.verdicts(family)]
    shown = {flag for row in rows for flag in flags(row)}
    lines += [f"{SHORT_FLAGS.get(flag, flag)}: {meaning}" for flag, meaning in FLAGS.items() if flag in shown]
    few = len(rows) + len(evidence.families) <= _SENTENCES
    return lines + ([sentence(row, evidence) for row in rows] if few else [])


def _plain(text: str) -> str:
    """The text in ASCII, for terminals that show nothing else."""
    for character, plain in {"−": "-", "–": "-", "…": "...", "×": "x", "→": "->"}.items():
        text = text.replace(character, plain)
    return text.encode("ascii", "replace").decode("ascii")
