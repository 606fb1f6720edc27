"""Recall and reciprocal rank in both directions: additive, one metric a direction, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from xstilts.metrics import get_metric
from xstilts.metrics.image_text import IMAGE_TEXT


def ranked(*pairs: tuple[int, int | None]) -> list[dict[str, Any]]:
    return [{"image_rank": one, "caption_rank": other, "images": []} for one, other in pairs]


# Two images: the first with two captions, found at ranks 1 and 7; the second with one, at rank 2.
PREDICTIONS = ranked((1, 3), (7, None), (2, 11))
GOLD = ["a", "a", "b"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t2i_r@1", 1 / 3),
        ("t2i_r@5", 2 / 3),
        ("t2i_r@10", 1.0),
        ("t2i_mrr", (1 + 1 / 7 + 1 / 2) / 3),
        ("i2t_r@1", 0.0),
        ("i2t_r@5", 1 / 2),
        ("i2t_r@10", 1 / 2),
        ("i2t_mrr", (1 / 3 + 1 / 11) / 2),
    ],
)
def test_by_hand(name: str, expected: float) -> None:
    assert get_metric(name).score(PREDICTIONS, GOLD) == pytest.approx(expected)


def test_a_further_caption_of_an_image_is_no_item_from_image_to_text() -> None:
    assert get_metric("i2t_r@5").statistics(PREDICTIONS, GOLD, [], "en").tolist() == [[1, 1], [0, 0], [0, 1]]
    assert get_metric("t2i_r@5").statistics(PREDICTIONS, GOLD, [], "en").tolist() == [[1, 1], [0, 1], [1, 1]]


def test_chance_is_what_a_guesser_gets() -> None:
    chance = {metric.name: metric.chance(4) for metric in IMAGE_TEXT if metric.chance}
    assert chance["t2i_r@1"] == 1 / 4 and chance["i2t_r@5"] == 1.0
    assert chance["t2i_mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert len(chance) == len(IMAGE_TEXT) == 8
