"""IGLUE's tasks of captions and images: xFlickr&CO and WIT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.tasks.base import Task
from xstilts.tasks.iglue.common import (
    COCO,
    COCO_SITE,
    FLICKR,
    FLICKR_SITE,
    LICENCE,
    REPOSITORY,
    Annotations,
    images,
    one_by_one,
)
from xstilts.tasks.pictures import ANY_SUFFIX
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Reading

TYPE = "image-text-retrieval"
XFLICKRCO_LANGUAGES = ("de", "en", "es", "id", "ja", "ru", "tr", "zh")
WIT_LANGUAGES = ("ar", "bg", "da", "el", "en", "et", "id", "ja", "ko", "tr", "vi")
METRICS = ("t2i_r@1", "i2t_r@1")
"""IGLUE's: image retrieval and text retrieval."""


def captions(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The captions of an image, one by one, numbered from 0; empty ones are left out.

    Example:
        >>> [row["id"] for row in captions({"img_path": "7.jpg", "sentences": ["A dog.", "Running dog"]})]
        ['7.jpg#0', '7.jpg#1']
    """
    image, sentences = record.get("img_path"), record.get("sentences")
    for number, sentence in enumerate(sentences if isinstance(sentences, list) else [sentences]):
        if isinstance(sentence, str) and not sentence.strip():
            continue
        yield {"image": image, "text": sentence, "id": f"{image}#{number}"}


def xflickrco(data: Path | None) -> Task:
    """Captions of 1,000 images of Flickr30K and 1,000 of COCO, written anew in each language."""
    name = "iglue/xflickrco"
    files = {
        "train": "flickr30k/annotations/train_ann.jsonl",
        "dev": "flickr30k/annotations/valid_ann.jsonl",
        "test": "xFlickrCO/annotations/{language}/test.jsonl",
    }
    annotations = Annotations(
        TYPE,
        XFLICKRCO_LANGUAGES,
        files,
        {"text": "text", "image": "image", "id": "id"},
        Reading(records=one_by_one(captions)),
        "xFlickrCO/annotations/{language}/train_{shots}.jsonl",
        ("1", "5", "10", "25", "50", "100"),
        {"parallel": True},
        "xFlickrCO/annotations_machine-translate/{language}/test_gmt.jsonl",
    )
    source = annotations.source(name, data)
    return Task(
        name=name,
        type=TYPE,
        source=source,
        languages=XFLICKRCO_LANGUAGES,
        metrics=METRICS,
        parallel=True,
        summary="the image that a caption describes, and the caption of an image, among 2,000",
        licence=LICENCE,
        url=REPOSITORY.partition(": ")[0],
        notes="Trained on Flickr30K's English captions, five an image; tested on one an image. Captions are written "
        "anew in each language, not translated. Empty ones are left out (one in German). English has no few-shot rows.",
        images=images(
            name,
            source,
            data,
            ("xFlickrCO/images/{image}", *FLICKR, *COCO),
            ("xflickrco", "flickr30k"),
            get=f"{FLICKR_SITE}, {COCO_SITE}",
        ),
    )


def wit(data: Path | None) -> Task:
    """Captions of images in Wikipedia's articles."""
    name = "iglue/wit"
    files = {
        "train": "wit/annotations/train_en.jsonl",
        "dev": "wit/annotations/val_en.jsonl",
        "test": "wit/annotations/test_{language}.jsonl",
    }
    annotations = Annotations(
        TYPE,
        WIT_LANGUAGES,
        files,
        {"text": "caption_reference_description", "image": "wit_ix", "id": "wit_ix"},
        Reading(clean=_described),
        settings={"repeated_ids": True},
        translated="wit/annotations_machine-translate/test_{language}_gmt.jsonl",
    )
    source = annotations.source(name, data)
    return Task(
        name=name,
        type=TYPE,
        source=source,
        languages=WIT_LANGUAGES,
        metrics=METRICS,
        summary="the image that a caption in Wikipedia describes, and the captions of an image",
        licence="CC BY-SA 3.0 (WIT); images: each its own",
        url="https://github.com/google-research-datasets/wit",
        notes="Languages have images of their own and sets of 570 to 1,000 captions, so that their scores cannot be "
        "compared with each other. An image may have many captions (20 in English); equal ones are counted apart. "
        "Empty captions are left out (one in Greek). Images are named by `wit_ix`, with any suffix.",
        images=images(
            name,
            source,
            data,
            (f"wit/images/{{image}}{ANY_SUFFIX}",),
            ("wit-{language}", "wit-test", "wit"),
            get="https://sid.erda.dk/sharelink/CwTySJlPdB",
        ),
    )


def _described(record: Record, language: str) -> Record | None:
    return record if str(record.get("caption_reference_description") or "").strip() else None
