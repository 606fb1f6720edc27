"""Seeded, graded noise for test inputs, in any language: labels, spans and tokens keep their places."""

from xstilts.perturbations.apply import Offsets, perturb_text, perturb_tokens, perturb_with_offsets
from xstilts.perturbations.base import SEVERITIES, Perturbation
from xstilts.perturbations.conditions import CLEAN, PERTURBATIONS, Condition, reported_apart

__all__ = [
    "CLEAN",
    "PERTURBATIONS",
    "SEVERITIES",
    "Condition",
    "Offsets",
    "Perturbation",
    "perturb_text",
    "perturb_tokens",
    "perturb_with_offsets",
    "reported_apart",
]
