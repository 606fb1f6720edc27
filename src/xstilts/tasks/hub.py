"""Rows from a dataset repository of the Hugging Face Hub, at a revision that is recorded and used again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.hashing import cache_dir, digest, read_json, write_json
from xstilts.tasks.base import Row
from xstilts.tasks.columns import Column, located
from xstilts.tasks.dividing import TEST_SHARE, carve_dev
from xstilts.tasks.readers import Problem, Record, raise_problems
from xstilts.tasks.reading import Clean, Reading, as_it_is
from xstilts.tasks.rows import RowRules, build_rows

EXPORTS = "refs/convert/parquet"
"""The branch with the Parquet files that the Hub makes of a dataset repository."""

HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""Our splits as most repositories name theirs."""

_VERSION = 1  # raised whenever the same repository would give other rows


@dataclass(frozen=True)
class HubTask:
    """Which parts of a dataset repository are a task's rows.

    `repository` is an id, or a folder with the same files. `configurations` maps a language to the name of its
    configuration, or to `""` for the only one. `splits` maps ours to the repository's, written `{language}` where
    they are named by language. `columns` maps canonical columns to the repository's, as a recipe's `columns` do.
    `clean(record, language)` changes a record, or leaves it out by giving None. With `carved`, a fifth of the sources
    of the test split is set aside for dev. With `export`, the Parquet files are read that the Hub itself makes of a
    repository with a loading script, which `datasets` no longer runs.
    """

    repository: str
    configurations: Mapping[str, str]
    splits: Mapping[str, str]
    columns: Mapping[str, Column]
    rules: RowRules
    train_language: str = "en"
    clean: Clean = as_it_is
    revision: str | None = None
    carved: bool = False
    export: bool = False


def named(column: str, names: Sequence[str]) -> Clean:
    """A `clean` that turns a numbered class into its name and leaves out records without one (-1).

    Where the column holds a list (tags), every number is turned.
    """

    def clean(record: Record, language: str) -> Record | None:
        value = record.get(column)
        if value is None or value == -1:
            return None
        found = [_name(one, names) for one in value] if isinstance(value, list) else _name(value, names)
        return {**record, column: found}

    return clean


def _name(value: Any, names: Sequence[str]) -> Any:
    known = isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known else value


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

    @property
    def described(self) -> str:
        """The repository, its configurations and the splits that are read."""
        spec = self.spec
        names = [name for name in dict.fromkeys(spec.configurations.values()) if name]
        shown = names if len(names) < 4 else [*names[:2], "…", names[-1]]
        splits = ", ".join(f"{ours} = {theirs}" for ours, theirs in spec.splits.items())
        parts = [spec.repository, f"configuration {', '.join(shown)}" if names else "", splits]
        return "; ".join(filter(None, parts))

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that the repository is known to have; nothing is downloaded."""
        if self._origin(split) not in self.spec.splits:
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
            spec.splits[self._origin(split)],
            sorted(spec.columns.items()),
            spec.rules.type,
            spec.carved,
        ]
        return f"hub:{spec.repository}@{self.revision()}:{digest([_VERSION, read])[:16]}:{split}:{language}"

    def rows(self, split: str, language: str) -> list[Row]:
        """All rows, in the repository's order.

        Raises:
            DataError: the Hub cannot be reached, or records do not fit (the first five, and a count).
        """
        rows = self._rows(self._origin(split), language)
        if not self._is_carved(split):
            return rows
        rest, dev = carve_dev(rows, TEST_SHARE, len(rows))
        return dev if split == "dev" else rest

    def origin(self, split: str) -> str:
        """The split, with the share that was set aside from it for dev."""
        return "test, 80% of its sources" if split == "test" and self._is_carved(split) else split

    def _origin(self, split: str) -> str:
        return "test" if split == "dev" and self.spec.carved else split

    def _is_carved(self, split: str) -> bool:
        return self.spec.carved and split in {"dev", "test"}

    def _rows(self, split: str, language: str) -> list[Row]:
        spec, problems = self.spec, list[Problem]()
        place = f"{spec.repository} {spec.configurations[language]} {split}".replace("  ", " ")
        records = ((line, dict(one)) for line, one in enumerate(self._records(split, language), start=1))
        kept = Reading(clean=spec.clean).cleaned(place, records, language, problems.append)
        found = located(place, kept, lambda record: spec.columns, problems.append)
        rows = list(build_rows(found, spec.rules, language, problems.append))
        if problems:
            raise_problems(f"{place}, {language}", problems)
        return rows

    def revision(self) -> str:
        """The commit that is read: the one declared, the one recorded, or the newest, which is then recorded."""
        if self.spec.revision is not None:
            return self.spec.revision
        folder = Path(self.spec.repository)
        if folder.is_dir():
            return "local"
        record = cache_dir() / "hub-revisions" / f"{self.spec.repository.replace('/', '--')}.json"
        known = read_json(record).get("revision")
        if known is None:
            known = self._ask()
            write_json(record, {"repository": self.spec.repository, "revision": known})
        return str(known)

    def _ask(self) -> str:
        from huggingface_hub import HfApi

        try:
            branch = EXPORTS if self.spec.export else None
            return str(HfApi().dataset_info(self.spec.repository, revision=branch).sha)
        except Exception as error:  # the client raises errors of many libraries
            raise DataError(self._unreachable(error)) from None

    def _records(self, split: str, language: str) -> Iterable[Mapping[str, Any]]:
        from datasets import load_dataset

        spec = self.spec
        configuration = spec.configurations[language]
        wanted = spec.splits[split].replace("{language}", configuration)
        revision = None if Path(spec.repository).is_dir() else self.revision()
        try:
            if spec.export:
                parts = {name: f"{configuration or 'default'}/{name}/*.parquet" for name in wanted.split("+")}
                data = load_dataset(spec.repository, data_files=parts, split=wanted, revision=revision)
            else:
                data = load_dataset(spec.repository, configuration or None, split=wanted, revision=revision)
        except Exception as error:  # as above
            raise DataError(self._unreachable(error)) from None
        return data  # type: ignore[no-any-return]

    def _unreachable(self, error: Exception) -> str:
        reason = str(error).strip().split("\n")[0][:200]
        return f"the dataset {self.spec.repository} could not be read from the Hugging Face Hub: {reason}"
