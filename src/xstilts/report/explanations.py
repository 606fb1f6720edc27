"""What goes with larger gains, by language, put into words: a line a model, and plainly where nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from xstilts.analysis.explanations import FEATURES, TOGETHER
from xstilts.report.evidence import CLEAN, Evidence, Interval
from xstilts.report.words import FAMILIES, counted, listed

Row = Mapping[str, Any]

UNITS = {
    "latin": ("Latin script", "written in Latin script, against another"),
    "distance": (
        "Distance from English",
        "from English to a language of another family (1): the share of the groups of Glottolog's tree that hold "
        "English and not the language",
    ),
    "pieces": ("Pieces a word", "twice as many pieces a word in the encoder's tokenizer"),
}
"""For each feature a head for its column, and what one unit of it is."""
assert UNITS.keys() == FEATURES.keys()


@dataclass(frozen=True)
class Effect:
    """The change of the gain for one unit of a feature; `note` says instead why there is none."""

    change: Interval | None
    clear: bool
    alone: bool
    note: str


@dataclass(frozen=True)
class Model:
    """What was fitted for one arm, family of targets and input: an effect a feature, in the order of `UNITS`."""

    arm: str
    changed: bool
    counts: str
    effects: tuple[Effect | None, ...]


@dataclass(frozen=True)
class Silence:
    """Arms and inputs of one family that allow no conclusion, and why."""

    family: str
    where: str
    why: str


def told(rows: Sequence[Row]) -> list[Row]:
    """The rows to tell: of the model of all features where it was fitted, of each feature alone otherwise."""
    together = [row for row in rows if row["model"] == TOGETHER and row["estimate"] is not None]
    names = {row["feature"] for row in together}
    return together + [row for row in rows if row["feature"] and row["feature"] not in names]


def whole_note(rows: Sequence[Row]) -> str:
    """Why nothing at all was fitted; empty where something was."""
    return next((row["note"] for row in rows if not row["model"]), "")


def counts(row: Row) -> str:
    """How many languages a model rests on: `15 languages of 9 families`."""
    left_out = f"; {row['left_out']} left out, as a feature is unknown" if row["left_out"] else ""
    return f"{row['languages']} languages of {row['families']} families{left_out}"


def by_place(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The rows of each arm, family of targets and condition."""
    return {
        place: list(found)
        for place, found in groupby(rows, key=lambda row: (row["arm"], row["family"], row["condition"]))
    }


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given: the models of each family, and where nothing can be concluded."""
    places = by_place(evidence.results.explanations)
    models: dict[str, list[Model]] = {}
    for (arm, family, condition), rows in places.items():
        if not whole_note(rows):
            found = _model(arm, condition != CLEAN, told(rows), evidence.alpha)
            models.setdefault(FAMILIES.get(family, family), []).append(found)
    order = [FAMILIES.get(family, family) for family in evidence.families]
    return {
        "families": [(family, models[family]) for family in order if family in models],
        "silences": _silences(places),
        "units": list(UNITS.values()),
    }


def _model(arm: str, changed: bool, rows: Sequence[Row], alpha: float) -> Model:
    effects = {row["feature"]: _effect(row, alpha) for row in rows}
    return Model(arm, changed, counts(rows[0]) if rows else "", tuple(effects.get(name) for name in UNITS))


def _effect(row: Row, alpha: float) -> Effect:
    if row["estimate"] is None:
        return Effect(None, False, False, row["note"])
    change = Interval(row["estimate"], row["ci_low"], row["ci_high"])
    return Effect(change, row["p_holm"] <= alpha, row["model"] != TOGETHER, "")


def _silences(places: Mapping[tuple[str, str, str], Sequence[Row]]) -> list[Silence]:
    """One line for all arms and inputs of a family with the same reason; the arms are named where it is not all."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for (arm, family, condition), rows in places.items():
        why = whole_note(rows)
        if why:
            found.setdefault((family, why), []).append((arm, condition))
    return [
        Silence(FAMILIES.get(family, family), _where(family, members, places), why)
        for (family, why), members in found.items()
    ]


def _where(
    family: str, members: Sequence[tuple[str, str]], places: Mapping[tuple[str, str, str], Any]
) -> str:
    every = [(arm, condition) for arm, of, condition in places if of == family]
    if len(members) == len(every):
        return ""
    arms = list(dict.fromkeys(arm for arm, _ in members))
    inputs = dict.fromkeys("clean" if condition == CLEAN else "changed" for _, condition in members)
    of_all = len({condition for _, condition in every}) == len(inputs)
    return f"{counted(len(arms), 'arm')} ({listed(arms)})" + (
        "" if of_all else f" on {listed(list(inputs))} input"
    )
