"""What the conditions on images do to pixels and vectors: numpy and Pillow, loaded only where images are changed.

The noise of an image depends on its key, the perturbation and the severity alone, so every language, caption, arm,
seed and machine sees the same image. Pixels are arrays of shape [height, width, 3], 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import fftconvolve

from xstilts.perturbations.base import SEVERITIES, stream
from xstilts.perturbations.conditions import Condition
from xstilts.perturbations.image import IMAGES, SIZE, Level

Floats = NDArray[np.floating[Any]]
Corrupt = Callable[[Floats, Level, RandomState], Floats]
"""`(pixels, level, random numbers)` → pixels, which may leave 0 to 1."""
Shape = tuple[int, int]

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as OpenCV's


def perturb_image(image: Image.Image, condition: Condition, item_key: str) -> Image.Image:
    """The image under a condition, of the same size and mode; the image itself under one of text or features.

    Args:
        image: in RGB, as `images.open_image` gives it, before it is reduced for an encoder.
        condition: what to do.
        item_key: what the noise depends on: the image's key, so that all its captions see one image.

    Raises:
        ValueError: the image is not RGB.

    Example:
        >>> clean = Image.new("RGB", (64, 48), "teal")
        >>> perturb_image(clean, Condition.parse("gaussian-noise@2"), "pictures/1").size
        (64, 48)
    """
    if condition.modality != "image":
        return image
    if image.mode != "RGB":
        raise ValueError(f"expected an image in RGB, got {image.mode}")
    level = IMAGES[condition.name].level(condition.severity)
    return _image(CORRUPTIONS[condition.name](_pixels(image), level, _random(condition, item_key)))


def perturb_features(vectors: Floats, condition: Condition, item_key: str) -> Floats:
    """The vectors of one image, of shape [dimensions] or [parts, dimensions], under a condition on features.

    Noise of a standard deviation that is relative to each vector's own root mean square. Under a condition of text
    or pixels, the vectors themselves.

    Example:
        >>> perturb_features(np.ones(4, np.float32), Condition.parse("jpeg"), "pictures/1").tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    if condition.modality != "features":
        return vectors
    (deviation,) = IMAGES[condition.name].level(condition.severity)
    scale = np.sqrt(np.mean(np.square(vectors), axis=-1, keepdims=True))
    noise = _random(condition, item_key).normal(size=vectors.shape)
    noisy: Floats = (vectors + deviation * scale * noise).astype(vectors.dtype)
    return noisy


def example_changes(name: str) -> dict[int, float]:
    """What each severity changes: of a picture the mean absolute difference of values, white being 1.

    Of a vector, under a condition on features, 1 - its cosine to the clean one.

    Example:
        >>> round(example_changes("brightness")[1], 3)
        0.056
    """
    conditions = {severity: Condition(name, severity=severity) for severity in SEVERITIES}
    change = _vector_change if IMAGES[name].kind == "features" else _picture_change
    return {severity: change(condition) for severity, condition in conditions.items()}


def _picture_change(condition: Condition) -> float:
    picture = example_picture()
    changed = [_pixels(perturb_image(picture, condition, f"example/{number}")) for number in range(5)]
    return float(np.mean(np.abs(np.stack(changed) - _pixels(picture))))


def _vector_change(condition: Condition) -> float:
    vector = RandomState(0).normal(size=2048)
    changed = perturb_features(vector, condition, "example")
    return float(1 - vector @ changed / np.linalg.norm(vector) / np.linalg.norm(changed))


def example_picture(width: int = SIZE, height: int = SIZE) -> Image.Image:
    """A picture with a ramp, a disk and stripes: something for every perturbation to act on."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    disk = (down - 0.5) ** 2 + (across - 0.5) ** 2 < 0.09
    stripes = np.floor(across * 28) % 2 * (down > 0.8)
    return _image(np.stack([across * 0.8, np.where(disk, 0.9, down * 0.6), stripes * 0.7 + 0.1], -1))


def _pixels(image: Image.Image) -> Floats:
    pixels: Floats = np.asarray(image, np.float32) / np.float32(255)
    return pixels


def _image(pixels: Floats) -> Image.Image:
    return Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))


def _random(condition: Condition, item_key: str) -> RandomState:
    """Random numbers that numpy promises never to change: those of `RandomState`."""
    return RandomState(int(stream(item_key, condition.name, condition.severity).random() * 2**32))


# --- sizes


def _scale(pixels: Floats) -> float:
    """How many pixels stand for one of 224."""
    height, width = pixels.shape[:2]
    return float(min(height, width)) / SIZE


def _usual(pixels: Floats) -> Shape:
    """Height and width with a shorter side of 224 pixels, or those of the image if it is smaller."""
    height, width = pixels.shape[:2]
    factor = min(1.0, 1 / _scale(pixels))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _reduced(pixels: Floats, shape: Shape) -> Floats:
    """The mean of the pixels that fall together."""
    if pixels.shape[:2] == shape:
        return pixels
    return _pixels(_image(pixels).resize(shape[::-1], Image.Resampling.BOX))


def _repeated(field: Floats, pixels: Floats) -> Floats:
    """A field at the image's size, each value repeated: the grain of noise."""
    height, width = pixels.shape[:2]
    rows = np.arange(height) * field.shape[0] // height
    repeated: Floats = field[rows][:, np.arange(width) * field.shape[1] // width]
    return repeated


def _smooth(field: Floats, shape: Shape, zoom: float = 1.0) -> Floats:
    """The middle of a field of shape [height, width], 1 / zoom of each side, at another size, interpolated."""
    height, width = field.shape
    cut = (1 - 1 / zoom) / 2
    box = (width * cut, height * cut, width * (1 - cut), height * (1 - cut))
    enlarged = Image.fromarray(field.astype(np.float32)).resize(shape[::-1], Image.Resampling.BILINEAR, box)
    return np.asarray(enlarged)


# --- noise


def _gaussian_noise(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    return pixels + _repeated(rng.normal(scale=level[0], size=(*_usual(pixels), 3)), pixels)


def _shot_noise(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    usual = _reduced(pixels, _usual(pixels))
    return pixels + _repeated(rng.poisson(usual * level[0]) / level[0] - usual, pixels)


def _impulse_noise(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    drawn = _repeated(rng.uniform(size=(*_usual(pixels), 3)), pixels)
    return np.where(drawn < level[0] / 2, 0, np.where(drawn > 1 - level[0] / 2, 1, pixels))


# --- blur


def _convolved(pixels: Floats, kernel: Floats) -> Floats:
    """Each colour convolved with a kernel of odd sides, whose values add up to 1; the image is mirrored around."""
    high, wide = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(pixels, ((high, high), (wide, wide), (0, 0)), mode="symmetric")
    blurred: Floats = fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1))
    return blurred


def _defocus_blur(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    radius = level[0] * _scale(pixels)
    side = int(np.ceil(radius + 0.5))
    down, across = np.mgrid[-side : side + 1, -side : side + 1]
    disk = (radius + 0.5 - np.hypot(down, across)).clip(0, 1)
    return _convolved(pixels, disk / disk.sum())


def _motion_kernel(radius: float, deviation: float, angle: float) -> Floats:
    """Half a Gaussian along a line, as in ImageMagick's motion blur: at 0 to 2 × radius pixels; angle in degrees."""
    steps = np.arange(max(1, round(2 * radius) + 1))
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    kernel = np.zeros((2 * len(steps) - 1,) * 2)
    down, across = (
        len(steps) - 1 + np.rint(steps * side(np.deg2rad(angle))).astype(int) for side in (np.sin, np.cos)
    )
    np.add.at(kernel, (down, across), weights / weights.sum())
    return kernel


def _motion_blur(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    radius, deviation = (length * _scale(pixels) for length in level)
    return _convolved(pixels, _motion_kernel(radius, deviation, rng.uniform(-45, 45)))


def _zoom_blur(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    """The image itself, once more than the others, and what is seen at each zoom from 1 on."""
    largest, step = level
    zooms = 1 + step * np.arange(round((largest - 1) / step) + 1)
    total = pixels.copy()
    for zoom in zooms:  # one after another: all of a large photo would fill the memory
        for part in range(3):
            total[..., part] += _smooth(pixels[..., part], pixels.shape[:2], zoom)
    return total / (len(zooms) + 1)


# --- weather


def _snow(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    mean, spread, zoom, threshold, radius, deviation, kept = level
    usual = _usual(pixels)
    flakes = _smooth(rng.normal(mean, spread, usual), usual, zoom)
    flakes = np.where(flakes < threshold, 0, flakes).clip(0, 1)
    drawn = _convolved(flakes[..., None], _motion_kernel(radius, deviation, rng.uniform(-135, -45)))
    layer = _smooth(drawn[..., 0] + np.rot90(drawn[..., 0], 2), pixels.shape[:2])
    whitened = np.maximum(pixels, (pixels @ _GREY * 1.5 + 0.5)[..., None])
    snowed: Floats = kept * pixels + (1 - kept) * whitened + layer[..., None]
    return snowed


def _fog(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    weight, decay = level
    high, wide = _usual(pixels)
    side = max(256, 1 << (max(high, wide) - 1).bit_length())
    haze = _smooth(_plasma(side, decay, rng)[:high, :wide], pixels.shape[:2])
    brightest = pixels.max()
    foggy: Floats = (pixels + weight * haze[..., None]) * brightest / (brightest + weight)
    return foggy


def _plasma(side: int, decay: float, rng: RandomState) -> Floats:
    """Clouds of all sizes, 0 to 1, by diamond and square on a torus of a side that is a power of two.

    The noise that is added at a step is that of the step before it, divided by the square of `decay`.
    """
    field = np.zeros((side, side))
    step, height = side, 1.0

    def middle(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return total / 4 + height * rng.uniform(-1, 1, total.shape)

    while step >= 2:
        half = step // 2
        corners = field[::step, ::step]
        right = corners + np.roll(corners, -1, 1)
        below = corners + np.roll(corners, -1, 0)
        field[half::step, half::step] = middle(right + np.roll(right, -1, 0))
        middles = field[half::step, half::step]
        field[::step, half::step] = middle(right + middles + np.roll(middles, 1, 0))
        field[half::step, ::step] = middle(below + middles + np.roll(middles, 1, 1))
        step, height = half, height / decay**2
    clouds: Floats = (field - field.min()) / np.ptp(field)
    return clouds


def _brightness(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    """Hue and saturation stay where all three values are scaled alike; black, which has neither, becomes grey."""
    value = pixels.max(-1, keepdims=True)
    brighter = (value + level[0]).clip(0, 1)
    brightened: Floats = np.where(value > 0, pixels * brighter / np.where(value > 0, value, 1), brighter)
    return brightened


def _contrast(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    means: Floats = pixels.mean((0, 1), keepdims=True)
    drawn: Floats = (pixels - means) * level[0] + means
    return drawn


# --- digital


def _pixelate(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    high, wide = (max(1, int(side * level[0])) for side in _usual(pixels))
    return _repeated(_reduced(pixels, (high, wide)), pixels)


def _jpeg(pixels: Floats, level: Level, rng: RandomState) -> Floats:
    usual = _reduced(pixels, _usual(pixels))
    file = BytesIO()
    _image(usual).save(file, "JPEG", quality=int(level[0]))
    return pixels + _repeated(_pixels(Image.open(file)) - usual, pixels)


CORRUPTIONS: Mapping[str, Corrupt] = MappingProxyType(
    {
        "gaussian-noise": _gaussian_noise,
        "shot-noise": _shot_noise,
        "impulse-noise": _impulse_noise,
        "defocus-blur": _defocus_blur,
        "motion-blur": _motion_blur,
        "zoom-blur": _zoom_blur,
        "snow": _snow,
        "fog": _fog,
        "brightness": _brightness,
        "contrast": _contrast,
        "pixelate": _pixelate,
        "jpeg": _jpeg,
    }
)
"""What is done to pixels, by the name of the perturbation."""
