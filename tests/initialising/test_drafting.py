"""From files to a recipe: every format and type, what the user decides, and what cannot be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_files import LANGUAGES, label_of, rows, write_entities, write_jsonl, write_reviews, write_table

from xstilts.errors import XstiltsError
from xstilts.initialising import Draft, Request, draft
from xstilts.initialising.writing import arm_names, to_flow
from xstilts.recipe import parse_recipe
from xstilts.recipe.models import Training
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task

Ask = Callable[..., Draft]
TESTS = ("test-{language}.tsv",)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`draft` in a folder of its own: `ask(tests, train, …)`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))

    def drafted(tests: tuple[str, ...] = TESTS, train: str | None = "train-en.tsv", **more: Any) -> Draft:
        return draft(Request(tests, train, **more))

    return drafted


def task_of(found: Draft) -> UserTask:
    task = found.recipe.tasks[found.task]
    assert isinstance(task, UserTask)
    return task


def guess(found: Draft, what: str) -> tuple[str, str]:
    (one,) = [one for one in found.guesses if one.what == what]
    return one.value, one.change


# --- types and formats


def test_reviews(ask: Ask) -> None:
    write_reviews(Path())
    found = ask()
    assert task_of(found).columns == {"text": "review", "label": "stars"}
    assert guess(found, "type") == ("classification", "--type TYPE")
    assert guess(found, "header") == ("line 1", "--set header=false")
    assert guess(found, "labels")[0] == "2: bad, good"
    assert guess(found, "languages")[0] == "3: de (German), en (English), sw (Swahili)"
    assert guess(found, "translations") == ("no", "--set parallel=true")
    dev = found.contents.counts["dev"]["en"]
    assert guess(found, "dev")[0] == f"{dev} of 60 training rows"
    assert found.contents.counts["train"]["en"] == 60 - dev
    assert found.contents.counts["test"] == dict.fromkeys(("de", "en", "sw"), 24)
    assert f"dev has {dev} rows only" in found.notes[0]


def test_the_recipe_is_what_a_run_reads(ask: Ask, tmp_path: Path) -> None:
    write_reviews(Path("data"), header=None)
    out = tmp_path / "recipes/mine.yaml"
    found = ask(("data/test-{language}.tsv",), "data/train-en.tsv", out=out, intermediate=("pocket/replies",))
    assert found.task == "my/data" or found.task.startswith("my/")
    spec = task_of(found)
    assert spec.files == {"train": "../data/train-en.tsv", "test": "../data/test-{language}.tsv"}
    assert spec.columns == {"text": 0, "label": 1}
    assert user_task(found.task, spec, out.parent).languages == ("de", "en", "sw")
    recipe = parse_recipe(found.text)
    assert recipe == found.recipe
    assert recipe.arms["replies"].tasks == ("pocket/replies",)
    assert recipe.seeds == (0, 1, 2)
    assert found.text.count("  # ") > 4


def test_settings_of_training_suit_the_encoder(ask: Ask) -> None:
    write_reviews(Path())
    small, usual = ask().recipe, ask(encoder="some/model").recipe
    assert small.training.target.learning_rate == (5e-5, 2e-4)
    assert usual.training.target.learning_rate == (2e-5,)
    assert (small.encoder, usual.encoder) == ("bundled/multilingual-e5-small", "some/model")


def test_pairs_without_a_header(ask: Ask) -> None:
    for language in LANGUAGES:
        table = [(text, f"{text} and more", label) for text, label in rows(language, 40)]
        write_table(Path(f"nli/test-{language}.tsv"), table)
    write_table(Path("nli/train-en.tsv"), table)
    found = ask(("nli/test-{language}.tsv",), "nli/train-en.tsv")
    assert found.task == "my/nli"
    assert guess(found, "type")[0] == "classification of pairs"
    assert task_of(found).columns == {"text": 0, "text_pair": 1, "label": 2}
    assert guess(found, "header") == ("none", "--set header=true")
    assert task_of(found).parallel
    assert "parallel: true" in found.text


def test_dev_and_ids(ask: Ask) -> None:
    for name in ("train-en", "dev-en", *(f"test-{language}" for language in LANGUAGES)):
        records = [
            {"id": f"n{i}", "query": text, "intent": label} for i, (text, label) in enumerate(rows("x", 30))
        ]
        write_jsonl(Path(f"{name}.jsonl"), records)
    found = ask(("test-{language}.jsonl",), "train-en.jsonl", dev="dev-en.jsonl")
    spec = task_of(found)
    assert spec.columns == {"text": "query", "label": "intent", "id": "id"}
    assert spec.files == {
        "train": "train-en.jsonl",
        "dev": "dev-en.jsonl",
        "test": "test-{language}.jsonl",
    }
    assert guess(found, "dev") == ("30 rows", "--dev FILE")
    assert spec.parallel
    write_jsonl(Path("test-de.jsonl"), [*records, records[0]])  # the id is there twice
    assert "id" not in task_of(ask(("test-{language}.jsonl",), "train-en.jsonl")).columns


def test_entities(ask: Ask) -> None:
    for name in ("train-en", *(f"test-{language}" for language in LANGUAGES)):
        write_entities(Path(f"{name}.tsv"), 20)
        write_entities(Path(f"{name}.txt"), 20, width=4)
    found = ask()
    assert (task_of(found).type, task_of(found).columns, task_of(found).format) == ("tagging", {}, None)
    assert guess(found, "labels")[0] == "3: B-LOC, B-PER, O"
    numbered = task_of(ask(("test-{language}.txt",), "train-en.txt"))
    assert (numbered.columns, numbered.format) == ({"tokens": 1, "tags": 2}, "token-tag")


def test_a_type_that_the_format_does_not_hold(ask: Ask) -> None:
    for name in ("train-en", "test-de"):
        write_entities(Path(f"{name}.tsv"), 9)
    with pytest.raises(
        XstiltsError, match=r"--type span-qa: train-en\.tsv is read as token-tag .*holds tagging"
    ):
        ask(changes=("type=span-qa",))


def test_conllu(ask: Ask) -> None:
    words = "".join(
        f"{n}\tSo{n}\tso\t{tag}\tRB\t_\t0\troot\t_\t_\n" for n, tag in enumerate(("ADV", "NOUN"), 1)
    )
    for name in ("train-en", *(f"test-{language}" for language in LANGUAGES)):
        blocks = [f"# sent_id = s{number}\n{words}\n" for number in range(30)]
        Path(f"{name}.conllu").write_text("".join(blocks))
    found = ask(("test-{language}.conllu",), "train-en.conllu")
    assert task_of(found).columns == {"id": "sent_id"}
    assert task_of(found).parallel
    fine = ask(("test-{language}.conllu",), "train-en.conllu", changes=("columns.tags=xpos",))
    assert fine.contents.labels == ("RB",)


def test_choices_in_parquet(ask: Ask) -> None:
    for name in ("train-en", *(f"test-{language}" for language in LANGUAGES)):
        records = [
            {
                "question": f"Where is number {i}?",
                "choices": ["here", "there", "gone"],
                "answer": "ABC"[i * i % 3],
            }
            for i in range(30)
        ]
        pq.write_table(pa.Table.from_pylist(records), f"{name}.parquet")
    found = ask(("test-{language}.parquet",), "train-en.parquet")
    assert task_of(found).type == "multiple-choice"
    assert task_of(found).columns == {"text": "question", "label": "answer"}
    assert found.contents.example["choices"] == ["here", "there", "gone"]


def test_aligned_lines(ask: Ask) -> None:
    for language in ("en", "de", "fr"):
        lines = "".join(f"{language} sentence number {number}\n" for number in range(50))
        Path(f"test.{language}").write_text(lines)
    for tests in (("test.{language}",), ("test.{language}", "test.en"), ("test.*",)):
        found = ask(tests, None)
        spec = task_of(found)
        assert spec.type == "sentence-retrieval"
        assert spec.files == {"test": {"text": "test.{language}", "target": "test.en"}}
        assert (spec.dev_from, spec.parallel) == ("test", True)
        assert sorted(found.contents.counts["test"]) == ["de", "fr"]
        assert "target" not in yaml.safe_load(found.text)["training"]


def test_pairs_in_tables(ask: Ask) -> None:
    for language in LANGUAGES[1:]:
        table = [
            ("text", "translation"),
            *((f"{language} satz nummer {i}", f"sentence number {i}") for i in range(40)),
        ]
        write_table(Path(f"test-{language}.tsv"), table)
    found = ask(train=None)
    assert task_of(found).columns == {"target": "translation"}
    assert task_of(found).type == "sentence-retrieval"
    write_table(Path("train-en.tsv"), table)
    assert "train" not in task_of(ask()).files


def _write_answers(split: str, language: str, count: int) -> None:
    records = [
        {
            "id": f"q{number}",
            "query": f"How is the {language} thing {number} mended?",
            "response": f"With the {language} tool {number}, by turning it.",
        }
        for number in range(count)
    ]
    write_jsonl(Path(f"{split}-{language}.jsonl"), records)


@pytest.mark.parametrize("trained", [True, False])
def test_questions_and_what_answers_them(ask: Ask, trained: bool) -> None:
    for language in LANGUAGES:
        _write_answers("test", language, 40)
    _write_answers("train", "en", 60)
    found = ask(("test-{language}.jsonl",), "train-en.jsonl" if trained else None)
    task = task_of(found)
    assert task.type == "answer-retrieval"
    assert task.columns == {"text": "query", "answer": "response", "id": "id"}
    assert (task.options, task.dev_from) == (({"trained": True}, "train") if trained else ({}, "test"))
    assert found.contents.parallel and ("target:" in found.text) == trained
    source = user_task("my/x", task, Path()).source
    assert source.languages("test") == source.languages("test-candidates") == tuple(sorted(LANGUAGES))


def test_a_label_beside_question_and_answer_is_classified(ask: Ask) -> None:
    for split, language in (("train", "en"), ("test", "de"), ("test", "sw")):
        _write_answers(split, language, 40)
        path = Path(f"{split}-{language}.jsonl")
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        write_jsonl(path, [one | {"label": label_of(number)} for number, one in enumerate(records)])
    found = ask(("test-{language}.jsonl",), "train-en.jsonl")
    assert task_of(found).type == "classification"


def test_translations_to_be_mined(ask: Ask) -> None:
    for language in ("de", "sw"):
        sides = [
            [(f"{code}-{n}", f"the soup {n} was {code}") for n in range(40)] for code in (language, "en")
        ]
        pairs = [(f"{language}-{n}", f"en-{n}") for n in range(0, 40, 2)]
        for suffix, table in zip((language, "en", "gold"), (*sides, pairs), strict=True):
            write_table(Path(f"bucc/{language}-en.test.{suffix}"), table)
    tests = tuple(f"bucc/{{language}}-en.test.{suffix}" for suffix in ("{language}", "en", "gold"))
    found = ask(tests, None)
    task = task_of(found)
    assert (task.type, task.dev_from) == ("bitext-mining", "test")
    assert task.files == {"test": dict(zip(("text", "target", "gold"), tests, strict=True))}
    assert found.task == "my/bucc"
    assert found.recipe.training == Training(
        intermediate=found.recipe.training.intermediate
    )  # no target is trained
    counts = found.contents.counts
    assert {code: counts["dev"][code] + counts["test"][code] for code in ("de", "sw")} == {"de": 40, "sw": 40}
    write_table(Path("bucc/de-en.dev.de"), [("de-1", "the soup")])
    with pytest.raises(XstiltsError, match=r"dev: \{text: FILE, target: FILE, gold: FILE\}"):
        ask(tests, None, dev="bucc/de-en.dev.de")
    assert task_of(ask(tests, None, changes=("type=bitext-mining",))) == task
    with pytest.raises(XstiltsError, match="expected three times --test: lines id⇥sentence"):
        ask(tests[:1], None, changes=("type=bitext-mining",))
    Path("bucc/sw-en.test.gold").write_text("sw-1\ten-99\n", "utf-8")
    with pytest.raises(XstiltsError, match=r"sw-en\.test\.gold, line 1: there is no sentence 'en-99'"):
        ask(tests, None)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt"])
@pytest.mark.parametrize("twice", [False, True])
def test_questions_with_answers(ask: Ask, suffix: str, twice: bool) -> None:
    """SQuAD's JSON under any name, and flat records; ids that come twice mean nothing."""
    for name, context in (
        ("train-en", "It is here."),
        ("test-en", "It is there."),
        ("test-de", "Es ist da."),
    ):
        answer = context.split()[-1].strip(".")
        where = {"text": [answer], "answer_start": [context.index(answer)]}
        questions = [{"id": f"q{n % 7 if twice else n}", "question": f"Where is {n}?"} for n in range(12)]
        records = [one | {"context": f"{context} {n}", "answers": where} for n, one in enumerate(questions)]
        listed = [{"text": answer, "answer_start": context.index(answer)}]
        paragraphs = [
            {"context": record["context"], "qas": [one | {"answers": listed}]}
            for record, one in zip(records, questions, strict=True)
        ]
        write_jsonl(Path(f"{name}.jsonl"), records)
        for other in ("json", "txt"):
            Path(f"{name}.{other}").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    found = ask((f"test-{{language}}.{suffix}",), f"train-en.{suffix}")
    spec = task_of(found)
    assert spec.type == "span-qa"
    assert spec.format == ("squad" if suffix == "txt" else None)
    assert spec.repeated_ids == twice
    assert found.contents.example["context"].startswith("It is here. ")
    assert spec.parallel


texts = st.lists(st.text("abcdéß漢,;:#'{}", min_size=1, max_size=6), min_size=5, max_size=8).map(" ".join)
labels = st.lists(st.text("abco1e5#:", min_size=1, max_size=4), min_size=2, max_size=3, unique=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(
    data=st.data(),
    labels=labels,
    format=st.sampled_from(["tsv", "csv", "jsonl", "parquet"]),
    names=st.sampled_from([("text", "label"), ("Review", "stars"), ("utterance", "intent"), None]),
    pair=st.booleans(),
)
def test_a_random_table_is_guessed_back(
    ask: Ask, data: st.DataObject, labels: list[str], format: str, names: tuple[str, str] | None, pair: bool
) -> None:
    names = names or (("text", "label") if format in {"jsonl", "parquet"} else None)
    sides = (*(names or ("", ""))[:1], *(["text_pair"] if pair else []), *(names or ("", ""))[1:])
    if pair and names:
        sides = ("premise", "hypothesis", names[1])
    count = data.draw(st.integers(24, 40))
    for name in ("train-en", "test-de", "test-sw"):
        table = [
            [*(data.draw(texts) for _ in sides[1:]), labels[label_of(number) == "bad"]]
            for number in range(count)
        ]
        _write(Path(f"{name}.{format}"), format, sides if names else None, table)
    found = ask((f"test-{{language}}.{format}",), f"train-en.{format}")
    first = found.contents.example
    assert task_of(found).type == "classification"
    assert [first[name] for name in ("text", "text_pair", "label") if name in first] == table_row(
        found, table
    )
    assert set(found.contents.labels) == set(labels[:2])


def table_row(found: Draft, table: list[list[str]]) -> list[str]:
    """The row with the text of the example; its files are written one after another, so it is looked up by id."""
    source = user_task(found.task, task_of(found), Path()).source
    rows = source.rows("train", "en")
    return [rows[0][name] for name in ("text", "text_pair", "label") if name in rows[0]] if table else []


def _write(path: Path, format: str, names: tuple[str, ...] | None, table: list[list[str]]) -> None:
    if format == "tsv":
        write_table(path, [*([names] if names else []), *table])
    elif format == "csv":
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows([*([names] if names else []), *table])
        path.write_text(file.getvalue())
    else:
        records = [dict(zip(names or (), row, strict=True)) for row in table]
        if format == "jsonl":
            write_jsonl(path, records)
        else:
            pq.write_table(pa.Table.from_pylist(records), path)


# --- what the user decides


def test_the_user_overrules(ask: Ask) -> None:
    write_reviews(Path(), ("headline", "verdict"))
    changes = (
        "columns.text=headline",
        "languages=[de]",
        "labels=[good, bad, so-so]",
        "parallel=true",
        "max_length=64",
    )
    found = ask(changes=changes)
    spec = task_of(found)
    assert (spec.languages, spec.labels, spec.parallel, spec.max_length) == (
        ("de",),
        ("good", "bad", "so-so"),
        True,
        64,
    )
    said = {one.what for one in found.guesses if one.why == "as you say"}
    assert said == {"text", "labels", "languages"}
    assert any("no test file in the language of training" in note for note in found.notes)


def test_the_user_says_the_header(ask: Ask) -> None:
    write_reviews(Path(), header=None)
    with pytest.raises(XstiltsError, match=r"other columns than train-en\.tsv"):
        ask(changes=("header=true",))
    assert task_of(ask(changes=("header=false",))).columns == {"text": 0, "label": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("colums.text=review",), r"unknown key of a task 'colums'\. Did you mean 'columns'"),
        (("columns.txt=review",), r"unknown column of a task 'txt'\. Did you mean 'text'"),
        (("columns=review",), r"expected the name of a column, such as columns\.text=review"),
        (
            ("columns.text=revue",),
            r"train-en\.tsv, line 1: there is no column 'revue'\. Did you mean 'review'",
        ),
        (("seeds=[0]",), r"seeds is a key of the recipe, not of the task"),
        (("files=x.tsv",), r"files are named by --train"),
        (("header=maybe",), r"header: expected a valid boolean, got 'maybe'"),
        (("languages=7",), r"languages: expected a list"),
        (("languages=[klingonish]",), r"'klingonish' is not a language code"),
        (("languages=[fr]",), r"no test files for fr, but for de, en, sw"),
        (("type=clasification",), r"unknown task type 'clasification'\. Did you mean 'classification'"),
        (("format=xls",), r"unknown format 'xls'"),
        (("type=tagging",), r"cannot tell which columns hold tokens and tags"),
        (("type=multiple-choice",), r"cannot tell which columns hold text and choices and label"),
        (("header",), r"expected key=value"),
    ],
)
def test_what_cannot_be_decided(ask: Ask, changes: tuple[str, ...], message: str) -> None:
    write_reviews(Path())
    with pytest.raises(XstiltsError, match=message) as error:
        ask(changes=changes)
    assert error.value.exit_code == 2


# --- files that are not what they should be


def test_labels_that_training_lacks(ask: Ask) -> None:
    write_reviews(Path())
    write_table(
        Path("test-sw.tsv"), [("review", "stars"), ("So so it was", "so-so"), ("Fine, I say", "good")]
    )
    with pytest.raises(
        XstiltsError, match=r"test-sw\.tsv, line 2: label \(column 'stars'\): unknown label 'so-so'"
    ) as error:
        ask()
    assert "label   stars                 --set columns.label=…" in str(error.value)
    assert error.value.exit_code == 2
    assert ask(changes=("labels=[good, bad, so-so]",)).contents.labels == ("good", "bad", "so-so")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([("text", "class"), ("Fine", "good")], r"columns text, class\. There: columns review, stars\."),
        ([("Fine it was and so on", "good")] * 9, r"2 columns without names\. There: columns review, stars"),
        ([("review",), ("Fine",)], r"test-sw\.tsv, line 1: one column only, 'review'"),
    ],
)
def test_other_columns_than_training(ask: Ask, table: list[tuple[str, ...]], message: str) -> None:
    write_reviews(Path())
    write_table(Path("test-sw.tsv"), table)
    with pytest.raises(XstiltsError, match=message):
        ask()


def test_the_command_that_mends_a_header(ask: Ask) -> None:
    write_reviews(Path(), header=None)
    write_table(
        Path("train-en.tsv"),
        [("stars", "nr", "review"), *((b, n, a) for n, (a, b) in enumerate(rows("en", 30)))],
    )
    with pytest.raises(XstiltsError, match=r"awk .*'NR > 1 \{print \$3, \$1\}' train-en\.tsv > ") as error:
        ask()
    assert "Expected the same layout in all files (text: review, label: stars)" in str(error.value)


def test_test_files_without_labels(ask: Ask) -> None:
    write_reviews(Path(), header=None)
    write_table(Path("test-de.tsv"), [(text, text, label) for text, label in rows("de", 20)])
    with pytest.raises(
        XstiltsError, match=r"3 columns without names\. There: 2 columns.*test files need their labels"
    ):
        ask()


def test_problems_of_one_kind_come_once(ask: Ask) -> None:
    write_reviews(Path())
    for language in LANGUAGES:
        write_table(
            Path(f"test-{language}.tsv"),
            [("review", "stars"), *[("Fine, I say", "so-so")] * 9, ("  ", "good")],
        )
    with pytest.raises(XstiltsError, match="30 problems") as error:
        ask()
    listed = str(error.value).split("\n\n")[0]
    assert all(f"test-{language}.tsv, line 2" in listed for language in ("de", "en"))
    assert listed.count("unknown label") == 3 and listed.count("is empty") == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-en.tsv", "", "the file is empty"),
        ("train-en.tsv", "Nice soup\nBad soup\n", "one column only"),
        ("train-en.tsv", "a\tb\nc\td\n", "cannot tell which columns hold text and label. Columns: 0"),
        ("test-de.tsv", "", "test-de.tsv: the file is empty"),
    ],
)
def test_bad_files(ask: Ask, name: str, content: str, message: str) -> None:
    write_reviews(Path())
    Path(name).write_text(content)
    with pytest.raises(XstiltsError, match=message):
        ask()


def test_too_few_rows_for_dev(ask: Ask) -> None:
    write_reviews(Path(), train=1)
    with pytest.raises(XstiltsError, match=r"too few rows to set some aside for dev"):
        ask(changes=("labels=[good, bad]",))


def test_lines_that_cannot_be_trained_on(ask: Ask) -> None:
    for name in ("train.en", "test.de", "test.fr"):
        Path(name).write_text("One sentence\nand another\n")
    with pytest.raises(XstiltsError, match="this is sentence-retrieval: leave --train out"):
        ask(("test.{language}",), "train.en")
    with pytest.raises(XstiltsError, match="plain lines, and no English file beside them"):
        ask(("test.{language}",), None)
    Path("test.en").write_text("One sentence\nand another\n")
    with pytest.raises(XstiltsError, match="have a dev file each"):
        ask(("test.{language}", "test.en"), None, dev="train.en")
    Path("test.en").write_text("One sentence only\n")
    with pytest.raises(XstiltsError, match=r"test\.en, line 2: ends before this line"):
        ask(("test.{language}",), None)


def test_training_is_needed(ask: Ask) -> None:
    write_reviews(Path())
    with pytest.raises(XstiltsError, match="--train is missing: a classification task is trained"):
        ask(train=None)


def test_an_unknown_intermediate_task(ask: Ask) -> None:
    write_reviews(Path())
    with pytest.raises(XstiltsError, match="Did you mean 'pocket/definitions'"):
        ask(intermediate=("pocket/definition",))


# --- the text


def test_names_of_arms() -> None:
    assert arm_names(["a/x", "b/x"]) == {"a-x": "a/x", "b-x": "b/x"}
    assert arm_names(["a/none"]) == {"a-none": "a/none"}


scalars = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])), st.integers(), st.booleans()
)


@given(
    st.dictionaries(
        st.text("abc1e.#", min_size=1), st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=3
    )
)
def test_values_survive_the_text(values: dict[str, Any]) -> None:
    text = "encoder: x\narms: {none: {}}\ntargets: [a/b]\nnotes: " + to_flow(json.dumps(values))
    assert json.loads(parse_recipe(text).notes) == values
    labels = ("1e5", "no", "0x1f", "12", *(f"{key} {place}" for place, key in enumerate(values)))
    spec = {"type": "classification", "files": "{language}.tsv", "labels": list(labels)}
    text = "encoder: x\narms: {none: {}}\ntargets: [a/b]\ntasks: {a/b: " + to_flow(spec) + "}"
    task = parse_recipe(text).tasks["a/b"]
    assert isinstance(task, UserTask) and task.labels == labels
    again = parse_recipe(parse_recipe(text).to_yaml()).tasks["a/b"]
    assert again == task
