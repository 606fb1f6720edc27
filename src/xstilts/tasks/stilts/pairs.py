"""Pairs of sentences: ANLI, MultiNLI and SNLI together (`anli+`), MultiNLI alone, and QQP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.columns import Column
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HubSource, HubTask, named
from xstilts.tasks.problems import Report, raw_lines
from xstilts.tasks.published import ConcatenatedSource, PublishedSource, files_layout
from xstilts.tasks.readers import Numbered, Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.stilts.common import english
from xstilts.tasks.xtreme.common import DOWNLOAD, TREE
from xstilts.tasks.xtreme.pairs import NLI_LABELS, nli_hub

_ENGLISH = {"en": ""}
_GLUE = "https://gluebenchmark.com/tasks"
_LETTERS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _nli(
    files: Mapping[str, str], columns: Mapping[str, Column], labels: Sequence[str] = NLI_LABELS
) -> UserTask:
    """Pairs with a label, in files of their own for each split."""
    spec = {"type": "classification", "files": dict(files), "columns": dict(columns), "labels": tuple(labels)}
    return UserTask.model_validate(spec)


_SENTENCES = {"text": "sentence1", "text_pair": "sentence2", "label": "gold_label"}


def with_gold(record: Record, language: str) -> Record | None:
    """Leaves out pairs whose five annotators agreed on no label: `-` in MultiNLI and SNLI."""
    return None if record.get("gold_label") == "-" else record


def _mnli_source(name: str, data: Path | None) -> PublishedSource:
    original = files_layout(
        "multinli-1.0",
        "https://cims.nyu.edu/~sbowman/multinli",
        _nli(
            {
                split: f"multinli_1.0/multinli_1.0_{part}.jsonl"
                for split, part in (("train", "train"), ("dev", "dev_matched"), ("test", "dev_mismatched"))
            },
            _SENTENCES,
        ),
        reading=lambda folder: Reading(clean=with_gold),
        reported="dev_mismatched",
    )
    glue = files_layout(
        "glue",
        _GLUE,
        _nli(
            {"train": "MNLI/train.tsv", "dev": "MNLI/dev_matched.tsv", "test": "MNLI/dev_mismatched.tsv"},
            _SENTENCES,
        ),
        reading=lambda folder: Reading(clean=with_gold),
        reported="dev_mismatched",
    )
    tree = files_layout(
        TREE,
        f"{DOWNLOAD} (XNLI's training set; a tenth of it is for dev)",
        UserTask(
            type="classification",
            files={"train": "xnli/train-en.tsv"},
            columns={"text": 0, "text_pair": 1, "label": 2},
            labels=NLI_LABELS,
            quoting="csv",
        ),
    )
    splits = {"train": "train", "dev": "validation_matched", "test": "validation_mismatched"}
    hub = nli_hub("nyu-mll/glue", {"en": "mnli"}, splits)
    return PublishedSource(name, (original, glue, tree), data, HubSource(hub))


def _snli_source(name: str, data: Path | None) -> PublishedSource:
    files = {split: f"snli_1.0/snli_1.0_{split}.jsonl" for split in ("train", "dev", "test")}
    original = files_layout(
        "snli-1.0",
        "https://nlp.stanford.edu/projects/snli",
        _nli(files, _SENTENCES),
        reading=lambda folder: Reading(clean=with_gold),
    )
    hub = nli_hub("stanfordnlp/snli", _ENGLISH)
    return PublishedSource(name, (original,), data, HubSource(hub))


def _full_label(record: Record, language: str) -> Record:
    """ANLI writes e, n, c."""
    label = record.get("label")
    return record | {"label": _LETTERS.get(str(label), label)}


def _anli_source(name: str, data: Path | None) -> PublishedSource:
    files = {split: f"anli_v1.0/R*/{split}.jsonl" for split in ("train", "dev", "test")}
    original = files_layout(
        "anli-v1.0",
        "https://dl.fbaipublicfiles.com/anli/anli_v1.0.zip",
        _nli(files, {"text": "context", "text_pair": "hypothesis", "label": "label"}),
        reading=lambda folder: Reading(clean=_full_label),
    )
    rounds = {split: "+".join(f"{split}_r{number}" for number in (1, 2, 3)) for split in files}
    hub = nli_hub("facebook/anli", _ENGLISH, rounds)
    return PublishedSource(name, (original,), data, HubSource(hub))


def anli(data: Path | None) -> Task:
    """Nie et al. 2020 (arXiv 1910.14599), with the two corpora that they train on beside their own."""
    name = "stilts/anli+"
    parts = {"anli": _anli_source, "mnli": _mnli_source, "snli": _snli_source}
    source = ConcatenatedSource(
        {part: make(f"{name} ({part})", data) for part, make in parts.items()}, ("train", "dev")
    )
    return english(
        name,
        "classification",
        source,
        NLI_LABELS,
        summary="does a premise entail, contradict or leave open a hypothesis: ANLI, MultiNLI and SNLI as one",
        licence="ANLI CC BY-NC 4.0; MultiNLI several, see there; SNLI CC BY-SA 4.0",
        url="https://github.com/facebookresearch/anli",
        notes="1,104,934 training pairs in all. Pairs without a gold label are left out.",
    )


def mnli(data: Path | None) -> Task:
    """Williams et al. 2018 (arXiv 1704.05426)."""
    name = "stilts/mnli"
    return english(
        name,
        "classification",
        _mnli_source(name, data),
        NLI_LABELS,
        summary="does a premise entail, contradict or leave open a hypothesis",
        licence="several, among them OANC's and CC BY-SA 3.0",
        url="https://cims.nyu.edu/~sbowman/multinli",
        notes="dev is the matched set, test the mismatched one. XNLI's training set is this one's.",
    )


def whole_lines(path: Path, report: Report) -> Numbered:
    """The rows of a table that have as many columns as its header; quotes are plain text.

    GLUE's QQP has a few lines that were cut in two; like GLUE's own loaders this leaves them out.
    """
    lines = ((number, line.rstrip("\r\n").split("\t")) for number, line in raw_lines(path))
    _, header = next(lines, (0, []))
    for number, cells in lines:
        if len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))


def qqp(data: Path | None) -> Task:
    """Quora's question pairs, as GLUE divides them."""
    name, labels = "stilts/qqp", ("0", "1")
    columns = {"text": "question1", "text_pair": "question2", "label": "is_duplicate"}
    glue = files_layout(
        "glue",
        _GLUE,
        _nli({"train": "QQP/train.tsv", "dev": "QQP/dev.tsv"}, columns, labels),
        reading=lambda folder: Reading(records=whole_lines, clean=_asked_twice),
    )
    hub = HubTask(
        "nyu-mll/glue",
        {"en": "qqp"},
        {"train": "train", "dev": "validation"},
        {"text": "question1", "text_pair": "question2", "label": "label"},
        RowRules("classification", labels),
        clean=named("label", labels),
    )
    return english(
        name,
        "classification",
        PublishedSource(name, (glue,), data, HubSource(hub), ("train", "dev")),
        labels,
        summary="do two questions on Quora ask the same",
        licence="Quora's terms, for non-commercial use",
        url="https://quoradata.quora.com/First-Quora-Dataset-Release-Question-Pairs",
        notes="Quote characters are plain text. Cut lines (three of the training file) are left out.",
    )


def _asked_twice(record: Record, language: str) -> Record | None:
    """Leaves out pairs in which a question is empty."""
    asked = all(str(record.get(side, "")).strip() for side in ("question1", "question2"))
    return record if asked else None
