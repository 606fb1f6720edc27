"""The `xtreme` suite: the nine tasks of XTREME (Hu et al. 2020, arXiv 2003.11080), in the forms they are published in.

XTREME's download script takes the labels out of the test files: what it leaves has labelled dev files only, which are
divided by a hash of their sources into a part to select on (20%) and a part to report on (80%). Where the original
distribution is there as well, with its labelled test set, that is used.
"""

from __future__ import annotations

from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.files import UserTask
from xstilts.tasks.hub import HubSource, HubTask, named
from xstilts.tasks.published import PublishedSource, files_layout
from xstilts.tasks.rows import RowRules

DOWNLOAD = "https://github.com/google-research/xtreme: scripts/download_data.sh"
NLI_LABELS = ("contradiction", "entailment", "neutral")
XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


def _xnli(data: Path | None) -> Task:
    name = "xtreme/xnli"
    pair = {"text": 0, "text_pair": 1, "label": 2}
    xtreme = files_layout(
        "xtreme-download",
        DOWNLOAD,
        UserTask(
            type="classification",
            files={"train": "xnli/train-en.tsv", "test": "xnli/dev-{language}.tsv"},
            columns=pair,
            labels=NLI_LABELS,
            parallel=True,
            dev_from="test",
        ),
        reported="dev, 80% of its sources",
    )
    hub = HubTask(
        "facebook/xnli",
        {language: language for language in XNLI_LANGUAGES},
        {"train": "train", "dev": "validation", "test": "test"},
        {"text": "premise", "text_pair": "hypothesis", "label": "label"},
        RowRules("classification", NLI_LABELS, parallel=True),
        clean=named("label", ("entailment", "neutral", "contradiction")),
    )
    return Task(
        name=name,
        type="classification",
        source=PublishedSource(name, (xtreme,), data, HubSource(hub)),
        languages=XNLI_LANGUAGES,
        labels=NLI_LABELS,
        parallel=True,
        summary="does a premise entail, contradict or leave open a hypothesis",
        licence="CC BY-NC 4.0",
        url="https://github.com/facebookresearch/XNLI",
    )


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's tasks, their files looked for below `data`."""
    return (_xnli(data),)
