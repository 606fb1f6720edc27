"""Where a published task's files were found, and which of its languages are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xstilts.errors import DataError
from xstilts.tasks.base import FEW_SHOT, TRANSLATED, Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.published import Layout, PublishedSource, offline, published


@dataclass(frozen=True)
class Whereabouts:
    """One split of a task, or of the part of it that `part` names.

    `layout` is the form below the data folder that it is read from, None where it is not there; then `hub` is the
    repository that it would be read from. `languages` are those that are there, `missing` those of the task that
    are not: of training rows, and of the dev rows that a training selects on, only its own language counts.
    `reported` is what the rows are, in words; `hub_described` the repository with its configurations.
    """

    part: str
    split: str
    layout: Layout | None
    languages: tuple[str, ...]
    missing: tuple[str, ...]
    reported: str
    hub: str
    hub_described: str


def whereabouts(task: Task) -> list[Whereabouts]:
    """Every split of a published task, in the order train, dev, test, submission; nothing for other tasks."""
    return [place for part in published(task.source) for place in _of_part(task, part)]


def _of_part(task: Task, part: PublishedSource) -> Iterator[Whereabouts]:
    own = part.task == task.name
    for split in (*part.splits, SUBMISSION) if own else [one for one in part.splits if one != "test"]:
        found = part.found(split)
        if found is None and not is_needed(split):
            continue
        wanted = _wanted(task, part, split)
        languages = found[1] if found else ()
        missing = tuple(code for code in wanted if code not in languages)
        hub = part.hub.repository if part.hub is not None and found is None else ""
        reported = part.origin(split) if found else ""
        described = part.hub.described if part.hub is not None else ""
        layout = found[0] if found else None
        yield Whereabouts(part.task, split, layout, languages, missing, reported, hub, described)


def _wanted(task: Task, part: PublishedSource, split: str) -> tuple[str, ...]:
    """The languages without which a split is not complete."""
    own, joined = part.task == task.name, len(published(task.source)) > 1
    if own and joined and split == "dev":
        return ()  # where the test task has none in the language that is trained on, the training task lends its own
    if split == TRANSLATED:
        return tuple(code for code in task.languages if code != task.train_language)
    english = not own or split == "train" or (split == "dev" and "train" in part.splits)
    return (task.train_language,) if english else task.languages


def is_needed(split: str) -> bool:
    """Whether a task is not complete without a split: all but rows for a submission, few-shot and translated rows."""
    return split not in (SUBMISSION, TRANSLATED) and not split.startswith(FEW_SHOT)


def summary(task: Task) -> str:
    """Where a task's data is, in a few words: `10 of 15`, `all`, `Hub`, `not found`; `package` where it comes with one.

    It counts the languages of the test split; of a task without one, it says whether English is there.
    """
    places = whereabouts(task)
    if not places:
        return "package"
    tested = [place for place in places if place.split == "test" and place.part == task.name]
    wanted = tested or [place for place in places if place.split == "train"]
    if all(place.layout for place in wanted):
        there = min(len(place.languages) for place in wanted)
        whole = len(task.languages) if tested else 1
        return "all" if there >= whole else f"{there} of {whole}"
    return "Hub" if all(place.layout or place.hub for place in wanted) else "not found"


def local(task: Task) -> Task:
    """The task without the Hub: nothing that is done with it downloads anything."""
    return replace(task, source=offline(task.source))


def languages_there(task: Task, split: str) -> tuple[str, ...]:
    """The languages that have a split; none where it cannot be found."""
    try:
        return task.source.languages(split)
    except DataError:
        return ()
