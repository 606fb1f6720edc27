"""Predictions in chunks: enough of them together to fill batches, and few enough to be lost by a run that is killed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Sized

from xstilts.stage import Stage
from xstilts.task_types import is_trained
from xstilts.tasks.base import Task

CHUNK = 2_000
"""Rows that are predicted together at least: enough for full batches of similar length, and what a kill loses."""
SHARED_CHUNK = 20_000
"""The same where test sets share what is encoded, as all languages of a retrieval share the English sentences."""


def least(stage: Stage, task: Task) -> float:
    """Rows that a chunk has at least; candidates of their own are encoded once, and so nothing is divided."""
    if is_trained(task):
        return CHUNK
    return math.inf if "pool" in stage.parents else SHARED_CHUNK


def chunks(stages: Sequence[Stage], rows: Callable[[Stage], Sized], at_least: float) -> Iterator[list[Stage]]:
    """Neighbouring stages, as few together as have so many rows; the last may have fewer.

    Args:
        stages: predictions.
        rows: the rows that a prepare stage made.
        at_least: rows of a chunk.
    """
    chunk: list[Stage] = []
    count = 0
    for stage in stages:
        chunk.append(stage)
        count += sum(len(rows(data)) for data in stage.parents["data"])
        if count >= at_least:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk
