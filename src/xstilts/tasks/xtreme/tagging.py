"""XTREME's two tagging tasks: parts of speech of Universal Dependencies, and the entities of WikiAnn (PAN-X)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xstilts.languages import normalise
from xstilts.tasks.base import Task
from xstilts.tasks.building import Unlabelled
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.hub import HUB_SPLITS, HubSource, HubTask, named
from xstilts.tasks.published import Layout, PublishedSource, files_layout
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import RowRules
from xstilts.tasks.xtreme.common import DOWNLOAD, HUB, REPORTED, TREE, tags, unlabelled_tokens

UDPOS_CODES = (
    *("af", "ar", "bg", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it"),
    *("ja", "kk", "ko", "mr", "nl", "pt", "ru", "ta", "te", "th", "tl", "tr", "ur", "vi", "yo", "zh"),
)
UDPOS_ADDED = ("lt", "pl", "uk", "wo", "ro")
"""XTREME-R's further languages, of UD 2.7."""

PANX_CODES = (
    *("af", "ar", "bg", "bn", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id"),
    *("it", "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th"),
    *("tl", "tr", "ur", "vi", "yo", "zh"),
)
PANX_ADDED = ("qu", "pl", "uk", "az", "lt", "pa", "gu", "ro")

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The universal part-of-speech tags, in the order of the alphabet and of the Hub's classes."""

ENTITIES = ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")
_HUB_ENTITIES = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")

_UD_NAMES = {  # as google/xtreme names its configurations, one of them misspelt there
    **{"af": "Afrikans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek", "en": "English"},
    **{"es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French"},
    **{"he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian"},
    **{"ja": "Japanese", "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese"},
    **{"ru": "Russian", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish"},
    **{"ur": "Urdu", "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese"},
}


def has_words(record: Record, language: str) -> Record | None:
    """Leaves out sentences of treebanks that are published without their words: every form is `_`.

    XTREME's rule: a sentence stays unless all words, or all but one, are underscores.
    """
    forms = record.get("form") or []
    hidden = sum(form == "_" for form in forms)
    return record if hidden == 0 or hidden < len(forms) - 1 else None


def udpos(suite: str, codes: Sequence[str], data: Path | None) -> Task:
    """Part-of-speech tagging: all treebanks of a language in the order of their names, as XTREME joins them."""
    name = f"{suite}/udpos"
    layouts = (
        *(_releases(codes) if suite == "xtreme" else _releases(codes)[::-1]),
        _treebanks(
            "ud", "udpos", "https://github.com/UniversalDependencies, a folder a treebank", codes, True
        ),
        _token_tags("udpos", UPOS, codes, False),
    )
    by_tag = {normalise(code): f"udpos.{_UD_NAMES[code]}" for code in codes if code in _UD_NAMES}
    hub = _hub(HUB, by_tag, "pos_tags", UPOS)
    return Task(
        name=name,
        type="tagging",
        source=PublishedSource(name, layouts, data, HubSource(hub)),
        languages=tags(codes),
        labels=UPOS,
        metrics=("chunk_f1", "token_accuracy"),
        summary="the part of speech of every word",
        licence="that of each treebank, most CC BY-SA 4.0; some for non-commercial use only",
        url="https://universaldependencies.org",
        notes="In CoNLL-U the syntactic words are tagged, multiword tokens and empty nodes skipped; XTREME's own files "
        "have the fused multiword tokens in their place. Treebanks published without words are left out.",
    )


def _releases(codes: Sequence[str]) -> tuple[Layout, Layout]:
    """The releases that XTREME and XTREME-R took their treebanks from, in this order."""
    handle = "https://hdl.handle.net/11234"
    return (
        _treebanks("ud-2.5", "ud-treebanks-v2.5", f"{handle}/1-3105", codes),
        _treebanks("ud-2.7", "ud-treebanks-v2.7", f"{handle}/1-3424", codes),
    )


def _treebanks(name: str, folder: str, get: str, codes: Sequence[str], exercised: bool = False) -> Layout:
    pattern = f"{folder}/UD_*/{{language}}_*-ud-"
    return files_layout(
        name,
        get,
        UserTask(
            type="tagging",
            files={
                "train": f"{folder}/UD_English-*/{{language}}_*-ud-train.conllu",
                "dev": f"{pattern}dev.conllu",
                "test": f"{pattern}test.conllu",
            },
            languages=tuple(codes),
            labels=UPOS,
        ),
        reading=lambda base: Reading(clean=has_words),
        exercised=exercised,
    )


def _token_tags(folder: str, labels: tuple[str, ...], codes: Sequence[str], exercised: bool) -> Layout:
    """XTREME's own files: token⇥tag, or tokens alone where the labels were taken out."""
    return files_layout(
        TREE,
        DOWNLOAD,
        UserTask(
            type="tagging",
            files={"train": f"{folder}/train-en.tsv", "test": f"{folder}/dev-{{language}}.tsv"},
            languages=tuple(codes),
            labels=labels,
            dev_from="test",
        ),
        reported=REPORTED,
        exercised=exercised,
        submission=Unlabelled(
            (f"{folder}/test-{{language}}.tsv",), tuple(codes), unlabelled_tokens(labels[-1])
        ),
    )


def _hub(repository: str, configurations: Mapping[str, str], column: str, classes: Sequence[str]) -> HubTask:
    """A repository whose tags are numbers; `classes` are their names, in order."""
    return HubTask(
        repository,
        configurations,
        HUB_SPLITS,
        {"tokens": "tokens", "tags": column},
        RowRules("tagging", tuple(sorted(classes))),
        clean=named(column, classes),
    )


def panx(suite: str, codes: Sequence[str], data: Path | None) -> Task:
    """Named entities of Wikipedia (Pan et al. 2017; the splits of Rahimi et al. 2019, arXiv 1902.00193)."""
    name = f"{suite}/panx"
    original = files_layout(
        "wikiann",
        "https://github.com/afshinrahimi/mmner: an archive a language, unpacked to wikiann/LANGUAGE",
        UserTask(
            type="tagging",
            files={
                "train": "wikiann/en/train",
                "dev": "wikiann/{language}/dev",
                "test": "wikiann/{language}/test",
            },
            format="token-tag",
            language_prefix=True,
            languages=tuple(codes),
            labels=ENTITIES,
        ),
    )
    by_tag = {normalise(code): code for code in codes}
    hub = _hub("unimelb-nlp/wikiann", by_tag, "ner_tags", _HUB_ENTITIES)
    return Task(
        name=name,
        type="tagging",
        source=PublishedSource(
            name, (original, _token_tags("panx", ENTITIES, codes, True)), data, HubSource(hub)
        ),
        languages=tags(codes),
        labels=ENTITIES,
        summary="persons, organisations and places in Wikipedia sentences",
        licence="not stated; built from Wikipedia text (CC BY-SA)",
        url="https://github.com/afshinrahimi/mmner",
        notes="Labels were projected from links, not written by people. 406 English training sentences are also in "
        "the English dev file. XTREME's test files have no labels.",
    )
