"""What `xstilts ls` and `xstilts show` print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer import echo

from xstilts.encoders.base import BUNDLED
from xstilts.encoders.towers import TOWERS
from xstilts.errors import UnknownName, UserError
from xstilts.languages import display_name, normalise
from xstilts.perturbations import EVERY, IMAGES, PERTURBATIONS, SEVERITIES, Condition, perturb_with_offsets
from xstilts.showing import Sampling, show_task
from xstilts.tasks import Catalogue
from xstilts.tasks.whereabouts import summary

WIDE = 120
"""Columns of a screen on which what a task is fits beside its name; `xstilts show` tells it, too."""

_SENTENCES = {
    "en": "Please switch off the light in the kitchen before 10 o'clock on Monday.",
    "ru": "В понедельник выключи свет на кухне до десяти часов, пожалуйста.",
    "el": "Τη Δευτέρα σβήσε το φως στην κουζίνα πριν από τις δέκα.",
    "ar": "أطفئ الضوء في المطبخ يوم الاثنين قبل الساعة العاشرة من فضلك.",
    "hi": "कृपया आज सोमवार को दस बजे से पहले रसोई की बत्ती बंद कर दो।",
    "zh": "请你们在星期一10点之前把厨房的灯关掉，问问他几时回来。",
}
_PASSAGES = {
    "en": "The bridge was built in 1890. It is made of iron. Two trains cross it every hour. It is closed in winter.",
    "ru": "Мост построили в 1890 году. Он сделан из железа. По нему ходят два поезда в час. Зимой он закрыт.",
    "el": "Η γέφυρα χτίστηκε το 1890. Είναι από σίδερο. Περνούν δύο τρένα την ώρα. Τον χειμώνα κλείνει.",
    "ar": "بُني الجسر عام 1890. إنه من الحديد. يعبره قطاران كل ساعة. يُغلق في الشتاء.",
    "hi": "यह पुल 1890 में बना। यह लोहे का है। हर घंटे दो रेलगाड़ियाँ गुज़रती हैं। सर्दियों में यह बंद रहता है।",
    "zh": "这座桥建于1890年。它是铁做的。每小时有两列火车经过。冬天不开放。",
}
_NAMED = {
    "en": "Norway played Hungary in 1890. The Norwegian team won. In Peru and Mexico nobody noticed.",
    "id": "Norwegia bermain melawan Hungaria pada 1890. Tim Norwegia menang. Di Peru dan Meksiko tak ada yang tahu.",
    "vi": "Na Uy gặp Hungary năm 1890. Đội Na Uy thắng. Ở Peru và Mexico không ai biết.",
    "th": "นอร์เวย์แข่งกับฮังการีในปี 1890 ทีมนอร์เวย์ชนะ ในเปรูและเม็กซิโกไม่มีใครรู้",
    "zh": "1890年挪威队对匈牙利队，挪威队赢了。在秘鲁和墨西哥没有人知道。",
    "ja": "1890年にノルウェーはハンガリーと戦い、ノルウェーが勝った。ペルーとメキシコでは誰も知らなかった。",
}
_CLAIMS = {
    "en": "The kitchen is closed on Monday.",
    "es": "La cocina está cerrada el lunes.",
    "fr": "La cuisine est fermée lundi.",
    "ru": "Наша кухня будет закрыта в понедельник.",
    "vi": "Nhà bếp là phòng lớn.",
    "zh": "我们喜欢厨房里的灯。",
}
_OWN = {"omission": _PASSAGES, "entity-swap": _NAMED, "negation": _CLAIMS}
_ANSWER = "1890"
_ITEM = (
    "example/90"  # of the first few hundred, one in which nearly every perturbation shows in all six scripts
)


def list_names(
    what: str, data: Path | None, console: Console, as_json: bool, suite: str | None = None
) -> None:
    """Print a list of tasks (of a suite, or all), encoders, perturbations or suites.

    `data` is where benchmarks are looked for.
    """
    catalogue = Catalogue(data=data)
    if suite is not None and what != "tasks":
        raise UserError(f"--suite chooses among tasks, not {what}. Leave it out")
    if suite is not None and suite not in catalogue.suites:
        raise UnknownName("suite", suite, catalogue.suites, "xstilts ls suites")
    lists: dict[str, Callable[[Catalogue], list[dict[str, Any]]]] = {
        "tasks": _tasks,
        "encoders": _encoders,
        "perturbations": _perturbations,
        "suites": _suites,
    }
    if what not in lists:
        raise UnknownName("list", what, lists)
    rows = [row for row in lists[what](catalogue) if suite is None or row["task"].startswith(f"{suite}/")]
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
    if what == "perturbations":
        console.print(
            "\nchanged: how much at severity 1, 2, 3, 4, 5. Before and after: xstilts show NAME", style="dim"
        )
    if what == "encoders":
        console.print(
            "\nand any Hugging Face encoder or image tower, by id or folder; name@4 keeps the first 4 layers of a text "
            "encoder",
            style="dim",
        )


def show_name(
    name: str, languages: Sequence[str], samples: int, data: Path | None, console: Console, as_json: bool
) -> None:
    """Print a task with samples, or a perturbation before and after; `data` is where benchmarks are looked for."""
    tasks = Catalogue(data=data).all()
    chosen = [normalise(code) for code in languages]
    if name in tasks:
        show_task(tasks[name], Sampling(chosen, samples), console, as_json)
        return
    known = name.partition("@")[0].partition(":")[0]
    if known in PERTURBATIONS:
        _show_perturbation(name, chosen, console, as_json, data)
    elif known in IMAGES:
        _show_image_perturbation(name, chosen, console, as_json)
    else:
        raise UnknownName(
            "task or perturbation", name, [*tasks, *EVERY], "xstilts ls tasks, xstilts ls perturbations"
        )


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
    texts = [{"encoder": name, "of": "text", "what": bundled.summary} for name, bundled in BUNDLED.items()]
    return texts + [{"encoder": name, "of": "images", "what": what} for name, what in TOWERS.items()]


def _perturbations(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {
            "perturbation": name,
            "modality": each.modality,
            "kind": each.kind,
            "what": each.summary,
            "changed": each.shares,
        }
        for name, each in EVERY.items()
    ]


def _suites(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"suite": name, "tasks": [task.name for task in tasks]} for name, tasks in catalogue.suites.items()
    ]


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _show_perturbation(
    name: str, languages: Sequence[str], console: Console, as_json: bool, data: Path | None
) -> None:
    condition = Condition.parse(name, data)
    each = PERTURBATIONS[condition.name]
    texts = _OWN.get(each.name, _SENTENCES)
    unknown = [code for code in languages if code not in texts]
    if unknown:
        raise UserError(f"no example in {', '.join(unknown)}. There are examples in {', '.join(texts)}")
    texts = {language: text for language, text in texts.items() if not languages or language in languages}
    severities = [condition.severity] if "@" in name else list(SEVERITIES)
    examples = {
        language: {severity: _changed(text, language, condition, severity) for severity in severities}
        for language, text in texts.items()
    }
    facts = _facts(condition.name)
    if as_json:
        plain = {
            language: {severity: after.plain for severity, after in found.items()}
            for language, found in examples.items()
        }
        echo(json.dumps(facts | {"examples": plain}, ensure_ascii=False))
        return
    _print_facts(facts, console)
    for language, text in texts.items():
        console.print(f"\n[bold cyan]{language}[/]  {escape(text)}", highlight=False, soft_wrap=True)
        if not condition.acts_on(language):
            reason = condition.idle(language, next(iter(each.task_types), ""))
            console.print(f"     [dim]{reason} {display_name(language)}[/]", highlight=False)
            continue
        for severity, after in examples[language].items():
            console.print(Text.assemble(f"  @{severity} ", after), soft_wrap=True)


def _show_image_perturbation(name: str, languages: Sequence[str], console: Console, as_json: bool) -> None:
    """Its levels, and how much a picture or vector changes at each: a terminal shows no images."""
    from xstilts.perturbations.pixels import example_changes

    condition = Condition.parse(name)
    if languages:
        raise UserError(f"{condition.name} acts on images, which have no language. Leave --languages out")
    severities = [condition.severity] if "@" in name else list(SEVERITIES)
    changes = {
        severity: change
        for severity, change in example_changes(condition.name).items()
        if severity in severities
    }
    facts = _facts(condition.name)
    if as_json:
        echo(json.dumps(facts | {"examples": changes}, ensure_ascii=False))
        return
    _print_facts(facts, console)
    what = "mean change of a picture's values" if condition.modality == "image" else "1 − cosine of a vector"
    console.print(f"\n[bold cyan]example[/]  {what}", highlight=False)
    for severity, change in changes.items():
        console.print(f"  @{severity} {change:.1%}", highlight=False)


def _facts(name: str) -> dict[str, str]:
    each = EVERY[name]
    return {
        "perturbation": each.name,
        "modality": each.modality,
        "kind": each.kind,
        "what": each.summary,
        "changed": each.shares,
        **({"for": each.scope} if each.scope else {}),
        "source": each.source,
    }


def _print_facts(facts: dict[str, str], console: Console) -> None:
    for key, value in facts.items():
        console.print(f"[bold]{key}[/]  {escape(value)}", highlight=False, soft_wrap=True)


def _changed(text: str, language: str, condition: Condition, severity: int) -> Text:
    """The text under a condition, the changed characters in yellow; of a passage the answer is kept."""
    graded = replace(condition, severity=severity)
    start = text.find(_ANSWER)
    keep = [(start, start + len(_ANSWER))] if start >= 0 else []
    _, moved = perturb_with_offsets(text, language, graded, _ITEM, keep)
    found = Text()
    for (first, last), (left, right) in zip(pairwise(moved.old), pairwise(moved.new), strict=True):
        before, after = moved.before[first:last], moved.after[left:right]
        found.append(after, style="" if before == after else "yellow")
    return found
