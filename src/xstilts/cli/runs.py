"""Commands on the folder of a finished run: report, claims, export."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from xstilts.cli.options import DataOption, JsonOption, console_for
from xstilts.errors import UserError


def report(
    folder: Annotated[Path, typer.Argument(help="folder of a run", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="html, markdown, latex or csv")] = "html",
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", help="folder to draw the figures into as well, as SVG and PDF", show_default=False
        ),
    ] = None,
    examples: Annotated[
        bool,
        typer.Option(
            "--examples/--no-examples", help="show test items where arms differ, in HTML and CSV alone"
        ),
    ] = True,
) -> None:
    """Write the report of a run again, as HTML, Markdown, LaTeX or tables in CSV; draw its figures."""
    from xstilts import report as reports
    from xstilts.errors import UnknownName
    from xstilts.results import Results

    writers: dict[str, tuple[Any, str]] = {
        "html": (partial(reports.write_html, examples=examples), "report.html"),
        "markdown": (reports.write_markdown, "report.md"),
        "latex": (reports.write_latex, "report.tex"),
        "csv": (partial(reports.write_csv, examples=examples), "tables"),
    }
    if form not in writers:
        raise UnknownName("report format", form, writers)
    write, name = writers[form]
    results = Results.load(folder)
    typer.echo(write(results, folder / name))
    for path in reports.write_figures(results, figures) if figures else ():
        typer.echo(path)


def claims(
    folder: Annotated[Path | None, typer.Argument(help="folder of a run", show_default=False)] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="test the published tables instead of a run")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Test the published claims, and that gains last, on a finished run: what it supports, and what it contradicts."""
    if (folder is None) == (not reference):
        given = "neither" if folder is None else f"{folder} and --reference"
        raise UserError(
            f"claims: {given} given. Expected the folder of a run, xstilts claims DIR, or xstilts claims --reference"
        )
    from xstilts import ledger

    if folder is None:
        ledger.print_reference(console_for(as_json), as_json)
    else:
        ledger.print_run(folder, console_for(as_json), as_json)


def export(
    folder: Annotated[Path, typer.Argument(help="folder of a run", show_default=False)],
    out: Annotated[Path, typer.Argument(help="folder to write", show_default=False)],
    arm: Annotated[str, typer.Option("--arm", help="an arm, or best: the one chosen on dev")] = "best",
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="a target; encoder: without a head; for xtreme also several, comma-separated",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="\\[default: the best on dev]", show_default=False)
    ] = None,
    to: Annotated[str, typer.Option("--to", help="hf, sentence-transformers, mteb or xtreme")] = "hf",
    postprocess: Annotated[
        str | None,
        typer.Option(
            "--postprocess",
            help="none or center: the sentence vectors [default: what the verdicts rest on]",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write a checkpoint of a run as an ordinary model folder, its results for mteb, or a submission to XTREME."""
    from xstilts import exporting
    from xstilts.errors import UnknownName
    from xstilts.finished import FinishedRun

    tell = console_for(to_stderr=True).print
    if to not in exporting.FORMS:
        raise UnknownName("export format", to, exporting.FORMS)
    if postprocess and to == "hf":
        raise UserError(
            "--postprocess is for sentence vectors: add --to sentence-transformers, or leave it out"
        )
    if to == "xtreme":
        typer.echo(exporting.export_xtreme(folder, out, arm, seed, target, postprocess, data, tell))
        return
    run = FinishedRun.open(folder, data)
    if to == "hf":
        written = exporting.export_hf(run, out, arm, target, seed, tell=tell)
    elif to == "mteb":
        written = exporting.export_mteb(run, out, arm, seed, target, postprocess, tell=tell)
    else:
        written = exporting.export_sentence_transformers(run, out, arm, seed, target, postprocess, tell)
    typer.echo(written)
