"""Exports for sentence-transformers embed as the run's retrieval did, and say what their centring is worth."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from finished_runs import copy_of, finished
from tiny_world import WORDS, Opener, write_tokenizer
from xstilts.context import Context
from xstilts.encoders.base import load_encoder
from xstilts.encoders.models import build_encoder
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.errors import UserError
from xstilts.experiment import Experiment, run_experiment
from xstilts.exporting import PROVENANCE, export_sentence_transformers
from xstilts.finished import FinishedRun, choose
from xstilts.model_card import write_card
from xstilts.task_types.base import tokenise
from xstilts.task_types.vectors import Side, nearest
from xstilts.tasks.base import PackageSource, Task
from xstilts.tasks.files import user_task
from xstilts.training import inference

TEXTS = ["the soup was great", "die suppe war übel w3 w4 w5 w6", "la soupe fut pire!", "w1", "", "ü " * 60]


@pytest.fixture(scope="module")
def run(tiny_encoder: Path, tiny_data: Path) -> Path:
    return finished(tiny_encoder, tiny_data)


@pytest.fixture(scope="module")
def library() -> Any:
    return pytest.importorskip(
        "sentence_transformers", reason="sentence-transformers is not installed: pip install '.[dev]'"
    )


def postprocess(vectors: np.ndarray, rule: str) -> np.ndarray:
    """What retrieval compares."""
    return Side.of(vectors, np.arange(len(vectors)), rule).block(0, len(vectors))


def _found(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Place of the candidate nearest to each query."""
    sides = (Side(vectors, np.arange(len(vectors))) for vectors in (queries, candidates))
    return nearest(*sides).places[:, 0]


def embedded(
    experiment: Experiment, stage: Any, texts: list[str], layer: int, prefix: str = "", pooling: str = "mean"
) -> NDArray[np.float32]:
    """The vectors that the run's own code makes of a layer, before post-processing."""
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1)
    base = context.base()
    whole = Vocabulary(np.arange(len(base.embeddings)))
    model = build_encoder(base, context.checkpoint(stage), whole)
    sequences, _ = tokenise(base.tokenizer, [prefix + text for text in texts], None, 32)
    return inference.embed(model, sequences, [layer], pooling, "fp32")[layer]


def with_layers(run: Path, out: Path, layers: Mapping[str, int]) -> Path:
    """A copy of a run that chose other layers."""
    rows = [row | {"layers": dict(layers)} for row in json.loads((run / "run.json").read_text())["layers"]]
    return copy_of(run, out, layers=rows)


def dev_vectors(
    experiment: Experiment, stage: Any, layer: int, language: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of the dev part's queries and of the sentences they translate."""
    rows = experiment.catalogue.get("my/pairs").source.rows("dev", language)
    one, other = (embedded(experiment, stage, [row[x] for row in rows], layer) for x in ("text", "target"))
    return one, other


@pytest.mark.parametrize("arm", ["none", "odd"])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("rule", ["none", "center"])
def test_it_embeds_as_the_run_did(
    run: Path, tmp_path: Path, library: Any, arm: str, layer: int, rule: str
) -> None:
    copy = with_layers(run, tmp_path / "run", {"none": layer, "center": layer})
    out = export_sentence_transformers(copy, tmp_path / "out", arm, 0, postprocess=rule)
    opened = FinishedRun.open(copy)
    stage = opened.plan.intermediates.get((arm, 0))
    vectors = embedded(opened.experiment, stage, TEXTS, layer)
    model = library.SentenceTransformer(str(out))
    queries, documents = dev_vectors(opened.experiment, stage, layer, "de")
    german, english = (x.mean(0) if rule == "center" else 0 for x in (queries, documents))
    both = (german + english) / 2
    for found, mean in (
        (model.encode(TEXTS), both),
        (model.encode_query(TEXTS), german),
        (model.encode_document(TEXTS), english),
        *([(model.encode(TEXTS, task="de"), german)] if rule == "center" else []),
        *([(model.encode(TEXTS, task="en"), english)] if rule == "center" else []),
    ):
        np.testing.assert_allclose(found, postprocess(vectors - mean, "none"), atol=1e-5)
    assert model.similarity_fn_name == "cosine" and model.max_seq_length == 32
    assert len(model[0].auto_model.encoder.layer) == layer


@pytest.mark.parametrize(
    ("overrides", "before"),
    [
        ((), ("query: ", "query: ")),
        (("retrieval.prefix={query: 'the ', document: 'was '}",), ("the ", "was ")),
    ],
)
def test_pooling_and_prefix_go_with_it(
    tiny: Opener,
    tmp_path: Path,
    library: Any,
    monkeypatch: pytest.MonkeyPatch,
    overrides: tuple[str, ...],
    before: tuple[str, str],
) -> None:
    """The prefix is the recipe's, else the task's own."""

    def prefixed(*arguments: Any) -> Task:
        task = user_task(*arguments)
        return replace(task, options={**task.options, "prefix": "query: "})

    monkeypatch.setattr("xstilts.experiment.user_task", prefixed)
    experiment = tiny(
        "retrieval.pooling=cls",
        *overrides,
        targets=["my/pairs"],
        languages=["de"],
        statistics={"draws": 200},
        store=tmp_path / "run/store",
    )
    run_experiment(experiment, tmp_path / "run")
    out = export_sentence_transformers(tmp_path / "run", tmp_path / "out", "odd", 0)
    opened = FinishedRun.open(tmp_path / "run")
    layer = choose(opened, "odd", "my/pairs", 0).layers["none"]
    stage = opened.plan.intermediates["odd", 0]
    query, document = (
        postprocess(embedded(opened.experiment, stage, TEXTS, layer, prefix, "cls"), "none")
        for prefix in before
    )
    model = library.SentenceTransformer(str(out))
    for encode, expected in (
        (model.encode, query),
        (model.encode_query, query),
        (model.encode_document, document),
    ):
        np.testing.assert_allclose(encode(TEXTS), expected, atol=1e-5)
    assert f"begin with `{before[0]}`" in (out / "README.md").read_text("utf-8")


def _questions(split: str, language: str) -> list[dict[str, Any]]:
    """Rows of an answer retrieval: each question's answer is one of its own words."""
    rng = random.Random(f"{split}/{language}")
    rows = []
    for number in range(24):
        words = [f"w{rng.randrange(200)}" for _ in range(3)]
        key = f"{split}{number}"
        answer = {"gold": [f"{key}/{language}"], "answer": f"the {words[0]} was"}
        rows.append({"id": key, "source": key, "text": " ".join(words), **answer})
    return rows


@pytest.mark.parametrize("scoring", ["cosine", "dot"])
def test_a_target_that_is_trained_and_searched_is_exported_as_it_was_trained(
    tiny: Opener, tmp_path: Path, library: Any, monkeypatch: pytest.MonkeyPatch, scoring: str
) -> None:
    splits = {"train": ("en",), "dev": ("en",), "test": ("en", "de")}
    source = PackageSource(_questions, splits, (), 1)
    task = Task("my/qa", "answer-retrieval", source, ("en", "de"), "made up", parallel=True)
    task = replace(task, options={"trained": True, "scoring": scoring})
    monkeypatch.setattr("xstilts.experiment.user_task", lambda *_: task)
    experiment = tiny(
        "retrieval.pooling=cls",  # of targets that are not trained
        arms={"none": {}},
        targets=["my/qa"],
        statistics={"draws": 200},
        tasks={"my/qa": {"type": "sentence-retrieval", "files": "pairs/{split}-{language}.tsv"}},
        store=tmp_path / "run/store",
    )
    run_experiment(experiment, tmp_path / "run")
    out = export_sentence_transformers(tmp_path / "run", tmp_path / "out", "none", 0, "my/qa")
    opened = FinishedRun.open(tmp_path / "run")
    vectors = embedded(opened.experiment, opened.plan.finals["none", "my/qa", 0], TEXTS, 2)
    model = library.SentenceTransformer(str(out))
    expected = postprocess(vectors, "none") if scoring == "cosine" else vectors
    np.testing.assert_allclose(model.encode(TEXTS), expected, atol=1e-5)
    assert model.similarity_fn_name == scoring
    card = (out / "README.md").read_text("utf-8")
    assert ("to be compared by inner product" in card) == (scoring == "dot")


def test_the_stored_means_and_what_they_give_on_dev(tiny: Opener, tmp_path: Path, library: Any) -> None:
    """Two languages; means of one half of the dev part are judged on the other."""
    rng = random.Random(0)
    for code in ("de", "fr"):
        words = WORDS[code][""]
        drawn = [[f"w{rng.randrange(200)}" for _ in range(4)] for _ in range(24)]
        lines = [" ".join([*words, *four]) + f"\tthe {four[rng.randrange(4)]} was" for four in drawn]
        for split in ("dev", "test"):
            (tmp_path / f"{split}-{code}.tsv").write_text("\n".join(["text\ttarget", *lines]) + "\n", "utf-8")
    hard = {"type": "sentence-retrieval", "files": str(tmp_path / "{split}-{language}.tsv")}
    experiment = tiny(
        "retrieval.layer=1",
        tasks={"my/pairs": hard},
        arms={"none": {}},
        targets=["my/pairs"],
        languages=["de", "fr"],
        statistics={"draws": 200},
        store=tmp_path / "run/store",
    )
    run_experiment(experiment, tmp_path / "run")
    told: list[str] = []
    out = export_sentence_transformers(
        tmp_path / "run", tmp_path / "out", "none", postprocess="center", tell=told.append
    )
    pairs = {code: dev_vectors(experiment, None, 1, code) for code in ("de", "fr")}
    hits: dict[str, list[float]] = {}
    for kept, held in ((0, 1), (1, 0)):
        query = {code: one[kept::2].mean(0) for code, (one, _) in pairs.items()}
        english = np.mean([other[kept::2].mean(0) for _, other in pairs.values()], axis=0)
        queries = np.mean(list(query.values()), axis=0)
        for code, (one, other) in pairs.items():
            ours, theirs = one[held::2], other[held::2]
            ways = {
                "own": (ours.mean(0), theirs.mean(0)),
                "named": (query[code], english),
                "sided": (queries, english),
                "unnamed": ((queries + english) / 2,) * 2,
                "raw": (0, 0),
            }
            for way, (a, b) in ways.items():
                found = _found(postprocess(ours - a, "none"), postprocess(theirs - b, "none"))
                hits.setdefault(way, []).append(float((found == np.arange(len(ours))).mean()))
    record = json.loads((out / PROVENANCE).read_text())["vectors"]
    assert (record["layer"], record["postprocess"], record["pooling"]) == (1, "center", "mean")
    centring = record["centring"]
    assert centring["languages"] == ["de", "fr"]
    for way, values in hits.items():
        assert centring[way] == pytest.approx(np.mean(values)), way
    assert len({centring[way] for way in hits}) > 2, "ways that give the same would prove nothing"
    model = library.SentenceTransformer(str(out))
    stored = postprocess(embedded(experiment, None, TEXTS, 1) - pairs["fr"][0].mean(0), "none")
    np.testing.assert_allclose(model.encode(TEXTS, task="fr"), stored, atol=1e-5)
    with pytest.raises(ValueError, match="task='de'"):
        model.encode(TEXTS, task="sw")
    card = (out / "README.md").read_text("utf-8")
    assert "It knows de, fr, en." in card and "the model itself does not centre" not in card
    assert "| " + " | ".join(f"{100 * centring[way]:.1f}" for way in hits) + " |" in card
    assert any("for their means" in line for line in told)
    code = card.split("```")[1].removeprefix("python\n").replace("path/to/this/folder", str(out))
    exec(code, {})


def test_a_dev_part_without_pairs_gives_no_means(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xstilts.exporting.sentences.FinishedRun.rows", lambda *_, **__: [])
    with pytest.raises(UserError, match=r"of these my/pairs has none. Give --postprocess none"):
        export_sentence_transformers(run, tmp_path / "out", "odd", 0, postprocess="center")
    assert not (tmp_path / "out").exists()


def test_the_files_and_the_card(run: Path, tmp_path: Path) -> None:
    out = export_sentence_transformers(run, tmp_path / "out", "odd", 1)
    depth = choose(FinishedRun.open(run), "odd", "my/pairs", 1).layers["none"]
    modules = json.loads((out / "modules.json").read_text())
    assert [(m["idx"], m["path"], m["type"]) for m in modules] == [
        (0, "", "sentence_transformers.models.Transformer"),
        (1, "1_Pooling", "sentence_transformers.models.Pooling"),
        (2, "2_Normalize", "sentence_transformers.models.Normalize"),
    ]
    pooling = json.loads((out / "1_Pooling/config.json").read_text())
    assert pooling["word_embedding_dimension"] == 32
    assert [name for name, value in pooling.items() if value is True] == ["pooling_mode_mean_tokens"]
    assert json.loads((out / "sentence_bert_config.json").read_text())["max_seq_length"] == 32
    settings = json.loads((out / "config_sentence_transformers.json").read_text())
    assert settings == {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    config = json.loads((out / "config.json").read_text())
    assert config["num_hidden_layers"] == depth and not config.get("output_hidden_states")
    card = (out / "README.md").read_text("utf-8")
    assert f"the mean over all tokens of layer {depth}, the layer that the run took for my/pairs" in card
    assert (
        "(retrieval: the mean over all tokens of one layer, from each language to English, by cosine)" in card
    )
    listed = json.loads((out / PROVENANCE).read_text())["files"]
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == set(listed)


def test_without_a_retrieval_target_all_layers_are_kept(run: Path, tmp_path: Path, library: Any) -> None:
    out = export_sentence_transformers(run, tmp_path / "out", "odd", 0, "encoder")
    opened = FinishedRun.open(run)
    expected = embedded(opened.experiment, opened.plan.intermediates["odd", 0], TEXTS, 2)
    found = library.SentenceTransformer(str(out)).encode(TEXTS)
    cut = [text for text in range(len(TEXTS)) if len(TEXTS[text]) < 60]  # the default length is another
    np.testing.assert_allclose(found[cut], postprocess(expected, "none")[cut], atol=1e-5)
    assert "of the last layer, brought to length 1" in (out / "README.md").read_text("utf-8")


def test_an_encoder_that_normalises_after_its_last_layer(tiny: Opener, tmp_path: Path, library: Any) -> None:
    folder = tmp_path / "modern"
    folder.mkdir()
    write_tokenizer(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    torch.manual_seed(0)
    transformers.ModernBertModel(config).save_pretrained(folder)
    experiment = tiny(
        f"encoder={folder}",
        "retrieval.layer=1",
        arms={"none": {}},
        targets=["my/pairs"],
        languages=["de"],
        statistics={"draws": 200},
        store=tmp_path / "run/store",
    )
    run_experiment(experiment, tmp_path / "run")
    for layer, kept in ((1, 2), (2, 3), (3, 3)):
        copy = with_layers(tmp_path / "run", tmp_path / f"run{layer}", {"none": layer, "center": layer})
        out = export_sentence_transformers(copy, tmp_path / f"out{layer}", "none", 0)
        expected = postprocess(embedded(experiment, None, TEXTS, layer), "none")
        model = library.SentenceTransformer(str(out))
        np.testing.assert_allclose(model.encode(TEXTS), expected, atol=1e-5)
        assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == kept
        kinds = [type(module).__name__ for module in model]
        assert ("WeightedLayerPooling" in kinds) == (layer < 3)
    load_encoder.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": "my/mood"}, "Expected a retrieval target of the run"),
        ({"postprocess": "whiten"}, "--postprocess whiten: for my/pairs the run has none, center"),
        ({"postprocess": "center", "target": "encoder"}, "to center takes the dev sentences of a --target"),
    ],
)
def test_unclear_wishes_are_answered(run: Path, tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        export_sentence_transformers(run, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_a_card_without_vectors_says_that_nothing_is_centred(run: Path) -> None:
    card = write_card(choose(FinishedRun.open(run), "odd", "my/pairs", 0), "hf")
    assert "the model itself does not centre" in card and "brought to length 1" not in card
