"""What models of texts with images share: a text encoder and an image tower, either of which may be locked."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from xstilts.encoders.towers import AT_ONCE, ImageTower


class Joined(nn.Module, ABC):
    """A text encoder with layers that put its states to the vectors of images.

    Args:
        text: transformers' bare encoder.
        settings: `text`, which is `lock` where the encoder stays as it is and what is above it alone learns; and with
            an image tower `parts`, how many vectors of an image are read at most, where that is not 1.
        tower: the image tower that learns as well, with a network of its own; without one, images come as vectors.
    """

    base_model_prefix = "text"

    def __init__(self, text: Any, settings: Mapping[str, Any], tower: ImageTower | None = None) -> None:
        super().__init__()
        self.text = text
        self.config = text.config
        self.locked = settings["text"] == "lock"
        self.parts = settings.get("parts", 1)
        self.eyes = tower
        self.tower: Any = None if tower is None else tower.network

    def lock(self) -> None:
        """Take the encoder out of what learns, where it is locked: at the end of a subclass's `__init__`."""
        if self.locked:
            self.text.requires_grad_(False)

    def seen(self, image: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
        """The vectors of images, as numbers of a kind.

        The tower computes `AT_ONCE` of them at a time, and of many once more on the way back, so that what it needs for
        its gradients is that of so few (Chen et al. 2016, arXiv 1604.06174).

        Args:
            image: such vectors, [batch, images, width] or [batch, images, parts, width], which are given back; or
                images as the tower takes them, [batch, images, 3, height, width].
            kind: what the tower computes in, and its vectors come in.
        """
        if image.ndim < 5 or self.eyes is None:
            return image.to(kind)
        pixels = image.flatten(0, 1).to(kind)
        blocks = torch.split(pixels, AT_ONCE)
        look: Callable[..., torch.Tensor] = self.eyes.seen
        if len(blocks) > 1:
            look = partial(checkpoint, look, use_reentrant=False)
        found = torch.cat([look(block, self.parts) for block in blocks])
        return found.reshape(*image.shape[:2], *found.shape[1:]).to(kind)

    def get_input_embeddings(self) -> Any:
        """The encoder's word embeddings."""
        return self.text.get_input_embeddings()

    def train(self, mode: bool = True) -> Self:
        """As of any module; a locked encoder and the tower stay in evaluation mode.

        Dropout is that of the text encoder, and what a tower makes of an image is the same in every batch.
        """
        super().train(mode)
        if self.locked:
            self.text.eval()
        if self.tower is not None:
            self.tower.eval()
        return self

    def start(self) -> None:
        """Give parameters that are no layer's their first values; most models have none."""

    def _init_weights(self, module: nn.Module) -> None:
        """The weights that training starts from: torch's own for our layers, the encoder's own for its pooler.

        Those of the tower are as they were published.
        """
        if module is self:
            self.start()
        elif self.tower is not None and any(module is inner for inner in self.tower.modules()):
            return
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
