"""Fixtures of several rooms: a tiny encoder of our own, tiny tasks in files, and experiments on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from benchmark_trees import write_everything
from finished_runs import finished
from tiny_world import WORDS, Opener, Typed, tiny_recipe, write_mood, write_odd, write_pairs, write_tokenizer
from xstilts.cli import main
from xstilts.experiment import Experiment, open_experiment
from xstilts.finished import FinishedRun
from xstilts.hashing import cache_dir

# How long an example takes is not what is tested, and a busy machine makes all of them slow.
settings.register_profile("xstilts", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("xstilts")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


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


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `TASKS`: a classification in en, de, fr; a multiple choice in en; a retrieval in de, fr."""
    folder = tmp_path_factory.mktemp("tiny-data")
    for language in WORDS:
        write_mood(folder, "test", language, 24, 0)
        write_mood(folder, "dev", language, 16, 0)
    write_mood(folder, "train", "en", 40, 0)
    for split, count in (("train", 24), ("dev", 12), ("test", 12)):
        write_odd(folder, split, count)
    for language in ("de", "fr"):
        for split in ("dev", "test"):
            write_pairs(folder, split, language, 20)
    return folder


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small form of every benchmark task."""
    folder = tmp_path_factory.mktemp("benchmarks")
    write_everything(folder)
    return folder


@pytest.fixture
def tiny(tiny_encoder: Path, tiny_data: Path, tmp_path: Path) -> Opener:
    """Opens an experiment: `tiny('seeds=[0, 1]', store=…, arms={…})`."""

    def opened(*overrides: str, store: Path | str | None = None, **values: Any) -> Experiment:
        recipe = tiny_recipe(tiny_encoder, *overrides, **values)
        return open_experiment(recipe, tiny_data, store or tmp_path / "store")

    return opened


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command line: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xstilts", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


@pytest.fixture(scope="session")
def run(tiny_encoder: Path, tiny_data: Path) -> Path:
    """The folder of a finished run: arms none and odd, two seeds, four targets. Copy it to change it."""
    return finished(tiny_encoder, tiny_data)


@pytest.fixture(scope="session")
def opened(run: Path) -> FinishedRun:
    """The same run, opened."""
    return FinishedRun.open(run)
