"""What stages work with: store, tasks, encoder and image tower, and what was read of them already."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xstilts import predicting
from xstilts.encoders.base import BaseEncoder, EncoderSpec, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.towers import ImageTower, TowerSpec, load_tower
from xstilts.plan_images import holds
from xstilts.saved import read_parquet
from xstilts.seeing import Look, Seen, check_sizes
from xstilts.stage import Stage
from xstilts.store import Artifact, Store
from xstilts.task_types import get_task_type
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row, Task
from xstilts.training.machine import set_threads

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Context:
    """What stages work with: none of it can change a result, but the tasks and the encoder that keys name."""

    store: Store
    catalogue: Catalogue
    encoder: EncoderSpec
    threads: int = 2
    micro_batch: int | None = None
    progress: Progress = lambda label, done, total: None
    rows_cache: dict[str, list[Row]] = field(default_factory=dict)
    tokens_cache: dict[str, Any] = field(default_factory=dict)
    tower: TowerSpec | None = None
    seen_cache: dict[str, Seen] = field(default_factory=dict)

    def open(self, stage: Stage) -> Artifact:
        """The result of a stage."""
        return self.store.open(stage.address)

    def base(self) -> BaseEncoder:
        """The published encoder, loaded once, beside the image tower."""
        set_threads(self.threads)
        base = load_encoder(self.encoder)
        return base if self.tower is None else replace(base, tower=self.tower)

    def rows(self, stage: Stage) -> list[Row]:
        """The rows that a prepare stage made."""
        if stage.key in self.rows_cache:
            return self.rows_cache[stage.key]
        text = read_parquet(self.open(stage).path("rows.parquet"))["row"].to_pylist()
        rows = [json.loads(row) for row in text]
        if len(rows) < predicting.MANY:
            self.rows_cache[stage.key] = rows
        return rows

    def shown(self, stage: Stage, data: Stage) -> list[Row]:
        """The rows that a prepare stage made, with the vectors of their images where `stage` has such for them."""
        task = self.catalogue.get(data.spec["task"]["name"])
        rows = self.rows(data)
        if task.images is None:
            return rows
        return self.seen(stage, data, task).shown(rows)

    def seen(self, stage: Stage, data: Stage, task: Task) -> Seen:
        """The vectors that `stage` has of the images of a prepare stage's rows."""
        found = next(one for one in stage.parents["images"] if holds(one, data, task))
        if found.key not in self.seen_cache:
            self.seen_cache[found.key] = Seen.load(self.store.open(found.weights or found.address))
        return self.seen_cache[found.key]

    def forget(self, stages: Sequence[Stage]) -> None:
        """Let go of what tuned image towers saw for stages: nothing else reads it, and it may be pruned."""
        for stage in stages:
            for one in stage.parents.get("images", ()):
                if one.weights is not None:
                    self.seen_cache.pop(one.key, None)

    def sizes(self, stage: Stage, data: Stage, task: Task) -> dict[str, int]:
        """The sizes of the vectors that are read of the images of a prepare stage's rows."""
        seen = self.seen(stage, data, task)
        if seen.are_pixels:
            parts = task.towers["parts"] if get_task_type(task.type).reads_parts else 1
            seen = Seen(Look(self.eyes(), parts=parts).seen(seen.vectors[:1]), seen.names[:1])
        return seen.sizes

    def eyes(self) -> ImageTower:
        """The published image tower, the last one of which is kept in memory."""
        assert self.tower is not None
        return load_tower(self.tower)

    def task(self, stage: Stage, data: Stage) -> Task:
        """The task of a prepare stage's rows; one with images has the sizes of the vectors that `stage` has of them."""
        task = self.catalogue.get(data.spec["task"]["name"])
        if task.images is None:
            return task
        return replace(task, towers={**task.towers, **self.sizes(stage, data, task)})

    def check_sizes(self, stage: Stage, data: Stage, checkpoint: Checkpoint) -> None:
        """Raise DataError unless the vectors of a test set's images are as large as those a checkpoint has seen."""
        task = self.catalogue.get(data.spec["task"]["name"])
        if task.images is not None:
            trained = checkpoint.heads[task.name].spec.settings
            check_sizes(stage.label, self.sizes(stage, data, task), trained)

    def checkpoint(self, stage: Stage | None) -> Checkpoint:
        """The checkpoint that a select stage chose; the published encoder for None."""
        if stage is None:
            return Checkpoint.published(self.base())
        return Checkpoint.load(self.weights(stage), "checkpoint")

    def weights(self, stage: Stage) -> Artifact:
        """The weights that a train or select stage made."""
        assert stage.weights is not None
        return self.store.open(stage.weights)
