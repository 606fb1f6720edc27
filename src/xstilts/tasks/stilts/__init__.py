"""The `stilts` suite: the nine English intermediate tasks of Phang et al. 2020 (arXiv 2005.13013).

Inputs are put as jiant puts them. Splits are the published ones: `dev` is what models are selected on; where a second
labelled set was published, it is `test`.
"""

from __future__ import annotations

from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.spans import squad1, squad2
from xstilts.tasks.stilts.choices import cosmosqa, csqa, hellaswag
from xstilts.tasks.stilts.pairs import anli, mnli, qqp
from xstilts.tasks.stilts.tagging import ccg


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's tasks, their files looked for below `data`."""
    return tuple(make(data) for make in (anli, mnli, qqp, squad1, squad2, hellaswag, ccg, cosmosqa, csqa))
