"""A checkpoint: an encoder's body, the embedding rows that changed, and a head for each task it was trained on.

It refers to the published encoder by fingerprint and so holds tens of megabytes, not the embedding table again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.encoders.base import BaseEncoder
from xstilts.encoders.vocabulary import Rows

if TYPE_CHECKING:
    import torch

    from xstilts.store import Artifact

Weights = dict[str, "torch.Tensor"]

OURS = {"TwoTowers": "xstilts.encoders.two_towers", "Fusion": "xstilts.encoders.fusion"}
"""The classes of heads that join texts and images, the only ones that are not of transformers, and their modules."""

TOWER = "tower."
"""What the names of an image tower's weights begin with, among those of a head that it was tuned with."""

BODY, ROWS, CARD = "body.safetensors", "rows.safetensors", "checkpoint.json"


@dataclass(frozen=True)
class HeadSpec:
    """What a head is for: a task, the class that has it, and the names of its classes.

    The class is one of transformers', or one of `OURS`, whose `settings` say how text and images are joined.
    """

    task: str
    auto_class: str
    labels: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """A trained head: every weight of its model that is not the encoder's, those of a tuned image tower among them."""

    spec: HeadSpec
    weights: Weights


@dataclass(frozen=True)
class Checkpoint:
    """An encoder's state between stages; tensors are on the CPU, in fp32."""

    body: Weights
    rows: Rows | None
    heads: dict[str, Head]

    @classmethod
    def published(cls, base: BaseEncoder) -> Checkpoint:
        """The encoder as it was published, without heads."""
        return cls(base.body, None, {})

    def save(self, folder: Path) -> None:
        """Write the checkpoint's files into a folder."""
        import torch
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in self.body.items()}, folder / BODY)
        if self.rows is not None:
            save_file({"ids": torch.from_numpy(self.rows.ids), "values": self.rows.values}, folder / ROWS)
        for number, head in enumerate(self.heads.values()):
            (folder / "heads").mkdir(exist_ok=True)
            save_file(
                {name: value.contiguous() for name, value in head.weights.items()},
                folder / _head_file(number),
            )
        card = {"heads": [asdict(head.spec) for head in self.heads.values()], "rows": self.rows is not None}
        (folder / CARD).write_text(json.dumps(card), "utf-8")

    @classmethod
    def load(cls, artifact: Artifact, folder: str) -> Checkpoint:
        """Read a checkpoint from a folder inside an artifact, hashes checked."""
        from safetensors.torch import load_file

        card = json.loads(artifact.path(f"{folder}/{CARD}").read_text("utf-8"))
        rows = None
        if card["rows"]:
            stored = load_file(artifact.path(f"{folder}/{ROWS}"))
            rows = Rows(stored["ids"].numpy().astype(np.int64), stored["values"])
        heads = {}
        for number, entry in enumerate(card["heads"]):
            labels, settings = tuple(entry["labels"]), entry.get("settings", {})
            spec = HeadSpec(entry["task"], entry["auto_class"], labels, settings)
            heads[spec.task] = Head(spec, load_file(artifact.path(f"{folder}/{_head_file(number)}")))
        return cls(load_file(artifact.path(f"{folder}/{BODY}")), rows, heads)


def average(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The mean of checkpoints of one training, weight by weight (Schmidt et al. 2023, arXiv 2305.16834)."""
    import torch

    first = checkpoints[0]

    def mean(parts: list[Weights]) -> Weights:
        return {
            name: torch.stack([part[name] for part in parts]).mean(0) if value.is_floating_point() else value
            for name, value in parts[0].items()
        }  # a count, such as of the batches that a norm has seen, is the same in all

    rows = None
    if first.rows is not None:
        values = [checkpoint.rows.values for checkpoint in checkpoints if checkpoint.rows is not None]
        rows = Rows(first.rows.ids, torch.stack(values).mean(0))
    heads = {
        task: Head(head.spec, mean([checkpoint.heads[task].weights for checkpoint in checkpoints]))
        for task, head in first.heads.items()
    }
    return Checkpoint(mean([checkpoint.body for checkpoint in checkpoints]), rows, heads)


def _head_file(number: int) -> str:
    return f"heads/{number}.safetensors"
