"""What of an image tower decides cost: its sizes, from configuration and headers of files, without loading torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.encoders import efficientnet
from xstilts.encoders.towers import TowerSpec

_SIDE = 224
"""Pixels of a side where a configuration does not say how many there are."""
_GRID = 7
"""Places on a side of the last feature map of most convolutional networks, at 224 pixels."""
_WEIGHTS = 3_371_008  # of the bundled tower, without its classifier


@dataclass(frozen=True)
class TowerShape:
    """Sizes of an image tower.

    `weights` are those that see; `pixels` the numbers of an image as the tower takes it; `width` that of its vector of
    an image, `states` that of the vectors of its `places`. Transformers have `layers` and `heads`, others 0 of either.
    """

    weights: int
    pixels: int
    width: int
    states: int
    places: int
    layers: int = 0
    heads: int = 0


def tower_shape(spec: TowerSpec) -> TowerShape:
    """The sizes of an image tower.

    Example:
        >>> tower_shape(TowerSpec("bundled/efficientnet-lite0", "", 1280)).pixels
        150528
    """
    folder = spec.folder
    if folder is None:
        pixels = 3 * efficientnet.SIZE**2
        return TowerShape(_WEIGHTS, pixels, spec.width, spec.width, _GRID**2)
    config = _read(folder / "config.json")
    vision: Mapping[str, Any] = config.get("vision_config") or config
    height, width = _sides(_read(folder / "preprocessor_config.json"))
    patch = vision.get("patch_size")
    places = (height // patch) * (width // patch) if isinstance(patch, int) else _GRID**2
    layers, hidden = vision.get("num_hidden_layers"), vision.get("hidden_size")
    is_transformer = isinstance(layers, int) and isinstance(hidden, int)
    return TowerShape(
        weights=_weights(folder),
        pixels=3 * height * width,
        width=spec.width,
        states=hidden if isinstance(hidden, int) else spec.width,
        places=max(1, places),
        layers=int(layers or 0) if is_transformer else 0,
        heads=int(vision.get("num_attention_heads") or 0) if is_transformer else 0,
    )


def _sides(processor: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of images as they are put to a tower."""
    size = (processor.get("do_center_crop", True) and processor.get("crop_size")) or processor.get("size")
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge") or _SIDE
        return int(size.get("height") or edge), int(size.get("width") or edge)
    if isinstance(size, list):
        return int(size[0]), int(size[-1])
    side = int(size or _SIDE)
    return side, side


def _weights(folder: Path) -> int:
    """Weights of the image side; where files do not list them, as many as fp32 takes."""
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return sum(path.stat().st_size for path in folder.glob("pytorch_model*.bin")) // 4
    count = 0
    for path in files:
        with safe_open(path, framework="numpy") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys() if not name.startswith("text")]  # noqa: SIM118
        count += sum(map(math.prod, shapes))
    return count


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
