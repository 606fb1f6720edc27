"""What a retrieval adds to a plan: candidates, and the layer that is read, chosen by a sweep on dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xstilts.errors import RecipeError
from xstilts.metrics import get_metric
from xstilts.recipe import Retrieval
from xstilts.stage import Stage
from xstilts.task_types import RetrievalType, is_trained, metrics_of, retrieval_type
from xstilts.tasks.base import CANDIDATES, Task


class Maker(Protocol):
    """Who makes stages: the planner of a recipe, or the evaluation of one model."""

    def languages(self, task: Task, split: str) -> Sequence[str]:
        """The languages of a split that are asked for."""
        ...

    def prepare(self, task: Task, split: str, language: str) -> Stage:
        """All rows of a split and language."""
        ...

    def add(
        self, kind: str, spec: Mapping[str, Any], parents: Mapping[str, tuple[Stage, ...]], label: str
    ) -> Stage:
        """A stage; the same one for the same content."""
        ...


@dataclass(frozen=True)
class Reading:
    """How texts of one task are embedded for a search whose layer is chosen.

    `spec` is that of its predictions, without the condition.
    """

    maker: Maker
    task: Task
    kind: RetrievalType
    retrieval: Retrieval
    spec: Mapping[str, Any]

    @property
    def rules(self) -> list[str]:
        """The post-processings."""
        return list(self.retrieval.postprocess)

    def layer(self, checkpoint: Stage | None, label: str) -> Stage:
        """The layer to read, chosen on the dev part of all languages, or given.

        Where dev decides something beside the layer, it is asked with a layer that is given, too.

        Raises:
            RecipeError: such a task has no dev data in a language that is tested.
        """
        task, layer = self.task, self.retrieval.layer
        spec: dict[str, Any] = {"rule": "layer", "layer": layer, "postprocess": self.rules}
        if layer != "sweep" and not self.kind.tunes:
            return self.maker.add("select", spec, {}, f"layer {layer}")
        languages = self._tuned() if self.kind.tunes else self.maker.languages(task, "dev")
        parents = {"data": tuple(self.maker.prepare(task, "dev", language) for language in languages)}
        sweep = self.maker.add(
            "predict",
            {**self.spec, "sweep": layer, "condition": "clean"},
            parents | pools(self.maker, task, "dev", languages) | role("checkpoint", checkpoint),
            f"sweep {label}: layers on {task.name}",
        )
        metric = get_metric(metrics_of(task)[0])
        spec["metric"] = [metric.name, metric.rules_version]
        return self.maker.add("select", spec, {"sweep": (sweep,)}, f"select {label}: layer for {task.name}")

    def _tuned(self) -> Sequence[str]:
        """The languages to tune on: those that are tested, each of which must have dev data."""
        tested, there = self.maker.languages(self.task, "test"), self.task.source.languages("dev")
        missing = [language for language in tested if language not in there]
        if missing:
            raise RecipeError(
                f"{self.task.name} has no dev data in {', '.join(missing)}, on which the threshold is chosen; it is "
                f"there for {', '.join(there) or 'no language'}. Set test rows aside with `dev_from: test`, or leave "
                "the languages out"
            )
        return tested


def reading(
    maker: Maker, task: Task, retrieval: Retrieval, spec: Mapping[str, Any], depth: int | None
) -> Reading | None:
    """How a task's texts are embedded; None where a training decides it, or where there is a head.

    Args:
        maker: makes the stages.
        task: a target.
        retrieval: the recipe's section.
        spec: what enters the keys of the task's predictions besides.
        depth: layers of the encoder, where known.

    Raises:
        RecipeError: a scoring that the task's type does not have, or a layer that the encoder does not have.
    """
    kind = retrieval_type(task.type)
    if kind is not None:
        kind.scoring(task)
    if kind is None or is_trained(task):
        return None
    layer = retrieval.layer
    if layer != "sweep" and not 0 <= layer <= (depth or layer):
        raise RecipeError(f"retrieval.layer: {layer} is none of the encoder's layers, 0 to {depth}")
    embedding: dict[str, Any] = {"pooling": retrieval.pooling, "postprocess": list(retrieval.postprocess)}
    if retrieval.prefix is not None:  # else the keys are those of runs from before there was such a setting
        embedding["prefix"] = retrieval.prefix.model_dump()
    return Reading(maker, task, kind, retrieval, {**spec, **embedding})


def pools(maker: Maker, task: Task, split: str, languages: Sequence[str]) -> dict[str, tuple[Stage, ...]]:
    """The candidates of a split as parents in the role `pool`: those of some languages, or of all that there are.

    A pool over all languages is the task's, whatever languages are tested: else results could not be compared. Where
    there is none in any language, the rows' own answers are the candidates.
    """
    found = pool_languages(task, split, languages)
    return {"pool": tuple(maker.prepare(task, split + CANDIDATES, code) for code in found)} if found else {}


def pool_languages(task: Task, split: str, languages: Sequence[str]) -> tuple[str, ...]:
    """The languages whose candidates are searched when rows of some languages are tested."""
    kind = retrieval_type(task.type)
    if kind is None or not kind.pool:
        return ()
    if kind.pool == "language" and not kind.own_candidates:
        return tuple(languages)
    there = task.source.languages(split + CANDIDATES)
    return there if kind.pool == "all" else tuple(code for code in languages if code in there)


def role(name: str, stage: Stage | None) -> dict[str, tuple[Stage, ...]]:
    """A parent in its role, or nothing where there is none."""
    return {} if stage is None else {name: (stage,)}
