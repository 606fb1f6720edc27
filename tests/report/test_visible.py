from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from xstilts.report.visible import cut, visible

MOVING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(codec=None)))
def test_nothing_that_moves_or_hides_is_left(text: str) -> None:
    told = visible(text)
    told.encode("utf-8")
    for character in told:
        assert unicodedata.bidirectional(character) not in MOVING
        assert unicodedata.category(character) != "Cc" or character in "\n\t"


@given(st.text())
def test_seen_text_stays_as_it_is(text: str) -> None:
    once = visible(text)
    assert visible(once) == once


def test_what_scripts_need_stays() -> None:
    joined = "می‌خواهم क्‍ष 👩‍🚀 مرحبا\nשלום\tx"
    assert visible(joined) == joined


def test_cut() -> None:
    assert cut("a  b\nc", 10) == "a b c"
    assert len(cut("word " * 50, 20)) <= 20
