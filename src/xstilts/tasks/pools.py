"""Candidates that come with rows: the other side of a bitext, and the answers of questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from xstilts.hashing import digest
from xstilts.tasks import readers
from xstilts.tasks.base import Row, Source, base_split
from xstilts.tasks.readers import Numbered, Problem, Report, raise_problem


def read_bitext(text: Path, target: Path, gold: Path, report: Report) -> Numbered:
    """The sentences of a bitext in the form of the BUCC shared tasks, with the ids of those that they translate.

    Args:
        text: lines `id⇥sentence`, in another language.
        target: lines `id⇥sentence`, in English.
        gold: lines `id⇥id`, of `text` and of `target`; few sentences have a translation.
        report: is told what does not fit.

    Yields:
        Lines of `text`, and records with `id`, `text` and the list `gold`.
    """
    known: dict[str, int] = {}
    for line, record in read_sentences(target, report):
        if known.setdefault(record["id"], line) != line:
            report(
                Problem(str(target), line, f"the id {record['id']!r} is also in line {known[record['id']]}")
            )
    pairs: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for line, (one, other) in _tabbed(gold, "id⇥id", report):
        if other in known:
            pairs.setdefault(one, []).append(other)
            lines.setdefault(one, line)
        else:
            report(Problem(str(gold), line, f"{other!r}, the second id, is not in {target.name}"))
    for line, record in read_sentences(text, report):
        yield line, record | {"gold": pairs.pop(record["id"], [])}
    for one in pairs:
        report(Problem(str(gold), lines[one], f"{one!r}, the first id, is not in {text.name}"))


def read_sentences(path: Path, report: Report) -> Numbered:
    """Lines `id⇥sentence` as records with `id` and `text`."""
    for line, (name, text) in _tabbed(path, "id⇥sentence", report):
        yield line, {"id": name, "text": text}


class Files(Source, Protocol):
    """A source of files of which some rows may have been set aside for dev."""

    def whole(self, split: str, language: str) -> list[Row]:
        """The rows of a split, with those that were set aside of the same test files."""
        ...

    def side(self, split: str, language: str, role: str) -> tuple[Path, ...]:
        """The line files of a role that a split is read from."""
        ...


@dataclass(frozen=True)
class PooledFiles:
    """Rows from files with what they choose among: the other side of a bitext, or the answers of all questions.

    Candidates stay the same whatever is set aside for dev: choosing among few is easier than among many. Where rows
    of one id are translations of each other (`parallel`), the answers of a question's translations answer it too.
    """

    files: Files
    is_bitext: bool
    parallel: bool
    known: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict, compare=False, repr=False)

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split, or the rows that a split of candidates belongs to."""
        return self.files.languages(base_split(split))

    def fingerprint(self, split: str, language: str) -> str:
        """That of the files, and where answers are shared of those of all languages."""
        base = base_split(split)
        shared = [self.files.fingerprint(base, code) for code in self._sharing(base)]
        own = self.files.fingerprint(base, language)
        return digest([split != base, own, *shared]) if shared or split != base else own

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language, or the candidates.

        Raises:
            DataError: a file is missing or holds rows that do not fit.
        """
        base = base_split(split)
        if split != base:
            return self._sentences(base, language) if self.is_bitext else self._answers(base, language)
        rows = self.files.rows(split, language)
        others = [self._ids(split, code) for code in self._sharing(split) if code != language]
        return [
            row | {"gold": [*row["gold"], *(ids[row["id"]] for ids in others if row["id"] in ids)]}
            for row in rows
        ]

    def origin(self, split: str) -> str:
        """What the rows of a split are."""
        return self.files.origin(base_split(split))

    def _sharing(self, split: str) -> tuple[str, ...]:
        return self.files.languages(split) if self.parallel and not self.is_bitext else ()

    def _ids(self, split: str, language: str) -> dict[str, str]:
        """The id of the answer of each row of a language."""
        ids = self.known.setdefault(split, {})
        if language not in ids:
            ids[language] = {row["id"]: row["gold"][0] for row in self.files.whole(split, language)}
        return ids[language]

    def _answers(self, split: str, language: str) -> list[Row]:
        """The answers of a split's questions, each once."""
        found: dict[str, Row] = {}
        for row in self.files.whole(split, language):
            candidate = {"id": row["gold"][0], "source": row["source"], "text": row["answer"]}
            context = {"context": row["context"]} if "context" in row else {}
            found.setdefault(candidate["id"], candidate | context)
        return list(found.values())

    def _sentences(self, split: str, language: str) -> list[Row]:
        """The sentences of the other side of a bitext."""
        self.files.rows(split, language)  # what is wrong with either side is told of both
        found = [
            one
            for path in self.files.side(split, language, "target")
            for one in read_sentences(path, raise_problem)
        ]
        return [
            {"id": row["id"], "source": f"{language}/{row['id']}", "text": row["text"]} for _, row in found
        ]


def _tabbed(path: Path, expected: str, report: Report) -> Iterator[tuple[int, tuple[str, str]]]:
    """The two cells of each line that is not empty."""
    for line, record in readers.read(path, "lines", report=report):
        name, _, text = (cell.strip() for cell in record["text"].partition("\t"))
        if name and text:
            yield line, (name, text)
        elif name or text:
            report(Problem(str(path), line, f"expected {expected} separated by a tab, found {record['text'][:60]!r}"))
