"""The published claims and ours: what each says, who says it, and how a run's tables or the published ones test it."""

from __future__ import annotations

from xstilts.claims.base import Claim, Finding, Outcome, Part
from xstilts.claims.declared import CLAIMS
from xstilts.claims.published import Published
from xstilts.claims.tables import RunTables, Tables
from xstilts.recipe import Recipe

__all__ = ["CLAIMS", "Claim", "Finding", "Outcome", "Part", "on_reference", "on_run"]


def on_run(tables: Tables, recipe: Recipe) -> list[Finding]:
    """Test every claim on the tables of a finished run.

    Args:
        tables: results, gains, verdicts and the record of the run, as `Results` holds them.
        recipe: the run's recipe.

    Example:
        >>> on_run(results, load_recipe(results.folder / "recipe.yaml"))  # doctest: +SKIP
    """
    run = RunTables(tables, recipe)
    return [Finding(claim, claim.on_run(run)) for claim in CLAIMS]


def on_reference() -> list[Finding]:
    """Ask of every claim whether the published tables bear it out, as far as point estimates can.

    Example:
        >>> [found.outcome.verdict for found in on_reference()][:3]
        ['consistent', 'not testable', 'consistent']
    """
    figures = Published.load()
    return [Finding(claim, claim.on_reference(figures)) for claim in CLAIMS]
