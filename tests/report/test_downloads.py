from __future__ import annotations

import base64
import csv
import gzip
import io
from dataclasses import replace

import pytest

from xstilts.experiment import Results
from xstilts.report import downloads as module
from xstilts.report.downloads import downloads, to_csv


def test_the_tables_are_whole(rich_run: Results) -> None:
    found = {one.name: one for one in downloads(rich_run, examples=True)}
    assert list(found) == ["verdicts", "gains", "results", "layers"]
    for name, rows in (("gains", rich_run.gains_table), ("results", rich_run.results)):
        text = gzip.decompress(base64.b64decode(found[name].data)).decode("utf-8")
        read = list(csv.DictReader(io.StringIO(text)))
        assert found[name].rows == len(read) == len(rows)
        column = {"gains": "estimate", "results": "value"}[name]
        assert [float(row[column]) for row in read] == pytest.approx([row[column] for row in rows], rel=1e-3)
        assert [row["arm"] for row in read] == [row["arm"] for row in rows]


def test_the_same_tables_give_the_same_bytes(rich_run: Results) -> None:
    assert downloads(rich_run, True) == downloads(rich_run, True)


def test_text_of_the_data_can_be_left_out(rich_run: Results) -> None:
    results = replace(rich_run, examples=[{"task": "t", "texts": "{}"}])
    assert [one.name for one in downloads(results, examples=True)][-1] == "examples"
    assert "examples" not in [one.name for one in downloads(results, examples=False)]


def test_what_is_too_large_is_named_only(rich_run: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    sizes = {one.name: bool(one.data) for one in downloads(rich_run, True)}
    assert not sizes["results"] and not sizes["gains"]


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@sum", "\tx"])
def test_no_cell_is_a_formula(text: str) -> None:
    (_, cell) = csv.reader(io.StringIO(to_csv([{"a": text}])))
    assert cell == [f"'{text}"]


def test_values_of_all_kinds() -> None:
    rows = [{"a": True, "b": 3, "c": -0.5, "d": [0, 1], "stage_key": "f" * 64}, {"a": None, "e": 'x,"y"\n'}]
    assert list(csv.reader(io.StringIO(to_csv(rows)))) == [
        ["a", "b", "c", "d", "e"],
        ["True", "3", "-0.5", "0 1", ""],
        ["", "", "", "", 'x,"y"\n'],
    ]
