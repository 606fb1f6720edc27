"""What code adds to the declaration of published files that a declaration alone cannot describe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path, PurePath
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.hashing import files_fingerprint
from xstilts.languages import normalise
from xstilts.tasks.problems import BrokenFileError, Problem, Report
from xstilts.tasks.readers import Numbered, Record, find_files, fixed_folder
from xstilts.tasks.rows import SHAPES, BadRowError
from xstilts.wording import listed

Clean = Callable[[Record, str], Record | None]
"""Changes a record of a language, or leaves it out by giving None; a `BadRowError` says what is wrong with it."""


def as_it_is(record: Record, language: str) -> Record | None:
    """The record itself."""
    return record


def every(path: Path) -> bool:
    """Yes, whatever the file."""
    return True


def named_files(files: str | Mapping[str, Any]) -> str:
    """The files of a task for readers: their patterns without the folders above all of them.

    Example:
        >>> named_files({"train": "/home/me/data/train-en.tsv", "test": "/home/me/data/test-{language}.tsv"})
        'train-en.tsv, test-{language}.tsv'
        >>> named_files("/home/me/{language}/{split}.tsv")
        '{language}/{split}.tsv'
    """
    paths = [PurePath(pattern).parts for pattern in dict.fromkeys(_patterns(files))]
    shared = 0
    for parts in zip(*(path[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1 or set("{*?") & set(parts[0]):
            break
        shared += 1
    return listed(["/".join(path[shared:]) for path in paths], 3)


def _patterns(files: str | Mapping[str, Any]) -> Iterator[str]:
    """All patterns, of whatever split and role."""
    if isinstance(files, str):
        yield files
    else:
        for entry in files.values():
            yield from _patterns(entry)


@dataclass(frozen=True)
class Reading:
    """How the records of published files come about.

    `records(path, report)` reads a file, in place of the reader of its format. `clean` changes or leaves out records.
    `beside` are patterns of further files that `clean` looks things up in: they enter the fingerprint. A file that is
    not one that it `accepts` counts as not there. With `any_label`, rows may have labels that the training rows lack.
    `version` is raised whenever the same files would give other records.

    Example:
        >>> Reading(clean=lambda record, language: record | {"label": "yes"}).facts(Path())
        {'reading': 1}
    """

    records: Callable[[Path, Report], Numbered] | None = None
    clean: Clean = as_it_is
    beside: tuple[str, ...] = ()
    accepts: Callable[[Path], bool] = every
    any_label: bool = False
    version: int = 1

    def facts(self, base: Path) -> dict[str, Any]:
        """What of it enters a fingerprint; nothing where it adds nothing."""
        if self.records is None and self.clean is as_it_is:
            return {}
        paths = [
            path for pattern in self.beside for found in find_files(base, pattern).values() for path in found
        ]
        return {"reading": self.version} | ({"beside": files_fingerprint(paths)} if paths else {})

    def read(self, path: Path, report: Report) -> Numbered:
        """The records of one file by `records`, which must be given."""
        assert self.records is not None
        try:
            yield from self.records(path, report)
        except BrokenFileError as broken:
            report(broken.problem)

    def cleaned(
        self, file: str, records: Iterable[tuple[int, Record]], language: str, report: Report
    ) -> Iterator[tuple[int, Record]]:
        """The records that stay, changed."""
        for line, record in records:
            try:
                kept = self.clean(record, language)
            except BadRowError as bad:
                report(Problem(file, line, str(bad)))
                continue
            if kept is not None:
                yield line, kept


PLAIN = Reading()
"""Files that a declaration describes in full."""


def of_language(
    records: Iterator[tuple[int, Record]], column: str, language: str, file: str, report: Report
) -> Iterator[tuple[int, Record]]:
    """The records of one language, where a column says which each is of."""
    for line, record in records:
        if column not in record:
            message = f"there is no column {column!r}, the language_column. Columns: {', '.join(record)}"
            report(Problem(file, line, message))
            return
        if tag_of(str(record[column])) == language:
            yield line, record


def tag_of(native: str) -> str:
    """The language of a code in a file or its name; empty if it is none."""
    try:
        return normalise(native)
    except UserError:
        return ""


def only(task: str, tag: str, natives: Collection[str], typed: Sequence[str]) -> str:
    """The code in file names that stands for a language: the only one there is, or the one that was typed."""
    found = [native for native in natives if native in typed] or list(natives)
    if len(found) > 1:
        raise DataError(
            f"task {task}: {' and '.join(found)} in file names are the same language ({tag}). "
            f"Say which to use, such as `languages: [{found[0]}, …]`"
        )
    return found[0]


def what_is_there(base: Path, pattern: str, at_most: int = 8) -> str:
    """A sentence about the files that fit a pattern, or else about the folder in which they were looked for.

    Names of files that do not fit come nearest first.
    """
    folder, rest = fixed_folder(base / pattern)
    if not folder.is_dir():
        above = next(parent for parent in folder.absolute().parents if parent.is_dir())
        return f"The folder {folder} does not exist. {_contents(above, folder.name, at_most)}"
    fitting = [path.name for paths in find_files(base, pattern).values() for path in paths]
    if fitting:
        return f"Files there: {listed(fitting, at_most)}."
    return f"Nothing there fits; {_contents(folder, rest, at_most)}"


def _contents(folder: Path, wanted: str, at_most: int) -> str:
    names = sorted(path.name for path in folder.iterdir())
    names.sort(key=lambda name: -SequenceMatcher(None, wanted, name).ratio())
    return f"{folder} has: {listed(names, at_most) or 'nothing'}."


def no_file(base: Path, patterns: Sequence[str], split: str, language: str, declared: str) -> Problem:
    """What to say of a language that has no files of a split; `declared` stands in where there is no pattern."""
    there = dict.fromkeys(what_is_there(base, pattern) for pattern in patterns)
    looked = ", ".join(str(base / pattern).replace("{language}", language) for pattern in patterns)
    message = f"there is no {split} file for {language}. {' '.join(there)}"
    return Problem(looked or declared, 0, message.strip())


def unmatched(base: Path, patterns: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """What to say of each pattern that fits no file; `patterns` are by split and role."""
    return [
        Problem(str(base / pattern), 0, f"no {split} file fits this. {what_is_there(base, pattern)}")
        for split, roles in patterns.items()
        for pattern in roles.values()
        if not find_files(base, pattern)
    ]


def check_sides(type: str, given: tuple[str, ...]) -> None:
    """Raise a `ValueError` unless files in these roles make up rows of a type; `""` is a file with columns."""
    sides = SHAPES[type].sides
    if set(given) - {""} and set(given) != set(sides):
        owners = [name for name, shape in SHAPES.items() if set(shape.sides) == set(given)]
        meant = f"are for {' and '.join(owners)}" if owners else "do not go together"
        raise ValueError(f"files: {' and '.join(given)} {meant}, not {type}")
    if given == ("",) and "gold" in sides:
        raise ValueError(f"files: {type} expects a pattern for each of {', '.join(sides)}")
