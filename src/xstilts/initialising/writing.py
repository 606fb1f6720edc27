"""The recipe as text: YAML with a few comments, for people to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from xstilts.recipe import BASELINE, Phase, RecipeDumper

_SMALL = (
    "  intermediate: {epochs: 2, learning_rate: 1.0e-4, dropout: 0, examples: 2000}  # examples: at most so many",
    "  target: {epochs: 3, learning_rate: [5.0e-5, 2.0e-4]}  # a list is a grid, resolved on dev",
)
"""Settings of training that suit the bundled encoder."""
_USUAL = (
    "  intermediate: {epochs: 2, learning_rate: 1.0e-5}",
    "  target: {epochs: 3, learning_rate: 2.0e-5}  # a list, [1.0e-5, 2.0e-5], is a grid, resolved on dev",
)
"""Settings for encoders of the size of XLM-R."""

_COMMENTS = {
    "encoder": "or any Hugging Face id or folder; name@6 keeps the first six layers",
    BASELINE: "the baseline: no English task before yours",
    "seeds": "everything is trained once for each; intervals narrow with more",
    "parallel": "rows of one id are translations of each other",
    "dev_from": "a fifth of the test sources chooses the layer, the rest is tested",
    "trained": "to find answers, on the training rows; without this the encoder is read as it is",
    "carved": "no dev: a tenth of the training rows, at most 1,000, is set aside to choose checkpoints",
}


def recipe_text(
    name: str,
    task: Mapping[str, Any],
    encoder: str,
    intermediate: Mapping[str, str],
    longest: int | None = None,
) -> str:
    """A recipe with one task of one's own as its target.

    Args:
        name: the task's name, such as `my/reviews`.
        task: its keys.
        encoder: the encoder's name.
        intermediate: the intermediate tasks, an arm each, and what they are about.
        longest: tokens that the encoder takes, where that is fewer than a training's inputs usually have.
    """
    trained = "train" in task["files"]
    lines = [
        "# Written by `xstilts init`. Paths start from the folder of this file; `xstilts validate` checks it.",
        _line(0, "encoder", encoder, _COMMENTS["encoder"]),
        "arms:",
        _line(2, BASELINE, {}, _COMMENTS[BASELINE]),
        *(
            _line(2, arm, {"tasks": [of]}, f"learned first: {intermediate[of]}")
            for arm, of in arm_names(list(intermediate)).items()
        ),
        _line(0, "targets", [name]),
        _line(0, "seeds", [0, 1, 2], _COMMENTS["seeds"]),
        "training:",
        *_training(encoder, longest)[: 2 if trained else 1],
        "tasks:",
        f"  {to_flow(name)}:",
        *_task(task),
    ]
    return "\n".join(lines) + "\n"


def arm_names(tasks: Sequence[str]) -> dict[str, str]:
    """A name for the arm of each intermediate task: what stands behind the slash, or all where that is not enough.

    Example:
        >>> arm_names(["pocket/definitions", "pocket/replies"])
        {'definitions': 'pocket/definitions', 'replies': 'pocket/replies'}
    """
    short = [task.rpartition("/")[2] for task in tasks]
    clear = len(set(short)) == len(set(tasks)) and BASELINE not in short
    return {last if clear else task.replace("/", "-"): task for last, task in zip(short, tasks, strict=True)}


def to_flow(value: Any) -> str:
    """A value as YAML on one line, such that a recipe reads it back.

    Example:
        >>> to_flow({"text": "review", "label": "no"})
        "{text: review, label: 'no'}"
    """
    text: str = yaml.dump(
        value, Dumper=RecipeDumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _line(indent: int, key: str, value: Any, comment: str = "") -> str:
    text = f"{' ' * indent}{to_flow(key)}: {to_flow(value)}"
    return f"{text}  # {comment}" if comment else text


def _training(encoder: str, longest: int | None) -> list[str]:
    lines = _SMALL if encoder.startswith("bundled/") else _USUAL
    usual = Phase.model_fields["max_length"].default
    limit = f"{{max_length: {longest}, " if longest is not None and longest < usual else "{"
    return [line.replace("{", limit, 1) for line in lines]


def _task(task: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in task.items():
        if key == "files" and isinstance(value, Mapping):
            lines += [
                "    files:",
                *(line for split, files in value.items() for line in _files(split, files)),
            ]
            if "train" in value and "dev" not in value:
                lines.append(f"      # {_COMMENTS['carved']}")
        else:
            known = _COMMENTS["trained"] if value == {"trained": True} else _COMMENTS.get(key, "")
            lines.append(_line(4, key, value, known))
    return lines


def _files(split: str, files: str | Mapping[str, str]) -> list[str]:
    if isinstance(files, str):
        return [_line(6, split, files)]
    return [f"      {split}:", *(_line(8, role, pattern) for role, pattern in files.items())]
