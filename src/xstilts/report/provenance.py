"""How a run was done, and what limits how far its answer reaches: settings, cost, cautions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xstilts.languages import display_name
from xstilts.report import words
from xstilts.report.evidence import CLEAN, ENGLISH, Evidence

_SELECTIONS = {
    "english-dev": "the best on English dev data",
    "target-dev": "the best on dev data of the tested language (an oracle: more than zero-shot transfer may know)",
    "last": "the last of a training",
    "average": "the average of a training's candidates",
}


def settings(evidence: Evidence) -> list[tuple[str, str]]:
    """What was run, in a few lines."""
    run, recipe, results = evidence.run, evidence.recipe, evidence.results.results
    encoder = run.get("encoder", {})
    depth = encoder.get("depth") or encoder.get("layers")
    layers = f" ({depth} layers)" if depth else ""
    seeds = sorted({row["seed"] for row in results})
    codes = sorted({row["language"] for row in results}, key=lambda x: (x != ENGLISH, display_name(x)))
    pairs = [
        ("Encoder", f"{encoder.get('name', 'unknown')}{layers}"),
        ("Image tower", _tower(run.get("tower") or {})),
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


def _tower(tower: Mapping[str, Any]) -> str:
    """The image tower's name, and whether it learned; empty where there is none."""
    if not tower.get("tuned"):
        return str(tower.get("name", ""))
    return f"{tower['name']}, tuned with the text encoder by every training of a target"


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


def cautions(evidence: Evidence) -> list[str]:
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


def seconds_told(seconds: float) -> str:
    """A duration for readers: `48 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def costs(evidence: Evidence) -> list[tuple[str, Mapping[str, float]]]:
    """(kind of work, its steps and seconds): those of the answer, then those of arms that a race dropped."""
    spent = (evidence.run.get("race") or {}).get("spent", {})
    dropped = [(f"{kind}, for arms that were dropped", cost) for kind, cost in spent.items()]
    return [*evidence.run.get("stages", {}).items(), *dropped]
