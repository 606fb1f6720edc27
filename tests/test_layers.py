"""The curves over layers that a run writes: against the choices it made, and against hand-made differences."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finished_runs import finished
from tiny_world import Opener
from xstilts.experiment import run_experiment
from xstilts.layer_choice import choose_layers
from xstilts.layers import _scored, curve_value
from xstilts.metrics import get_metric
from xstilts.results import Results
from xstilts.task_types.bitext_mining import BitextMining
from xstilts.tasks.base import PackageSource, Task

Rows = dict[tuple[str, str, int | None], dict[str, Any]]


@pytest.fixture(scope="module")
def results(tiny_encoder: Path, tiny_data: Path) -> Results:
    return Results.load(finished(tiny_encoder, tiny_data))


@pytest.fixture(scope="module")
def rows(results: Results) -> Rows:
    return {(row["arm"], row["postprocess"], row["layer"]): row for row in results.layers}


def test_the_table_has_every_point_of_every_curve(results: Results, rows: Rows) -> None:
    assert len(rows) == len(results.layers) == 2 * 2 * (3 + 1)
    assert {row["task"] for row in results.layers} == {"my/pairs"}
    for record in results.run["layers"]:
        for point in record["curve"]:
            row = rows[record["arm"], point["postprocess"], point["layer"]]
            place = row["seeds"].index(record["seed"])
            assert row["values"][place] == curve_value(point)
            chosen = record["layers"][point["postprocess"]] == point["layer"]
            assert row["chosen"] >= chosen
    for row in results.layers:
        assert row["seed_low"] <= row["value"] <= row["seed_high"]
        assert row["split"] == "dev" and row["metric"] == "accuracy"
    assert sum(row["chosen"] for row in results.layers) == 2 * 2 * 2


def test_gains_are_differences_at_one_layer(rows: Rows) -> None:
    for (arm, rule, layer), row in rows.items():
        baseline = rows["none", rule, layer]
        if arm == "none":
            assert row["gain"] is None and row["verdict"] is None
            continue
        assert row["gain"] == pytest.approx(row["value"] - baseline["value"])
        assert row["ci_low"] <= row["gain"] <= row["ci_high"]
        assert bool(row["verdict"]) == (rule == "none"), "raw vectors are judged"


def test_without_a_layer_every_run_reads_its_own(results: Results, rows: Rows) -> None:
    for record in results.run["layers"]:
        for rule, layer in record["layers"].items():
            row, own = (rows[record["arm"], rule, at] for at in (layer, None))
            place = own["seeds"].index(record["seed"])
            assert own["values"][place] == row["values"][place]


def test_a_fixed_layer_leaves_no_curve(tiny: Opener, tmp_path: Path) -> None:
    experiment = tiny("retrieval.layer=1", targets=["my/pairs"], languages=["de"], statistics={"draws": 200})
    run_experiment(experiment, tmp_path / "run")
    assert Results.load(tmp_path / "run").layers == []
    assert pq.read_table(tmp_path / "run/layers.parquet").num_rows == 0
    text = (tmp_path / "run/report.html").read_text("utf-8")
    assert "The layers taken" in text and "The curves as tables" not in text


def test_results_say_how_retrieval_was_done(results: Results) -> None:
    for row in results.results:
        said = [row[name] for name in ("layer", "pooling", "postprocess", "direction", "scoring")]
        if row["task"] == "my/pairs":
            assert said[1:2] + said[3:] == ["mean", "xx-en", "cosine"]
            assert said[0] is not None and said[2] in {"none", "center"}
        else:
            assert not any(said)


@pytest.mark.parametrize("name", ["hit", "accuracy", "bitext_f1"])
def test_a_curves_score_is_found_under_any_name(name: str) -> None:
    assert curve_value({"postprocess": "none", "layer": 3, name: 0.25}) == 0.25


def test_the_tables_are_those_of_the_folder(results: Results) -> None:
    assert json.loads((results.folder / "run.json").read_text("utf-8")) == results.run
    assert pq.read_table(results.folder / "layers.parquet").to_pylist() == results.layers


def test_what_is_tuned_beside_the_layer_is_tuned_for_each_layer() -> None:
    """The scores of single cells are those that the curve was made of."""
    rng = random.Random(0)
    source = PackageSource(lambda *_: [], {}, (), 1)
    task = Task("x/bitext", "bitext-mining", source, ("de",), "made up")
    rows = []
    for layer in (0, 1):
        for i in range(40):
            mined = {"id": f"e{rng.choice([i, rng.randrange(40)])}", "score": round(rng.random(), 3)}
            gold = [f"e{i}"] if i % 3 == 0 else []
            rows.append(
                {"item": f"{i}", "source": f"{i}", "language": "de", "condition": "clean"}
                | {"postprocess": "none", "layer": layer}
                | {"prediction": json.dumps(mined if i % 5 else None), "gold": json.dumps(gold)}
            )
    table = pa.Table.from_pylist(rows)
    chosen = choose_layers(task, BitextMining(), table, ["none"])
    metric = get_metric("bitext_f1")
    for point in chosen["curve"]:
        (cell,) = _scored(task, table, {"none": point["layer"]})
        assert metric.value(cell["stats"].sum(axis=0)) == pytest.approx(curve_value(point))
        assert (cell["family"], cell["metric"], len(cell["sources"])) == ("retrieval", "bitext_f1", 40)
    assert len({point["hit"] for point in chosen["curve"]}) == 2
