from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from xstilts.report import write_figures
from xstilts.results import Results

Make = Callable[..., Results]


def test_every_figure_is_drawn_twice(rich_run: Results, tmp_path: Path) -> None:
    written = write_figures(rich_run, tmp_path / "figures")
    stems = ["overview", "spread", "gains-pocket-intents", "gains-pocket-messages", "layers-pocket-messages"]
    assert [path.name for path in written] == [
        f"{stem}{suffix}" for stem in stems for suffix in (".svg", ".pdf")
    ]
    for path in written:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"%PDF-")


def test_severities_are_drawn_and_files_are_the_same_every_time(make: Make, tmp_path: Path) -> None:
    gains = {"x/t": {"a~b": {"en": 0.03, "de": 0.02}, "任": {"en": 0.01, "de": 0.01}}}
    results = make(tmp_path, gains, conditions=("clean", "typos@1", "typos@4"))
    one, two = (write_figures(results, tmp_path / name) for name in "ab")
    assert "severity-x-t.svg" in [path.name for path in one]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_run_with_nothing_has_an_overview_only(tmp_path: Path) -> None:
    written = write_figures(Results(tmp_path, [], [], [], {}), tmp_path)
    assert [path.name for path in written] == ["overview.svg", "overview.pdf"]
