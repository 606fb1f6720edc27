"""Trains on the tiny encoder in as many processes as it is started in; the leading one writes weights and losses."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from training.test_trainer import asked, mood, tags, trained
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.training.processes import processes


def main(encoder: str, out: str) -> None:
    torch.set_num_threads(1)
    base = load_encoder(find_encoder(encoder))
    result = trained(base, mood(21), tags(9), asked(7), dropout=0.0, batch_size=4, cap=1000)
    if processes().leads:
        checkpoint = result.candidates[-1].checkpoint
        heads = {
            f"{task}/{name}": one
            for task, head in checkpoint.heads.items()
            for name, one in head.weights.items()
        }
        arrays = {name: value.numpy() for name, value in (checkpoint.body | heads).items()}
        np.savez(
            Path(out), loss=np.array(result.loss), count=processes().count, tokens=result.tokens, **arrays
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
