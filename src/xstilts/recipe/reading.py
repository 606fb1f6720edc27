"""Recipes read from files and text, with keys changed on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from xstilts.errors import RecipeError
from xstilts.recipe.dialect import RecipeLoader
from xstilts.recipe.models import Recipe
from xstilts.recipe.problems import explain_all
from xstilts.wording import listed


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe; `overrides` are `key.sub=value` pairs as given to `--set`.

    Raises:
        RecipeError: the file cannot be read, or says something that cannot be done.
    """
    if path.is_dir():
        there = [str(found) for found in sorted((*path.glob("*.yaml"), *path.glob("*.yml")))]
        hint = (
            f"YAML files in it: {listed(there, 8)}" if there else "`xstilts init` writes one from your data"
        )
        raise RecipeError(f"{path} is a folder. Expected a recipe, a YAML file; {hint}")
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise RecipeError(
            f"there is no recipe {path}. Expected a YAML file; `xstilts init` writes one from your data"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from None
    return parse_recipe(text, str(path), overrides)


def parse_recipe(text: str, name: str = "recipe", overrides: tuple[str, ...] = ()) -> Recipe:
    """A recipe from YAML text.

    Example:
        >>> parse_recipe("{encoder: xlm-roberta-base, arms: {none: {}}, targets: [pocket/intents]}").seeds
        (0, 1, 2)
    """
    try:
        values = yaml.load(text, RecipeLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"{name} is not YAML: {error}") from None
    if not isinstance(values, dict):
        found = {type(None): "nothing", list: "a list"}.get(type(values), f"{values!r:.40}")
        raise RecipeError(f"{name}: expected a mapping with encoder, arms and targets, got {found}")
    try:
        values = _unshared(values)
    except RecursionError:
        raise RecipeError(f"{name}: an anchor (&name) stands inside itself (*name)") from None
    for override in overrides:
        set_key(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {line}" for line in explain_all(error.errors()))
        raise RecipeError(f"{name}:\n{problems}") from None


def _unshared(value: Any) -> Any:
    """A copy in which what an anchor stands for is there once for each place: an override changes one of them."""
    if isinstance(value, dict):
        return {key: _unshared(part) for key, part in value.items()}
    return [_unshared(part) for part in value] if isinstance(value, list) else value


def set_key(values: dict[str, Any], override: str) -> None:
    """Set one dotted key: `training.target.epochs=5`. Keys of tasks and arms may hold dots' neighbours, not dots."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"--set {override!r}: expected key=value, such as training.target.epochs=5")
    *above, last = key.strip().split(".")
    place: Any = values
    for part in above:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {override!r}: {part!r} holds a value, not further keys")
    try:
        place[last] = yaml.load(text, RecipeLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override!r}: {text!r} is not a YAML value: {error}") from None
