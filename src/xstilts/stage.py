"""A stage: one unit of work, and the content key that its result is kept under."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xstilts.hashing import digest
from xstilts.store import Address

WEIGHTS = {"train": "candidates", "select": "checkpoint"}
"""Kinds of stage with model weights, which are an artifact of their own under the same key: pruning may delete them,
while the facts about them stay. So it may what a tuned image tower saw, which one model's predictions alone read."""
SEEN = "seen"
"""The kind of artifact that holds that."""

WEIGHT_ROLES = frozenset({"train", "init", "checkpoint", "images"})
"""Roles in which a parent's weights are read, and not its facts alone."""

VERSIONS = {"prepare": 1, "features": 1, "train": 5, "select": 1, "predict": 2, "score": 1}
"""Raised when a stage's code would give another result for the same spec."""


@dataclass(frozen=True, eq=False)
class Stage:
    """One unit of work. `parents` are by role; `label` is for people and not part of the key."""

    kind: str
    spec: Mapping[str, Any]
    parents: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    label: str = ""

    @cached_property
    def key(self) -> str:
        """Content key, 64 hex digits."""
        parents = {role: [stage.key for stage in stages] for role, stages in self.parents.items()}
        return digest([self.kind, VERSIONS[self.kind], self.spec, parents])

    @cached_property
    def address(self) -> Address:
        """Where the store keeps the result."""
        return Address(self.kind, self.key)

    @cached_property
    def weights(self) -> Address | None:
        """Where the store keeps the result's weights, if it has any."""
        kind = None if self.spec.get("rule") == "layer" else WEIGHTS.get(self.kind)
        if self.kind == "features" and "checkpoint" in self.parents:
            kind = SEEN
        return Address(kind, self.key) if kind else None

    def is_in(self, present: Collection[Address], weights: bool = False) -> bool:
        """Whether the result is among what is present, with its weights if they are asked for."""
        return self.address in present and not (
            weights and self.weights is not None and self.weights not in present
        )

    def parent(self, role: str) -> Stage | None:
        """The only parent in a role, or None."""
        stages = self.parents.get(role, ())
        return stages[0] if stages else None


def group_of(stage: Stage) -> str:
    """Stages with the same group run together: predictions of one checkpoint and task, images of one tuned tower."""
    if stage.kind == "features" and "checkpoint" in stage.parents:
        return f"features/{stage.parents['checkpoint'][0].key}"
    if stage.kind == "predict":
        # by pool, as each language's own candidates are embedded apart
        roles = ("checkpoint", "layer", "pool")
        parents = [parent.key for role in roles for parent in stage.parents.get(role, ())]
        return "/".join(["predict", stage.spec["task"]["name"], str(stage.spec.get("sweep")), *parents])
    return stage.key


def data_revision(prediction: Stage) -> str:
    """What a prediction was made on: the fingerprint of its rows, joined with those of their candidates."""
    read = [stage for role in ("data", "pool") for stage in prediction.parents.get(role, ())]
    return joined_revision([stage.spec["data"] for stage in read])


def joined_revision(fingerprints: Sequence[str]) -> str:
    """One fingerprint for the data of several stages; that of one is its own.

    Example:
        >>> joined_revision(["abc"])
        'abc'
    """
    return fingerprints[0] if len(fingerprints) == 1 else digest(list(fingerprints))
