"""A text encoder beside the vectors of an image tower: on either side a projection into one space, and a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

import torch
from torch import nn
from torch.nn import functional

LARGEST_SCALE = 100.0
"""What the learned scale is clipped at (Radford et al. 2021, arXiv 2103.00020, section 2.5)."""
START = {"infonce": (0.07, 0.0), "sigmoid": (0.1, -10.0)}
"""Temperature and bias that training starts from, by loss: those of Radford et al. 2021 and of Zhai et al. 2023
(arXiv 2303.15343, section 3.2)."""


@final
class TwoTowers(nn.Module):
    """Texts and images as vectors whose inner products are the logits of their belonging together.

    The text's states are averaged over its tokens. Either side is normalised, projected, and brought to length 1. The
    text's side is then multiplied by the scale, the inverse of the learned temperature; and one more dimension holds
    the learned bias on the text's side and 1 on the image's, so that an inner product is `scale · cosine + bias`.

    Args:
        text: transformers' bare encoder.
        settings: `image_width`; `width` and `layers` of the projections; `loss`, `temperature`, and `text`, which is
            `lock` where the encoder stays as it is.
    """

    base_model_prefix = "text"

    def __init__(self, text: Any, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.text = text
        self.config = text.config
        self.locked = settings["text"] == "lock"
        layers, width = settings["layers"], settings["width"]
        self.text_projection = _projection(int(text.config.hidden_size), width, layers)
        self.image_projection = _projection(settings["image_width"], width, layers)
        temperature, bias = START[settings["loss"]]
        self._start = math.log(1 / (settings["temperature"] or temperature)), bias
        self.scale = nn.Parameter(torch.tensor(self._start[0]))
        self.bias = nn.Parameter(torch.tensor(bias), requires_grad=settings["loss"] == "sigmoid")
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

    def forward(self, image: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Vectors of texts and images.

        Args:
            image: vectors of the image tower, [batch, image width].
            inputs: of the encoder, each [batch, length].

        Returns:
            [batch, 2, width + 1]: the text's and the image's.
        """
        states = self.text(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None].to(states.dtype)
        pooled = (states * mask).sum(1) / mask.sum(1)
        kind = self.scale.dtype  # in bf16 training a locked encoder still computes in fp32
        texts = functional.normalize(self.text_projection(pooled.to(kind)).float(), dim=1)
        images = functional.normalize(self.image_projection(image.to(kind)).float(), dim=1)
        grown = self.scale.float()
        # A scale beyond the largest counts as the largest, but keeps its gradient, by which it can come back.
        scale = (grown - (grown - math.log(LARGEST_SCALE)).clamp(min=0).detach()).exp()
        bias = self.bias.float().expand(len(texts), 1)
        sides = torch.cat([scale * texts, bias], 1), torch.cat([images, torch.ones_like(bias)], 1)
        return torch.stack(sides, 1)

    def _init_weights(self, module: nn.Module) -> None:
        """The weights that training starts from: torch's own for projections, the encoder's own for its pooler."""
        if module is self:
            nn.init.constant_(self.scale, self._start[0])
            nn.init.constant_(self.bias, self._start[1])
        elif any(module is inner for inner in self.text.modules()):
            self.text._init_weights(module)
        elif callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def _projection(before: int, width: int, layers: int) -> nn.Sequential:
    """So many linear layers with GELU between them; vectors of any scale are normalised first."""
    parts: list[nn.Module] = [nn.LayerNorm(before)]
    for _ in range(layers - 1):
        parts += [nn.Linear(before, 2 * width), nn.GELU()]
        before = 2 * width
    return nn.Sequential(*parts, nn.Linear(before, width))
