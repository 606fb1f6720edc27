"""How many rows stages read, how many tokens those are, and which originals they share, for plans that read nothing.

What was counted once is kept in the cache under the fingerprint of the data (`xstilts.hashing.remembered`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.hashing import digest, remembered
from xstilts.stage import Stage
from xstilts.store import Store
from xstilts.task_types import get_task_type, is_trained
from xstilts.task_types.base import Count
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row
from xstilts.tasks.dividing import used
from xstilts.tasks.pictures import image_names

SAMPLE = 50
"""Rows of a split and language whose tokens are counted."""
CHARACTERS = {"spaced": 4.3, "dense": 1.5}
"""Characters a token, in scripts with spaces between words and in Han, kana or scripts like Thai: of XLM-R's pieces in
English and Chinese, for encoders whose tokenizer is not at hand."""
_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_VERSION = 1  # raised whenever the same data would be counted otherwise

Shared = Mapping[str, Mapping[str, int]]
"""How many sources two languages share; a language with itself, all that it has."""


@dataclass(frozen=True)
class Size:
    """Rows and sources of a split in one language, and the mean number of inputs a row.

    `own` are hashes of the candidates that the rows of a retrieval bring themselves: what is the same in several
    languages or conditions is embedded once.
    """

    rows: int
    sources: int
    inputs: float
    own: frozenset[int]


@dataclass(frozen=True)
class Pictures:
    """The images of a features stage: how many, how many a row has, and of vectors that are given, parts and width."""

    images: int
    of_row: int
    parts: int
    width: int


@dataclass(frozen=True)
class Tokens:
    """Tokens of a row, on average: of its first input, and of the others (choices, or candidates of its own)."""

    first: float
    others: float

    @property
    def all(self) -> float:
        """Of all inputs."""
        return self.first + self.others


@dataclass(frozen=True)
class Counter:
    """Counts tokens as an encoder does; its tokenizer is loaded when the first text is counted."""

    encoder: EncoderSpec

    @property
    def identity(self) -> str:
        """What changes whenever the counts could."""
        return self.encoder.fingerprint

    @cached_property
    def count(self) -> Count:
        """Counts the tokens of a text."""
        return token_counter(self.encoder.folder)


def token_counter(folder: Path) -> Count:
    """Counts the tokens of texts: by the tokenizer of an encoder's folder, else by the number of characters."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return by_characters
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lru_cache(2**16)(lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def by_characters(text: str) -> int:
    """Tokens that a text of so many characters has.

    Example:
        >>> by_characters("so it goes"), by_characters("就是这样")
        (2, 3)
    """
    dense = len(_DENSE.findall(text))
    return round(dense / CHARACTERS["dense"] + (len(text) - dense) / CHARACTERS["spaced"])


def shared(sources: Mapping[str, Collection[str]]) -> Shared:
    """How many of their sources languages share.

    Example:
        >>> shared({"de": {"1", "2"}, "sw": {"2"}})
        {'de': {'de': 2, 'sw': 1}, 'sw': {'de': 1, 'sw': 1}}
    """
    sets = {language: frozenset(names) for language, names in sorted(sources.items())}
    return {one: {other: len(ours & theirs) for other, theirs in sets.items()} for one, ours in sets.items()}


class RowCounts:
    """Counts of what prepare stages read: from the store, the cache, and where neither knows it, from the sources."""

    def __init__(self, catalogue: Catalogue, store: Store, counter: Counter) -> None:
        self.catalogue, self.store, self._counter = catalogue, store, counter
        self._counts: dict[str, int] = {}
        self._sizes: dict[str, Size] = {}
        self._tokens: dict[tuple[str, int], Tokens] = {}
        self._samples: dict[str, list[Row]] = {}
        self._tested: dict[str, frozenset[str]] = {}

    def count(self, stage: Stage) -> int:
        """The rows of a prepare stage."""
        if stage.key not in self._counts:
            self._counts[stage.key] = self._count(stage)
        return self._counts[stage.key]

    def _count(self, stage: Stage) -> int:
        if stage.address in self.store:
            return int(self.store.open(stage.address).info["rows"])
        size, spec = self.size(stage), stage.spec
        if spec["examples"]:
            return min(int(spec["examples"][1]), size.rows)
        if "shots" in spec:
            return round(size.rows * min(1.0, float(spec["shots"][0]) / size.sources))
        if spec["limit"]:
            return round(size.rows * min(1.0, float(spec["limit"]) / size.sources))
        return size.rows

    def size(self, stage: Stage) -> Size:
        """What there is of the split and language of a prepare stage."""
        place = _place(stage)
        if place not in self._sizes:
            rows, sources, inputs, own = remembered(f"sizes/{place}", place, lambda: self._measured(stage))
            self._sizes[place] = Size(rows, sources, inputs, frozenset(own))
        return self._sizes[place]

    def _measured(self, stage: Stage) -> list[Any]:
        rows, task = self._read(stage), self.catalogue.get(stage.spec["task"]["name"])
        inputs = list(map(get_task_type(task.type).inputs, rows))
        own = () if is_trained(task) else {text for texts in inputs for text in texts[1:]}
        sources = max(1, len({row["source"] for row in rows}))
        mean = sum(map(len, inputs)) / max(1, len(rows))
        return [len(rows), sources, mean, sorted(int(digest(text)[:12], 16) for text in own)]

    def tokens(self, stage: Stage, max_length: int) -> Tokens:
        """Tokens of a row, on average; what is longer than a row's type allows is cut."""
        longest = self.catalogue.get(stage.spec["task"]["name"]).max_length(max_length)
        place = _place(stage)
        if (place, longest) not in self._tokens:
            facts = digest([place, longest, self._counter.identity])
            known = remembered(f"tokens/{facts}", facts, lambda: self._counted(stage, longest))
            self._tokens[place, longest] = Tokens(*known)
        return self._tokens[place, longest]

    def _counted(self, stage: Stage, longest: int) -> list[float]:
        task, place = self.catalogue.get(stage.spec["task"]["name"]), _place(stage)
        if place not in self._samples:
            self._read(stage)
        kind, some = get_task_type(task.type), self._samples[place]
        found = [
            [kind.tokens(texts, task, longest, self._counter.count) for texts in kind.inputs(row)]
            for row in some
        ]
        rows = max(1, len(some))
        first, every = sum(one[0] for one in found) / rows, sum(map(sum, found)) / rows
        return [first, every - first]

    def pictures(self, stage: Stage) -> Pictures:
        """What a features stage puts to an image tower, or takes from a file; at most, where it takes some rows."""
        (data,) = stage.parents["rows"]
        facts = digest([_place(data), stage.spec["images"]])
        images, of_row, parts, width = remembered(f"pictures/{facts}", facts, lambda: self._pictured(data))
        return Pictures(min(images, of_row * self.count(data)), of_row, parts, width)

    def _pictured(self, data: Stage) -> list[int]:
        rows, source = self._read(data), self.catalogue.get(data.spec["task"]["name"]).images
        assert source is not None
        names = image_names(rows)
        of_row = max((len(image_names([row])) for row in rows), default=0)
        given = source.given(data.spec["language"])
        if given is None:
            return [len(names), of_row, 0, 0]
        there = next((name for name in names if not given.missing([name])), None)
        shape = next(given.blocks([there], whole=True))[1].shape[1:] if there is not None else (0,)
        return [len(names), of_row, *map(int, shape if len(shape) == 2 else (1, *shape))]

    def shared(self, stages: Mapping[str, Stage]) -> Shared:
        """How many sources the test rows of languages share, which a stage each reads."""
        facts = digest([_VERSION, {language: stage.key for language, stage in stages.items()}])
        known: Shared = remembered(
            f"shared/{facts}",
            facts,
            lambda: shared({language: self._sources(stage) for language, stage in stages.items()}),
        )
        return known

    def _sources(self, stage: Stage) -> frozenset[str]:
        if stage.key not in self._tested:
            self._read(stage)
        return self._tested[stage.key]

    def _read(self, stage: Stage) -> list[Row]:
        """All rows of a stage's split and language. Of them a sample is kept, and the sources that the stage takes."""
        spec = stage.spec
        rows = self.catalogue.get(spec["task"]["name"]).source.rows(spec["split"], spec["language"])
        self._samples[_place(stage)] = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
        if spec["split"] == "test":
            self._tested[stage.key] = frozenset(row["source"] for row in used(rows, spec))
        return rows


def _place(stage: Stage) -> str:
    """A digest of all that decides which rows a stage reads from, before it takes some of them."""
    return digest([_VERSION, *(stage.spec[name] for name in ("task", "split", "language", "data"))])
