from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from report_rows import curve_rows

from xstilts.report.evidence import Evidence
from xstilts.report.layers import another_layer, chosen_layers, layer_ranges, reading, vectors
from xstilts.results import Results

Make = Callable[..., Results]
TARGET, ARM = "x/t", "a"


def told(
    make: Make, folder: Path, scores: list[float], verdicts: list[str], own: int = -1, seeds: int = 2
) -> str:
    curves = curve_rows(TARGET, "none", [[0.5] * seeds] * len(scores))
    curves += curve_rows(TARGET, ARM, [[score] * seeds for score in scores], verdicts, own)
    results = make(
        folder, {TARGET: {ARM: {"de": 0.03, "sw": 0.05}}}, seeds=seeds, retrieval=[TARGET], curves=curves
    )
    return another_layer(ARM, TARGET, Evidence(results))


def test_a_verdict_that_hangs_on_the_layer(make: Make, tmp_path: Path) -> None:
    text = told(make, tmp_path, [0.4, 0.45, 0.5, 0.6], ["harms", "harms", "undecided", "gains"])
    assert text == (
        "a: with each run's own layer the gain on dev is +10.0 (gains). With one layer for both it is lowest at "
        "layer 0 (−10.0) and highest at layer 3 (+10.0): harms at layers 0 and 1, undecided at layer 2, "
        "gains at layer 3. On dev, another layer changes the verdict."
    )


def test_a_verdict_that_no_layer_changes(make: Make, tmp_path: Path) -> None:
    text = told(make, tmp_path, [0.55, 0.6], ["gains", "gains"])
    assert text.endswith("gains at every layer. On dev, no other layer changes the verdict.")


def test_a_dev_part_that_decides_nothing(make: Make, tmp_path: Path) -> None:
    text = told(make, tmp_path, [0.5, 0.51], ["undecided", "undecided"])
    assert text.endswith("undecided at every layer. Dev decides nothing here, whatever the layer.")


def test_one_layer_for_both_may_differ_from_each_ones_own(make: Make, tmp_path: Path) -> None:
    """Every fixed layer gives one verdict, and the layers that were chosen another."""
    curves = curve_rows(TARGET, "none", [[0.5, 0.5]] * 2)
    curves += curve_rows(TARGET, ARM, [[0.5, 0.5], [0.6, 0.6]], ["undecided", "undecided"])
    for row in curves:
        if row["arm"] == ARM and row["layer"] is None and row["postprocess"] == "none":
            row["verdict"] = "gains"
    results = make(tmp_path, {TARGET: {ARM: {"de": 0.03}}}, retrieval=[TARGET], curves=curves)
    text = another_layer(ARM, TARGET, Evidence(results))
    assert text.endswith("undecided at layers 0 and 1. On dev, another layer changes the verdict.")


def test_one_seed_gives_intervals_and_no_verdict(make: Make, tmp_path: Path) -> None:
    text = told(make, tmp_path, [0.4, 0.5, 0.6], ["undecided"] * 3, seeds=1)
    assert "It is clearly above 0 at layer 2 and clearly below 0 at layer 0." in text
    assert text.endswith("One seed allows no verdict at any layer.")
    assert "(undecided)" not in text


def test_nothing_is_said_without_curves(rich_run: Results) -> None:
    assert another_layer("definitions", "pocket/intents", Evidence(rich_run)) == ""
    assert another_layer("definitions", "pocket/messages", Evidence(replace(rich_run, layers=[]))) == ""


def test_how_retrieval_was_done(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    assert vectors("pocket/intents", evidence) == reading("pocket/intents", evidence) == ""
    assert reading("pocket/messages", evidence) == (
        "messages: raw vectors, the mean over all tokens of one layer, from each language to English, by cosine; "
        "layer chosen on dev: none 3, definitions 3, replies 3"
    )
    assert "layer fixed in the recipe" in reading("pocket/messages", Evidence(replace(rich_run, layers=[])))


@given(st.sets(st.integers(0, 48), min_size=1))
def test_ranges_name_every_layer_and_no_other(layers: set[int]) -> None:
    text = layer_ranges(sorted(layers)).removeprefix("layers ").removeprefix("layer ")
    found: set[int] = set()
    for part in text.replace(" and ", ", ").split(", "):
        first, _, last = part.partition(" to ")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == layers


def test_layers_that_differ_by_run_are_counted() -> None:
    assert chosen_layers([{"layer": 4, "chosen": 2}, {"layer": 6, "chosen": 1}]) == (
        "layers 4 (2 runs) and 6 (1 run)"
    )
