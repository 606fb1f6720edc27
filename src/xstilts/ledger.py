"""The claims of a run, or of the published tables, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer import echo

from xstilts import claims
from xstilts.claims.base import (
    CONSISTENT,
    CONTRADICTED,
    INCONSISTENT,
    MET,
    NOT_MET,
    NOT_TESTABLE,
    SUPPORTED,
    Finding,
    Part,
)
from xstilts.explained import print_explanations
from xstilts.report.claimed import ON_RUN, Figure, caveat, counts, figures, notes, to_do
from xstilts.report.evidence import Evidence
from xstilts.results import Results

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STYLES = {
    SUPPORTED: "bold blue",
    CONSISTENT: "bold blue",
    MET: "bold blue",
    CONTRADICTED: "bold yellow",
    INCONSISTENT: "bold yellow",
    NOT_MET: "bold yellow",
}
_REFERENCE = (
    "The published tables have neither intervals nor seeds. Consistent means that the printed point estimates agree "
    "with the claim, and not that it holds."
)
_ON_REFERENCE = (CONSISTENT, INCONSISTENT, NOT_TESTABLE)


def print_run(folder: Path, console: Console, as_json: bool) -> None:
    """Test every claim on a finished run and print the ledger.

    Raises:
        UserError: the folder holds no finished run.
    """
    results = Results.load(folder)
    found = results.claims()
    alpha = results.run.get("statistics", {}).get("alpha", 0.05)
    if as_json:
        _echo(found, {"folder": str(folder), "level": 1 - alpha, "explanations": results.explanations})
        return
    print_findings(found, console, ON_RUN)
    console.print(caveat(round(100 * (1 - alpha))), style="dim", highlight=False)
    if scope := Evidence(results).scope:
        console.print(f"Setting: {scope}.", style="dim", highlight=False)
    console.print()
    print_explanations(results.explanations, alpha, console)


def print_reference(console: Console, as_json: bool) -> None:
    """Ask of every claim what the published tables say, and print the ledger."""
    found = claims.on_reference()
    if as_json:
        _echo(found, {"reference": True, "level": None})
        return
    print_findings(found, console, _ON_REFERENCE)
    console.print(_REFERENCE, style="dim", highlight=False)


def _echo(found: Sequence[Finding], about: dict[str, object]) -> None:
    records = [finding.record() for finding in found]
    echo(json.dumps(about | {"claims": records}, ensure_ascii=False, default=float))


def print_findings(found: Sequence[Finding], console: Console, verdicts: Sequence[str]) -> None:
    """Print findings, then how many claims came to each of some verdicts; preconditions are not counted."""
    for finding in found:
        _print_claim(finding, console)
    console.print(counts(found, verdicts), style="bold")


def _print_claim(finding: Finding, console: Console) -> None:
    claim, outcome = finding.claim, finding.outcome
    head = Text(f"{claim.number:>2}  {claim.short}: ", "bold")
    head.append(outcome.verdict, _STYLES.get(outcome.verdict, "dim"))
    console.print(head)
    console.print(_shifted(claim.sentence, 4))
    console.print(_shifted(Text(f"Source: {claim.source}", "dim"), 4))
    if outcome.parts:
        console.print(_shifted(_parts(outcome.parts), 6))
    for line in _notes(finding):
        console.print(_shifted(line, 4), highlight=False)
    console.print()


def _shifted(what: RenderableType, by: int) -> Padding:
    return Padding(what, (0, 0, 0, by), expand=False)


def _parts(parts: Sequence[Part]) -> Table:
    """A line a figure; a column that is empty throughout is left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    columns = list(zip(*map(_cells, figures(parts)), strict=True))
    shown = [i for i, column in enumerate(columns) if i == 0 or any(cell.plain for cell in column)]
    for i in shown:
        table.add_column(justify="right" if i == 1 else "left", overflow="fold", no_wrap=i in (1, 2))
    for row in zip(*(columns[i] for i in shown), strict=True):
        table.add_row(*row)
    return table


def _cells(figure: Figure) -> list[Text]:
    printed = f"printed {figure.printed}" if figure.printed else ""
    verdict = Text(figure.verdict, _STYLES.get(figure.verdict, "dim"))
    verdict.append(figure.judgement.removeprefix(figure.verdict), "dim")
    return [
        Text(figure.name),
        Text(figure.value),
        Text(figure.span, "dim"),
        Text(printed, "dim"),
        verdict,
    ]


def _notes(finding: Finding) -> Iterator[str]:
    for note in notes(finding):
        yield f"[dim]{escape(note)}[/]"
    what = to_do(finding)
    if what:
        text = f"\n{_indented(what.text)}" if what.recipe else f" {what.text}"
        yield f"[dim]{what.lead}[/]{escape(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
