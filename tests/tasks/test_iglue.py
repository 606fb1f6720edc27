"""IGLUE's tasks and Multi30K, from files of their published forms, small ones and, where they are there, real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from shipped_tasks import rows, task

import image_trees as trees
from real_data import DATA, needs_data
from xstilts.errors import DataError
from xstilts.tasks.base import FEW_SHOT, TRANSLATED
from xstilts.tasks.whereabouts import whereabouts


@pytest.fixture
def iglue(tmp_path: Path) -> Path:
    trees.write_iglue(tmp_path)
    return tmp_path


def splits(name: str, folder: Path) -> set[str]:
    return {place.split for place in whereabouts(task(name, folder)) if place.layout is not None}


def test_entailment_by_an_image(iglue: Path) -> None:
    xvnli = task("iglue/xvnli", iglue)
    assert rows(xvnli, "test", "ar")[1] == {
        "id": "0.jpg#2r1",
        "source": "0.jpg",
        "text": "ar test hypothesis 1.",
        "image": "0.jpg",
        "label": "neutral",
    }
    counts = {split: len(rows(xvnli, split)) for split in ("train", "dev", "test")}
    assert counts == dict.fromkeys(counts, trees.ITEMS - 1), "rows without an agreed label are left out"
    assert len(rows(xvnli, f"{FEW_SHOT}1", "ar")) == 2
    assert splits("iglue/xvnli", iglue) == {"train", "dev", "test", f"{FEW_SHOT}1"}


def test_questions_with_a_closed_list_of_answers(iglue: Path) -> None:
    xgqa = task("iglue/xgqa", iglue)
    assert list(xgqa.labels) == ["no", "red", "yes"]
    found = rows(xgqa, "test", "de")
    assert found[4] == {
        "id": "204",
        "source": "n1.jpg",
        "text": "de question 4?",
        "image": "n1.jpg",
        "label": "no",
    }
    assert found[-1]["label"] == "hovering", "what cannot be answered stays, and counts as wrong"
    assert len(rows(xgqa, f"{FEW_SHOT}5", "de")) == trees.ITEMS


@pytest.mark.parametrize("name", trees.TRANSLATED)
def test_tests_in_translation_have_the_rows_of_the_tests(iglue: Path, name: str) -> None:
    found = task(name, iglue)
    with pytest.raises(DataError, match="annotations_machine-translate"):
        found.source.languages(TRANSLATED)
    trees.write_translated(iglue)
    found = task(name, iglue)
    (language,) = found.source.languages(TRANSLATED)
    tested, translated = rows(found, "test", language), rows(found, TRANSLATED, language)
    assert [row["text"] for row in translated] != [row["text"] for row in tested]
    assert all(row["text"].startswith("in English: ") for row in translated)
    for one, other in zip(tested, translated, strict=True):
        assert {**one, "text": ""} == {**other, "text": ""}


def test_answers_come_from_few_shot_files_where_there_is_no_training(tmp_path: Path) -> None:
    trees.write_xgqa(tmp_path / "iglue")
    (tmp_path / "iglue/gqa/annotations/train_balanced_questions.json").unlink()
    assert list(task("iglue/xgqa", tmp_path).labels) == ["no", "red", "yes"]


def test_a_broken_file_of_questions_is_told(tmp_path: Path) -> None:
    trees.write_xgqa(tmp_path / "iglue")
    path = tmp_path / "iglue/xGQA/annotations/few_shot/de/test.json"
    path.write_text('{"1": {"question": "Wer?", "answer": "no"}, "2": 3}')
    with pytest.raises(DataError, match=r"question 1: there is no imageId") as error:
        rows(task("iglue/xgqa", tmp_path), "test", "de")
    assert "2 problems" in str(error.value)
    path.write_text("[1")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        rows(task("iglue/xgqa", tmp_path), "test", "de")
    path.write_text("[1]")
    with pytest.raises(DataError, match="expected an object of questions by id, got list"):
        rows(task("iglue/xgqa", tmp_path), "test", "de")


def test_two_images(iglue: Path) -> None:
    marvl = task("iglue/marvl", iglue)
    zero, few = (rows(marvl, split, "sw")[0] for split in ("test", f"{FEW_SHOT}2"))
    assert (
        zero
        == few
        == {
            "id": "sw-0",
            "source": "sw/1-Café",
            "text": "sw sentence 0.",
            "image": "sw/images/1-Café/1-0.jpg",
            "image_pair": "sw/images/1-Café/1-1.jpg",
            "label": "true",
        }
    )
    assert rows(marvl, "train")[1] == {
        "id": "train-0-0-1",
        "source": "train-0-0",
        "text": "English sentence 1.",
        "image": "train-0-0-img0.png",
        "image_pair": "train-0-0-img1.png",
        "label": "false",
    }
    assert marvl.source.languages("test") == ("sw", "zh")


def test_captions_of_images(iglue: Path) -> None:
    found = task("iglue/xflickrco", iglue)
    train = rows(found, "train")
    assert [row["id"] for row in train[:3]] == ["0.jpg#0", "0.jpg#1", "1.jpg#0"]
    assert len({row["source"] for row in train}) == trees.ITEMS
    assert [len(rows(found, "test", language)) for language in ("de", "en")] == [trees.ITEMS - 1, trees.ITEMS]
    assert rows(found, "test", "de")[0] == {
        "id": "COCO_val2014_000000000000.jpg#0",
        "source": "COCO_val2014_000000000000.jpg",
        "text": "de caption 0.",
        "image": "COCO_val2014_000000000000.jpg",
    }


def test_captions_of_wikipedias_images(iglue: Path) -> None:
    found = rows(task("iglue/wit", iglue), "test", "en")
    assert len(found) == trees.ITEMS, "an empty caption is left out"
    assert [row["id"] for row in found[:3]] == ["wit-test_50", "wit-test_50#2", "wit-test_52"]
    assert [row["image"] for row in found[:2]] == ["wit-test_50"] * 2


def test_the_repository_itself_may_be_in_the_folder(tmp_path: Path) -> None:
    trees.write_iglue(tmp_path, "iglue/datasets")
    places = whereabouts(task("iglue/wit", tmp_path))
    assert {place.layout.name for place in places if place.layout} == {"iglue-repository"}


def test_multi30k(tmp_path: Path) -> None:
    trees.write_multi30k(tmp_path)
    found = task("captions/multi30k", tmp_path)
    assert rows(found, "test", "de")[3] == {
        "id": "3",
        "source": "203.jpg",
        "text": "de test_2016_flickr 3",
        "image": "203.jpg",
    }
    assert [len(rows(found, split)) for split in ("train", "dev", "test")] == [trees.ITEMS] * 3


def test_captions_without_the_names_of_their_images_are_not_there(tmp_path: Path) -> None:
    trees.write_multi30k(tmp_path)
    for path in (tmp_path / "multi30k/task1/image_splits").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"image_splits/test_2016_flickr\.txt"):
        rows(task("captions/multi30k", tmp_path), "test")


def test_captions_and_names_must_be_as_many(tmp_path: Path) -> None:
    trees.write_multi30k(tmp_path)
    trees.put_lines(tmp_path / "multi30k/task1/image_splits/val.txt", ["1.jpg"])
    with pytest.raises(DataError, match=r"12 captions for 1 images in val\.txt"):
        rows(task("captions/multi30k", tmp_path), "dev")


# --- real files


@needs_data
@pytest.mark.data
def test_real_counts_of_iglue() -> None:
    expected = {
        "xvnli": {"ar": 1150, "en": 1150},  # 1,164, of which 14 have no agreed label
        "marvl": {"sw": 1108, "zh": 1012},
        "xflickrco": {"de": 1999, "en": 2000},  # one German caption is empty
        "wit": {"el": 569, "en": 1000},  # so is a Greek one
    }
    for name, counts in expected.items():
        found = task(f"iglue/{name}", Path(str(DATA)))
        assert {language: len(rows(found, "test", language)) for language in counts} == counts


@needs_data
@pytest.mark.data
def test_real_few_shot_rows_are_of_k_images() -> None:
    data = Path(str(DATA))
    xvnli, marvl, captions = (task(f"iglue/{name}", data) for name in ("xvnli", "marvl", "xflickrco"))
    for count in (1, 5, 10, 48):
        assert len({row["image"] for row in rows(xvnli, f"{FEW_SHOT}{count}", "ar")}) == count
    for count in (1, 4, 10):
        assert len({row["source"] for row in rows(marvl, f"{FEW_SHOT}{count}", "zh")}) == count
    for count in (1, 25, 100):
        assert len(rows(captions, f"{FEW_SHOT}{count}", "de")) == count
    xgqa = task("iglue/xgqa", data)
    found = {code: rows(xgqa, f"{FEW_SHOT}1", code) for code in ("de", "en", "id", "pt", "ru", "zh")}
    assert {len(part) for part in found.values()} == {27}
    assert len({tuple((row["id"], row["label"]) for row in part) for part in found.values()}) == 1


@needs_data
@pytest.mark.data
def test_real_translations_share_ids_and_labels() -> None:
    xvnli = task("iglue/xvnli", Path(str(DATA)))
    arabic, english = (rows(xvnli, "test", code) for code in ("ar", "en"))
    assert [(row["id"], row["label"]) for row in arabic] == [(row["id"], row["label"]) for row in english]
    assert Counter(row["label"] for row in english) == {
        "entailment": 394,
        "neutral": 381,
        "contradiction": 375,
    }


@needs_data
@pytest.mark.data
def test_real_captions_of_multi30k(tmp_path: Path) -> None:
    """The captions are real; which images they are of is made up, as those files are not in the folder."""
    root = tmp_path / "multi30k/task1"
    root.mkdir(parents=True)
    (root / "raw").symlink_to(Path(str(DATA)) / "multi30k/task1/raw")
    for stem, count in (("train", 29_000), ("val", 1014), ("test_2016_flickr", 1000)):
        trees.put_lines(root / f"image_splits/{stem}.txt", (f"{i}.jpg" for i in range(count)))
    found = task("captions/multi30k", tmp_path)
    assert {code: len(rows(found, "test", code)) for code in found.source.languages("test")} == dict.fromkeys(
        ("cs", "de", "en", "fr"), 1000
    )
    assert len(rows(found, "train", "en")) == 29_000
