"""The tables of a run, put so that a report can ask: which arms, which targets, what gain, with what interval."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from xstilts.analysis.learning import learned_runs, unlearned_arms
from xstilts.languages import display_name
from xstilts.perturbations import reported_apart
from xstilts.recipe import BASELINE, Recipe, load_recipe
from xstilts.tasks.base import ZERO_SHOT

if TYPE_CHECKING:
    from xstilts.results import Results

Row = Mapping[str, Any]

CLEAN, PERTURBED = "clean", "perturbed"
ENGLISH, OTHERS, ALL = "en", "non-en", "all"
FAMILIES = ("trained", "retrieval", "image-text")


class Interval(NamedTuple):
    """A value with its interval, all in the metric's unit 0..1; a bound is None where there is none."""

    value: float
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.sign != 0

    @property
    def sign(self) -> int:
        """1 if clearly above 0, −1 if clearly below, else 0."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds, or the value itself where there are none: how far a drawing of it reaches."""
        return (
            self.value if self.low is None else self.low,
            self.value if self.high is None else self.high,
        )

    def minus(self, value: float) -> Interval:
        """The same as a difference from a value."""
        low, high = (None if x is None else x - value for x in (self.low, self.high))
        return Interval(self.value - value, low, high)


class Score(NamedTuple):
    """Mean and standard deviation over seeds (None for one seed); `flag` is ceiling, floor or empty.

    `reduction` is the share of the baseline's errors that the arm leaves out, where it or the baseline has a flag.
    """

    mean: float
    sd: float | None
    flag: str
    reduction: Interval | None = None


class Asked(NamedTuple):
    """What identifies a row of the gains table."""

    quantity: str
    arm: str
    reference: str
    target: str
    group: str
    condition: str
    postprocess: str
    metric: str


@dataclass(frozen=True)
class Learned:
    """How well an arm learned one of its intermediate tasks: dev score a seed, beside a guesser's score."""

    arm: str
    task: str
    metric: str
    values: tuple[float, ...]
    chance: float | None
    examples: int | None
    updates: int | None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.mean(self.values)

    @property
    def runs(self) -> int | None:
        """In how many runs the task was learned; None where no chance level is known."""
        return learned_runs(self.values, self.chance)


class Evidence:
    """Everything a report says, asked from the tables of one run.

    Args:
        results: a finished run; its folder's `recipe.yaml` is read where there is one.
        setting: which of its results and gains are asked for; verdicts are about zero-shot.

    Example:
        >>> evidence = Evidence(Results.load("runs/demo"))  # doctest: +SKIP
        >>> evidence.gain("definitions", "pocket/intents", "non-en")  # doctest: +SKIP
        Interval(value=-0.031, low=-0.052, high=-0.01)
    """

    def __init__(self, results: Results, setting: str = ZERO_SHOT) -> None:
        self.every, self.setting = results, setting
        results = results.in_setting(setting)
        self.results, self.run = results, results.run
        self.controls: dict[str, tuple[str, str]] = {
            row["name"]: (row["of"], row["kind"]) for row in self.run.get("controls", ())
        }
        self.arms = tuple(_unique(row["arm"] for row in results.verdicts))
        self._verdicts = {(row["arm"], row["task"], row["perturbed"]): row for row in results.verdicts}
        self._gains = {_asked(row): row for row in results.gains_table}
        self._judged = {row["task"]: (row["metric"], row["postprocess"] or "") for row in results.verdicts}
        self._families = {row["task"]: row["family"] for row in (*results.results, *results.verdicts)}

    @cached_property
    def beside(self) -> dict[str, Evidence]:
        """The same tables in the run's other settings, by setting."""
        found = _unique(row.get("setting", ZERO_SHOT) for row in self.every.results)
        return {setting: Evidence(self.every, setting) for setting in found if setting != self.setting}

    @property
    def scope(self) -> str:
        """The setting that is asked for, where the run has others as well; empty where it is the only one."""
        return self.setting if self.beside else ""

    def scoped(self, title: str) -> str:
        """A title, and the setting where the run has several."""
        return f"{title}, {self.scope}" if self.scope else title

    @cached_property
    def recipe(self) -> Recipe | None:
        """The resolved recipe, if it lies beside the tables."""
        path = self.results.folder / "recipe.yaml"
        return load_recipe(path) if path.is_file() else None

    @property
    def delta(self) -> float:
        """The smallest gain of interest, in 0..1."""
        return float(self.run.get("statistics", {}).get("delta", 0.01))

    @property
    def alpha(self) -> float:
        """1 − the level of the intervals."""
        return float(self.run.get("statistics", {}).get("alpha", 0.05))

    @property
    def level(self) -> int:
        """The level of the intervals in percent."""
        return round(100 * (1 - self.alpha))

    @property
    def families(self) -> tuple[str, ...]:
        """The families that have targets: trained, retrieval, image-text."""
        found = set(self._families.values())
        return tuple(x for x in FAMILIES if x in found) + tuple(sorted(found - set(FAMILIES)))

    def family(self, target: str) -> str:
        """The family of a target."""
        return str(self._families[target])

    def targets(self, family: str = "") -> tuple[str, ...]:
        """The targets of a family, or all, in the recipe's order where it is known."""
        known = [x for x in self._families if not family or self._families[x] == family]
        order = list(self.recipe.targets) if self.recipe else []
        return tuple(sorted(known, key=lambda x: order.index(x) if x in order else len(order)))

    def judged(self, target: str) -> tuple[str, str]:
        """(metric, post-processing) that a target's verdicts rest on."""
        return self._judged.get(target, ("", ""))

    def all_arms(self, family: str = "") -> list[str]:
        """Arms in order, each followed by its controls; with a family, those that have a gain there."""
        names = [x for arm in self.arms for x in (arm, *self.controls_of(arm))]
        targets = set(self.targets(family))
        have = {asked.arm for asked in self._gains if asked.quantity == "gain" and asked.target in targets}
        return [name for name in names if name in have or (name in self.arms and not family)]

    def controls_of(self, arm: str) -> list[str]:
        """Names of the controls of an arm."""
        return [name for name, (of, _) in self.controls.items() if of == arm]

    def verdict(self, arm: str, target: str, perturbed: bool = False) -> Row | None:
        """The verdict's row, or None."""
        return self._verdicts.get((arm, target, perturbed))

    def verdicts(self, family: str, perturbed: bool = False) -> list[Row]:
        """The verdicts of a family, by target, then by arm."""
        found = (self.verdict(arm, target, perturbed) for target in self.targets(family) for arm in self.arms)
        return [row for row in found if row]

    def gain(
        self, arm: str, target: str, group: str, condition: str = CLEAN, **other: str
    ) -> Interval | None:
        """A gain over the baseline, as the target is judged; `other` overrules a field of `Asked`."""
        metric, postprocess = self.judged(target)
        asked = Asked("gain", arm, BASELINE, target, group, condition, postprocess, metric)
        row = self._gains.get(asked._replace(**other))
        return interval(row) if row else None

    def retention(self, arm: str, target: str) -> Interval | None:
        """Mean gain over other languages ÷ English gain, where the English gain is clear."""
        return self.gain(arm, target, OTHERS, quantity="retention")

    def groups(self, target: str) -> list[str]:
        """The groups of languages whose mean gain is told: English, the others, or both."""
        return [x for x in (ENGLISH, OTHERS) if any(self.gain(arm, target, x) for arm in self.arms)]

    def gain_languages(self, arm: str, target: str) -> list[str]:
        """The languages with a clean gain, the largest first."""
        gains = {x: self.gain(arm, target, x) for x in self.languages(target)}
        found = {language: gain.value for language, gain in gains.items() if gain}
        return sorted(found, key=lambda x: (-found[x], x))

    def languages(self, target: str) -> list[str]:
        """The languages of a target, English first, then by name."""
        found = {row["language"] for row in self.results.results if row["task"] == target}
        return sorted(found, key=lambda x: (x != ENGLISH, display_name(x)))

    @cached_property
    def conditions(self) -> list[str]:
        """The conditions other than clean, in the order of the tables."""
        return _unique(row["condition"] for row in self.results.results if row["condition"] != CLEAN)

    @property
    def apart(self) -> list[str]:
        """The conditions that are in no mean over conditions, as they change the content."""
        return [condition for condition in self.conditions if reported_apart(condition)]

    def told_conditions(self, arm: str, target: str) -> list[str]:
        """The conditions other than clean to tell of an arm and target.

        With their mean, if that is not just one of them again.
        """
        there = [
            condition
            for condition in self.conditions
            if any(self.gain(arm, target, group, condition) for group in (ENGLISH, OTHERS))
        ]
        verdict = self.verdict(arm, target, perturbed=True) or {}
        mean = sum(condition not in self.apart for condition in there) > 1 or verdict.get("left_out")
        return [*there, *([PERTURBED] if mean else [])]

    @cached_property
    def scores(self) -> dict[tuple[str, str, str], dict[tuple[str, str], Score]]:
        """Clean scores: by (target, metric, post-processing), then by (arm, language)."""
        values: dict[tuple[str, str, str], dict[tuple[str, str], list[Row]]] = defaultdict(dict)
        for row in self.results.results:
            if row["condition"] == CLEAN:
                table = values[row["task"], row["metric"], row["postprocess"] or ""]
                table.setdefault((row["arm"], row["language"]), []).append(row)
        return {
            name: {place: _score(rows, self._reduction(*place, name)) for place, rows in table.items()}
            for name, table in values.items()
        }

    def _reduction(self, arm: str, language: str, table: tuple[str, str, str]) -> Interval | None:
        target, metric, rule = table
        quantity = "error_reduction"
        return self.gain(arm, target, language, quantity=quantity, metric=metric, postprocess=rule)

    def layer(self, arm: str, target: str, postprocess: str) -> list[int]:
        """The layers that the runs of an arm chose, a value a seed."""
        rows = (x for x in self.run.get("layers", ()) if (x["arm"], x["task"]) == (arm, target))
        return [row["layers"][postprocess] for row in rows if postprocess in row["layers"]]

    def curve(self, arm: str, target: str, postprocess: str) -> list[Row]:
        """An arm's curve over layers on dev, from the first layer; empty where no layer was searched."""
        return self._curves.get((arm, target, postprocess), [])

    def own_layer(self, arm: str, target: str, postprocess: str) -> Row | None:
        """The same for the layers that each run chose, or None."""
        rows = self.results.layers
        place = (arm, target, postprocess)
        return next((x for x in rows if x["layer"] is None and _place(x) == place), None)

    def curve_arms(self, target: str) -> list[str]:
        """The arms that have curves on a target: the baseline, then arms, each followed by its controls."""
        have = {arm for arm, of, _ in self._curves if of == target}
        return [arm for arm in (BASELINE, *self.all_arms()) if arm in have]

    def curve_rules(self, target: str) -> list[str]:
        """The post-processings that have curves on a target, the one that is judged first."""
        found = _unique(rule for _, of, rule in self._curves if of == target)
        return sorted(found, key=lambda rule: rule != self.judged(target)[1])

    @cached_property
    def _curves(self) -> dict[tuple[str, str, str], list[Row]]:
        found: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self.results.layers:
            if row["layer"] is not None:
                found[_place(row)].append(row)
        return {place: sorted(rows, key=lambda row: row["layer"]) for place, rows in found.items()}

    def reading(self, target: str) -> tuple[str, str, str]:
        """How a retrieval target is read: pooling, direction and scoring; empty for others."""
        rows = (x for x in self.results.results if x["task"] == target and x.get("pooling"))
        row = next(rows, {})
        return row.get("pooling", ""), row.get("direction", ""), row.get("scoring", "")

    def rules(self, target: str, metric: str) -> str:
        """The rules that a metric of a target was counted by; empty where its rows do not say it."""
        rows = (x for x in self.results.results if (x["task"], x["metric"]) == (target, metric))
        return next((x.get("rules") or "" for x in rows), "")

    @cached_property
    def learned(self) -> list[Learned]:
        """How well each arm learned its intermediate tasks."""
        rows = [row for row in self.run.get("intermediates", ()) if row["values"]]
        order = self.all_arms()
        rows.sort(key=lambda x: order.index(x["arm"]) if x["arm"] in order else len(order))
        return [
            Learned(
                row["arm"],
                row["task"],
                row["metric"],
                tuple(row["values"]),
                row.get("chance"),
                row.get("examples"),
                row.get("updates"),
            )
            for row in rows
        ]

    def unlearned(self, arm: str) -> bool:
        """Whether an arm learned none of its intermediate tasks in any run: it then says nothing."""
        return arm in self._unlearned

    @cached_property
    def _unlearned(self) -> list[str]:
        return unlearned_arms(self.run.get("intermediates", ()))


def interval(row: Row) -> Interval:
    """The interval of a row of the gains table."""
    return Interval(row["estimate"], row["ci_low"], row["ci_high"])


def of_verdict(row: Row, group: str) -> Interval | None:
    """The gain in English or in other languages that a verdict's row holds."""
    name = {ENGLISH: "english", OTHERS: "non_english"}[group]
    value = row[name]
    return None if value is None else Interval(value, row[f"{name}_low"], row[f"{name}_high"])


def flags(row: Row) -> list[str]:
    """The flags of a verdict."""
    return [flag for flag in (row["flags"] or "").split(",") if flag]


def _asked(row: Row) -> Asked:
    return Asked(
        row["quantity"],
        row["arm"],
        row["reference"] or "",
        row["task"],
        row["group"],
        row["condition"],
        row["postprocess"] or "",
        row["metric"],
    )


def _place(row: Row) -> tuple[str, str, str]:
    """What identifies a curve over layers: arm, target, post-processing."""
    return row["arm"], row["task"], row["postprocess"]


def _score(rows: list[Row], reduction: Interval | None) -> Score:
    values = [row["value"] for row in rows]
    seen = [row.get("flag") or "" for row in rows]
    flag = max(sorted(set(seen)), key=seen.count)
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Score(statistics.mean(values), deviation, flag, reduction)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
