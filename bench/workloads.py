"""What speed is measured on: inputs of known lengths made of pocket/intents, and the machine's own limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from xstilts.encoders.base import EncoderSpec, find_encoder
from xstilts.room import encoder_shape
from xstilts.task_types import get_trained_type
from xstilts.task_types.base import Feature
from xstilts.tasks import Catalogue
from xstilts.tasks.base import PackageSource, Row, Task


@dataclass(frozen=True)
class Workload:
    """Inputs of one kind: `make(texts, count)` gives rows, `padded` is the length that XTREME's scripts pad them to."""

    about: str
    type: str
    make: Callable[[Sequence[str], int, Random], list[Row]]
    padded: int


@dataclass(frozen=True)
class Material:
    """A task and its examples, tokenised."""

    encoder: EncoderSpec
    task: Task
    features: Sequence[Feature]
    padded: int

    def flops(self, examples: int) -> float:
        """FLOPs that training on so many examples needs: padding, recomputation and what no loss reads are left out.

        6 a weight and token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and 12 · width · tokens² a layer for
        the products of attention, a third of them in the forward pass. Where the head reads the first token alone, the
        last layer (four times as wide inside) needs all tokens' keys and values, a sixth of its weights, and the rest
        for one token.
        """
        shape = encoder_shape(self.encoder)
        lengths = [feature.length for feature in self.features[:examples]]
        tokens, squares = sum(lengths), sum(length**2 for length in lengths)
        a_layer = shape.body / shape.layers
        needed = 6.0 * shape.body * tokens + 12.0 * shape.layers * shape.width * squares
        if self.task.type == "classification":
            others = tokens - len(lengths)
            needed -= 5.0 * a_layer * others + 12.0 * shape.width * (squares - tokens)
        return needed


def _pairs(texts: Sequence[str], count: int, random: Random) -> list[Row]:
    return [
        {"text": _joined(texts, random, 1, 7), "text_pair": _joined(texts, random, 1, 7), "label": f"{n % 3}"}
        for n in range(count)
    ]


def _short(texts: Sequence[str], count: int, random: Random) -> list[Row]:
    return [{"text": _joined(texts, random, 1, 2), "label": f"{n % 3}"} for n in range(count)]


def _contexts(texts: Sequence[str], count: int, random: Random) -> list[Row]:
    rows: list[Row] = []
    for _ in range(count):
        parts = random.choices(texts, k=60)
        context = ". ".join(parts)
        answer = parts[random.randrange(6)]
        rows.append(
            {
                "question": random.choice(texts),
                "context": context,
                "answers": [{"text": answer, "start": context.index(answer)}],
            }
        )
    return rows


def _joined(texts: Sequence[str], random: Random, least: int, most: int) -> str:
    return ". ".join(random.choices(texts, k=random.randint(least, most)))


WORKLOADS = {
    "pairs": Workload("pairs of sentences", "classification", _pairs, 128),
    "short": Workload("short utterances", "classification", _short, 128),
    "contexts": Workload("questions on contexts, in windows of 384 tokens", "span-qa", _contexts, 384),
}


def material(name: str, encoder: str, count: int) -> Material:
    """So many examples of a workload; of a long context only the first window, so that an example is one input."""
    from transformers import AutoTokenizer

    work, spec = WORKLOADS[name], find_encoder(encoder)
    texts = [row["text"] for row in Catalogue().get("pocket/intents").source.rows("train", "en")]
    rows = [row | {"id": str(n)} for n, row in enumerate(work.make(texts, count, Random(0)))]
    source = PackageSource(lambda split, language: rows, {}, (), 1)
    labels = ("0", "1", "2") if work.type == "classification" else ()
    task = Task(f"bench/{name}", work.type, source, ("en",), "", labels=labels)
    tokenizer = AutoTokenizer.from_pretrained(spec.folder)
    encoded = get_trained_type(work.type).encode(rows, tokenizer, task, work.padded)
    first = {feature.row: feature for feature in reversed(encoded)}
    features = [replace(first[place], row=place) for place in range(count)]
    return Material(spec, task, features, work.padded)


def ceilings(threads: int) -> dict[str, float]:
    """What the machine reaches at best: matrix products in fp32 and bf16 (FLOP/s), and copying memory (bytes/s)."""
    import torch

    torch.set_num_threads(threads)
    found = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        left, right = (torch.randn(2048, 2048).to(kind) for _ in range(2))
        found[name] = 2 * 2048**3 / _fastest(partial(torch.matmul, left, right))
    source = torch.randn(2**26)
    target = torch.empty_like(source)
    found["memory"] = 2 * source.numel() * 4 / _fastest(lambda: target.copy_(source))
    return found


def _fastest(work: Callable[[], Any], repetitions: int = 8) -> float:
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
