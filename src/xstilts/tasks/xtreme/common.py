"""What the tasks of XTREME and XTREME-R share: where files come from, codes of languages, rows without answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from xstilts.languages import normalise
from xstilts.tasks.base import Row
from xstilts.tasks.problems import raw_lines
from xstilts.tasks.readers import ReadOptions, read

DOWNLOAD = "https://github.com/google-research/xtreme: scripts/download_data.sh"
TREE = "xtreme-download"
"""The name of the layout that XTREME's download script leaves."""

REPORTED = "dev, 80% of its sources"
"""What is reported on where the test files have no labels: XTREME's script takes them out."""

HUB = "google/xtreme"

_OWN_CODES = {normalise(code): code for code in ("tl",)}


def file_code(language: str) -> str:
    """The code of a language in XTREME's file names: two letters, `tl` for Filipino.

    Example:
        >>> [file_code(language) for language in ("de", "fil", "zh")]
        ['de', 'tl', 'zh']
    """
    return _OWN_CODES.get(language, language)


def tags(codes: Sequence[str]) -> tuple[str, ...]:
    """Language tags of XTREME's codes, sorted."""
    return tuple(sorted(normalise(code) for code in codes))


def unlabelled_pairs(label: str) -> Callable[..., list[Row]]:
    """Builds rows of text pairs from a two-column table; `label` stands where an answer would."""

    def build(path: Path) -> list[Row]:
        records = read(path, "tsv", ReadOptions(header=False, quoting="csv"))
        return [{"text": one["0"], "text_pair": one["1"], "label": label} for _, one in records]

    return build


def unlabelled_tokens(tag: str) -> Callable[..., list[Row]]:
    """Builds rows of tokens from a file with a token a line and a blank line between sentences."""

    def build(path: Path) -> list[Row]:
        sentences: list[list[str]] = [[]]
        for _, line in raw_lines(path):
            token = line.strip("\r\n").split("\t")[0]
            if token.strip(" "):
                sentences[-1].append(token)
            elif sentences[-1]:
                sentences.append([])
        return [{"tokens": tokens, "tags": [tag] * len(tokens)} for tokens in sentences if tokens]

    return build
