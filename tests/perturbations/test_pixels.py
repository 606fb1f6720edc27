"""Image conditions: size and mode stay, noise is a function of key and severity, and grows with it."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.perturbations import (
    EVERY,
    IMAGES,
    PERTURBATIONS,
    SEVERITIES,
    Condition,
    perturb_text,
    perturb_tokens,
)
from xstilts.perturbations.image import ImagePerturbation

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
from xstilts.perturbations.pixels import (  # noqa: E402
    CORRUPTIONS,
    _plasma,
    example_changes,
    example_picture,
    perturb_features,
    perturb_image,
)

PIXELS = sorted(name for name, each in IMAGES.items() if each.kind == "pixels")


def distance(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def clouds(seed: int, size: int = 224) -> Image.Image:
    """A picture whose details are as strong at every size as those of photographs are."""
    colours = [_plasma(256, 1.5, np.random.RandomState(10 * seed + colour)) for colour in range(3)]
    return Image.fromarray((np.stack(colours, -1)[:size, :size] * 255).astype(np.uint8))


def test_what_is_listed_is_done() -> None:
    assert list(CORRUPTIONS) == [name for name, each in IMAGES.items() if each.kind == "pixels"]
    assert list(EVERY) == [*PERTURBATIONS, *IMAGES]


@pytest.mark.parametrize("each", IMAGES.values(), ids=list(IMAGES))
def test_every_one_says_what_it_is(each: ImagePerturbation) -> None:
    assert each.summary and each.unit and each.source
    assert each.role == "image" and each.modality in {"image", "features"}
    assert len(set(each.levels)) == 5
    assert len({len(level) for level in each.levels}) == 1


@given(st.sampled_from(PIXELS), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_size_and_mode_stay(name: str, severity: int, width: int, height: int, seed: int) -> None:
    values = np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)
    before = Image.fromarray(values)
    after = perturb_image(before, Condition(name, severity=severity), str(seed))
    assert (after.size, after.mode) == (before.size, "RGB")
    assert np.array_equal(np.asarray(before), values), "the image that was given stays as it is"


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize("size", [(224, 224), (500, 375), (97, 300)])
def test_the_same_key_gives_the_same_image_and_another_one_another(name: str, size: tuple[int, int]) -> None:
    picture, condition = example_picture(*size), Condition(name)
    once, again, other = (perturb_image(picture, condition, key) for key in ("a", "a", "b"))
    assert once == again
    assert once != picture
    drawn = name not in {"defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg"}
    assert (once != other) == drawn


@pytest.mark.parametrize("name", PIXELS)
def test_the_distance_from_the_clean_image_grows_with_severity(name: str) -> None:
    count = 12 if name in {"fog", "snow"} else 3
    found = {
        severity: np.mean(
            [
                distance(perturb_image(clouds(n), Condition(name, severity=severity), str(n)), clouds(n))
                for n in range(count)
            ]
        )
        for severity in SEVERITIES
    }
    # as published: half the pixels fall together evenly, 0.6 of them do not; clouds of 1.5 are weaker than of 1.7
    level = {"pixelate": [(1, 2)], "fog": [(3, 4)]}.get(name, [])
    for low, high in pairwise(SEVERITIES):
        assert found[low] < found[high] or (low, high) in level, found
    assert found[1] < 0.85 * found[5]


@pytest.mark.parametrize("name", PIXELS)
def test_a_larger_image_looks_the_same_once_it_is_reduced(name: str) -> None:
    """The point of scaling: what an encoder at 224 pixels sees does not depend on the file's resolution."""
    small = example_picture(224, 224)
    large = example_picture(896, 896)
    condition = Condition(name, severity=3)
    clean = distance(large.resize((224, 224), Image.Resampling.BOX), small)
    changed = distance(perturb_image(small, condition, "a"), small)
    reduced = perturb_image(large, condition, "a").resize((224, 224), Image.Resampling.BOX)
    assert distance(reduced, small) == pytest.approx(changed, rel=0.35, abs=clean)


# --- against the published definitions, worked by hand


def flat(value: int, size: int = 224) -> Image.Image:
    return Image.new("RGB", (size, size), (value,) * 3)


def values(name: str, severity: int, image: Image.Image) -> np.ndarray:
    return np.asarray(perturb_image(image, Condition(name, severity=severity), "x"), float) / 255


def test_gaussian_noise_has_the_published_deviation() -> None:
    assert values("gaussian-noise", 1, flat(128)).std() == pytest.approx(0.08, rel=0.02)
    assert values("gaussian-noise", 2, flat(128, 896)).std() == pytest.approx(0.12, rel=0.02)


def test_shot_noise_has_the_variance_of_poisson() -> None:
    assert values("shot-noise", 1, flat(128)).var() == pytest.approx(0.5 / 60, rel=0.03)


def test_impulse_noise_turns_the_published_share() -> None:
    found = values("impulse-noise", 5, flat(128))
    assert [np.mean(found == 0), np.mean(found == 1)] == pytest.approx([0.135, 0.135], rel=0.05)


def test_contrast_and_brightness_are_exact() -> None:
    found = values("contrast", 1, Image.fromarray(np.array([[[0] * 3, [200] * 3]], np.uint8)))
    assert found[0, :, 0] * 255 == pytest.approx([60, 140], abs=0.5)
    teal = Image.new("RGB", (2, 2), (0, 102, 51))
    assert values("brightness", 2, teal)[0, 0] * 255 == pytest.approx([0, 153, 76.5], abs=0.6)
    assert values("brightness", 2, flat(0, 2))[0, 0] * 255 == pytest.approx([51] * 3, abs=0.5)


def test_blurs_keep_flat_images_and_the_mean() -> None:
    for name in ("defocus-blur", "motion-blur", "zoom-blur"):
        assert np.abs(values(name, 5, flat(77)) * 255 - 77).max() < 1
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    spread = values("defocus-blur", 5, Image.fromarray(dot).resize((224, 224), Image.Resampling.NEAREST))
    assert np.count_nonzero(spread[..., 0]) == pytest.approx(np.pi * 10.5**2, rel=0.25)


def test_pixelate_leaves_the_published_number_of_pixels() -> None:
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (224, 224, 3)).astype(np.uint8))
    rows = np.asarray(perturb_image(noise, Condition("pixelate", severity=5), "x"))[:, 0]
    assert 1 + np.count_nonzero(np.any(np.diff(rows.astype(int), axis=0), axis=1)) == 56
    large = np.asarray(perturb_image(noise.resize((896, 896)), Condition("pixelate", severity=5), "x"))[:, 0]
    assert 1 + np.count_nonzero(np.any(np.diff(large.astype(int), axis=0), axis=1)) <= 56


def test_jpeg_at_the_usual_size_is_the_file_itself() -> None:
    import io

    file = io.BytesIO()
    example_picture().save(file, "JPEG", quality=10)
    found = perturb_image(example_picture(), Condition("jpeg", severity=4), "x")
    assert distance(found, Image.open(file)) < 0.01


# --- features


def test_noise_on_features_is_relative_to_each_vector() -> None:
    vectors = np.random.RandomState(0).normal(size=(2, 4096)).astype(np.float32) * [[1], [100]]
    for severity, cosine in zip(SEVERITIES, (0.97, 0.89, 0.71, 0.55, 0.45), strict=True):
        found = perturb_features(vectors, Condition("feature-noise", severity=severity), "a")
        assert found.dtype == vectors.dtype
        norms = np.linalg.norm(found, axis=1) * np.linalg.norm(vectors, axis=1)
        assert (found * vectors).sum(1) / norms == pytest.approx([cosine] * 2, abs=0.04)


def test_conditions_of_another_modality_change_nothing() -> None:
    picture, vector = example_picture(8, 8), np.ones(3, np.float32)
    for text in ("clean", "typos@5", "feature-noise"):
        assert perturb_image(picture, Condition.parse(text), "a") is picture
    for text in ("clean", "typos@5", "fog"):
        assert perturb_features(vector, Condition.parse(text), "a") is vector
    assert perturb_text("A text.", "en", Condition.parse("fog@5"), "a") == "A text."
    assert perturb_tokens(["A", "text"], "en", Condition.parse("fog@5"), "a") == ["A", "text"]


def test_other_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="RGB, got L"):
        perturb_image(Image.new("L", (4, 4)), Condition.parse("fog"), "a")


# --- as conditions


def test_they_are_spelled_like_others() -> None:
    fog = Condition.parse("fog@2")
    assert (str(fog), fog.role, fog.modality) == ("fog:image@2", "image", "image")
    assert Condition.parse(str(fog)) == fog
    assert Condition.parse("feature-noise").modality == "features"
    assert [Condition.parse(text).modality for text in ("clean", "typos")] == ["", "text"]
    with pytest.raises(UserError, match="acts on image, not on text"):
        Condition.parse("fog:text")


def test_they_are_for_tasks_with_images() -> None:
    fog = Condition.parse("fog")
    assert fog.idle("zh", "image-text-retrieval") == ""
    assert fog.idle("zh", "classification").startswith(
        "is for image-text-classification, image-text-retrieval"
    )


def test_the_registry_loads_neither_pillow_nor_numpy() -> None:
    code = (
        "import sys; sys.modules['PIL'] = None; import xstilts.perturbations; print('numpy' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_changes_are_measured_on_a_picture() -> None:
    changes = example_changes("brightness")
    assert list(changes) == list(SEVERITIES)
    assert 0.05 < changes[1] < changes[5] < 0.5
    assert example_changes("feature-noise")[3] == pytest.approx(1 - 0.71, abs=0.03)
