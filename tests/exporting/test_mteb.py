"""Results in mteb's form: its files, its counting, and its names only where the task is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score
from typer.testing import CliRunner

from finished_runs import finished
from tiny_world import Opener
from xstilts.cli import app
from xstilts.errors import UserError
from xstilts.experiment import open_experiment, run_experiment
from xstilts.exporting import PROVENANCE, export_hf, export_mteb
from xstilts.exporting.mteb import PUBLISHED, Published, iso_639_3, weighted_scores
from xstilts.finished import FinishedRun

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def run(tiny_encoder: Path, tiny_data: Path) -> Path:
    return finished(tiny_encoder, tiny_data)


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    kind = "model_meta" if path.name == "model_meta.json" else "result"
    jsonschema.validate(content, json.loads((HERE / f"mteb_{kind}.schema.json").read_text("utf-8")))
    return content


def same_as_published(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let my/pairs be a task that mteb has, with 20 pairs in German."""
    values = {"direction": "xx-en", "scoring": "cosine", "size": 7, "sizes": {"deu": 20}} | changes
    monkeypatch.setitem(PUBLISHED, "my/pairs", Published("Tatoeba", **values))


def test_a_run_gives_a_result_and_a_model(run: Path, tmp_path: Path) -> None:
    told: list[str] = []
    folder = export_mteb(run, tmp_path, "odd", 1, tell=told.append)
    opened = FinishedRun.open(run)
    key = opened.plan.intermediates["odd", 1].key
    assert folder == tmp_path / "results" / "xstilts__finished-run-odd-seed1" / key[:40]
    assert sorted(path.name for path in folder.iterdir()) == ["model_meta.json", "xstilts-my-pairs.json"]
    meta, result = load(folder / "model_meta.json"), load(folder / "xstilts-my-pairs.json")
    assert (meta["name"], meta["revision"]) == ("xstilts/finished-run-odd-seed1", key[:40])
    assert meta["languages"] == ["deu-Latn", "eng-Latn"] and meta["embed_dim"] == 32
    (row,) = opened.rows("results", arm="odd", seed=1, task="my/pairs", condition="clean", postprocess="none")
    (scores,) = result["scores"]["test"]
    assert scores["main_score"] == scores["accuracy"] == scores["recall"] == round(row["value"], 6)
    assert (scores["hf_subset"], scores["languages"]) == ("deu-eng", ["deu-Latn", "eng-Latn"])
    for name in ("n", "layer", "pooling", "postprocess", "direction", "scoring"):
        assert scores[name] == row[name]
    assert told == [
        "my/pairs: written as xstilts-my-pairs, a task of our own: mteb has none of this name and definition"
    ]


def test_mtebs_own_name_and_main_score_where_the_task_is_the_same(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_as_published(monkeypatch)
    told: list[str] = []
    (scores,) = load(export_mteb(run, tmp_path, "none", tell=told.append) / "Tatoeba.json")["scores"]["test"]
    assert scores["main_score"] == scores["f1"] <= scores["accuracy"]
    assert told == ["my/pairs: written as Tatoeba, as mteb defines it"]


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        ({"sizes": {"deu": 1000}}, "none", "mteb has 1000 pairs in de, the run tested 20"),
        ({"direction": "en-xx"}, "none", "mteb goes en-xx by cosine, the run xx-en by cosine"),
        ({"scoring": "dot"}, "none", "mteb goes xx-en by dot"),
        ({}, "center", "mteb does not centre vectors"),
    ],
)
def test_what_differs_from_mtebs_task_has_a_name_of_its_own(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    rule: str,
    said: str,
) -> None:
    same_as_published(monkeypatch, **changes)
    told: list[str] = []
    folder = export_mteb(run, tmp_path, "none", postprocess=rule, tell=told.append)
    assert (folder / "xstilts-my-pairs.json").is_file() and not (folder / "Tatoeba.json").exists()
    assert said in told[0]


def test_models_gather_in_one_folder_and_are_replaced_one_by_one(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    first = export_mteb(run, tmp_path, "none")
    second = export_mteb(run, tmp_path, "odd", 0)
    centred = export_mteb(run, tmp_path, "odd", 0, postprocess="center")
    named = export_mteb(run, tmp_path, "odd", 0, name="group/model")
    assert len({first, second, centred, named}) == 4
    assert centred.parent.name.endswith("-centred") and named.parent.name == "group__model"
    (second / "xstilts-my-pairs.json").write_text("broken")
    assert export_mteb(run, tmp_path, "odd", 0) == second
    record = json.loads((tmp_path / PROVENANCE).read_text("utf-8"))
    assert len(record["models"]) == 4
    for folder in (first, second, centred, named):
        load(folder / "xstilts-my-pairs.json")
        place = folder.relative_to(tmp_path).as_posix()
        assert record["models"][place]["arm"] == ("none" if folder == first else "odd")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {*record["files"], "notes.txt"}


def test_results_of_others_are_left_alone(run: Path, tmp_path: Path) -> None:
    folder = export_mteb(run, tmp_path, "none", name="group/model")
    (folder / "STS12.json").write_text("{}")
    with pytest.raises(UserError, match=r"STS12.json was not written by xstilts. Expected another folder"):
        export_mteb(run, tmp_path, "none", name="group/model")
    export_mteb(run, tmp_path, "none")
    out = export_hf(run, tmp_path / "model", "none", "encoder")
    with pytest.raises(UserError, match="holds an exported model"):
        export_mteb(run, out, "none")
    with pytest.raises(UserError, match="is a file"):
        export_mteb(run, out / "README.md", "none")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": "my/mood"}, "expected a retrieval target of the run: my/pairs"),
        ({"arm": "od"}, "Did you mean 'odd'"),
        ({"name": "model"}, "expected organisation/name"),
        ({"postprocess": "whiten"}, "--postprocess whiten: the run has none, center"),
    ],
)
def test_unclear_wishes_are_answered(run: Path, tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        export_mteb(run, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_from_the_command_line(run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["export", str(run), str(tmp_path / "out"), "--to", "mteb", "--arm", "none"]
    )
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "out") in result.output.replace("\n", "")
    failed = CliRunner().invoke(app, ["export", str(run), str(tmp_path / "x"), "--postprocess", "center"])
    assert isinstance(failed.exception, UserError) and "sentence-transformers" in str(failed.exception)


def test_a_run_on_benchmark_files_is_opened_with_the_folder_it_was_given(
    tiny: Opener, tmp_path: Path
) -> None:
    """The folder is recorded, and asked for once it has moved."""
    (tmp_path / "data/tatoeba").mkdir(parents=True)
    for side, word in (("deu", "die"), ("eng", "the")):
        lines = [f"{word} w{i} w{i * 7 % 50}" for i in range(50)]
        (tmp_path / f"data/tatoeba/tatoeba.deu-eng.{side}").write_text("\n".join(lines) + "\n", "utf-8")
    recipe = tiny(arms={"none": {}}, languages=["de"], statistics={"draws": 200}).recipe
    recipe = recipe.model_copy(update={"targets": ("xtreme/tatoeba",), "tasks": {}})
    run_experiment(
        open_experiment(recipe, tmp_path, tmp_path / "run/store", tmp_path / "data"), tmp_path / "run"
    )
    told: list[str] = []
    export_mteb(tmp_path / "run", tmp_path / "out", "none", tell=told.append)
    assert "mteb has 1000 pairs in de, the run tested" in told[0]
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="--data DIR"):
        export_mteb(tmp_path / "run", tmp_path / "out", "none")
    again = ["export", str(tmp_path / "run"), str(tmp_path / "out"), "--to", "mteb", "--arm", "none"]
    result = CliRunner().invoke(app, [*again, "--data", str(tmp_path / "moved")])
    assert result.exit_code == 0, result.output


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_scores_are_scikit_learns_weighted_ones(pairs: list[tuple[int, int]]) -> None:
    found, gold = zip(*pairs, strict=True)
    scores = weighted_scores([str(x) for x in found], [str(x) for x in gold])
    options: dict[str, Any] = {"average": "weighted", "zero_division": 0}
    assert scores == {
        "precision": pytest.approx(precision_score(gold, found, **options)),
        "recall": pytest.approx(recall_score(gold, found, **options)),
        "f1": pytest.approx(f1_score(gold, found, **options)),
    }


def test_languages_have_the_codes_of_mtebs_tatoeba() -> None:
    ours = "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh"
    theirs = (
        "afr ara bul ben deu ell spa est eus pes fin fra heb hin hun ind ita jpn jav kat kaz kor mal mar nld por rus "
        "swh tam tel tha tgl tur urd vie cmn"
    )
    assert [iso_639_3(code) for code in ours.split()] == theirs.split()
