"""A text encoder whose states attend to the parts of one or two images, and a classifier of what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from xstilts.encoders.joined import Joined, averaged
from xstilts.encoders.towers import ImageTower

HEAD_WIDTH = 64
"""Width of an attention head, as in most transformers; a narrower model has one head."""
IMAGES = 2
"""Images that a text may be about."""


@final
class Fusion(Joined):
    """A label for a text and its images.

    The states of the text's tokens and the vectors of the images' parts are normalised and projected to one width. A
    vector that is learned for every place among the parts, and one for the first and one for the second image, is added
    to the parts. Layers follow in which tokens attend to each other and then to all parts (those of torch's
    `TransformerDecoderLayer`, normalised first and not causal), as in the multimodal encoder of Li et al. 2021 (ALBEF,
    arXiv 2107.07651, section 3.1). The tokens' states are averaged and classified by two linear layers.

    Args:
        text: transformers' bare encoder; its configuration says how many labels there are.
        settings: `image_width` and `image_parts`; `width` and `layers` of the fusion; and `text`, which is `lock`
            where the encoder stays as it is.
        tower: the image tower, where it learns as well.
    """

    def __init__(self, text: Any, settings: Mapping[str, Any], tower: ImageTower | None = None) -> None:
        super().__init__(text, settings, tower)
        width, rate = settings["width"], _dropout(text.config)
        self.text_projection = _projection(int(text.config.hidden_size), width)
        self.image_projection = _projection(settings["image_width"], width)
        self.places = nn.Parameter(torch.zeros(settings["image_parts"], width))
        self.which = nn.Parameter(torch.zeros(IMAGES, width))
        self.layers = nn.ModuleList(_layer(width, rate) for _ in range(settings["layers"]))
        self.classifier = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(rate),
            nn.Linear(width, int(text.config.num_labels)),
        )
        self.lock()

    def start(self) -> None:
        """Places and images are told apart by small random vectors, as transformers' own embeddings are."""
        for vectors in (self.places, self.which):
            nn.init.normal_(vectors, std=0.02)

    def forward(self, image: torch.Tensor, **inputs: torch.Tensor) -> SequenceClassifierOutput:
        """Logits of the labels, [batch, labels].

        Args:
            image: vectors of the image tower, [batch, images, parts, image width]; or [batch, images, image width],
                where an image has one vector; or what the tower takes (`seen`).
            inputs: of the encoder, each [batch, length].
        """
        kind = self.places.dtype  # in bf16 training a locked encoder still computes in fp32
        states = self.text_projection(self.text(**inputs).last_hidden_state.to(kind))
        image = self.seen(image, kind)
        if image.ndim == 3:
            image = image[:, :, None]
        parts = self.image_projection(image) + self.places
        parts = (parts + self.which[: image.shape[1], None]).flatten(1, 2)
        padding = inputs["attention_mask"] == 0
        for layer in self.layers:
            states = layer(states, parts, tgt_key_padding_mask=padding)
        logits = self.classifier(averaged(states, inputs["attention_mask"]))
        return SequenceClassifierOutput(logits=logits)


def _projection(before: int, width: int) -> nn.Sequential:
    """Vectors of any scale normalised, and projected."""
    return nn.Sequential(nn.LayerNorm(before), nn.Linear(before, width))


def _layer(width: int, rate: float) -> nn.TransformerDecoderLayer:
    heads = max(1, width // HEAD_WIDTH)
    while width % heads:
        heads -= 1
    return nn.TransformerDecoderLayer(
        width, heads, 4 * width, rate, activation="gelu", batch_first=True, norm_first=True
    )


def _dropout(config: Any) -> float:
    """The rate of the encoder's own layers, under the name that its family has for it."""
    names = ("hidden_dropout_prob", "hidden_dropout", "mlp_dropout", "dropout")
    rates = (getattr(config, name, None) for name in names)
    return float(next((rate for rate in rates if isinstance(rate, float)), 0.0))
