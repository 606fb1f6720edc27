"""A recipe says what one asks for: frozen models, YAML in and out. Nothing here touches data or models."""

from xstilts.recipe.dialect import RecipeDumper
from xstilts.recipe.models import BASELINE, JoinedTask, Phase, RaceRule, Recipe, Retrieval
from xstilts.recipe.reading import load_recipe, parse_recipe, set_key

__all__ = [
    "BASELINE",
    "JoinedTask",
    "Phase",
    "RaceRule",
    "Recipe",
    "RecipeDumper",
    "Retrieval",
    "load_recipe",
    "parse_recipe",
    "set_key",
]
