"""The command line: parses, calls, prints. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from xstilts.cli import files, models, names, recipes, runs
from xstilts.cli.options import console_for
from xstilts.errors import Interrupted, UserError, XstiltsError

app = typer.Typer(
    name="xstilts",
    help="Does an English intermediate task help a multilingual encoder in every language? "
    "Train arms, predict zero-shot, compare by paired statistics, export the better checkpoint.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    *(recipes.init, recipes.run, recipes.plan, recipes.demo),
    *(models.evaluate, models.compare),
    *(runs.report, runs.claims, runs.export),
    *(files.score, files.validate),
    *(names.ls, names.show),
)
"""All commands, in the order in which --help lists them."""

for _command in COMMANDS:
    app.command()(_command)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    if version:
        from xstilts import __version__

        typer.echo(f"xstilts {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point: the user's mistakes end with a message and exit code 2, ours with a traceback and 1."""
    from rich.markup import escape

    try:
        app()
    except (XstiltsError, OSError) as error:
        code = error.exit_code if isinstance(error, XstiltsError) else UserError.exit_code
        prefix = "" if isinstance(error, Interrupted) else "[bold red]Error:[/] "
        console_for(to_stderr=True).print(f"{prefix}{escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(code)
