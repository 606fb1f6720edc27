from __future__ import annotations

import csv
import gzip
import io
import json
import string
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.errors import DataError, UnknownName
from xstilts.tasks.readers import (
    Problem,
    ReadOptions,
    find_files,
    guess_format,
    raise_problems,
    read,
    read_aligned,
)

anything = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
    deadline=None,
)
cell = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\ufeff"), min_size=1, max_size=12
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6)
)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(path: Path, *args: Any, **kwargs: Any) -> list[tuple[int, dict[str, Any]]]:
    return list(read(path, *args, **kwargs))


def problems(path: Path) -> list[Problem]:
    found: list[Problem] = []
    list(read(path, report=found.append))
    return found


# --- round trips


@anything
@given(table=tables, end=st.sampled_from(["\n", "\r\n"]), bom=st.booleans(), packed=st.booleans())
def test_tsv_round_trip(tmp_path: Path, table: list[list[str]], end: str, bom: bool, packed: bool) -> None:
    content = ("\ufeff" * bom + end.join("\t".join(row) for row in table) + end).encode()
    path = tmp_path / ("t.tsv.gz" if packed else "t.tsv")
    write(path, gzip.compress(content) if packed else content)
    found = records(path, None, ReadOptions(header=False))
    assert [list(record.values()) for _, record in found] == table
    assert [line for line, _ in found] == list(range(1, len(table) + 1))


@anything
@given(table=st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=2), min_size=1, max_size=6))
def test_csv_round_trip_with_quotes_commas_and_line_ends_in_cells(
    tmp_path: Path, table: list[list[str]]
) -> None:
    table = [[text.encode("utf-8", "replace").decode() for text in row] for row in table]
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *table])
    found = records(write(tmp_path / "t.csv", file.getvalue()))
    assert [[record["a"], record["b"]] for _, record in found] == table


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@anything
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=5),
    ascii=st.booleans(),
)
def test_jsonl_round_trip(tmp_path: Path, rows: list[dict[str, Any]], ascii: bool) -> None:
    text = "".join(json.dumps(row, ensure_ascii=ascii) + "\n" for row in rows)
    assert [record for _, record in records(write(tmp_path / "t.jsonl", text))] == rows


token = cell.filter(lambda text: text.strip(" "))
sentences = st.lists(
    st.lists(st.tuples(token, st.sampled_from(["O", "B-PER"])), min_size=1), min_size=1, max_size=4
)


@anything
@given(
    sentences=sentences,
    before=st.integers(0, 2),
    between=st.integers(1, 3),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_token_tag_round_trip(
    tmp_path: Path, sentences: list[list[tuple[str, str]]], before: int, between: int, end: str
) -> None:
    blocks = [end.join("\t".join(pair) for pair in sentence) + end for sentence in sentences]
    path = write(tmp_path / "t.bio", end * before + (end * between).join(blocks))
    found = [(record["tokens"], record["tags"]) for _, record in records(path)]
    assert found == [tuple(map(list, zip(*sentence, strict=True))) for sentence in sentences]


def test_parquet_keeps_lists_and_numbers_its_rows(tmp_path: Path) -> None:
    rows = [{"text": "ä", "choices": ["x", "y"], "label": 1}, {"text": "b", "choices": [], "label": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert records(tmp_path / "t.parquet") == [(1, rows[0]), (2, rows[1])]


# --- formats in detail


def test_tsv_is_literal_and_csv_is_not(tmp_path: Path) -> None:
    literal = write(tmp_path / "t.tsv", 'text\tlabel\n"Bad" film\t"1\n')
    assert records(literal) == [(2, {"text": '"Bad" film', "label": '"1'})]
    quoted = write(tmp_path / "t.csv", 'text,label\n"a, ""b""\nc",1\nd,2\n')
    assert records(quoted) == [(2, {"text": 'a, "b"\nc', "label": "1"}), (4, {"text": "d", "label": "2"})]


def test_quoting_overrides_both(tmp_path: Path) -> None:
    tsv = write(tmp_path / "t.tsv", 'text\tlabel\n"a\tb"\t1\n')
    assert records(tsv, None, ReadOptions(quoting="csv")) == [(2, {"text": "a\tb", "label": "1"})]
    loose = write(tmp_path / "t.csv", 'text,label\n"a,1\n')
    assert records(loose, None, ReadOptions(quoting="none")) == [(2, {"text": '"a', "label": "1"})]


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "text\na\u2028b\x85c\x0bd\n")
    assert records(path) == [(2, {"text": "a\u2028b\x85c\x0bd"})]


CONLLU = """\
# sent_id = s1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tDET\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_
5.1\tva\tir\tVERB\t_\t_\t_\t_\t_\t_


# only a comment

1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""


def test_conllu_leaves_out_multiword_tokens_and_empty_nodes(tmp_path: Path) -> None:
    (line, first), (_, second) = records(write(tmp_path / "t.conllu", CONLLU))
    assert (line, first["sent_id"], first["text"]) == (3, "s1", "Vámonos al mar")
    assert first["form"] == ["Vamos", "nos", "a", "el", "mar"]
    assert first["upos"] == ["VERB", "PRON", "ADP", "DET", "NOUN"]
    assert second["form"] == ["#"]


def test_token_tag_prefix_comments_and_further_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "\n# a comment\nen:10:30\tO\nen:Rome\tB-LOC\n\n\n#\tO\n")
    stripped = records(path, "token-tag", ReadOptions(language_prefix=True))
    assert [record["tokens"] for _, record in stripped] == [["10:30", "Rome"], ["#"]]
    assert records(path, "token-tag")[0][1]["tokens"] == ["en:10:30", "en:Rome"]
    wide = write(tmp_path / "t.iob2", "1\tRome\tB-LOC\t-\n")
    assert records(wide) == [(1, {"tokens": ["1"], "tags": ["Rome"], "2": ["B-LOC"], "3": ["-"]})]


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.TSV", "tsv"),
        ("a.csv.gz", "csv"),
        ("a.jsonl", "jsonl"),
        ("a.iob2", "token-tag"),
        ("a.conllu", "conllu"),
    ],
)
def test_formats_by_suffix(name: str, format: str) -> None:
    assert guess_format(Path(name)) == format


# --- what is wrong


def test_unknown_formats(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'.doc' names no format. Add `format:`, one of tsv, csv"):
        records(tmp_path / "a.doc")
    with pytest.raises(UnknownName, match="Did you mean 'jsonl'"):
        records(tmp_path / "a.doc", "json")


def test_not_utf8_names_line_byte_and_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "text\nö\n".encode() + "Bär\n".encode("latin-1"))
    with pytest.raises(
        DataError, match=r"t\.tsv, line 3: byte 10 of the file \(0xe4\) is not UTF-8.*iconv -f"
    ):
        records(path)
    assert path.read_bytes()[10 - 1] == 0xE4
    with pytest.raises(
        DataError, match=r"line 1: this is UTF-16, expected UTF-8\. Convert it: iconv -f UTF-16"
    ):
        records(write(tmp_path / "u.tsv", "text\na\n".encode("utf-16")))


def test_byte_is_counted_after_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", b"\xef\xbb\xbfab\xff\n")
    assert "byte 6 of the file (0xff)" in problems(path)[0].message


@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.jsonl", "t.parquet", "t.conllu", "t.bio", "t.tsv.gz"])
def test_a_missing_file_is_a_problem_not_a_fault(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path / name)
    assert "cannot be read" in problem.message


def test_damaged_gzip_and_parquet(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\tb\n" + "".join(f"{i}\t{i * 7919 % 1013}\n" for i in range(9999)).encode())
    assert (
        "gzip data is damaged" in problems(write(tmp_path / "t.tsv.gz", whole[: len(whole) // 2]))[-1].message
    )
    assert "gzip data is damaged" in problems(write(tmp_path / "u.tsv.gz", b"text\n"))[0].message
    assert "cannot be read as Parquet" in problems(write(tmp_path / "t.parquet", b"no"))[0].message


def test_wrong_number_of_columns_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "text\tlabel\na\t1\nb\nc\t1\t2\nd\t1\n")
    found: list[Problem] = []
    kept = list(read(path, report=found.append))
    assert [line for line, _ in kept] == [2, 5]
    assert [str(problem) for problem in found] == [
        f"{path}, line 3: expected 2 columns as in the first line, found 1",
        f"{path}, line 4: expected 2 columns as in the first line, found 3",
    ]


def test_header_with_a_name_twice(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path / "t.tsv", "a\ta\n1\t2\n"))
    assert problem.message.startswith("the header names 'a' twice")


def test_open_quote_names_the_line_it_opens_on(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path / "t.csv", 'a,b\n1,2\n"3,4\n5,6\n'))
    assert problem.line == 3
    assert "say `quoting: none`" in problem.message


def test_bad_json_lines(tmp_path: Path) -> None:
    found = problems(write(tmp_path / "t.jsonl", '{"a": 1}\n{"a": }\n\n[1]\n'))
    assert [problem.line for problem in found] == [2, 4]
    assert "not JSON (Expecting value, column 7)" in found[0].message
    assert "got list" in found[1].message


def test_bad_lines_of_sentences(tmp_path: Path) -> None:
    found = problems(write(tmp_path / "t.bio", "a\tO\nb\n\nc\tO\td\n"))
    assert [(problem.line, problem.message.partition(".")[0]) for problem in found] == [
        (2, "expected 2 columns separated by tabs, found 1"),
        (4, "expected 2 columns separated by tabs, found 3"),
    ]
    assert (
        "expected 10 columns separated by tabs, found 1"
        in problems(write(tmp_path / "t.conllu", "1 a\n"))[0].message
    )


def test_aligned_files_of_different_length(tmp_path: Path) -> None:
    text, target = write(tmp_path / "de", "a\nb\nc\n"), write(tmp_path / "en", "A\nB\n")
    found: list[Problem] = []
    assert list(read_aligned(text, target, found.append)) == [
        (1, {"text": "a", "target": "A"}),
        (2, {"text": "b", "target": "B"}),
    ]
    assert (
        str(found[0])
        == f"{target}, line 3: ends before this line, de does not. Aligned files need one line a pair"
    )


def test_the_first_five_problems_and_a_count() -> None:
    with pytest.raises(DataError) as error:
        raise_problems("task my/x", [Problem("f", line, "bad") for line in range(1, 1008)])
    lines = str(error.value).splitlines()
    assert lines[0] == "task my/x: 1,007 problems"
    assert lines[1:6] == [f"  f, line {line}: bad" for line in range(1, 6)]
    assert lines[6:] == ["  … and 1,002 more"]


# --- finding files


def test_find_files_by_language(tmp_path: Path) -> None:
    for name in ("x.deu-eng.deu", "x.deu-eng.eng", "x.fra-eng.fra", "x.fra-eng.spa", "y.tsv"):
        write(tmp_path / name, "")
    assert set(find_files(tmp_path, "x.{language}-eng.{language}")) == {"deu", "fra"}
    assert set(find_files(tmp_path, "x.{language}-eng.eng")) == {"deu"}
    assert list(find_files(tmp_path, "y.tsv")) == [""]
    assert find_files(tmp_path, "z/{language}.tsv") == {}
    assert len(find_files(tmp_path, "x.*-eng.*")[""]) == 4


@anything
@given(
    name=st.text(string.ascii_lowercase + "[]()+.!^$", min_size=1, max_size=8).filter(lambda s: s.strip("."))
)
def test_special_characters_of_patterns_are_literal(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / f"{name}-pt-BR.tsv", "")
    assert find_files(tmp_path, name + "-{language}.tsv") == {"pt-BR": (path,)}
    path.unlink()
