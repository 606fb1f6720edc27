"""Seeded, graded noise for test inputs, in text of any language and in images.

Labels, spans and tokens keep their places. What changes images is in `pixels`, which loads numpy and Pillow.
"""

from xstilts.perturbations.apply import Offsets, perturb_text, perturb_tokens, perturb_with_offsets
from xstilts.perturbations.base import SEVERITIES, Perturbation
from xstilts.perturbations.conditions import (
    CLEAN,
    EVERY,
    PERTURBATIONS,
    Condition,
    distinct_conditions,
    reported_apart,
)
from xstilts.perturbations.image import IMAGES, ImagePerturbation

__all__ = [
    "CLEAN",
    "EVERY",
    "IMAGES",
    "PERTURBATIONS",
    "SEVERITIES",
    "Condition",
    "ImagePerturbation",
    "Offsets",
    "Perturbation",
    "distinct_conditions",
    "perturb_text",
    "perturb_tokens",
    "perturb_with_offsets",
    "reported_apart",
]
