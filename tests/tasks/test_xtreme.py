"""XTREME's tasks, from small folders in every published form, and from real files where they are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from shipped_tasks import hub_rows, rows, task

import benchmark_trees as trees
from real_data import DATA, needs_data
from xstilts.errors import DataError
from xstilts.hashing import short_hash
from xstilts.tasks.base import CANDIDATES, Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.published import published
from xstilts.tasks.xtreme import file_code
from xstilts.tasks.xtreme.retrieval import sorted_order, sorted_queries


def place(found: Task, split: str) -> str:
    layout = published(found.source)[0].found(split)
    return layout[0].name if layout else ""


# --- XNLI and PAWS-X


def test_xnli_from_xtremes_tree(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    xnli = task("xtreme/xnli", tmp_path)
    assert xnli.source.languages("test") == ("de", "en", "sw")
    assert xnli.source.languages("train") == ("en",)
    parts = [{row["source"] for row in rows(xnli, split, "de")} for split in ("dev", "test")]
    assert parts[0].isdisjoint(parts[1])
    assert len(parts[0] | parts[1]) == trees.ITEMS
    assert xnli.source.origin("test") == "dev, 80% of its sources"
    assert {row["source"] for row in rows(xnli, "dev", "sw")} == parts[0]


def test_quotes_of_xtremes_tree_are_undone(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    assert '""' in (tmp_path / "xnli/train-en.tsv").read_text()
    assert rows(task("xtreme/xnli", tmp_path), "train", "en")[0]["text"] == '"quoted" en train one 0 .'


def test_test_rows_without_labels_are_for_a_submission(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    xnli = task("xtreme/xnli", tmp_path)
    assert xnli.source.languages(SUBMISSION) == ("de", "en", "sw")
    submitted = rows(xnli, SUBMISSION, "de")
    assert [row["id"] for row in submitted] == [str(i) for i in range(trees.ITEMS)]
    assert submitted[3]["text"] == "de test one 3 ."
    assert {row["label"] for row in submitted} == {"contradiction"}


def test_the_original_xnli_is_preferred(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    trees.write_xnli_original(tmp_path)
    xnli = task("xtreme/xnli", tmp_path)
    assert [place(xnli, split) for split in ("train", "dev", "test", SUBMISSION)] == [
        "xnli-mt-1.0",
        "xnli-1.0",
        "xnli-1.0",
        "xtreme-download",
    ]
    assert xnli.source.origin("test") == "test"
    assert [len(rows(xnli, split, "sw")) for split in ("dev", "test")] == [trees.ITEMS] * 2
    assert rows(xnli, "test", "de")[1]["text"].startswith("de test")
    assert [row["id"] for row in rows(xnli, "test", "de")] == [row["id"] for row in rows(xnli, "test", "en")]
    assert {row["label"] for row in rows(xnli, "train", "en")} == set(trees.NLI)


@pytest.mark.parametrize("form", ["tree", "original"])
def test_pawsx(form: str, tmp_path: Path) -> None:
    {"tree": trees.write_pawsx_tree, "original": trees.write_pawsx_original}[form](tmp_path)
    pawsx = task("xtreme/pawsx", tmp_path)
    assert pawsx.source.languages("test") == ("de", "en", "ja")
    everything = rows(pawsx, "dev", "ja") + rows(pawsx, "test", "ja")
    assert any(row["text"].startswith('"quoted" ja') for row in everything)
    assert len(rows(pawsx, "train", "en")) == trees.ITEMS


# --- tagging


@pytest.mark.parametrize(
    ("name", "tags"), [("udpos", ("NOUN", "VERB", "PUNCT")), ("panx", ("B-PER", "O", "I-LOC"))]
)
def test_token_files_of_xtremes_tree(name: str, tags: tuple[str, ...], tmp_path: Path) -> None:
    trees.write_token_tree(tmp_path, name, tags)
    found = task(f"xtreme/{name}", tmp_path)
    assert found.source.languages("test") == ("de", "en", "fil")
    submitted = rows(found, SUBMISSION, "fil")
    assert [row["tokens"] for row in submitted] == [
        [token for token, _ in sentence] for sentence in trees.tagged("tl", "test", tags)
    ]
    assert all(len(row["tokens"]) == len(row["tags"]) for row in submitted)
    assert file_code("fil") == "tl"


def test_treebanks_of_a_language_are_joined_in_order(tmp_path: Path) -> None:
    trees.write_treebanks(tmp_path)
    udpos = task("xtreme/udpos", tmp_path)
    assert udpos.source.languages("test") == ("de", "en")
    first = [row["tokens"][0] for row in rows(udpos, "test", "en")]
    assert [word[:4] for word in (first[0], first[-1])] == ["en_a", "en_b"]
    assert rows(udpos, "test", "de")[0]["tokens"] == ["de_ptest0w0", "de_ptest0w1", "de_ptest0w2"]
    assert len(rows(udpos, "train", "en")) == 2 * trees.ITEMS
    assert len(rows(udpos, "dev", "en")) == trees.ITEMS


def test_treebanks_without_words_are_left_out(tmp_path: Path) -> None:
    hidden = [("_", "NOUN"), ("_", "VERB"), ("_", "PUNCT")]
    seen = [("one", "NOUN"), ("_", "SYM"), ("word", "NOUN"), (".", "PUNCT")]
    trees.put(tmp_path, "udpos/UD_Arabic-X/ar_x-ud-test.conllu", trees.conllu_lines([hidden, seen]))
    assert [row["tokens"] for row in rows(task("xtreme/udpos", tmp_path), "test", "ar")] == [
        ["one", "_", "word", "."]
    ]


def test_a_line_with_nine_columns(tmp_path: Path) -> None:
    lines = trees.conllu_lines(trees.tagged("de", "test", ("NOUN",), 2))
    lines[2] = lines[2].removesuffix("\t_")
    trees.put(tmp_path, "udpos/UD_German-P/de_p-ud-test.conllu", lines)
    with pytest.raises(DataError, match=r"de_p-ud-test\.conllu, line 3: expected 10 columns .* found 9"):
        rows(task("xtreme/udpos", tmp_path), "test", "de")


def test_wikiann_as_it_was_published(tmp_path: Path) -> None:
    trees.write_wikiann(tmp_path)
    panx = task("xtreme/panx", tmp_path)
    assert (place(panx, "test"), panx.source.languages("test")) == ("wikiann", ("de", "en", "fil"))
    assert rows(panx, "test", "fil")[0]["tokens"][0] == "tltest0w0"
    assert panx.source.languages("train") == ("en",)


# --- Tatoeba


def test_tatoeba_as_laser_publishes_it(tmp_path: Path) -> None:
    trees.write_tatoeba(tmp_path)
    tatoeba = task("xtreme/tatoeba", tmp_path)
    assert tatoeba.source.languages("test") == ("de", "fil", "zh")
    both = rows(tatoeba, "dev", "de") + rows(tatoeba, "test", "de")
    assert len(both) == trees.ITEMS
    by_id = {row["id"]: row for row in both}
    assert by_id["0"]["source"] == by_id["1"]["source"] == short_hash(by_id["0"]["target"])
    assert tatoeba.source.origin("test") == "test, 80% of its sources"
    assert tatoeba.source.languages("train") == ()
    pools = [rows(tatoeba, split + CANDIDATES, "de") for split in ("dev", "test")]
    assert pools[0] == pools[1]
    assert [row["id"] for row in pools[0]] == [str(i) for i in range(trees.ITEMS)]
    assert {row["gold"] for row in both} == {row["id"] for row in pools[0]}


def test_xtremes_sorted_files_have_no_labels(tmp_path: Path) -> None:
    trees.write_tatoeba_tree(tmp_path)
    tatoeba = task("xtreme/tatoeba", tmp_path)
    assert place(tatoeba, "test") == ""
    submitted = rows(tatoeba, SUBMISSION, "fil")
    assert [row["text"] for row in submitted] == sorted(row["text"] for row in submitted)
    assert submitted[3]["target"] == "tl satz 3."


def test_lasers_files_serve_a_submission_too(tmp_path: Path) -> None:
    trees.write_tatoeba(tmp_path)
    submitted = rows(task("xtreme/tatoeba", tmp_path), SUBMISSION, "de")
    assert [row["text"] for row in submitted] == sorted(row["text"] for row in submitted)
    assert [row["target"] for row in submitted] == [f"deu satz {i}." for i in range(trees.ITEMS)]


def test_files_of_different_length(tmp_path: Path) -> None:
    trees.write_tatoeba(tmp_path, ("deu",))
    trees.put(tmp_path, "tatoeba/tatoeba.deu-eng.eng", ["One.", "Two."])
    with pytest.raises(DataError, match=r"line 3: ends before this line.*one line a pair"):
        rows(task("xtreme/tatoeba", tmp_path), "test", "de")
    with pytest.raises(DataError, match=r"deu-eng\.eng: 2 lines, but tatoeba\.deu-eng\.deu has 12"):
        rows(task("xtreme/tatoeba", tmp_path), SUBMISSION, "de")


# --- the Hub, from local folders of the same schema


def test_xnli_on_the_hub(tmp_path: Path) -> None:
    records = [{"premise": f"p{i}", "hypothesis": f"h{i}", "label": i % 4 - 1} for i in range(8)]
    folder = trees.write_dataset(tmp_path, {"de": {"test": records}})
    found = hub_rows("xtreme/xnli", folder, "test", "de")
    assert [row["label"] for row in found] == ["entailment", "neutral", "contradiction"] * 2
    assert found[0]["text_pair"] == "h1"


def test_pawsx_on_the_hub(tmp_path: Path) -> None:
    records = [{"id": i + 1, "sentence1": f"a{i}", "sentence2": f"b{i}", "label": i % 2} for i in range(4)]
    folder = trees.write_dataset(tmp_path, {"ja": {"validation": records}})
    assert [row["label"] for row in hub_rows("xtreme/pawsx", folder, "dev", "ja")] == ["0", "1", "0", "1"]


def test_tagging_on_the_hub(tmp_path: Path) -> None:
    udpos = [{"tokens": ["a", "b"], "pos_tags": [7, 15]}]
    folder = trees.write_dataset(tmp_path / "udpos", {"udpos.Afrikans": {"test": udpos}})
    assert hub_rows("xtreme/udpos", folder, "test", "af")[0]["tags"] == ["NOUN", "VERB"]
    panx = [{"tokens": ["a", "b"], "ner_tags": [1, 2], "langs": ["tl", "tl"]}]
    folder = trees.write_dataset(tmp_path / "panx", {"tl": {"train": panx, "test": panx}})
    assert hub_rows("xtreme/panx", folder, "test", "fil")[0]["tags"] == ["B-PER", "I-PER"]


def test_tatoeba_on_the_hub(tmp_path: Path) -> None:
    records = [{"source_sentence": f"satz {i}\n", "target_sentence": f"sentence {i}\n"} for i in range(20)]
    folder = trees.write_dataset(tmp_path, {"tatoeba.deu": {"validation": records}})
    parts = [hub_rows("xtreme/tatoeba", folder, split, "de") for split in ("dev", "test")]
    assert sum(map(len, parts)) == 20
    assert parts[0]
    assert parts[1][0]["target"].startswith("sentence")
    assert not parts[1][0]["target"].endswith("\n")


# --- real files


@needs_data
@pytest.mark.data
def test_real_counts() -> None:
    expected = {"xnli": (10, 514, 1976), "pawsx": (5, 416, 1584)}
    for name, (languages, dev, test) in expected.items():
        found = task(f"xtreme/{name}", Path(str(DATA)))
        assert len(found.source.languages("test")) == languages
        for language in found.source.languages("test"):
            assert [len(rows(found, split, language)) for split in ("dev", "test")] == [dev, test]
    assert len(task("xtreme/panx", Path(str(DATA))).source.languages("test")) == 18


@needs_data
@pytest.mark.data
def test_real_pud_words() -> None:
    udpos = task("xtreme/udpos", Path(str(DATA)))
    assert {code: len(rows(udpos, "test", code)) for code in udpos.source.languages("test")} == {
        "en": 2121,
        **dict.fromkeys(("de", "es", "fi", "fr", "ko", "pt", "ru", "zh"), 1000),
    }
    tags = Counter(tag for row in rows(udpos, "test", "pt") for tag in row["tags"])
    assert "_" not in tags


@needs_data
@pytest.mark.data
def test_real_tatoeba_labels_are_the_official_ones() -> None:
    """The first labels of XTREME's evaluator's own mock data, for every language."""
    data = Path(str(DATA))
    tatoeba = task("xtreme/tatoeba", data)
    assert len(tatoeba.source.languages("test")) == 36
    for code in tatoeba.source.languages("test"):
        native = file_code(code)
        mock = data / f"xtreme_mock/labels/tatoeba/test-{native}.tsv"
        labels = [int(line) for line in mock.read_text().split()]
        long = {value: key for key, value in _codes().items()}[native]
        english = data / f"tatoeba/tatoeba.{long}-eng.eng"
        lines = english.read_text("utf-8").split("\n")[:-1]
        assert sorted_order(lines)[: len(labels)] == labels, code
        queries = sorted_queries(data / f"tatoeba/tatoeba.{long}-eng.{long}", english)
        assert queries[0]["text"] == lines[labels[0]].strip()


def _codes() -> dict[str, str]:
    from xstilts.tasks.xtreme.retrieval import TATOEBA_CODES

    return TATOEBA_CODES
