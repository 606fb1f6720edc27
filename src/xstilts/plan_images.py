"""What images add to a plan: a stage that puts each set of them to the image tower, once for every condition.

A tower that is tuned is another one for every model. What trains and judges it reads images as it takes them, and each
set that is tested is put to the tower of the model that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from xstilts.errors import RecipeError
from xstilts.perturbations import CLEAN, Condition
from xstilts.recipe import Recipe
from xstilts.stage import Stage
from xstilts.task_types import get_task_type
from xstilts.tasks.base import FEW_SHOT, TRANSLATED, Task

Parents = dict[str, tuple[Stage, ...]]


class Maker(Protocol):
    """Who makes stages."""

    def prepare(
        self, task: Task, split: str, language: str, examples: int | None = None, limit: int | None = None
    ) -> Stage:
        """The rows of a split and language."""
        ...

    def add(
        self, kind: str, spec: Mapping[str, Any], parents: Mapping[str, tuple[Stage, ...]], label: str
    ) -> Stage:
        """A stage; the same one for the same content."""
        ...


def images_of(
    maker: Maker,
    data: Iterable[tuple[Task, Stage]],
    condition: Condition = CLEAN,
    tested: tuple[Stage, ...] = (),
) -> Parents:
    """The images that rows name, as parents in the role `images`; nothing where no task has images.

    Args:
        maker: makes the stages.
        data: tasks, and the stages that prepare their rows.
        condition: of the test input; one on texts leaves the images as they are.
        tested: the checkpoint that is tested, if any is: where towers are tuned, its own sees the images.

    Raises:
        RecipeError: a tower is to be tuned, but of a task's images there are features alone.
    """
    of_images = condition.modality in {"image", "features"}
    stages = [
        _seen(maker, task, rows, condition if of_images else CLEAN, tested if task.tunes_tower else ())
        for task, rows in data
        if task.images is not None
    ]
    return {"images": tuple(dict.fromkeys(stages))} if stages else {}


def _seen(maker: Maker, task: Task, data: Stage, condition: Condition, tested: tuple[Stage, ...]) -> Stage:
    """The vectors of all images of a set: that of the language whose rows name them for others as well."""
    assert task.images is not None
    own = data.spec["split"], data.spec["language"]
    split, shown = _shown(task, *own)
    if (split, shown) != own:
        examples, limit = data.spec["examples"], data.spec["limit"]
        if (examples or limit) and _sources(task, split, shown) != _sources(task, *own):
            examples = limit = None  # a sample of one is no sample of the other
        data = maker.prepare(task, split, shown, examples and examples[1], limit)
    given = task.images.given(shown) is not None
    if given and task.tunes_tower:
        raise RecipeError(
            f"images.image: tune, but of {task.name}'s images in {shown} there are only features, from which no image "
            f"tower can learn. Put image files where `xstilts show {task.name}` says, or say `images: {{image: lock}}`"
        )
    spec = {
        "images": task.images.fingerprint(split, shown),
        "tower": None if given else task.towers["tower"],
        "condition": str(condition),
        **({"parts": 0} if task.tunes_tower and not tested else _parts(task, given)),
        **condition.identity(shown),
    }
    parents = {"rows": (data,)} | ({"checkpoint": tested} if tested else {})
    by = "".join(f", {one.label.removeprefix('select ')}" for one in tested)
    return maker.add("features", spec, parents, f"images of {task.name} {split} {shown} {condition}{by}")


def _shown(task: Task, split: str, language: str) -> tuple[str, str]:
    """The split and language whose rows name the images of a set.

    Few-shot rows have images of their own; those of translated rows are the test's.
    """
    assert task.images is not None
    if split.startswith(FEW_SHOT):
        return split, language
    return "test" if split == TRANSLATED else split, task.images.of(language)


def _parts(task: Task, given: bool) -> dict[str, Any]:
    """Of how many parts of an image vectors are kept, where there may be several; all, of those that are given."""
    if not get_task_type(task.type).reads_parts or task.towers["parts"] == 1:
        return {}
    return {"parts": "all" if given else task.towers["parts"]}


_SOURCES: dict[tuple[str, str], frozenset[str]] = {}
"""By task and fingerprint of its rows: every arm, seed and condition of a plan asks for the same ones."""


def _sources(task: Task, split: str, language: str) -> frozenset[str]:
    key = task.name, task.source.fingerprint(split, language)
    if key not in _SOURCES:
        _SOURCES[key] = frozenset(row["source"] for row in task.source.rows(split, language))
    return _SOURCES[key]


def joining(task: Task) -> dict[str, Any]:
    """What of a task's joining of texts and images can change a result; nothing where it has no images.

    Where vectors come with a task no image tower is used.
    """
    if task.images is None:
        return {}
    given = task.images.given(task.images.of(task.train_language)) is not None
    tower = {} if given else {name: task.towers[name] for name in ("tower", "image_width")}
    return {"towers": get_task_type(task.type).joining(task) | tower}


def holds(seen: Stage, data: Stage, task: Task) -> bool:
    """Whether a features stage holds the images of a prepare stage's rows."""
    (rows,) = seen.parents["rows"]
    there, wanted = rows.spec, data.spec
    place = there["split"], there["language"]
    same = there["task"]["name"] == task.name
    return bool(same and place == _shown(task, wanted["split"], wanted["language"]))


def check_arms(recipe: Recipe, tasks: Mapping[str, Task]) -> None:
    """Image-text tasks are targets: what they would teach an encoder as intermediates is not looked into.

    Raises:
        RecipeError: an arm has one.
    """
    for arm, settings in recipe.arms.items():
        for name in settings.tasks:
            if name in tasks and tasks[name].images is not None:
                raise RecipeError(
                    f"arms.{arm}: {name} is an image-text task, which stands under targets. Expected text tasks here"
                )
