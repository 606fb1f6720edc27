"""The `xtreme` suite: the nine tasks of XTREME (Hu et al. 2020, arXiv 2003.11080), in the forms they are published in.

XTREME's download script takes the labels out of the test files: what it leaves has labelled dev files only, which are
divided by a hash of their sources into a part to select on (20%) and a part to report on (80%). Where the original
distribution is there as well, with its labelled test set, that is used.
"""

from __future__ import annotations

from pathlib import Path

from xstilts.tasks.base import Task
from xstilts.tasks.xtreme.bucc import bucc
from xstilts.tasks.xtreme.common import file_code
from xstilts.tasks.xtreme.pairs import pawsx, xnli
from xstilts.tasks.xtreme.qa import XQUAD_LANGUAGES, mlqa, tydiqa, xquad
from xstilts.tasks.xtreme.retrieval import TATOEBA_CODES, tatoeba
from xstilts.tasks.xtreme.tagging import PANX_CODES, UDPOS_CODES, panx, udpos

__all__ = ["file_code", "tasks"]


def tasks(data: Path | None) -> tuple[Task, ...]:
    """The suite's tasks, their files looked for below `data`."""
    suite = "xtreme"
    return (
        xnli(suite, data),
        pawsx(suite, data),
        udpos(suite, UDPOS_CODES, data),
        panx(suite, PANX_CODES, data),
        xquad(suite, XQUAD_LANGUAGES, data),
        mlqa(suite, data),
        tydiqa(suite, data),
        bucc(suite, data),
        tatoeba(suite, TATOEBA_CODES, data),
    )
