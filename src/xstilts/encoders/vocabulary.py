"""Vocabulary trimming: a stage trains, and holds in memory, only the embedding rows that its data uses.

Rows that no batch uses get no gradient, and without weight decay AdamW leaves them as they were: training the
trimmed table is the same as training the whole one, at a hundredth of the memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_LARGEST_PAD_ID = 1000


@dataclass(frozen=True)
class Vocabulary:
    """The token ids in use, sorted; the position in `ids` is the trimmed id.

    Example:
        >>> vocabulary = Vocabulary.of([np.array([0, 7, 5, 2])], pad_id=1)
        >>> vocabulary.ids.tolist(), vocabulary.trim(np.array([5, 1])).tolist()
        ([0, 1, 2, 5, 7], [3, 1])
    """

    ids: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Iterable[NDArray[np.int64]], pad_id: int) -> Vocabulary:
        """The vocabulary of some tokenised texts.

        Every id up to the padding's is kept, so that padding keeps its id: RoBERTa-like models count positions
        from it.
        """
        first = np.arange(pad_id + 1) if pad_id <= _LARGEST_PAD_ID else np.array([pad_id])
        parts = [np.unique(sequence) for sequence in sequences]
        return cls(np.unique(np.concatenate([first, *parts]).astype(np.int64)))

    def trim(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Trimmed ids of full ids. Every id must be in the vocabulary."""
        return np.searchsorted(self.ids, ids)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Rows:
    """Embedding rows that differ from the published ones: `ids` [n] sorted, `values` [n, width]."""

    ids: NDArray[np.int64]
    values: torch.Tensor

    def over(self, below: Rows) -> Rows:
        """These rows laid over others: where both have a row, this one's holds."""
        import torch

        kept = ~np.isin(below.ids, self.ids)
        ids = np.concatenate([self.ids, below.ids[kept]])
        values = torch.cat([self.values, below.values[torch.from_numpy(kept)]])
        order = np.argsort(ids)
        return Rows(ids[order], values[torch.from_numpy(order)])


def gather_rows(embeddings: torch.Tensor, changed: Rows | None, ids: NDArray[np.int64]) -> torch.Tensor:
    """Rows `ids` of an embedding table with `changed` laid over it: a copy of shape [len(ids), width]."""
    import torch

    values = embeddings[torch.from_numpy(ids)].clone()
    if changed is not None and len(changed.ids):
        place = np.searchsorted(changed.ids, ids).clip(max=len(changed.ids) - 1)
        hit = changed.ids[place] == ids
        values[torch.from_numpy(hit)] = changed.values[torch.from_numpy(place[hit])]
    return values


def trimmed_config(config: Any, vocabulary: Vocabulary, pad_id: int) -> Any:
    """A copy of a model's configuration for the trimmed vocabulary."""
    import copy

    trimmed = copy.deepcopy(config)
    trimmed.vocab_size = len(vocabulary)
    trimmed.pad_token_id = int(vocabulary.trim(np.array([pad_id]))[0])
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "decoder_start_token_id"):
        if getattr(trimmed, name, None) is not None:
            setattr(trimmed, name, None)
    return trimmed
