from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from xstilts.encoders.base import find_encoder
from xstilts.errors import RecipeError
from xstilts.perturbations import Condition
from xstilts.predicting import TestSet
from xstilts.task_types import check_roles, get_trained_type, takes
from xstilts.task_types.base import SPECIAL_TOKENS, Feature, collate
from xstilts.task_types.span_qa import Found, Frame, Passage, SpanQa, Window, best_spans, windows
from xstilts.tasks.base import PackageSource, Row, Task

QA = SpanQa()
TestSet.__test__ = False  # type: ignore[attr-defined]


def task(**options: Any) -> Task:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    return Task("my/qa", "span-qa", source, ("en",), "", options=options)


def row(question: str, context: str, *answers: str, number: int = 0) -> Row:
    """A row whose answers stand where they first occur."""
    spans = [{"text": answer, "start": context.index(answer)} for answer in answers]
    return {
        "id": str(number),
        "source": str(number),
        "question": question,
        "context": context,
        "answers": spans,
    }


@pytest.fixture(scope="module")
def tiny(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


@pytest.fixture(scope="module")
def xlmr() -> Any:
    """A tokenizer with XLM-R's pieces: no segments, two separators, tokens that begin with the space before them."""
    return AutoTokenizer.from_pretrained(find_encoder("bundled/multilingual-e5-small").folder)


@pytest.fixture(params=["tiny", "xlmr"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


LONG = " ".join(f"w{number} soup" for number in range(40))
ROWS = [
    row("was the soup great", "the soup was awful . the  w7 was lovely", "w7", "lovely", number=0),
    row("w3 w4", LONG, "w31 soup w32", number=1),
    row("the " * 90, LONG, "w2", number=2),
    row("was", "the soup", number=3),
]


# --- windows and targets are those of transformers' run_qa


def published(one: Row, tokenizer: Any, max_length: int, stride: int) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Ids, segments, offsets of the context and target of every window, by the published recipe.

    The recipe has no limit for questions of its own: the question is one that needs none.
    """
    encoded = tokenizer(
        one["question"], one["context"], truncation="only_second", max_length=max_length, stride=stride,
        return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    for number, ids in enumerate(encoded["input_ids"]):
        owners, offsets = encoded.sequence_ids(number), encoded["offset_mapping"][number]
        inside = [place for place, owner in enumerate(owners) if owner == 1]
        target = (0, 0)
        if one["answers"]:
            start = one["answers"][0]["start"]
            end = start + len(one["answers"][0]["text"])
            if offsets[inside[0]][0] <= start and offsets[inside[-1]][1] >= end:
                first = max(place for place in inside if offsets[place][0] <= start)
                target = (first, min(place for place in inside if offsets[place][1] >= end))
        yield (
            ids,
            encoded.get("token_type_ids", [None] * (number + 1))[number],
            [offsets[place] for place in inside],
            target,
        )


@pytest.mark.parametrize("one", [ROWS[0], ROWS[1], ROWS[3]], ids=["short", "long", "unanswered"])
@pytest.mark.parametrize("stride", [0, 5])
def test_windows_and_targets_are_those_of_the_published_recipe(tokenizer: Any, one: Row, stride: int) -> None:
    expected = list(published(one, tokenizer, 40, stride))
    found = QA.encode([one], tokenizer, task(doc_stride=stride), 40)
    assert [feature.sequences[0].tolist() for feature in found] == [ids for ids, _, _, _ in expected]
    assert [feature.type_ids[0].tolist() if feature.type_ids else None for feature in found] == [
        segments for _, segments, _, _ in expected
    ]
    assert [feature.target for feature in found] == [target for *_, target in expected]
    assert all(feature.row == 0 and feature.length <= 40 for feature in found)
    for feature, (_, _, offsets, _) in zip(found, expected, strict=True):
        seen = [one["context"][start:end].strip() for start, end in offsets]
        assert [one["context"][start:end] for start, end in feature.window.offsets] == seen


def test_the_answer_is_the_target_of_the_windows_that_hold_it(tokenizer: Any) -> None:
    features = QA.encode([ROWS[1]], tokenizer, task(doc_stride=12), 40)
    slices = []
    for feature in features:
        window, (first, last) = feature.window, feature.target
        if (first, last) != (0, 0):
            start, end = window.offsets[first - window.begin][0], window.offsets[last - window.begin][1]
            slices.append(window.context[start:end])
    assert 0 < len(slices) < len(features)
    assert set(slices) == {"w31 soup w32"}


def test_a_long_question_is_cut_and_leaves_room(tiny: Any) -> None:
    asked = tiny.convert_tokens_to_ids("the")
    (wide,) = QA.encode([ROWS[2]], tiny, task(), 256)
    assert (wide.sequences[0] == asked).sum() == 64
    narrow = QA.encode([ROWS[2]], tiny, task(max_question_length=7), 40)
    assert {int((feature.sequences[0] == asked).sum()) for feature in narrow} == {7}
    tight = QA.encode([ROWS[2]], tiny, task(), 12)
    assert max(feature.length for feature in tight) == 12
    assert {len(feature.window.offsets) for feature in tight[:-1]} == {12 - 3 - 4}


def test_special_tokens_are_read_off_the_tokenizer(tiny: Any, xlmr: Any) -> None:
    frame = Frame.of(tiny)
    assert (frame.before, frame.between, frame.behind) == ((2,), (3,), (3,))
    assert frame.segments == (0, 0, 0, 1, 1)
    frame = Frame.of(xlmr)
    assert (frame.before, frame.between, frame.behind, frame.segments) == ((0,), (2, 2), (2,), ())


@given(st.integers(0, 500), st.integers(1, 90), st.integers(0, 200))
def test_windows_cover_every_token_and_overlap(length: int, room: int, stride: int) -> None:
    found = list(windows(length, room, stride))
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(last - first == room for first, last in found[:-1])
    assert 0 <= found[-1][1] - found[-1][0] <= room
    for (_, before), (first, last) in pairwise(found):
        assert before - first == min(stride, room // 2)
        assert last > before


def test_answers_are_found_whatever_the_tokens(xlmr: Any) -> None:
    contexts = {
        "Sie fuhr nach  Köln (1½ Stunden).": ["Köln", "1½", "Sie", "Stunden"],
        "北京大学在北京。": ["北京大学", "大学", "北"],
        "ประเทศไทย": ["ไทย"],
        "\u200bдом": ["дом"],
        " 1,300 men": [" 1,300", "men"],
    }
    for context, answers in contexts.items():
        for answer in answers:
            one = row("?", context, answer)
            (feature,) = QA.encode([one], xlmr, task(), 64)
            window, (first, last) = feature.window, feature.target
            assert (first, last) != (0, 0), answer
            start, end = window.offsets[first - window.begin][0], window.offsets[last - window.begin][1]
            assert answer.strip() in context[start:end]


def test_an_answer_that_no_token_holds_is_no_answer() -> None:
    empty = Passage(np.array([5]), np.array([[-1, -1]], np.int32))
    assert empty.locate({"text": "a", "start": 0}) is None
    short = Passage(np.array([5]), np.array([[0, 1]], np.int32))
    assert short.locate({"text": "abc", "start": 0}) is None


# --- the loss is transformers' own


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    torch.manual_seed(0)
    return AutoModelForQuestionAnswering.from_pretrained(tiny_encoder, num_labels=2).eval()


def test_the_loss_is_transformers(tiny: Any, model: Any) -> None:
    """Window by window, so that there is no padding, which transformers' loss counts as places of answers."""
    features = QA.encode(ROWS, tiny, task(), 40)
    expected = 0.0
    for feature in features:
        alone = collate([feature], tiny.pad_token_id)
        first, last = (torch.tensor([place]) for place in feature.target)
        expected += model(**alone.inputs, start_positions=first, end_positions=last).loss.item()
    batch = collate(features, tiny.pad_token_id)
    assert len({feature.length for feature in features}) > 1
    logits = QA.output(model(**batch.inputs))
    assert logits.shape == (len(features), 40, 2)
    assert QA.loss(logits, batch).item() == pytest.approx(expected, abs=1e-4)
    assert sum(QA.terms(feature) for feature in features) == len(features)


def test_the_loss_has_a_finite_gradient(tiny: Any, model: Any) -> None:
    batch = collate(QA.encode(ROWS, tiny, task(), 40), tiny.pad_token_id)
    logits = QA.output(model(**batch.inputs)).detach().requires_grad_()
    QA.loss(logits, batch).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert (logits.grad[batch.inputs["attention_mask"] == 0] == 0).all()


# --- decoding


def pairs_of_run_qa(start: Any, end: Any, n_best: int, longest: int) -> list[tuple[int, int, float]]:
    """The spans that transformers' run_qa keeps, best first, in plain loops."""
    best = [sorted(range(len(side)), key=lambda place: -side[place])[:n_best] for side in (start, end)]
    found = [
        (first, last, float(start[first] + end[last]))
        for first, last in product(*best)
        if first <= last < first + longest and np.isfinite(start[first] + end[last])
    ]
    return sorted(found, key=lambda span: -span[2])[:n_best]


SCORES = st.lists(
    st.tuples(st.floats(-9, 9, width=32), st.floats(-9, 9, width=32), st.booleans()), min_size=1, max_size=40
)


@given(SCORES, st.integers(1, 20), st.integers(1, 30))
def test_the_best_spans_are_those_of_run_qa(
    scores: list[tuple[float, float, bool]], n_best: int, longest: int
) -> None:
    start, end = (np.array([one[side] for one in scores], np.float32) for side in (0, 1))
    start[[one[2] for one in scores]] = -np.inf
    found = best_spans(start, end, n_best, longest)
    expected = pairs_of_run_qa(start, end, n_best, longest)
    if expected:
        assert [span[2] for span in found] == pytest.approx([span[2] for span in expected])
        assert all(start[first] + end[last] == score for first, last, score in found)
    every = pairs_of_run_qa(start, end, len(scores), longest)
    assert bool(found) == bool(every)
    if found and not expected:  # no pair of the best is a span: then all are tried, where run_qa gives up
        assert found[0][2] == pytest.approx(every[0][2])
    assert len(found) <= n_best
    assert all(0 <= last - first < longest for first, last, _ in found)


def test_equal_scores_go_to_the_first_span() -> None:
    zeros = np.zeros(5, np.float32)
    assert best_spans(zeros, zeros, 3, 30)[0] == (0, 0, 0.0)


def decoded(context: str, start: list[float], end: list[float], **options: Any) -> Found:
    """The prediction for a window of one token a word, behind two tokens of a question and a separator."""
    places = np.array([(at, at + len(word)) for at, word in words(context)], np.int32)
    logits = np.array([[1.0, 0.5], [90.0, 90.0], [90.0, 90.0], *zip(start, end, strict=True), [90.0, 90.0]])
    feature = Feature(
        0, (np.arange(len(logits)),), window=Window(context, places, len(logits) - 1 - len(places))
    )
    return QA.decode(logits.astype(np.float32), feature, task(**options))


def words(context: str) -> Iterator[tuple[int, str]]:
    at = 0
    for word in context.split(" "):
        yield at, word
        at += len(word) + 1


def test_a_prediction_is_a_slice_of_the_context_alone() -> None:
    """However high the logits of the question and of special tokens are."""
    assert decoded("in  New York, 1999", [0, 0, 3, 0, 0], [0, 0, 0, 2, 1]).text == "New York,"
    assert decoded("北京 \u00a0 大学", [1, 0, 0], [0, 0, 1]).text == "北京 \u00a0 大学"
    assert decoded("a b c", [0, 0, 9], [9, 0, 1]).text == "c"  # c … a is no span
    assert decoded("a b c", [9, 0, 0], [0, 0, 9], max_answer_length=2).text == "a"


def test_no_answer_is_predicted_only_where_the_task_has_such_questions() -> None:
    low = [-5.0, -5.0], [-5.0, -5.0]
    assert QA.join([decoded("a b", *low)]) == "a"
    null = decoded("a b", *low, null_answers=True)
    assert null.null == 1.5 and QA.join([null]) == ""
    assert QA.join([decoded("a b", *low, null_answers=True, null_threshold=11.0)]) == ""
    assert QA.join([decoded("a b", *low, null_answers=True, null_threshold=12.0)]) == "a"
    assert QA.join([decoded("a b", [3, 0], [0, 3], null_answers=True)]) == "a b"


def test_the_best_window_answers() -> None:
    low, high = Found(1.0, 5.0, "a"), Found(3.0, 2.0, "b")
    assert QA.join([low, high]) == QA.join([high, low]) == "b"
    assert QA.join([low, high._replace(null=3.5)]) == ""  # none in every window, as SQuAD 2.0 counts it
    assert QA.join([low]) == ""


def test_a_context_without_tokens_has_no_answer(tiny: Any) -> None:
    (feature,) = QA.encode([row("was", "\u0001")], tiny, task(), 40)
    logits = np.zeros((feature.length, 2), np.float32)
    assert QA.join([QA.decode(logits, feature, task())]) == ""


@settings(max_examples=40)
@given(
    st.text(st.sampled_from("ab wü京都。\u0e44\u0e17\u0e22 \n½\U0001f600"), min_size=1, max_size=60).filter(
        str.strip
    ),
    st.integers(8, 40),
    st.integers(0, 2**32 - 1),
)
def test_any_prediction_is_a_slice_without_spaces_around(
    both: tuple[Any, Any], context: str, length: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    for tokenizer in both:
        features = QA.encode([row("was it", context)], tokenizer, task(), length)
        found = [QA.decode(random.normal(size=(f.length, 2)).astype(np.float32), f, task()) for f in features]
        answer = QA.join(found)
        assert answer in context and answer == answer.strip()
        assert all(part.null == -np.inf for part in found)


@pytest.fixture(scope="module")
def both(tiny: Any, xlmr: Any) -> tuple[Any, Any]:
    return tiny, xlmr


# --- shuffling


def shuffled_rows() -> list[Row]:
    rows = [
        row("q", "In Paris, on 3 May 1901, it rained all day long", "3 May 1901", number=0),
        row("q", "Tokyo", "Tokyo", number=1),
        row("q", "北京大学在北京。", "北京大学", number=2),
        row("q", "It was the best of times, it was the worst of times", "worst", number=3),
        row("q", "Nobody knows", number=4),
        row("q", "…", "…", number=5),
    ]
    return [one | {"id": f"{one['id']}/{copy}"} for copy in range(30) for one in rows]


def test_shuffling_gives_every_context_another_answers_place_and_length() -> None:
    rows = shuffled_rows()
    before = [dict(one) for one in rows]
    after = QA.shuffle(rows, 1)
    assert rows == before
    assert [one | {"answers": 0} for one in after] == [one | {"answers": 0} for one in rows]
    assert QA.shuffle(rows, 1) == after != QA.shuffle(rows, 2)
    for one in after:
        for answer in one["answers"]:
            assert answer["text"] and one["context"][answer["start"] :].startswith(answer["text"])
    changed = [one["answers"] != two["answers"] for one, two in zip(rows, after, strict=True)]
    assert sum(changed) > 0.6 * len(rows)
    without = [sum(not one["answers"] for one in side if one["context"] != "…") for side in (rows, after)]
    assert abs(without[0] - without[1]) <= 12  # the share of unanswered questions is kept


def test_a_swapped_answer_has_as_many_words_at_the_same_place() -> None:
    first = row("q", "a b c d e f g h i j", "c d e", number=0)
    second = row("q", "eins zwei drei vier fünf sechs", "eins", number=1)
    swapped = [QA.shuffle([first, second], seed) for seed in range(9)]
    texts = {tuple(one["answers"][0]["text"] for one in rows) for rows in swapped}
    assert texts == {("c d e", "eins"), ("a", "zwei drei vier")}
    unspaced = row("q", "東京は日本の首都です", "東京", number=2)
    texts = {tuple(one["answers"][0]["text"] for one in QA.shuffle([first, unspaced], s)) for s in range(9)}
    assert texts == {("c d e", "東京"), ("a b", "は日本")}


# --- conditions


def perturbed(condition: str, *rows: Row, language: str = "en") -> list[Row]:
    return TestSet(rows, language, condition).perturbed("span-qa")


CONTEXT = "In Paris, on 3 May 1901, it rained; in London, by contrast, the sun shone for hours."


def test_a_condition_acts_on_the_question_alone() -> None:
    one = row("Where did it rain on that day in May?", CONTEXT, "Paris", "In Paris")
    (changed,) = perturbed("typos@5", one)
    assert changed["question"] != one["question"]
    assert changed | {"question": 0} == one | {"question": 0}
    assert perturbed("typos:question@5", one) == [changed]


def test_a_condition_on_the_context_moves_the_answers() -> None:
    one = row("Where did it rain?", CONTEXT, "Paris", "the sun shone", "3")
    (changed,) = perturbed("typos:context@5", one)
    assert changed["question"] == one["question"] and changed["context"] != one["context"]
    for answer in changed["answers"]:
        assert changed["context"][answer["start"] :].startswith(answer["text"])
    assert QA.answer(changed) != QA.answer(one)
    assert QA.answer(perturbed("casing:context@5", one)[0]) != QA.answer(one)


@settings(max_examples=60)
@given(
    st.text(st.sampled_from("abcde, .é-ийя京\U0001f1e9\U0001f1ea'’"), min_size=1, max_size=40).filter(
        str.strip
    ),
    st.data(),
    st.sampled_from(["typos", "punctuation", "whitespace", "casing", "ocr", "diacritics"]),
)
def test_answers_stay_in_any_context(context: str, data: st.DataObject, name: str) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    text = context[start:end]
    one = row("?", context) | {"answers": [{"text": text, "start": start}] if text.strip() else []}
    (changed,) = perturbed(f"{name}:context@5", one)
    assert len(changed["answers"]) == len(one["answers"])
    for answer in changed["answers"]:
        assert answer["text"].strip() and answer["text"] in changed["context"]
        assert changed["context"][answer["start"] :].startswith(answer["text"])


def test_only_known_roles() -> None:
    assert takes(task(), Condition.parse("ocr:context@3"), "en")
    assert takes(task(), Condition.parse("ocr"), "en")
    assert not takes(task(), Condition.parse("ocr:text@3"), "en")
    with pytest.raises(RecipeError, match="A span-qa task has question, context"):
        check_roles([task()], [Condition.parse("ocr:text@3")])


# --- what else a type says


def test_what_the_type_says() -> None:
    assert get_trained_type("span-qa").metrics[0] == "squad_f1"
    assert QA.head(task()).labels == ("start", "end")
    assert QA.options(task()) is None
    assert QA.answer(ROWS[0]) == ["w7", "lovely"] and QA.answer(ROWS[3]) == []


def test_cost_counts_windows() -> None:
    def tokens(context: int, **options: Any) -> int:
        (texts,) = QA.inputs(row("was it?", "a" * context))
        return QA.tokens(texts, task(**options), 384, len)

    assert tokens(100) == 100 + len("was it?") + SPECIAL_TOKENS
    assert tokens(2000, doc_stride=0) == 2000 + 6 * (len("was it?") + SPECIAL_TOKENS)
    assert tokens(2000, doc_stride=0) < tokens(2000) < 2 * 2000
