"""What `xstilts init` prints: its guesses, an example, the expected cost, and the commands to go on with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer import echo

from xstilts.console import planned
from xstilts.costs import Costs
from xstilts.encoders.base import EncoderSpec, find_encoder
from xstilts.errors import UserError
from xstilts.experiment import open_experiment
from xstilts.initialising.asking import Request
from xstilts.initialising.drafting import Draft, draft
from xstilts.outlook import cost_words
from xstilts.recipe import Recipe, parse_recipe
from xstilts.tasks.declaration import UserTask

_FIRST_LAYERS = 2
_LONG = 2 * 3600
_FEWER = 2000
_EXAMPLE_WIDTH = 300


@dataclass(frozen=True)
class _Expected:
    """What a recipe will cost: the whole of it, and a small part."""

    stages: int
    precision: str
    whole: Costs
    part: Costs


def init_with_table(request: Request, force: bool, console: Console, as_json: bool) -> None:
    """Draft a recipe, write it, and print how it came about.

    Raises:
        UserError: there is a recipe already, or the files cannot be read as one task.
    """
    out = request.out
    if out.is_dir():
        raise UserError(f"--out {out} is a folder. Expected the path of a recipe: {out / 'recipe.yaml'}")
    if out.exists() and not force:
        raise UserError(f"{out} is there already. Overwrite it with --force, or write another: --out FILE")
    with console.status("reading the files …"):
        encoder = find_encoder(request.encoder)
        found = draft(request, encoder.positions)
        small = first_look(found.recipe, encoder)
        stages, whole, precision = _costs(found, request)
        expected = _Expected(stages, precision, whole, _costs(found, request, [*small, "limit=20"])[1])
    out.write_text(found.text, "utf-8")
    commands = {"try": try_command(out, small), "run": run_command(out)}
    if as_json:
        facts = {"stages": stages, "precision": precision, **vars(whole), "commands": commands}
        echo(json.dumps(_as_json(found, out) | facts, ensure_ascii=False))
    else:
        _print(found, request, expected, commands, console)


def _print(
    found: Draft, request: Request, expected: _Expected, commands: Mapping[str, str], console: Console
) -> None:
    console.print(_table(found))
    if not all(guess.sure for guess in found.guesses):
        console.print("(?) less certain than the others", style="yellow", highlight=False)
    _print_example(found, console)
    lines = [
        *(f"[yellow]Note:[/] {escape(note)}{'' if note.endswith('?') else '.'}" for note in found.notes),
        f"\nWrote [bold]{escape(str(request.out))}[/]: {escape(_rows(found))}.",
        f"A run of {expected.stages} stages will cost roughly {cost_words(expected.whole, expected.precision)}.",
    ]
    if expected.whole.seconds > _LONG:
        lines.append(f"Cheaper: {escape(_cheaper(found, request.encoder))}.")
    part = cost_words(expected.part, expected.precision).partition(",")[0]
    lines.append(f"Try it first on a few rows, roughly {part}, then run all of it:")
    for line in lines:
        console.print(line, highlight=False)
    for command in commands.values():
        console.print(f"  [bold]{escape(command)}[/]", highlight=False, soft_wrap=True)


def _cheaper(found: Draft, encoder: str) -> str:
    """What would make a long run shorter."""
    many = sum(found.contents.counts["train"].values()) > 2 * _FEWER
    examples = f"`training.target.examples: {_FEWER}`, " if many else ""
    return f"fewer `seeds`, {examples}or the encoder's first layers alone: `--encoder {encoder.partition('@')[0]}@6`"


def run_command(out: Path) -> str:
    """The command that runs a recipe."""
    return f"xstilts run {shlex.quote(str(out))}"


def first_look(recipe: Recipe, encoder: EncoderSpec) -> list[str]:
    """What makes a run small enough to see whether everything works, with `--limit 20`."""
    layers = min(_FIRST_LAYERS, encoder.depth or _FIRST_LAYERS)
    changes = ["seeds=[0]", f"encoder={recipe.encoder.partition('@')[0]}@{layers}"]
    trained = any(isinstance(task, UserTask) and "train" in task.files for task in recipe.tasks.values())
    return [*changes, "training.target.examples=200"] if trained else changes


def try_command(out: Path, changes: Sequence[str]) -> str:
    """The command that runs a small part of it."""
    listed = " ".join(f"--set {shlex.quote(change)}" for change in changes)
    return f"{run_command(out)} --limit 20 {listed} --out runs/try"


def _costs(found: Draft, request: Request, changes: Sequence[str] = ()) -> tuple[int, Costs, str]:
    """Stages, cost and precision of the recipe; that it can be planned is checked on the way."""
    recipe = parse_recipe(found.text, str(request.out), tuple(changes))
    store = Path("runs") / request.out.stem / "store"
    experiment = open_experiment(recipe, request.out.parent, store, request.data)
    plan, work, costs = planned(experiment)
    return len(work.stages), costs, plan.precision


def _table(found: Draft) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), collapse_padding=True)
    table.add_column("what", no_wrap=True)
    table.add_column("guess", overflow="fold", style="bold")
    table.add_column("why", overflow="fold", style="dim")
    table.add_column("if wrong, add", no_wrap=True)
    for guess in found.guesses:
        value = Text(guess.value if guess.sure else f"{guess.value} (?)", "" if guess.sure else "yellow")
        table.add_row(Text(guess.what), value, Text(guess.why), Text(guess.change))
    return table


def _print_example(found: Draft, console: Console) -> None:
    console.print("\nThe first row, as it is read:", highlight=False)
    grid = Table.grid(padding=(0, 2))
    has_id = any(guess.what == "id" for guess in found.guesses)
    for name, value in found.contents.example.items():
        if name != "source" and (name != "id" or has_id):
            grid.add_row(Text(f"  {name}", "dim"), Text(_shown(value)))
    console.print(grid)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}: {part}" for name, part in value.items())
    text = " | ".join(map(_shown, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _EXAMPLE_WIDTH else f"{text[:_EXAMPLE_WIDTH]} …"


def _rows(found: Draft) -> str:
    """How many rows there are for what."""
    counts = found.contents.counts
    test = sorted(set(counts["test"].values()))
    each = f"{test[0]:,}" if len(test) == 1 else f"{test[0]:,} to {test[-1]:,}"
    trained = f"{sum(counts['train'].values()):,} rows to train, " if counts["train"] else ""
    return (
        f"{found.task}, {trained}{sum(counts['dev'].values()):,} to choose checkpoints, "
        f"{each} to test in each of {len(counts['test'])} languages"
    )


def _as_json(found: Draft, out: Path) -> dict[str, Any]:
    return {
        "recipe": str(out),
        "task": found.task,
        "guesses": [vars(guess) for guess in found.guesses],
        "notes": list(found.notes),
        "rows": found.contents.counts,
        "labels": list(found.contents.labels),
        "example": found.contents.example,
    }
