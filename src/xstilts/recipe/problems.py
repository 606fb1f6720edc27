"""What is wrong with a recipe, in words: pydantic's errors as a line for each place, with the nearest known key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from xstilts.recipe.models import (
    TASK_FORMS,
    Arm,
    Controls,
    FewShot,
    Mixing,
    Phase,
    PhaseOverride,
    Prefix,
    Recipe,
    Retrieval,
    Statistics,
    Training,
)

_EXPECTED = {
    "tuple_type": "a list, such as [a, b]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "too_short": "at least one value",
    "string_type": "text",
    "invalid_key": "text as a key",
}
_UNION = re.compile(r"literal\[.*|tuple\[.*|dict\[.*|int|str|float|bool")

_MODELS = {
    model.__name__: model
    for model in (
        Arm,
        Controls,
        FewShot,
        Mixing,
        Phase,
        PhaseOverride,
        Prefix,
        Retrieval,
        Statistics,
        Training,
    )
}
_MODEL_NAME = re.compile(rf"\b({'|'.join(_MODELS)})\b")


def explain_all(problems: Sequence[Any]) -> list[str]:
    """One line for each place; where several forms are allowed, it names all of them."""
    by_place: dict[tuple[Any, ...], list[Any]] = {}
    for problem in problems:
        parts = problem["loc"]
        place = tuple(part for part in parts if not (isinstance(part, str) and _UNION.fullmatch(part)))
        by_place.setdefault(place, []).append(problem)
    inner = {place[:-1] for place in by_place}
    return [
        _explain(place, found)
        for place, found in by_place.items()
        if place not in inner
        or {"missing", "extra_forbidden", "value_error"} & {one["type"] for one in found}
    ]


def _explain(place: tuple[Any, ...], problems: Sequence[Any]) -> str:
    """What is wrong at one place of a recipe, with the nearest key for an unknown one."""
    problem, where = problems[0], ".".join(str(part) for part in place if part not in TASK_FORMS)
    if problem["type"] == "extra_forbidden":
        known = _keys_at(place[:-1])
        close = get_close_matches(str(place[-1]), known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}"
        return f"{where}: unknown key. {hint}"
    if problem["type"] == "missing":
        return f"{where}: this key is needed"
    if problem["type"] == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {message}" if where else str(message)
    expected = " or ".join(dict.fromkeys(_expected(one) for one in problems))
    return f"{where}: expected {expected}, got {problem['input']!r}"


def _expected(problem: Any) -> str:
    """`Input should be a valid integer, unable to …` → `a valid integer`."""
    message = str(problem["msg"]).removeprefix("Input should be ").split(", unable")[0]
    message = message.split(", got")[0]
    prefix = "a number " if message.startswith(("greater", "less")) else ""
    return _EXPECTED.get(problem["type"], prefix + message)


def _keys_at(place: tuple[Any, ...]) -> list[str]:
    """The keys that may stand at a place of a recipe, found from the models' fields."""
    model: Any = Recipe
    for part in place:
        if part in TASK_FORMS:
            model = TASK_FORMS[part]
            continue
        fields = getattr(model, "model_fields", None)
        if fields is None or part not in fields:
            continue  # the name of an arm or task in a mapping
        found = _MODEL_NAME.search(str(fields[part].annotation))
        model = _MODELS[found[0]] if found else None
    return sorted(getattr(model, "model_fields", {}))
