"""XTREME's bitext mining: BUCC 2018 (Zweigenbaum et al. 2018)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from xstilts.tasks.base import Source, Task, base_split
from xstilts.tasks.building import SUBMISSION, BuiltSource, Files, files_of
from xstilts.tasks.pools import BITEXT_VERSION, bitext_rows
from xstilts.tasks.published import Layout, PublishedSource
from xstilts.tasks.xtreme.common import DOWNLOAD, REPORTED, TREE, tags
from xstilts.tasks.xtreme.retrieval import Nothing

BUCC_LANGUAGES = ("de", "fr", "ru", "zh")
_SIDES = ("{language}", "en", "gold")
_SITE = "https://comparable.limsi.fr/bucc2018/bucc2018-task.html: the training and sample sets"


def bucc(suite: str, data: Path | None) -> Task:
    """Finding the sentences of a corpus that have a translation in an English one, and which that is."""
    name = f"{suite}/bucc2018"
    tree, task = "bucc2018/{language}-en.", "bucc2018/{language}-en/{language}-en."
    layouts = (
        _layout("bucc2018", {"dev": f"{task}sample.", "test": f"{task}training."}, _SITE),
        _layout(
            "bucc2018-renamed",
            {"dev": f"{tree}dev.", "test": f"{tree}test."},
            f"{DOWNLOAD}, with the gold of {_SITE}",
        ),
        _layout(TREE, {"test": f"{tree}dev."}, DOWNLOAD, REPORTED, f"{tree}test."),
    )
    return Task(
        name=name,
        type="bitext-mining",
        source=PublishedSource(name, layouts, data, None, ("dev", "test")),
        languages=tags(BUCC_LANGUAGES),
        summary="the pairs of translations in a corpus and an English one, most of whose sentences have none",
        licence="not stated; Wikipedia and News Commentary",
        url="https://comparable.limsi.fr/bucc2018",
        notes="XTREME's dev is the shared task's sample set, its test the training set, whose gold its script deletes: "
        "then the sample set is divided. The Hub has the gold pairs alone, which is another task.",
    )


def _layout(name: str, stems: dict[str, str], get: str, reported: str = "", submitted: str = "") -> Layout:
    patterns = [f"{stem}{side}" for stem in stems.values() for side in _SIDES]
    patterns += [f"{submitted}{side}" for side in _SIDES[:2]] if submitted else []

    def opened(folder: Path) -> Source:
        return _source(name, folder, stems, carved="dev" not in stems)

    def submission(folder: Path) -> Source:
        return _source(name, folder, {SUBMISSION: submitted}) if submitted else Nothing()

    return Layout(name, opened, tuple(patterns), get, reported, name == TREE, submission)


def _source(name: str, folder: Path, stems: dict[str, str], carved: bool = False) -> BuiltSource:
    files = partial(_files, folder, stems)
    return BuiltSource(name, files, partial(bitext_rows, files), BITEXT_VERSION, carved=carved)


def _files(folder: Path, stems: dict[str, str], split: str) -> Files:
    """Sentences, English sentences and gold pairs of each language; of a submission there is no gold."""
    stem = stems.get(base_split(split))
    sides = _SIDES[:2] if base_split(split) == SUBMISSION else _SIDES
    return files_of(folder, [f"{stem}{side}" for side in sides], BUCC_LANGUAGES) if stem else {}
