"""Noise in what a text says, only where the right answer is known by a rule.

Sentences are left out of the context of a question: an answer is a span of the context and its sentence stays, a
question without an answer gets none. Countries change places in question and context alike (`names`). Claims about a
premise are denied, and their labels with them (`negation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from xstilts.perturbations import names
from xstilts.perturbations.base import Edit, Perturbation
from xstilts.perturbations.negation import ANSWERS, RULES, negation
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


def entity_swap(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Names of countries exchanged, where the language has a rule."""
    found = names.find_names(language, None)
    if found:
        yield from found.perturb(clusters, language, rate, rng)


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
    Perturbation(
        name="entity-swap",
        summary="countries of one part of the world change places, in question, context and answer alike",
        fn=entity_swap,
        rates=(0.2, 0.4, 0.6, 0.8, 1.0),
        unit="pairs of countries",
        source="ours; after the entity-switched texts of Agarwal et al. 2020 (arXiv:2004.04123)",
        languages=names.LANGUAGES,
        on_tokens=False,
        kind="content",
        task_types=frozenset({"span-qa"}),
        in_step=True,
        data=names.find_names,
    ),
    Perturbation(
        name="negation",
        summary="claims denied where a rule allows it: what was entailed is contradicted, and the reverse",
        fn=negation,
        rates=(0.2, 0.4, 0.6, 0.8, 1.0),
        unit="claims that a rule takes",
        source="ours, by logic; a minimal change that changes the label, after Gardner et al. 2020, contrast sets "
        "(arXiv:2004.02709)",
        languages=frozenset(RULES),
        on_tokens=False,
        kind="content",
        role="text_pair",
        task_types=frozenset({"classification"}),
        answers=ANSWERS,
    ),
)
