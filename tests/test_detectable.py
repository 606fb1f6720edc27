"""What a plan is said to be able to find follows its items, languages, arms and seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from scipy.stats import t

from tiny_world import Opener
from xstilts.console import _print_detectable, print_plan
from xstilts.counting import Shared, shared
from xstilts.detectable import DIFFERENT, RUN, SHARED, Detectable, detectable, item_variance
from xstilts.experiment import Experiment

NOWHERE = Path("nowhere")


def found(experiment: Experiment, sources: int = 500, earlier: Path = NOWHERE) -> dict[str, Detectable]:
    names = [str(number) for number in range(sources)]
    plan = experiment.plan()

    def tested(target: str) -> Shared:
        return shared({cell.language: names for cell in plan.cells if cell.target == target})

    rows = detectable(plan, experiment.catalogue, tested, earlier)
    return {row.task: row for row in rows}


def test_by_hand(tiny: Opener) -> None:
    """English, 500 sources, three seeds of two arms: four degrees of freedom."""
    one = found(tiny("targets=[my/mood]", "seeds=[0,1,2]"))["my/mood"]
    expected = sum(
        np.sqrt(t.ppf(p, 4) ** 2 * 2 * RUN**2 / 3 + t.ppf(p, 499) ** 2 * DIFFERENT / 500)
        for p in (0.975, 0.8)
    )
    assert one.english == pytest.approx(expected)
    assert one.non_english == one.english, "one language each"
    assert (one.corrected, one.tests, one.measured) == (one.english, 1, False)


def test_more_of_anything_finds_less(tiny: Opener) -> None:
    few, many = (
        found(tiny("targets=[my/mood]", f"seeds={list(range(n))}"))["my/mood"].english for n in (2, 6)
    )
    assert many < few
    experiment = tiny("targets=[my/mood]", "seeds=[0,1,2]")
    gains = [found(experiment, sources)["my/mood"].non_english for sources in (50, 500, 5000)]
    assert gains == sorted(gains, reverse=True)


def test_one_seed_finds_nothing(tiny: Opener) -> None:
    one = found(tiny("targets=[my/mood]", "seeds=[0]"))["my/mood"]
    assert (one.english, one.non_english, one.corrected) == (None, None, None)


def test_parallel_sources_tell_less_than_as_many_of_their_own() -> None:
    names = [frozenset(f"{language}{number}" for number in range(100)) for language in "abcd"]
    parallel = item_variance(shared(dict.fromkeys("abcd", names[0])))
    assert parallel == pytest.approx(DIFFERENT / 100 * (SHARED + (1 - SHARED) / 4))
    assert item_variance(shared(dict(zip("abcd", names, strict=True)))) == pytest.approx(DIFFERENT / 400)


def test_an_earlier_run_tells_its_variances(tiny: Opener, tmp_path: Path) -> None:
    """Two arms of which one varies: the mean of their variances, for the new number of sources and seeds."""
    row = {
        "quantity": "gain",
        "reference": "none",
        "condition": "clean",
        "task": "my/mood",
        "family": "trained",
    }
    row |= {
        "metric": "accuracy",
        "postprocess": "",
        "group": "en",
        "languages": 1,
        "seeds": 3,
        "n_sources": 50,
    }
    rows = [row | {"se_item": 0.02, "se_seed": 0.01}, row | {"se_item": 0.0, "se_seed": 0.0}]
    rows += [row | {"se_item": 0.9, "se_seed": None}, row | {"se_item": 0.9, "se_seed": 0.9, "group": "all"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "gains.parquet")
    one = found(tiny("targets=[my/mood]", "seeds=[0,1,2]"), 500, tmp_path)["my/mood"]
    v_item, v_seed = 0.02**2 * 50 / 500 / 2, 0.01**2 / 2
    expected = sum(np.sqrt(t.ppf(p, 4) ** 2 * v_seed + t.ppf(p, 499) ** 2 * v_item) for p in (0.975, 0.8))
    assert one.english == pytest.approx(expected)
    assert one.measured


def test_a_plan_prints_it(tiny: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = tiny("targets=[my/mood]", "seeds=[0,1,2]", "limit=6")
    print_plan(experiment, NOWHERE, Console(width=200), as_json=False)
    said = capsys.readouterr().out
    assert "The smallest gain that 80 of 100 such experiments would find" in said
    assert "Measured once nowhere has results" in said
    print_plan(experiment, NOWHERE, Console(), as_json=True)
    (row,) = json.loads(capsys.readouterr().out)["detectable"]
    assert (row["task"], row["sources"], row["measured"]) == ("my/mood", 6, False)
    _print_detectable(list(found(tiny("seeds=[0]")).values()), NOWHERE, Console(width=200))
    assert "1 seed: there will be no verdict" in capsys.readouterr().out
