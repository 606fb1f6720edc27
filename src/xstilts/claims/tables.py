"""The tables of a finished run, asked as claims ask: which arms, which targets, what mean gain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from math import inf, nan
from typing import Any, NamedTuple, Protocol

from xstilts.analysis.cells import CLEAN, PERTURBED
from xstilts.analysis.contrasts import ALL, ENGLISH, OTHERS
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.learning import unlearned_arms
from xstilts.claims.base import Rule
from xstilts.recipe import BASELINE, Recipe
from xstilts.tasks.base import ZERO_SHOT

Row = Mapping[str, Any]

TRAINED, RETRIEVAL, IMAGE_TEXT = "trained", "retrieval", "image-text"
XTREME = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
XTREME_SHARES = {TRAINED: 7, RETRIEVAL: 2}
"""Of XTREME's nine tasks, those of each family."""
STILTS = ("anli+", "mnli", "qqp", "squad1", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa")

__all__ = ["ALL", "CLEAN", "ENGLISH", "OTHERS", "PERTURBED", "RunTables", "Tables", "Term", "combine"]


class Tables(Protocol):
    """What a finished run left: tables as lists of rows, and the record of the run."""

    @property
    def results(self) -> list[dict[str, Any]]:
        """A row a cell and seed."""
        ...

    @property
    def gains_table(self) -> list[dict[str, Any]]:
        """A row a contrast."""
        ...

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """A row an arm × target, on clean and on perturbed input."""
        ...

    @property
    def run(self) -> dict[str, Any]:
        """What `run.json` holds."""
        ...


class Term(NamedTuple):
    """A weight, and the row of the gains table that it multiplies."""

    weight: float
    row: Row


class RunTables:
    """A finished run as tests of claims see it.

    Args:
        tables: its tables.
        recipe: what was run.
    """

    def __init__(self, tables: Tables, recipe: Recipe) -> None:
        self.recipe, self.run, self.verdicts = recipe, tables.run, tables.verdicts
        clean = [row for row in tables.verdicts if not row["perturbed"]]
        self._judged = {row["task"]: (row["metric"], row["postprocess"] or "") for row in tables.verdicts}
        self._families = {row["task"]: row["family"] for row in tables.verdicts}
        self._same = {
            (row["arm"], row["task"]) for row in clean if "same-task" in (row["flags"] or "").split(",")
        }
        gains = [row for row in tables.gains_table if row.get("setting", ZERO_SHOT) == ZERO_SHOT]
        self._gains = {_place(row): row for row in gains if row["quantity"] == "gain"}
        self.conditions = {row["condition"] for row in gains}
        self.controls = [(row["name"], row["of"]) for row in tables.run.get("controls", ())]
        settings = recipe.statistics
        self.rule = Rule(settings.alpha, settings.delta)

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that have a verdict, in the recipe's order."""
        return tuple(target for target in self.recipe.targets if target in self._families)

    def family(self, target: str) -> str:
        """Trained, retrieval or image-text."""
        return str(self._families[target])

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms with an intermediate task that have verdicts, and learned that task."""
        return tuple(arm for arm in self.judged_arms if arm not in self.unlearned)

    @cached_property
    def unlearned(self) -> list[str]:
        """The arms that learned none of their tasks: they say nothing about these."""
        return unlearned_arms(self.run.get("intermediates", ()))

    @property
    def not_counted(self) -> str:
        """In words, the arms that are left out, as they did not learn their tasks."""
        names = [arm for arm in self.judged_arms if arm in self.unlearned]
        return f"not counted, as arms that did not learn their own tasks: {', '.join(names)}" if names else ""

    @cached_property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that have verdicts, whether they learned their tasks or not."""
        have = {row["arm"] for row in self.verdicts}
        return tuple(arm for arm in self.recipe.arms if arm in have)

    def tasks(self, arm: str) -> tuple[str, ...]:
        """The intermediate tasks of an arm."""
        return self.recipe.arms[arm].tasks

    def with_mlm(self, arm: str) -> bool:
        """Whether an arm has masked language modelling beside its tasks."""
        return getattr(self.recipe.arms[arm], "mlm", None) is not None

    @property
    def single(self) -> list[str]:
        """The arms with one intermediate task and nothing beside."""
        return [arm for arm in self.arms if len(self.tasks(arm)) == 1 and not self.with_mlm(arm)]

    def arms_of(self, *tasks: str) -> list[str]:
        """The arms whose intermediate tasks are just these of the suite stilts, without language modelling."""
        return [arm for arm in self.trained_on(*tasks) if arm in self.arms]

    def trained_on(self, *tasks: str) -> list[str]:
        """The same, with those that did not learn them."""
        wanted = {f"stilts/{task}" for task in tasks}
        return [arm for arm in self.judged_arms if set(self.tasks(arm)) == wanted and not self.with_mlm(arm)]

    def named(self, name: str) -> list[str]:
        """The targets that are this task of XTREME or of XTREME-R."""
        return [x for x in self.targets if x in {f"xtreme/{name}", f"xtreme-r/{name}"}]

    def of(self, families: Iterable[str], *arms: str) -> list[str]:
        """The targets of some families that are no arm's own intermediate task over again."""
        wanted = set(families)
        return [
            target
            for target in self.targets
            if self.family(target) in wanted and all((arm, target) not in self._same for arm in arms)
        ]

    def published(self, families: Iterable[str], *arms: str) -> list[str]:
        """Of these the targets that are XTREME's, which published claims are about; all where the run has none."""
        found = self.of(families, *arms)
        return [target for target in found if self.is_xtreme(target)] if self.has_xtreme else found

    @property
    def has_xtreme(self) -> bool:
        """Whether any target is one of XTREME's nine tasks."""
        return any(map(self.is_xtreme, self.targets))

    def is_xtreme(self, target: str) -> bool:
        """Whether a target is one of XTREME's nine tasks, as XTREME or XTREME-R has it."""
        suite, _, name = target.partition("/")
        return suite in {"xtreme", "xtreme-r"} and name in XTREME

    def left_out(self, *arms: str) -> str:
        """In words, the targets that are left out of means as they are an arm's own task over again."""
        names = [x for x in self.targets if any((arm, x) in self._same for arm in arms)]
        return f"left out, as the arm's own task over again: {', '.join(names)}" if names else ""

    def best(self, target: str) -> str:
        """The arm that is best on dev, `none` where no arm is better than the baseline or nothing is known."""
        return str(self.run.get("best", {}).get(target) or BASELINE)

    def gain(
        self, arm: str, target: str, group: str = ALL, condition: str = CLEAN, **other: str
    ) -> Row | None:
        """A row of the gains table, as the target is judged; `other` may overrule reference or postprocess."""
        metric, postprocess = self._judged[target]
        place = (
            arm,
            other.get("reference", BASELINE),
            target,
            group,
            condition,
            metric,
            other.get("postprocess", postprocess),
        )
        return self._gains.get(place)

    def mean(
        self, places: Sequence[tuple[str, str]], group: str = ALL, condition: str = CLEAN, **other: str
    ) -> Estimate | None:
        """The mean gain over (arm, target) places; a place of the baseline has gain 0. None without any row."""
        return self._combined(
            places, lambda targets: [1 / len(targets) for _ in targets], group, condition, **other
        )

    def average(self, places: Sequence[tuple[str, str]]) -> Estimate | None:
        """The mean clean gain over (arm, target) places as XTREME's average weighs it: trained 7, retrieval 2.

        Whatever targets of a family the run has stand for all of them. A place of the baseline has gain 0.
        """
        return self._combined(places, self.weights, ALL, CLEAN)

    def _combined(
        self,
        places: Sequence[tuple[str, str]],
        weights: Callable[[Sequence[str]], list[float]],
        group: str,
        condition: str,
        **other: str,
    ) -> Estimate | None:
        """The weighted sum of the gains of places; one of an arm without a row does not count."""
        rows = [
            None if arm == BASELINE else self.gain(arm, target, group, condition, **other)
            for arm, target in places
        ]
        counted = [
            (target, row)
            for (arm, target), row in zip(places, rows, strict=True)
            if row is not None or arm == BASELINE
        ]
        shares = weights([target for target, _ in counted])
        terms = [Term(share, row) for share, (_, row) in zip(shares, counted, strict=True) if row is not None]
        return combine(terms) if terms else None

    def weights(self, targets: Sequence[str]) -> list[float]:
        """The weight of each of some targets in XTREME's average, so that they add up to 1."""
        families = [self.family(target) for target in targets]
        counts = Counter(families)
        total = sum(XTREME_SHARES[family] for family in counts)
        return [XTREME_SHARES[family] / total / counts[family] for family in families]

    def arm_mean(self, arm: str, targets: Iterable[str]) -> Estimate | None:
        """An arm's mean clean gain over some targets."""
        return self.mean([(arm, target) for target in targets])


def combine(terms: Sequence[Term]) -> Estimate:
    """A weighted sum of gains of several arms and targets, with bounds of its two variances.

    The tables hold each gain's variances and not how gains go together. So standard errors over seeds are added up as
    if a seed moved all targets alike, and so are those over items of one target, since its gains share the
    baseline's items; items of different targets are independent. Terms of opposite sign are taken as independent: the
    gains of two arms share the baseline, so that their difference varies less. df and clusters are the smallest.

    Raises:
        ValueError: no terms.

    Example:
        >>> row = {"task": "t", "estimate": 0.04, "se_seed": 0.01, "se_item": 0.02, "df": 4.0, "seeds": 3,
        ...        "n_sources": 200, "languages": 5}
        >>> found = combine([Term(0.5, row), Term(0.5, row | {"task": "u", "estimate": 0.02})])
        >>> round(found.value, 3), round(found.v_seed**0.5, 3), round(found.v_item**0.5, 4)
        (0.03, 0.01, 0.0141)
    """
    if not terms:
        raise ValueError("a sum of no gains")
    seeds = _opposed([(weight, _number(row["se_seed"], nan)) for weight, row in terms])
    by_target: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for weight, row in terms:
        by_target[row["task"]].append((weight, _number(row["se_item"], inf)))
    dfs = [_number(row["df"], inf) for _, row in terms if row["se_seed"]]
    return Estimate(
        value=sum(weight * row["estimate"] for weight, row in terms),
        v_seed=seeds,
        df=min(dfs, default=inf),
        v_item=sum(map(_opposed, by_target.values())),
        clusters=min(row["n_sources"] for _, row in terms),
        seeds=min(row["seeds"] for _, row in terms),
        languages=max(row["languages"] for _, row in terms),
    )


def _opposed(errors: Sequence[tuple[float, float]]) -> float:
    """The variance of a sum whose terms of one sign go together, and are independent of the others."""
    up = sum(weight * error for weight, error in errors if weight > 0)
    down = sum(weight * error for weight, error in errors if weight < 0)
    return up**2 + down**2


def _number(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _place(row: Row) -> tuple[str, ...]:
    names = ("arm", "reference", "task", "group", "condition", "metric")
    return (*(str(row[name]) for name in names), row["postprocess"] or "")
