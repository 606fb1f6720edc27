"""The training loop: AdamW with a linear schedule over mixed batches, the same for every task type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from xstilts.encoders.models import published_weights
from xstilts.encoders.skipping import unread_states_skipped
from xstilts.task_types.base import Feature, TrainedType, collate
from xstilts.training.batching import TOKENS_AT_ONCE, MixedBatch, mixed_batches, parts
from xstilts.training.machine import device
from xstilts.training.processes import processes
from xstilts.training.weights import Kind, Weights

if TYPE_CHECKING:
    import torch

GRADIENT_NORM = 1.0
ADAM_EPSILON = 1e-8
_TRIED = 2
"""Inputs that tell which weights a loss reaches."""


@dataclass(frozen=True)
class TaskData:
    """One task in a training: its type and its tokenised examples, one feature list an example."""

    task_type: TrainedType
    examples: Sequence[Sequence[Feature]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example's longest input."""
        return [max(feature.length for feature in features) for features in self.examples]


@dataclass(frozen=True)
class Optimisation:
    """All that decides an optimisation, resolved."""

    updates: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    warmup: float
    weight_decay: float
    cap: int
    precision: str
    seed: int
    micro_batch: int | None = None


@dataclass(frozen=True)
class Fit:
    """What a training did."""

    losses: list[float]
    tokens: int


def fit(
    models: Mapping[str, Any],
    data: Mapping[str, TaskData],
    settings: Optimisation,
    stops: Iterable[int],
    at_stop: Callable[[int], None],
    progress: Callable[[int], None] = lambda update: None,
) -> Fit:
    """Train models that share an encoder; several processes (`processes`) share the examples of each batch.

    Args:
        models: a model a task.
        data: examples a task.
        settings: the optimisation.
        stops: numbers of updates after which `at_stop(update)` is called, to evaluate or keep the state.
        at_stop: called with the models in evaluation mode.
        progress: called after every update with its number.

    Returns:
        The mean loss of each update, and the tokens seen.
    """
    import torch
    from transformers import get_linear_schedule_with_warmup

    from xstilts.training.cpu_layers import suit_cpu

    together = processes()
    torch.manual_seed(settings.seed + together.place)  # processes draw dropout of their own
    models = {task: model.to(device()).train() for task, model in models.items()}
    if device().type == "cpu":
        for model in models.values():
            suit_cpu(model)
    weights = Weights(models, _reached(models, data), _kinds(models, settings), settings.precision)
    optimizer: Any = torch.optim.AdamW(weights.groups, eps=ADAM_EPSILON, fused=True)
    scheduler = get_linear_schedule_with_warmup(
        optimizer, int(settings.warmup * settings.updates), settings.updates
    )
    stream = mixed_batches(
        {task: part.lengths for task, part in data.items()}, settings.batch_size, settings.cap, settings.seed
    )
    losses, tokens, wanted = [], 0, set(stops)
    for update, drawn in enumerate(islice(stream, settings.updates), start=1):
        loss, seen = _accumulate(models[drawn.task], data[drawn.task], drawn, settings, weights)
        gradients = weights.take_gradients(drawn.task)
        together.add_up(loss, *gradients)
        _step_clipped(optimizer, gradients)
        scheduler.step()
        weights.lower()
        losses.append(float(loss))
        tokens += seen
        if update in wanted:
            weights.restore()
            _evaluate(models, update, at_stop)
            weights.lower()
        progress(update)
    weights.restore()
    return Fit(losses, tokens)


def _reached(models: Mapping[str, Any], data: Mapping[str, TaskData]) -> dict[str, frozenset[int]]:
    """By task, the ids of the weights that its loss reaches; a pooler whose output nothing reads is left as it is."""
    import torch

    found = {}
    for task, model in models.items():
        features = list(islice(chain.from_iterable(data[task].examples), _TRIED))
        model.eval()
        with torch.random.fork_rng(devices=[]):  # what is tried here must not change the training
            loss = _loss(model, data[task], features)
        model.train()
        found[task] = frozenset(map(id, _leaves(loss)))
    return found


def _leaves(result: torch.Tensor) -> list[torch.Tensor]:
    """The tensors that a result has gradients for."""
    found, waiting, known = [], [result.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in known:
            known.add(node)
            waiting += [behind for behind, _ in node.next_functions]
            found += [node.variable] if hasattr(node, "variable") else []
    return found


def _kinds(models: Mapping[str, Any], settings: Optimisation) -> Callable[[torch.nn.Parameter], Kind]:
    """Learning rate and weight decay of a weight: of encoder or head, and none for norms, biases and embeddings.

    An image tower that is tuned learns at the encoder's rate.

    Word embeddings have no weight decay: a row that no batch uses then stays as it is, so that training a trimmed
    vocabulary equals training the whole.
    """
    first = next(iter(models.values()))
    embeddings = first.get_input_embeddings().weight
    encoder = {id(p) for name, p in published_weights(first) if "pooler" not in name.split(".")}

    def kind(weight: torch.nn.Parameter) -> Kind:
        rate = settings.learning_rate if id(weight) in encoder else settings.head_learning_rate
        return rate, settings.weight_decay if weight.ndim > 1 and weight is not embeddings else 0.0

    return kind


def _accumulate(
    model: Any, data: TaskData, drawn: MixedBatch, settings: Optimisation, weights: Weights
) -> tuple[torch.Tensor, int]:
    """This process's part of the loss of one batch, whose gradients are added up, and the batch's tokens."""
    import torch

    features: Sequence[Feature] = [one for place in drawn.examples for one in data.examples[place]]
    if data.task_type.whole_batches:  # the loss compares its examples, so that it cannot be shared
        mine: Sequence[Feature] = features if processes().leads else []
        cut: Iterable[slice] = [slice(None)] if mine else []
    else:  # of inputs: a long example has many, too many for memory
        mine = processes().share(features)
        most, tokens = settings.micro_batch or settings.batch_size, TOKENS_AT_ONCE[device().type]
        cut = parts([feature.tokens for feature in mine], most, tokens)
    terms, total = _terms(data, features), torch.zeros((), device=device())
    for part in cut:
        loss = _loss(model, data, mine[part]) / terms
        torch.autograd.backward(loss)
        weights.add_gradients(drawn.task)
        total += loss.detach()
    return total, sum(feature.tokens for feature in features)


def _step_clipped(optimizer: Any, gradients: Sequence[torch.Tensor]) -> None:
    """A step with gradients of at most `GRADIENT_NORM`, which the fused step itself divides: that saves a pass.

    Args:
        optimizer: a fused one of torch.
        gradients: all that it holds; they are divided in place.
    """
    import torch

    norm = torch.nn.utils.get_total_norm(gradients)
    optimizer.grad_scale = (norm / GRADIENT_NORM).clamp(min=1)
    optimizer.step()


def _loss(model: Any, data: TaskData, features: Sequence[Feature]) -> torch.Tensor:
    """Sum of the loss over some inputs."""
    batch = collate(features, model.config.pad_token_id)
    inputs = {name: value.to(device()) for name, value in batch.inputs.items()}
    with unread_states_skipped(model):
        output = data.task_type.forward(model, inputs)
    loss: torch.Tensor = data.task_type.loss(output.float(), batch)
    return loss


def _terms(data: TaskData, features: Sequence[Feature]) -> int:
    """Terms of the sum that a batch's loss is the mean of."""
    return max(sum(data.task_type.terms(feature) for feature in features), 1)


def _evaluate(models: Mapping[str, Any], update: int, at_stop: Callable[[int], None]) -> None:
    import torch

    for model in models.values():
        model.eval()
    with torch.random.fork_rng(devices=[]):  # what is done at a stop must not change the training
        at_stop(update)
    for model in models.values():
        model.train()
