"""Entity F1, chunk F1 and token accuracy: metrics of tag sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xstilts.errors import DataError
from xstilts.metrics.base import Array, Metric, Statistics, ratio, same_length
from xstilts.metrics.classification import EXACT_MATCH, share

Entity = tuple[str, int, int]
"""Type, first token, last token."""

_ENDS = {"BB", "BS", "BO", "IB", "IS", "IO"}
_STARTS = {"EE", "EI", "SE", "SI", "OE", "OI"}


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one sentence, by the chunk rules of conlleval as seqeval 1.2.2 applies them by default.

    An `I-` that no `B-` opened opens an entity; a change of type closes one; `E-` and `S-` are honoured; a
    tag without a prefix reads its first character as the prefix and the rest as the type (`PER` is `P` +
    `ER`). Sentences are independent; seqeval joins them with `O`, which differs only for tags of one
    character other than O, B, I, E and S.

    Source: `conlleval.pl` (CoNLL-2000); seqeval `get_entities` (mode "default").

    Example:
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
        [('PER', 0, 1), ('LOC', 3, 3)]
    """
    return _runs([_split(tag) for tag in tags], _split("O"))


def chunks(tags: Sequence[str]) -> list[Entity]:
    """The chunks of one sentence as seqeval 0.0.12 counted them, which XTREME's POS scores are made of.

    Its type of a tag is the whole tag, or what follows its last `-`; its prefix is the first letter all the same.
    So neighbouring tokens of one tag are one chunk (`NOUN NOUN` is one answer, right or wrong as a whole), except
    that a tag in `S` (`SCONJ`, `SYM`) is a chunk a token, as `S-` is in entities.

    Source: seqeval 0.0.12, `get_entities`; later versions take `OUN` for the type of `NOUN`.

    Example:
        >>> chunks(["NOUN", "NOUN", "SYM", "SYM", "VERB"])
        [('NOUN', 0, 1), ('SYM', 2, 2), ('SYM', 3, 3), ('VERB', 4, 4)]
    """
    return _runs([(_prefix(tag), tag.rpartition("-")[2]) for tag in tags], ("O", "O"))


def _runs(tags: Sequence[tuple[str, str]], outside: tuple[str, str]) -> list[Entity]:
    """The entities of a sentence of (prefix, type) pairs; `outside` is the pair that closes it."""
    found: list[Entity] = []
    before, before_type, begin = "O", "", 0
    for position, (tag, kind) in enumerate([*tags, outside]):
        if _ends(before, tag, before_type == kind):
            found.append((before_type, begin, position - 1))
        if _starts(before, tag, before_type == kind):
            begin = position
        before, before_type = tag, kind
    return found


def _split(text: str) -> tuple[str, str]:
    return _prefix(text), text[1:].split("-", maxsplit=1)[-1] or "_"


def _prefix(text: str) -> str:
    if not text:
        raise DataError(
            "a token has an empty tag. Expected O, or B-TYPE, or I-TYPE: xstilts validate PREDICTIONS"
        )
    return text[0]


def _ends(before: str, tag: str, same_type: bool) -> bool:
    return before in "ES" or before + tag in _ENDS or (before not in "O." and not same_type)


def _starts(before: str, tag: str, same_type: bool) -> bool:
    return tag in "BS" or before + tag in _STARTS or (tag not in "O." and not same_type)


def _statistics_of(find: Callable[[Sequence[str]], list[Entity]]) -> Statistics:
    """(entities right, predicted, gold) of each sentence."""

    def statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
        same_length(predictions, golds)
        rows = np.zeros((len(golds), 3))
        for row, predicted, gold in zip(rows, predictions, golds, strict=True):
            same_length(predicted, gold, "tokens of one sentence")
            found, true = set(find(predicted)), set(find(gold))
            row[:] = len(found & true), len(found), len(true)
        return rows

    return statistics


def micro_f1(totals: Array) -> Array:
    """Micro-averaged F1: 2·right / (predicted + gold)."""
    return ratio(2 * totals[..., 0], totals[..., 1] + totals[..., 2])


def _token_statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
    """(tokens right, tokens) of each sentence."""
    same_length(predictions, golds)
    rows = np.zeros((len(golds), 2))
    for row, predicted, gold in zip(rows, predictions, golds, strict=True):
        same_length(predicted, gold, "tokens of one sentence")
        row[:] = sum(p == g for p, g in zip(predicted, gold, strict=True)), len(gold)
    return rows


ENTITY_F1 = Metric("entity_f1", "Entity F1", _statistics_of(entities), micro_f1, 1, rules="seqeval-1.2.2")
CHUNK_F1 = Metric("chunk_f1", "Chunk F1", _statistics_of(chunks), micro_f1, 1, rules="seqeval-0.0.12")
TOKEN_ACCURACY = Metric("token_accuracy", "Token accuracy", _token_statistics, share, 1, rules=EXACT_MATCH)
