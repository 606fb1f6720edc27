"""Who answers: a public multilingual encoder by Hugging Face id, folder, or a name that starts with `bundled/`."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.encoders.e5 import e5_fingerprint, export_e5
from xstilts.errors import EncoderError, UnknownName
from xstilts.hashing import cache_dir, digest, files_fingerprint

if TYPE_CHECKING:
    import torch

    from xstilts.encoders.towers import TowerSpec

DUAL = "vision-text-dual-encoder"
"""The kind of model whose text side is an ordinary encoder of its own, with projections beside it."""
TAKEN = (
    "text encoders that transformers' AutoModel loads with a fast tokenizer (model types such as xlm-roberta, bert, "
    f"deberta-v2, modernbert), and the text side of a {DUAL}"
)
"""What can be an encoder, for people."""

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZER_FILES = ("*.json", "*.model", "*.txt")


@dataclass(frozen=True)
class Bundled:
    """An encoder whose weights are in an installed package."""

    export: Callable[[Path], None]
    fingerprint: Callable[[], str]
    summary: str


BUNDLED = {
    "bundled/multilingual-e5-small": Bundled(
        export_e5,
        e5_fingerprint,
        "12 layers x 384, 118M parameters, 100 languages; trained contrastively on pairs",
    ),
}


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder as named in a recipe, found but not loaded.

    `fingerprint` covers weights, configuration and tokenizer; `layers` is how many of the first layers are kept
    (`name@4`), None for all. `depth` layers there are, after the cut; `positions` is the longest input in tokens,
    None where the configuration sets no limit.
    """

    name: str
    folder: Path
    fingerprint: str
    layers: int | None = None
    depth: int | None = None
    positions: int | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What enters the keys of stages."""
        return {"fingerprint": self.fingerprint, "layers": self.layers}


@dataclass(frozen=True)
class BaseEncoder:
    """A loaded encoder, its word embeddings apart from its body.

    `embeddings` has shape [vocabulary, width]; `body` holds every other weight but those of a pooler, which counts
    as head. Both are as published: training works on copies. `tower` is the image tower beside it, where tasks have
    images.
    """

    spec: EncoderSpec
    config: Any
    tokenizer: Any
    embeddings: torch.Tensor
    embeddings_name: str
    body: dict[str, torch.Tensor]
    tower: TowerSpec | None = None

    @property
    def layer_count(self) -> int:
        """Number of transformer layers."""
        return int(self.config.num_hidden_layers)


def find_encoder(name: str) -> EncoderSpec:
    """Find an encoder by name; a bundled one is converted once, a Hub one is downloaded once.

    Args:
        name: `bundled/…`, a folder, or a Hugging Face id; `@N` at the end keeps the first N layers. Of a dual encoder
            of text and images (`vision-text-dual-encoder`, such as an XLM-R-based CLIP) the text side is taken.

    Raises:
        EncoderError: there is no such encoder, or its files are incomplete.
    """
    plain, layers = _split_layers(name)
    if plain.startswith("bundled/"):
        folder, fingerprint = _bundled_folder(plain)
    elif Path(plain).expanduser().is_dir():
        folder = Path(plain).expanduser()
        fingerprint = folder_fingerprint(folder)
    else:
        folder, fingerprint = hub_folder(plain)
    if _config(folder).get("model_type") == DUAL:
        folder, fingerprint = _text_side(folder, fingerprint)
    _check_reads_texts(name, plain, folder)
    depth = _depth(folder)
    if layers is not None and layers > depth:
        raise EncoderError(f"encoder {name!r}: {plain} has {depth} layers; expected @1 to @{depth}")
    return EncoderSpec(name, folder, fingerprint, layers, layers or depth, _positions(folder))


@lru_cache(maxsize=2)
def load_encoder(spec: EncoderSpec) -> BaseEncoder:
    """Load weights and tokenizer; the last two encoders are kept in memory.

    Raises:
        EncoderError: the files are not those of an encoder that transformers can load.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(spec.folder)
        keep_layers(config, spec.layers)
        model, loading = AutoModel.from_pretrained(
            spec.folder, config=config, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(spec.folder)
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        raise EncoderError(
            f"encoder {spec.name!r}: transformers cannot load {spec.folder}: {error}"
        ) from None
    if not tokenizer.is_fast:
        raise EncoderError(
            f"encoder {spec.name!r}: expected a fast tokenizer (tokenizer.json) in {spec.folder}"
        )
    missing = sorted(name for name in loading["missing_keys"] if not is_pooler(name))
    if missing:  # transformers would fill them with random numbers
        raise EncoderError(
            f"encoder {spec.name!r}: {len(missing)} weights are missing in {spec.folder}, the first is {missing[0]}. "
            "Expected all weights of the configuration; download or save the model again"
        )
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    embeddings_name = input_embeddings_name(model)
    embeddings = weights.pop(embeddings_name)
    body = {name: value for name, value in weights.items() if not is_pooler(name)}
    return BaseEncoder(spec, config, tokenizer, embeddings, embeddings_name, body)


def keep_layers(config: Any, layers: int | None) -> None:
    """Cut a configuration to its first layers, in place."""
    if layers is None:
        return
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = list(config.layer_types)[:layers]


def input_embeddings_name(model: Any) -> str:
    """Name, in the model's state dict, of the word embeddings' weight."""
    weight = model.get_input_embeddings().weight
    names = (str(name) for name, value in model.named_parameters() if value is weight)
    return next(names)


def is_pooler(name: str) -> bool:
    """Whether a weight belongs to a pooler: part of the head, not of the encoder."""
    return "pooler" in name.split(".")


def _check_reads_texts(name: str, plain: str, folder: Path) -> None:
    """Raise EncoderError where a configuration is that of a model that sees images."""
    config = _config(folder)
    sees = "vision_config" in config or ("num_channels" in config and "vocab_size" not in config)
    if sees:
        what = "sees images as well, and its text side" if "vision_config" in config else "sees images, and"
        raise EncoderError(
            f"encoder {name!r}: a model of type {config.get('model_type')!r}, which {what} cannot be taken as an "
            f"encoder. Taken are {TAKEN}. For its image side say `images: {{tower: {plain}}}`, with an encoder such as "
            "`encoder: FacebookAI/xlm-roberta-base`"
        )


def _split_layers(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+)@(\d+)", name)
    if match is None:
        return name, None
    if int(match[2]) < 1:
        raise EncoderError(f"encoder {name!r}: expected at least one layer, such as {match[1]}@4")
    return match[1], int(match[2])


def _bundled_folder(name: str) -> tuple[Path, str]:
    """The cached conversion of a bundled encoder, made first if need be."""
    if name not in BUNDLED:
        raise UnknownName("encoder", name, BUNDLED, "xstilts ls encoders")
    bundled = BUNDLED[name]
    fingerprint = digest(bundled.fingerprint())
    return _converted(f"{name.partition('/')[2]}-{fingerprint[:12]}", bundled.export), fingerprint


def _text_side(dual: Path, fingerprint: str) -> tuple[Path, str]:
    """The text encoder of a dual encoder, as an ordinary folder in the cache."""
    mine = digest(["text side", fingerprint])

    def export(draft: Path) -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            AutoModel.from_pretrained(dual).text_model.save_pretrained(draft)
            AutoTokenizer.from_pretrained(dual).save_pretrained(draft)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            kind = (_config(dual).get("text_config") or {}).get("model_type")
            raise EncoderError(
                f"encoder {str(dual)!r}: its text side, of type {kind!r}, cannot be loaded by transformers: {error}. "
                f"Taken are {TAKEN}. Give the text encoder itself, such as `encoder: FacebookAI/xlm-roberta-base`, and "
                f"for the image side `images: {{tower: {dual}}}`"
            ) from None

    return _converted(f"text-side-{mine[:12]}", export), mine


def _converted(name: str, export: Callable[[Path], None]) -> Path:
    """A folder in the cache that `export` fills; it appears whole or not at all."""
    folder = cache_dir() / "encoders" / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix="draft-"))
        try:
            export(draft)
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def folder_fingerprint(folder: Path) -> str:
    """One digest of a model folder's weights, configuration and preprocessing.

    Raises:
        EncoderError: there is no configuration, or there are no weights.
    """
    if not (folder / "config.json").is_file():
        raise EncoderError(
            f"encoder {str(folder)!r}: there is no config.json. Expected a Hugging Face model folder "
            "(config.json, model.safetensors, tokenizer.json), as save_pretrained writes it"
        )
    weights = [path for pattern in WEIGHT_FILES for path in folder.glob(pattern)]
    if not weights:
        raise EncoderError(f"encoder {str(folder)!r}: no weights. Expected model.safetensors")
    others = [path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern)]
    return files_fingerprint({*weights, *others})


def hub_folder(name: str) -> tuple[Path, str]:
    """The folder and fingerprint of a model on the Hugging Face Hub: downloaded, or what is in the cache.

    Raises:
        EncoderError: there is no such model, and nothing in the cache.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "pytorch_model*.bin"]
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except HFValidationError:
        raise EncoderError(
            f"encoder {name!r}: neither a folder nor a Hugging Face id. Expected bundled/multilingual-e5-small, "
            "a folder with config.json, or an id such as FacebookAI/xlm-roberta-base"
        ) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EncoderError(
            f"encoder {name!r}: not a folder here, not in the Hugging Face cache, and not to be downloaded ({reason}). "
            "Give a folder, or use bundled/multilingual-e5-small, which needs no download"
        ) from None
    return folder, digest(["hub", name, folder.name])  # the folder is named after the commit


def _depth(folder: Path) -> int:
    config = _config(folder)
    for key in ("num_hidden_layers", "n_layers", "num_layers"):
        if isinstance(config.get(key), int):
            return int(config[key])
    raise EncoderError(f"{folder / 'config.json'} does not say how many layers there are (num_hidden_layers)")


def _positions(folder: Path) -> int | None:
    """Tokens that the longest input may have. RoBERTa-like models count positions from behind the padding's id."""
    config = _config(folder)
    count = config.get("max_position_embeddings")
    if not isinstance(count, int):
        return None
    offset = int(config.get("pad_token_id") or 0) + 1 if "roberta" in str(config.get("model_type")) else 0
    return count - offset


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path}: expected a model's configuration as JSON ({error})") from None
    if not isinstance(config, dict):
        raise EncoderError(f"{path}: expected a model's configuration as a JSON object")
    return config
