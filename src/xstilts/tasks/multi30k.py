"""The `captions` suite: Multi30K's captions of Flickr30K images as image-text retrieval.

Its captions are lines of gzip files; which image a line is of stands in the files of `image_splits`, line by line.
English captions are those of Flickr30K, the others their translations (Elliott et al. 2016, arXiv 1605.00459).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from xstilts.tasks.base import Row, Task
from xstilts.tasks.building import BuiltSource, Files, files_of
from xstilts.tasks.iglue.common import FLICKR, FLICKR_SITE, images
from xstilts.tasks.problems import Problem, Report, raw_lines
from xstilts.tasks.published import Layout, PublishedSource
from xstilts.tasks.readers import find_files

LANGUAGES = ("cs", "de", "en", "fr")
NAME = "captions/multi30k"
_FOLDERS = ("multi30k/task1", "multi30k/data/task1")
_STEMS: Mapping[str, str] = MappingProxyType({"train": "train", "dev": "val", "test": "test_2016_flickr"})


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's task, its files looked for below `data`."""
    source = PublishedSource(NAME, tuple(map(_layout, _FOLDERS)), data)
    task = Task(
        name=NAME,
        type="image-text-retrieval",
        source=source,
        languages=LANGUAGES,
        metrics=("t2i_r@1", "i2t_r@1"),
        parallel=True,
        summary="the image that a caption describes, and the caption of an image, among 1,000",
        licence="not stated; images: Flickr30K's terms",
        url="https://github.com/multi30k/dataset",
        notes="The test set is that of 2016. Captions in other languages than English are translations, made with the "
        "image in view. Without the files of `image_splits` no one knows which image a line is of.",
        images=images(NAME, source, data, FLICKR, ("flickr30k",), get=FLICKR_SITE),
    )
    return (task,)


def _layout(folder: str) -> Layout:
    name = "multi30k" if folder == _FOLDERS[0] else "multi30k-repository"
    patterns = [pattern for split in _STEMS for pattern in _patterns(folder, split)]
    return Layout(
        name,
        partial(_source, folder),
        tuple(patterns),
        "https://github.com/multi30k/dataset: data/task1/raw and data/task1/image_splits",
        exercised=True,
    )


def _patterns(folder: str, split: str) -> tuple[str, str]:
    """The captions in a language, and the names of their images."""
    return f"{folder}/raw/{_STEMS[split]}.{{language}}.gz", f"{folder}/image_splits/{_STEMS[split]}.txt"


def _source(folder: str, base: Path) -> BuiltSource:
    return BuiltSource(NAME, partial(_files, base, folder), partial(_rows, base, folder))


def _files(base: Path, folder: str, split: str) -> Files:
    """Captions and names of images of each language that has captions; none where the names are not there."""
    if split not in _STEMS:
        return {}
    captions, names = _patterns(folder, split)
    listed = find_files(base, names).get("", ())
    found = files_of(base, [captions], LANGUAGES) if listed else {}
    return {language: (*paths, *listed) for language, paths in found.items()}


def _rows(base: Path, folder: str, split: str, language: str, report: Report) -> list[Row]:
    """A row a line; names may be followed by the number of a caption: `7.jpg#2`."""
    captions, names = _files(base, folder, split)[language]
    texts = [text.strip() for _, text in raw_lines(captions)]
    shown = [name.strip().partition("#")[0] for _, name in raw_lines(names)]
    if len(texts) != len(shown):
        message = (
            f"{len(texts):,} captions for {len(shown):,} images in {names.name}. Expected a line for each"
        )
        report(Problem(str(captions), 0, message))
        return []
    rows = []
    for line, (text, image) in enumerate(zip(texts, shown, strict=True), 1):
        if text:
            rows.append({"id": str(line - 1), "source": image, "text": text, "image": image})
        else:
            report(Problem(str(captions), line, "the caption is empty"))
    return rows
