"""WHAT is asked: tasks by name, the shipped suites' and those that a recipe brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from xstilts.errors import UnknownName, UserError
from xstilts.tasks import iglue, multi30k, pocket, stilts, xtreme, xtreme_r
from xstilts.tasks.base import Task

SUITES: dict[str, Callable[[Path | None], tuple[Task, ...]]] = {
    "pocket": lambda data: pocket.TASKS,
    "stilts": stilts.tasks,
    "xtreme": xtreme.tasks,
    "xtreme-r": xtreme_r.tasks,
    "iglue": iglue.tasks,
    "captions": multi30k.tasks,
}
"""The shipped suites, by name: what makes their tasks, given the folder with benchmark data."""


@dataclass(frozen=True)
class Catalogue:
    """The tasks that names mean: those shipped and `own`. `data` is the folder with benchmark data, if there is one.

    `lengths` are the tokens of an input of tasks by name, in place of what these say themselves. `towers` says how
    the image-text tasks join text and images (`Task.towers`). With `lenient_images`, images that cannot be read are
    left out.

    Example:
        >>> Catalogue().get("pocket/intents").type
        'classification'
    """

    own: Mapping[str, Task] = field(default_factory=dict)
    data: Path | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    towers: Mapping[str, Any] = field(default_factory=dict)
    lenient_images: bool = False

    def __post_init__(self) -> None:
        if self.data is not None and not self.data.is_dir():
            raise UserError(f"--data {self.data} is not a folder")

    @cached_property
    def suites(self) -> dict[str, tuple[Task, ...]]:
        """The shipped tasks by suite."""
        return {name: tasks(self.data) for name, tasks in SUITES.items()}

    @cached_property
    def _shipped(self) -> dict[str, Task]:
        """The shipped tasks by name, as they are to be used."""
        return {task.name: self._set_up(task) for tasks in self.suites.values() for task in tasks}

    def all(self) -> dict[str, Task]:
        """Every task by name."""
        return self._shipped | {name: self._set_up(task) for name, task in self.own.items()}

    def _set_up(self, task: Task) -> Task:
        """A task with what the catalogue says of its images and the length of its inputs."""
        if task.images is not None:
            images = task.images.leniently() if self.lenient_images else task.images
            task = replace(task, images=images, towers=self.towers or task.towers)
        tokens = self.lengths.get(task.name)
        return task if tokens is None else task.at_length(tokens)

    def get(self, name: str) -> Task:
        """The task of this name.

        Raises:
            UnknownName: there is none.
        """
        if name in self.own:
            return self._set_up(self.own[name])
        tasks = self._shipped
        if name not in tasks:
            raise UnknownName("task", name, self.all(), "xstilts ls tasks")
        return tasks[name]
