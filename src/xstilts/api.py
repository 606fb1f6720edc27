"""The Python way in: `xstilts.run`."""

from __future__ import annotations

from pathlib import Path

from xstilts.experiment import open_experiment, run_experiment
from xstilts.recipe import Recipe, load_recipe
from xstilts.results import Results


def run(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    data: str | Path | None = None,
    store: str | Path | None = None,
) -> Results:
    """Run a recipe from end to end; what its store holds already is not computed again.

    Args:
        recipe: a recipe, or the path of its YAML file.
        out: folder for tables and report; default: `runs/<name of the recipe>`.
        data: folder with benchmark data.
        store: folder or fsspec URL of the store; default: `<out>/store`.

    Returns:
        The results, gains and verdicts.

    Raises:
        UserError: the recipe or its data are not what they should be.

    Example:
        >>> results = run("recipes/pocket.yaml", out="runs/pocket")  # doctest: +SKIP
        >>> results.gains().query("quantity == 'gain'")              # doctest: +SKIP
    """
    path = None if isinstance(recipe, Recipe) else Path(recipe)
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(Path(recipe))
    folder = Path(out) if out else Path("runs") / (path.stem if path else "run")
    base = path.parent if path else Path.cwd()
    experiment = open_experiment(loaded, base, store or folder / "store", Path(data) if data else None)
    return run_experiment(experiment, folder)
