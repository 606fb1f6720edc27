"""XTREME's extractive question answering: XQuAD and MLQA, trained on SQuAD 1.1, and TyDiQA-GoldP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xstilts.tasks.base import Task
from xstilts.tasks.building import Unlabelled
from xstilts.tasks.hub import HubSource, HubTask
from xstilts.tasks.problems import Report
from xstilts.tasks.published import JoinedSource, Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Numbered, Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.spans import (
    COLUMNS,
    OPTIONS,
    RULES,
    labelled,
    only_labelled,
    span_files,
    squad1_source,
    unanswered,
)
from xstilts.tasks.squad import read_squad
from xstilts.tasks.xtreme.common import DOWNLOAD, HUB, REPORTED, TREE, tags

XQUAD_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
XQUAD_ADDED = ("ro",)
"""XTREME-R's further language."""

MLQA_LANGUAGES = ("ar", "de", "en", "es", "hi", "vi", "zh")
TYDIQA_NAMES = {  # what the ids of its questions begin with
    **{"arabic": "ar", "bengali": "bn", "english": "en", "finnish": "fi", "indonesian": "id"},
    **{"korean": "ko", "russian": "ru", "swahili": "sw", "telugu": "te"},
}
_TYDIQA = tuple(TYDIQA_NAMES.values())
_EMPTIED = "; XTREME's script takes the answers out of the test files"


def xquad(suite: str, languages: Sequence[str], data: Path | None) -> Task:
    """Artetxe et al. 2020 (arXiv 1910.11856)."""
    name = f"{suite}/xquad"
    pattern = "xquad/xquad.{language}.json"
    original = files_layout(
        "xquad",
        "https://github.com/google-deepmind/xquad",
        span_files({"test": pattern}, languages=tuple(languages), dev_from="test"),
        reading=only_labelled,
        exercised=True,
        submission=Unlabelled((pattern,), tuple(languages), unanswered),
    )
    hub = HubTask(
        "google/xquad",
        {language: f"xquad.{language}" for language in languages},
        {"test": "validation"},
        COLUMNS,
        RULES,
        carved=True,
    )
    return _trained_on_squad(
        PublishedSource(name, (original,), data, HubSource(hub), ("dev", "test")),
        languages,
        metrics=("squad_f1", "squad_em"),
        summary="the answer to a question, marked in a paragraph; SQuAD questions translated, trained on SQuAD 1.1",
        licence="CC BY-SA 4.0",
        url="https://github.com/google-deepmind/xquad",
        notes="Its questions are of SQuAD's dev set: never train on that. There is one labelled set, so a fifth of "
        "its paragraphs selects and the rest is reported on" + _EMPTIED + ".",
    )


def mlqa(suite: str, data: Path | None) -> Task:
    """Lewis et al. 2020 (arXiv 1910.07475): question and paragraph in one language."""
    name = f"{suite}/mlqa"
    pattern = "mlqa/MLQA_V1/{0}/{0}-context-{{language}}-question-{{language}}.json"
    files = {split: pattern.format(split) for split in ("dev", "test")}
    site = "https://dl.fbaipublicfiles.com/MLQA/MLQA_V1.zip, unpacked in mlqa"
    languages = {"languages": MLQA_LANGUAGES}
    layouts = (
        files_layout("mlqa-v1", site, span_files(files, **languages), reading=only_labelled),
        files_layout(
            "mlqa-v1-dev",
            f"{DOWNLOAD}, or {site}",
            span_files({"test": files["dev"]}, dev_from="test", **languages),
            reading=only_labelled,
            reported=REPORTED,
            exercised=True,
            submission=Unlabelled((files["test"],), MLQA_LANGUAGES, unanswered),
        ),
    )
    hub = HubTask(
        HUB,
        {language: f"MLQA.{language}.{language}" for language in MLQA_LANGUAGES},
        {"dev": "validation", "test": "test"},
        COLUMNS,
        RULES,
    )
    return _trained_on_squad(
        PublishedSource(name, layouts, data, HubSource(hub), ("dev", "test")),
        MLQA_LANGUAGES,
        metrics=("mlqa_f1", "mlqa_em"),
        summary="the answer to a question, marked in a paragraph; trained on SQuAD 1.1",
        licence="CC BY-SA 3.0",
        url="https://github.com/facebookresearch/MLQA",
        notes="Languages share ids in part: each question is in four of the seven on average"
        + _EMPTIED
        + ".",
    )


def _trained_on_squad(test: PublishedSource, languages: Sequence[str], **facts: Any) -> Task:
    """A task of translated questions in SQuAD's form, which brings no training set of its own."""
    return Task(
        name=test.task,
        type="span-qa",
        source=JoinedSource(squad1_source(f"{test.task} (SQuAD)", test.data), "en", test),
        languages=tags(languages),
        parallel=True,
        options=OPTIONS,
        **facts,
    )


def tydiqa(suite: str, data: Path | None) -> Task:
    """Clark et al. 2020 (arXiv 2003.05002), the task with gold passages."""
    name = f"{suite}/tydiqa"
    hub = HubTask(
        HUB,
        dict.fromkeys(_TYDIQA, "tydiqa"),
        {"train": "train", "test": "validation"},
        COLUMNS,
        RowRules("span-qa"),
        clean=_of_language,
        carved=True,
    )
    return Task(
        name=name,
        type="span-qa",
        source=PublishedSource(name, _tydiqa_layouts(), data, HubSource(hub)),
        languages=tags(_TYDIQA),
        metrics=("squad_f1", "squad_em"),
        summary="the answer to a question that someone asked in their own language, marked in a passage",
        licence="Apache 2.0",
        url="https://github.com/google-research-datasets/tydiqa",
        notes="Ids repeat in the training files that XTREME makes: 89 for 3,696 English questions. XTREME's test set "
        "is the published dev set" + _EMPTIED + ". Where only training files are there, languages other than "
        "English are tested on theirs.",
        options=OPTIONS,
    )


def _tydiqa_layouts() -> tuple[Layout, ...]:
    folder, get = "tydiqa/tydiqa-goldp-v1.1", "https://storage.googleapis.com/tydiqa/v1.1"
    train, dev = f"{folder}-train/tydiqa.goldp.", f"{folder}-dev/tydiqa.goldp.{{language}}.dev.json"
    original = {"train": f"{folder}-train.json", "test": f"{folder}-dev/tydiqa-goldp-dev-*.json"}
    others = tuple(language for language in _TYDIQA if language != "en")
    numbered = {"parallel": False, "repeated_ids": True}
    return (
        files_layout(
            "tydiqa-goldp-1.1",
            f"{get}: tydiqa-goldp-v1.1-train.json, tydiqa-goldp-v1.1-dev.tgz, unpacked in tydiqa",
            span_files(original, language_column="language", languages=_TYDIQA, parallel=False),
            reading=lambda base: Reading(records=_with_language, accepts=labelled),
        ),
        files_layout(
            TREE,
            DOWNLOAD,
            span_files({"train": f"{train}en.train.json", "test": dev}, languages=_TYDIQA, **numbered),
            reading=only_labelled,
            submission=Unlabelled((dev,), _TYDIQA, unanswered),
        ),
        files_layout(
            "tydiqa-training-files",
            DOWNLOAD,
            span_files(
                {"train": f"{train}en.train.json", "test": f"{train}{{language}}.train.json"},
                languages=others,
                **numbered,
            ),
            reported="train, of languages that are not trained on",
            exercised=True,
        ),
    )


def _with_language(path: Path, report: Report) -> Numbered:
    """Questions with their language, which the original ids begin with."""
    for line, record in read_squad(path, report):
        yield line, record | {"language": TYDIQA_NAMES.get(str(record["id"]).partition("-")[0], "")}


def _of_language(record: Record, language: str) -> Record | None:
    """The records of one language: the Hub has them all in one configuration."""
    return record if TYDIQA_NAMES.get(str(record.get("id")).partition("-")[0]) == language else None
