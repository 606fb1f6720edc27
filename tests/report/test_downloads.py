from __future__ import annotations

import base64
import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.report import downloads as module
from xstilts.report import write_csv
from xstilts.report.claimed import findings
from xstilts.report.downloads import downloads, to_csv
from xstilts.report.evidence import Evidence
from xstilts.results import Results


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


def test_claims_are_a_table(judged_run: Results) -> None:
    found = {one.name: one for one in downloads(judged_run, True, findings(Evidence(judged_run)))}
    text = gzip.decompress(base64.b64decode(found["claims"].data)).decode("utf-8")
    read = list(csv.DictReader(io.StringIO(text)))
    verdicts = {int(row["claim"]): row["verdict"] for row in read}
    assert verdicts == {one.claim.number: one.outcome.verdict for one in judged_run.claims()}
    squad = next(row for row in read if row["figure"] == "squad1: all targets")
    assert squad["printed"] == "0.082" and float(squad["ci_low"]) < float(squad["estimate"])


def test_tables_of_any_size_are_written_as_files(
    judged_run: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    results = replace(judged_run, examples=[{"task": "t", "texts": "{}"}])
    folder = write_csv(results, tmp_path / "tables", examples=False)
    assert {path.name for path in folder.iterdir()} == {
        "verdicts.csv",
        "gains.csv",
        "results.csv",
        "claims.csv",
    }
    read = list(csv.DictReader((folder / "gains.csv").read_text("utf-8").splitlines()))
    assert len(read) == len(judged_run.gains_table)
    assert (write_csv(results, folder) / "examples.csv").is_file()
    assert not (write_csv(results, folder, examples=False) / "examples.csv").exists()


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
