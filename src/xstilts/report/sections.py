"""The report's tables: clean scores, gains beyond controls, changed input, layers of retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from xstilts.recipe import BASELINE
from xstilts.report import charts, layers
from xstilts.report.evidence import ALL, ENGLISH, OTHERS, Evidence, Row


def score_tables(evidence: Evidence) -> list[dict[str, Any]]:
    """Clean scores of every arm and language, a table a target, metric and post-processing."""
    order = evidence.targets()
    tables = []
    for (target, metric, rule), cells in evidence.scores.items():
        have = {arm for arm, _ in cells}
        order_of_arms = dict.fromkeys((BASELINE, *evidence.all_arms(), *sorted(have)))
        arms = [arm for arm in order_of_arms if arm in have]
        languages = [x for x in evidence.languages(target) if any((arm, x) in cells for arm in arms)]
        rows = [(language, [cells.get((arm, language)) for arm in arms]) for language in languages]
        read = {arm: layers.taken(arm, target, rule, evidence) for arm in arms}
        judged = (metric, rule) == evidence.judged(target)
        table = {"target": target, "metric": metric, "rule": rule, "arms": arms, "rows": rows}
        table["counted"] = evidence.rules(target, metric)
        tables.append(table | {"judged": judged, "layers": read})
    tables.sort(key=lambda x: (order.index(x["target"]), not x["judged"]))
    return tables


def against_controls(evidence: Evidence) -> list[dict[str, Any]]:
    """For each arm with controls: its gain beyond each of them."""
    rows = []
    for target in evidence.targets():
        for arm in evidence.arms:
            for control in evidence.controls_of(arm):
                gains = [evidence.gain(arm, target, group, reference=control) for group in (ENGLISH, OTHERS)]
                if any(gains):
                    row = {"target": target, "arm": arm, "control": control, "gains": gains}
                    rows.append(row | {"reading": _no_gain(arm, target, evidence)})
    return rows


def _no_gain(arm: str, target: str, evidence: Evidence) -> str:
    """Where an arm has no clear gain over the baseline that a control could explain; empty where it has one in each."""
    names = {ENGLISH: "in English", OTHERS: "in other languages"}
    gains = {name: evidence.gain(arm, target, group) for group, name in names.items()}
    without = [name for name, gain in gains.items() if gain and gain.sign <= 0]
    return f"{arm} has no clear gain {' or '.join(without)}" if without else ""


def changed_input(evidence: Evidence) -> list[dict[str, Any]]:
    """For each target, condition and arm: the gain, and how it differs from the gain on clean input."""
    rows = []
    for target in evidence.targets():
        for arm in evidence.arms:
            for condition in evidence.told_conditions(arm, target):
                groups = (ENGLISH, OTHERS)
                gains = [evidence.gain(arm, target, group, condition) for group in groups]
                changes = [
                    evidence.gain(arm, target, group, condition, quantity="robustness_gain")
                    for group in groups
                ]
                if any(gains):
                    rows.append(
                        {
                            "target": target,
                            "arm": arm,
                            "condition": condition,
                            "gains": gains,
                            "changes": changes,
                        }
                    )
    return rows


def by_target_and_arm(rows: Sequence[Row]) -> list[tuple[str, list[tuple[str, list[Row]]]]]:
    """Rows of `changed_input` by target, and in it by arm."""
    return [
        (target, [(arm, list(mine)) for arm, mine in groupby(found, key=itemgetter("arm"))])
        for target, found in groupby(rows, key=itemgetter("target"))
    ]


def layer_blocks(evidence: Evidence) -> list[dict[str, Any]]:
    """Retrieval: for each target with layers to choose from what `_block` says of them."""
    return [block for target in evidence.targets() if (block := _block(target, evidence))]


def _block(target: str, evidence: Evidence) -> dict[str, Any] | None:
    """Retrieval: which layer each arm took, its gain with it, and the curves, raw and centred."""
    arms = list(dict.fromkeys(x["arm"] for x in evidence.run.get("layers", ()) if x["task"] == target))
    rules = [x for x in ("none", "center") if any(evidence.layer(arm, target, x) for arm in arms)]
    if not rules:
        return None
    rows = []
    for arm in arms:
        chosen = [layers.taken(arm, target, rule, evidence) for rule in rules]
        gains = [evidence.gain(arm, target, ALL, postprocess=rule) for rule in rules]
        rows.append((arm, list(zip(chosen, gains, strict=True))))
    told = [layers.another_layer(arm, target, evidence) for arm in evidence.arms]
    return {
        "target": target,
        "rules": rules,
        "rows": rows,
        "vectors": layers.vectors(target, evidence),
        "plots": charts.curves(target, evidence),
        "told": [text for text in told if text],
        "tables": [_curve_table(target, rule, evidence) for rule in evidence.curve_rules(target)],
    }


def _curve_table(target: str, rule: str, evidence: Evidence) -> dict[str, Any]:
    """The numbers of the curves of one post-processing: a row a layer, a column an arm."""
    curves = {arm: evidence.curve(arm, target, rule) for arm in evidence.curve_arms(target)}
    depths = sorted({row["layer"] for curve in curves.values() for row in curve})
    places = {(arm, row["layer"]): row for arm, curve in curves.items() for row in curve}
    rows = [(depth, [places.get((arm, depth)) for arm in curves]) for depth in depths]
    return {"rule": rule, "arms": list(curves), "rows": rows, "judged": rule == evidence.judged(target)[1]}
