"""Benchmarks as they were published: the layouts that a task's files come in, tried in order, then the Hub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from xstilts.errors import DataError, RecipeError
from xstilts.tasks.base import SPLITS, Row, Source, Task, base_split
from xstilts.tasks.files import FilesSource, UserTask, files_source

Answer = TypeVar("Answer")
SUBMISSION = "submission"
"""The split of test rows without answers: predicted for a leaderboard, never scored here."""

TOGETHER = frozenset({"dev", "test"})
"""Splits that always come from one layout: its dev part may have been set aside from its test part."""


@dataclass(frozen=True)
class Layout:
    """One form in which a task's files are published.

    `open(folder)` gives their source, below a data folder; `files` are the patterns that it looks for, for people.
    `get` says where the files come from: an address or a command. `reported` is what its test rows are, where they
    are not the published test set: `dev, 80% of its sources`. `exercised` says whether the project's tests read it
    from files of this form.
    """

    name: str
    open: Callable[[Path], Source]
    files: tuple[str, ...]
    get: str
    reported: str = "test"
    exercised: bool = True


class HubSource(Source, Protocol):
    """A source on the Hugging Face Hub."""

    @property
    def repository(self) -> str:
        """The repository's id."""
        ...


@dataclass(frozen=True)
class PublishedSource:
    """The rows of a published task: from the first layout below `data` that has the split, else from the Hub.

    `dev` and `test` come from one layout, so that what is selected on is never what is reported; `train` may come
    from another. A task is read from one place for all of its languages: nothing is mixed in silence.

    Example:
        >>> source = PublishedSource("xtreme/xnli", layouts, Path("download"))  # doctest: +SKIP
        >>> source.languages("test")  # doctest: +SKIP
        ('ar', 'bg', 'de', 'el', 'en', …)
    """

    task: str
    layouts: tuple[Layout, ...]
    data: Path | None = None
    hub: HubSource | None = None
    splits: tuple[str, ...] = SPLITS
    opened: dict[str, Source] = field(default_factory=dict, compare=False, repr=False)

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split where the task was found.

        Raises:
            DataError: the task has such a split, but neither a layout nor the Hub has it.
        """
        return self._of(split).languages(split) if split in self.splits else ()

    def fingerprint(self, split: str, language: str) -> str:
        """The fingerprint of the place that the rows come from."""
        return self._ask(split, lambda source: source.fingerprint(split, language))

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language."""
        return self._ask(split, lambda source: source.rows(split, language))

    def origin(self, split: str) -> str:
        """What a split's rows are: `test`, or `dev, 80% of its sources`."""
        layout = self._place(split)
        return layout.reported if layout is not None and split == "test" else split

    def found(self, split: str) -> tuple[Layout, tuple[str, ...]] | None:
        """The layout below the data folder that a split is read from, and its languages; None if there is none."""
        layout = self._place(split)
        return None if layout is None else (layout, self._open(layout).languages(split))

    def _place(self, split: str) -> Layout | None:
        if self.data is None:
            return None
        split = base_split(split)  # candidates lie beside the rows that name them
        asked = ("test", "dev") if split in TOGETHER else (split,)
        for wanted in asked:  # the test rows decide where dev rows come from; dev alone is looked for last
            for layout in self.layouts:
                if self._open(layout).languages(wanted):
                    return layout
        return None

    def _of(self, split: str) -> Source:
        layout = self._place(split)
        if layout is not None and self._open(layout).languages(split):
            return self._open(layout)
        if layout is None and self.hub is not None and self.hub.languages(split):
            return self.hub
        raise DataError(self.absent(split))

    def _ask(self, split: str, question: Callable[[Source], Answer]) -> Answer:
        """Ask the place that has a split; where that is the Hub and it fails, the layouts are named beside it."""
        source = self._of(split)
        try:
            return question(source)
        except DataError as error:
            if source is self.hub:
                raise DataError(f"{error}\n{self.absent(split)}") from None
            raise

    def _open(self, layout: Layout) -> Source:
        assert self.data is not None
        if layout.name not in self.opened:
            self.opened[layout.name] = layout.open(self.data)
        return self.opened[layout.name]

    def absent(self, split: str) -> str:
        """What to say where a split is not there: the layouts that were tried, and where to get them."""
        where = (
            f"below {self.data}" if self.data else "as no data folder was given (--data DIR or XSTILTS_DATA)"
        )
        tried = [f"  {layout.name}: {', '.join(layout.files)}  ({layout.get})" for layout in self.layouts]
        hub = [f"  Hugging Face Hub: {self.hub.repository}"] if self.hub is not None else []
        return "\n".join([f"{self.task}: no {split} data {where}. Any of these would do:", *tried, *hub])


def files_layout(
    name: str, get: str, spec: UserTask, reported: str = "test", exercised: bool = True
) -> Layout:
    """A layout whose files an ordinary declaration describes, as a recipe would declare a task of its own."""
    patterns = dict.fromkeys(pattern for split in SPLITS for pattern in spec.patterns(split).values())
    return Layout(
        name,
        lambda folder: files_source(FilesSource(name, spec, folder)),
        tuple(patterns),
        get,
        reported,
        exercised,
    )


@dataclass(frozen=True)
class JoinedSource:
    """Training rows of one source, everything else of another: SQuAD's training set for XQuAD's questions.

    Where the other one has no dev rows in the language that is trained on, those of the training source are used.
    """

    train: Source
    train_language: str
    test: Source

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split."""
        return self._of(split).languages(split)

    def fingerprint(self, split: str, language: str) -> str:
        """That of the source the rows come from."""
        return self._of(split).fingerprint(split, language)

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language."""
        return self._of(split).rows(split, language)

    def origin(self, split: str) -> str:
        """What a split's rows are."""
        return self._of(split).origin(split)

    def _of(self, split: str) -> Source:
        return self.train if split == "train" or (split == "dev" and not self._has_dev) else self.test

    @cached_property
    def _has_dev(self) -> bool:
        try:
            return self.train_language in self.test.languages("dev")
        except DataError:
            return False


def joined_task(name: str, test: Task, train: Task) -> Task:
    """The task `test`, trained on the training rows of another.

    Raises:
        RecipeError: they are of different types, or the training rows have labels of their own.
    """
    if test.type != train.type:
        raise RecipeError(
            f"tasks.{name}: {test.name} is a {test.type} task, {train.name} a {train.type} task"
        )
    foreign = [label for label in train.labels if label not in test.labels] if test.labels else []
    if foreign:
        raise RecipeError(
            f"tasks.{name}: {train.name} has the label {foreign[0]!r}, {test.name} has {', '.join(test.labels)}"
        )
    source = JoinedSource(train.source, train.train_language, test.source)
    summary = f"{test.summary}; trained on {train.name}"
    options = MappingProxyType({**test.options, "trained": True})  # where the type leaves that open
    return replace(
        test, name=name, source=source, summary=summary, train_language=train.train_language, options=options
    )
