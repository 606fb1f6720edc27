"""A text encoder beside the vectors of an image tower: on either side a projection into one space, and a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import nn
from torch.nn import functional

from xstilts.encoders.joined import Joined, averaged
from xstilts.encoders.towers import ImageTower

LARGEST_SCALE = 100.0
"""What the learned scale is clipped at (Radford et al. 2021, arXiv 2103.00020, section 2.5)."""
START = {"infonce": (0.07, 0.0), "sigmoid": (0.1, -10.0)}
"""Temperature and bias that training starts from, by loss: those of Radford et al. 2021 and of Zhai et al. 2023
(arXiv 2303.15343, section 3.2)."""


@final
class TwoTowers(Joined):
    """Texts and images as vectors whose inner products are the logits of their belonging together.

    The text's states are averaged over its tokens. Either side is normalised, projected, and brought to length 1. The
    text's side is then multiplied by the scale, the inverse of the learned temperature; and one more dimension holds
    the learned bias on the text's side and 1 on the image's, so that an inner product is `scale · cosine + bias`.

    Args:
        text: transformers' bare encoder.
        settings: `image_width`; `width` and `layers` of the projections; `loss`, `temperature`, and `text`, which is
            `lock` where the encoder stays as it is.
        tower: the image tower, where it learns as well.
    """

    def __init__(self, text: Any, settings: Mapping[str, Any], tower: ImageTower | None = None) -> None:
        super().__init__(text, settings, tower)
        layers, width = settings["layers"], settings["width"]
        self.text_projection = _projection(int(text.config.hidden_size), width, layers)
        self.image_projection = _projection(settings["image_width"], width, layers)
        temperature, bias = START[settings["loss"]]
        self._start = math.log(1 / (settings["temperature"] or temperature)), bias
        self.scale = nn.Parameter(torch.tensor(self._start[0]))
        self.bias = nn.Parameter(torch.tensor(bias), requires_grad=settings["loss"] == "sigmoid")
        self.lock()

    def forward(self, image: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Vectors of texts and images.

        Args:
            image: vectors of the image tower, [batch, 1, image width]: a text has one image; or what it takes (`seen`).
            inputs: of the encoder, each [batch, length].

        Returns:
            [batch, 2, width + 1]: the text's and the image's.
        """
        pooled = averaged(self.text(**inputs).last_hidden_state, inputs["attention_mask"])
        kind = self.scale.dtype  # in bf16 training a locked encoder still computes in fp32
        texts = functional.normalize(self.text_projection(pooled.to(kind)).float(), dim=1)
        images = functional.normalize(self.image_projection(self.seen(image, kind)[:, 0]).float(), dim=1)
        grown = self.scale.float()
        # A scale beyond the largest counts as the largest, but keeps its gradient, by which it can come back.
        scale = (grown - (grown - math.log(LARGEST_SCALE)).clamp(min=0).detach()).exp()
        bias = self.bias.float().expand(len(texts), 1)
        sides = torch.cat([scale * texts, bias], 1), torch.cat([images, torch.ones_like(bias)], 1)
        return torch.stack(sides, 1)

    def start(self) -> None:
        """The scale and the bias that training starts from."""
        nn.init.constant_(self.scale, self._start[0])
        nn.init.constant_(self.bias, self._start[1])


def _projection(before: int, width: int, layers: int) -> nn.Sequential:
    """So many linear layers with GELU between them; vectors of any scale are normalised first."""
    parts: list[nn.Module] = [nn.LayerNorm(before)]
    for _ in range(layers - 1):
        parts += [nn.Linear(before, 2 * width), nn.GELU()]
        before = 2 * width
    return nn.Sequential(*parts, nn.Linear(before, width))
