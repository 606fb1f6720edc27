"""The weights of models that share an encoder, side by side in a few long vectors, for the optimiser.

An update of a hundred tensors is a hundred small operations; of a few long vectors it is a few. In bf16 the models
compute with bf16 weights and the optimiser sums in fp32 masters: casting all of them once an update costs less than
casting weights and activations at every operation, as autocast does. `bench/train.py` measures the loop beside
transformers.Trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Kind = tuple[float, float]
"""Learning rate and weight decay."""


@dataclass(frozen=True)
class Strip:
    """Weights that are treated alike: the same rate and decay, trained by the same tasks.

    `low` is what the models compute with: their weights are views of it. `master` and `summed` are what the optimiser
    holds, weights and the sums of their gradients.
    """

    weights: Sequence[torch.nn.Parameter]
    tasks: frozenset[str]
    low: torch.Tensor
    master: torch.nn.Parameter
    summed: torch.Tensor

    def point(self, vector: torch.Tensor) -> None:
        """Let the weights be views of a vector."""
        for weight, part in self.parts(vector):
            weight.grad = None
            weight.data = part

    def parts(self, vector: torch.Tensor) -> Iterator[tuple[torch.nn.Parameter, torch.Tensor]]:
        """The weights, each with its part of a vector in its own shape."""
        start = 0
        for weight in self.weights:
            yield weight, vector[start : start + weight.numel()].view_as(weight)
            start += weight.numel()


class Weights:
    """The trainable weights of models that may share some.

    Args:
        models: a model a task.
        reached: by task, the ids of the weights that its loss reaches; the others are left as they are.
        kind: rate and decay of a weight.
        precision: `bf16` or `fp32`, of what the models compute.
    """

    def __init__(
        self,
        models: Mapping[str, Any],
        reached: Mapping[str, frozenset[int]],
        kind: Callable[[torch.nn.Parameter], Kind],
        precision: str,
    ) -> None:
        import torch

        groups: dict[tuple[Kind, frozenset[str]], dict[int, torch.nn.Parameter]] = {}
        for model in models.values():
            for weight in model.parameters():
                tasks = frozenset(task for task, ids in reached.items() if id(weight) in ids)
                if tasks:
                    groups.setdefault((kind(weight), tasks), {})[id(weight)] = weight
        low = torch.bfloat16 if precision == "bf16" else torch.float32
        self.strips = [_strip(list(found.values()), tasks, low) for (_, tasks), found in groups.items()]
        self.groups = [
            {"params": [strip.master], "lr": rate, "weight_decay": decay}
            for ((rate, decay), _), strip in zip(groups, self.strips, strict=True)
        ]
        self._others = _others(models, self.strips) if precision == "bf16" else []
        self._fresh = True  # nothing of the next update is summed yet
        self._lowered = False
        self.lower()

    def add_gradients(self, task: str) -> None:
        """Add what a part of a task's batch left in the models to the sums that the optimiser reads.

        Nothing is left behind: autograd hands a first gradient over as it is, and would add a second one to it.
        """
        for strip in self._of(task):
            for weight, total in strip.parts(strip.summed):
                if weight.grad is not None:
                    total.copy_(weight.grad) if self._fresh else total.add_(weight.grad.float())
                elif self._fresh:
                    total.zero_()
                weight.grad = None
        self._fresh = False

    def take_gradients(self, task: str) -> list[torch.Tensor]:
        """Hand the sums of a task's batch over to the masters; those of other tasks' weights have none.

        Returns:
            The gradients, to be changed in place.
        """
        for strip in self.strips:
            strip.master.grad = None
        for strip in self._of(task):
            strip.master.grad = strip.summed.zero_() if self._fresh else strip.summed
        self._fresh = True
        return [strip.summed for strip in self._of(task)]

    def _of(self, task: str) -> list[Strip]:
        return [strip for strip in self.strips if task in strip.tasks]

    def lower(self) -> None:
        """Let the models compute with the masters' values, in the precision of the computation."""
        for strip in self.strips:
            strip.low.copy_(strip.master.detach())
            if not self._lowered:
                strip.point(strip.low)
        for weight, _, low in self._others:
            weight.data = low
        self._lowered = True

    def restore(self) -> None:
        """Let the models hold the masters: to be evaluated, read or saved in fp32."""
        for strip in self.strips:
            strip.point(strip.master.detach())
        for weight, high, _ in self._others:
            weight.data = high
        self._lowered = False


def _strip(weights: list[torch.nn.Parameter], tasks: frozenset[str], low: torch.dtype) -> Strip:
    import torch

    master = torch.nn.Parameter(torch.cat([weight.detach().flatten() for weight in weights]).float())
    return Strip(weights, tasks, master.detach().to(low), master, torch.empty_like(master))


def _others(
    models: Mapping[str, Any], strips: Sequence[Strip]
) -> list[tuple[torch.nn.Parameter, torch.Tensor, torch.Tensor]]:
    """Weights that no loss reaches, as they are and in bf16; those of a locked encoder stay in fp32."""
    import torch

    trained = {id(weight) for strip in strips for weight in strip.weights}
    found = {id(weight): weight for model in models.values() for weight in model.parameters()}
    return [
        (weight, weight.data, weight.data.to(torch.bfloat16))
        for name, weight in found.items()
        if name not in trained and weight.requires_grad
    ]
