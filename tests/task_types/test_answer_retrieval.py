from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from xstilts.errors import DataError
from xstilts.task_types.answer_retrieval import TEMPERATURE, AnswerRetrieval
from xstilts.task_types.base import Batch, collate
from xstilts.task_types.retrieval import Search, tokenise_texts
from xstilts.tasks.base import PackageSource, Row, Task
from xstilts.training import inference

ANSWERS = AnswerRetrieval()
SOURCE = PackageSource(lambda split, language: [], {}, (), 1)


def task(**options: Any) -> Task:
    return Task("my/answers", "answer-retrieval", SOURCE, ("en",), "", options=options)


def rows(count: int = 4) -> list[Row]:
    return [
        {
            "id": f"q{n}",
            "source": f"s{n}",
            "text": f"the soup w{n}",
            "answer": f"w{n} w{n + 1} was fine",
            "context": f"w{n} w{n + 1} was fine . it was nasty",
            "gold": [f"en/{n}", f"de/{n}"],
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    return AutoModel.from_pretrained(tiny_encoder).eval()


def vectors(model: Any, tokenizer: Any, given: list[Row], **options: Any) -> tuple[torch.Tensor, Batch]:
    features = ANSWERS.encode(given, tokenizer, task(**options), 32)
    batch = collate(features, tokenizer.pad_token_id)
    with torch.no_grad():
        return ANSWERS.forward(model, batch.inputs), batch


# --- what is embedded


def test_both_sides_are_embedded_as_each_alone(model: Any, tokenizer: Any) -> None:
    """Padding to the longer side changes nothing, and training embeds as testing does."""
    given = rows()
    found, _ = vectors(model, tokenizer, given)
    for place, row in enumerate(given):
        for side, text in enumerate(((row["text"],), (row["answer"], row["context"]))):
            with torch.no_grad():
                states = model(**tokenizer(*text, return_tensors="pt")).last_hidden_state[0]
            expected = torch.nn.functional.normalize(states.mean(0), dim=0)
            assert torch.allclose(found[place, side], expected, atol=1e-5)
    texts = [(row["text"],) for row in given] + [(row["answer"], row["context"]) for row in given]
    ids, types = tokenise_texts(tokenizer, texts, 32)
    tested = inference.embed(model, ids, [2], "mean", "fp32", types)[2]
    unit = tested / np.linalg.norm(tested, axis=1, keepdims=True)
    assert np.allclose(unit.reshape(2, 4, -1).swapaxes(0, 1), found.numpy(), atol=1e-5)


def test_texts_and_pairs_are_tokenised_as_each_alone(tokenizer: Any) -> None:
    texts = [("the soup",), ("w1", "w2 w3"), ("w4",), ("w5", " ".join(["w6"] * 40))]
    ids, types = tokenise_texts(tokenizer, texts, 16)
    for place, text in enumerate(texts):
        expected = tokenizer(*text, truncation=True, max_length=16)
        assert ids[place].tolist() == expected["input_ids"]
        assert types[place].tolist() == expected["token_type_ids"]
    assert tokenise_texts(tokenizer, texts[::2], 16)[1] == []  # without pairs the encoder needs none


# --- the loss


def by_loops(found: torch.Tensor, temperature: float, left_out: set[tuple[int, int]]) -> float:
    """−Σ log (e^(own / T) / Σ e^(answer / T)) over the answers that are no shared ones."""
    questions, answers = found[:, 0].double().numpy(), found[:, 1].double().numpy()
    total = 0.0
    for i in range(len(questions)):
        others = [j for j in range(len(answers)) if j == i or (i, j) not in left_out]
        values = np.exp([questions[i] @ answers[j] / temperature for j in others])
        total -= np.log(values[others.index(i)] / values.sum())
    return total


def test_the_loss_by_its_definition(model: Any, tokenizer: Any) -> None:
    found, batch = vectors(model, tokenizer, rows())
    assert ANSWERS.loss(found, batch).item() == pytest.approx(by_loops(found, TEMPERATURE, set()), rel=1e-4)
    warm, batch = vectors(model, tokenizer, rows(), temperature=0.5)
    assert ANSWERS.loss(warm, batch).item() == pytest.approx(by_loops(warm, 0.5, set()), rel=1e-4)
    both, batch = vectors(model, tokenizer, rows(), symmetric=True)
    turned = by_loops(both.flip(1), TEMPERATURE, set())
    half = (by_loops(both, TEMPERATURE, set()) + turned) / 2
    assert ANSWERS.loss(both, batch).item() == pytest.approx(half, rel=1e-4)


def test_one_source_and_one_answer_are_no_negatives(model: Any, tokenizer: Any) -> None:
    given = rows()
    given[1]["source"] = given[0]["source"]
    given[3] |= {name: given[2][name] for name in ("answer", "context", "gold")}
    found, batch = vectors(model, tokenizer, given)
    expected = by_loops(found, TEMPERATURE, {(0, 1), (1, 0), (2, 3), (3, 2)})
    assert ANSWERS.loss(found, batch).item() == pytest.approx(expected, rel=1e-4)
    alone, batch = vectors(model, tokenizer, rows(1))
    assert ANSWERS.loss(alone, batch).item() == 0


# --- what is found


def test_the_nearest_twenty_come_in_order() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(40, 8)).astype(np.float32)
    names = [f"en/{place}" for place in range(37)]
    search = Search(table, np.arange(3), np.arange(3, 40), names, "none")
    for scoring in ("cosine", "dot"):
        found = ANSWERS.retrieve(search, task(scoring=scoring))
        unit = table / np.linalg.norm(table, axis=1, keepdims=True) if scoring == "cosine" else table
        order = np.argsort(-(unit[:3] @ unit[3:].T), axis=1)[:, :20]
        assert found == [[names[place] for place in row] for row in order]


def test_candidates_are_the_pool_or_the_rows_own_answers() -> None:
    given = rows(2)
    given[1]["gold"] = given[0]["gold"]
    assert ANSWERS.candidates(given, []) == {"en/0": ("w1 w2 was fine", "w1 w2 was fine . it was nasty")}
    pool = [{"id": "a", "text": "x"}, {"id": "b", "text": "y", "context": "x y"}]
    assert ANSWERS.candidates(given, pool) == {"a": ("x",), "b": ("y", "x y")}
    assert ANSWERS.golds(given, ["de/0", "b"]) == [["de/0"], ["de/0"]]
    with pytest.raises(DataError, match=r"2 of 2 questions .* the first is q0, with gold en/0, de/0"):
        ANSWERS.golds(given, ["a", "b"])


def test_dev_questions_look_among_the_answers_of_dev() -> None:
    given = rows(3)
    given[2]["gold"] = given[0]["gold"]  # the same answer twice: one candidate
    pairs = np.eye(3, dtype=np.float32)[[[0, 0], [1, 1], [0, 2]]]
    found = ANSWERS.conclude(list(pairs), given, task())
    assert found == [["en/0", "en/1"], ["en/1", "en/0"], ["en/0", "en/1"]]
    assert [ANSWERS.answer(row) for row in given] == [["en/0"], ["en/1"], ["en/0"]]


def test_training_rows_need_their_answer(tokenizer: Any) -> None:
    row = {name: value for name, value in rows(1)[0].items() if name != "answer"}
    with pytest.raises(DataError, match=r"q0 has no answer\. Expected rows with `answer`"):
        ANSWERS.encode([row], tokenizer, task(), 32)


def test_shuffling_deals_answers_out_again() -> None:
    given = rows(20)
    shuffled = ANSWERS.shuffle(given, 1)
    assert [row["text"] for row in shuffled] == [row["text"] for row in given]
    pairs = [(row["answer"], row["context"], row["gold"]) for row in shuffled]
    assert pairs != [(row["answer"], row["context"], row["gold"]) for row in given]
    assert sorted(pairs) == sorted((row["answer"], row["context"], row["gold"]) for row in given)
    assert ANSWERS.shuffle(given, 1) == shuffled != ANSWERS.shuffle(given, 2)
