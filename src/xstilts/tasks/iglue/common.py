"""What IGLUE's tasks share: where their annotations, images and features are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from xstilts.tasks.base import FEW_SHOT, SPLITS, TRANSLATED, Source
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.pictures import TaskImages
from xstilts.tasks.problems import Report
from xstilts.tasks.published import Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Numbered, read
from xstilts.tasks.reading import Reading

REPOSITORY = "https://github.com/e-bug/iglue: datasets"
LICENCE = "MIT (IGLUE's repository); images and texts: the terms of their own sites"

_FOLDERS = {"iglue": "iglue", "iglue-repository": "iglue/datasets"}
"""The forms in which the annotations are looked for: the folder `datasets` of the repository, or all of it."""

FLICKR = ("flickr30k/images/{image}", "flickr30k-images/{image}", "flickr30k_images/{image}")
COCO = ("coco/val2014/{image}", "mscoco/val2014/{image}", "val2014/{image}")
FLICKR_SITE = "https://shannon.cs.illinois.edu/DenotationGraph (Flickr30K)"
COCO_SITE = "https://cocodataset.org/#download (2014 Val)"


@dataclass(frozen=True)
class Annotations:
    """One task's annotation files, below the folder of IGLUE's data sets.

    `files` are patterns by split; with `shots`, `few_shot` is that of the few-shot files, with `{shots}`;
    `translated` is that of the test files in English, where IGLUE has them. Other
    `settings` are those of a `UserTask`. `records(path, report)` reads a file where its format is not JSONL.
    """

    type: str
    languages: tuple[str, ...]
    files: Mapping[str, str]
    columns: Mapping[str, str]
    reading: Reading
    few_shot: str = ""
    shots: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    translated: str = ""

    def layouts(self) -> tuple[Layout, ...]:
        """The forms that the files are looked for in."""
        return tuple(
            files_layout(
                name,
                REPOSITORY,
                self._declared(folder),
                reading=lambda base: self.reading,
                exercised=name == "iglue",
            )
            for name, folder in _FOLDERS.items()
        )

    def source(self, task: str, data: Path | None) -> PublishedSource:
        """The rows, from whichever form is there."""
        splits = (*SPLITS, *(f"{FEW_SHOT}{count}" for count in self.shots))
        translated = (TRANSLATED,) if self.translated else ()
        return PublishedSource(task, self.layouts(), data, None, (*splits, *translated))

    def _declared(self, folder: str) -> UserTask:
        files = {split: f"{folder}/{pattern}" for split, pattern in self.files.items()}
        for count in self.shots:
            files[f"{FEW_SHOT}{count}"] = f"{folder}/{self.few_shot.replace('{shots}', count)}"
        if self.translated:
            files[TRANSLATED] = f"{folder}/{self.translated}"
        return UserTask(
            type=self.type,
            files=files,
            columns=dict(self.columns),
            languages=self.languages,
            **self.settings,
        )


def images(
    task: str,
    source: Source,
    data: Path | None,
    places: tuple[str, ...],
    features: tuple[str, ...],
    **facts: Any,
) -> TaskImages:
    """The images of a task: in folders below the data folder, or features of them in `features/`."""
    named = tuple(f"features/{name}" for name in features)
    return TaskImages(task, source, data, places, named, **facts)


def jpg(name: str) -> str:
    """The file of a Flickr30K image, whose id is written with or without its suffix.

    Example:
        >>> jpg("759822302"), jpg("759822302.jpg")
        ('759822302.jpg', '759822302.jpg')
    """
    return f"{PurePosixPath(name).stem}.jpg"


def one_by_one(
    split: Callable[[dict[str, Any]], Iterator[dict[str, Any]]],
) -> Callable[[Path, Report], Numbered]:
    """Reads JSONL files whose records make several rows each."""

    def records(path: Path, report: Report) -> Numbered:
        for line, record in read(path, "jsonl", report=report):
            for part in split(record):
                yield line, part

    return records
