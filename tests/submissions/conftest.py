"""A whole synthetic submission with its labels, and the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from submission_world import all_predictions, write_labels
from xstilts.cli import main
from xstilts.submissions import get_suite, write_submission

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def xtreme_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labels(get_suite("xtreme"), tmp_path_factory.mktemp("xtreme") / "labels")


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A complete XTREME submission, to be broken."""
    write_submission(all_predictions(get_suite("xtreme")), tmp_path / "submission")
    return tmp_path / "submission"


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command: exit code, standard output, standard error."""
    monkeypatch.delenv("XSTILTS_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xstilts", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run
