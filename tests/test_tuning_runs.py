"""Recipes that tune the image tower with the text encoder, from images that the test makes to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from image_trees import put_records
from image_world import write_vit
from tiny_world import Typed, tiny_recipe
from xstilts.context import Context
from xstilts.encoders.models import tuned_tower
from xstilts.encoders.towers import load_tower
from xstilts.executors import local
from xstilts.experiment import Experiment, execute, open_experiment
from xstilts.room import encoder_shape, most_disk, tunes_tower
from xstilts.seeing import Look, Seen

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'xstilts[images]'")

PHASE = {"epochs": 2, "learning_rate": 1.0e-3, "batch_size": 4, "candidates": 1, "max_length": 16}
TRAINING = {"intermediate": PHASE, "target": PHASE, "precision": "fp32", "threads": 1}
NAMES = [f"{number}.png" for number in range(8)]
TYPES = ("image-text-retrieval", "image-text-classification")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT of one layer, eight images, and captions with labels in English and German."""
    folder = tmp_path_factory.mktemp("tuning")
    write_vit(folder / "tower")
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        colours = random.integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(colours).save(folder / "pictures" / name)
    for place in ("train-en", "dev-en", "dev-de", "test-en", "test-de"):
        rows = [
            {"image": name, "text": f"{place[-2:]} w{number}", "label": ("no", "yes")[number % 2]}
            for number, name in enumerate(NAMES)
        ]
        put_records(folder / f"captions/{place}.jsonl", rows)
    return folder


@pytest.fixture
def tuning(tiny_encoder: Path, tiny_data: Path, world: Path, tmp_path: Path) -> Any:
    """Opens an experiment on these images."""

    def opened(kind: str, *overrides: str, where: dict[str, str] | None = None) -> Experiment:
        files = str(world / "captions/{split}-{language}.jsonl")
        places = where or {"images": str(world / "pictures")}
        recipe = tiny_recipe(
            tiny_encoder,
            "images.image=tune",
            *overrides,
            targets=["my/shown"],
            tasks={
                "my/shown": {"type": kind, "files": files, **places},
                "my/odd": {"type": "multiple-choice", "files": "odd/{split}-{language}.jsonl"},
            },
            conditions=["clean", "fog@3"],
            images={"tower": str(world / "tower"), "width": 8, "layers": 1, "parts": 4},
            training=TRAINING,
        )
        return open_experiment(recipe, tiny_data, tmp_path / "store")

    return opened


def keys(experiment: Experiment, kind: str) -> set[str]:
    return {stage.key for stage in experiment.plan().stages if stage.kind == kind}


def targets_of(experiment: Experiment) -> set[str]:
    return {
        stage.key for stage in experiment.plan().stages if stage.kind == "train" and "shown" in stage.label
    }


# --- what is in a key


@pytest.mark.parametrize("kind", TYPES)
def test_frozen_is_the_default_and_in_no_key(tuning: Any, kind: str) -> None:
    """What was computed before a tower could be tuned stays what it was."""
    tuned, frozen = tuning(kind), tuning(kind, "images.image=lock")
    (spec, *_) = [s.spec for s in frozen.plan().stages if s.kind == "train" and "shown" in s.label]
    names = {"width", "layers", "text", "tower", "image_width"}
    assert set(spec["tasks"][0]["towers"]) - {"loss", "temperature"} == names
    assert all("checkpoint" not in s.parents for s in frozen.plan().stages if s.kind == "features")
    assert keys(tuned, "prepare") == keys(frozen, "prepare")
    assert not keys(tuned, "features") & keys(frozen, "features")
    assert targets_of(tuned) and not targets_of(tuned) & targets_of(frozen)
    assert keys(tuned, "train") - targets_of(tuned) == keys(frozen, "train") - targets_of(frozen)


def test_how_many_parts_are_read_is_in_the_key_of_a_training_that_reads_them(tuning: Any) -> None:
    assert targets_of(tuning(TYPES[0])) == targets_of(tuning(TYPES[0], "images.parts=1"))
    assert not targets_of(tuning(TYPES[1])) & targets_of(tuning(TYPES[1], "images.parts=1"))


def test_every_model_has_its_own_look_at_the_tests_and_all_share_what_they_learn_from(tuning: Any) -> None:
    plan = tuning(TYPES[0], "seeds=[0, 1]").plan()
    stages = [stage for stage in plan.stages if stage.kind == "features"]
    pixels = [stage.label for stage in stages if stage.weights is None]
    assert sorted(pixels) == ["images of my/shown dev en clean", "images of my/shown train en clean"]
    tested = [stage for stage in stages if stage.weights is not None]
    assert len(tested) == 2 * 2 * 2, "arms, seeds, conditions; both languages have one set of images"
    assert len({stage.label for stage in tested}) == len(tested)


# --- what is computed


@pytest.mark.parametrize("kind", TYPES)
def test_tests_are_seen_by_the_tower_of_their_own_model(tuning: Any, kind: str) -> None:
    experiment = tuning(kind, "keep=all")
    plan = execute(experiment)
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1, tower=experiment.tower)
    source = experiment.catalogue.get("my/shown").images
    assert source is not None and experiment.tower is not None
    published = load_tower(experiment.tower)
    images = [source.open(name) for name in NAMES]
    found = {}
    for stage in plan.stages:
        if stage.kind == "features" and stage.weights is not None and stage.spec["condition"] == "clean":
            (trained,) = stage.parents["checkpoint"]
            tower = tuned_tower(published, context.checkpoint(trained).heads["my/shown"])
            expected = Look(tower, parts=1 if kind == TYPES[0] else 4).vectors(images)
            seen = Seen.load(experiment.store.open(stage.weights))
            assert seen.names == NAMES and np.allclose(seen.vectors, expected, atol=2e-3)
            found[trained.label] = expected
    none, odd = found.values()
    assert not np.allclose(none, odd), "each arm has tuned a tower of its own"
    assert not np.allclose(none, Look(published, parts=1 if kind == TYPES[0] else 4).vectors(images))


@pytest.mark.parametrize("rule", ["average", "target-dev"])
def test_other_ways_to_select_see_as_well(tuning: Any, rule: str) -> None:
    plan = execute(tuning(TYPES[0], f"selection={rule}", "training.target.candidates=2"))
    assert plan.cells


def test_few_shot_rows_tune_on(tuning: Any) -> None:
    """The training goes on with the tower that the one in English left, and its tests are seen by what comes out."""
    few = ("settings=[zero-shot, few-shot@4]", "training.few_shot.epochs=1")
    experiment = tuning(TYPES[0], "keep=all", "conditions=[clean]", *few)
    plan = execute(experiment)
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1, tower=experiment.tower)
    before = context.checkpoint(plan.finals["none", "my/shown", 0]).heads["my/shown"].weights
    cell = next(one for one in plan.beside if (one.arm, one.language) == ("none", "de"))
    after = context.checkpoint(cell.checkpoint).heads["my/shown"].weights
    name = "tower.embeddings.patch_embeddings.projection.weight"
    difference = (after[name] - before[name]).abs().max()
    assert experiment.tower is not None
    published = load_tower(experiment.tower).network.state_dict()[name.removeprefix("tower.")]
    assert (after[name] - published).abs().max() > 1.5e-3
    assert 0 < difference < 1.2e-3, (
        "one step of 0.001 from there; from the published weights it would be more"
    )
    (seen,) = cell.score.parents["prediction"][0].parents["images"]
    assert seen.parents["checkpoint"] == (cell.checkpoint,)


def test_a_recipe_runs_as_one_types_it(
    tuning: Any, typed: Typed, world: Path, tiny_data: Path, tmp_path: Path
) -> None:
    experiment = tuning(TYPES[0])
    path = tiny_data / "tuning.yaml"
    path.write_text(yaml.safe_dump(experiment.recipe.model_dump(mode="json")), "utf-8")
    out, store = tmp_path / "out", ("--store", tmp_path / "store")
    code, said, told = typed("plan", path, *store)
    assert code == 0 and f"{world / 'tower'} is tuned" in said.replace("\n", ""), told
    code, said, told = typed("run", path, "--out", out, *store)
    assert code == 0, told
    rows = pq.read_table(out / "results.parquet").to_pylist()
    assert {(row["arm"], row["language"], row["condition"]) for row in rows} == {
        (arm, language, condition)
        for arm in ("none", "odd")
        for language in ("en", "de")
        for condition in ("clean", "fog:image@3")
    }
    assert all(0 <= row["value"] <= 1 for row in rows)
    assert json.loads((out / "run.json").read_text("utf-8"))["tower"]["tuned"] is True
    assert "tuned with the text encoder" in (out / "report.html").read_text("utf-8")
    there = experiment.store.addresses()
    assert not [address for address in there if address.kind == "seen"], "what is read once does not stay"
    assert typed("run", path, "--out", out, *store)[0] == 0
    assert experiment.store.addresses() == there


def test_one_more_language_is_tested_without_training_again(tuning: Any) -> None:
    """The model stays (`keep: all`); what its tower saw may have gone."""
    execute(tuning(TYPES[0], "keep=all", "languages=[en]"))
    before = {address for address in tuning(TYPES[0]).store.addresses() if address.kind == "train"}
    for address in tuning(TYPES[0]).store.addresses():
        if address.kind == "seen":
            tuning(TYPES[0]).store.delete(address)
    plan = execute(tuning(TYPES[0], "keep=all"))
    assert {cell.language for cell in plan.cells} == {"en", "de"}
    assert {a for a in tuning(TYPES[0]).store.addresses() if a.kind == "train"} == before


def answers(experiment: Experiment) -> dict[str, list[Any]]:
    """What was predicted, by stage."""
    stages = [stage for stage in experiment.plan().stages if stage.kind == "predict"]
    files = {stage.key: experiment.store.open(stage.address).path("predictions.parquet") for stage in stages}
    return {key: pq.read_table(file).to_pylist() for key, file in files.items()}


@pytest.mark.parametrize("kind", TYPES)
def test_every_model_is_tested_on_what_its_own_tower_sees(tuning: Any, kind: str) -> None:
    """Predicted by one process after the other, and by one that predicts for all of them."""
    settings = "keep=all", "seeds=[0, 1]", "conditions=[clean]", "training.target.learning_rate=0.05"
    execute(tuning(kind, *settings))
    together, experiment = answers(tuning(kind, *settings)), tuning(kind, *settings)
    for address in list(experiment.store.addresses()):
        if address.kind in ("predict", "score"):
            experiment.store.delete(address)
    plan = experiment.plan()
    for stage in plan.stages:
        if stage.kind == "predict":
            alone = Context(
                experiment.store, experiment.catalogue, experiment.encoder, 1, tower=experiment.tower
            )
            local.execute(plan, alone, wanted=[stage])
    assert answers(experiment) == together
    assert len({str(rows) for rows in together.values()}) > 2  # the models do not agree anyhow


def test_features_alone_cannot_be_tuned(tuning: Any, typed: Typed, tiny_data: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "shown.npz", keys=NAMES, features=np.ones((8, 5)))
    experiment = tuning(TYPES[0], where={"features": str(tmp_path / "shown.npz")})
    path = tiny_data / "given.yaml"
    path.write_text(yaml.safe_dump(experiment.recipe.model_dump(mode="json")), "utf-8")
    code, _, told = typed("plan", path)
    assert code == 2 and "images.image: tune" in told and "image: lock" in told and "Traceback" not in told


# --- what it is said to cost


def said_and_left(experiment: Experiment) -> tuple[float, int]:
    """Bytes of disk that a plan is said to need at most; and the most that there were at the end of any stage."""
    plan, most, folder = experiment.plan(), 0, Path(experiment.store.url)
    said = most_disk(
        plan, plan.stages, encoder_shape(experiment.encoder, experiment.tower), experiment.row_counts()
    )

    def measured(_: object) -> None:
        nonlocal most
        most = max(most, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))

    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1, tower=experiment.tower)
    local.execute(plan, context, measured, kept=[])
    return said, most


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("image", ["lock", "tune"])
def test_disk_counts_arrays_of_images(tuning: Any, kind: str, image: str) -> None:
    experiment = tuning(kind, f"images.image={image}", "keep=none")
    said, most = said_and_left(experiment)
    assert said == pytest.approx(most, rel=0.35)
    plan, rows = experiment.plan(), experiment.row_counts()
    without = most_disk(plan, plan.stages, encoder_shape(experiment.encoder), rows)
    counted = {"lock": 2 * 4 * 8 * 16 * (1 if kind == TYPES[0] else 4), "tune": 2 * 2 * 8 * 768}[image]
    assert said - without >= counted
    assert any(tunes_tower(stage) for stage in plan.stages if stage.kind == "train") == (image == "tune")


def test_features_that_are_given_are_counted_too(tuning: Any, tmp_path: Path) -> None:
    wide = np.random.default_rng(0).normal(size=(8, 36, 500)).astype(np.float32)
    np.savez(tmp_path / "shown.npz", keys=NAMES, features=wide)
    where = {"features": str(tmp_path / "shown.npz")}
    said, most = said_and_left(tuning(TYPES[1], "images.image=lock", "conditions=[clean]", where=where))
    assert said == pytest.approx(most, rel=0.35) and said > 3 * wide.size * 2


def test_a_tower_that_learns_takes_memory_and_time(tuning: Any) -> None:
    from xstilts.costs import estimate

    def of(image: str, kind: str) -> Any:
        experiment = tuning(kind, f"images.image={image}", "conditions=[clean]")
        plan = experiment.plan()
        return estimate(plan, plan.stages, experiment.encoder, experiment.row_counts(), experiment.tower)

    for kind in TYPES:
        assert of("tune", kind).memory > of("lock", kind).memory
        assert of("tune", kind).seconds > of("lock", kind).seconds
