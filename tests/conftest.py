"""What the tests of several rooms share: a tiny encoder of our own, tiny tasks in files, and experiments on them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.experiment import Experiment, open_experiment
from xstilts.hashing import cache_dir
from xstilts.recipe import Recipe, parse_recipe

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

WORDS = {
    "en": {"good": ["fine", "great", "lovely"], "bad": ["poor", "awful", "nasty"], "": ["the", "soup", "was"]},
    "de": {"good": ["gut", "toll", "fein"], "bad": ["arm", "mies", "übel"], "": ["die", "suppe", "war"]},
    "fr": {"good": ["bon", "super", "beau"], "bad": ["mal", "nul", "pire"], "": ["la", "soupe", "fut"]},
}
SPECIAL = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session", autouse=True)
def _session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the session's own, but for converted encoders: converting one takes five seconds."""
    converted = cache_dir() / "encoders"
    converted.mkdir(parents=True, exist_ok=True)
    cache = tmp_path_factory.mktemp("cache")
    (cache / "encoders").symlink_to(converted, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XSTILTS_CACHE", str(cache))
        yield


def write_tokenizer(folder: Path) -> None:
    """A WordPiece tokenizer of a few hundred pieces with segments, padding not at 0."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyzüé0123456789.,!?"
    words = sorted({word for groups in WORDS.values() for group in groups.values() for word in group})
    pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words, *(f"w{i}" for i in range(200))]
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
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of 2 layers × 32, as `save_pretrained` writes it."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-encoder")
    write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


def sentence(language: str, label: str, rng: random.Random) -> str:
    words = WORDS[language]
    return " ".join([*words[""], rng.choice(words[label]), f"w{rng.randrange(200)}"])


def _write_mood(folder: Path, split: str, language: str, count: int, seed: int) -> None:
    rng = random.Random(f"{seed}/{split}/{language}")
    lines = ["text\tlabel"]
    for number in range(count):
        label = ("good", "bad")[number % 2]
        lines.append(f"{sentence(language, label, rng)}\t{label}")
    path = folder / f"mood/{split}-{language}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _write_odd(folder: Path, split: str, count: int) -> None:
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


def _write_pairs(folder: Path, split: str, language: str, count: int) -> None:
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


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `TASKS`: a classification in en, de, fr; a multiple choice in en; a retrieval in de, fr."""
    folder = tmp_path_factory.mktemp("tiny-data")
    for language in WORDS:
        _write_mood(folder, "test", language, 24, 0)
        _write_mood(folder, "dev", language, 16, 0)
    _write_mood(folder, "train", "en", 40, 0)
    for split, count in (("train", 24), ("dev", 12), ("test", 12)):
        _write_odd(folder, split, count)
    for language in ("de", "fr"):
        for split in ("dev", "test"):
            _write_pairs(folder, split, language, 20)
    return folder


def tiny_recipe(encoder: Path, *overrides: str, **values: Any) -> Recipe:
    """A recipe on the tiny tasks that trains in seconds; `overrides` as `--set` takes them."""
    phase = {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 8, "candidates": 2, "max_length": 32}
    recipe = {
        "encoder": str(encoder),
        "arms": {"none": {}, "odd": {"tasks": ["my/odd"]}},
        "targets": ["my/mood"],
        "languages": ["en", "de"],
        "seeds": [0],
        "controls": {"of": "none"},
        "training": {"intermediate": phase, "target": phase, "precision": "fp32", "threads": 1},
        "tasks": TASKS,
    } | values
    return parse_recipe(yaml.safe_dump(recipe), "tiny recipe", overrides)


Opener = Callable[..., Experiment]


@pytest.fixture
def tiny(tiny_encoder: Path, tiny_data: Path, tmp_path: Path) -> Opener:
    """Opens an experiment: `tiny('seeds=[0, 1]', store=…, arms={…})`."""

    def opened(*overrides: str, store: Path | str | None = None, **values: Any) -> Experiment:
        recipe = tiny_recipe(tiny_encoder, *overrides, **values)
        return open_experiment(recipe, tiny_data, store or tmp_path / "store")

    return opened
