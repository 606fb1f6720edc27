"""CCG supertagging."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from xstilts.errors import DataError
from xstilts.tasks.base import FoundLabels, Source, Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.problems import Problem, Report, raw_lines
from xstilts.tasks.published import PublishedSource, files_layout
from xstilts.tasks.readers import Numbered
from xstilts.tasks.reading import Reading
from xstilts.tasks.stilts.common import english


def supertags(path: Path, report: Report) -> Numbered:
    """CCGbank sentences, a line each: `words⇥tags` as jiant reads them, or `word|POS|supertag` as C&C writes them."""
    for number, line in raw_lines(path):
        text, tab, tags = line.strip("\r\n").partition("\t")
        if tab:
            yield number, {"tokens": text.split(), "tags": tags.split()}
        elif text.strip():
            words = [word.rsplit("|", 2) for word in text.split()]
            bad = [word for word in words if len(word) != 3]
            if bad:
                message = f"{'|'.join(bad[0])!r} is no word|POS|supertag. Expected that, or words⇥tags"
                report(Problem(str(path), number, message))
            else:
                yield number, {"tokens": [word[0] for word in words], "tags": [word[2] for word in words]}


def ccg(data: Path | None) -> Task:
    """CCGbank (Hockenmaier and Steedman 2007)."""
    name = "stilts/ccg"
    spec = UserTask(
        type="tagging",
        files={split: f"ccg/ccg.{split}" for split in ("train", "dev", "test")},
        format="token-tag",
    ).model_copy(update={"labels": ()})  # any tag: there are some 1,300, which the files themselves tell
    original = files_layout(
        "ccgbank",
        "https://catalog.ldc.upenn.edu/LDC2005T13 (licensed); one sentence a line",
        spec,
        reading=lambda folder: Reading(records=supertags),
    )
    source = PublishedSource(name, (original,), data)
    return english(
        name,
        "tagging",
        source,
        FoundLabels(partial(_tags_there, source)),
        metrics=("token_accuracy",),
        summary="the CCG category of every word",
        licence="LDC user agreement",
        url="https://catalog.ldc.upenn.edu/LDC2005T13",
        notes="Not on the Hub: CCGbank is licensed by the LDC. Its labels are the tags of all of its files.",
    )


def _tags_there(source: Source) -> tuple[str, ...]:
    """All tags of the files that are there; none where there are no files, or where they cannot be read."""
    found: set[str] = set()
    for split in ("train", "dev", "test"):
        try:
            if "en" in source.languages(split):
                found.update(tag for row in source.rows(split, "en") for tag in row["tags"])
        except DataError:  # told when the rows are asked for
            continue
    return tuple(sorted(found))
