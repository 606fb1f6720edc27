"""Benchmark files in all languages of a leaderboard, a few rows each, with the labels of the test files; and a run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import benchmark_trees as trees
from tiny_world import tiny_recipe
from xstilts.experiment import open_experiment, run_experiment
from xstilts.submissions import get_suite
from xstilts.tasks.xtreme.retrieval import TATOEBA_CODES, sorted_order

ITEMS = 8
TAGS = ("B-PER", "I-PER", "O")
TARGETS = ("my/paraphrases", "xtreme/panx", "xtreme/tydiqa", "xtreme/tatoeba", "xtreme/bucc2018")
MORE = ("xtreme-r/xcopa", "xtreme-r/lareqa")
"""Targets of the other suite."""
SCORED = "pawsx,panx,tydiqa,tatoeba,bucc2018"


def codes(task: str, suite: str = "xtreme") -> tuple[str, ...]:
    """The languages of a task's files."""
    return get_suite(suite).task(task).languages


def words(name: str) -> str:
    """A few words of the tiny encoder's vocabulary, always the same for a name."""
    chance = random.Random(name)
    return " ".join(f"w{chance.randrange(200)}" for _ in range(4))


def write_pawsx(data: Path, labels: Path) -> None:
    """The original files for three languages, XTREME's test files for all."""
    columns = ("id", "sentence1", "sentence2", "label")
    for code in codes("pawsx"):
        made = {
            split: [(words(f"{code}{split}{i}"), words(f"{split}{i}/2")) for i in range(ITEMS)]
            for split in ("train", "dev_2k", "test_2k")
        }
        for split, pairs in made.items():
            rows = [(i + 1, *pair, i % 2) for i, pair in enumerate(pairs)]
            trees.put(data, f"x-final/{code}/{split}.tsv", trees.table(columns, rows))
        trees.put_quoted(data, f"pawsx/test-{code}.tsv", made["test_2k"])
        trees.put(labels, f"pawsx/test-{code}.tsv", (str(i % 2) for i in range(ITEMS)))


def write_panx(data: Path, labels: Path) -> None:
    """WikiAnn in three languages, XTREME's test files for all; one sentence is longer than the encoder reads."""
    for code in codes("panx"):
        sentences = {split: trees.tagged(code, split, TAGS, ITEMS) for split in ("train", "dev", "test")}
        sentences["test"].append([(f"w{i}", TAGS[i % 3]) for i in range(80)])
        for split in sentences if code in {"en", "de", "tl"} else ():
            lines = trees.token_lines(sentences[split], prefix=f"{code}:")
            trees.put(data, f"wikiann/{code}/{split}", lines)
        trees.put(data, f"panx/test-{code}.tsv", trees.token_lines(sentences["test"], labelled=False))
        tags = ["\n".join(tag for _, tag in sentence) + "\n" for sentence in sentences["test"]]
        trees.put(labels, f"panx/test-{code}.tsv", tags)


def write_tydiqa(data: Path, labels: Path) -> None:
    """Dev files with their answers, which XTREME tests on; ids that repeat in the training file."""
    trees.write_tydiqa(data, True, codes("tydiqa"))
    for code in codes("tydiqa"):
        trees.put_squad(labels, f"tydiqa/test-{code}.json", trees.questions(code, f"{code}-"))


def write_tatoeba(data: Path, labels: Path) -> None:
    """LASER's pairs in two languages, XTREME's sorted files in all: words say which sentences belong together."""
    for long, code in TATOEBA_CODES.items():
        numbers = random.Random(code).sample(range(200), ITEMS)
        foreign = [f"die w{n} w{(n * 7 + 1) % 200} suppe" for n in numbers]
        english = [f"the w{n} w{(n * 7 + 1) % 200} soup" for n in numbers]
        if code in {"de", "tl"}:
            trees.put(data, f"tatoeba/tatoeba.{long}-eng.{long}", foreign)
            trees.put(data, f"tatoeba/tatoeba.{long}-eng.eng", english)
        trees.put(data, f"tatoeba/{code}-en.{code}", foreign)
        trees.put(data, f"tatoeba/{code}-en.en", sorted(english))
        trees.put(labels, f"tatoeba/test-{code}.tsv", map(str, sorted_order(english)))


def write_bucc(data: Path, labels: Path) -> None:
    """Dev and test with gold: pairs share their words, and every third sentence has none."""
    for code in codes("bucc2018"):
        for part in ("dev", "test"):
            stem = f"bucc2018/{code}-en.{part}"
            numbers = random.Random(f"{code}{part}").sample(range(190), 2 * ITEMS)
            gold = [f"{code}-{i:09}\ten-{i + 1:09}" for i in range(2 * ITEMS) if i % 3]
            foreign = (f"{code}-{i:09}\tdie w{n} w{n + 7} suppe" for i, n in enumerate(numbers))
            english = (
                f"en-{i + 1:09}\tthe w{n if i % 3 else n + 9} w{n + 7} soup" for i, n in enumerate(numbers)
            )
            trees.put(data, f"{stem}.{code}", foreign)
            trees.put(data, f"{stem}.en", english)
            trees.put(data, f"{stem}.gold", gold)
            if part == "test":
                trees.put(labels, f"bucc2018/test-{code}.tsv", gold)


def write_more(data: Path, labels: Path) -> None:
    """XCOPA and LAReQA, which are published with their labels."""
    trees.write_copa(data)
    trees.write_xcopa(data, codes("xcopa", "xtreme-r"))
    trees.write_lareqa(data, codes("lareqa", "xtreme-r"))
    for code in codes("xcopa", "xtreme-r"):
        trees.put_jsonl(labels, f"xcopa/test-{code}.jsonl", ({"label": i % 2} for i in range(trees.ITEMS)))


@lru_cache(maxsize=1)
def leaderboard_run(encoder: Path, folder: Path) -> Path:
    """A folder with `data`, `labels` and a finished `run` in German, Filipino and English."""
    data, labels = folder / "data", folder / "labels"
    for write in (write_pawsx, write_panx, write_tydiqa, write_tatoeba, write_bucc, write_more):
        write(data, labels)
    trees.write_choices(data)
    length: dict[str, Any] = {"max_length": 48}
    phase = {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 8, "candidates": 1} | length
    recipe = tiny_recipe(
        encoder,
        arms={"none": {}, "csqa": {"tasks": ["stilts/csqa"]}},
        targets=[*TARGETS, *MORE],
        languages=["en", "de", "fil", "et"],
        tasks={"my/paraphrases": {"test": "xtreme/pawsx", "train": "xtreme/pawsx"}},
        statistics={"draws": 200},
        training={
            "intermediate": phase,
            "target": phase | {"epochs": 4},
            "per_task": {"xtreme/tydiqa": length},
            "precision": "fp32",
            "threads": 1,
        },
    )
    run_experiment(open_experiment(recipe, folder, folder / "run/store", data), folder / "run")
    return folder


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """The files of a folder, by their paths, with their text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_text("utf-8")


def provenance(folder: Path) -> dict[str, Any]:
    """What a submission says of where it comes from."""
    record: dict[str, Any] = json.loads((folder / "xstilts.json").read_text("utf-8"))
    return record
