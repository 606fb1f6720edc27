"""The `iglue` suite: IGLUE's five tasks (Bugliarello et al. 2022, arXiv 2201.11732), in its own annotation formats.

Annotations are those of IGLUE's repository; images are not in it and come from six sites. Averages over languages
leave English out, as IGLUE's do. Splits `few-shot@K` hold the rows of K images (MaRVL: of K concepts) in a language,
the split `translate-test` the test rows as IGLUE had them translated into English by a machine.
"""

from __future__ import annotations

from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.iglue.classification import marvl, xgqa, xvnli
from xstilts.tasks.iglue.retrieval import wit, xflickrco

__all__ = ["tasks"]


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's tasks, their files looked for below `data`."""
    return (xvnli(data), xgqa(data), marvl(data), xflickrco(data), wit(data))
