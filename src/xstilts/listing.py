"""What `xstilts ls` and `xstilts show` print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import echo

from xstilts.encoders.base import BUNDLED
from xstilts.errors import UnknownName
from xstilts.languages import display_name, normalise
from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row, Task

_SENTENCES = {
    "en": "Please switch off the light in the kitchen before 10 o'clock.",
    "ru": "Пожалуйста, выключи свет на кухне до десяти часов.",
    "el": "Σβήσε το φως στην κουζίνα πριν από τις δέκα.",
    "ar": "أطفئ الضوء في المطبخ قبل الساعة العاشرة من فضلك.",
    "hi": "कृपया दस बजे से पहले रसोई की बत्ती बंद कर दो।",
    "zh": "请在十点之前把厨房的灯关掉。",
}


def list_names(what: str, console: Console, as_json: bool) -> None:
    """Print a list of tasks, encoders, perturbations or suites."""
    lists = {"tasks": _tasks, "encoders": _encoders, "perturbations": _perturbations, "suites": _suites}
    if what not in lists:
        raise UnknownName("list", what, lists)
    rows = lists[what]()
    if as_json:
        echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    console.print(table)
    if what == "encoders":
        console.print(
            "\nand any Hugging Face encoder, by id or folder; name@4 keeps the first 4 layers", style="dim"
        )


def show_name(name: str, languages: Sequence[str], samples: int, console: Console, as_json: bool) -> None:
    """Print a task with samples, or a perturbation before and after."""
    tasks = Catalogue().all()
    if name in tasks:
        _show_task(tasks[name], [normalise(code) for code in languages], samples, console, as_json)
    elif name.partition("@")[0].partition(":")[0] in PERTURBATIONS:
        _show_perturbation(name, console, as_json)
    else:
        raise UnknownName("task or perturbation", name, [*tasks, *PERTURBATIONS], "xstilts ls tasks")


def _tasks() -> list[dict[str, Any]]:
    return [
        {"task": task.name, "type": task.type, "languages": len(task.languages), "what": task.summary}
        for task in Catalogue().all().values()
    ]


def _encoders() -> list[dict[str, Any]]:
    return [{"encoder": name, "what": bundled.summary} for name, bundled in BUNDLED.items()]


def _perturbations() -> list[dict[str, Any]]:
    return [{"perturbation": name, "what": each.summary} for name, each in PERTURBATIONS.items()]


def _suites() -> list[dict[str, Any]]:
    return [
        {"suite": name, "tasks": [task.name for task in tasks]} for name, tasks in Catalogue().suites.items()
    ]


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _show_task(task: Task, languages: Sequence[str], samples: int, console: Console, as_json: bool) -> None:
    facts = {
        "task": task.name,
        "type": task.type,
        "what": task.summary,
        "languages": list(task.languages),
        "labels": list(task.labels),
        "parallel": task.parallel,
        "licence": task.licence,
        "url": task.url,
        "notes": task.notes,
    }
    known = {language for split in ("train", "dev", "test") for language in task.source.languages(split)}
    unknown = [code for code in languages if code not in known]
    if unknown:
        raise UnknownName("language of " + task.name, unknown[0], known)
    rows = _samples(task, languages, samples)
    if as_json:
        echo(json.dumps(facts | {"samples": rows}, ensure_ascii=False))
        return
    for key, value in facts.items():
        if value not in ("", []):
            console.print(f"[bold]{key}[/]  {escape(_cell(value))}", highlight=False, soft_wrap=True)
    for sample in rows:
        head = f"{sample['split']} {sample['language']} ({display_name(sample['language'])}), {sample['count']} rows"
        console.print(f"\n[bold cyan]{head}[/]", highlight=False)
        for row in sample["rows"]:
            console.print(f"  {escape(_line(row))}", highlight=False, soft_wrap=True)


def _samples(task: Task, languages: Sequence[str], samples: int) -> list[dict[str, Any]]:
    """A few rows of every split and language, spread over the whole of it."""
    found = []
    for split in ("train", "dev", "test"):
        for language in task.source.languages(split):
            if languages and language not in languages:
                continue
            rows = task.source.rows(split, language)
            step = max(1, len(rows) // samples) if samples else len(rows) + 1
            chosen = rows[::step][:samples]
            found.append({"split": split, "language": language, "count": len(rows), "rows": chosen})
    return found


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
    texts = [row["text"], *([row["text_pair"]] if row.get("text_pair") else [])]
    right = [row[name] for name in ("target", "label", "answer") if name in row]
    return f"{' ⏐ '.join(texts)}  →  {right[0] if right else ', '.join(row['gold']) or 'nothing'}"


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
