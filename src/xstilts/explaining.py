"""What explains that some languages gain more than others, for a run: the languages' features, and the models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts import __version__
from xstilts.analysis.cells import CLEAN, PERTURBED, is_english
from xstilts.analysis.contrasts import ALL, ENGLISH, OTHERS
from xstilts.analysis.explanations import FEATURES, MIN_LANGUAGES, Observation, explain
from xstilts.answer import rows_of
from xstilts.families import distance_from_english, family
from xstilts.hashing import digest, remembered
from xstilts.languages import display_name, script
from xstilts.perturbations.graphemes import split
from xstilts.perturbations.units import word_spans
from xstilts.plan import Plan
from xstilts.stage import Stage
from xstilts.task_types import get_task_type

if TYPE_CHECKING:
    from xstilts.experiment import Experiment

Row = dict[str, Any]

TEXTS = 200
"""Test rows of a language that are enough to count pieces a word on."""


def language_table(experiment: Experiment, plan: Plan) -> list[Row]:
    """The features of each target's languages: a row a target × language.

    `family` and `distance` are Glottolog's (see `xstilts.families`); `pieces_per_word` is counted on the first rows of
    the test data, in the encoder's own tokenizer: pieces, punctuation's too, to a word as perturbations cut it, which
    in scripts without spaces is two letters (Chinese), three (Thai), or what ends with hiragana (Japanese). Where
    all targets together have fewer than ten languages beside English there are no rows: nothing could be concluded.
    """
    stages = {place: stage for place, stage in _tested(plan) if not is_english(place[1])}
    languages = {language for _, language in stages}
    if len(languages) < MIN_LANGUAGES:
        return []
    known = {language: _features(language) for language in sorted(languages)}
    return [
        {"task": target, "language": language}
        | known[language]
        | {"pieces_per_word": _pieces(experiment, target, language, stage)}
        for (target, language), stage in stages.items()
    ]


def explanation_table(
    gains: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
    languages: Sequence[Mapping[str, Any]],
    alpha: float = 0.05,
) -> list[Row]:
    """What explains the gains by language: rows for each arm × family of targets × clean or perturbed input.

    Gains over the baseline are explained as targets are judged; targets that are the arm's own task over again are left
    out, and so are languages with an unknown feature, which `left_out` counts. See `analysis.explanations` for the
    model and its columns.

    Args:
        gains: rows of the gains table.
        verdicts: rows of the verdicts table.
        languages: rows as `language_table` gives them; none where there are too few languages.
        alpha: 1 − the level of the intervals.
    """
    features = {(row["task"], row["language"]): row for row in languages}
    rows = []
    for place, found in _by_place(gains, verdicts).items():
        observed = [x for row in found if (x := _observation(row, features)) is not None]
        missing = {row["group"] for row in found} - {x.language for x in observed}
        left_out = len(missing) if languages else 0
        if not languages:
            observed = [Observation(row["task"], row["group"], row["group"], 0, {}) for row in found]
        identity = dict(zip(("arm", "family", "condition"), place, strict=True))
        rows += [identity | row | {"left_out": left_out} for row in _explained(observed, alpha)]
    return rows


def _by_place(
    gains: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, str], list[Mapping[str, Any]]]:
    """The gains in one language each, by arm, family of targets and condition."""
    judged = {
        (row["arm"], row["task"]): (row["family"], row["metric"], row["postprocess"] or "")
        for row in verdicts
        if "same-task" not in (row["flags"] or "").split(",")
    }
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in gains:
        how = judged.get((row["arm"], row["task"]))
        asked = (row["quantity"], row["metric"], row["postprocess"] or "", row["reference"])
        if how is None or asked != ("gain", *how[1:], "none"):
            continue
        if row["condition"] in (CLEAN, PERTURBED) and _is_other(row["group"]):
            found[row["arm"], how[0], row["condition"]].append(row)
    return found


def _is_other(group: str) -> bool:
    """Whether a group of the gains table is one language that is not English."""
    return group not in {ENGLISH, OTHERS, ALL} and not is_english(group)


def _observation(
    row: Mapping[str, Any], features: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Observation | None:
    found = features.get((row["task"], row["group"]))
    if found is None or any(found[name] is None for name in ("family", "distance", "pieces_per_word")):
        return None
    values = {
        "latin": float(found["script"] == "Latn"),
        "distance": found["distance"],
        "pieces": log2(found["pieces_per_word"]),
    }
    assert values.keys() == FEATURES.keys()
    return Observation(row["task"], row["group"], found["family"], row["estimate"], values)


def _tested(plan: Plan) -> Iterator[tuple[tuple[str, str], Stage]]:
    """The prepare stage of the test rows of each target and language."""
    for cell in plan.cells:
        for prediction in cell.score.parents["prediction"]:
            for stage in prediction.parents["data"]:
                if stage.spec["split"] == "test" and stage.spec["language"] == cell.language:
                    yield (cell.target, cell.language), stage


def _features(language: str) -> Row:
    return {
        "name": display_name(language),
        "script": script(language),
        "family": family(language),
        "distance": distance_from_english(language),
    }


def _explained(observed: Sequence[Observation], alpha: float) -> list[Row]:
    """The rows of `explain`, kept in the cache: importing statsmodels and fitting takes seconds."""
    fitted_by = [f"{name} {metadata.version(name)}" for name in ("xstilts", "statsmodels", "scipy", "numpy")]
    facts = digest(repr([fitted_by, observed, alpha]))
    rows: list[Row] = remembered(f"explanations/{facts}", facts, lambda: explain(observed, alpha))
    return rows


def _pieces(experiment: Experiment, target: str, language: str, stage: Stage) -> float | None:
    """Pieces a word of the rows of a stage, kept in the cache: loading a tokenizer takes seconds."""
    made_of = [__version__, stage.key, stage.address in experiment.store, experiment.encoder.fingerprint]
    facts = digest(made_of)
    found: float | None = remembered(
        f"pieces/{facts}", facts, lambda: _counted(experiment, target, language, stage)
    )
    return found


def _counted(experiment: Experiment, target: str, language: str, stage: Stage) -> float | None:
    kind = get_task_type(experiment.catalogue.get(target).type)
    texts = []
    for row in rows_of(experiment, stage)[:TEXTS]:
        parts = [row[name] for name in kind.texts if row.get(name)]
        texts += [" ".join(part) if isinstance(part, list) else part for part in parts]
    return pieces_per_word(texts, language, _tokenizer(experiment.encoder.folder))


@lru_cache(maxsize=1)
def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def pieces_per_word(texts: Iterable[str], language: str, tokenizer: Any) -> float | None:
    """Pieces of a tokenizer for each word of some texts; None where there is no word.

    Example:
        >>> pieces_per_word(["so it goes"], "en", tokenizer)  # doctest: +SKIP
        1.0
    """
    texts = list(texts)
    words = sum(1 for text in texts for _ in word_spans(split(text), language))
    if not words:
        return None
    return sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"])) / words
