"""Which rows are used: set aside for dev where a task comes without dev files, or a part of all for trying out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xstilts.errors import DataError
from xstilts.hashing import short_hash
from xstilts.tasks.base import Row

TEST_SHARE = 0.2
"""Share of the sources that is set aside for dev where only one labelled test split was published."""

_HASH_DIGITS = 13  # 52 bits: exact in a float


def carve_dev(rows: list[Row], share: float = 0.1, at_most: int = 1000) -> tuple[list[Row], list[Row]]:
    """Set some rows aside by a hash of their source: `(rest, dev)`, each in the given order.

    A source is for dev if its hash, as a number in [0, 1), is below `share`: the same sources in every
    language, whatever the order of the rows. At most `at_most` rows, at least one source where there are two.
    Rows about one `context` stay together, under the first of their sources: no text is trained on and tested on.

    Example:
        >>> rest, dev = carve_dev([{"source": str(number)} for number in range(1000)])
        >>> len(rest), len(dev)
        (894, 106)
    """
    heads = _heads(rows)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(heads[row["source"]], []).append(row)
    ranked = sorted(groups, key=_hash)
    chosen: set[str] = set()
    count = 0
    for head in ranked[:-1]:
        count += len(groups[head])
        if chosen and (_hash(head) >= share or count > at_most):
            break
        chosen.add(head)
    return [row for row in rows if heads[row["source"]] not in chosen], [
        row for row in rows if heads[row["source"]] in chosen
    ]


def used(rows: list[Row], spec: Mapping[str, Any]) -> list[Row]:
    """Those of the rows of a split and language that the spec of a prepare stage asks for.

    Raises:
        DataError: it asks for more sources than there are.
    """
    if "shots" not in spec:
        return sample(rows, spec["examples"], spec["limit"])
    try:
        return shots(rows, *spec["shots"])
    except DataError as error:
        place = f"{spec['task']['name']}, {spec['split']}, {spec['language']}"
        raise DataError(f"{place}: few-shot@{spec['shots'][0]} {error}") from None


def shots(rows: list[Row], count: int, seed: int) -> list[Row]:
    """The rows of `count` sources, drawn by a seed: the same in every language, and fewer of them are among more.

    Raises:
        DataError: there are fewer sources.

    Example:
        >>> rows = [{"source": str(number)} for number in range(9)]
        >>> shots(rows, 1, seed=0)[0] in shots(rows, 2, seed=0)
        True
    """
    sources = sorted({row["source"] for row in rows}, key=lambda source: short_hash(f"shots/{seed}/{source}"))
    if len(sources) < count:
        raise DataError(f"needs rows of {count} sources, and there are {len(sources)}")
    wanted = set(sources[:count])
    return [row for row in rows if row["source"] in wanted]


def sample(rows: list[Row], examples: tuple[str, int] | None, limit: int | None) -> list[Row]:
    """So many `examples`, and the rows of `limit` sources: by their hash, so the same sources in every language.

    Args:
        rows: of one split and language.
        examples: how many rows, and which: `first`, or `hash` for those with the smallest; None: all.
        limit: of how many sources; None: of all.

    Example:
        >>> sample([{"id": str(number), "source": "1"} for number in range(9)], ("first", 2), None)
        [{'id': '0', 'source': '1'}, {'id': '1', 'source': '1'}]
    """
    if examples is not None:
        order, count = examples
        chosen = (
            rows if order == "first" else sorted(rows, key=lambda row: short_hash(f"examples/{row['id']}"))
        )
        kept = {row["id"] for row in chosen[:count]}
        rows = [row for row in rows if row["id"] in kept]
    if limit is not None:
        sources = sorted({row["source"] for row in rows}, key=lambda source: short_hash(f"limit/{source}"))
        wanted = set(sources[:limit])
        rows = [row for row in rows if row["source"] in wanted]
    return rows


def _heads(rows: list[Row]) -> dict[str, str]:
    """The source under whose hash each source is kept or set aside: its own, or the first of its context."""
    first: dict[str, str] = {}
    for row in rows:
        if "context" in row:
            first[row["context"]] = min(row["source"], first.get(row["context"], row["source"]))
    return {row["source"]: first.get(row.get("context", ""), str(row["source"])) for row in rows}


def _hash(source: str) -> float:
    """A number in [0, 1) that is a source's own."""
    return float(int(short_hash(source, _HASH_DIGITS), 16) / 16**_HASH_DIGITS)
