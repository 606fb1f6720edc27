"""Multiple choice: HellaSwag, Cosmos QA, CommonsenseQA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.tasks.base import Task
from xstilts.tasks.columns import Column
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HubSource, HubTask
from xstilts.tasks.published import Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Clean, Reading, as_it_is
from xstilts.tasks.rows import RowRules
from xstilts.tasks.stilts.common import english


def choice_task(
    name: str,
    files: tuple[Layout, ...],
    hub: HubTask | None,
    data: Path | None,
    splits: Sequence[str] = ("train", "dev"),
    **facts: Any,
) -> Task:
    """A multiple-choice task in English."""
    place = HubSource(hub) if hub is not None else None
    source = PublishedSource(name, files, data, place, tuple(splits))
    return english(name, "multiple-choice", source, **facts)


def choice_layout(
    name: str,
    get: str,
    files: Mapping[str, str],
    columns: Mapping[str, Column],
    clean: Clean = as_it_is,
    exercised: bool = False,
) -> Layout:
    """A layout of a multiple-choice task in English."""
    spec = UserTask.model_validate(
        {"type": "multiple-choice", "files": dict(files), "columns": dict(columns), "parallel": True}
    )
    return files_layout(name, get, spec, reading=lambda folder: Reading(clean=clean), exercised=exercised)


def choice_hub(
    repository: str,
    columns: Mapping[str, Column],
    configuration: str = "",
    clean: Clean = as_it_is,
    export: bool = False,
    label_base: int = 0,
) -> HubTask:
    """A repository of a multiple-choice task in English. Their test rows, where there are any, have no labels."""
    rules = RowRules("multiple-choice", label_base=label_base, parallel=True)
    splits = {"train": "train", "dev": "validation"}
    return HubTask(repository, {"en": configuration}, splits, columns, rules, clean=clean, export=export)


def endings(record: Record, language: str) -> Record:
    """HellaSwag's choices as jiant puts them: the start of the last sentence, and each ending."""
    start = str(record.get("ctx_b") or "")
    given = record.get("endings")
    return record | {
        "endings": [f"{start} {one}".strip() for one in given] if isinstance(given, list) else given
    }


def hellaswag(data: Path | None) -> Task:
    """Zellers et al. 2019 (arXiv 1905.07830)."""
    columns = {"text": "ctx_a", "choices": "endings", "label": "label", "id": "ind", "source": "source_id"}
    original = choice_layout(
        "hellaswag",
        "https://github.com/rowanz/hellaswag: data",
        {"train": "hellaswag/hellaswag_train.jsonl", "dev": "hellaswag/hellaswag_val.jsonl"},
        columns,
        endings,
    )
    return choice_task(
        "stilts/hellaswag",
        (original,),
        choice_hub("Rowan/hellaswag", columns, clean=endings),
        data,
        summary="how a scene goes on, among four endings",
        licence="MIT",
        url="https://rowanzellers.com/hellaswag",
    )


def cosmosqa(data: Path | None) -> Task:
    """Huang et al. 2019 (arXiv 1909.00277)."""
    columns: dict[str, Column] = {
        "text": ("context", "question"),
        "choices": ("answer0", "answer1", "answer2", "answer3"),
        "label": "label",
        "id": "id",
    }
    layouts = tuple(
        choice_layout(
            name,
            "https://github.com/wilburOne/cosmosqa: data",
            {"train": f"cosmosqa/train.{suffix}", "dev": f"cosmosqa/valid.{suffix}"},
            columns,
        )
        for name, suffix in (("cosmosqa", "csv"), ("cosmosqa-jsonl", "jsonl"))
    )
    return choice_task(
        "stilts/cosmosqa",
        layouts,
        choice_hub("allenai/cosmos_qa", columns, export=True),
        data,
        summary="a question on an everyday story that it does not answer in so many words, four answers",
        licence="CC BY 4.0",
        url="https://wilburone.github.io/cosmos",
    )


def csqa(data: Path | None) -> Task:
    """Talmor et al. 2019 (arXiv 1811.00937)."""
    columns = {"text": "question.stem", "choices": "question.choices.text", "label": "answerKey", "id": "id"}
    original = choice_layout(
        "commonsenseqa",
        "https://www.tau-nlp.org/commonsenseqa",
        {split: f"commonsenseqa/{split}_rand_split.jsonl" for split in ("train", "dev")},
        columns,
        exercised=True,
    )
    on_hub = {"text": "question", "choices": "choices.text", "label": "answerKey", "id": "id"}
    return choice_task(
        "stilts/csqa",
        (original,),
        choice_hub("tau/commonsense_qa", on_hub),
        data,
        summary="a question of common sense, five answers (three in version 1.0)",
        licence="MIT",
        url="https://www.tau-nlp.org/commonsenseqa",
        notes="The random split. Version 1.0 (three choices) and 1.11 (five) have the same file names.",
    )
