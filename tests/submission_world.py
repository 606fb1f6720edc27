"""A synthetic benchmark: a few items in each of a suite's files, their labels, and predictions partly right."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.submissions import Suite, TaskFiles
from xstilts.submissions.lines import Choices, Indices, Labels, Pairs, Tags
from xstilts.submissions.objects import Rankings

ITEMS = 5
ANSWERS = ("in 1969", "the moon", "Neil", "北京大学", "العالم")


def labels_of(task: TaskFiles, code: str) -> Any:
    """Right answers of one language, of the form that predictions have; of questions the id and its answers."""
    chance = random.Random(f"{task.name}-{code}")
    form = task.format
    if isinstance(form, Labels):
        return [chance.choice(form.labels) for _ in range(ITEMS)]
    if isinstance(form, Tags):
        return [[chance.choice(form.labels) for _ in range(length)] for length in (3, 1, 4)]
    if isinstance(form, Indices):
        return chance.sample(range(ITEMS), ITEMS)
    if isinstance(form, Choices):
        return [chance.randrange(form.choices) for _ in range(ITEMS)]
    if isinstance(form, Pairs):
        return [(f"{code}-{number}", f"en-{number + 100}") for number in range(ITEMS)]
    if isinstance(form, Rankings):
        return {f"{code}-q{number}": [f"Q{number}"] for number in range(ITEMS)}
    return {f"{code}-q{number}": [answer] for number, answer in enumerate(ANSWERS)}


def predictions_of(task: TaskFiles, code: str) -> Any:
    """Predictions of one language: about half of them right."""
    chance = random.Random(f"{task.name}-{code}-predicted")
    gold, form = labels_of(task, code), task.format
    if isinstance(form, Tags):
        return [
            [tag if chance.random() < 0.5 else chance.choice(form.labels) for tag in tags] for tags in gold
        ]
    if isinstance(form, Labels):
        return [label if chance.random() < 0.5 else chance.choice(form.labels) for label in gold]
    if isinstance(form, Indices | Choices):
        return [value if chance.random() < 0.5 else 0 for value in gold]
    if isinstance(form, Pairs):
        return [*gold[:3], (f"{code}-0", "en-7"), (f"{code}-77", "en-8")]
    others = [f"Q{number}" for number in range(20)]
    if isinstance(form, Rankings):
        return {key: chance.sample(others, len(others)) for key in gold}
    return {key: chance.choice([answers[0], "the sun", answers[0] + " 1"]) for key, answers in gold.items()}


def all_predictions(suite: Suite) -> dict[tuple[str, str], Any]:
    """What `write_submission` takes for a whole suite."""
    return {(task.name, code): predictions_of(task, code) for task in suite.tasks for code in task.languages}


def squad(answers: Mapping[str, list[str]]) -> str:
    """Questions with their answers in SQuAD's nesting."""
    qas = [
        {"id": key, "question": "?", "answers": [{"text": text, "answer_start": 0} for text in texts]}
        for key, texts in answers.items()
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "…", "qas": qas}]}]})


def write_labels(suite: Suite, folder: Path) -> Path:
    """A folder of labels of a whole suite."""
    for task in suite.tasks:
        for code in task.languages:
            gold = labels_of(task, code)
            text = squad(gold) if task.group == "qa" else task.format.text(gold)
            path = folder / task.file(code)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return folder
