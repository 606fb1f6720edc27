"""Candidates that come with rows of one's own files: the other side of a bitext, and the answers of questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from xstilts.hashing import digest
from xstilts.tasks.base import CANDIDATES, Row, Source, base_split
from xstilts.tasks.building import BuiltSource, Files
from xstilts.tasks.problems import Problem, Report, raw_lines

BITEXT_VERSION = 2
"""Raised whenever `bitext_rows` would make other rows of the same files."""


class FileSource(Source, Protocol):
    """A source of files."""

    @property
    def name(self) -> str:
        """The task's."""
        ...

    def paths(self, split: str) -> Files:
        """The files of each language that has this split."""
        ...


def with_candidates(source: FileSource, sides: Sequence[str], parallel: bool) -> Source:
    """The rows of files with what they choose among.

    Args:
        source: reads the rows; of a bitext only its paths are asked.
        sides: the roles of a bitext's files; none where questions bring their answers with them.
        parallel: rows of one id are translations of each other.
    """
    if not sides:
        return AnswerSource(source, parallel)

    def files(split: str) -> Files:
        return source.paths(base_split(split))

    carved = source.origin("test") != "test"
    return BuiltSource(source.name, files, partial(bitext_rows, files), BITEXT_VERSION, carved=carved)


# --- bitexts


def bitext_rows(files: Callable[[str], Files], split: str, language: str, report: Report) -> list[Row]:
    """The sentences of a bitext in the form of the BUCC shared tasks, with those that they translate; or candidates.

    Among the candidates are the sentences of the other side as well, marked with `side`: which pairs are mined, and
    with what scores, depends on all of them, also where only some are tested.

    Args:
        files: the paths of each language: lines `id⇥sentence` in another language and in English, and lines `id⇥id`,
            the pairs, few of them. Without the pairs, `gold` is empty everywhere.
        split: of candidates where it ends so.
        language: the one that is not English.
        report: is told what does not fit.
    """
    foreign, english, *gold = files(split)[language]
    if split.endswith(CANDIDATES):
        candidates = [_row(name, text) for name, text in _sentences(english, report).items()]
        others = [_row(name, text) | {"side": "text"} for name, text in _sentences(foreign, report).items()]
        return candidates + others
    sentences = _sentences(foreign, report)
    right = _pairs(gold[0], (sentences, _sentences(english, report)), report) if gold else {}
    return [_row(name, text) | {"gold": right.get(name, [])} for name, text in sentences.items()]


def _row(name: str, text: str) -> Row:
    return {"id": name, "source": name, "text": text}


def _sentences(path: Path, report: Report) -> dict[str, str]:
    """Sentences by id."""
    found: dict[str, str] = {}
    for line, text in raw_lines(path):
        name, tab, sentence = text.rstrip("\r\n").partition("\t")
        if not tab or not name or not sentence.strip():
            report(
                Problem(str(path), line, f"expected an id, a tab and a sentence, found {text.strip()[:60]!r}")
            )
        elif name in found:
            report(Problem(str(path), line, f"the id {name!r} is there twice. Expected one sentence an id"))
        else:
            found[name] = sentence
    return found


def _pairs(path: Path, sides: Sequence[dict[str, str]], report: Report) -> dict[str, list[str]]:
    """The English ids that belong to each other id."""
    right: dict[str, list[str]] = {}
    for line, text in raw_lines(path):
        names = text.strip().split("\t")
        if names == [""]:
            continue
        unknown = [name for name, side in zip(names, sides, strict=False) if name not in side]
        if len(names) != 2:
            report(
                Problem(
                    str(path), line, f"expected two ids and a tab between them, found {text.strip()[:60]!r}"
                )
            )
        elif unknown:
            report(
                Problem(
                    str(path), line, f"there is no sentence {unknown[0]!r}. Expected ids of both text files"
                )
            )
        else:
            right.setdefault(names[0], []).append(names[1])
    return right


# --- answers


@dataclass(frozen=True)
class AnswerSource:
    """Questions with their answers, looked for among the answers of all questions of a split.

    Candidates stay the same whatever is set aside of the test files for dev: choosing among few is easier than among
    many. Where rows of one id are translations of each other (`parallel`), the answers of a question's translations
    answer it too.
    """

    source: Source
    parallel: bool
    known: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, compare=False, repr=False)

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split, or the rows whose answers it holds."""
        return self.source.languages(base_split(split))

    def fingerprint(self, split: str, language: str) -> str:
        """That of the files, and where answers are shared of those of all languages."""
        base = base_split(split)
        shared = [self.source.fingerprint(base, code) for code in self._sharing(base)]
        own = self.source.fingerprint(base, language)
        return digest([split != base, own, *shared]) if shared or split != base else own

    def rows(self, split: str, language: str) -> list[Row]:
        """The questions of one split and language, `gold` naming their answers, the own one first; or the answers."""
        if split != base_split(split):
            return _answers(self._whole(base_split(split), language))
        others = [self._ids(split, code) for code in self._sharing(split) if code != language]
        return [
            row | {"gold": [*row["gold"], *(ids[row["id"]] for ids in others if row["id"] in ids)]}
            for row in self.source.rows(split, language)
        ]

    def origin(self, split: str) -> str:
        """What the rows of a split are."""
        return self.source.origin(base_split(split))

    def _sharing(self, split: str) -> tuple[str, ...]:
        return self.source.languages(split) if self.parallel else ()

    def _ids(self, split: str, language: str) -> dict[str, str]:
        """The id of the answer of each row of a language."""
        place = split, language
        if place not in self.known:
            self.known[place] = {row["id"]: row["gold"][0] for row in self._whole(split, language)}
        return self.known[place]

    def _whole(self, split: str, language: str) -> list[Row]:
        """The rows of a split, with those that were set aside of the same test files."""
        carved = self.source.origin("test") != "test" and split in {"dev", "test"}
        return [
            row
            for part in (("test", "dev") if carved else (split,))
            for row in self.source.rows(part, language)
        ]


def _answers(rows: Sequence[Row]) -> list[Row]:
    """The answers of questions, each once."""
    found: dict[str, Row] = {}
    for row in rows:
        candidate = {"id": row["gold"][0], "source": row["source"], "text": row["answer"]}
        context = {"context": row["context"]} if "context" in row else {}
        found.setdefault(candidate["id"], candidate | context)
    return list(found.values())
