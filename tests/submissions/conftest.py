"""A whole synthetic submission with its labels, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from submission_world import all_predictions, write_labels
from tiny_world import Typed
from xstilts.submissions import get_suite, write_submission


@pytest.fixture(scope="session")
def xtreme_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labels(get_suite("xtreme"), tmp_path_factory.mktemp("xtreme") / "labels")


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A complete XTREME submission, to be broken."""
    write_submission(all_predictions(get_suite("xtreme")), tmp_path / "submission")
    return tmp_path / "submission"


@pytest.fixture
def cli(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command without a data folder: exit code, standard output, standard error."""
    monkeypatch.delenv("XSTILTS_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return typed
