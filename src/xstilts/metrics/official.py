"""The published evaluators' rules that no task type of ours needs; the others stand with the metrics of their kind.

What XTREME's and XTREME-R's `evaluate.py` count, and which metric counts it here:

* XNLI, PAWS-X, XCOPA, Tatoeba: share of right answers, `accuracy`.
* UD-POS: F1 of chunks as seqeval 0.0.12 found them, `chunk_f1`. With seqeval 1.x the same script gives other scores.
* PAN-X: F1 of entities, `entity_f1`; here both versions of seqeval agree.
* XQuAD, TyDiQA: `squad_f1` and `squad_em`; MLQA: `mlqa_f1` and `mlqa_em`.
* BUCC: F1 of the set of mined pairs, `bucc_f1`.
* Mewsli-X: reciprocal rank of the one right entity among the first twenty, which is `map@20`. LAReQA has no published
  evaluator of files; the paper's mAP@20 is `map@20`.

Source: github.com/google-research/xtreme, commit 838c13b (Hu et al. 2020, arXiv 2003.11080; Ruder et al. 2021,
arXiv 2104.07412).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xstilts.metrics.base import Array, Metric, same_length
from xstilts.metrics.tagging import micro_f1


def _mined_statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
    """(right, mined, gold) of each source sentence, from the sets of its mined and its gold translations."""
    same_length(predictions, golds, "sentences")
    rows = np.zeros((len(golds), 3))
    for row, mined, gold in zip(rows, map(set, predictions), map(set, golds), strict=True):
        row[:] = len(mined & gold), len(mined), len(gold)
    return rows


BUCC_F1 = Metric("bucc_f1", "F1 of pairs", _mined_statistics, micro_f1, 1, rules="bucc-2018")
"""Predictions and golds are, for each source sentence, the ids of its translations; a sentence may have several."""
