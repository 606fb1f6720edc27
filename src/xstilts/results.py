"""The answer to a recipe as a folder holds it: tables, what the run was, and the recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from xstilts.errors import UserError
from xstilts.recipe import Recipe
from xstilts.saved import load_record, load_table
from xstilts.tasks.base import ZERO_SHOT

if TYPE_CHECKING:
    from xstilts.claims import Finding


@dataclass(frozen=True)
class Results:
    """The answer to a recipe: tables as lists of rows, and what the run was.

    `results` has a row a cell and seed, `gains` a row a contrast, both in every setting (zero-shot, few-shot@K,
    translate-test); `verdicts`, which are about zero-shot, a row an arm × target × family; `run`
    holds cost, settings and the intermediates' own dev scores; `layers` has the curves that retrieval's layers were
    chosen on (see `xstilts.layers`), `examples` items on which an arm and the baseline differ (see
    `xstilts.differing`), `languages` the features of languages, and `explanations` what they explain of the gains (see
    `xstilts.explaining`), `race` what each round of a race decided (see `xstilts.racing`).
    """

    folder: Path
    results: list[dict[str, Any]]
    gains_table: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    run: dict[str, Any] = field(default_factory=dict)
    layers: list[dict[str, Any]] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    languages: list[dict[str, Any]] = field(default_factory=list)
    explanations: list[dict[str, Any]] = field(default_factory=list)
    race: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, folder: str | Path) -> Results:
        """Read what `xstilts run` wrote.

        Raises:
            UserError: the folder holds no finished run.
            DataError: one of its files is damaged.
        """
        folder = Path(folder)
        if not (folder / "run.json").is_file():
            within = [str(one.parent) for one in sorted(folder.glob("*/run.json"))]
            hint = f"Within it: {', '.join(within)}" if within else f"Run: xstilts run RECIPE --out {folder}"
            raise UserError(f"{folder} holds no finished run (run.json is missing). {hint}")
        again = f"xstilts run {folder / 'recipe.yaml'} --out {folder} (nothing is computed again)"
        run = load_record(folder / "run.json", again)
        results, gains, verdicts, layers = (
            load_table(folder / f"{name}.parquet", again).to_pylist()
            for name in ("results", "gains", "verdicts", "layers")
        )
        later = (  # runs from before them have none
            load_table(folder / f"{name}.parquet", again).to_pylist()
            if (folder / f"{name}.parquet").is_file()
            else []
            for name in ("examples", "languages", "explanations", "race")
        )
        return cls(folder, results, gains, verdicts, run, layers, *later)

    def in_setting(self, setting: str = ZERO_SHOT) -> Results:
        """The same with the rows of one setting alone, in results and gains; verdicts are about zero-shot."""

        def chosen(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                row for row in rows if row.get("setting", ZERO_SHOT) == setting
            ]  # older runs have no other

        return replace(self, results=chosen(self.results), gains_table=chosen(self.gains_table))

    def to_pandas(self) -> Any:
        """The results as a pandas data frame, a row a cell and seed."""
        import pandas

        return pandas.DataFrame(self.results)

    def gains(self) -> Any:
        """The gains as a pandas data frame, a row a contrast."""
        import pandas

        return pandas.DataFrame(self.gains_table)

    def claims(self) -> list[Finding]:
        """What the published claims, and ours, come to on this run (see `xstilts.claims`).

        Raises:
            UserError: the folder has no recipe, which says what the arms are.
        """
        from xstilts.claims import on_run
        from xstilts.recipe import load_recipe

        return on_run(self, load_recipe(self.folder / "recipe.yaml"))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report and return its path."""
        from xstilts.report import write_html

        return write_html(self, Path(path) if path else self.folder / "report.html")


def write_results(results: Results, recipe: Recipe) -> None:
    """Every table whole or not at all; `run.json` last: it says that the others are there."""
    import pyarrow as pa

    folder = results.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").unlink(missing_ok=True)  # tables of two runs never pass for one
    tables = {"results": results.results, "gains": results.gains_table, "verdicts": results.verdicts}
    tables |= {"layers": results.layers, "examples": results.examples}
    tables |= {"languages": results.languages, "explanations": results.explanations}
    tables |= {"race": results.race} if results.race else {}
    (folder / "race.parquet").unlink(missing_ok=True)
    for name, rows in tables.items():
        draft = folder / f".{name}.parquet"
        pq.write_table(pa.Table.from_pylist(_regular(rows)), draft)
        draft.replace(folder / f"{name}.parquet")
    for name, text in (("recipe.yaml", recipe.to_yaml()), ("run.json", json.dumps(results.run, indent=1))):
        draft = folder / f".{name}"
        draft.write_text(text, "utf-8")
        draft.replace(folder / name)


def _regular(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with all keys of any row: a table's columns."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in keys} for row in rows]
