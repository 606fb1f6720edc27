"""Benchmarks as they were published: the layouts that a task's files come in, tried in order, then the Hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from xstilts.errors import DataError, RecipeError
from xstilts.hashing import digest
from xstilts.tasks.base import SPLITS, Row, Source, Task, base_split
from xstilts.tasks.building import SUBMISSION, Unlabelled
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import FilesSource
from xstilts.tasks.reading import PLAIN, Reading
from xstilts.tasks.rows import SHAPES

Answer = TypeVar("Answer")
TOGETHER = frozenset({"dev", "test"})
"""Splits that always come from one layout: its dev part may have been set aside from its test part."""


def nowhere(folder: Path) -> Source | None:
    """No source, whatever the folder."""
    return None


@dataclass(frozen=True)
class Layout:
    """One form in which a task's files are published.

    `open(folder)` gives their source, below a data folder; `files` are the patterns that it looks for, for people.
    `get` says where the files come from: an address or a command. `reported` is what its test rows are, where that is
    not what the source itself says: `dev, 80% of its sources`. `exercised` says whether the project's tests read
    published files of this form, or only files that they write themselves. `submission(folder)` gives the source of
    the test rows without answers, where the layout has them.
    """

    name: str
    open: Callable[[Path], Source]
    files: tuple[str, ...]
    get: str
    reported: str = ""
    exercised: bool = False
    submission: Callable[[Path], Source | None] = nowhere


class HubSource(Source, Protocol):
    """A source on the Hugging Face Hub."""

    @property
    def repository(self) -> str:
        """The repository's id."""
        ...

    @property
    def described(self) -> str:
        """The repository with the configurations and splits that are read, for people."""
        ...


@dataclass(frozen=True)
class PublishedSource:
    """The rows of a published task: from the first layout below `data` that has the split, else from the Hub.

    `dev` and `test` come from one layout, so that what is selected on is never what is reported; `train` and
    `submission` may come from another. A task is read from one place for all of its languages: nothing is mixed in
    silence.

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
    opened: dict[tuple[str, bool], Source | None] = field(default_factory=dict, compare=False, repr=False)

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split where the task was found; none for candidates that are not there.

        Raises:
            DataError: the task has such a split, but neither a layout nor the Hub has it.
        """
        if split != base_split(split) or split == SUBMISSION:
            found = self.found(split)
            return () if found is None else found[1]
        return self._of(split).languages(split) if base_split(split) in self.splits else ()

    def fingerprint(self, split: str, language: str) -> str:
        """The fingerprint of the place that the rows come from."""
        return self._ask(split, lambda source: source.fingerprint(split, language))

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language."""
        return self._ask(split, lambda source: source.rows(split, language))

    def origin(self, split: str) -> str:
        """What a split's rows are: `test`, or `dev, 80% of its sources`."""
        layout = self._place(split)
        if layout is not None and split == "test" and layout.reported:
            return layout.reported
        return self._of(split).origin(split)

    def found(self, split: str) -> tuple[Layout, tuple[str, ...]] | None:
        """The layout below the data folder that a split is read from, and its languages; None if there is none."""
        layout = self._place(split)
        languages = () if layout is None else self._languages(layout, split)
        return (layout, languages) if layout is not None and languages else None

    def _place(self, split: str) -> Layout | None:
        """The layout that serves a split; candidates lie beside the rows that name them.

        The test rows decide where dev rows come from; dev alone is looked for last. Training rows come from where dev
        rows come from, if they are there: these may have been set aside from them. A submission takes all languages:
        it comes from where most of them are.
        """
        split = base_split(split)
        if split in TOGETHER:
            return self._first("test") or self._first("dev")
        if split == SUBMISSION:
            return max(self.layouts, key=lambda layout: len(self._languages(layout, split)), default=None)
        beside = self._place("dev") if split == "train" else None
        return beside if beside is not None and self._languages(beside, "train") else self._first(split)

    def _first(self, split: str) -> Layout | None:
        return next((layout for layout in self.layouts if self._languages(layout, split)), None)

    def _of(self, split: str) -> Source:
        found = self.found(split)
        if found is not None:
            source = self._open(found[0], split)
            assert source is not None
            return source
        if self._place(split) is None and self.hub is not None and self.hub.languages(split):
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
            raise DataError(f"{self.task}, {str(error).removeprefix('task ')}") from None

    def _languages(self, layout: Layout, split: str) -> tuple[str, ...]:
        source = self._open(layout, split)
        return () if source is None else source.languages(split)

    def _open(self, layout: Layout, split: str) -> Source | None:
        if self.data is None:
            return None
        submitted = base_split(split) == SUBMISSION
        place = (layout.name, submitted)
        if place not in self.opened:
            opener = layout.submission if submitted else layout.open
            self.opened[place] = opener(self.data)
        return self.opened[place]

    def absent(self, split: str) -> str:
        """What to say where a split is not there: the layouts that were tried, and where to get them."""
        where = (
            f"below {self.data}" if self.data else "as no data folder was given (--data DIR or XSTILTS_DATA)"
        )
        tried = [f"  {layout.name}: {', '.join(layout.files)}  ({layout.get})" for layout in self.layouts]
        hub = [f"  Hugging Face Hub: {self.hub.repository}"] if self.hub is not None else []
        return "\n".join([f"{self.task}: no {split} data {where}. Any of these would do:", *tried, *hub])


def offline(source: Source) -> Source:
    """The same source without the Hub: what it does not find in files is not there."""
    if isinstance(source, PublishedSource):
        return replace(source, hub=None)
    inner: tuple[Source, ...] = getattr(source, "inner", ())
    changed: Source = source.over([offline(part) for part in inner]) if inner else source  # type: ignore[attr-defined]
    return changed


def published(source: Source) -> tuple[PublishedSource, ...]:
    """The published sources that a source is made of; none of a task of one's own."""
    if isinstance(source, PublishedSource):
        return (source,)
    inner: tuple[Source, ...] = getattr(source, "inner", ())
    return tuple(found for part in inner for found in published(part))


def files_layout(
    name: str,
    get: str,
    spec: UserTask,
    *,
    reading: Callable[[Path], Reading] = lambda folder: PLAIN,
    reported: str = "",
    exercised: bool = False,
    submission: Unlabelled | None = None,
) -> Layout:
    """A layout whose files an ordinary declaration describes, as a recipe would declare a task of its own.

    `reading(folder)` adds what such a declaration cannot say.
    """
    splits = dict.fromkeys((*SPLITS, *spec.named_splits))
    patterns = [pattern for split in splits for pattern in spec.patterns(split).values()]
    patterns += submission.patterns if submission is not None else ()
    return Layout(
        name,
        lambda folder: FilesSource(name, spec, folder, reading(folder), lenient=True),
        tuple(dict.fromkeys(patterns)),
        get,
        reported,
        exercised,
        nowhere if submission is None else submission.at,
    )


@dataclass(frozen=True)
class ConcatenatedSource:
    """The rows of several sources one after another, by name: one task, one head (ANLI + MNLI + SNLI).

    Ids and sources carry the part's name. A part that is not there is an error that names it.
    """

    parts: Mapping[str, Source]
    splits: tuple[str, ...] = SPLITS

    @property
    def inner(self) -> tuple[Source, ...]:
        """The parts."""
        return tuple(self.parts.values())

    def over(self, inner: Sequence[Source]) -> ConcatenatedSource:
        """The same of other parts."""
        return replace(self, parts=dict(zip(self.parts, inner, strict=True)))

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages in which every part has this split."""
        if split not in self.splits:
            return ()
        by_part = [source.languages(split) for source in self.parts.values()]
        return tuple(code for code in by_part[0] if all(code in codes for codes in by_part))

    def fingerprint(self, split: str, language: str) -> str:
        """The parts' fingerprints."""
        prints = [[name, source.fingerprint(split, language)] for name, source in self.parts.items()]
        return digest(prints)

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of all parts, in their order."""
        return [
            row | {key: f"{name}/{row[key]}" for key in ("id", "source")}
            for name, source in self.parts.items()
            for row in source.rows(split, language)
        ]

    def origin(self, split: str) -> str:
        """What the parts' rows are."""
        return ", ".join(dict.fromkeys(source.origin(split) for source in self.parts.values()))


@dataclass(frozen=True)
class JoinedSource:
    """Training rows of one source, everything else of another: SQuAD's training set for XQuAD's questions.

    Where the other one has no dev rows in the language that is trained on, those of the training source are used.
    """

    train: Source
    train_language: str
    test: Source

    @property
    def inner(self) -> tuple[Source, ...]:
        """The two sources, that of the test rows first."""
        return (self.test, self.train)

    def over(self, inner: Sequence[Source]) -> JoinedSource:
        """The same of other sources."""
        return replace(self, test=inner[0], train=inner[1])

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split."""
        if split != "dev":
            return self._of(split).languages(split)
        lent = self.train_language not in self._dev_languages and self.train_language in self.train.languages(
            split
        )
        return tuple(sorted({*self._dev_languages, *([self.train_language] if lent else [])}))

    def fingerprint(self, split: str, language: str) -> str:
        """That of the source the rows come from."""
        return self._of(split, language).fingerprint(split, language)

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language."""
        return self._of(split, language).rows(split, language)

    def origin(self, split: str) -> str:
        """What a split's rows are."""
        return self._of(split, self.train_language).origin(split)

    def _of(self, split: str, language: str = "") -> Source:
        lent = split == "dev" and language == self.train_language and language not in self._dev_languages
        return self.train if split == "train" or lent else self.test

    @cached_property
    def _dev_languages(self) -> tuple[str, ...]:
        try:
            return self.test.languages("dev")
        except DataError:
            return ()


def joined_task(name: str, test: Task, train: Task) -> Task:
    """The task `test`, trained on the training rows of another.

    Raises:
        RecipeError: they are of different types, or the training rows have labels of their own.
    """
    if test.type != train.type:
        raise RecipeError(
            f"tasks.{name}: {test.name} is a {test.type} task, {train.name} a {train.type} task"
        )
    if test.images is not None:
        raise RecipeError(f"tasks.{name}: {test.name} is an image-text task, and such tasks cannot be joined")
    foreign = [label for label in train.labels if label not in test.labels] if test.labels else []
    if foreign:
        raise RecipeError(
            f"tasks.{name}: {train.name} has the label {foreign[0]!r}, {test.name} has {', '.join(test.labels)}"
        )
    source = JoinedSource(train.source, train.train_language, test.source)
    summary = f"{test.summary}; trained on {train.name}"
    joined = replace(test, name=name, source=source, summary=summary, train_language=train.train_language)
    pooled = SHAPES[test.type].pooled  # a type that may be tested without a training has to be told
    return replace(joined, options=MappingProxyType({**test.options, "trained": True})) if pooled else joined
