"""Extractive question answering in English, SQuAD 1.1 and 2.0; and what tasks on files in its form share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts.tasks.base import Row, Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HubSource, HubTask
from xstilts.tasks.published import PublishedSource, files_layout
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Clean, Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.squad import WINDOW_TOKENS, read_squad

COLUMNS = {name: name for name in ("id", "question", "context", "answers")}
RULES = RowRules("span-qa", parallel=True)
OPTIONS: Mapping[str, Any] = {"max_length": WINDOW_TOKENS}
_SITE = "https://rajpurkar.github.io/SQuAD-explorer"
_ANSWER = re.compile(r'"answers"\s*:\s*\[[^\]]*?"text"\s*:\s*"(.)', re.DOTALL)


def span_files(files: Mapping[str, str], **settings: Any) -> UserTask:
    """The declaration of span-qa files, parallel by their ids unless it says otherwise."""
    return UserTask.model_validate(
        {"type": "span-qa", "files": dict(files), "format": "squad", "parallel": True} | settings
    )


def labelled(path: Path) -> bool:
    """Whether a file in SQuAD's form has answers: XTREME's script empties those of its test files.

    The first answer decides: that script empties all or none.
    """
    return _has_answer(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _has_answer(path: Path, changed: int) -> bool:
    found = _ANSWER.search(path.read_text("utf-8", errors="replace"))
    return found is None or found[1] != '"'  # what is no such file is told when it is read


def only_labelled(folder: Path) -> Reading:
    """Files without answers count as not there."""
    return Reading(accepts=labelled)


def unanswered(path: Path) -> list[Row]:
    """The questions of a file without their answers, for a submission."""
    return [
        {"id": f"{number}", "qid": record["id"]}
        | {name: record[name] for name in ("question", "context")}
        | {"answers": []}
        for number, (_, record) in enumerate(read_squad(path))
    ]


def without(ids: Path) -> Clean:
    """Leaves out the questions whose ids are listed in a file, one a line; all stay where there is no such file."""
    known = frozenset(ids.read_text("utf-8").split()) if ids.is_file() else frozenset()

    def clean(record: Record, language: str) -> Record | None:
        return None if record.get("id") in known else record

    return clean


def squad1_source(name: str, data: Path | None) -> PublishedSource:
    """SQuAD 1.1: its training set also trains XQuAD's and MLQA's models."""
    whole = files_layout(
        "squad-1.1",
        f"{_SITE}: train-v1.1.json, dev-v1.1.json",
        span_files({"train": "squad/train-v1.1.json", "dev": "squad/dev-v1.1.json"}),
    )
    part = files_layout(
        "squad-dev-articles",
        "articles of SQuAD 1.1's dev set, to train on; ids of squad/xquad_overlap_ids.txt are left out",
        span_files({"train": "squad/dev.json"}),
        reading=_without_xquad,
        exercised=True,
    )
    hub = HubTask(
        "rajpurkar/squad", {"en": "plain_text"}, {"train": "train", "dev": "validation"}, COLUMNS, RULES
    )
    return PublishedSource(name, (whole, part), data, HubSource(hub), ("train", "dev"))


def _without_xquad(folder: Path) -> Reading:
    ids = "squad/xquad_overlap_ids.txt"
    return Reading(clean=without(folder / ids), beside=(ids,))


def squad1(data: Path | None) -> Task:
    """Rajpurkar et al. 2016 (arXiv 1606.05250)."""
    return _squad(
        "stilts/squad1",
        squad1_source,
        data,
        summary="the answer to a question, marked in a paragraph",
        notes="XQuAD's 1,190 questions are translations of questions of the dev set.",
    )


def squad2(data: Path | None) -> Task:
    """Rajpurkar et al. 2018 (arXiv 1806.03822)."""
    return _squad(
        "stilts/squad2",
        _squad2_source,
        data,
        {"null_answers": True},
        summary="the answer to a question, marked in a paragraph, or that there is none",
        notes="A third of the training questions and half of dev's have no answer.",
    )


def _squad2_source(name: str, data: Path | None) -> PublishedSource:
    options = {"null_answers": True}
    whole = files_layout(
        "squad-2.0",
        f"{_SITE}: train-v2.0.json, dev-v2.0.json",
        span_files({"train": "squad/train-v2.0.json", "dev": "squad/dev-v2.0.json"}, options=options),
    )
    rules = RowRules("span-qa", parallel=True, unanswered=True)
    splits = {"train": "train", "dev": "validation"}
    hub = HubTask("rajpurkar/squad_v2", {"en": "squad_v2"}, splits, COLUMNS, rules)
    return PublishedSource(name, (whole,), data, HubSource(hub), ("train", "dev"))


def _squad(
    name: str,
    source: Callable[[str, Path | None], PublishedSource],
    data: Path | None,
    options: Mapping[str, Any] = OPTIONS,
    **facts: Any,
) -> Task:
    return Task(
        name=name,
        type="span-qa",
        source=source(name, data),
        languages=("en",),
        metrics=("squad_f1", "squad_em"),
        licence="CC BY-SA 4.0",
        url=_SITE,
        options={**OPTIONS, **options},
        **facts,
    )
