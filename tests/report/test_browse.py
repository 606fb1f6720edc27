from __future__ import annotations

from itertools import groupby

from xstilts.report.browse import context, entries
from xstilts.report.evidence import Evidence
from xstilts.results import Results


def test_every_gain_by_language_is_there_once(rich_run: Results) -> None:
    rows = entries(Evidence(rich_run))
    wanted = [
        row
        for row in rich_run.gains_table
        if row["quantity"] == "gain"
        and row["reference"] == "none"
        and row["condition"] == "clean"
        and row["group"] not in ("en", "non-en", "all")
        and row["postprocess"] in ("", "none")
    ]
    found = {(row.target, row.arm, row.code): row.gain.value for row in rows if row.code != "en"}
    assert found == {
        (row["task"].partition("/")[2], row["arm"], row["group"]): row["estimate"] for row in wanted
    }
    assert len({(row.target, row.arm, row.code) for row in rows}) == len(rows)


def test_the_largest_gain_comes_first(rich_run: Results) -> None:
    for _, group in groupby(entries(Evidence(rich_run)), key=lambda row: (row.target, row.arm)):
        values = [row.gain.value for row in group]
        assert values == sorted(values, reverse=True)


def test_filters_offer_what_is_there(rich_run: Results) -> None:
    found = context(Evidence(rich_run))["filters"]
    assert found["Target"] == ["intents", "messages"]
    assert found["Arm"] == ["definitions", "definitions~longer", "definitions~shuffled", "replies"]
    assert found["Script"] == ["Latin", "Simplified Han"]
