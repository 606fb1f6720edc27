"""The files that sentence-transformers looks for, in the older layout, which newer versions read as well."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.model_card import SentenceVectors

Vectors = NDArray[np.float32]

ANY = "any"
"""The route of texts whose language is not given."""

_PACKAGE = "sentence_transformers.models"  # older versions know no other name, newer ones map it to theirs
_MODES = {"mean": "mean_tokens", "cls": "cls_token"}


def write_modules(
    folder: Path, vectors: SentenceVectors, width: int, reads: int | None, means: Mapping[str, Vectors]
) -> None:
    """Write what follows the transformer in a folder, and how texts are put to it.

    Args:
        folder: holds the transformer.
        vectors: pooling, prefix, maximum length and similarity.
        width: of a vector.
        reads: the layer that is read where it is the last but one, None for the last.
        means: the vectors [width] that are subtracted, by route; none to centre nothing.
    """
    modules: list[tuple[str, Callable[[Path], None]]] = []
    if reads is not None:
        modules.append(("WeightedLayerPooling", lambda path: _write_layer(path, width, reads)))
    modules.append(("Pooling", lambda path: _write_pooling(path, width, vectors.pooling)))
    if means:
        modules.append(("Router", lambda path: _write_router(path, means)))
    if vectors.similarity == "cosine":
        modules.append(("Normalize", lambda path: _write(path / "config.json", {})))
    places = [("Transformer", "")] + [(kind, f"{i}_{kind}") for i, (kind, _) in enumerate(modules, start=1)]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"{_PACKAGE}.{kind}"}
        for i, (kind, path) in enumerate(places)
    ]
    _write(folder / "modules.json", listed)
    _write(
        folder / "sentence_bert_config.json", {"max_seq_length": vectors.max_length, "do_lower_case": False}
    )
    # `encode_query` and `encode_document` take the prompt of their name, an empty one where there is none
    given = {"query": vectors.prefix, "document": vectors.document_prefix}
    prompts = given if any(given.values()) else {}
    settings = {"prompts": prompts, "default_prompt_name": "query" if prompts else None}
    _write(
        folder / "config_sentence_transformers.json", settings | {"similarity_fn_name": vectors.similarity}
    )
    for (_, write), (_, path) in zip(modules, places[1:], strict=True):
        write(folder / path)


def _write_layer(folder: Path, width: int, layer: int) -> None:
    """A module that reads the last layer but one."""
    import torch

    sizes = {"word_embedding_dimension": width, "layer_start": layer, "num_hidden_layers": layer + 1}
    _write(folder / "config.json", sizes)
    _save({"layer_weights": torch.tensor([1.0, 0.0])}, folder)


def _write_pooling(folder: Path, width: int, pooling: str) -> None:
    modes = {f"pooling_mode_{name}": mode == pooling for mode, name in _MODES.items()}
    modes |= {"pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}
    _write(folder / "config.json", {"word_embedding_dimension": width} | modes)


def _write_router(folder: Path, means: Mapping[str, Vectors]) -> None:
    """A module that subtracts the mean of the route that `encode(…, task=…)` names: x → Ix − mean."""
    import torch

    names = {route: f"{route}_0_Dense" for route in means}
    router = {
        "types": dict.fromkeys(names.values(), f"{_PACKAGE}.Dense"),
        "structure": {route: [name] for route, name in names.items()},
        "parameters": {"default_route": ANY, "allow_empty_key": True},
    }
    _write(folder / "router_config.json", router)
    for route, mean in means.items():
        sizes = {"in_features": len(mean), "out_features": len(mean), "bias": True}
        identity = {"activation_function": "torch.nn.modules.linear.Identity"}
        _write(folder / names[route] / "config.json", sizes | identity)
        weights = {"linear.weight": torch.eye(len(mean)), "linear.bias": -torch.from_numpy(mean)}
        _save(weights, folder / names[route])


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")


def _save(weights: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(weights, folder / "model.safetensors")
