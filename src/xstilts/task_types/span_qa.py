"""Extractive question answering: the answer to a question is a part of a context."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

import numpy as np
import regex
from numpy.typing import NDArray

from xstilts.encoders.checkpoint import HeadSpec
from xstilts.task_types.base import (
    SPECIAL_TOKENS,
    Batch,
    Change,
    Count,
    Feature,
    Span,
    Tokens,
    TrainedType,
    permuted,
)
from xstilts.tasks.base import Row, Task
from xstilts.tasks.squad import Answer, SpanOptions

if TYPE_CHECKING:
    import torch

Logits = NDArray[np.float32]
Offsets = NDArray[np.int32]
"""Where tokens are in a text, [tokens, 2]: the first character, and that behind the last; -1 where there is none."""

NULL = 0
"""Position of the first token of an input: its logits stand for "no answer in this window"."""

_AT_ONCE = 256  # contexts tokenised together: the offsets of all contexts at once would fill the memory
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"(?V1)[{_UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}]]+")


@dataclass(frozen=True, slots=True)
class Window:
    """What an input holds of a context: the `offsets` of its tokens in it, and the position where they `begin`."""

    context: str
    offsets: Offsets
    begin: int


class Found(NamedTuple):
    """The best answer in one window: sum of its logits, that of "no answer", and the text."""

    score: float
    null: float
    text: str


@final
class SpanQa(TrainedType):
    """`question` and `context` → one of `answers`, by `AutoModelForQuestionAnswering`.

    A context that is too long for one input is read in windows that overlap by `doc_stride` tokens; questions are cut
    at `max_question_length`. Every window is trained on: towards the first answer where it lies inside the window,
    else towards the input's first token (Devlin et al. 2019, arXiv 1810.04805, section 4.3, and transformers'
    run_qa). A prediction is a slice of the context, without spaces at its edges; `""` where there is none.
    """

    name = "span-qa"
    auto_class = "AutoModelForQuestionAnswering"
    columns = ("question", "context", "answers")
    texts = ("question",)
    further_texts = ("context",)
    metrics: ClassVar[tuple[str, ...]] = ("squad_f1", "squad_em", "qa_f1", "qa_em", "mlqa_f1", "mlqa_em")
    gold = "answers"

    def head(self, task: Task) -> HeadSpec:
        """A head of two outputs a token."""
        return HeadSpec(task.name, self.auto_class, ("start", "end"))

    def answer(self, row: Row) -> list[str]:
        """The texts of all answers, any of which is right; none where the question has no answer."""
        return [answer["text"] for answer in row["answers"]]

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """A feature a window; the target is the first and last position of the answer."""
        options, frame = _options(task), Frame.of(tokenizer)
        passages = _passages((row["context"] for row in rows), tokenizer)
        asked = tokenizer([row["question"] for row in rows], add_special_tokens=False, verbose=False)
        longest = min(options.max_question_length, (max_length - frame.size) // 2)
        features = []
        for place, row in enumerate(rows):
            question = np.array(asked["input_ids"][place][:longest], np.int64)
            begin = len(frame.before) + len(question) + len(frame.between)
            passage = passages[row["context"]]
            answer = passage.locate(row["answers"][0]) if row["answers"] else None
            room = max_length - frame.size - len(question)
            for first, last in windows(len(passage.ids), room, options.doc_stride):
                sequence, segments = frame.around(question, passage.ids[first:last])
                inside = answer is not None and first <= answer[0] and answer[1] < last
                target = tuple(token - first + begin for token in answer or ()) if inside else (NULL, NULL)
                window = Window(row["context"], passage.offsets[first:last], begin)
                features.append(Feature(place, (sequence,), target, segments, window=window))
        return features

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The question with its context."""
        return [(row["question"], row["context"])]

    def tokens(self, texts: Sequence[str], task: Task, max_length: int, count: Count) -> int:
        """Tokens of all windows of a context, each with the question."""
        options = _options(task)
        question, context = map(count, texts)
        longest = min(options.max_question_length, (max_length - SPECIAL_TOKENS) // 2)
        asked = min(question, longest) + SPECIAL_TOKENS
        parts = windows(context, max_length - asked, options.doc_stride)
        return sum(asked + last - first for first, last in parts)

    def output(self, output: Any) -> torch.Tensor:
        """Start and end logits side by side: [batch, length, 2]."""
        import torch

        return torch.stack([output.start_logits, output.end_logits], dim=-1)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of the cross-entropies of start and end over an input's tokens; padding is left out."""
        import torch

        padding = batch.inputs["attention_mask"].to(logits.device) == 0
        targets = torch.tensor([feature.target for feature in batch.features], device=logits.device)
        filled = logits.masked_fill(padding[..., None], float("-inf"))
        return torch.nn.functional.cross_entropy(filled, targets, reduction="sum") / 2

    def decode(self, logits: Logits, feature: Feature, task: Task) -> Found:
        """The best span of a window, and the score of none."""
        options, window = _options(task), feature.window
        inside = logits[window.begin : window.begin + len(window.offsets)]
        usable = np.where(window.offsets[:, :1] >= 0, inside, -np.inf)
        spans = best_spans(usable[:, 0], usable[:, 1], options.n_best, options.max_answer_length)
        null = float(logits[NULL].sum()) - options.null_threshold if options.null_answers else -math.inf
        if not spans:
            return Found(-math.inf, null, "")
        first, last, score = spans[0]
        text = window.context[window.offsets[first, 0] : window.offsets[last, 1]]
        return Found(score, null, text)

    def join(self, predictions: Sequence[Any]) -> str:
        """The best answer of a row's windows; none if that scores less than "no answer" does in every window."""
        best = max(predictions, key=lambda found: found.score)
        null = min(found.null for found in predictions)
        return "" if null > best.score else str(best.text)

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """Every row gets the answer of another: as many words of its own context, at the same relative place.

        So the lengths of answers and their places in contexts are kept, as is the share of questions without one;
        what is lost is that the answer has to do with the question.
        """
        donors = permuted(rows, seed)
        return [
            row | {"answers": _swapped(donor, row["context"])}
            for row, donor in zip(rows, donors, strict=True)
        ]

    def perturb(self, row: Row, change: Change) -> Row:
        """The question changed, or the context: then the answers are what has become of them there."""
        spans = [(answer["start"], answer["start"] + len(answer["text"])) for answer in row["answers"]]
        context, moved = change.spans(row["context"], "context", spans)
        answers = [{"text": context[start:end], "start": start} for start, end in moved]
        question = change.text(row["question"], "question")
        return row | {"question": question, "context": context, "answers": answers}


def windows(length: int, room: int, stride: int) -> Iterator[Span]:
    """First and last token (the latter not included) of windows of at most `room` tokens that overlap by `stride`.

    The overlap is at most half the room. The windows are those of transformers' `return_overflowing_tokens`.

    Example:
        >>> list(windows(10, 6, 2))
        [(0, 6), (4, 10)]
    """
    step = room - min(stride, room // 2)
    for number in range(1 + math.ceil(max(length - room, 0) / step)):
        yield number * step, min(number * step + room, length)


def best_spans(start: Logits, end: Logits, n_best: int, longest: int) -> list[tuple[int, int, float]]:
    """The spans with the largest sums of start and end logit, best first, at most `n_best`.

    The `n_best` largest starts are paired with the `n_best` largest ends, as in transformers' run_qa; where none of
    these pairs is a span, all starts with all ends. A span has at most `longest` tokens.

    Args:
        start: start logits [tokens]; -inf where no answer may start.
        end: end logits [tokens].
        n_best: how many of each are paired.
        longest: tokens of the longest span.

    Returns:
        First token, last token and sum of the logits; empty only where there is no token to start or end at.

    Example:
        >>> best_spans(np.array([0.1, 3.0, 0.2]), np.array([4.0, 1.0, 2.0]), 2, 30)[0]
        (1, 2, 5.0)
    """
    starts, ends = (np.argsort(-logits, kind="stable")[:n_best] for logits in (start, end))
    first, last = (grid.ravel() for grid in np.meshgrid(starts, ends, indexing="ij"))
    scores = start[first] + end[last]
    fits = np.flatnonzero((last >= first) & (last - first < longest) & np.isfinite(scores))
    if not len(fits):
        return best_spans(start, end, len(start), longest)[:n_best] if n_best < len(start) else []
    best = fits[np.argsort(-scores[fits], kind="stable")][:n_best]
    return [(int(first[place]), int(last[place]), float(scores[place])) for place in best]


@dataclass(frozen=True, slots=True)
class Passage:
    """A context's tokens, without special ones. Spaces at the edges of a token are not counted as part of it."""

    ids: Tokens
    offsets: Offsets

    def locate(self, answer: Answer) -> Span | None:
        """The first and last token of an answer; None where the tokenizer left nothing of it."""
        text = answer["text"]
        start = answer["start"] + len(text) - len(text.lstrip())
        end = answer["start"] + len(text.rstrip())
        begins, stops = self.offsets.T
        before = np.flatnonzero((begins >= 0) & (begins <= start))
        if not len(before):
            return None
        first = int(before[-1])
        behind = np.flatnonzero(stops[first:] >= end)
        return (first, first + int(behind[0])) if len(behind) else None


def _passages(contexts: Iterable[str], tokenizer: Any) -> dict[str, Passage]:
    """Every distinct context tokenised once: several questions may share one."""
    distinct = list(dict.fromkeys(contexts))
    passages = {}
    for start in range(0, len(distinct), _AT_ONCE):
        some = distinct[start : start + _AT_ONCE]
        encoded = tokenizer(some, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for context, ids, offsets in zip(some, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            trimmed = [_trimmed(context, *span) for span in offsets]
            places = np.array(trimmed, np.int32).reshape(-1, 2)
            passages[context] = Passage(np.array(ids, np.int64), places)
    return passages


def _trimmed(context: str, start: int, end: int) -> Span:
    """A token's place without the spaces at its edges, which some tokenizers count in."""
    text = context[start:end]
    bare = text.strip()
    if not bare:
        return -1, -1
    start += len(text) - len(text.lstrip())
    return start, start + len(bare)


@dataclass(frozen=True)
class Frame:
    """The special tokens around a pair of texts, and the segment of each of the five parts, if there are segments."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    behind: tuple[int, ...]
    segments: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any) -> Frame:
        """The frame that a tokenizer gives, read off a pair of short texts."""
        pair = tokenizer("a", "b")
        owners, ids = pair.sequence_ids(0), tuple(pair["input_ids"])
        start, context = owners.index(0), owners.index(1)
        end, behind = start + owners.count(0), context + owners.count(1)
        kinds = pair.get("token_type_ids", ())
        edges = ((0, start), (start, end), (end, context), (context, behind), (behind, len(ids)))
        segments = tuple(kinds[first] if first < last else 0 for first, last in edges) if kinds else ()
        return cls(ids[:start], ids[end:context], ids[behind:], segments)

    @property
    def size(self) -> int:
        """Special tokens in all."""
        return len(self.before) + len(self.between) + len(self.behind)

    def around(self, question: Tokens, context: Tokens) -> tuple[Tokens, tuple[Tokens, ...]]:
        """The whole input, and the segments of its tokens."""
        parts = (self.before, question, self.between, context, self.behind)
        sequence = np.concatenate([np.asarray(part, np.int64) for part in parts])
        if not self.segments:
            return sequence, ()
        return sequence, (np.repeat(np.array(self.segments, np.int64), [len(part) for part in parts]),)


def _options(task: Task) -> SpanOptions:
    return SpanOptions(
        **{name: task.options[name] for name in SpanOptions.model_fields if name in task.options}
    )


def _swapped(donor: Row, context: str) -> list[Answer]:
    """The words of a context that are where the answer of another row is in its own."""
    if not donor["answers"]:
        return []
    answer, theirs, ours = donor["answers"][0], _words(donor["context"]), _words(context)
    start, end = answer["start"], answer["start"] + len(answer["text"])
    before = sum(stop <= start for _, stop in theirs)
    count = min(max(1, sum(begin < end for begin, _ in theirs) - before), len(ours))
    if not count:
        return []
    place = round((len(ours) - count) * before / max(len(theirs) - count, before, 1))
    begin, stop = ours[place][0], ours[place + count - 1][1]
    return [{"text": context[begin:stop], "start": begin}]


@lru_cache(maxsize=1024)
def _words(text: str) -> list[Span]:
    """Words, and single characters of scripts that are written without spaces."""
    return [match.span() for match in _WORD.finditer(text)]
