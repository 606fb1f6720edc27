"""The model card of an export: what was trained on what, what it scored, how to load it, what it cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from xstilts import __version__
from xstilts.finished import BEST, ENCODER, Choice
from xstilts.languages import display_name
from xstilts.recipe import BASELINE, Phase
from xstilts.report.layers import compared_vectors
from xstilts.report.words import named_flags, points, verdict_word
from xstilts.task_types import get_trained_type, metrics_of
from xstilts.tasks.base import Task


@dataclass(frozen=True)
class Centring:
    """What the means that a model subtracts were taken of, and what they give.

    Scores are means over the dev `languages`, each half of the dev part with the means of the other: `own` with queries
    and candidates centred each by their own mean, as in a run; `named` with the stored mean of each text's language;
    `sided` with those of `encode_query` and `encode_document`; `unnamed` with that of `encode`; `raw` without any.
    """

    languages: tuple[str, ...]
    sentences: int
    own: float
    named: float
    sided: float
    unnamed: float
    raw: float


@dataclass(frozen=True)
class SentenceVectors:
    """How an exported model makes vectors of sentences.

    No `layer`: the last one. `prefix` stands before queries, `document_prefix` before what is found. `similarity`:
    cosine or dot.
    """

    layer: int | None
    pooling: str
    postprocess: str
    prefix: str
    document_prefix: str
    max_length: int
    similarity: str = "cosine"
    centring: Centring | None = None

    def centred(self, centring: Centring) -> SentenceVectors:
        """The same, with what is known of the mean."""
        return replace(self, centring=centring)

    def record(self) -> dict[str, Any]:
        """All of it as JSON."""
        return asdict(self)


def write_card(choice: Choice, form: str, vectors: SentenceVectors | None = None) -> str:
    """The model card, in Markdown with the metadata that the Hugging Face Hub reads.

    Args:
        choice: the checkpoint that is exported.
        form: `hf` or `sentence-transformers`.
        vectors: how sentences are embedded, in an export for sentence-transformers.
    """
    environment = Environment(
        loader=PackageLoader("xstilts", "report"),
        autoescape=False,  # noqa: S701 - Markdown: `text` escapes what others wrote
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: "—" if value is None else value,
    )
    environment.filters |= {"text": _text, "points": _points, "interval": _interval, "language": display_name}
    environment.filters |= {"flags": named_flags, "verdict": verdict_word}
    catalogue = choice.run.experiment.catalogue
    return environment.get_template("card.md.j2").render(
        choice=choice,
        encoder=_encoder_name(choice.run.recipe.encoder),
        local=Path(choice.run.recipe.encoder).is_absolute(),
        form=form,
        vectors=vectors,
        version=__version__,
        baseline=BASELINE,
        trained=[catalogue.get(name) for name in choice.intermediates],
        target=catalogue.get(choice.target) if choice.target != ENCODER else None,
        reason=reason(choice),
        auto_class=_auto_class(choice),
        base_model=_hub_id(choice.run.recipe.encoder),
        languages=sorted({row["language"] for row in _results(choice)}),
        results=_results(choice),
        readings=_readings(_results(choice)),
        gains=_gains(choice),
        verdicts=_verdicts(choice),
        dev=_dev(choice),
        phases=_phases(choice),
        max_length=_max_length(choice),
        key=choice.stage.key if choice.stage else None,
    )


def _max_length(choice: Choice) -> int:
    """Tokens of an input in training: the target's own maximum, else the phase's."""
    length = choice.run.recipe.phase("target", choice.target).max_length
    if choice.target == ENCODER:
        return length
    return choice.run.experiment.catalogue.get(choice.target).max_length(length)


def _text(value: Any) -> str:
    """Somebody's text inside a Markdown line or table cell."""
    return re.sub(r"([|<>\[\]`*_])", r"\\\1", " ".join(str(value).split()))


def _points(value: float | None, sign: bool = False) -> str:
    """A score in percent, or a difference in points: 0.123 → 12.3."""
    return "—" if value is None else points(value, sign)


def _interval(row: Mapping[str, Any], least: float = -1.0) -> str:
    """The interval of a difference, or of a score where `least` is 0; no further than what is possible."""
    if row["ci_low"] is None or row["ci_high"] is None:
        return "—"
    return f"{_points(max(row['ci_low'], least))} to {_points(min(row['ci_high'], 1.0))}"


def _encoder_name(encoder: str) -> str:
    """The encoder for readers: of one in a folder, the folder's name alone."""
    return Path(encoder).name if Path(encoder).is_absolute() else encoder


def _hub_id(encoder: str) -> str | None:
    """The encoder's id on the Hub, None for one that is bundled or in a folder."""
    name = re.sub(r"@\d+$", "", encoder)
    is_id = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) and not name.startswith(("bundled/", "."))
    return name if is_id and not Path(name).exists() else None


def _auto_class(choice: Choice) -> str:
    if not choice.has_head:
        return "AutoModel"
    return get_trained_type(choice.run.experiment.catalogue.get(choice.target).type).auto_class


def reason(choice: Choice) -> str:
    """Why this arm, in Markdown: asked for by name, or how `best` was found."""
    if choice.asked != BEST:
        return f"The arm `{choice.arm}` was asked for by name."
    gains = choice.run.dev_gains(_judged(choice))
    best = max(gains.values(), default=0.0)
    if choice.arm == BASELINE:
        return (
            f"On dev no arm was better than the baseline (the best of them: {_points(best, sign=True)} points), "
            "so this is the baseline: the encoder without an intermediate task."
        )
    return (
        f"The arm `{choice.arm}` is the best on dev: {_points(best, sign=True)} points over the baseline. "
        "Test results played no part in the choice."
    )


def _judged(choice: Choice) -> Sequence[str]:
    return choice.run.recipe.targets if choice.target == ENCODER else (choice.target,)


def _primary(task: Task) -> str:
    return metrics_of(task)[0]


def _for_primary(
    choice: Choice, rows: Sequence[Mapping[str, Any]], tasks: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of some tasks under the metric that each is judged by."""
    primary = {name: _primary(choice.run.experiment.catalogue.get(name)) for name in tasks}
    return [dict(row) for row in rows if primary.get(row["task"]) == row["metric"]]


def _results(choice: Choice) -> list[dict[str, Any]]:
    """What this very checkpoint scored: a row a language, condition and post-processing."""
    rows = choice.run.rows("results", arm=choice.arm, seed=choice.seed)
    return _for_primary(choice, rows, choice.tested)


def _readings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the vectors behind retrieval results were made and compared."""
    ways = {(row["pooling"], row["direction"], row["scoring"]) for row in rows if row["pooling"]}
    return [compared_vectors(*way) for way in sorted(ways)]


def _gains(choice: Choice) -> list[dict[str, Any]]:
    """Gains of the arm over the baseline, over all seeds, for the targets that the arm was judged by."""
    rows = choice.run.rows("gains_table", arm=choice.arm, quantity="gain", reference=BASELINE)
    means = [row for row in rows if row["group"] in {"en", "non-en"}]
    return _for_primary(choice, means, _judged(choice))


def _verdicts(choice: Choice) -> list[dict[str, Any]]:
    return [row for row in choice.run.rows("verdicts", arm=choice.arm) if row["task"] in _judged(choice)]


def _dev(choice: Choice) -> list[dict[str, Any]]:
    """Dev scores of every arm, of which the best was chosen."""
    return [row for row in choice.run.results.run["dev"] if row["task"] in _judged(choice)]


def _phases(choice: Choice) -> list[dict[str, Any]]:
    """How the checkpoint came to be: a row a training, with its settings and what came of it."""
    run, arm = choice.run, choice.arm.partition("~")[0]
    rows = []
    before = run.plan.intermediates.get((choice.arm, choice.seed))
    if before is not None:
        phase = run.recipe.phase("intermediate", choice.intermediates[0], arm)
        rows.append((choice.intermediates, phase, before))
    if choice.is_trained:
        final = run.plan.finals[choice.arm, choice.target, choice.seed]
        rows.append(((choice.target,), run.recipe.phase("target", choice.target), final))
    store = run.experiment.store
    facts = [store.open(stage.address).info if stage.address in store else {} for _, _, stage in rows]
    return [
        {"task": " + ".join(tasks), **phase.model_dump(), "max_length": _lengths(choice, tasks, phase)}
        | {name: info.get(name) for name in ("learning_rate", "updates", "examples", "tokens")}
        | {"head_learning_rate": phase.head_learning_rate or info.get("learning_rate")}
        | {"dev": info.get("dev", {})}
        for (tasks, phase, _), info in zip(rows, facts, strict=True)
    ]


def _lengths(choice: Choice, tasks: Sequence[str], phase: Phase) -> str:
    """Tokens of an input of each task: its own maximum, else the phase's."""
    catalogue = choice.run.experiment.catalogue
    lengths = [catalogue.get(name).max_length(phase.max_length) for name in tasks]
    return ", ".join(dict.fromkeys(map(str, lengths)))
