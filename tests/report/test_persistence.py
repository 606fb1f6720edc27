from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.report.evidence import Evidence, Interval
from xstilts.report.persistence import STRENGTH, colour, context, matrix, untested
from xstilts.results import Results

Make = Callable[..., Results]


def test_every_target_and_arm_has_its_line(rich_run: Results) -> None:
    blocks = {block.target: block for block in matrix(Evidence(rich_run))}
    assert list(blocks) == ["pocket/intents", "pocket/messages"]
    arms = [line.arm for line in blocks["pocket/intents"].lines]
    assert arms == ["definitions", "definitions~longer", "definitions~shuffled", "replies"]
    assert [line.control for line in blocks["pocket/intents"].lines] == [False, True, True, False]
    assert blocks["pocket/messages"].rule == "none"


def test_a_line_holds_the_gains_and_verdicts_of_the_tables(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    for block in matrix(evidence):
        for line in block.lines:
            wanted = [
                evidence.gain(line.arm, block.target, group, condition)
                for condition in ("clean", "perturbed")
                for group in ("en", "non-en")
            ]
            assert list(line.gains) == wanted
            row = evidence.verdict(line.arm, block.target)
            assert line.verdicts[0] == (row["verdict"] if row else "")
            assert bool(line.verdicts[0]) != line.control


@pytest.mark.parametrize(
    ("gain", "sign", "mark", "mix"),
    [
        (Interval(0.04, 0.01, 0.07), "plus", "▲", STRENGTH),
        (Interval(-0.02, -0.03, -0.01), "minus", "▼", STRENGTH // 2),
        (Interval(0.02, -0.01, 0.05), "plus", "", STRENGTH // 2),
        (Interval(0.02, None, None), "plus", "", STRENGTH // 2),
    ],
)
def test_what_is_clear_is_marked_without_colour(gain: Interval, sign: str, mark: str, mix: int) -> None:
    cell = colour(gain, 0.04)
    assert cell is not None
    assert (cell.sign, cell.mark, cell.mix) == (sign, mark, mix)


def test_no_gain_no_cell() -> None:
    assert colour(None, 0.04) is None


def test_what_was_not_tested_is_named(rich_run: Results, make: Make, tmp_path: Path) -> None:
    assert untested(Evidence(rich_run)) == ["targets of images and text"]
    clean = Evidence(make(tmp_path, {"x/t": {"a": {"en": 0.02, "de": 0.01}}}))
    assert untested(clean) == ["targets of retrieval", "targets of images and text", "changed input"]
    assert not context(clean)["changed"] and context(Evidence(rich_run))["changed"]


def test_nothing_to_compare(tmp_path: Path) -> None:
    assert matrix(Evidence(Results(tmp_path, [], [], [], {}))) == []
