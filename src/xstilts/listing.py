"""What `xstilts ls` and `xstilts show` print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import echo

from xstilts.encoders.base import BUNDLED
from xstilts.errors import UnknownName
from xstilts.languages import normalise
from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text
from xstilts.showing import Sampling, show_task
from xstilts.tasks import Catalogue
from xstilts.tasks.whereabouts import summary

WIDE = 120
"""Columns of a screen on which what a task is fits beside its name; `xstilts show` tells it, too."""

_SENTENCES = {
    "en": "Please switch off the light in the kitchen before 10 o'clock.",
    "ru": "Пожалуйста, выключи свет на кухне до десяти часов.",
    "el": "Σβήσε το φως στην κουζίνα πριν από τις δέκα.",
    "ar": "أطفئ الضوء في المطبخ قبل الساعة العاشرة من فضلك.",
    "hi": "कृपया दस बजे से पहले रसोई की बत्ती बंद कर दो।",
    "zh": "请在十点之前把厨房的灯关掉。",
}


def list_names(what: str, data: Path | None, console: Console, as_json: bool) -> None:
    """Print a list of tasks, encoders, perturbations or suites; `data` is where benchmarks are looked for."""
    catalogue = Catalogue(data=data)
    lists: dict[str, Callable[[Catalogue], list[dict[str, Any]]]] = {
        "tasks": _tasks,
        "encoders": _encoders,
        "perturbations": _perturbations,
        "suites": _suites,
    }
    if what not in lists:
        raise UnknownName("list", what, lists)
    rows = lists[what](catalogue)
    if as_json:
        echo(json.dumps(rows, ensure_ascii=False))
        return
    if what == "tasks" and console.width < WIDE:
        rows = [{name: value for name, value in row.items() if name != "what"} for row in rows]
    table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    console.print(table)
    if what == "tasks":
        console.print(_where_from(data), style="dim", highlight=False, soft_wrap=True)
    if what == "encoders":
        console.print(
            "\nand any Hugging Face encoder, by id or folder; name@4 keeps the first 4 layers", style="dim"
        )


def show_name(
    name: str, languages: Sequence[str], samples: int, data: Path | None, console: Console, as_json: bool
) -> None:
    """Print a task with samples, or a perturbation before and after; `data` is where benchmarks are looked for."""
    tasks = Catalogue(data=data).all()
    if name in tasks:
        show_task(tasks[name], Sampling([normalise(code) for code in languages], samples), console, as_json)
    elif name.partition("@")[0].partition(":")[0] in PERTURBATIONS:
        _show_perturbation(name, console, as_json)
    else:
        raise UnknownName("task or perturbation", name, [*tasks, *PERTURBATIONS], "xstilts ls tasks")


def _tasks(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {
            "task": task.name,
            "type": task.type,
            "languages": len(task.languages),
            "found": summary(task),
            "what": task.summary,
        }
        for task in catalogue.all().values()
    ]


def _where_from(data: Path | None) -> str:
    """What `found` means."""
    if data is None:
        return "\nfound: without a folder of benchmark files; give one with --data DIR or XSTILTS_DATA"
    return (
        f"\nfound: languages below {data}; `xstilts validate {data}` says what is missing and how to get it"
    )


def _encoders(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [{"encoder": name, "what": bundled.summary} for name, bundled in BUNDLED.items()]


def _perturbations(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [{"perturbation": name, "what": each.summary} for name, each in PERTURBATIONS.items()]


def _suites(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"suite": name, "tasks": [task.name for task in tasks]} for name, tasks in catalogue.suites.items()
    ]


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _show_perturbation(name: str, console: Console, as_json: bool) -> None:
    condition = Condition.parse(name)
    each = PERTURBATIONS[condition.name]
    severities = [condition.severity] if "@" in name else list(SEVERITIES)
    examples = {
        language: {
            severity: perturb_text(
                text, language, Condition(condition.name, condition.role, severity), "example"
            )
            for severity in severities
        }
        for language, text in _SENTENCES.items()
    }
    if as_json:
        answer = {
            "perturbation": each.name,
            "what": each.summary,
            "source": each.source,
            "examples": examples,
        }
        echo(json.dumps(answer, ensure_ascii=False))
        return
    console.print(
        f"[bold]{each.name}[/]  {escape(each.summary)}\n[dim]{escape(each.source)}[/]", soft_wrap=True
    )
    for language, text in _SENTENCES.items():
        console.print(f"\n[bold cyan]{language}[/]  {escape(text)}", highlight=False, soft_wrap=True)
        if not condition.acts_on(language):
            console.print("     [dim]does not act on this script[/]")
            continue
        for severity, changed in examples[language].items():
            console.print(f"  @{severity} {escape(changed)}", highlight=False, soft_wrap=True)
