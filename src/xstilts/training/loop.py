"""The training loop: AdamW with a linear schedule over mixed batches, the same for every task type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from xstilts.encoders.models import encoder_of
from xstilts.task_types.base import Feature, TrainedType, collate
from xstilts.training.batching import MixedBatch, mixed_batches
from xstilts.training.machine import device
from xstilts.training.weights import Weights

if TYPE_CHECKING:
    import torch

GRADIENT_NORM = 1.0
ADAM_EPSILON = 1e-8


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
    """Train models that share an encoder.

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
    from accelerate import Accelerator
    from transformers import get_linear_schedule_with_warmup

    torch.manual_seed(settings.seed)
    accelerator = Accelerator(cpu=device().type == "cpu")  # one device for training and inference
    models = {task: accelerator.prepare(model).train() for task, model in models.items()}
    weights = Weights(models, settings.precision)
    groups = parameter_groups(models, settings, weights.master)
    optimizer = accelerator.prepare(torch.optim.AdamW(groups, eps=ADAM_EPSILON, fused=True))
    scheduler = get_linear_schedule_with_warmup(
        optimizer, int(settings.warmup * settings.updates), settings.updates
    )
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    stream = mixed_batches(
        {task: part.lengths for task, part in data.items()}, settings.batch_size, settings.cap, settings.seed
    )
    losses, tokens, wanted = [], 0, set(stops)
    for update, drawn in enumerate(islice(stream, settings.updates), start=1):
        loss, seen = _accumulate(accelerator, models[drawn.task], data[drawn.task], drawn, settings)
        weights.take_gradients()
        accelerator.clip_grad_norm_(parameters, GRADIENT_NORM)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        weights.lower()
        losses.append(loss)
        tokens += seen
        if update in wanted:
            weights.restore()
            _evaluate(models, update, at_stop)
            weights.lower()
        progress(update)
    weights.restore()
    return Fit(losses, tokens)


def parameter_groups(
    models: Mapping[str, Any],
    settings: Optimisation,
    master: Callable[[torch.nn.Parameter], torch.nn.Parameter] = lambda parameter: parameter,
) -> list[dict[str, Any]]:
    """Parameters by weight decay and rate, each once: encoder, its norms and biases, embeddings, heads.

    `master` gives what the optimiser holds for a parameter.

    Word embeddings have no weight decay: a row that no batch uses then stays as it is, so that training a trimmed
    vocabulary equals training the whole.
    """
    first = next(iter(models.values()))
    embeddings = first.get_input_embeddings().weight
    encoder = {id(p) for name, p in encoder_of(first).named_parameters() if "pooler" not in name.split(".")}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    seen: set[int] = set()
    for model in models.values():
        for parameter in model.parameters():
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            decays = parameter.ndim > 1 and parameter is not embeddings
            rate = settings.learning_rate if id(parameter) in encoder else settings.head_learning_rate
            groups.setdefault((rate, settings.weight_decay if decays else 0.0), []).append(master(parameter))
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


def _accumulate(
    accelerator: Any, model: Any, data: TaskData, drawn: MixedBatch, settings: Optimisation
) -> tuple[float, int]:
    """Gradients of one batch, computed in parts where memory asks for it; the mean is over the whole batch."""
    features = [feature for place in drawn.examples for feature in data.examples[place]]
    size = (
        settings.micro_batch or settings.batch_size
    )  # of inputs: a long example has many, too many for memory
    parts = [features[start : start + size] for start in range(0, len(features), size)]
    batches = [collate(part, model.config.pad_token_id) for part in parts]
    terms = max(sum(data.task_type.terms(feature) for feature in features), 1)
    total = 0.0
    for batch in batches:
        inputs = {name: value.to(accelerator.device) for name, value in batch.inputs.items()}
        logits = data.task_type.forward(model, inputs)
        loss = data.task_type.loss(logits.float(), batch) / terms
        accelerator.backward(loss)
        total += float(loss.detach())
    return total, sum(feature.tokens for feature in features)


def _evaluate(models: Mapping[str, Any], update: int, at_stop: Callable[[int], None]) -> None:
    import torch

    for model in models.values():
        model.eval()
    with torch.random.fork_rng(devices=[]):  # what is done at a stop must not change the training
        at_stop(update)
    for model in models.values():
        model.train()
