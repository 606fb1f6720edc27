"""The `xtreme-r` suite: XTREME-R (Ruder et al. 2021, arXiv 2104.07412): added languages, XCOPA and its training sets.

XCOPA's published recipe is an intermediate training of its own: Social IQa, then COPA, then XCOPA's languages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from xstilts.tasks.base import Task
from xstilts.tasks.columns import Column
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HubSource, HubTask
from xstilts.tasks.problems import BrokenFileError, Report, raw_lines
from xstilts.tasks.published import JoinedSource, Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Numbered, Record, read
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.stilts.choices import choice_hub, choice_layout, choice_task
from xstilts.tasks.xtreme.answers import lareqa, mewslix
from xstilts.tasks.xtreme.common import DOWNLOAD, TREE
from xstilts.tasks.xtreme.pairs import xnli
from xstilts.tasks.xtreme.qa import XQUAD_ADDED, XQUAD_LANGUAGES, mlqa, tydiqa, xquad
from xstilts.tasks.xtreme.retrieval import TATOEBA_ADDED, TATOEBA_CODES, tatoeba
from xstilts.tasks.xtreme.tagging import PANX_ADDED, PANX_CODES, UDPOS_ADDED, UDPOS_CODES, panx, udpos

SUITE = "xtreme-r"
XCOPA_LANGUAGES = ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")

PROMPTS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
"""What is asked behind COPA's premise, in English whatever its language."""

_COPA_COLUMNS: Mapping[str, Column] = {
    "text": ("premise", "prompt"),
    "choices": ("choice1", "choice2"),
    "label": "label",
    "id": "idx",
}


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's tasks, their files looked for below `data`."""
    copa = _copa(data)
    return (
        xnli(SUITE, data),
        _xcopa(copa, data),
        copa,
        _siqa(data),
        udpos(SUITE, (*UDPOS_CODES, *UDPOS_ADDED), data),
        panx(SUITE, (*PANX_CODES, *PANX_ADDED), data),
        xquad(SUITE, (*XQUAD_LANGUAGES, *XQUAD_ADDED), data),
        mlqa(SUITE, data),
        tydiqa(SUITE, data),
        tatoeba(SUITE, TATOEBA_CODES | TATOEBA_ADDED, data),
        mewslix(SUITE, data),
        lareqa(SUITE, data),
    )


def prompted(record: Record, language: str = "en") -> Record:
    """The record with what is asked, in words."""
    question = record.get("question")
    return record | {"prompt": PROMPTS.get(str(question), question)}


# --- COPA


def _copa(data: Path | None) -> Task:
    forms = {
        "copa-jsonl": ("copa/{}-en.jsonl", "https://github.com/GautamGupta17/MESH", ("train", "dev", "test")),
        TREE: ("xcopa/{}.en.jsonl", DOWNLOAD, ("train", "dev")),
        "super-glue": ("COPA/{}.jsonl", "https://super.gluebenchmark.com/tasks", ("train", "dev")),
    }
    layouts = [
        choice_layout(
            name,
            get,
            {split: pattern.format(_PARTS[split]) for split in splits},
            _COPA_COLUMNS,
            prompted,
            "copa" in name,
        )
        for name, (pattern, get, splits) in forms.items()
    ]
    hub = choice_hub("aps/super_glue", _COPA_COLUMNS, "copa", clean=prompted, export=True)
    return choice_task(
        f"{SUITE}/copa",
        (layouts[0], _copa_xml(), *layouts[1:]),
        hub,
        data,
        ("train", "dev", "test"),
        options={"choices": 2},
        summary="the cause or the effect of what happened, among two: XCOPA's training set",
        licence="BSD 2-Clause",
        url="https://people.ict.usc.edu/~gordon/copa.html",
        notes="SuperGLUE's and XTREME-R's test files have no labels; the original XML has. Behind the premise stands: "
        + " or: ".join(PROMPTS.values()),
    )


_PARTS = {"train": "train", "dev": "val", "test": "test"}


def _copa_xml() -> Layout:
    spec = UserTask(
        type="multiple-choice",
        files={"train": "copa/copa-dev.xml", "test": "copa/copa-test.xml"},
        columns=dict(_COPA_COLUMNS),
        format="jsonl",
        label_base=1,
        parallel=True,
    )
    return files_layout(
        "copa-xml",
        "https://people.ict.usc.edu/~gordon/copa.html",
        spec,
        reading=lambda folder: Reading(records=copa_items, clean=prompted),
        exercised=True,
    )


def copa_items(path: Path, report: Report) -> Numbered:
    """The items of COPA's XML files; the label is the number of the right choice, from 1."""
    lines = [line for _, line in raw_lines(path)]
    if any("<!ENTITY" in line for line in lines):
        raise BrokenFileError(path, 0, "declares entities, which COPA's files do not. Fetch the file again")
    try:
        root = ElementTree.fromstring("".join(lines).encode())  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise BrokenFileError(
            path, error.position[0], f"not XML ({error}). If it was cut off, fetch it again"
        ) from None
    for number, item in enumerate(root, 1):
        yield number, dict(_item(item.attrib, {part.tag: part.text for part in item}))


def _item(given: Mapping[str, str], texts: Mapping[str, str | None]) -> Iterator[tuple[str, Any]]:
    names = {"idx": "id", "question": "asks-for", "label": "most-plausible-alternative"}
    yield from ((ours, given.get(theirs)) for ours, theirs in names.items())
    yield from zip(("premise", "choice1", "choice2"), map(texts.get, ("p", "a1", "a2")), strict=True)


# --- XCOPA


def _xcopa(copa: Task, data: Path | None) -> Task:
    name = f"{SUITE}/xcopa"
    layouts = (
        _xcopa_layout("xcopa", "xcopa/data/{language}/", "https://github.com/cambridgeltl/xcopa", True),
        _xcopa_layout(TREE, "xcopa/", DOWNLOAD),
    )
    hub = HubTask(
        "cambridgeltl/xcopa",
        {language: language for language in XCOPA_LANGUAGES},
        {"dev": "validation", "test": "test"},
        _COPA_COLUMNS,
        RowRules("multiple-choice", parallel=True),
        clean=prompted,
    )
    test = PublishedSource(name, layouts, data, HubSource(hub), ("dev", "test"))
    return Task(
        name=name,
        type="multiple-choice",
        source=JoinedSource(copa.source, "en", test),
        languages=tuple(sorted(XCOPA_LANGUAGES)),
        parallel=True,
        summary="the cause or the effect of what happened, among two, in eleven languages; trained on COPA",
        licence="CC BY 4.0",
        url="https://github.com/cambridgeltl/xcopa",
        notes="The `question` field is wrong in several published files (all of th; parts of tr, sw, it, id): it is "
        "taken from the English record with the same idx where COPA's files are there. No English test set.",
        options={"choices": 2},
    )


def _xcopa_layout(name: str, folder: str, get: str, exercised: bool = False) -> Layout:
    spec = UserTask(
        type="multiple-choice",
        files={"dev": f"{folder}val.{{language}}.jsonl", "test": f"{folder}test.{{language}}.jsonl"},
        columns=dict(_COPA_COLUMNS),
        languages=XCOPA_LANGUAGES,
        parallel=True,
    )
    return files_layout(name, get, spec, reading=_with_english_questions, exercised=exercised)


_ENGLISH_FILES = ("copa/{}-en.jsonl", "xcopa/{}.en.jsonl", "COPA/{}.jsonl")


def _with_english_questions(folder: Path) -> Reading:
    """Reads XCOPA's files, the question of each record that of the English one with its idx."""

    def records(path: Path, report: Report) -> Numbered:
        english = _english_questions(folder, path.name.partition(".")[0])
        for line, record in read(path, "jsonl", report=report):
            yield line, record | {"question": english.get(str(record.get("idx")), record.get("question"))}

    beside = tuple(pattern.format(part) for pattern in _ENGLISH_FILES for part in ("val", "test"))
    return Reading(records=records, clean=prompted, beside=beside)


def _english_questions(folder: Path, part: str) -> dict[str, Any]:
    """Whether the cause or the effect is asked for, by idx, from the first English file that is there."""
    for pattern in _ENGLISH_FILES:
        path = folder / pattern.format(part)
        if path.is_file():
            return {str(record.get("idx")): record.get("question") for _, record in read(path, "jsonl")}
    return {}


# --- Social IQa


def _siqa(data: Path | None) -> Task:
    columns: dict[str, Column] = {
        "text": ("context", "question"),
        "choices": ("answerA", "answerB", "answerC"),
        "label": "correct",
    }
    forms = {"siqa": "siqa/socialIQa_v1.4_{}.jsonl", TREE: "siqa/socialIQa_v1.4/socialIQa_v1.4_{}.jsonl"}
    layouts = tuple(
        choice_layout(
            name,
            get,
            {"train": pattern.format("trn"), "dev": pattern.format("dev")},
            columns,
            exercised=name == "siqa",
        )
        for (name, pattern), get in zip(
            forms.items(), ("https://maartensap.com/social-iqa: socialIQa_v1.4.tgz", DOWNLOAD), strict=True
        )
    )
    hub = choice_hub("allenai/social_i_qa", columns | {"label": "label"}, export=True, label_base=1)
    return choice_task(
        f"{SUITE}/siqa",
        layouts,
        hub,
        data,
        options={"choices": 3},
        summary="what someone did, wants or feels in an everyday situation, three answers",
        licence="CC BY 4.0",
        url="https://maartensap.com/social-iqa",
        notes="XTREME-R trains on it before COPA: give it as an arm's intermediate task.",
    )
