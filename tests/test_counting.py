"""What plans know of rows without reading them: the same as by reading, and never of other rows."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Callable
from pathlib import Path

import pytest

from tiny_world import TASKS, Opener, Typed, tiny_recipe, write_mood, write_odd, write_pairs
from xstilts.console import planned
from xstilts.experiment import Experiment, open_experiment
from xstilts.stage import Stage
from xstilts.tasks.files import FilesSource

Reads = Tally[tuple[str, str, str]]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reads:
    """How often the files of a task, split and language were read, with a cache of the test's own."""
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))
    seen: Reads = Tally()
    plain = FilesSource._load

    def load(source: FilesSource, split: str, language: str) -> object:
        seen[source.name, split, language] += 1
        return plain(source, split, language)

    monkeypatch.setattr(FilesSource, "_load", load)
    return seen


@pytest.fixture
def world(tiny_encoder: Path, tmp_path: Path) -> Callable[..., Experiment]:
    """Opens an experiment on files of the test's own."""
    folder = tmp_path / "files"
    for language in ("en", "de"):
        write_mood(folder, "test", language, 24, 0)
        write_mood(folder, "dev", language, 16, 0)
        write_pairs(folder, "dev", "de", 20)
        write_pairs(folder, "test", "de", 20)
    write_mood(folder, "train", "en", 40, 0)
    for split in ("train", "dev", "test"):
        write_odd(folder, split, 12)

    def opened(*overrides: str) -> Experiment:
        recipe = tiny_recipe(tiny_encoder, *overrides, targets=["my/mood", "my/pairs"], tasks=TASKS)
        return open_experiment(recipe, folder, tmp_path / "store")

    return opened


def prepares(experiment: Experiment) -> list[Stage]:
    return [stage for stage in experiment.plan().stages if stage.kind == "prepare"]


def counted(experiment: Experiment) -> list[object]:
    """All that is known of the rows of a plan, and what it is said to cost."""
    rows, stages = experiment.row_counts(), prepares(experiment)
    tests = {stage.spec["language"]: stage for stage in stages if stage.spec["split"] == "test"}
    facts = [(rows.count(one), rows.size(one), rows.tokens(one, 32)) for one in stages]
    return [facts, rows.shared(tests), planned(experiment)[2]]


def test_rows_are_read_once_for_all_plans(world: Callable[..., Experiment], reads: Reads) -> None:
    first = counted(world())
    assert reads["my/mood", "train", "en"] == 2, "once for the labels, which keys depend on"
    assert set(reads.values()) == {1, 2}
    reads.clear()
    assert counted(world()) == first
    assert not reads


def test_rows_that_changed_are_read_again(
    world: Callable[..., Experiment], reads: Reads, tmp_path: Path
) -> None:
    before = counted(world())
    write_mood(tmp_path / "files", "test", "de", 12, 1)
    reads.clear()
    after = counted(world())
    assert set(reads) == {("my/mood", "test", "de")}
    assert after != before
    write_mood(tmp_path / "files", "test", "de", 24, 0)
    assert counted(world()) == before


def test_a_limit_changes_what_is_shared(world: Callable[..., Experiment], reads: Reads) -> None:
    def shared(*overrides: str) -> dict[str, dict[str, int]]:
        experiment = world("targets=[my/mood]", *overrides)
        stages = [one for one in prepares(experiment) if one.spec["split"] == "test"]
        return dict(experiment.row_counts().shared({one.spec["language"]: one for one in stages}))

    assert shared()["de"]["de"] == 24
    assert shared("limit=6")["de"]["de"] == 6
    assert shared()["de"]["de"] == 24


def test_labels_follow_the_training_file(
    world: Callable[..., Experiment], reads: Reads, tmp_path: Path
) -> None:
    assert list(world().catalogue.get("my/mood").labels) == ["bad", "good"]
    path = tmp_path / "files/mood/train-en.tsv"
    path.write_text(path.read_text("utf-8").replace("\tbad", "\tdire"), "utf-8")
    assert list(world().catalogue.get("my/mood").labels) == ["dire", "good"]


def test_files_are_looked_for_once_a_plan(
    world: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, asked = world(), list[str]()
    plain = FilesSource._find
    monkeypatch.setattr(
        FilesSource,
        "_find",
        lambda source, split: asked.append(f"{source.name} {split}") or plain(source, split),
    )
    experiment.plan()
    experiment.plan()
    assert len(asked) == len(set(asked))


def test_a_repeated_plan_says_the_same(
    tiny: Opener, tiny_data: Path, typed: Typed, tmp_path: Path, reads: Reads
) -> None:
    """Through the command line, on a cache that is cold, warm, and full of rubbish."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(tiny("seeds=[0, 1, 2]").recipe.to_yaml(), "utf-8")
    arguments = ("plan", recipe, "--data", tiny_data, "--out", tmp_path / "out", "--json")
    code, said, error = typed(*arguments)
    assert code == 0, error
    reads.clear()
    assert typed(*arguments)[1] == said
    assert not reads
    for entry in (tmp_path / "cache").rglob("*.json"):
        entry.write_text("{" + entry.read_text("utf-8")[5:40], "utf-8")
    assert typed(*arguments)[1] == said
    assert json.loads(said)["pending"] > 0
