"""The intermediate tasks and XTREME-R's own, from small folders in their published forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from shipped_tasks import hub_rows, task

import benchmark_trees as trees
from real_data import DATA, needs_data
from xstilts.errors import DataError
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Task
from xstilts.tasks.hub import HubSource
from xstilts.tasks.published import ConcatenatedSource, PublishedSource
from xstilts.tasks.stilts import tagging
from xstilts.tasks.xtreme_r import PROMPTS

ITEMS = trees.ITEMS


def counts(found: Task, language: str = "en") -> list[int]:
    """Rows of train, dev, test."""
    return [
        len(found.source.rows(split, language)) if language in found.source.languages(split) else 0
        for split in ("train", "dev", "test")
    ]


# --- pairs


def test_pairs_without_a_gold_label_are_left_out(tmp_path: Path) -> None:
    trees.write_nli(tmp_path)
    mnli = task("stilts/mnli", tmp_path)
    assert counts(mnli) == [ITEMS - 1] * 3
    assert mnli.source.origin("test") == "dev_mismatched"
    assert mnli.source.rows("dev", "en")[0]["text"].startswith("multinli_1.0 dev_matched one 1")


def test_anli_is_three_corpora_with_one_head(tmp_path: Path) -> None:
    trees.write_nli(tmp_path)
    anli = task("stilts/anli+", tmp_path)
    assert counts(anli) == [3 * ITEMS + 2 * (ITEMS - 1)] * 2 + [0]
    rows = anli.source.rows("train", "en")
    assert {row["id"].partition("/")[0] for row in rows} == {"anli", "mnli", "snli"}
    assert [row["label"] for row in rows[:3]] == ["entailment", "neutral", "contradiction"]
    assert [rows[place]["text"].split()[-4:-2] for place in (1, ITEMS + 1, 2 * ITEMS + 1)] == [
        ["train", "one"]
    ] * 3
    assert rows[2 * ITEMS + 1]["text"].startswith("r3")


def test_a_missing_part_of_anli_is_named(tmp_path: Path) -> None:
    trees.write_nli(tmp_path)
    for path in (tmp_path / "snli_1.0").iterdir():
        path.unlink()
    source = task("stilts/anli+", tmp_path).source
    assert isinstance(source, ConcatenatedSource)
    offline = {
        name: replace(part, hub=None)
        for name, part in source.parts.items()
        if isinstance(part, PublishedSource)
    }
    with pytest.raises(
        DataError, match=r"stilts/anli\+ \(snli\): no train data below .*\n.*snli_1\.0_train\.jsonl"
    ):
        replace(source, parts=offline).languages("train")


def test_glue(tmp_path: Path) -> None:
    trees.write_glue(tmp_path)
    assert counts(task("stilts/mnli", tmp_path)) == [ITEMS] * 3
    qqp = task("stilts/qqp", tmp_path)
    assert counts(qqp) == [ITEMS, ITEMS, 0]
    assert qqp.source.rows("train", "en")[0]["text"] == '"quoted" qqp train one 0 .'


def test_xtremes_training_set_is_multinli(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    source = task("stilts/mnli", tmp_path).source
    train, dev = (source.rows(split, "en") for split in ("train", "dev"))
    assert len(train) + len(dev) == ITEMS
    assert dev
    with pytest.raises(DataError, match="stilts/mnli: no test data"):
        source.languages("test")


def test_pairs_on_the_hub(tmp_path: Path) -> None:
    pairs = [{"premise": f"p{i}", "hypothesis": f"h{i}", "label": i % 4 - 1} for i in range(4)]
    folder = trees.write_dataset(tmp_path / "mnli", {"mnli": {"validation_matched": pairs}})
    assert [row["label"] for row in hub_rows("stilts/mnli", folder, "dev")] == [
        "entailment",
        "neutral",
        "contradiction",
    ]
    asked = [{"question1": "a", "question2": "b", "label": i % 2} for i in range(2)]
    folder = trees.write_dataset(tmp_path / "qqp", {"qqp": {"train": asked}})
    assert [row["label"] for row in hub_rows("stilts/qqp", folder, "train")] == ["0", "1"]


def test_anli_on_the_hub(tmp_path: Path) -> None:
    rounds = {f"dev_r{n}": [{"premise": f"p{n}", "hypothesis": "h", "label": n - 1}] for n in (1, 2, 3)}
    folder = trees.write_dataset(tmp_path, {"plain_text": rounds})
    source = task("stilts/anli+", None).source
    assert isinstance(source, ConcatenatedSource)
    part = source.parts["anli"]
    assert isinstance(part, PublishedSource)
    assert isinstance(part.hub, HubSource)
    rows = HubSource(replace(part.hub.spec, repository=folder)).rows("dev", "en")
    assert [(row["text"], row["label"]) for row in rows] == [
        ("p1", "entailment"),
        ("p2", "neutral"),
        ("p3", "contradiction"),
    ]


# --- multiple choice


def test_hellaswag(tmp_path: Path) -> None:
    trees.write_choices(tmp_path)
    hellaswag = task("stilts/hellaswag", tmp_path)
    assert counts(hellaswag) == [ITEMS, ITEMS, 0]
    first, second = hellaswag.source.rows("dev", "en")[:2]
    assert (first["text"], first["choices"][1]) == ("A scene val 0.", "does 0 1")
    assert second["choices"][0] == "then she does 1 0"
    assert (first["source"], second["label"]) == ("video 0", 1)
    folder = trees.write_dataset(
        tmp_path / "hub",
        {
            "default": {
                "validation": [
                    {
                        "ind": 4,
                        "ctx_a": "a",
                        "ctx_b": "b",
                        "endings": ["c", "d"],
                        "source_id": "s",
                        "label": "1",
                    }
                ]
            }
        },
    )
    assert hub_rows("stilts/hellaswag", folder, "dev")[0]["choices"] == ["b c", "b d"]


def test_cosmos_qa(tmp_path: Path) -> None:
    trees.write_choices(tmp_path)
    cosmos = task("stilts/cosmosqa", tmp_path)
    assert counts(cosmos) == [ITEMS, ITEMS, 0]
    row = cosmos.source.rows("train", "en")[1]
    assert (row["text"], row["choices"][3], row["label"]) == ("A story, 1. Why 1?", "None of these", 1)


def test_commonsense_qa(tmp_path: Path) -> None:
    trees.write_choices(tmp_path)
    row = task("stilts/csqa", tmp_path).source.rows("dev", "en")[2]
    assert (row["text"], row["choices"][2], row["label"]) == ("Where is 2?", "C place 2", 2)
    choices = {"label": list("ABCDE"), "text": list("vwxyz")}
    records = [{"id": "i", "question": "Where?", "choices": choices, "answerKey": "E"}]
    folder = trees.write_dataset(tmp_path / "hub", {"default": {"train": records}})
    assert hub_rows("stilts/csqa", folder, "train")[0]["label"] == 4


# --- supertags


def test_supertags_in_both_forms(tmp_path: Path) -> None:
    trees.write_ccg(tmp_path)
    ccg = task("stilts/ccg", tmp_path)
    assert counts(ccg) == [ITEMS] * 3
    assert ccg.labels == ("(S\\NP)/NP", "N", "N/N", "NP")
    assert ccg.source.rows("train", "en")[1]["tags"] == ["N/N", "(S\\NP)/NP", "N", "N/N"]
    assert ccg.source.rows("test", "en")[0] == {
        "id": "0",
        "source": "en/0",
        "tokens": ["ccgtest0w0", "ccgtest0w1", "ccgtest0w2"],
        "tags": ["N", "N/N", "(S\\NP)/NP"],
    }


def test_tags_are_read_when_they_are_asked_for_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.write_ccg(tmp_path)
    read: list[str] = []
    records = tagging.supertags
    monkeypatch.setattr(
        tagging, "supertags", lambda path, report: read.append(path.name) or records(path, report)
    )
    catalogue = Catalogue(data=tmp_path)
    ccg = catalogue.get("stilts/ccg")
    assert catalogue.get("stilts/squad1").labels == () and read == []
    assert len(ccg.labels) == 4 and list(replace(ccg, notes="").labels) == list(ccg.labels)
    assert read == ["ccg.train", "ccg.dev", "ccg.test"]


def test_a_word_without_its_tag(tmp_path: Path) -> None:
    trees.write_ccg(tmp_path)
    trees.put(tmp_path, "ccg/ccg.train", ["a|DT|NP/N dog|NN"])
    with pytest.raises(DataError, match=r"ccg\.train, line 1: 'dog\|NN' is no word\|POS\|supertag"):
        task("stilts/ccg", tmp_path).source.rows("train", "en")


def test_ccg_without_its_files_says_who_has_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="LDC2005T13"):
        task("stilts/ccg", tmp_path).source.rows("train", "en")


# --- COPA, XCOPA, Social IQa


def test_the_question_is_the_english_records(tmp_path: Path) -> None:
    trees.write_xcopa(tmp_path)
    cause, effect = PROMPTS["cause"], PROMPTS["effect"]
    alone = [row["text"] for row in task("xtreme-r/xcopa", tmp_path).source.rows("test", "th")[:2]]
    assert alone == [f"th test 0. {effect}", f"th test 1. {effect}"]
    trees.write_copa(tmp_path)
    mended = [row["text"] for row in task("xtreme-r/xcopa", tmp_path).source.rows("test", "th")[:2]]
    assert mended == [f"th test 0. {cause}", f"th test 1. {effect}"]


def test_what_the_english_file_says_enters_the_fingerprint(tmp_path: Path) -> None:
    trees.write_xcopa(tmp_path)
    before = task("xtreme-r/xcopa", tmp_path).source.fingerprint("test", "th")
    trees.write_copa(tmp_path)
    assert task("xtreme-r/xcopa", tmp_path).source.fingerprint("test", "th") != before


def test_xcopa_is_trained_on_copa(tmp_path: Path) -> None:
    trees.write_xcopa(tmp_path)
    trees.write_copa(tmp_path)
    xcopa = task("xtreme-r/xcopa", tmp_path)
    assert xcopa.source.rows("train", "en")[0]["text"] == f"copa train 0. {PROMPTS['cause']}"
    assert xcopa.source.rows("dev", "en")[0]["text"].startswith("copa val")
    assert xcopa.source.languages("test") == ("et", "th")
    assert xcopa.source.languages("dev") == ("en", "et", "th")
    assert xcopa.source.rows("dev", "et")[0]["text"].startswith("et val")
    assert xcopa.source.rows("test", "et")[3]["source"] == "3"


@pytest.mark.parametrize("write", [trees.write_copa, trees.write_copa_xml])
def test_copa(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    copa = task("xtreme-r/copa", tmp_path)
    train, dev, test = counts(copa)
    assert test == ITEMS
    assert train >= ITEMS / 2
    assert dev
    rows = {row["id"]: row for row in copa.source.rows("test", "en")}
    assert rows["2"]["label"] == 0
    assert rows["3"]["label"] == 1
    assert rows["2"]["text"].endswith(PROMPTS["cause"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "<copa-corpus><item></copa-corpus>",
            r"copa-test\.xml, line 1: not XML .*Fetch the file again|not XML",
        ),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x/>', "declares entities"),
    ],
)
def test_broken_xml(text: str, message: str, tmp_path: Path) -> None:
    trees.write_copa_xml(tmp_path)
    trees.put(tmp_path, "copa/copa-test.xml", [text])
    with pytest.raises(DataError, match=message):
        task("xtreme-r/copa", tmp_path).source.rows("test", "en")


def test_social_iqa(tmp_path: Path) -> None:
    trees.write_siqa(tmp_path)
    siqa = task("xtreme-r/siqa", tmp_path)
    assert counts(siqa) == [ITEMS, ITEMS, 0]
    assert siqa.source.rows("dev", "en")[1] == {
        "id": "1",
        "source": "1",
        "text": "Kim met 1. Why 1?",
        "choices": ["A 1", "B 1", "C 1"],
        "label": 1,
    }


def test_choices_on_the_hub(tmp_path: Path) -> None:
    records = [{"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 1, "idx": 7}]
    folder = trees.write_dataset(tmp_path, {"th": {"test": records}})
    (row,) = hub_rows("xtreme-r/xcopa", folder, "test", "th")
    assert (row["id"], row["text"], row["label"]) == ("7", f"p {PROMPTS['cause']}", 1)


def test_added_languages() -> None:
    added = {
        name: set(task(f"xtreme-r/{name}", None).languages) - set(task(f"xtreme/{name}", None).languages)
        for name in ("xnli", "udpos", "panx", "tatoeba")
    }
    assert added == {
        "xnli": set(),
        "udpos": {"lt", "pl", "uk", "wo", "ro"},
        "panx": {"qu", "pl", "uk", "az", "lt", "pa", "gu", "ro"},
        "tatoeba": {"az", "lt", "pl", "uk", "ro"},
    }


# --- real files


@needs_data
@pytest.mark.data
def test_real_choices() -> None:
    data = Path(str(DATA))
    assert counts(task("stilts/csqa", data)) == [7610, 950, 0]
    assert counts(task("xtreme-r/copa", data)) == [400, 100, 500]
    xcopa = task("xtreme-r/xcopa", data)
    assert counts(xcopa, "th") == [0, 100, 500]
    english = {
        row["id"]: row["text"].endswith(PROMPTS["cause"])
        for row in task("xtreme-r/copa", data).source.rows("test", "en")
    }
    for code in xcopa.source.languages("test"):
        found = {row["id"]: row["text"].endswith(PROMPTS["cause"]) for row in xcopa.source.rows("test", code)}
        assert found == english, code


@needs_data
@pytest.mark.data
def test_real_copa_is_the_same_in_both_forms(tmp_path: Path) -> None:
    data = Path(str(DATA))
    (tmp_path / "copa").symlink_to(data / "copa")
    xml = tmp_path / "xml"
    (xml / "copa").mkdir(parents=True)
    for part in ("dev", "test"):
        (xml / f"copa/copa-{part}.xml").symlink_to(data / f"copa/copa-{part}.xml")
    by_form = [task("xtreme-r/copa", folder).source.rows("test", "en") for folder in (tmp_path, xml)]
    left, right = (
        [json.dumps([row["text"], row["choices"], row["label"]]) for row in rows] for rows in by_form
    )
    assert left == right
