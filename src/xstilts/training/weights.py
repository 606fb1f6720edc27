"""bf16 training with fp32 master weights: the model computes in bf16, the optimiser sums in fp32.

Casting the whole model once an update costs less than casting weights and activations at every operation, as
autocast does. `bench/train.py` measures the loop beside transformers.Trainer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Weights:
    """The weights of models that may share some, in the precision of the computation; masters in fp32.

    In fp32 the masters are the weights themselves and every method does nothing.
    """

    def __init__(self, models: Mapping[str, Any], precision: str) -> None:
        import torch

        self._masters: dict[int, tuple[torch.nn.Parameter, torch.nn.Parameter]] = {}
        if precision == "bf16":
            for model in models.values():
                for weight in model.parameters():
                    if weight.requires_grad and id(weight) not in self._masters:
                        self._masters[id(weight)] = weight, torch.nn.Parameter(weight.detach().clone())
        self.lower()

    def master(self, weight: torch.nn.Parameter) -> torch.nn.Parameter:
        """What the optimiser holds for a weight."""
        return self._masters[id(weight)][1] if self._masters else weight

    def lower(self) -> None:
        """Let the models compute with bf16 copies of the masters."""
        import torch

        for weight, master in self._masters.values():
            weight.grad = None
            weight.data = master.detach().to(torch.bfloat16)

    def take_gradients(self) -> None:
        """Hand the gradients over to the masters."""
        for weight, master in self._masters.values():
            master.grad = None if weight.grad is None else weight.grad.float()

    def restore(self) -> None:
        """Let the models hold the masters: to be evaluated, read or saved in fp32."""
        for weight, master in self._masters.values():
            weight.grad = None
            weight.data = master.detach()
