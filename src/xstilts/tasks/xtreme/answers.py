"""XTREME-R's retrieval among many candidates: LAReQA's sentences that answer, Mewsli-X's entities that are meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from xstilts.tasks.base import CANDIDATES, Row, Source, Task
from xstilts.tasks.building import BuiltSource, Files, files_of
from xstilts.tasks.problems import BrokenFileError, Problem, Report
from xstilts.tasks.published import Layout, PublishedSource
from xstilts.tasks.readers import read
from xstilts.tasks.reading import tag_of
from xstilts.tasks.squad import entries, read_json
from xstilts.tasks.xtreme.common import DOWNLOAD, tags

LAREQA_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
MEWSLIX_LANGUAGES = ("ar", "de", "en", "es", "fa", "ja", "pl", "ro", "ta", "tr", "uk")
MANY = "mul"
"""The language of candidates in many languages that stand in one file (ISO 639-2)."""


# --- LAReQA


def lareqa(suite: str, data: Path | None) -> Task:
    """XQuAD-R (Roy et al. 2020, arXiv 2004.05484): the right answers are those in all languages."""
    name = f"{suite}/lareqa"
    layouts = tuple(
        Layout(
            form, partial(_xquad_r, folder), (f"{folder}/{{language}}.json",), get, exercised=form == "lareqa"
        )
        for form, folder, get in (
            ("lareqa", "lareqa/xquad-r", "https://github.com/google-research-datasets/lareqa: xquad-r"),
            ("lareqa-xquad-r", "xquad-r", "https://github.com/google-research-datasets/lareqa: xquad-r"),
        )
    )
    return Task(
        name=name,
        type="answer-retrieval",
        source=PublishedSource(name, layouts, data, None, ("dev", "test")),
        languages=tags(LAREQA_LANGUAGES),
        parallel=True,
        summary="the sentences that answer a question, among all sentences of all languages",
        licence="CC BY-SA 4.0",
        url="https://github.com/google-research-datasets/lareqa",
        notes="Candidates are pooled over the languages that are there: with fewer than eleven, scores are not those "
        "of the paper. An answer's sentence is the one that it begins in. Not trained: XTREME-R trains on SQuAD.",
    )


@dataclass(frozen=True)
class _Paragraph:
    """One paragraph of XQuAD-R: its sentences, and for each question by id the number of the sentence that answers."""

    context: str
    sentences: tuple[str, ...]
    asked: Mapping[str, tuple[str, int]]


def _xquad_r(folder: str, base: Path) -> Source:
    def files(split: str) -> Files:
        found = files_of(base, [f"{folder}/{{language}}.json"], LAREQA_LANGUAGES)
        every = tuple(path for paths in found.values() for path in paths)
        return dict.fromkeys(found, every) if split in {"test", f"test{CANDIDATES}"} else {}

    def build(split: str, language: str, report: Report) -> list[Row]:
        by_language = dict(zip(files("test"), files("test")[language], strict=True))
        own = _paragraphs(by_language[language], by_language[language].stat().st_mtime_ns)
        for problem in own[1]:
            report(problem)
        if split.endswith(CANDIDATES):
            return list(_candidates(own[0], language))
        others = {
            code: _answers(_paragraphs(path, path.stat().st_mtime_ns)[0], code)
            for code, path in by_language.items()
        }
        return list(_questions(own[0], language, others))

    return BuiltSource(folder, files, build, carved=True)


def _name(language: str, paragraph: int, sentence: int) -> str:
    return f"{language}/{paragraph}/{sentence}"


def _candidates(paragraphs: Sequence[_Paragraph], language: str) -> Iterator[Row]:
    for number, paragraph in enumerate(paragraphs):
        for place, sentence in enumerate(paragraph.sentences):
            name = _name(language, number, place)
            yield {"id": name, "source": name, "text": sentence, "context": paragraph.context}


def _answers(paragraphs: Sequence[_Paragraph], language: str) -> dict[str, str]:
    """The candidate that answers each question in one language."""
    return {
        question: _name(language, number, place)
        for number, paragraph in enumerate(paragraphs)
        for question, (_, place) in paragraph.asked.items()
    }


def _questions(
    paragraphs: Sequence[_Paragraph], language: str, answers: Mapping[str, Mapping[str, str]]
) -> Iterator[Row]:
    order = sorted(answers, key=lambda code: (code != language, code))  # a row's own answer comes first
    for paragraph in paragraphs:
        for question, (text, place) in paragraph.asked.items():
            gold = [answers[code][question] for code in order if question in answers[code]]
            yield {
                "id": question,
                "source": question,
                "text": text,
                "gold": gold,
                "answer": paragraph.sentences[place],
                "context": paragraph.context,
            }


@lru_cache(maxsize=32)
def _paragraphs(path: Path, changed: int) -> tuple[tuple[_Paragraph, ...], tuple[Problem, ...]]:
    """The paragraphs of a file, and what is wrong with it."""
    problems: list[Problem] = []
    found = []
    try:
        for at, article in entries(read_json(path), "data", "", path, problems.append):
            for inside, paragraph in entries(article, "paragraphs", at, path, problems.append):
                found.append(_paragraph(paragraph, inside, path, problems.append))
    except BrokenFileError as broken:
        problems.append(broken.problem)
    return tuple(one for one in found if one is not None), tuple(problems)


def _paragraph(given: Mapping[str, Any], place: str, path: Path, report: Report) -> _Paragraph | None:
    sentences, breaks = given.get("sentences"), given.get("sentence_breaks")
    if not sentences or not breaks or len(sentences) != len(breaks):
        message = f"{place} has no 'sentences' with as many 'sentence_breaks'. Expected XQuAD-R's files, not XQuAD's"
        report(Problem(str(path), 0, message))
        return None
    asked: dict[str, tuple[str, int]] = {}
    for _, question in entries(given, "qas", place, path, report):
        name, start = str(question.get("id")), _start(question)
        inside = [number for number, (begin, end) in enumerate(breaks) if begin <= start < end]
        if inside:
            asked[name] = (str(question.get("question")), inside[0])
        else:
            report(
                Problem(
                    str(path), 0, f"id {name}: its answer begins at {start}, in no sentence of its context"
                )
            )
    return _Paragraph(str(given.get("context")), tuple(sentences), asked)


def _start(question: Mapping[str, Any]) -> int:
    answers = question.get("answers") or [{}]
    return int(answers[0].get("answer_start", -1))


# --- Mewsli-X


def mewslix(suite: str, data: Path | None) -> Task:
    """Entity linking across languages (Ruder et al. 2021, arXiv 2104.07412): mentions in news, a million entities."""
    name = f"{suite}/mewslix"
    layout = Layout(
        "mewsli-x",
        _mewslix,
        ("mewslix/wikinews_mentions-dev.jsonl", "mewslix/wikinews_mentions-test.jsonl", _ENTITIES),
        f"{DOWNLOAD} of XTREME-R, which runs https://github.com/google-research/google-research: "
        "dense_representations_for_entity_retrieval/mel/get-mewsli-x.sh",
    )
    return Task(
        name=name,
        type="answer-retrieval",
        source=PublishedSource(name, (layout,), data, None, ("dev", "test")),
        languages=tags(MEWSLIX_LANGUAGES),
        summary="the entity that is meant in a news sentence, among a million descriptions in fifty languages",
        licence="CC BY-SA 4.0 (descriptions), CC BY 2.5 (news)",
        url="https://github.com/google-research/google-research/tree/master/dense_representations_for_entity_retrieval/mel",
        notes="The mention stands in braces in its sentence. Not trained: XTREME-R trains on Wikipedia's mentions. "
        "Embedding the candidates takes hours without a GPU.",
    )


_ENTITIES = "mewslix/candidate_set_entities.jsonl"
_LANGUAGE = re.compile(r'"language": ?"(\w+)"')
_BRACES = re.compile(r"\{(.*?)\}")


def _mewslix(base: Path) -> Source:
    def files(split: str) -> Files:
        part = split.removesuffix(CANDIDATES)
        paths = (base / f"mewslix/wikinews_mentions-{part}.jsonl", base / _ENTITIES)
        if not all(path.is_file() for path in paths):
            return {}
        if split.endswith(CANDIDATES):
            return {MANY: paths[1:]}
        return dict.fromkeys(_languages_in(paths[0], paths[0].stat().st_mtime_ns), paths[:1])

    def build(split: str, language: str, report: Report) -> list[Row]:
        (path,) = files(split)[language]
        made = _entities(path, report) if split.endswith(CANDIDATES) else _mentions(path, language, report)
        return list(made)

    return BuiltSource("mewslix", files, build)


@lru_cache(maxsize=8)
def _languages_in(path: Path, changed: int) -> tuple[str, ...]:
    """The languages that a file of articles has."""
    found = {tag_of(code) for code in _LANGUAGE.findall(path.read_text("utf-8", errors="replace"))}
    return tuple(code for code in tags(MEWSLIX_LANGUAGES) if code in found)


def _entities(path: Path, report: Report) -> Iterator[Row]:
    for line, record in read(path, "jsonl", report=report):
        name, text = record.get("entity_id"), record.get("description")
        if name and text:
            yield {"id": name, "source": name, "text": text}
        else:
            report(Problem(str(path), line, "expected an entity with 'entity_id' and 'description'"))


def _mentions(path: Path, language: str, report: Report) -> Iterator[Row]:
    """A row a mention of one language."""
    for line, record in read(path, "jsonl", report=report):
        context = record.get("context")
        if not isinstance(context, Mapping) or not isinstance(record.get("mentions"), list):
            report(Problem(str(path), line, "expected an article with 'context' and 'mentions'"))
            continue
        if tag_of(str(context.get("language"))) != language:
            continue
        for mention in record["mentions"]:
            try:
                text = _marked(context, mention["mention_span"])
                name, gold = str(mention["example_id"]), str(mention["entity_id"])
            except (KeyError, TypeError, ValueError) as error:
                report(Problem(str(path), line, f"a mention does not fit its article: {error}"))
                continue
            yield {"id": name, "source": name, "text": text, "gold": [gold]}


def _marked(context: Mapping[str, Any], span: Mapping[str, Any]) -> str:
    """The sentences that a mention stands in, the mention in braces; other braces become parentheses.

    Raises:
        ValueError: the mention is not where its offsets say.
    """
    text, start, end = str(context["text"]), int(span["start"]), int(span["end"])
    if text[start:end] != span["text"]:
        hint = ". Its articles have no text yet: run get-mewsli-x.sh" if not text else ""
        raise ValueError(f"{span['text']!r} should stand at {start}, but {text[start:end]!r} does{hint}")
    breaks = [(one["start"], one["end"]) for one in context["sentence_spans"]]
    first = max((begin for begin, _ in breaks if begin <= start), default=0)
    last = min((stop for _, stop in breaks if stop >= end), default=len(text))
    parts = [_BRACES.sub(r"(\1)", part) for part in (text[first:start], text[start:end], text[end:last])]
    return f"{parts[0]}{{ {parts[1]} }}{parts[2]}".strip()
