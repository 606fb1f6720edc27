"""Images that rows name: where they are found, which are missing, and tasks of one's own that have some."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from shipped_tasks import rows, task

import image_trees as trees
from xstilts.errors import DataError, RecipeError
from xstilts.tasks.base import Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task
from xstilts.tasks.pictures import TaskImages


def images_of(found: Task) -> TaskImages:
    assert isinstance(found.images, TaskImages)
    return found.images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Captions with all their images: Flickr's in one folder, COCO's in another."""
    trees.write_xflickrco(tmp_path / "iglue")
    names = images_of(task("iglue/xflickrco", tmp_path)).names("test", "en")
    trees.put_images(tmp_path / "flickr30k-images", [name for name in names if not name.startswith("COCO")])
    trees.put_images(tmp_path / "coco/val2014", [name for name in names if name.startswith("COCO")])
    return tmp_path


def test_images_are_found_in_several_folders(folder: Path) -> None:
    images = images_of(task("iglue/xflickrco", folder))
    opened = [images.open(name) for name in images.names("test", "de")]
    assert len(opened) == trees.ITEMS - 1 and all(one is not None and one.size == (8, 8) for one in opened)
    assert images.gaps("test", "en") == images.absent() == ""


def test_languages_share_english_images_where_english_has_them_all(folder: Path, tmp_path: Path) -> None:
    assert images_of(task("iglue/xflickrco", folder)).of("de") == "en"
    trees.write_wit(tmp_path / "iglue")
    assert images_of(task("iglue/wit", tmp_path)).of("el") == "el"


def test_another_image_is_another_fingerprint(folder: Path) -> None:
    def fingerprint() -> str:
        return images_of(task("iglue/xflickrco", folder)).fingerprint("test", "en")

    before = fingerprint()
    assert fingerprint() == before
    trees.put_images(folder / "flickr30k-images", ["other.jpg", "101.jpg"])
    assert fingerprint() != before


def test_missing_images_are_listed_and_may_be_left_out(folder: Path) -> None:
    for name in ("101.jpg", "103.jpg"):
        (folder / "flickr30k-images" / name).unlink()
    images = images_of(task("iglue/xflickrco", folder))
    told = r"iglue/xflickrco, test, en: 2 of 12 images are not in .*flickr30k-images.*: 101\.jpg, 103\.jpg"
    with pytest.raises(DataError, match=told + r".*on_bad_item: skip"):
        images.fingerprint("test", "en")
    lenient = images.leniently()
    assert lenient.fingerprint("test", "en")
    assert lenient.open("101.jpg") is None
    assert lenient.open("105.jpg") is not None


def test_without_any_image_all_places_are_named(tmp_path: Path) -> None:
    trees.write_xgqa(tmp_path / "iglue")
    with pytest.raises(
        DataError, match=r"no images below .*\n  gqa/images/\{image\}\n.*\n.*features/gqa\.npz"
    ):
        images_of(task("iglue/xgqa", tmp_path)).fingerprint("test", "de")
    assert "as no data folder was given" in images_of(task("iglue/xgqa", None)).absent()


def test_names_may_be_written_in_another_form(tmp_path: Path) -> None:
    trees.write_marvl(tmp_path / "iglue")
    images = images_of(task("iglue/marvl", tmp_path))
    names = images.names("test", "sw")
    trees.put_images(tmp_path / "marvl/images", [unicodedata.normalize("NFD", name) for name in names])
    assert images_of(task("iglue/marvl", tmp_path)).gaps("test", "sw") == ""


def test_names_without_a_suffix(tmp_path: Path) -> None:
    trees.write_wit(tmp_path / "iglue")
    names = images_of(task("iglue/wit", tmp_path)).names("test", "en")
    trees.put_images(
        tmp_path / "wit/images", [f"{name}.{('png', 'jpg')[i % 2]}" for i, name in enumerate(names)]
    )
    assert images_of(task("iglue/wit", tmp_path)).gaps("test", "en") == ""


def test_names_never_lead_out_of_their_folder(tmp_path: Path) -> None:
    trees.put_images(tmp_path, ["secret.png", "gqa/images/a.png"])
    trees.write_xgqa(tmp_path / "iglue")
    images = images_of(task("iglue/xgqa", tmp_path))
    assert images.find("a.png") is not None
    assert images.find("../../secret.png") is None


def test_features_stand_in_where_there_are_no_images(tmp_path: Path) -> None:
    trees.write_xgqa(tmp_path / "iglue")
    names = images_of(task("iglue/xgqa", tmp_path)).names("test", "de")
    (tmp_path / "features").mkdir()
    keys = [Path(name).stem for name in names[:-1]]
    np.savez(tmp_path / "features/gqa.npz", keys=keys, features=np.ones((len(keys), 4)))
    images = images_of(task("iglue/xgqa", tmp_path))
    given = images.given("de")
    assert given is not None
    ((found, vectors),) = given.blocks(names[:2])
    assert found == names[:2] and vectors.shape == (2, 4)
    assert f"1 of {len(names)} images are not in the file of features: {names[-1]}" in images.gaps(
        "test", "de"
    )


def test_lmdb_is_refused_where_it_would_be_used(tmp_path: Path) -> None:
    trees.write_xgqa(tmp_path / "iglue")
    (tmp_path / "features/gqa.lmdb").mkdir(parents=True)
    with pytest.raises(DataError, match=r"gqa\.lmdb: \.lmdb files hold pickles and are not read"):
        images_of(task("iglue/xgqa", tmp_path)).gaps("test", "de")


# --- tasks of one's own


def own(folder: Path, **values: object) -> Task:
    facts = {"type": "image-text-retrieval", "files": {"test": "captions.jsonl"}, "images": "pictures"}
    return user_task("my/pictures", UserTask.model_validate(facts | values), folder)


def test_captions_by_language_in_one_file(tmp_path: Path) -> None:
    captions = [
        {"image": "a.png", "captions": {"en": ["A dog.", "A pet."], "de": "Ein Hund."}},
        {"image": "b.png", "captions": {"en": "A cat."}},
    ]
    trees.put_records(tmp_path / "captions.jsonl", captions)
    trees.put_images(tmp_path / "pictures", ["a.png", "b.png"])
    found = own(tmp_path, columns={"text": "captions.{language}"}, languages=["en", "de"])
    assert [(row["image"], row["text"]) for row in rows(found, "test")] == [
        ("a.png", "A dog."),
        ("a.png", "A pet."),
        ("b.png", "A cat."),
    ]
    assert rows(found, "test", "de") == [
        {"id": "0", "source": "a.png", "text": "Ein Hund.", "image": "a.png"}
    ]
    assert images_of(found).of("de") == "en"
    with pytest.raises(ValueError, match=r"say which \{language\} may be"):
        own(tmp_path, columns={"text": "captions.{language}"})


def test_a_folder_and_a_table(tmp_path: Path) -> None:
    trees.put_lines(
        tmp_path / "vqa.tsv", ["file\ttext\tlabel", "a.png\tIs it red?\tyes", "x.png\tIs it blue?\tno"]
    )
    trees.put_images(tmp_path / "pictures", ["a.png"])
    found = own(
        tmp_path,
        type="image-text-classification",
        files={"test": "vqa.tsv"},
        columns={"image": "file"},
        labels=["yes", "no"],
        languages=["en"],
    )
    assert [row["label"] for row in rows(found, "test")] == ["yes", "no"]
    assert "1 of 2 images are not in" in images_of(found).gaps("test", "en")


def test_image_text_tasks_need_images_and_others_have_none(tmp_path: Path) -> None:
    trees.put_lines(tmp_path / "captions.jsonl", [json.dumps({"image": "a.png", "text": "A dog."})])
    with pytest.raises(RecipeError, match=r"tasks\.my/pictures: image-text-retrieval expects `images:`"):
        own(tmp_path, images=None, languages=["en"])
    with pytest.raises(ValueError, match="classification has no images"):
        own(tmp_path, type="classification")
