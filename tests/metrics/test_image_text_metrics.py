"""Recall and reciprocal rank in both directions: additive, one metric a direction, worked by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from xstilts.metrics import get_metric
from xstilts.metrics.image_text import IMAGE_TEXT, guessed


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


@pytest.mark.parametrize("captions", [[1, 1, 1, 1], [2, 2, 2], [1, 3, 2], [5]])
def test_chance_is_what_a_guesser_gets(captions: list[int]) -> None:
    """All orders of the candidates count the same: the mean over them, worked out one by one."""
    owners = [image for image, many in enumerate(captions) for _ in range(many)]
    orders = list(itertools.permutations(range(len(owners))))
    for metric in IMAGE_TEXT:
        of = {"1": lambda r: r <= 1, "5": lambda r: r <= 5, "10": lambda r: r <= 10}.get(
            metric.name.partition("@")[2], lambda r: 1 / r
        )
        if metric.name.startswith("t2i"):
            ranks = range(1, len(captions) + 1)
            expected = sum(of(rank) for rank in ranks) / len(captions)
        else:
            found = [
                1 + min(place for place, caption in enumerate(order) if owners[caption] == image)
                for order in orders
                for image in range(len(captions))
            ]
            expected = sum(map(of, found)) / len(found)
        assert guessed(metric.name, captions) == pytest.approx(expected)
    assert len(IMAGE_TEXT) == 8
