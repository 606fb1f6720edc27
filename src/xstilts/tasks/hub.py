"""Rows from a dataset repository of the Hugging Face Hub, at a revision that is recorded and used again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.hashing import cache_dir, digest
from xstilts.tasks.base import Row
from xstilts.tasks.readers import Problem, raise_problems
from xstilts.tasks.rows import Column, RowRules, build_rows, located

Record = Mapping[str, Any]

_VERSION = 1  # raised whenever the same repository would give other rows


@dataclass(frozen=True)
class HubTask:
    """Which parts of a dataset repository are a task's rows.

    `repository` is an id, or a folder with the same files. `configurations` maps a language to the name of its
    configuration, or to `""` for the only one. `splits` maps ours to the repository's, written `{language}` where
    they are named by language. `columns` maps canonical columns to the repository's, as a recipe's `columns` do.
    `clean(record, language)` changes a record, or leaves it out by giving None.
    """

    repository: str
    configurations: Mapping[str, str]
    splits: Mapping[str, str]
    columns: Mapping[str, Column]
    rules: RowRules
    train_language: str = "en"
    clean: Callable[[dict[str, Any], str], dict[str, Any] | None] = lambda record, language: dict(record)
    revision: str | None = None


def named(column: str, names: Sequence[str]) -> Callable[[dict[str, Any], str], dict[str, Any] | None]:
    """A `clean` that turns a numbered class into its name and leaves out records without one (-1)."""

    def clean(record: dict[str, Any], language: str) -> dict[str, Any] | None:
        number = record[column]
        return None if number is None or number == -1 else {**record, column: names[number]}

    return clean


@dataclass(frozen=True)
class HubSource:
    """A task's rows from the Hub. The revision is resolved once, recorded in the cache, and used from then on.

    Example:
        >>> spec = HubTask("facebook/xnli", {"de": "de"}, {"test": "test"}, {}, RowRules("classification"))
        >>> HubSource(spec).languages("test")
        ('de',)
    """

    spec: HubTask

    @property
    def repository(self) -> str:
        """The repository's id."""
        return self.spec.repository

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that the repository is known to have; nothing is downloaded."""
        if split not in self.spec.splits:
            return ()
        every = tuple(sorted(self.spec.configurations))
        return (
            every if split != "train" else tuple(code for code in every if code == self.spec.train_language)
        )

    def fingerprint(self, split: str, language: str) -> str:
        """The repository's revision and what is read of it."""
        spec = self.spec
        read = [
            spec.configurations[language],
            spec.splits[split],
            sorted(spec.columns.items()),
            spec.rules.type,
        ]
        return f"hub:{spec.repository}@{self.revision()}:{digest([_VERSION, read])[:16]}:{split}:{language}"

    def rows(self, split: str, language: str) -> list[Row]:
        """All rows, in the repository's order.

        Raises:
            DataError: the Hub cannot be reached, or records do not fit (the first five, and a count).
        """
        spec, problems = self.spec, list[Problem]()
        place = f"{spec.repository} {spec.configurations[language]} {split}".replace("  ", " ")
        records = enumerate(self._records(split, language), start=1)
        kept = (
            (line, made) for line, one in records if (made := spec.clean(dict(one), language)) is not None
        )
        found = located(place, kept, lambda record: spec.columns, problems.append)
        rows = list(build_rows(found, spec.rules, language, problems.append))
        if problems:
            raise_problems(f"{place}, {language}", problems)
        return rows

    def origin(self, split: str) -> str:
        """The split itself."""
        return split

    def revision(self) -> str:
        """The commit that is read: the one declared, the one recorded, or the newest, which is then recorded."""
        if self.spec.revision is not None:
            return self.spec.revision
        folder = Path(self.spec.repository)
        if folder.is_dir():
            return "local"
        record = cache_dir() / "hub-revisions" / f"{self.spec.repository.replace('/', '--')}.json"
        if record.is_file():
            return str(json.loads(record.read_text("utf-8"))["revision"])
        revision = self._ask()
        record.parent.mkdir(parents=True, exist_ok=True)
        draft = record.with_name(f"{record.name}.{os.getpid()}")
        draft.write_text(json.dumps({"repository": self.spec.repository, "revision": revision}), "utf-8")
        draft.replace(record)
        return revision

    def _ask(self) -> str:
        from huggingface_hub import HfApi

        try:
            return str(HfApi().dataset_info(self.spec.repository).sha)
        except Exception as error:  # the client raises errors of many libraries
            raise DataError(self._unreachable(error)) from None

    def _records(self, split: str, language: str) -> Iterable[Record]:
        from datasets import load_dataset

        spec = self.spec
        wanted = spec.splits[split].replace("{language}", spec.configurations[language])
        revision = None if Path(spec.repository).is_dir() else self.revision()
        try:
            data = load_dataset(
                spec.repository, spec.configurations[language] or None, split=wanted, revision=revision
            )
        except Exception as error:  # as above
            raise DataError(self._unreachable(error)) from None
        return data  # type: ignore[no-any-return]

    def _unreachable(self, error: Exception) -> str:
        reason = str(error).strip().split("\n")[0][:200]
        return f"the dataset {self.spec.repository} could not be read from the Hugging Face Hub: {reason}"
