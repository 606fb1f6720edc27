"""Conditions applied to text and tokens.

The noise of an item depends on its key, the perturbation and the severity alone, so every arm, seed and
machine sees the same text. Where two columns of an item are perturbed, give each its own key
(`f"{item_id}#{column}"`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from xstilts.perturbations.base import Edit, Span, apply_edits, stream
from xstilts.perturbations.conditions import PERTURBATIONS, Condition
from xstilts.perturbations.graphemes import is_separator, split


@dataclass(frozen=True)
class Offsets:
    """Where the characters (code points) of a text are after a perturbation.

    `old[i]` and `new[i]` are the beginnings of the i-th grapheme cluster in `before` and of what stands for
    it in `after`; the last entry of each is the length of the text.
    """

    before: str
    after: str
    old: tuple[int, ...]
    new: tuple[int, ...]

    def __call__(self, index: int) -> int:
        """The new place of a character, never decreasing; `len(before)` gives `len(after)`."""
        if not 0 <= index <= len(self.before):
            raise IndexError(f"{index} is outside a text of {len(self.before)} characters")
        cluster = bisect_right(self.old, index) - 1
        if cluster == len(self.old) - 1:
            return self.new[-1]
        return min(self.new[cluster] + index - self.old[cluster], self.new[cluster + 1])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The new place of `before[start:end]`; marks and spaces that were put at its edges are left out.

        Empty where all of it was dropped; name the span in `keep` of `perturb_with_offsets` to rule that out.
        """
        left, right = self(start), self(end)
        if start < end and not is_separator(self.before[start]):
            while left < right and is_separator(self.after[left]):
                left += 1
        if start < end and not is_separator(self.before[end - 1]):
            while left < right and is_separator(self.after[right - 1]):
                right -= 1
        return left, right


def perturb_text(text: str, language: str, condition: Condition, item_key: str) -> str:
    """The text under a condition. A text that is not blank never becomes blank.

    Args:
        text: any text; NFC stays NFC.
        language: BCP-47; decides keyboard layout, punctuation, and whether the perturbation acts at all.
        condition: what to do; its role is the caller's affair.
        item_key: what the noise depends on; the same for all arms and seeds.

    Example:
        >>> perturb_text("The quick brown fox", "en", Condition.parse("typos@5"), "demo/test/1")
        'The quickk bowh fox'
    """
    return perturb_with_offsets(text, language, condition, item_key)[0]


def perturb_with_offsets(
    text: str, language: str, condition: Condition, item_key: str, keep: Iterable[tuple[int, int]] = ()
) -> tuple[str, Offsets]:
    """The text under a condition, and where its characters went.

    `keep` lists spans (start, end, in characters) that must stay findable, such as answers: noise in characters
    leaves something of each, noise in words and content leaves each as it is, unless all texts are changed in
    step. Other arguments as in `perturb_text`.

    Example:
        >>> typos = Condition.parse("typos@4")
        >>> text, moved = perturb_with_offsets("Made in Paris, France", "en", typos, "demo/test/7")
        >>> start, end = moved.span(8, 13)
        >>> text, text[start:end]
        ('MMade jn Paris, Frnce', 'Paris')
    """
    clusters = split(text)
    old = tuple(accumulate(map(len, clusters), initial=0))
    spans = [(bisect_right(old, start) - 1, bisect_right(old, end - 1)) for start, end in keep]
    pieces = perturb_clusters(clusters, language, condition, item_key, spans)
    _keep_filled(clusters, pieces, [(0, len(clusters)), *spans])
    after = "".join(pieces)
    return after, Offsets(text, after, old, tuple(accumulate(map(len, pieces), initial=0)))


def perturb_tokens(tokens: Sequence[str], language: str, condition: Condition, item_key: str) -> list[str]:
    """Tokens under a condition: as many as before, none emptied, no white space put into any.

    Perturbations that act on the space between words leave tokens as they are (`Perturbation.on_tokens`).

    Example:
        >>> casing = Condition.parse("casing@5")
        >>> perturb_tokens(["She", "lives", "in", "New", "York"], "en", casing, "demo/test/1")
        ['shE', 'LIVES', 'IN', 'new', 'YorK']
    """
    if condition.modality != "text" or not PERTURBATIONS[condition.name].on_tokens:
        return list(tokens)
    split_tokens = [split(token) for token in tokens]
    ends = list(accumulate(len(parts) + 1 for parts in split_tokens))  # a space after every token
    clusters = [cluster for parts in split_tokens for cluster in (*parts, " ")]
    pieces = perturb_clusters(clusters, language, condition, item_key)
    solid = [
        new if old.isspace() else "".join(new.split()) for old, new in zip(clusters, pieces, strict=True)
    ]
    spans = [(end - len(parts) - 1, end - 1) for end, parts in zip(ends, split_tokens, strict=True)]
    _keep_filled(clusters, solid, spans)
    return ["".join(solid[start:stop]) for start, stop in spans]


def perturb_clusters(
    clusters: Sequence[str],
    language: str,
    condition: Condition,
    item_key: str,
    keep: Sequence[Span] = (),
) -> list[str]:
    """The pieces that stand for grapheme clusters under a condition, one for one; empty if dropped.

    `keep` lists spans of clusters that noise in words and content leaves as they are; where texts are changed in step,
    what lies in a span or around it is changed, and what a span would cut is left as it is.
    """
    if condition.modality != "text" or not condition.acts_on(language):
        return list(clusters)
    perturbation = PERTURBATIONS[condition.name]
    rng = stream(item_key, condition.name, condition.severity)
    change = perturbation.function(language, condition.folder)
    edits = change(clusters, language, perturbation.rate(condition.severity), rng)
    if keep and perturbation.keeps_spans:
        edits = (edit for edit in edits if not _touches(edit, keep))
    elif keep and perturbation.in_step:
        edits = (edit for edit in edits if not _is_cut(edit, keep))
    return apply_edits(clusters, edits)


def _touches(edit: Edit, spans: Iterable[Span]) -> bool:
    first, last = edit[0], edit[0] + len(edit[1])
    return any(first < stop and start < last for start, stop in spans)


def _is_cut(edit: Edit, spans: Iterable[Span]) -> bool:
    """Whether a span begins or ends between the clusters that are replaced together."""
    inside = range(edit[0] + 1, edit[0] + len(edit[1]))
    return any(start in inside or stop in inside for start, stop in spans)


def _keep_filled(clusters: Sequence[str], pieces: list[str], spans: Iterable[Span]) -> None:
    for start, stop in spans:
        if not "".join(pieces[start:stop]).strip():
            pieces[start:stop] = clusters[start:stop]
