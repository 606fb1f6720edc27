"""The conditions on images and on their features: names, levels and sources. `pixels` does what they say.

Most are those of ImageNet-C, with its levels. They are defined at 224 pixels: a larger image is changed so that it
looks as the published corruption does once the image is reduced to 224 pixels on its shorter side. Lengths of blurs
grow in proportion, and noise, snow, fog and compression are made at that size and carried over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

SIZE = 224
"""Pixels of the shorter side of an image for which ImageNet-C's levels are given."""

ROLE = "image"
"""The column that these conditions act on."""

IMAGE_TYPES = frozenset({"image-text-retrieval", "image-text-classification"})
"""The task types that have it."""

Level = tuple[float, ...]
"""The numbers that a corruption's definition takes at one severity."""

_IMAGENET_C = "ImageNet-C, Hendrycks & Dietterich 2019 (ICLR, arXiv:1903.12261), levels of make_imagenet_c.py"


@final
@dataclass(frozen=True)
class ImagePerturbation:
    """One kind of noise in images or in their features, graded from 1 to 5.

    `levels[severity - 1]` are the numbers that its definition takes; `unit` says what they are. The same for every
    language. `modality` is `image`, for what is done to pixels, or `features`, for what is done to vectors that an
    image encoder gave. `told` are the places of those numbers of a level that `shares` names. `version` is raised
    whenever the same input would come out otherwise.
    """

    name: str
    summary: str
    levels: tuple[Level, Level, Level, Level, Level]
    unit: str
    source: str = _IMAGENET_C
    told: tuple[int, ...] = (0,)
    kind: Literal["pixels", "features"] = "pixels"
    version: int = 1
    role: str = ROLE
    task_types: frozenset[str] = IMAGE_TYPES
    on_tokens: bool = True
    in_step: bool = False
    answers: tuple[tuple[str, str], ...] = ()
    data: None = None

    @property
    def modality(self) -> str:
        """What it acts on: `image` or `features`."""
        return "image" if self.kind == "pixels" else self.kind

    @property
    def shares(self) -> str:
        """The level of each severity, in words.

        Example:
            >>> IMAGES["jpeg"].shares
            '25, 18, 15, 10, 7: quality, of 100'
        """
        levels = ("/".join(f"{level[place]:g}" for place in self.told) for level in self.levels)
        return f"{', '.join(levels)}: {self.unit}"

    def level(self, severity: int) -> Level:
        """The numbers of a severity from 1 to 5."""
        return self.levels[severity - 1]

    def acts_on(self, language: str, folder: Path | None = None) -> bool:
        """Yes: images have no language."""
        return True

    def is_for(self, task_type: str, labels: Collection[str] = ()) -> bool:
        """Whether tasks of a type have images, whatever their labels."""
        return self.is_for_type(task_type)

    def is_for_type(self, task_type: str) -> bool:
        """Whether tasks of a type have images."""
        return task_type in self.task_types

    def lack(self, language: str) -> str:
        """Nothing: it acts in every language."""
        return ""

    @property
    def scope(self) -> str:
        """Tasks and column that it is confined to."""
        return f"{', '.join(sorted(self.task_types))} tasks; on {self.role}"


_ALL = (
    ImagePerturbation(
        "gaussian-noise",
        "noise of low light, the same everywhere",
        ((0.08,), (0.12,), (0.18,), (0.26,), (0.38,)),
        "standard deviation, white being 1",
    ),
    ImagePerturbation(
        "shot-noise",
        "noise of light coming in quanta (Poisson)",
        ((60,), (25,), (12,), (5,), (3,)),
        "quanta for white",
    ),
    ImagePerturbation(
        "impulse-noise",
        "single values turned black or white",
        ((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)),
        "share of values",
    ),
    ImagePerturbation(
        "defocus-blur",
        "out of focus: every point becomes a disk",
        ((3,), (4,), (6,), (8,), (10,)),
        "radius in pixels of 224",
        f"{_IMAGENET_C}; the disk's edge softened over a pixel in place of a Gaussian of 0.1 or 0.5",
    ),
    ImagePerturbation(
        "motion-blur",
        "the camera moved, in a direction within 45° of the horizontal",
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        "radius/standard deviation of half a Gaussian, in pixels of 224",
        told=(0, 1),
    ),
    ImagePerturbation(
        "zoom-blur",
        "the camera moved forward: the mean of enlarged images",
        ((1.1, 0.01), (1.15, 0.01), (1.2, 0.02), (1.24, 0.02), (1.3, 0.03)),
        "largest enlargement",
    ),
    ImagePerturbation(
        "snow",
        "flakes drawn out by the wind, over a whitened image",
        (  # mean and deviation of the flakes, their enlargement, threshold, motion (as below), share of the image
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        "share of the image that is left",
        told=(6,),
    ),
    ImagePerturbation(
        "fog",
        "a bright haze with clouds of all sizes (a plasma fractal)",
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        "weight of the haze, that of the image being 1",
    ),
    ImagePerturbation(
        "brightness",
        "too bright: a constant added to the value of HSV",
        ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
        "added, white being 1",
    ),
    ImagePerturbation(
        "contrast",
        "too little contrast: values drawn to each colour's mean",
        ((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
        "share of the contrast that is left",
    ),
    ImagePerturbation(
        "pixelate",
        "too few pixels: reduced and enlarged again, without smoothing",
        ((0.6,), (0.5,), (0.4,), (0.3,), (0.25,)),
        "share of 224 pixels that are left on the shorter side",
    ),
    ImagePerturbation(
        "jpeg",
        "strongly compressed as JPEG",
        ((25,), (18,), (15,), (10,), (7,)),
        "quality, of 100",
    ),
    ImagePerturbation(
        "feature-noise",
        "Gaussian noise on the vectors of an image encoder, where there are no images; no corruption of images",
        ((0.25,), (0.5,), (1,), (1.5,), (2,)),
        "standard deviation, the root mean square of a vector being 1",
        "ours: the cosine to the clean vector is about 0.97, 0.89, 0.71, 0.55, 0.45",
        kind="features",
    ),
)

IMAGES = {each.name: each for each in _ALL}
"""All perturbations of images by name, in the order in which they are listed."""
