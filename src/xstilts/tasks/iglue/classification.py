"""IGLUE's tasks of a text and one or two images with a label: XVNLI, xGQA, MaRVL."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from xstilts.tasks.base import FEW_SHOT, FoundLabels, Task
from xstilts.tasks.iglue.common import FLICKR, FLICKR_SITE, LICENCE, REPOSITORY, Annotations, images, jpg
from xstilts.tasks.problems import BrokenFileError, Problem, Report
from xstilts.tasks.published import PublishedSource
from xstilts.tasks.readers import Numbered, Record
from xstilts.tasks.reading import Reading

TYPE = "image-text-classification"
XVNLI_LANGUAGES = ("ar", "en", "es", "fr", "ru")
XGQA_LANGUAGES = ("bn", "de", "en", "id", "ko", "pt", "ru", "zh")
MARVL_LANGUAGES = ("id", "sw", "ta", "tr", "zh")
_SHOTS = ("1", "5", "10", "20", "25", "48")
_NO_LABEL = "-"


def xvnli(data: Path | None) -> Task:
    """Does an image entail, contradict or leave open a sentence: SNLI-VE in five languages."""
    name = "iglue/xvnli"
    files = {
        "train": "XVNLI/annotations/train.jsonl",
        "dev": "XVNLI/annotations/dev.jsonl",
        "test": "XVNLI/annotations/{language}/test.jsonl",
    }
    labels = ("contradiction", "entailment", "neutral")
    annotations = Annotations(
        TYPE,
        XVNLI_LANGUAGES,
        files,
        {"text": "sentence2", "label": "gold_label", "id": "pairID", "source": "image"},
        Reading(clean=_entailment),
        "XVNLI/annotations/{language}/train_{shots}.jsonl",
        _SHOTS,
        {"labels": labels, "parallel": True, "repeated_ids": True},
        "XVNLI/annotations_machine-translate/{language}/test.jsonl",
    )
    source = annotations.source(name, data)
    return Task(
        name=name,
        type=TYPE,
        source=source,
        languages=XVNLI_LANGUAGES,
        labels=labels,
        parallel=True,
        summary="does an image entail, contradict or leave open a sentence",
        licence=LICENCE,
        url=REPOSITORY.partition(": ")[0],
        notes="Rows on whose label the annotators did not agree (`-`, 14 of 1,164 in the test set) are left out; IGLUE "
        "counts them. The caption in the files is not read: the image takes its place. Train and dev are SNLI-VE.",
        images=images(name, source, data, FLICKR, ("flickr30k",), get=FLICKR_SITE),
    )


def _entailment(record: Record, language: str) -> Record | None:
    if record.get("gold_label") == _NO_LABEL:
        return None
    return record | {"image": jpg(str(record.get("Flikr30kID", "")))}


def xgqa(data: Path | None) -> Task:
    """Questions about an image, to be answered by one of a closed list of English answers."""
    name = "iglue/xgqa"
    files = {
        "train": "gqa/annotations/train_balanced_questions.json",
        "dev": "gqa/annotations/val_balanced_questions.json",
        "test": "xGQA/annotations/few_shot/{language}/test.json",
    }
    annotations = Annotations(
        TYPE,
        XGQA_LANGUAGES,
        files,
        {"text": "question", "label": "answer", "image": "image", "id": "id", "source": "image"},
        Reading(records=_questions, any_label=True),
        "xGQA/annotations/few_shot/{language}/train_{shots}.json",
        _SHOTS,
        {"parallel": True, "format": "jsonl"},  # its suffix, .json, names no format
        "xGQA/annotations_machine-translate/few_shot/{language}/test_gmt.json",
    )
    source = annotations.source(name, data)
    return Task(
        name=name,
        type=TYPE,
        source=source,
        languages=XGQA_LANGUAGES,
        labels=FoundLabels(lambda: _answers(source)),
        parallel=True,
        summary="a question about an image; the answer, in English, is one of a closed list",
        licence="CC BY 4.0 (GQA); " + LICENCE,
        url="https://github.com/adapter-hub/xGQA",
        notes="Answers stay English in every language. The labels are the answers of the training file (GQA's 1,842 "
        "in train and val); any other answer cannot be given and counts as wrong. The test rows are the 9,666 "
        "questions of the few-shot test split, as in IGLUE's tables. IGLUE's `.pkl` files are not read.",
        images=images(
            name,
            source,
            data,
            ("gqa/images/{image}", "GQA/images/{image}"),
            ("gqa", "vg-gqa"),
            get="https://cs.stanford.edu/people/dorarad/gqa/download.html",
        ),
    )


def _questions(path: Path, report: Report) -> Numbered:
    """GQA's questions: an object that has them by their ids."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFileError(path, 0, f"cannot be read as JSON ({error})") from None
    if not isinstance(found, dict):
        raise BrokenFileError(path, 0, f"expected an object of questions by id, got {type(found).__name__}")
    for native, question in found.items():
        image = question.get("imageId") if isinstance(question, dict) else None
        if image is None:
            report(Problem(str(path), 0, f"question {native}: there is no imageId. Expected one of GQA's"))
        else:
            yield 0, question | {"id": native, "image": f"{image}.jpg"}


def _answers(source: PublishedSource) -> tuple[str, ...]:
    """The answers of the training questions; where there are none, of the few-shot ones in English."""
    splits = ["train", *(f"{FEW_SHOT}{count}" for count in reversed(_SHOTS))]
    split = next((one for one in splits if source.found(one) and "en" in source.languages(one)), "train")
    return tuple(sorted({row["label"] for row in source.rows(split, "en")}))


def marvl(data: Path | None) -> Task:
    """Is a sentence about two images true: NLVR2 in English, MaRVL in five languages."""
    name = "iglue/marvl"
    files = {
        "train": "nlvr2/annotations/train.jsonl",
        "dev": "nlvr2/annotations/dev.jsonl",
        "test": "marvl/zero_shot/annotations/marvl-{language}.jsonl",
    }
    columns = {name: name for name in ("text", "label", "image", "image_pair", "id", "source")}
    annotations = Annotations(
        TYPE,
        MARVL_LANGUAGES,
        files,
        columns,
        Reading(clean=_two_images),
        "marvl/few_shot/annotations/marvl-{language}_train{shots}.jsonl",
        ("1", "2", "4", "10"),
        {"labels": ("false", "true")},
        "marvl/zero_shot/annotations_machine-translate/marvl-{language}_gmt.jsonl",
    )
    source = annotations.source(name, data)
    return Task(
        name=name,
        type=TYPE,
        source=source,
        languages=MARVL_LANGUAGES,
        labels=("false", "true"),
        summary="is a sentence about two images true",
        licence="CC BY 4.0 (MaRVL's texts); images: non-commercial research only",
        url="https://marvl-challenge.github.io",
        notes="Not translations: concepts and images are each language's own, and English is NLVR2, trained on but not "
        "tested. Rows of one concept are resampled together: each sentence is asked of four pairs of images.",
        images=images(
            name,
            source,
            data,
            (
                *("marvl/images/{image}", "marvl-images/{image}", "marvl/few_shot/images/{image}"),
                *("nlvr2/images/{image}", "nlvr2/images/train/{image}", "nlvr2/images/dev/{image}"),
            ),
            ("marvl-{language}", "nlvr2"),
            get="https://doi.org/10.5683/SP3/42VZ4P (MaRVL), https://github.com/lil-lab/nlvr (NLVR2)",
        ),
    )


def _two_images(record: Record, language: str) -> Record:
    """A row of MaRVL, whose images lie by language and concept, or of NLVR2, whose rows name their pair of images."""
    if "identifier" in record:
        pair = str(record["identifier"]).rpartition("-")[0]
        sides = {"image": f"{pair}-img0.png", "image_pair": f"{pair}-img1.png"}
        facts = {"text": record.get("sentence"), "id": record["identifier"], "source": pair}
        return facts | sides | {"label": str(record.get("label")).lower()}
    native, concept = record.get("language"), record.get("concept")
    names = {"image": record.get("left_img"), "image_pair": record.get("right_img")}
    sides = {
        side: f"{native}/images/{concept}/{PurePosixPath(str(name)).name}" for side, name in names.items()
    }
    facts = {"text": record.get("caption"), "id": record.get("id"), "source": f"{native}/{concept}"}
    return facts | sides | {"label": record.get("label")}
