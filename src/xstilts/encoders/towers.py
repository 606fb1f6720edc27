"""Who sees: an image tower by Hugging Face id, folder, or a name that starts with `bundled/`.

A tower turns an image into one vector, or into one for each of its parts: as it was published, or, where a recipe says
`images: {image: tune}`, as the training of a target left it.
"""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from xstilts.encoders import efficientnet
from xstilts.encoders.base import folder_fingerprint, hub_folder
from xstilts.errors import EncoderError, MissingPackage, UnknownName
from xstilts.hashing import digest

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

DEFAULT_TOWER = efficientnet.NAME
TOWERS = {efficientnet.NAME: "1,280 features, 3.4M parameters, trained on ImageNet; 224 px"}
"""The image towers whose weights are in an installed package, and what they are."""

TAKEN = (
    "vision models (model types such as vit, dinov2, swin, convnext, resnet), and the image side of dual encoders "
    "(clip, siglip, chinese_clip, altclip, vision-text-dual-encoder)"
)
"""What can be an image tower, for people."""

AT_ONCE = 8
"""Images that are put to a tower together: more do not take less time each, but more memory."""

READING = 1
"""Raised whenever the same tower and image would give another vector."""


@dataclass(frozen=True)
class TowerSpec:
    """An image tower as named in a recipe, found but not loaded. `width` is that of its vectors."""

    name: str
    fingerprint: str
    width: int
    folder: Path | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What enters the keys of stages: weights, preprocessing, and how we read both."""
        return {"fingerprint": self.fingerprint, "reading": READING}


class ImageTower(ABC):
    """A loaded image tower, which is in evaluation mode. Its methods may be called from several threads at once.

    Args:
        network: what computes, a torch module.
    """

    beside: ClassVar[str] = "text"
    """What the names of the network's parts begin with that do not see."""

    def __init__(self, network: Any) -> None:
        self.network = network

    @abstractmethod
    def prepare(self, image: Image) -> torch.Tensor:
        """An RGB image as the tower takes it, [3, height, width]: resized, cropped, normalised."""

    @abstractmethod
    def vectors(self, batch: torch.Tensor) -> torch.Tensor:
        """The vectors of prepared images, [n, width], from [n, 3, height, width]."""

    @abstractmethod
    def grid(self, batch: torch.Tensor) -> torch.Tensor:
        """The last states of prepared images where they lie in them, [n, rows, columns, width].

        Raises:
            EncoderError: the tower's states do not lie in a grid.
        """

    def seen(self, batch: torch.Tensor, parts: int) -> torch.Tensor:
        """What is read of prepared images: with `parts` 1 `vectors`, else `parts` of at most so many."""
        return self.vectors(batch) if parts == 1 else self.parts(batch, parts)

    def to_tune(self) -> Self:
        """The same tower with a network of its own, in which everything that sees can be trained.

        A text side and a classifier are left out. Batch normalisation stays as it was published: its statistics would
        depend on how many images are computed together, which must not change a result.
        """
        tower = copy.copy(self)
        tower.network = copy.deepcopy(self.network)
        for name, _ in list(tower.network.named_children()):
            if name.startswith(self.beside):
                delattr(tower.network, name)
        for module in norms_of(tower.network):
            module.requires_grad_(False)
        return tower

    def tuned(self, weights: Mapping[str, torch.Tensor]) -> Self:
        """The same tower with the weights that a training left, of the network that `to_tune` gives."""
        tower = self.to_tune()
        tower.network.load_state_dict(weights)
        return tower

    def parts(self, batch: torch.Tensor, most: int) -> torch.Tensor:
        """The states of at most so many parts of prepared images, [n, parts, width], row by row.

        A finer grid is averaged over neighbours: one of 14 × 14 becomes one of 7 × 7 where `most` is 49.
        """
        from torch.nn.functional import adaptive_avg_pool2d

        states = self.grid(batch).permute(0, 3, 1, 2)
        side = isqrt(most)
        pooled = adaptive_avg_pool2d(states, (min(side, states.shape[2]), min(side, states.shape[3])))
        return pooled.flatten(2).transpose(1, 2)


def norms_of(network: Any) -> list[Any]:
    """The layers of a network that normalise by statistics of a batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def find_tower(name: str) -> TowerSpec:
    """Find an image tower by name; one on the Hub is downloaded once.

    Args:
        name: `bundled/efficientnet-lite0`, a folder, or a Hugging Face id: of a vision model, or of a dual encoder
            such as CLIP or SigLIP, of which the image side is read.

    Raises:
        EncoderError: there is no such model, or its configuration is not that of one with an image side.

    Example:
        >>> find_tower("bundled/efficientnet-lite0").width  # doctest: +SKIP
        1280
    """
    if name.startswith("bundled/"):
        if name not in TOWERS:
            raise UnknownName("image tower", name, TOWERS, "xstilts ls encoders")
        return TowerSpec(name, efficientnet.fingerprint(), efficientnet.WIDTH)
    if Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
        fingerprint = folder_fingerprint(folder)
    else:
        folder, fingerprint = hub_folder(name)
    if not (folder / "preprocessor_config.json").is_file():
        raise EncoderError(
            f"image tower {name!r}: there is no preprocessor_config.json in {folder}, which says how images are "
            f"resized and normalised. Taken are {TAKEN}; or say `images: {{tower: {DEFAULT_TOWER}}}`"
        )
    return TowerSpec(name, digest(["tower", fingerprint]), _width(name, folder), folder)


@lru_cache(maxsize=1)
def load_tower(spec: TowerSpec) -> ImageTower:
    """Load an image tower; the last one is kept in memory.

    Raises:
        EncoderError: transformers cannot load it, or not all of its weights are there.
        MissingPackage: the images extra is not installed.
    """
    if spec.folder is None:
        return efficientnet.load(_Bundled)
    return _load_published(spec, spec.folder)


class _Bundled(ImageTower):
    """The bundled EfficientNet."""

    beside = "_fc"

    def prepare(self, image: Image) -> torch.Tensor:
        return efficientnet.prepare(image)

    def vectors(self, batch: torch.Tensor) -> torch.Tensor:
        return efficientnet.states(self.network, batch).mean((2, 3))

    def grid(self, batch: torch.Tensor) -> torch.Tensor:
        return efficientnet.states(self.network, batch).permute(0, 2, 3, 1)


class _Published(ImageTower):
    """A Hugging Face model: the image features of a dual encoder, else the mean of a vision model's last states."""

    def __init__(self, network: Any, processor: Any) -> None:
        super().__init__(network)
        self._processor = processor

    def prepare(self, image: Image) -> torch.Tensor:
        pixels: torch.Tensor = self._processor(image, return_tensors="pt")["pixel_values"][0]
        return pixels

    def vectors(self, batch: torch.Tensor) -> torch.Tensor:
        if hasattr(self.network, "get_image_features"):
            found = self.network.get_image_features(pixel_values=batch)
            pooled: torch.Tensor = getattr(found, "pooler_output", found)
            return pooled.float()
        states: torch.Tensor = self.network(pixel_values=batch).last_hidden_state.float()
        return states.mean(1) if states.ndim == 3 else states.mean((2, 3))

    def grid(self, batch: torch.Tensor) -> torch.Tensor:
        seen = getattr(self.network, "vision_model", self.network)
        found = getattr(seen(pixel_values=batch), "last_hidden_state", None)
        if found is None:
            raise EncoderError(
                f"the image tower, a model of type {seen.config.model_type!r}, gives no states of an image's parts. "
                f"Taken are {TAKEN}; or say `images: {{parts: 1}}`, which reads one vector of an image"
            )
        states: torch.Tensor = found.float()
        if states.ndim == 4:
            return states.permute(0, 2, 3, 1)
        rows, columns = _sides(states.shape[1], batch.shape[2:], getattr(seen.config, "patch_size", None))
        return states[:, -rows * columns :].reshape(len(states), rows, columns, -1)


def _sides(tokens: int, pixels: Sequence[int], patch: Any) -> tuple[int, int]:
    """Rows and columns of the patches that a tower has states of, behind those of tokens such as [CLS].

    Example:
        >>> _sides(197, (224, 224), 16), _sides(49, (224, 224), 4)
        ((14, 14), (7, 7))
    """
    if isinstance(patch, int) and 0 < (pixels[0] // patch) * (pixels[1] // patch) <= tokens:
        return pixels[0] // patch, pixels[1] // patch
    side = isqrt(tokens)  # of towers that join patches from layer to layer, such as Swin
    if side * side != tokens:
        raise EncoderError(
            f"the image tower gives {tokens} states of an image, which are no grid. Expected a vision transformer or a "
            "convolutional network; `images: {parts: 1}` reads their mean"
        )
    return side, side


def _load_published(spec: TowerSpec, folder: Path) -> ImageTower:
    import torch
    from transformers import AutoImageProcessor, AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, loading = AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    except ImportError as error:
        raise MissingPackage(f"the image tower {spec.name}", str(error.name or "pillow"), "images") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise EncoderError(f"image tower {spec.name!r}: transformers cannot load {folder}: {error}") from None
    missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name.split("."))
    if missing:
        raise EncoderError(
            f"image tower {spec.name!r}: {len(missing)} weights are missing in {folder}, the first is {missing[0]}. "
            "Download or save the model again"
        )
    for name in loading["missing_keys"]:
        model.get_parameter(name).data.zero_()  # a pooler that nothing reads, in place of random numbers
    tower = _Published(model.eval(), processor)
    _check_sees(spec, tower, str(model.config.model_type))
    return tower


def _check_sees(spec: TowerSpec, tower: ImageTower, kind: str) -> None:
    """Raise EncoderError unless a tower makes a vector of an image alone, which some models cannot."""
    import torch
    from PIL import Image

    try:
        with torch.inference_mode():
            tower.vectors(tower.prepare(Image.new("RGB", (64, 64)))[None])
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EncoderError(
            f"image tower {spec.name!r}: a model of type {kind!r}, which gives no vector of an image alone ({reason}). "
            f"Taken are {TAKEN}; or say `images: {{tower: {DEFAULT_TOWER}}}`"
        ) from None


def _width(name: str, folder: Path) -> int:
    """Width of the vectors, from the configuration.

    CLIP and its like project to `projection_dim`; SigLIP has the vision side's own width. Convolutional networks list
    the widths of their stages.
    """
    config: Mapping[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    vision = config.get("vision_config")
    if isinstance(vision, Mapping):
        projected = None if "siglip" in str(config.get("model_type")) else config.get("projection_dim")
        return int(projected or vision.get("hidden_size") or 768)
    sizes: Sequence[int] | int | None = config.get("hidden_size") or config.get("hidden_sizes")
    if "vocab_size" in config or not sizes:
        raise EncoderError(
            f"image tower {name!r}: {folder / 'config.json'} is not that of a model with an image side "
            f"(model_type {config.get('model_type')!r}). Taken are {TAKEN}; or say `images: {{tower: {DEFAULT_TOWER}}}`"
        )
    return int(sizes if isinstance(sizes, int) else sizes[-1])
