"""The HTML report: one self-contained file that asks for nothing from elsewhere and needs no script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from xstilts.languages import display_name
from xstilts.overlap import MEANING, sentences
from xstilts.recipe import BASELINE
from xstilts.report import charts, layers, words
from xstilts.report.evidence import (
    ALL,
    CLEAN,
    ENGLISH,
    LEARNED,
    OTHERS,
    Evidence,
    Interval,
    Row,
    flags,
)

if TYPE_CHECKING:
    from xstilts.experiment import Results

STRENGTH = 60
"""The strongest mix of a heat map's colour into the paper, in percent: text on it keeps a contrast of 4.5."""

_SELECTIONS = {
    "english-dev": "the best on English dev data",
    "target-dev": "the best on dev data of the tested language (an oracle: more than zero-shot transfer may know)",
    "last": "the last of a training",
    "average": "the average of a training's candidates",
}


@dataclass(frozen=True)
class Heat:
    """One cell of a heat map: `mix` is the strength of its colour in percent."""

    value: str
    span: str
    mix: int
    sign: str
    clear: bool


def write_html(results: Results, path: str | Path) -> Path:
    """Write the report of a run.

    Args:
        results: a finished run.
        path: the file to write.

    Returns:
        The path of the file: HTML with styles and drawings inside, nothing loaded from elsewhere.

    Example:
        >>> write_html(Results.load("runs/demo"), "report.html")  # doctest: +SKIP
        PosixPath('report.html')
    """
    path = Path(path)
    text = _environment().get_template("report.html.j2").render(_context(Evidence(results)))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, "utf-8")
    draft.replace(path)
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": words.points,
        "span": words.span,
        "percent": words.percent,
        "errors": words.errors_changed,
        "language": display_name,
        "metric": words.metric_label,
        "condition": words.condition_label,
        "seconds": _seconds,
        "counted": words.counted,
        "listed": words.listed,
    }
    return environment


def _context(evidence: Evidence) -> dict[str, Any]:
    """What the templates are given."""
    seen = [
        row
        for family in evidence.families
        for perturbed in (False, True)
        for row in evidence.verdicts(family, perturbed)
    ]
    return {
        "evidence": evidence,
        "words": words,
        "answers": [_answer(family, evidence) for family in evidence.families],
        "kinds": _kinds(seen),
        "flags": _flags(seen, evidence),
        "flags_of": words.named_flags,
        "learned_bar": LEARNED,
        "strength": STRENGTH,
        "heats": [heat for family in evidence.families if (heat := _heat(family, evidence))],
        "controls": _against_controls(evidence),
        "forests": {target: charts.forests(target, evidence) for target in evidence.targets()},
        "conditions": _conditions(evidence),
        "layers": [x for target in evidence.targets() if (x := _layers(target, evidence))],
        "scores": _scores(evidence),
        "settings": _settings(evidence),
        "overlap": sentences(evidence.run.get("overlap", [])),
        "overlap_meaning": MEANING,
        "cautions": _cautions(evidence),
        "recipe": evidence.recipe.to_yaml() if evidence.recipe else "",
        "name": lambda target: words.short(target, evidence.targets()),
    }


def _answer(family: str, evidence: Evidence) -> dict[str, Any]:
    rows = evidence.verdicts(family)
    return {
        "family": words.FAMILIES.get(family, family),
        "short": words.short_answer(family, evidence),
        "overall": words.overall(family, evidence),
        "rows": [_told(row, evidence) for row in rows],
        "best": {x: evidence.run.get("best", {}).get(x) for x in evidence.targets(family)},
    }


def _told(row: Row, evidence: Evidence) -> dict[str, Any]:
    keeps = row["verdict"] in ("persists", "fades")
    return {
        **row,
        "flags": words.named_flags(row),
        "word": words.verdict_word(row),
        "sentence": words.sentence(row, evidence),
        "retention": evidence.retention(row["arm"], row["task"]) if keeps else None,
    }


def _kinds(rows: list[Row]) -> dict[str, list[tuple[str, str]]]:
    """Verdict words with their meaning: those that occur here, and the rest."""
    here = {words.verdict_word(row) for row in rows}
    none = [(words.NO_VERDICT, "there are too few seeds to tell luck from effect.")]
    return {
        "here": [(word, text) for word, text in [*words.VERDICTS.items(), *none] if word in here],
        "rest": [(word, text) for word, text in words.VERDICTS.items() if word not in here],
    }


def _flags(rows: list[Row], evidence: Evidence) -> list[tuple[str, str, str]]:
    """(flag, what it means, where it was raised) for the flags that occur."""
    told = []
    for flag, meaning in words.FLAGS.items():
        where = [
            f"{row['arm']} on {words.short(row['task'], evidence.targets())}"
            + (" (changed input)" if row["perturbed"] else "")
            for row in rows
            if flag in flags(row)
        ]
        if where:
            told.append((words.SHORT_FLAGS.get(flag, flag), meaning, words.listed(where)))
    return told


def _heat(family: str, evidence: Evidence) -> dict[str, Any] | None:
    """A family's heat map: a row an arm or control, for each target a column a group of languages."""
    columns = [(target, group) for target in evidence.targets(family) for group in evidence.groups(target)]
    if not columns:
        return None
    rows = {arm: [evidence.gain(arm, *column) for column in columns] for arm in evidence.all_arms(family)}
    top = max(0.01, *(abs(gain.value) for row in rows.values() for gain in row if gain))
    return {
        "family": words.FAMILIES.get(family, family),
        "targets": [
            (x, len(evidence.groups(x)), *evidence.judged(x))
            for x in evidence.targets(family)
            if evidence.groups(x)
        ],
        "groups": [group for _, group in columns],
        "rows": [
            (arm, evidence.controls.get(arm), [_colour(gain, top) for gain in row])
            for arm, row in rows.items()
        ],
        "top": top,
        "readings": [text for x in evidence.targets(family) if (text := layers.reading(x, evidence))],
    }


def _colour(gain: Interval | None, top: float) -> Heat | None:
    if gain is None:
        return None
    mix = round(STRENGTH * min(1.0, abs(gain.value) / top))
    sign = "plus" if gain.value > 0 else "minus"
    return Heat(words.points(gain.value), words.span(gain), mix, sign, gain.clear)


def _against_controls(evidence: Evidence) -> list[dict[str, Any]]:
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


def _conditions(evidence: Evidence) -> list[dict[str, Any]]:
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


def _layers(target: str, evidence: Evidence) -> dict[str, Any] | None:
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


def _scores(evidence: Evidence) -> list[dict[str, Any]]:
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


def _settings(evidence: Evidence) -> list[tuple[str, str]]:
    """What was run, in a few lines."""
    run, recipe, results = evidence.run, evidence.recipe, evidence.results.results
    encoder = run.get("encoder", {})
    depth = encoder.get("depth") or encoder.get("layers")
    layers = f" ({depth} layers)" if depth else ""
    seeds = sorted({row["seed"] for row in results})
    codes = sorted({row["language"] for row in results}, key=lambda x: (x != ENGLISH, display_name(x)))
    pairs = [
        ("Encoder", f"{encoder.get('name', 'unknown')}{layers}"),
        ("Image tower", (run.get("tower") or {}).get("name", "")),
        ("Languages", f"{len(codes)}: {', '.join(map(display_name, codes))}"),
        ("Seeds", ", ".join(map(str, seeds))),
        ("Conditions", "; ".join(map(words.condition_label, [CLEAN, *evidence.conditions]))),
        ("Precision", run.get("precision", "")),
        ("Training of intermediates", _trainings(_intermediate_tokens(evidence))),
        ("Training of targets", _trainings(_target_tokens(evidence))),
    ]
    if recipe:
        pairs.append(("Checkpoint taken", _SELECTIONS.get(recipe.selection, recipe.selection)))
    return [(name, text) for name, text in pairs if text]


def _intermediate_tokens(evidence: Evidence) -> list[int]:
    """Training tokens of the intermediate phase: an arm of several tasks is trained once for all of them."""
    by_arm = {row["arm"]: row.get("tokens", ()) for row in evidence.run.get("intermediates", ())}
    return [tokens for seeds in by_arm.values() for tokens in seeds]


def _target_tokens(evidence: Evidence) -> list[int]:
    """Training tokens of the target phase, each training counted once; a retrieval that is not trained has none."""
    tokens: Mapping[tuple[Any, ...], int] = {
        (row["arm"], row["task"], row["seed"]): row["train_tokens"]
        for row in evidence.results.results
        if row.get("train_tokens") and row.get("trained", True)
    }
    return list(tokens.values())


def _trainings(tokens: list[int]) -> str:
    return f"{words.counted(len(tokens), 'training')}, {sum(tokens):,} tokens" if tokens else ""


def _cautions(evidence: Evidence) -> list[str]:
    """What limits how far the answer reaches."""
    recipe, encoder = evidence.recipe, str(evidence.run.get("encoder", {}).get("name", ""))
    told = []
    if recipe and recipe.limit:
        told.append(f"Tests were limited to {recipe.limit} items a language: a trial, not a measurement.")
    if encoder.startswith("bundled/multilingual-e5-small"):
        told.append(
            "This encoder was trained on translations to put sentences of one meaning together. Training on "
            "English may well hurt its retrieval, and the results say nothing about an encoder that was only "
            "trained to fill in masked words, such as XLM-R."
        )
    two = [row for row in evidence.results.gains_table if row["quantity"] == "gain" and row["seeds"] == 2]
    narrow = [row for row in two if row.get("over") == "items"]
    if narrow:
        told.append(
            f"With two seeds, {len(narrow)} of {len(two)} gains have an interval over the choice of test items only, "
            "since their spread over seeds could not be estimated together with other arms: they hold for these two "
            "runs. Run a third seed."
        )
    if any(target.startswith("pocket/") for target in evidence.targets()):
        told.append("The pocket tasks are a small proving ground, not a benchmark.")
    return told


def _seconds(seconds: float) -> str:
    """A duration for readers: `48 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
