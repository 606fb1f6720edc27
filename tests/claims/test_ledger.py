"""The command: what people read, what scripts read, what is said when it is typed wrongly."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from claim_runs import run_of
from rich.console import Console

from finished_runs import copy_of
from tiny_world import Typed
from xstilts import ledger
from xstilts.claims import on_run
from xstilts.results import Results


@pytest.fixture
def narrow() -> Console:
    return Console(width=80, file=StringIO(), legacy_windows=False)


def test_a_run_is_judged_from_the_command_line(typed: Typed, run: Path) -> None:
    code, out, _ = typed("claims", run)
    assert code == 0
    assert "10  gains last beyond English: " in out
    assert "A verdict is about this run alone" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_has_every_claim_with_its_figures(typed: Typed, run: Path) -> None:
    code, out, _ = typed("claims", run, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["level"] == pytest.approx(0.95)
    assert [claim["claim"] for claim in answer["claims"]] == list(range(1, 15))
    assert {claim["kind"] for claim in answer["claims"]} == {"claim", "precondition"}
    verdicts = {claim["claim"]: claim["verdict"] for claim in answer["claims"]}
    assert verdicts == {found.claim.number: found.outcome.verdict for found in Results.load(run).claims()}


def test_the_reference_needs_no_run(typed: Typed) -> None:
    code, out, _ = typed("claims", "--reference")
    assert code == 0
    assert "squad1: all nine targets" in out
    assert "neither intervals nor seeds" in " ".join(out.split())
    code, out, _ = typed("claims", "--reference", "--json")
    assert json.loads(out)["level"] is None


@pytest.mark.parametrize("arguments", [[], ["somewhere", "--reference"]])
def test_one_of_the_two_is_asked_for(typed: Typed, arguments: list[str]) -> None:
    code, _, said = typed("claims", *arguments)
    assert code == 2
    assert "xstilts claims --reference" in said


def test_an_unfinished_run_is_said_to_be_one(typed: Typed, tmp_path: Path, run: Path) -> None:
    code, _, said = typed("claims", tmp_path)
    assert (code, "no finished run" in said) == (2, True)
    without = copy_of(run, tmp_path / "without")
    (without / "recipe.yaml").unlink()
    code, _, said = typed("claims", without)
    assert (code, "recipe.yaml" in said, "Traceback" in said) == (2, True, False)


def test_lines_fit_and_say_how_to_test(narrow: Console) -> None:
    results, recipe = run_of({"hs": ["stilts/hellaswag"]}, {"xtreme/pawsx": {"hs": 0.03}})
    ledger.print_findings(on_run(results, recipe), narrow, ("supported", "not tested"))
    text = narrow.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    assert "To test it, a recipe with:" in text
    assert "hellaswag: {tasks: [stilts/hellaswag]}" in text
