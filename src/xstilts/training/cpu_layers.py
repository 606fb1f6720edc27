"""Layers that suit training on a CPU, put into a model that transformers has made."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from xstilts.encoders.models import encoder_of
from xstilts.encoders.skipping import known_layers
from xstilts.training.cpu_attention import ATTENTION, attention
from xstilts.training.cpu_dropout import Dropout
from xstilts.training.cpu_self_attention import self_attention


def suit_cpu(model: Any) -> None:
    """Let a model use these layers; its weights stay, and what it computes up to rounding and random numbers.

    A head of ours has no attention that transformers knows: there it is the encoder inside that gets ours.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
    encoder = encoder_of(model)
    if encoder.config._attn_implementation == "sdpa":
        AttentionInterface.register(ATTENTION, attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        encoder.set_attn_implementation(ATTENTION)
        for layer in known_layers(encoder):
            own = layer.attention.self
            own.forward = partial(self_attention, own)
