from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.errors import EncoderError


def test_a_folder_is_loaded_whole(tiny_encoder: Path) -> None:
    base = load_encoder(find_encoder(str(tiny_encoder)))
    published = AutoModel.from_pretrained(tiny_encoder).state_dict()
    assert base.layer_count == 2
    assert torch.equal(base.embeddings, published[base.embeddings_name])
    assert base.body.keys() == {name for name in published if "pooler" not in name} - {base.embeddings_name}
    assert all(torch.equal(value, published[name]) for name, value in base.body.items())


def test_the_first_layers(tiny_encoder: Path) -> None:
    base = load_encoder(find_encoder(f"{tiny_encoder}@1"))
    assert base.layer_count == 1
    assert not [name for name in base.body if "layer.1." in name]
    assert find_encoder(f"{tiny_encoder}@1").identity != find_encoder(str(tiny_encoder)).identity
    with pytest.raises(EncoderError, match="has 2 layers; expected @1 to @2"):
        find_encoder(f"{tiny_encoder}@3")


def test_the_fingerprint_covers_weights_configuration_and_tokenizer(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    prints = {find_encoder(str(tiny_encoder)).fingerprint}
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        copy = tmp_path / name
        shutil.copytree(tiny_encoder, copy)
        data = bytearray((copy / name).read_bytes())
        data[-2:] = bytes([data[-2], data[-1] ^ 1]) if name == "model.safetensors" else data[-2:] + b"\n"
        (copy / name).write_bytes(bytes(data))
        prints.add(find_encoder(str(copy)).fingerprint)
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [("model.safetensors", "broken"), ("config.json", '{"num_hidden_layers": 2}'), ("tokenizer.json", "{}")],
)
def test_broken_files_are_the_encoders_fault(
    tiny_encoder: Path, tmp_path: Path, name: str, text: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_encoder, copy)
    (copy / name).write_text(text)
    with pytest.raises(EncoderError, match="cannot load"):
        load_encoder(find_encoder(str(copy)))


@pytest.mark.parametrize("text", ["{", "[]", '{"hidden_size": 3}', '{"num_hidden_layers": "many"}'])
def test_a_bad_configuration_is_told(tiny_encoder: Path, tmp_path: Path, text: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_encoder, copy)
    (copy / "config.json").write_text(text)
    with pytest.raises(EncoderError, match=r"config\.json"):
        find_encoder(str(copy))


def test_depth_under_other_names(tiny_encoder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_encoder, copy)
    config = json.loads((copy / "config.json").read_text())
    config["n_layers"] = config.pop("num_hidden_layers")
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match="@2"):
        find_encoder(f"{copy}@5")
