"""Pieces of messages."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], at_most: int) -> str:
    """The first few of some names, and how many there are beside them.

    Example:
        >>> listed(["de", "fr", "sw"], 2)
        'de, fr and 1 more'
    """
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more
