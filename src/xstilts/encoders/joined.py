"""What models of texts with images share: a text encoder, which may be locked, below layers of our own."""

from __future__ import annotations

from abc import ABC
from typing import Any, Self

import torch
from torch import nn


class Joined(nn.Module, ABC):
    """A text encoder with layers that put its states to the vectors of images.

    Args:
        text: transformers' bare encoder.
        locked: whether it stays as it is, and what is above it alone learns.
    """

    base_model_prefix = "text"

    def __init__(self, text: Any, locked: bool) -> None:
        super().__init__()
        self.text = text
        self.config = text.config
        self.locked = locked

    def lock(self) -> None:
        """Take the encoder out of what learns, where it is locked: at the end of a subclass's `__init__`."""
        if self.locked:
            self.text.requires_grad_(False)

    def get_input_embeddings(self) -> Any:
        """The encoder's word embeddings."""
        return self.text.get_input_embeddings()

    def train(self, mode: bool = True) -> Self:
        """As of any module; an encoder that is locked stays in evaluation mode, without dropout."""
        super().train(mode)
        if self.locked:
            self.text.eval()
        return self

    def start(self) -> None:
        """Give parameters that are no layer's their first values; most models have none."""

    def _init_weights(self, module: nn.Module) -> None:
        """The weights that training starts from: torch's own for our layers, the encoder's own for its pooler."""
        if module is self:
            self.start()
        elif any(module is inner for inner in self.text.modules()):
            self.text._init_weights(module)
        else:
            reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if callable(reset):
                reset()


def averaged(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the states of real tokens, [batch, width], from [batch, length, width]; `mask` is 0 at padding."""
    weights = mask[..., None].to(states.dtype)
    mean: torch.Tensor = (states * weights).sum(1) / weights.sum(1)
    return mean
