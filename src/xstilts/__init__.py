"""Does an English intermediate task help a multilingual encoder in every language?

Example:
    >>> import xstilts
    >>> results = xstilts.run("recipe.yaml")      # doctest: +SKIP
    >>> results.gains()                           # doctest: +SKIP
    >>> results.report("report.html")             # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from xstilts.api import run
    from xstilts.comparing import compare
    from xstilts.errors import UserError, XstiltsError
    from xstilts.evaluating import evaluate
    from xstilts.exporting import export_hf
    from xstilts.recipe import Recipe, load_recipe
    from xstilts.results import Results
    from xstilts.tasks.base import Task

_HOMES = {
    "Recipe": "recipe",
    "Results": "experiment",
    "Task": "tasks.base",
    "UserError": "errors",
    "XstiltsError": "errors",
    "compare": "comparing",
    "evaluate": "evaluating",
    "export_hf": "exporting",
    "load_recipe": "recipe",
    "run": "api",
}
"""Where each public name lives; it is imported when it is first asked for."""

__all__ = [
    "Recipe",
    "Results",
    "Task",
    "UserError",
    "XstiltsError",
    "__version__",
    "compare",
    "evaluate",
    "export_hf",
    "load_recipe",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xstilts' has no attribute {name!r}")
    return getattr(import_module(f"xstilts.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
