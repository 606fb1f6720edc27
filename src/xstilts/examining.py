"""A model put to tasks as it is: which of them it can do, and what it predicts."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from xstilts.context import Context
from xstilts.encoders.base import BaseEncoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.errors import EncoderError, UnknownName, UserError
from xstilts.languages import normalise
from xstilts.perturbations import Condition
from xstilts.plan_retrieval import pools, reading, role
from xstilts.predicting import Job, TestSet, predict_sets
from xstilts.recipe import Retrieval
from xstilts.stage import Stage, group_of
from xstilts.stages import run
from xstilts.task_types import Untouched, check_roles, get_trained_type, retrieval_type
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Task
from xstilts.training.machine import resolve_precision
from xstilts.wording import listed

USUAL_LENGTH = 128
"""Tokens an input of tasks without a maximum of their own."""


class Options(TypedDict, total=False):
    """Settings of `evaluate` and `compare` that may be left out."""

    conditions: Sequence[str]
    limit: int | None
    retrieval: Retrieval
    precision: Literal["auto", "fp32", "bf16"]
    threads: int
    max_length: int | None
    catalogue: Catalogue


@dataclass(frozen=True)
class Settings:
    """How a model is tested.

    `limit`: test only so many sources a task. `retrieval`: how sentences are embedded. `max_length`: tokens an
    input of every task; default: the task's own, else 128; never more than the model takes. `catalogue`: where tasks
    are looked up; with `own` tasks it knows those too.
    """

    conditions: Sequence[str] = ("clean",)
    limit: int | None = None
    retrieval: Retrieval = field(default_factory=Retrieval)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int = 2
    max_length: int | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)

    def fitted(self, positions: int | None) -> Settings:
        """The settings with no input longer than `positions`, the tokens that a model takes (None: any number)."""
        most = positions or sys.maxsize
        usual = min(self.max_length or USUAL_LENGTH, most)
        lengths = {
            name: min(self.max_length or task.max_length(usual), most)
            for name, task in self.catalogue.all().items()
        }
        return replace(self, max_length=usual, catalogue=replace(self.catalogue, lengths=lengths))

    def record(self) -> dict[str, Any]:
        """The settings as JSON, the precision made concrete."""
        return {
            "conditions": list(self.conditions),
            "limit": self.limit,
            "retrieval": self.retrieval.model_dump(mode="json"),
            "precision": resolve_precision(self.precision),
            "threads": self.threads,
            "max_length": self.max_length,
        }


@dataclass(frozen=True)
class Examiner:
    """Puts tasks to a model. Rows and layers come from the same stages as in a run, in a scratch store.

    `skipped` collects, in words, what was asked for and left out.
    """

    context: Context
    settings: Settings
    wanted: Sequence[str] | None = None
    skipped: list[str] = field(default_factory=list)

    @property
    def base(self) -> BaseEncoder:
        """The model's encoder, loaded once."""
        return self.context.base()

    def choose(self, names: Sequence[str]) -> list[Task]:
        """The tasks of the names: one by one they must fit, of a suite those are taken that do."""
        every = self.settings.catalogue.all()
        suites = {task.suite for task in every.values()}
        found: dict[str, Task] = {}
        for name in names:
            if name not in every and name not in suites:
                raise UnknownName("task or suite", name, [*every, *suites], "xstilts ls tasks")
            wanted = [every[name]] if name in every else [t for t in every.values() if t.suite == name]
            reasons = {task.name: unfit(task, self.base) for task in wanted}
            if name in every and reasons[name]:
                raise UserError(reasons[name])
            found |= {task.name: task for task in wanted if not reasons[task.name]}
            left = [task for task, reason in reasons.items() if reason]
            if len(left) == len(wanted):
                raise UserError(f"{name}: no task of it is left. " + "\n".join(reasons.values()))
            if left:
                self.skipped.append(f"{', '.join(left)}: the model has no head that fits")
        check_roles(list(found.values()), self.conditions())
        return list(found.values())

    def conditions(self) -> list[Condition]:
        """The conditions, each once."""
        folder = self.context.catalogue.data
        return list(dict.fromkeys(Condition.parse(text, folder) for text in self.settings.conditions))

    def predict(self, task: Task) -> pa.Table:
        """The predictions of all test sets of a task."""
        languages = self.languages(task, "test")
        conditions = self.conditions()
        untouched = Untouched()
        pairs = [
            (language, str(one))
            for language in languages
            for one in untouched.among(task, conditions, language)
        ]
        self.skipped.extend(untouched.lines())
        spec = self._spec(task)
        if retrieval_type(task.type) is not None:
            return self._retrieved(task, spec, pairs)
        rows = {language: self.prepare(task, "test", language, self.settings.limit) for language in languages}
        self._run(rows.values())
        sets = [
            TestSet(self.context.rows(rows[language]), language, one, folder=self.context.catalogue.data)
            for language, one in pairs
        ]
        fitted, checkpoint = with_head(task, self.base)
        return pa.concat_tables(predict_sets(Job(self.base, checkpoint, fitted, spec, {}), sets, {}))

    def _retrieved(self, task: Task, spec: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> pa.Table:
        """Predictions by the stages of a run."""
        read = reading(self, task, self.settings.retrieval, spec, self.base.layer_count)
        layer = role("layer", read.layer(None, "model") if read else None)
        stages = []
        for language, condition in pairs:
            data = self.prepare(task, "test", language, self.settings.limit)
            parents = {**layer, "data": (data,), **pools(self, task, "test", [language])}
            condition_spec = {**(read.spec if read else spec), "condition": condition}
            stages.append(self.add("predict", condition_spec, parents, f"{task.name} {language} {condition}"))
        self._run(stages)
        paths = [self.context.open(stage).path("predictions.parquet") for stage in stages]
        return pa.concat_tables([pq.read_table(path) for path in paths])

    def _spec(self, task: Task) -> dict[str, Any]:
        return {
            "task": {"name": task.name},
            "max_length": self.settings.max_length,
            "precision": resolve_precision(self.settings.precision),
        }

    def prepare(self, task: Task, split: str, language: str, limit: int | None = None) -> Stage:
        """The rows of one split and language: all, or those of `limit` sources."""
        spec = {"task": {"name": task.name}, "split": split, "language": language}
        return Stage("prepare", spec | {"examples": None, "limit": limit})

    def add(
        self, kind: str, spec: Mapping[str, Any], parents: Mapping[str, tuple[Stage, ...]], label: str
    ) -> Stage:
        """A stage in the scratch store."""
        return Stage(kind, spec, parents, label)

    def _run(self, stages: Iterable[Stage]) -> None:
        """Run what the scratch store does not have, parents first, those of a group together."""
        groups: dict[str, dict[str, Stage]] = {}
        for stage in stages:
            if stage.address not in self.context.store:
                self._run(parent for parents in stage.parents.values() for parent in parents)
                groups.setdefault(group_of(stage), {})[stage.key] = stage
        for group in groups.values():
            run([*group.values()], self.context)

    def languages(self, task: Task, split: str) -> list[str]:
        """The languages that are asked for and have a split.

        Raises:
            UserError: none of them has it.
        """
        there = task.source.languages(split)
        wanted = list(there) if self.wanted is None else [normalise(code) for code in self.wanted]
        missing = [code for code in wanted if code not in there]
        if len(missing) == len(wanted):
            hint = " Give a layer instead: retrieval.layer" if split == "dev" else ""
            raise UserError(
                f"{task.name} has no {split} data in {', '.join(wanted) or 'any language'}; it is there for "
                f"{', '.join(there) or 'none'}.{hint}"
            )
        if missing and split == "test":
            self.skipped.append(f"{task.name}: no test data in {', '.join(missing)}")
        return [code for code in dict.fromkeys(wanted) if code in there]


def unfit(task: Task, base: BaseEncoder) -> str:
    """Why a model cannot be put to a task as it is; empty where it can."""
    if retrieval_type(task.type) is not None:
        return ""
    train = "`xstilts run` trains a head: give the model as `encoder:` of a recipe"
    if task.images is not None:
        return f"{task.name} is an image-text task, for which no model with a head is published. {train}"
    wanted = get_trained_type(task.type).auto_class.removeprefix("AutoModel")
    architectures = getattr(base.config, "architectures", None) or ["an encoder"]
    if not any(name.endswith(wanted) for name in architectures):
        return (
            f"{task.name} is a {task.type} task and needs a model with a head for it (…{wanted}); "
            f"{base.spec.name} is {', '.join(architectures)}. {train}"
        )
    labels = _labels(base.config)
    if task.labels and sorted(labels) != sorted(task.labels):
        return (
            f"{task.name}: the model's head has other labels than the task. {base.spec.name} has "
            f"{listed(labels, 6)}; the task has {listed(task.labels, 6)}. {train}"
        )
    return ""


def with_head(task: Task, base: BaseEncoder) -> tuple[Task, Checkpoint]:
    """A checkpoint with the model's own head, and the task with its labels in the head's order.

    Raises:
        EncoderError: weights of the head are missing.
    """
    import numpy as np
    import torch
    import transformers

    from xstilts.encoders.models import read_checkpoint
    from xstilts.encoders.vocabulary import Vocabulary

    task_type = get_trained_type(task.type)
    fitted = replace(task, labels=_labels(base.config)) if task.labels else task
    model, found = getattr(transformers, task_type.auto_class).from_pretrained(
        base.spec.folder, config=copy.deepcopy(base.config), dtype=torch.float32, output_loading_info=True
    )
    if found["missing_keys"]:
        raise EncoderError(
            f"{base.spec.name}: weights of its head are missing: {', '.join(sorted(found['missing_keys'])[:4])}. "
            "Expected a folder as save_pretrained writes it after a training"
        )
    heads = [task_type.head(fitted)]
    whole = Vocabulary(np.arange(len(base.embeddings)))
    read = read_checkpoint(base, Checkpoint.published(base), {task.name: model}, heads, whole)
    return fitted, Checkpoint(base.body, None, read.heads)


def _labels(config: Any) -> tuple[str, ...]:
    """The labels of a model's head, in the order of its outputs."""
    return tuple(str(config.id2label[number]) for number in range(config.num_labels))
