"""Sources whose rows code builds from files: without answers, with candidates of their own, or searched together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xstilts.hashing import digest, files_fingerprint
from xstilts.languages import normalise
from xstilts.tasks.base import Row, Source, base_split
from xstilts.tasks.dividing import TEST_SHARE, carve_dev
from xstilts.tasks.problems import BrokenFileError, Problem, Report, raise_problems
from xstilts.tasks.readers import find_files
from xstilts.tasks.reading import tag_of

SUBMISSION = "submission"
"""The split of test rows without answers: predicted for a leaderboard, never scored here."""

Files = Mapping[str, tuple[Path, ...]]
"""The files that the rows of each language are made from."""


def files_of(base: Path, patterns: Sequence[str], codes: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """The files that fit patterns with `{language}`, by language: of those that are meant by `codes` and have all."""
    by_pattern = [find_files(base, pattern) for pattern in patterns]
    wanted = {normalise(code) for code in codes}
    files = {}
    for native in sorted(set.intersection(*(set(found) for found in by_pattern))):
        if (tag := tag_of(native)) in wanted:
            files[tag] = tuple(found[native][0] for found in by_pattern)
    return dict(sorted(files.items()))


@dataclass(frozen=True)
class Unlabelled:
    """Test rows whose answers only a leaderboard knows, in the order of their files.

    `patterns` are the files of a language; `build(*paths)` makes its rows from them, with a placeholder where an
    answer would stand; they are numbered from 0 where `build` gives no `id`.
    """

    patterns: tuple[str, ...]
    languages: tuple[str, ...]
    build: Callable[..., list[Row]]

    def at(self, folder: Path) -> UnlabelledSource:
        """The source below a data folder."""
        return UnlabelledSource(self, folder)


@dataclass(frozen=True)
class UnlabelledSource:
    """The rows of a `submission` split. See `Unlabelled`."""

    spec: Unlabelled
    base: Path

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have all of their files."""
        return tuple(self._files) if split == SUBMISSION else ()

    def fingerprint(self, split: str, language: str) -> str:
        """SHA-256 of the files' content."""
        return digest([split, language, [files_fingerprint([path]) for path in self._files[language]]])

    def rows(self, split: str, language: str) -> list[Row]:
        """All rows, in the files' order."""
        rows = self.spec.build(*self._files[language])
        return [{"id": str(place), "source": str(place)} | row for place, row in enumerate(rows)]

    def origin(self, split: str) -> str:
        """The split itself."""
        return split

    @cached_property
    def _files(self) -> Files:
        return files_of(self.base, self.spec.patterns, self.spec.languages)


@dataclass(frozen=True)
class BuiltSource:
    """Rows that code builds from files which no declaration describes.

    `files(split)` are those of each language, also for splits of candidates; `build(split, language, report)` makes
    the rows, with `id` and `source`, and tells what is wrong. `version` is raised whenever it would make others from
    the same files. With `carved`, a fifth of the sources of the test rows is set aside for dev; the candidates of
    both are the same.
    """

    name: str
    files: Callable[[str], Files]
    build: Callable[[str, str, Report], list[Row]]
    version: int = 1
    carved: bool = False

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have files for this split."""
        return tuple(sorted(self.files(self._origin(split))))

    def fingerprint(self, split: str, language: str) -> str:
        """SHA-256 of the files' content."""
        paths = self.files(self._origin(split))[language]
        part = split if self.carved and split == base_split(split) else self._origin(split)
        return digest([self.version, part, language, [files_fingerprint([path]) for path in paths]])

    def rows(self, split: str, language: str) -> list[Row]:
        """All rows, in the files' order.

        Raises:
            DataError: the files hold what does not fit (the first five, and a count).
        """
        rows, problems = self._load(split, language)
        if problems:
            raise_problems(f"{self.name}, {split}, {language}", problems)
        if not self.carved or split not in {"dev", "test"}:
            return rows
        rest, dev = carve_dev(rows, TEST_SHARE, len(rows))
        return dev if split == "dev" else rest

    def validate(self, split: str, language: str) -> list[Problem]:
        """Everything that is wrong with the files of one split and language."""
        return self._load(split, language)[1]

    def origin(self, split: str) -> str:
        """The split, with the share that was set aside from it for dev."""
        return "test, 80% of its sources" if self.carved and split == "test" else split

    def _load(self, split: str, language: str) -> tuple[list[Row], list[Problem]]:
        problems: list[Problem] = []
        try:
            return self.build(self._origin(split), language, problems.append), problems
        except BrokenFileError as broken:
            return [], [*problems, broken.problem]

    def _origin(self, split: str) -> str:
        """The split whose files hold the rows."""
        return split.replace("dev", "test", 1) if self.carved and base_split(split) == "dev" else split


@dataclass(frozen=True)
class WholePool:
    """Pairs of sentences that are searched among all published ones, whichever part of them is tested.

    Where dev rows were set aside from the test rows, accuracy would otherwise be that of a smaller search.
    """

    source: Source

    @property
    def inner(self) -> tuple[Source, ...]:
        """The source that it adds candidates to."""
        return (self.source,)

    def over(self, inner: Sequence[Source]) -> WholePool:
        """The same over another source."""
        return WholePool(*inner)

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split; candidates are those of dev and test."""
        if split == base_split(split):
            return self.source.languages(split)
        return self.source.languages("test") if base_split(split) in {"dev", "test"} else ()

    def fingerprint(self, split: str, language: str) -> str:
        """That of the source; of dev and test for candidates."""
        if split == base_split(split):
            return self.source.fingerprint(split, language)
        return digest([self.source.fingerprint(part, language) for part in ("dev", "test")])

    def rows(self, split: str, language: str) -> list[Row]:
        """The pairs, each naming its candidate; or the candidates, the English sentences of all pairs."""
        if split == base_split(split):
            return [row | {"gold": row["id"]} for row in self.source.rows(split, language)]
        rows = [row for part in ("dev", "test") for row in self.source.rows(part, language)]
        rows.sort(key=lambda row: (len(row["id"]), row["id"]))  # as in the file: ids are numbers
        return [{"id": row["id"], "source": row["source"], "text": row["target"]} for row in rows]

    def origin(self, split: str) -> str:
        """What a split's rows are."""
        return self.source.origin(base_split(split))
