from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.report import write_picture
from xstilts.results import Results

Make = Callable[..., Results]


def test_png_is_1600_pixels_wide(rich_run: Results, tmp_path: Path) -> None:
    data = write_picture(rich_run, tmp_path / "answer.png").read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert width == 1600 and 400 < height < 2000


def test_svg_is_the_same_every_time(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"x/$t_1$": {"a": {"en": 0.04, "de": -0.01}}}, seeds=1)
    one, two = (write_picture(results, tmp_path / f"{name}.svg").read_bytes() for name in "ab")
    assert one == two


@pytest.mark.parametrize("gains", [{}, {"x/t": {"a": {"de": 0.02}}}], ids=["nothing", "no English"])
def test_little_to_draw(make: Make, tmp_path: Path, gains: dict[str, dict[str, dict[str, float]]]) -> None:
    results = make(tmp_path, gains) if gains else Results(tmp_path, [], [], [], {})
    assert write_picture(results, tmp_path / "x.png").stat().st_size > 1000
