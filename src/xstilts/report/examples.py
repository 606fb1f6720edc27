"""The examples of a run, put for the page: texts cut to what can be read at a glance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xstilts.report.visible import cut

if TYPE_CHECKING:
    from xstilts.results import Results

LONGEST = 280
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Example:
    """One test item: its texts by column, the right answer, and what baseline and arm answer."""

    language: str
    item: str
    better: bool
    texts: dict[str, str]
    gold: str
    baseline: str
    answer: str


@dataclass(frozen=True)
class Group:
    """The examples of one arm on one target; of `items`, the arm scores higher on `better` and lower on `worse`."""

    target: str
    arm: str
    seed: int
    items: int
    better: int
    worse: int
    examples: list[Example]


def shown_examples(results: Results) -> list[Group]:
    """The examples of each arm on each target; none where the run kept none."""
    found: dict[tuple[str, str], list[Example]] = {}
    for row in results.examples:
        found.setdefault((row["task"], row["arm"]), []).append(_example(row))
    groups = []
    for row in results.run.get("differences", ()):
        examples = found.get((row["task"], row["arm"]))
        if examples:
            counts = row["items"], row["better"], row["worse"]
            groups.append(Group(row["task"], row["arm"], row["seed"], *counts, examples))
    return groups


def _example(row: dict[str, Any]) -> Example:
    texts = {name: cut(text, LONGEST) for name, text in json.loads(row["texts"]).items()}
    told = (cut(row[name], LONGEST) for name in ("gold", "baseline", "answer"))
    return Example(row["language"], row["item"], row["better"] == "arm", texts, *told)
