"""Which test items of a plan are in one of its training sets: by their text, by their id, or as a translation.

It is no error: benchmarks overlap as they were published (406 sentences of PAN-X, 583 questions of SQuAD's dev set that
are XQuAD's). But a gain on such items may be memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import regex

from xstilts.errors import DataError
from xstilts.hashing import digest, short_hash
from xstilts.plan import Plan
from xstilts.stage import WEIGHT_ROLES, Stage
from xstilts.task_types import get_task_type
from xstilts.tasks import Catalogue
from xstilts.tasks.base import FEW_SHOT, TRANSLATED, Row, Task
from xstilts.wording import listed

MEANING = "Such items are tested like all others, and what an arm gains on them may be memory."
"""What an overlap means, to be said beside it."""

EXAMPLES = 3
"""Items that are named for each training and test set."""

Rows = Callable[[Stage], list[Row]]
"""The rows that a prepare stage makes."""

_NATIVE = re.compile(r"(?=.*[A-Za-z])[^/]{8,}")
_WORDS = regex.compile(r"[\p{L}\p{M}\p{N}]+")


@dataclass(frozen=True)
class Overlap:
    """Test items of one task and language that are in the training set of `train`.

    `items` of `of` items are: `texts` by the words of their text, `ids` by an id that both data sets share,
    `translations` because the same original is there in another language. An item counts once in `items`, by the
    first of these that holds. `examples` are the texts of a few.
    """

    train: str
    test: str
    language: str
    items: int
    of: int
    texts: int
    ids: int
    translations: int
    examples: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """What scripts read."""
        return asdict(self)


def sentences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Overlaps in words: a sentence for each test set and training set, its languages together, most items first.

    Training sets with the same overlap, such as those of XQuAD and MLQA, which both are SQuAD, share a sentence.

    Example:
        >>> one = Overlap("my/qa", "my/test", "de", 7, 90, 0, 7, 0, ["Who?"]).record()
        >>> sentences([one])
        ['7 of 90 test items of my/test (de: 7) are known from the training set of my/qa: 7 by id, such as “Who?”']
    """
    pairs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in found:
        pairs.setdefault((one["train"], one["test"]), []).append(one)
    alike: dict[str, tuple[list[str], list[Mapping[str, Any]]]] = {}
    for (train, _), rows in pairs.items():
        same = digest([{**one, "train": ""} for one in rows])
        alike.setdefault(same, ([], rows))[0].append(train)
    return [_sentence(trains, rows) for trains, rows in alike.values()]


def _sentence(trains: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    def total(name: str) -> int:
        return sum(one[name] for one in found)

    found = sorted(found, key=lambda one: (-one["items"], one["language"] != "en"))
    by = {"texts": "by text", "ids": "by id", "translations": "as translations"}
    how = ", ".join(f"{total(name):,} {words}" for name, words in by.items() if total(name))
    shown = listed([f"{one['language']}: {one['items']:,}" for one in found], 8)
    example = next((text for one in found for text in one["examples"]), "")
    where = f" in {len(found)} languages" if len(found) > 1 else ""
    items = f"{total('items'):,} of {total('of'):,} test items of {found[0]['test']}{where} ({shown})"
    sets = f"the training set{'s' if len(trains) > 1 else ''} of {', '.join(trains)}"
    return f"{items} are known from {sets}: {how}, such as “{example}”"


def find_overlap(plan: Plan, catalogue: Catalogue, rows_of: Rows) -> list[Overlap]:
    """Every overlap of a test set with what a model was trained on before it is tested on that set.

    None is left out for being small. What one target is trained on and another is tested on is no overlap: no model
    meets both.

    Args:
        plan: what is trained and tested.
        catalogue: its tasks.
        rows_of: reads the rows of a stage; where it raises a `DataError`, the stage is passed over.

    Example:
        >>> find_overlap(plan, catalogue, lambda stage: [])  # doctest: +SKIP
        []
    """
    finder = Finder()
    tested = _tested(plan)
    for stage in {key: stage for _, seen in tested.values() for key, stage in seen.items()}.values():
        finder.train(_set_name(stage), *_read(stage, catalogue, rows_of))
    for stage, seen in tested.values():
        names = {_set_name(one) for one in seen.values()}
        task, rows = _read(stage, catalogue, rows_of)
        finder.test(task, stage.spec["language"], rows, names)
    known = {(stage.spec["task"]["name"], stage.spec["language"]) for stage, _ in tested.values()}
    for stage in _untested(known, catalogue):
        task, rows = _read(stage, catalogue, rows_of)
        finder.test(task, stage.spec["language"], rows, ())
    return finder.found()


def _tested(plan: Plan) -> dict[str, tuple[Stage, dict[str, Stage]]]:
    """By key: each prepare stage of test rows, and those of the training rows of models that are tested on them."""
    trained: dict[str, dict[str, Stage]] = {}
    found: dict[str, tuple[Stage, dict[str, Stage]]] = {}
    for stage in plan.stages:
        if stage.kind == "predict" and not stage.spec.get("sweep"):
            for data in stage.parents["data"]:
                if data.spec["split"] == TRANSLATED:  # the same items once more, in English
                    continue
                found.setdefault(data.key, (data, {}))[1].update(_trained_on(stage, trained))
    return found


def _trained_on(stage: Stage, known: dict[str, dict[str, Stage]]) -> dict[str, Stage]:
    """By key, the prepare stages of all training rows that the weights behind a stage have seen."""
    if stage.key not in known:
        behind = [parent for role in sorted(WEIGHT_ROLES) for parent in stage.parents.get(role, ())]
        rows = {parent.key: parent for parent in behind if parent.kind == "prepare"}
        for parent in behind:
            rows |= _trained_on(parent, known)
        known[stage.key] = rows
    return known[stage.key]


def _set_name(stage: Stage) -> str:
    """What a training set is called: few-shot rows are one of their own."""
    spec = stage.spec
    name = str(spec["task"]["name"])
    few = f"{FEW_SHOT}{spec['shots'][0]}" if "shots" in spec else spec["split"]
    return f"{name} {few}" if few.startswith(FEW_SHOT) else name


def _untested(known: set[tuple[str, str]], catalogue: Catalogue) -> list[Stage]:
    """Test rows in the language of training that the plan leaves out: parallel ones tell which originals are known."""
    stages = []
    for name in dict.fromkeys(name for name, _ in known):
        task = catalogue.get(name)
        language = task.train_language
        if task.parallel and (name, language) not in known and language in _languages(task):
            spec = {"task": {"name": name}, "split": "test", "language": language}
            stages.append(Stage("prepare", spec | {"examples": None, "limit": None}))
    return stages


def _languages(task: Task) -> tuple[str, ...]:
    try:
        return task.source.languages("test")
    except DataError:
        return ()


def _read(stage: Stage, catalogue: Catalogue, rows_of: Rows) -> tuple[Task, list[Row]]:
    task = catalogue.get(stage.spec["task"]["name"])
    try:
        return task, rows_of(stage)
    except DataError:  # told elsewhere
        return task, []


@dataclass(frozen=True)
class _Item:
    """What a test item is recognised by: a hash of its words, its id, its original; and its text, to be named."""

    words: int
    native: str
    source: str
    text: str


class Finder:
    """Takes training sets, then test sets; of training rows only hashes and ids are kept.

    Example:
        >>> finder = Finder()
        >>> task = Catalogue().get("pocket/intents")
        >>> finder.train("my/set", task, [{"source": "1", "text": "Switch it on!"}])
        >>> finder.test(task, "en", [{"source": "1", "text": "switch it on"}])
        >>> [(one.items, one.texts) for one in finder.found()]
        [(1, 1)]
    """

    def __init__(self) -> None:
        self._words: dict[str, set[int]] = {}
        self._natives: dict[str, set[str]] = {}
        self._tests: dict[tuple[str, str], list[_Item]] = {}
        self._tasks: dict[str, Task] = {}
        self._against: dict[tuple[str, str], set[str] | None] = {}

    def train(self, name: str, task: Task, rows: Sequence[Row]) -> None:
        """Take the training rows of a task, under a name."""
        items = [_item(task, row) for row in rows]
        self._words.setdefault(name, set()).update(item.words for item in items if item.words)
        self._natives.setdefault(name, set()).update(item.native for item in items if item.native)

    def test(
        self, task: Task, language: str, rows: Sequence[Row], against: Collection[str] | None = None
    ) -> None:
        """Take the test rows of a task in a language.

        Args:
            task: whose rows they are.
            language: their language, BCP-47.
            rows: in canonical columns.
            against: the training sets they are compared with; default: all. With none of them the rows only say
                which originals are known.
        """
        place = (task.name, language)
        self._tasks[task.name] = task
        self._tests.setdefault(place, []).extend(_item(task, row) for row in rows)
        self._against[place] = None if against is None else set(against)

    def found(self) -> list[Overlap]:
        """Every overlap, by training set, test set and language."""
        every = (
            self._between(name, *place)
            for name in self._words
            for place, against in self._against.items()
            if against is None or name in against
        )
        return [one for one in every if one is not None]

    def _between(self, name: str, test: str, language: str) -> Overlap | None:
        counts = dict.fromkeys(("texts", "ids", "translations"), 0)
        examples: list[str] = []
        originals = self._originals(name, test) if self._tasks[test].parallel else frozenset()
        items = self._tests[test, language]
        for item in items:
            how = self._how(name, item) or ("translations" if item.source in originals else "")
            if how:
                counts[how] += 1
                examples += [item.text] if len(examples) < EXAMPLES and item.text not in examples else []
        total = sum(counts.values())
        if not total:
            return None
        return Overlap(name, test, language, total, len(items), **counts, examples=examples)

    def _how(self, name: str, item: _Item) -> str:
        """By what an item itself is known in a training set."""
        if item.words in self._words[name]:
            return "texts"
        return "ids" if item.native in self._natives[name] else ""

    def _originals(self, name: str, test: str) -> frozenset[str]:
        """The originals of a parallel test set that are known in any language."""
        every = (item for (task, _), items in self._tests.items() if task == test for item in items)
        return frozenset(item.source for item in every if self._how(name, item))


def _item(task: Task, row: Row) -> _Item:
    """What identifies a row: the texts that its type reads, in words, whatever their capitals and punctuation."""
    parts = [row[name] for name in get_task_type(task.type).texts if row.get(name)]
    text = " ".join(" ".join(part) if isinstance(part, list) else part for part in parts)
    words = " ".join(_WORDS.findall(text.casefold()))
    native = str(row.get("qid") or row["source"])
    return _Item(
        int(short_hash(words, 16), 16) if words else 0,
        native if _NATIVE.fullmatch(native) else "",
        str(row["source"]),
        text if len(text) <= 100 else f"{text[:99]}…",
    )
