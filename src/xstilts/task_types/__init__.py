"""The task types, by name; a new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xstilts.errors import RecipeError, UnknownName
from xstilts.metrics import get_metric
from xstilts.perturbations import Condition
from xstilts.task_types.answer_retrieval import AnswerRetrieval
from xstilts.task_types.base import TaskType, TrainedType
from xstilts.task_types.bitext_mining import BitextMining
from xstilts.task_types.classification import Classification
from xstilts.task_types.image_text_classification import ImageTextClassification
from xstilts.task_types.image_text_retrieval import ImageTextRetrieval
from xstilts.task_types.multiple_choice import MultipleChoice
from xstilts.task_types.retrieval import RetrievalType
from xstilts.task_types.sentence_retrieval import SentenceRetrieval
from xstilts.task_types.span_qa import SpanQa
from xstilts.task_types.tagging import Tagging
from xstilts.tasks.base import Task

TASK_TYPES: dict[str, TaskType] = {
    task_type.name: task_type
    for task_type in (
        *(Classification(), MultipleChoice(), Tagging(), SpanQa()),
        *(SentenceRetrieval(), BitextMining(), AnswerRetrieval()),
        *(ImageTextRetrieval(), ImageTextClassification()),
    )
}


def get_task_type(name: str) -> TaskType:
    """The task type of this name.

    Raises:
        UnknownName: there is none.
    """
    if name not in TASK_TYPES:
        raise UnknownName("task type", name, TASK_TYPES)
    return TASK_TYPES[name]


def metrics_of(task: Task) -> tuple[str, ...]:
    """The metrics of a task: its own, else its type's first. The first one judges, on dev and in verdicts.

    Raises:
        RecipeError: a metric that does not fit the task's type.
    """
    fitting = get_task_type(task.type).metrics
    for metric in task.metrics:
        if get_metric(metric).name not in fitting:
            raise RecipeError(
                f"{task.name}: the metric {metric!r} does not fit a {task.type} task. Expected: {', '.join(fitting)}"
            )
    return task.metrics or fitting[:1]


def check_roles(tasks: Sequence[Task], conditions: Iterable[Condition]) -> None:
    """Refuse a condition whose role is a text of no task; where some have it, the others are left out.

    Raises:
        RecipeError: such a condition, with the texts that the tasks have.
    """
    for condition in conditions:
        fitting = [task for task in tasks if condition.is_for(task.type, task.labels)]
        have = {task.type: _roles(task, condition) for task in fitting}
        if fitting and condition.role and not any(condition.role in roles for roles in have.values()):
            told = [f"A {name} task has {', '.join(roles)}" for name, roles in have.items()]
            raise RecipeError(f"condition {condition}: no such role. {'. '.join(told)}")


def takes(task: Task, condition: Condition, language: str) -> bool:
    """Whether a condition changes anything in the test input of a task in a language; clean counts as taken."""
    return not _idle(task, condition, language)


def _roles(task: Task, condition: Condition) -> tuple[str, ...]:
    """The columns of a task that a condition may act on: texts, or images."""
    kind = get_task_type(task.type)
    return kind.roles if condition.modality in {"", "text"} else kind.pictures


def _idle(task: Task, condition: Condition, language: str) -> str:
    """Why a condition changes nothing in the test input of a task in a language; empty where it does."""
    roles = _roles(task, condition)
    if condition.is_for(task.type, task.labels) and condition.role and condition.role not in roles:
        return f"acts on none of its texts ({', '.join(roles)}), and is left out in"
    if condition.modality == "image" and task.images is not None and task.images.given(language):
        return "changes images, of which there are only features, in"
    return condition.idle(language, task.type, "tokens" in roles, task.labels)


@dataclass(frozen=True)
class Untouched:
    """Where a condition changes nothing, collected over the languages of tasks, so that it can be said in a line."""

    languages: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def among(self, task: Task, conditions: Iterable[Condition], language: str) -> Iterator[Condition]:
        """Those of the conditions that a task takes in a language; the others are noted."""
        for condition in conditions:
            if takes(task, condition, language):
                yield condition
            else:
                reason = _idle(task, condition, language)
                noted = self.languages.setdefault((task.name, str(condition), reason), [])
                noted.extend([language] * (language not in noted))

    def lines(self) -> list[str]:
        """A line for each task, condition and reason."""
        return [
            f"{task}: {condition} {reason} {', '.join(languages)}"
            for (task, condition, reason), languages in self.languages.items()
        ]


def family_of(task: Task) -> str:
    """`trained`, `retrieval` or `image-text`: what a task's results may be averaged with."""
    return get_task_type(task.type).family_of(task)


def is_trained(task: Task) -> bool:
    """Whether a target is trained before it is tested."""
    return get_task_type(task.type).trains(task)


def get_trained_type(name: str) -> TrainedType:
    """The task type of this name, which must be one that can be trained."""
    task_type = get_task_type(name)
    if not isinstance(task_type, TrainedType):
        trained = [one.name for one in TASK_TYPES.values() if isinstance(one, TrainedType)]
        raise UnknownName("task type with a training", name, trained)
    return task_type


def search_words(task: Task) -> dict[str, str | None]:
    """`direction` and `scoring` of a task's search, for result tables; None where nothing is searched."""
    kind = retrieval_type(task.type)
    if kind is None:
        return {"direction": None, "scoring": None}
    return {"direction": kind.direction, "scoring": kind.scoring(task)}


def retrieval_type(name: str) -> RetrievalType | None:
    """The task type of this name if its predictions are found by comparing vectors, else None."""
    task_type = get_task_type(name)
    return task_type if isinstance(task_type, RetrievalType) else None


__all__ = [
    "TASK_TYPES",
    "RetrievalType",
    "TaskType",
    "TrainedType",
    "Untouched",
    "family_of",
    "get_task_type",
    "get_trained_type",
    "is_trained",
    "metrics_of",
    "retrieval_type",
    "search_words",
    "takes",
]
