"""A tiny encoder's tokenizer, tiny tasks in files and recipes on them: what tests of several rooms work with."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from xstilts.experiment import Experiment
from xstilts.recipe import Recipe, parse_recipe
from xstilts.store import Store

WORDS = {
    "en": {
        "good": ["fine", "great", "lovely"],
        "bad": ["poor", "awful", "nasty"],
        "": ["the", "soup", "was"],
    },
    "de": {"good": ["gut", "toll", "fein"], "bad": ["arm", "mies", "übel"], "": ["die", "suppe", "war"]},
    "fr": {"good": ["bon", "super", "beau"], "bad": ["mal", "nul", "pire"], "": ["la", "soupe", "fut"]},
}
SPECIAL = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]


def write_tokenizer(folder: Path) -> None:
    """A WordPiece tokenizer of a few hundred pieces with segments, padding not at 0."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyzüé0123456789.,!?"
    words = sorted({word for groups in WORDS.values() for group in groups.values() for word in group})
    pieces = [
        *SPECIAL,
        *letters,
        *(f"##{letter}" for letter in letters),
        *words,
        *(f"w{i}" for i in range(200)),
    ]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "pad", "cls", "sep", "mask")}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names).save_pretrained(
        folder
    )


def sentence(language: str, label: str, rng: random.Random) -> str:
    words = WORDS[language]
    return " ".join([*words[""], rng.choice(words[label]), f"w{rng.randrange(200)}"])


def write_mood(folder: Path, split: str, language: str, count: int, seed: int) -> None:
    rng = random.Random(f"{seed}/{split}/{language}")
    lines = ["text\tlabel"]
    for number in range(count):
        label = ("good", "bad")[number % 2]
        lines.append(f"{sentence(language, label, rng)}\t{label}")
    path = folder / f"mood/{split}-{language}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_odd(folder: Path, split: str, count: int) -> None:
    """Multiple choice with two to four choices: which of them is a good word."""
    rng = random.Random(f"odd/{split}")
    lines = []
    for number in range(count):
        choices = [rng.choice(WORDS["en"]["bad"]) + f" w{rng.randrange(99)}" for _ in range(number % 3 + 2)]
        label = rng.randrange(len(choices))
        choices[label] = rng.choice(WORDS["en"]["good"])
        lines.append(json.dumps({"text": "the soup was", "choices": choices, "label": label}))
    path = folder / f"odd/{split}-en.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_pairs(folder: Path, split: str, language: str, count: int) -> None:
    lines = ["id\ttext\ttarget"]
    for number in range(count):
        place = f"w{number} w{(number * 7) % 50}"
        lines.append(f"{split}{number}\t{WORDS[language][''][0]} {place}\tthe {place}")
    path = folder / f"pairs/{split}-{language}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


TASKS: dict[str, Any] = {
    "my/mood": {"type": "classification", "files": "mood/{split}-{language}.tsv"},
    "my/odd": {"type": "multiple-choice", "files": "odd/{split}-{language}.jsonl"},
    "my/pairs": {"type": "sentence-retrieval", "files": "pairs/{split}-{language}.tsv", "parallel": True},
}


def tiny_recipe(folder: Path, *overrides: str, **values: Any) -> Recipe:
    """A recipe on the tiny tasks that trains in seconds; `overrides` as `--set` takes them."""
    phase = {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 8, "candidates": 2, "max_length": 32}
    recipe = {
        "encoder": str(folder),
        "arms": {"none": {}, "odd": {"tasks": ["my/odd"]}},
        "targets": ["my/mood"],
        "languages": ["en", "de"],
        "seeds": [0],
        "controls": {"of": "none"},
        "training": {"intermediate": phase, "target": phase, "precision": "fp32", "threads": 1},
        "tasks": TASKS,
    } | values
    return parse_recipe(yaml.safe_dump(recipe, sort_keys=False), "tiny recipe", overrides)


Opener = Callable[..., Experiment]
Typed = Callable[..., tuple[int, str, str]]


def store_content(store: Store) -> dict[str, Any]:
    """All that a store holds, every file's hash checked, without the times it took."""
    content = {}
    for address in store.addresses():
        artifact = store.open(address)
        for name in artifact.names():
            artifact.path(name)
        info = {name: value for name, value in artifact.info.items() if name != "seconds"}
        content[f"{address.kind}/{address.key}"] = [artifact.manifest["files"], info]
    return content
