"""XTREME's sentence retrieval: Tatoeba."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xstilts.hashing import short_hash
from xstilts.languages import normalise
from xstilts.tasks.base import Row, Task
from xstilts.tasks.building import Unlabelled, WholePool
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HubSource, HubTask
from xstilts.tasks.problems import Problem, raise_problem, raw_lines
from xstilts.tasks.published import Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.xtreme.common import DOWNLOAD, HUB, TREE, tags

TATOEBA_CODES = {  # ISO 639-3, as LASER's files are named
    **{
        "afr": "af",
        "ara": "ar",
        "bul": "bg",
        "ben": "bn",
        "deu": "de",
        "ell": "el",
        "spa": "es",
        "est": "et",
    },
    **{
        "eus": "eu",
        "pes": "fa",
        "fin": "fi",
        "fra": "fr",
        "heb": "he",
        "hin": "hi",
        "hun": "hu",
        "ind": "id",
    },
    **{
        "ita": "it",
        "jpn": "ja",
        "jav": "jv",
        "kat": "ka",
        "kaz": "kk",
        "kor": "ko",
        "mal": "ml",
        "mar": "mr",
    },
    **{
        "nld": "nl",
        "por": "pt",
        "rus": "ru",
        "swh": "sw",
        "tam": "ta",
        "tel": "te",
        "tha": "th",
        "tgl": "tl",
    },
    **{"tur": "tr", "urd": "ur", "vie": "vi", "cmn": "zh"},
}
TATOEBA_ADDED = {"aze": "az", "lit": "lt", "pol": "pl", "ukr": "uk", "ron": "ro"}
"""XTREME-R's further languages."""

_LASER = "https://github.com/facebookresearch/LASER: data/tatoeba/v1"


def with_source(record: Record, language: str) -> Record:
    """Pairs of one English sentence have one source: English sides differ from language to language."""
    return record | {"source": short_hash(str(record.get("target", "")).strip())}


def tatoeba(suite: str, codes: dict[str, str], data: Path | None) -> Task:
    """Finding the English translation among up to 1,000 sentences (Artetxe and Schwenk 2019, arXiv 1812.10464).

    XTREME's files have the English sentences sorted, so that nothing says which belongs to which: they serve a
    submission. LASER's own files are pairs, line by line.
    """
    name = f"{suite}/tatoeba"
    layouts = (
        _laser("laser", "tatoeba", codes, True),
        _laser("laser-repository", "LASER/data/tatoeba/v1", codes, False),
        _sorted_tree(tuple(codes.values())),
    )
    hub = HubTask(
        HUB,
        {normalise(code): f"tatoeba.{native}" for native, code in codes.items() if native in TATOEBA_CODES},
        {"test": "validation"},
        {"text": "text", "target": "target", "source": "source"},
        RowRules("sentence-retrieval"),
        clean=_hub_pair,
        carved=True,
    )
    return Task(
        name=name,
        type="sentence-retrieval",
        source=WholePool(PublishedSource(name, layouts, data, HubSource(hub), ("dev", "test"))),
        languages=tags(tuple(codes.values())),
        summary="the English translation of a sentence, among all of its language's",
        licence="CC BY 2.0 FR (tatoeba.org)",
        url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
        notes="All sentences of a language are searched, also where a part of them is tested. Scored from the "
        "language to English, as in mteb; XTREME's leaderboard asks for the reverse. XTREME's files have the English "
        "side sorted: without LASER's there are no labels.",
    )


def _laser(name: str, folder: str, codes: dict[str, str], exercised: bool) -> Layout:
    stem = f"{folder}/tatoeba.{{language}}-eng."
    files = {"text": f"{stem}{{language}}", "target": f"{stem}eng"}
    return files_layout(
        name,
        _LASER,
        UserTask(
            type="sentence-retrieval",
            files={"test": files},
            columns={"source": "source"},
            languages=tuple(codes),
            dev_from="test",
        ),
        reading=lambda base: Reading(clean=with_source),
        exercised=exercised,
        submission=Unlabelled((files["text"], files["target"]), tuple(codes), sorted_queries),
    )


def _sorted_tree(codes: Sequence[str]) -> Layout:
    patterns = ("tatoeba/{language}-en.{language}", "tatoeba/{language}-en.en")
    return Layout(
        TREE,
        lambda base: Nothing(),
        patterns,
        f"{DOWNLOAD} (no labels: for a submission only)",
        submission=Unlabelled(patterns, tuple(codes), sorted_queries).at,
    )


class Nothing:
    """A source without rows: of files that have no answers."""

    def languages(self, split: str) -> tuple[str, ...]:
        """None."""
        return ()

    def fingerprint(self, split: str, language: str) -> str:
        """Empty."""
        return ""

    def rows(self, split: str, language: str) -> list[Row]:
        """None."""
        return []

    def origin(self, split: str) -> str:
        """The split itself."""
        return split


def sorted_queries(foreign: Path, english: Path) -> list[Row]:
    """XTREME's queries: the English lines sorted, each with the foreign line of its row.

    The answer to a query is the number of a foreign line, from 0, so the id of the row that has it as `target`.
    """
    texts = [line.strip("\n") for _, line in raw_lines(foreign)]
    lines = [line for _, line in raw_lines(english)]
    if len(texts) != len(lines):
        message = f"{len(lines)} lines, but {foreign.name} has {len(texts)}. Expected one line a pair"
        raise_problem(Problem(str(english), 0, message))
    queries = [lines[place].strip() for place in sorted_order(lines)]
    return [{"text": query, "target": text} for query, text in zip(queries, texts, strict=True)]


def sorted_order(lines: Sequence[str]) -> list[int]:
    """Where the lines of XTREME's sorted English file stood before: the answers, where the pairs are known.

    The stripped sentences are sorted by code point, equal ones in their order (XTREME's utils_preprocess.py).

    Example:
        >>> sorted_order(["Yes.", " No.", "Ah!"])
        [2, 1, 0]
    """
    return sorted(range(len(lines)), key=lambda place: lines[place].strip())


def _hub_pair(record: Record, language: str) -> Record:
    text, target = (str(record.get(f"{side}_sentence", "")).strip() for side in ("source", "target"))
    return with_source({"text": text, "target": target}, language)
