"""What `xstilts show TASK` prints: what a task is, where its files come from, what is there, some of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import echo

from xstilts.errors import DataError, UnknownName
from xstilts.languages import display_name
from xstilts.tasks.base import SPLITS, Row, Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.published import published
from xstilts.tasks.whereabouts import Whereabouts, is_needed, languages_there, local, whereabouts

FEW = 2
"""Languages of a benchmark's split that are shown unless they are asked for: English and another one."""


@dataclass(frozen=True)
class Sampling:
    """Which rows to show: those of `languages`, or of all; so many a language."""

    languages: Sequence[str] = ()
    rows: int = 3


@dataclass(frozen=True)
class Part:
    """One split and language: the number of its rows and a few of them, or what is wrong with its files."""

    split: str
    language: str
    count: int = 0
    rows: Sequence[Row] = field(default_factory=list)
    problem: str = ""


def show_task(task: Task, sampling: Sampling, console: Console, as_json: bool) -> None:
    """Print a task. Nothing is downloaded: what only the Hub has is named, not shown.

    Raises:
        UnknownName: a language that the task does not have.
    """
    task, places = local(task), whereabouts(task)
    known = {code for split in SPLITS for code in languages_there(task, split)} | set(task.languages)
    unknown = [code for code in sampling.languages if code not in known]
    if unknown:
        raise UnknownName("language of " + task.name, unknown[0], known)
    with console.status("reading rows"):
        parts = list(_parts(task, sampling))
    facts = _facts(task) | {"layouts": _layouts(task), "hub": _hubs(places)}
    if as_json:
        there = [_there(place, parts) for place in places]
        samples = [vars(part) for part in parts if part.rows or part.problem]
        echo(json.dumps(facts | {"splits": there, "samples": samples}, ensure_ascii=False))
        return
    for key, value in facts.items():
        if value not in ("", []):
            console.print(f"[bold]{key}[/]  {escape(_cell(value, key))}", highlight=False, soft_wrap=True)
    if places:
        _print_places(places, parts, console)
    for part in parts:
        _print_part(part, console)


def _facts(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "type": task.type,
        "what": task.summary,
        "languages": list(task.languages),
        "labels": list(task.labels),
        "metrics": list(task.metrics),
        "parallel": task.parallel,
        "licence": task.licence,
        "url": task.url,
        "notes": task.notes,
        "images": "" if task.images is None else task.images.absent() or "there",
    }


def _cell(value: Any, key: str) -> str:
    if key == "layouts":
        return "".join(_layout_lines(one) for one in value)
    if not isinstance(value, list):
        return str(value)
    shown = value if len(value) <= 60 else [*value[:20], f"… and {len(value) - 20} more"]
    if key == "hub":
        return "; and ".join(shown) + " (tests read local files of the same schema)"
    return ", ".join(map(str, shown))


def _layouts(task: Task) -> list[dict[str, Any]]:
    """The forms that the files are read from, and where to get them."""
    return [
        {
            "name": layout.name,
            "of": part.task,
            "files": list(layout.files),
            "get": layout.get,
            "exercised": layout.exercised,
        }
        for part in published(task.source)
        for layout in part.layouts
    ]


def _layout_lines(layout: Mapping[str, Any]) -> str:
    tried = (
        "read from published files"
        if layout["exercised"]
        else "read from files of this form that tests write"
    )
    files = "".join(f"\n      {name}" for name in layout["files"])
    return f"\n  {layout['name']} ({tried}){files}\n      from {layout['get']}"


def _hubs(places: Sequence[Whereabouts]) -> list[str]:
    return list(dict.fromkeys(place.hub_described for place in places if place.hub_described))


def _parts(task: Task, sampling: Sampling) -> Iterator[Part]:
    """Every split and language that is there, with the rows to show."""
    further = [split for part in published(task.source) for split in part.splits if split not in SPLITS]
    for split in dict.fromkeys((*SPLITS, *further, SUBMISSION)):
        languages = languages_there(task, split)
        wanted = set(sampling.languages or (_few(task, languages) if published(task.source) else languages))
        for language in languages:
            try:
                rows = task.source.rows(split, language)
            except DataError as error:
                yield Part(split, language, problem=str(error))
                continue
            step = max(1, len(rows) // sampling.rows)
            shown = rows[::step][: sampling.rows] if language in wanted and is_needed(split) else []
            yield Part(split, language, len(rows), shown)


def _few(task: Task, languages: Sequence[str]) -> list[str]:
    return sorted(languages, key=lambda code: code != task.train_language)[:FEW]


def _there(place: Whereabouts, parts: Sequence[Part]) -> dict[str, Any]:
    counts = {part.language: part.count for part in parts if part.split == place.split}
    return {
        "of": place.part,
        "split": place.split,
        "layout": place.layout.name if place.layout else None,
        "languages": list(place.languages),
        "missing": list(place.missing),
        "reported": place.reported,
        "hub": place.hub,
        "rows": {code: counts[code] for code in place.languages if code in counts},
    }


def _print_places(places: Sequence[Whereabouts], parts: Sequence[Part], console: Console) -> None:
    table = Table("split", "found as", "languages", "rows", box=None, pad_edge=False, title_justify="left")
    for place in places:
        told = _there(place, parts)
        name = place.split if place.part == places[0].part else f"{place.split} of {place.part}"
        if place.layout is None:
            table.add_row(escape(name), f"[yellow]not there[/]{'; on the Hub' if place.hub else ''}", "", "")
            continue
        missing = f"; not {', '.join(place.missing)}" if place.missing else ""
        reported = "" if place.reported == place.split else f": {place.reported}"
        rows = sorted(set(told["rows"].values()))
        counted = "" if not rows else f"{rows[0]:,}" if len(rows) == 1 else f"{rows[0]:,} to {rows[-1]:,}"
        languages = f"{len(place.languages)}{missing}"
        table.add_row(escape(name), escape(f"{place.layout.name}{reported}"), languages, counted)
    console.print()
    console.print(table)


def _print_part(part: Part, console: Console) -> None:
    head = f"{part.split} {part.language} ({display_name(part.language)})"
    if part.problem:
        console.print(f"\n[bold red]{head}[/] {escape(part.problem)}", highlight=False, soft_wrap=True)
    if part.rows:
        console.print(f"\n[bold cyan]{head}, {part.count} rows[/]", highlight=False)
    for row in part.rows:
        console.print(f"  {escape(_line(row))}", highlight=False, soft_wrap=True)


def _line(row: Row) -> str:
    """A row as people read it: text first, then the answer."""
    if "tokens" in row:
        return " ".join(
            word if tag == "O" else f"{word}/{tag}"
            for word, tag in zip(row["tokens"], row["tags"], strict=True)
        )
    if "choices" in row:
        marks = ["✓" if place == row["label"] else "·" for place in range(len(row["choices"]))]
        choices = "\n".join(
            f"      {mark} {choice}" for mark, choice in zip(marks, row["choices"], strict=True)
        )
        return f"{row['text']}\n{choices}"
    if "answers" in row:
        return f"{row['question']}  →  {_answers(row)}"
    if row.get("image") and "label" in row:
        shown = ", ".join(row[name] for name in ("image", "image_pair") if name in row)
        return f"{row['text']} ⏐ {shown}  →  {row['label']}"
    texts = [row["text"], *([row["text_pair"]] if row.get("text_pair") else [])]
    return f"{' ⏐ '.join(texts)}  →  {_right(row)}"


def _right(row: Row) -> str:
    """The answer of a row of texts: a label, a translation, or the candidates that are right."""
    gold = row.get("gold")
    if isinstance(gold, list):
        return str(row.get("answer") or ", ".join(gold) or "(no pair)")
    return str(row.get("target", row.get("label", row.get("image"))))


def _answers(row: Row, around: int = 80) -> str:
    """The answers of a question, and below them the first one in its context."""
    answers = list(dict.fromkeys(answer["text"] for answer in row["answers"]))
    if not answers:
        return f"(no answer)\n      {_plainly(row['context'][: 2 * around])}…"
    start = row["answers"][0]["start"]
    end = start + len(row["answers"][0]["text"])
    before, behind = row["context"][max(0, start - around) : start], row["context"][end : end + around]
    edges = "…" * (start > around), "…" * (end + around < len(row["context"]))
    told = f"{edges[0]}{before}[{row['context'][start:end]}]{behind}{edges[1]}"
    return f"{' ⏐ '.join(answers)}\n      {_plainly(told)}"


def _plainly(text: str) -> str:
    return " ".join(text.split())
