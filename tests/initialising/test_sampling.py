from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_files import rows, write_entities, write_jsonl, write_table

from xstilts.errors import DataError
from xstilts.initialising.sampling import SQUAD, guess_format, take_sample

anything = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40
)
word = st.text("abcdéß漢,;\"'", min_size=1, max_size=7)
texts = st.lists(word, min_size=5, max_size=8).map(" ".join)
tables = st.lists(st.tuples(texts, st.sampled_from(["good", "bad"])), min_size=12, max_size=30)


def as_csv(table: list[tuple[str, str]], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(table)  # type: ignore[arg-type]
    return file.getvalue()


@anything
@given(table=tables, suffix=st.sampled_from([".csv", ".txt", ""]), header=st.booleans())
def test_a_csv_file_is_read_back(
    tmp_path: Path, table: list[tuple[str, str]], suffix: str, header: bool
) -> None:
    path = tmp_path / f"train{suffix or '.csv'}"
    names = [("review", "stars")] if header else []
    rows = [*table, (table[0][0], "bad"), (table[0][0], "good")]
    path.write_text(as_csv([*names, *rows], quoting=csv.QUOTE_ALL if suffix == ".txt" else csv.QUOTE_MINIMAL))
    sample = take_sample(path, {"format": "csv"} if suffix == ".txt" else {})
    assert sample.format == "csv"
    assert [tuple(record.values()) for record in sample.records] == rows
    assert sample.by_position is not header


@anything
@given(table=tables, suffix=st.sampled_from([".tsv", ".txt", ".tab", ".csv"]))
def test_a_tsv_file_is_read_back(tmp_path: Path, table: list[tuple[str, str]], suffix: str) -> None:
    """Under any suffix, with quote characters that mean nothing."""
    path = write_table(tmp_path / f"train{suffix}", [("review", "stars"), *table])
    sample = take_sample(path, {})
    assert (sample.format, sample.by_position) == ("tsv", False)
    assert [tuple(record.values()) for record in sample.records] == table


def test_quoted_tsv(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(as_csv(rows("en", 20), "\t", csv.QUOTE_ALL))
    sample = take_sample(path, {})
    assert sample.quoting == "csv"
    assert sample.records[0]["1"] in {"good", "bad"}
    path.write_text('a "b" c\tgood\n"open\tbad\n' * 9)
    assert take_sample(path, {}).quoting is None


def test_csv_with_stray_quotes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('he said "so",good\n"x" is,bad\n' * 9)
    assert take_sample(path, {}).quoting == "none"


def test_formats_by_suffix_and_content(tmp_path: Path) -> None:
    records = [{"text": text, "label": label} for text, label in rows("en", 5)]
    assert take_sample(write_jsonl(tmp_path / "a.jsonl", records), {}).format == "jsonl"
    assert take_sample(write_jsonl(tmp_path / "a.json", records), {}).format == "jsonl"
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    assert take_sample(tmp_path / "a.parquet", {}).records == tuple(records)
    for name in ("a.tsv", "a.txt", "a.iob2"):
        assert take_sample(write_entities(tmp_path / name, 3), {}).format == "token-tag"
    word = "1\tSo\tso\tADV\tRB\t_\t0\troot\t_\t_\n\n"
    (tmp_path / "a.txt").write_text(f"# sent_id = 1\n{word}{word}")
    assert take_sample(tmp_path / "a.txt", {}).format == "conllu"
    (tmp_path / "a.de").write_text("Guten Tag, Welt\nNa ja\nWie geht es\n")
    assert take_sample(tmp_path / "a.de", {}).format == "lines"
    squad = {"version": "1.1", "data": [{"paragraphs": [{"context": "x", "qas": []}]}]}
    for indent in (None, 1):
        (tmp_path / "s.json").write_text(json.dumps(squad, indent=indent))
        assert take_sample(tmp_path / "s.json", {}).format == SQUAD


def test_a_token_may_be_a_bracket(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.tsv", [("[", "O"), ("Anna", "B-PER")])
    assert take_sample(path, {}).format == "token-tag"
    table = write_table(tmp_path / "y.tsv", [("switch it on", "O O O")] * 3)
    assert guess_format(table, ["switch it on\tO O O"], tagging=True)[0] == "tsv"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", b"", r"x\.tsv: the file is empty"),
        ("x.tsv", b"\n\n", r"the file is empty"),
        ("x.tsv", b"only text\nand more\n", r"line 1: one column only, 'only text'.*separated by tabs"),
        ("x.csv", b"a;b\nc;d\n", r"one column only.*separated by semicolons: save the file as TSV"),
        ("x.tsv", b"a\tb\nc\n", r"line 2: expected 2 columns as in the first line, found 1"),
        ("x.tsv", "schön\tgut\n".encode("latin-1"), r"line 1: byte 4 of the file \(0xf6\) is not UTF-8"),
        ("x.tsv", "a\tb\n".encode("utf-16"), r"this is UTF-16, expected UTF-8"),
        ("x.tsv", b"text\tlabel\n", r"x\.tsv: there are no rows"),
        ("x.json", b'[{"a": 1},\n{"a": 2}]', r"Expected JSON Lines.*jq -c '\.\[\]' x\.json > x\.jsonl"),
        ("x.jsonl", b'{"a": 1}\n{"a": \n', r"line 2: not JSON"),
        ("x.txt", b"EU B-ORG\nsays O\n\nno O\n", r"separated by spaces, expected tabs.*tr ' ' '\\t'"),
        ("x.parquet", b"no parquet", r"cannot be read as Parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        take_sample(tmp_path / name, {"header": True} if message.endswith("no rows") else {})


def test_what_the_user_says_holds(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.tsv", [("review", "stars"), *rows("en", 20)])
    assert take_sample(path, {"header": False}).by_position
    assert take_sample(path, {"format": "lines"}).records[0] == {"text": "review\tstars"}
    prefixed = write_table(tmp_path / "y.tsv", [("en:Anna", "B-PER"), ("en:went", "O")])
    assert take_sample(prefixed, {"language_prefix": True}).records[0]["tokens"] == ["Anna", "went"]
