"""Labels that a training file has in one row alone: often a slip of the keyboard."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches

from xstilts.tasks.base import Source
from xstilts.tasks.files import FilesSource
from xstilts.wording import listed

_SHOWN = 5


def rare_labels(source: Source, language: str) -> list[str]:
    """Sentences about labels of one training row alone; none where a task declares its labels, or has none.

    Example:
        >>> rare_labels(task.source, "en")  # doctest: +SKIP
        ["my/mood, train, en (train-en.tsv): the label 'goood' is in one row only. Is 'good' meant?"]
    """
    if not isinstance(source, FilesSource) or source.spec.labels is not None or not source.labels:
        return []
    rows, files = source.training(language)
    counts = Counter(label for row in rows for label in (row["tags"] if "tags" in row else [row["label"]]))
    single = [label for label, count in counts.items() if count == 1]
    often = [label for label, count in counts.items() if count > 1]
    if not often:
        return []
    found = []
    for label in sorted(single)[:_SHOWN]:
        close = get_close_matches(label, often, n=1, cutoff=0.7)
        hint = f". Is {close[0]!r} meant?" if close else ""
        found.append(
            f"{source.name}, train, {language} ({listed(files, 2)}): the label {label!r} is in one row only{hint}"
        )
    more = len(single) - _SHOWN
    return (
        [*found, f"{source.name}: {more} more label{'s' * (more > 1)} in one row only"] if more > 0 else found
    )
