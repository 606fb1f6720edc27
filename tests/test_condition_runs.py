"""Conditions through the task types and the command line: which texts they change, and what stays as on clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from tiny_world import tiny_recipe
from xstilts.cli import app
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.experiment import Experiment
from xstilts.perturbations import Condition
from xstilts.predicting import Job, TestSet, _material
from xstilts.task_types import check_roles, retrieval_type, takes
from xstilts.tasks.base import PackageSource, Row, Task

NLI = ("contradiction", "entailment", "neutral")
SENTENCE = "The quick brown fox jumps over the lazy dog."


def changed_columns(task_type: str, condition: str, row: Row, language: str = "en") -> set[str]:
    """Columns that a condition changes in a row."""
    whole = {"id": "t/test/1", "source": "1"} | row
    (after,) = TestSet([whole], language, condition).perturbed(task_type)
    assert after.keys() == whole.keys()
    return {name for name in whole if after[name] != whole[name]}


@pytest.mark.parametrize(
    ("task_type", "row", "default", "one"),
    [
        (
            "classification",
            {"text": SENTENCE, "text_pair": SENTENCE, "label": "neutral"},
            {"text", "text_pair"},
            "text_pair",
        ),
        (
            "multiple-choice",
            {"text": SENTENCE, "choices": [SENTENCE] * 2, "label": 0},
            {"text", "choices"},
            "choices",
        ),
        ("tagging", {"tokens": SENTENCE.split(), "tags": ["O"] * 9}, {"tokens"}, "tokens"),
        ("span-qa", {"question": SENTENCE, "context": SENTENCE, "answers": []}, {"question"}, "context"),
        ("sentence-retrieval", {"text": SENTENCE, "target": SENTENCE}, {"text"}, "text"),
        ("bitext-mining", {"text": SENTENCE, "gold": ["en-1"]}, {"text"}, "text"),
        (
            "answer-retrieval",
            {"text": SENTENCE, "answer": SENTENCE, "context": SENTENCE, "gold": ["a"]},
            {"text"},
            "text",
        ),
        ("image-text-retrieval", {"text": SENTENCE, "image": "fox.jpg"}, {"text"}, "text"),
    ],
)
def test_which_texts_are_changed(task_type: str, row: Row, default: set[str], one: str) -> None:
    assert changed_columns(task_type, "typos@5", row) == default
    assert changed_columns(task_type, f"typos:{one}@5", row) == {one}
    assert changed_columns(task_type, "clean", row) == set()


def test_both_texts_of_a_pair_have_noise_of_their_own() -> None:
    row = {"id": "1", "source": "1", "text": SENTENCE, "text_pair": SENTENCE, "label": "neutral"}
    (after,) = TestSet([row], "en", "typos@5").perturbed("classification")
    assert after["text"] != after["text_pair"]


@pytest.mark.parametrize("task_type", ["sentence-retrieval", "bitext-mining", "answer-retrieval"])
def test_what_is_searched_stays_clean(tiny_encoder: Path, task_type: str) -> None:
    base, kind = load_encoder(find_encoder(str(tiny_encoder))), retrieval_type(task_type)
    assert kind is not None
    rows = [
        {
            "id": f"{n}",
            "source": f"{n}",
            "text": f"wunderbar w{n}",
            "target": f"lovely w{n}",
            "gold": [f"en-{n}"],
        }
        for n in range(5)
    ]
    pool = [
        {"id": f"en-{n}", "source": f"{n}", "text": f"lovely w{n}", "context": "the soup"} for n in range(5)
    ]
    task = Task("my/t", task_type, PackageSource(lambda split, language: rows, {}, (), 1), ("de",), "")
    job = Job(base, Checkpoint.published(base), task, {"max_length": 32, "precision": "fp32"}, {})
    own = [] if task_type == "sentence-retrieval" else pool

    def read(condition: str) -> list[list[list[int]]]:
        """Token ids of queries and of candidates."""
        found = _material(job, kind, [TestSet(rows, "de", condition, own)])
        ids = [found.vocabulary.ids[sequence].tolist() for sequence in found.sequences]
        queries, candidates, _ = found.places[0]
        return [[ids[place] for place in side] for side in (queries, candidates)]

    clean, noisy = read("clean"), read("typos@5")
    assert noisy[0] != clean[0]
    assert noisy[1] == clean[1]


def test_countries_change_in_question_context_and_answers() -> None:
    context = "Norway is north of Hungary. The Norwegian coast is long."
    row = {
        "question": "Which country is north of Hungary?",
        "context": context,
        "answers": [{"text": "Norway", "start": 0}, {"text": "The Norwegian coast", "start": 28}],
    }
    seen = set()
    for item in range(20):
        whole = {"id": f"{item}", "source": "1"} | row
        (after,) = TestSet([whole], "en", "entity-swap@5").perturbed("span-qa")
        first, second = after["answers"]
        assert after["context"] == f"{first['text']} is north of {_asked(after)}. {second['text']} is long."
        assert after["context"][second["start"] :].startswith(second["text"])
        seen.add(first["text"])
    assert len(seen) > 3


def _asked(row: Row) -> str:
    return str(row["question"]).removeprefix("Which country is north of ").removesuffix("?")


def test_claims_are_denied_with_their_labels() -> None:
    def after(label: str, claim: str) -> Row:
        row = {"id": "1", "source": "1", "text": "The door is blue.", "text_pair": claim, "label": label}
        (found,) = TestSet([row], "en", "negation@5").perturbed("classification")
        assert found["text"] == row["text"]
        return found

    assert after("entailment", "The door is blue.")["text_pair"] == "The door is not blue."
    told = [after(label, "The door is blue.")["label"] for label in NLI]
    assert told == ["entailment", "contradiction", "neutral"]
    assert [after(label, "Somebody painted it.")["label"] for label in NLI] == list(NLI)


def test_tasks_that_know_no_right_answer_are_left_out() -> None:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    nli = Task("my/nli", "classification", source, ("en",), "", labels=NLI)
    mood = Task("my/mood", "classification", source, ("en",), "", labels=("good", "bad"))
    qa = Task("my/qa", "span-qa", source, ("en",), "")
    negation, swap = Condition.parse("negation"), Condition.parse("entity-swap")
    assert [takes(task, negation, "en") for task in (nli, mood, qa)] == [True, False, False]
    assert [takes(task, swap, "en") for task in (nli, mood, qa)] == [False, False, True]
    check_roles([mood, qa], [negation, swap, Condition.parse("ocr:context@2")])


def test_a_role_of_some_targets_is_left_out_of_the_others(
    tiny: Callable[..., Experiment],
) -> None:
    plan = tiny("targets=[my/mood, my/odd]", "conditions=[clean, typos:choices@2]", "arms={none: {}}").plan()
    assert (
        "my/mood: typos:choices@2 acts on none of its texts (text, text_pair), and is left out in en, de"
        in plan.skipped
    )
    assert {(cell.target, cell.condition) for cell in plan.cells} == {
        ("my/mood", "clean"), ("my/odd", "clean"), ("my/odd", "typos:choices@2"),
    }  # fmt: skip


def test_layers_are_chosen_on_clean_and_reused(tiny: Callable[..., Experiment]) -> None:
    """The stage that chooses is one for all conditions of an arm, and knows of none."""
    plan = tiny("targets=[my/pairs]", "conditions=[clean, typos@2, whitespace]", "arms={none: {}}").plan()
    choices = {}
    for cell in plan.cells:
        assert cell.layer is not None and "condition" not in cell.layer.spec
        choices.setdefault(cell.condition, set()).add(cell.layer.key)
    assert choices["clean"] == choices["typos@2"] == choices["whitespace@3"]


def test_a_run_under_conditions_from_the_command_line(tiny_encoder: Path, tmp_path: Path) -> None:
    recipe: dict[str, Any] = tiny_recipe(tiny_encoder).model_dump(mode="json", exclude_unset=True)
    recipe |= {
        "arms": {"none": {}},
        "targets": ["pocket/messages"],
        "languages": ["de", "el", "zh"],
        "conditions": ["clean", "typos@2", "casing@3", "negation"],
        "limit": 12,
    }
    recipe = {name: value for name, value in recipe.items() if name not in {"tasks", "controls"}}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), "utf-8")
    result = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    cells = {(row["language"], row["condition"]) for row in rows}
    assert cells == {
        ("de", "clean"), ("el", "clean"), ("zh", "clean"), ("de", "typos@2"), ("el", "typos@2"), ("zh", "typos@2"),
        ("de", "casing@3"), ("el", "casing@3"),
    }  # fmt: skip
    assert len({(row["language"], row["postprocess"], row["layer"]) for row in rows}) == len(
        {(row["language"], row["postprocess"]) for row in rows}
    )
    told = " ".join(result.output.split())
    assert "casing@3 does not act on the script of zh" in told
    assert "negation:text_pair@3 is for classification only" in told
