"""What one types and what comes back: exit codes and messages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.cli import main

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Exit code, standard output and standard error of a command line."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xstilts", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out, told.err

    return call


@pytest.mark.parametrize("tasks", ["", ",", " , "])
def test_evaluating_on_no_task_is_an_error(typed: Typed, tiny_encoder: Path, tasks: str) -> None:
    code, _, told = typed("evaluate", tiny_encoder, "--tasks", tasks)
    assert code == 2
    assert "no task was given" in told and "xstilts ls tasks" in told


def test_evaluating_under_no_condition_is_an_error(typed: Typed, tiny_encoder: Path) -> None:
    code, _, told = typed("evaluate", tiny_encoder, "--tasks", "pocket/messages", "--conditions", "")
    assert code == 2
    assert "no condition was given" in told
