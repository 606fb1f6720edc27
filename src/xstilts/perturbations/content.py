"""Noise in what a passage says, only where the label stays by a rule.

Sentences are left out of the context of a question: an answer is a span of the context and its sentence stays, a
question without an answer gets none. Swapping entities and negating sentences are not here: either changes labels
unless all texts of an item are changed in step, by rules of agreement that are written for no language yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from xstilts.perturbations.base import Edit, Perturbation
from xstilts.perturbations.units import CASED, sentence_spans

_PUNCTUATED = CASED | frozenset(
    {"Arab", "Hebr", "Geor", "Ethi", "Kore", "Jpan", "Hans", "Hant", "Hani", "Khmr", "Mymr", "Deva", "Beng"}
    | {"Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh"}
)


def omission(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Whole sentences left out, never all of them."""
    spans = list(sentence_spans(clusters, language))
    left = len(spans)
    for start, stop in spans:
        if rng.random() < rate and left > 1:
            left -= 1
            yield start, ("",) * (stop - start)


CONTENT = (
    Perturbation(
        name="omission",
        summary="sentences of the context left out, never one with an answer",
        fn=omission,
        rates=(0.1, 0.2, 0.3, 0.4, 0.5),
        unit="sentences without an answer",
        source="ours: what surrounds the evidence goes, the evidence stays",
        scripts=_PUNCTUATED,
        on_tokens=False,
        kind="content",
        role="context",
        task_types=frozenset({"span-qa"}),
    ),
)
