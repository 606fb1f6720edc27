"""XTREME's two tasks on pairs of sentences: XNLI and PAWS-X."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.building import Unlabelled
from xstilts.tasks.columns import Column
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HUB_SPLITS, HubSource, HubTask, named
from xstilts.tasks.published import Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.xtreme.common import DOWNLOAD, REPORTED, TREE, unlabelled_pairs

NLI_LABELS = ("contradiction", "entailment", "neutral")
XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
PAWSX_LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")

_SAME = ("0", "1")
_PAWSX_COLUMNS: dict[str, Column] = {
    "text": "sentence1",
    "text_pair": "sentence2",
    "label": "label",
    "id": "id",
}


def contradictory(record: Record, language: str) -> Record:
    """XNLI's machine-translated training files write `contradictory`."""
    return record | {"label": "contradiction"} if record.get("label") == "contradictory" else record


def xnli(suite: str, data: Path | None) -> Task:
    """Natural language inference (Conneau et al. 2018, arXiv 1809.05053), trained on MultiNLI."""
    name = f"{suite}/xnli"
    hub = nli_hub("facebook/xnli", {language: language for language in XNLI_LANGUAGES}, parallel=True)
    return Task(
        name=name,
        type="classification",
        source=PublishedSource(name, _xnli_layouts(), data, HubSource(hub)),
        languages=XNLI_LANGUAGES,
        labels=NLI_LABELS,
        parallel=True,
        summary="does a premise entail, contradict or leave open a hypothesis",
        licence="CC BY-NC 4.0",
        url="https://github.com/facebookresearch/XNLI",
        notes="XTREME's test files have no labels; its dev files are reported on unless XNLI-1.0 is there.",
    )


def _xnli_layouts() -> tuple[Layout, ...]:
    original = files_layout(
        "xnli-1.0",
        "https://dl.fbaipublicfiles.com/XNLI/XNLI-1.0.zip",
        UserTask(
            type="classification",
            files={"dev": "XNLI-1.0/xnli.dev.tsv", "test": "XNLI-1.0/xnli.test.tsv"},
            columns={"text": "sentence1", "text_pair": "sentence2", "label": "gold_label"},
            language_column="language",
            languages=XNLI_LANGUAGES,
            labels=NLI_LABELS,
            parallel=True,
        ),
    )
    english = files_layout(
        "xnli-mt-1.0",
        "https://dl.fbaipublicfiles.com/XNLI/XNLI-MT-1.0.zip",
        UserTask(
            type="classification",
            files={"train": "XNLI-MT-1.0/multinli/multinli.train.en.tsv"},
            columns={"text": "premise", "text_pair": "hypo", "label": "label"},
            labels=NLI_LABELS,
        ),
        reading=lambda folder: Reading(clean=contradictory),
    )
    return original, english, _tree("xnli", XNLI_LANGUAGES, NLI_LABELS)


def _tree(folder: str, languages: tuple[str, ...], labels: tuple[str, ...]) -> Layout:
    """XTREME's own files: two texts and a label, or the texts alone where the labels were taken out."""
    return files_layout(
        TREE,
        DOWNLOAD,
        UserTask(
            type="classification",
            files={"train": f"{folder}/train-en.tsv", "test": f"{folder}/dev-{{language}}.tsv"},
            columns={"text": 0, "text_pair": 1, "label": 2},
            languages=languages,
            labels=labels,
            quoting="csv",
            parallel=True,
            dev_from="test",
        ),
        reported=REPORTED,
        exercised=True,
        submission=Unlabelled((f"{folder}/test-{{language}}.tsv",), languages, unlabelled_pairs(labels[0])),
    )


def nli_hub(
    repository: str,
    configurations: Mapping[str, str],
    splits: Mapping[str, str] = HUB_SPLITS,
    parallel: bool = False,
) -> HubTask:
    """Natural language inference on the Hub, in the columns and classes that its repositories agree on."""
    return HubTask(
        repository,
        configurations,
        splits,
        {"text": "premise", "text_pair": "hypothesis", "label": "label"},
        RowRules("classification", NLI_LABELS, parallel=parallel),
        clean=named("label", ("entailment", "neutral", "contradiction")),
    )


def pawsx(suite: str, data: Path | None) -> Task:
    """Paraphrase identification (Yang et al. 2019, arXiv 1908.11828), trained on PAWS in English."""
    name = f"{suite}/pawsx"
    layouts = (_pawsx_original(), _tree("pawsx", PAWSX_LANGUAGES, _SAME))
    hub = HubTask(
        "google-research-datasets/paws-x",
        {language: language for language in PAWSX_LANGUAGES},
        HUB_SPLITS,
        _PAWSX_COLUMNS,
        RowRules("classification", _SAME, parallel=True),
        clean=named("label", _SAME),
    )
    return Task(
        name=name,
        type="classification",
        source=PublishedSource(name, layouts, data, HubSource(hub)),
        languages=PAWSX_LANGUAGES,
        labels=_SAME,
        parallel=True,
        summary="do two sentences that share most of their words say the same",
        licence="free use, acknowledge Google LLC",
        url="https://github.com/google-research-datasets/paws",
        notes="Quote characters are plain text in the original files, and doubled in XTREME's. Dev files are "
        "translations of each other, row by row: never train on one and test on another.",
    )


def _pawsx_original() -> Layout:
    return files_layout(
        "paws-x",
        "https://storage.googleapis.com/paws/pawsx/x-final.tar.gz",
        UserTask(
            type="classification",
            files={
                "train": "x-final/en/train.tsv",
                "dev": "x-final/{language}/dev_2k.tsv",
                "test": "x-final/{language}/test_2k.tsv",
            },
            columns=_PAWSX_COLUMNS,
            languages=PAWSX_LANGUAGES,
            labels=_SAME,
            parallel=True,
        ),
    )
