"""Small folders of image-text benchmarks in the forms that the real ones are published in, all of it made up here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

NLI = ("entailment", "neutral", "contradiction")
ANSWERS = ("yes", "no", "red")
ITEMS = 12


def put_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, "utf-8")


def put_records(path: Path, records: Iterable[dict[str, Any]]) -> None:
    put_lines(path, (json.dumps(record, ensure_ascii=False) for record in records))


def put_images(folder: Path, names: Iterable[str]) -> None:
    """Pictures of 8 × 8 pixels, no two alike."""
    from PIL import Image

    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 7 % 256, number * 31 % 256, number % 256)).save(path)


def write_xvnli(root: Path, languages: Sequence[str] = ("ar", "en")) -> None:
    """Three hypotheses an image; the last row of each file has no agreed label."""

    def rows(split: str, language: str, count: int = ITEMS) -> list[dict[str, Any]]:
        labels = [*(NLI[i % 3] for i in range(count - 1)), "-"]
        return [
            {
                "gold_label": label,
                "sentence1": "unread",
                "sentence2": f"{language} {split} hypothesis {i}.",
                "captionID": f"{i // 3}.jpg#2",
                "pairID": f"{i // 3}.jpg#2r{i}",
                "Flikr30kID": str(i // 3),
            }
            for i, label in enumerate(labels)
        ]

    folder = root / "XVNLI/annotations"
    for split in ("train", "dev"):
        put_records(folder / f"{split}.jsonl", rows(split, "en"))
    for language in languages:
        put_records(folder / language / "test.jsonl", rows("test", language))
        put_records(folder / language / "train_1.jsonl", rows("few", language, 3))


def write_xgqa(root: Path, languages: Sequence[str] = ("de", "en")) -> None:
    """Questions by id; the last one of each file has an answer that training does not."""

    def put(path: Path, language: str, last: str) -> None:
        answers = [*(ANSWERS[i % 3] for i in range(ITEMS - 1)), last]
        found = {
            f"20{i}": {"question": f"{language} question {i}?", "imageId": f"n{i // 3}", "answer": answer}
            for i, answer in enumerate(answers)
        }
        put_lines(path, [json.dumps(found, ensure_ascii=False)])

    for split in ("train", "val"):
        put(root / f"gqa/annotations/{split}_balanced_questions.json", "en", "no")
    for language in languages:
        put(root / f"xGQA/annotations/few_shot/{language}/test.json", language, "hovering")
        put(root / f"xGQA/annotations/few_shot/{language}/train_5.json", language, "no")


def write_marvl(root: Path, languages: Sequence[str] = ("sw", "zh")) -> None:
    """Four pairs of images a sentence; NLVR2 names its pairs by the sentence's identifier."""
    for split in ("train", "dev"):
        rows = [
            {
                "identifier": f"{split}-{i // 2}-0-{i % 2}",
                "sentence": f"English sentence {i}.",
                "label": str(i % 2 == 0),
            }
            for i in range(ITEMS)
        ]
        put_records(root / f"nlvr2/annotations/{split}.jsonl", rows)
    for language in languages:
        for name in (
            f"zero_shot/annotations/marvl-{language}",
            f"few_shot/annotations/marvl-{language}_train2",
        ):
            put_records(root / f"marvl/{name}.jsonl", marvl_rows(language, prefixed="few" in name))


def marvl_rows(language: str, prefixed: bool) -> list[dict[str, Any]]:
    """Few-shot files write the concept before an image's name, others do not."""
    concepts = ("1-Café", "2-Ngoma")
    rows = []
    for i in range(ITEMS):
        concept = concepts[i // 4 % 2]
        before = f"{concept}/" if prefixed else ""
        sides = {
            "left_img": f"{before}{concept[0]}-{i}.jpg",
            "right_img": f"{before}{concept[0]}-{i + 1}.jpg",
        }
        facts = {"concept": concept, "language": language, "caption": f"{language} sentence {i // 4}."}
        rows.append(facts | sides | {"id": f"{language}-{i}", "label": i % 2 == 0})
    return rows


def write_xflickrco(root: Path, languages: Sequence[str] = ("de", "en")) -> None:
    """One caption an image, the last of them empty in German; English training images have two."""
    names = [f"{100 + i}.jpg" if i % 2 else f"COCO_val2014_{i:012}.jpg" for i in range(ITEMS)]
    for split in ("train", "valid"):
        rows = [
            {"sentences": [f"A {split} {i}.", f"The {split} {i}."], "id": str(i), "img_path": f"{i}.jpg"}
            for i in range(ITEMS)
        ]
        put_records(root / f"flickr30k/annotations/{split}_ann.jsonl", rows)
    for language in languages:
        rows = [
            {"sentences": [f"{language} caption {i}."], "id": i, "img_path": n} for i, n in enumerate(names)
        ]
        if language == "de":
            rows[-1]["sentences"] = [""]
        put_records(root / f"xFlickrCO/annotations/{language}/test.jsonl", rows)
        put_records(root / f"xFlickrCO/annotations/{language}/train_10.jsonl", rows[:10])


def write_wit(root: Path, languages: Sequence[str] = ("el", "en")) -> None:
    """Two captions for every third image, each language with images of its own; one caption is empty."""
    for stem, start in (
        ("train_en", 900),
        ("val_en", 800),
        *((f"test_{one}", i * 50) for i, one in enumerate(languages)),
    ):
        rows = [
            {
                "wit_ix": f"wit-test_{start + i - (i % 3 == 1)}",
                "caption_reference_description": f"{stem} caption {i}",
            }
            for i in range(ITEMS)
        ]
        rows.append({"wit_ix": f"wit-test_{start + 40}", "caption_reference_description": ""})
        put_records(root / f"wit/annotations/{stem}.jsonl", rows)


def write_iglue(folder: Path, root: str = "iglue") -> None:
    """The annotations of all five tasks."""
    for write in (write_xvnli, write_xgqa, write_marvl, write_xflickrco, write_wit):
        write(folder / root)


TRANSLATED = {
    "iglue/xvnli": ("XVNLI/annotations/ar/test.jsonl", "XVNLI/annotations_machine-translate/ar/test.jsonl"),
    "iglue/xgqa": (
        "xGQA/annotations/few_shot/de/test.json",
        "xGQA/annotations_machine-translate/few_shot/de/test_gmt.json",
    ),
    "iglue/marvl": (
        "marvl/zero_shot/annotations/marvl-sw.jsonl",
        "marvl/zero_shot/annotations_machine-translate/marvl-sw_gmt.jsonl",
    ),
    "iglue/xflickrco": (
        "xFlickrCO/annotations/de/test.jsonl",
        "xFlickrCO/annotations_machine-translate/de/test_gmt.jsonl",
    ),
    "iglue/wit": ("wit/annotations/test_el.jsonl", "wit/annotations_machine-translate/test_el_gmt.jsonl"),
}
"""By task: a test file, and where IGLUE has the same rows in English."""


def write_translated(folder: Path, root: str = "iglue") -> None:
    """Test files of one language each, "translated": the language's code at the beginning becomes `in English:`."""
    for original, translated in TRANSLATED.values():
        text = (folder / root / original).read_text("utf-8")
        for code in ("ar", "de", "sw"):
            text = text.replace(f'"{code} ', '"in English: ')
        text = text.replace('"test_el ', '"in English: ')
        path = folder / root / translated
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def write_multi30k(folder: Path, languages: Sequence[str] = ("de", "en")) -> None:
    """Lines of captions, and the images that they are of."""
    root = folder / "multi30k/task1"
    for number, split in enumerate(("train", "val", "test_2016_flickr")):
        put_lines(root / f"image_splits/{split}.txt", (f"{number}{i:02}.jpg" for i in range(ITEMS)))
        for language in languages:
            put_lines(root / f"raw/{split}.{language}.gz", (f"{language} {split} {i}" for i in range(ITEMS)))


def write_image_benchmarks(folder: Path) -> None:
    """A form of every image-text benchmark, without images."""
    write_iglue(folder)
    write_multi30k(folder)
