"""What a plan is said to need of memory and disk follows the encoder, the training, and what stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tiny_world import Opener
from xstilts.encoders.base import EncoderSpec
from xstilts.executors import local
from xstilts.experiment import Experiment, execute
from xstilts.room import (
    ACTIVATIONS,
    AT_WORK,
    ATTENTION,
    LONGEST,
    Shape,
    encoder_shape,
    most_disk,
    peak_memory,
    pieces,
)

XLMR_LARGE = {
    "model_type": "xlm-roberta",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "max_position_embeddings": 514,
    "vocab_size": 250_002,
}
DISTILBERT = {"dim": 768, "hidden_dim": 3072, "n_layers": 6, "n_heads": 12, "vocab_size": 119_547}


def shape_of(folder: Path, config: dict[str, object], layers: int | None = None) -> Shape:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return encoder_shape(EncoderSpec("it", folder, "0", layers))


def memory(experiment: Experiment, shape: Shape | None = None) -> float:
    plan = experiment.plan()
    rows = experiment.row_counts()
    return peak_memory(plan, plan.stages, shape or encoder_shape(experiment.encoder), rows)


def disk(experiment: Experiment) -> float:
    plan = experiment.plan()
    return most_disk(plan, plan.stages, encoder_shape(experiment.encoder), experiment.row_counts())


def stored(experiment: Experiment) -> int:
    return sum(path.stat().st_size for path in Path(experiment.store.url).rglob("*") if path.is_file())


def test_sizes_come_from_the_configuration_alone(tmp_path: Path) -> None:
    """XLM-R Large has 559.9 million weights: those of its card, counted from nothing but its configuration."""
    shape = shape_of(tmp_path, XLMR_LARGE)
    assert shape.body + shape.beside + shape.width * shape.vocabulary == pytest.approx(559.9e6, rel=1e-3)
    assert shape_of(tmp_path, XLMR_LARGE, layers=6).body == shape.body / 4
    assert shape_of(tmp_path, DISTILBERT).heads == 12


def test_a_large_encoder_is_its_weights(tiny: Opener, tmp_path: Path) -> None:
    """Short inputs of XLM-R Large: published weights, then 20 bytes for each that is trained."""
    shape = shape_of(tmp_path, XLMR_LARGE)
    experiment = tiny("training.precision=bf16")
    assert 10e9 < memory(experiment, shape) < 14e9


def test_longer_inputs_larger_batches_and_more_candidates_need_more(tiny: Opener, tmp_path: Path) -> None:
    shape = shape_of(tmp_path, XLMR_LARGE)
    least = memory(tiny(), shape)
    for more in ("training.target.batch_size=64", "training.target.candidates=5"):
        assert memory(tiny(more), shape) > least
    parts = memory(tiny("training.micro_batch=2", "training.precision=bf16"), shape)
    assert parts < memory(tiny("training.precision=bf16"), shape)


def test_the_choices_of_an_example_are_inputs_of_their_own(tiny: Opener) -> None:
    """A batch of eight examples with three choices each goes through the model eight inputs at once."""
    experiment = tiny("targets=[my/odd]", "languages=[en]", "training.precision=bf16")
    plan, rows, shape = experiment.plan(), experiment.row_counts(), encoder_shape(experiment.encoder)
    (train,) = plan.finals["none", "my/odd", 0].parents["train"]
    (data,) = train.parents["train"]
    length = min(32, LONGEST * rows.tokens(data, 32).all / 3)
    rest = peak_memory(plan, [train], Shape(**{**vars(shape), "layers": 0}), rows)
    grown = peak_memory(plan, [train], shape, rows) - rest
    a_token = ACTIVATIONS["bf16"] * shape.width + ATTENTION["bf16"] * shape.heads * length
    assert grown == pytest.approx(8 * length * a_token * shape.layers)
    assert AT_WORK > 0


def test_a_training_uses_the_pieces_of_the_one_before(tiny: Opener) -> None:
    experiment = tiny()
    plan, rows, shape = experiment.plan(), experiment.row_counts(), encoder_shape(experiment.encoder)
    alone, behind = (plan.finals[arm, "my/mood", 0].parents["train"][0] for arm in ("none", "odd"))
    large = Shape(**{**vars(shape), "vocabulary": 10**6})
    assert pieces(behind, large, rows) > pieces(alone, large, rows)
    assert pieces(behind, shape, rows) <= shape.vocabulary


FEW = ("settings=[zero-shot, few-shot@4]", "training.few_shot.epochs=1")


@pytest.mark.parametrize("settings", [(), FEW], ids=["zero-shot", "few-shot"])
@pytest.mark.parametrize("keep", ["all", "none"])
def test_disk_is_what_a_run_leaves(
    tiny: Opener, keep: str, settings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the candidates of the last training, which are gone by then, within a fifth."""
    experiment = tiny(f"keep={keep}", "conditions=[clean, typos@2]", *settings)
    said = disk(experiment)
    most = 0
    plain = local.prune

    def watched(*given: object, **named: object) -> object:
        nonlocal most
        most = max(most, stored(experiment))
        return plain(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(local, "prune", watched)
    execute(experiment)
    assert said == pytest.approx(max(most, stored(experiment)), rel=0.35)


def test_a_race_keeps_the_checkpoints_of_its_arms(tiny: Opener) -> None:
    """Test data are read after it, so that until then nothing goes but what was dropped."""
    arms = {"none": {}, "odd": {"tasks": ["my/odd"]}, "mood": {"tasks": ["my/mood"]}}

    def of(*overrides: str) -> float:
        return disk(tiny("seeds=[0, 1, 2]", "controls.of=none", *overrides, arms=arms))

    assert of("keep=none", "strategy=race") == of("keep=best", "strategy=race") == of("keep=best")
    assert of("keep=none") < of("keep=none", "strategy=race")
