"""Speed of sentence vectors beside sentence-transformers: texts of 20 languages, the same model, taken in turns.

- `sentence-transformers`: `encode` as it is set by default: fp32, batches of 32.
- `sentence-transformers bf16`: the same with the model in bf16.
- `xstilts fp32` and `xstilts bf16`: what a predict stage does, from texts to vectors.

Texts are messages of pocket/messages, each once, so that nothing is gained by encoding repeats once; what that gains is
told by bench/retrieval.py. Time runs from the texts to the vectors; loading the model is not timed, trimming its
vocabulary is. Systems take turns, each time in another order, and medians are compared.

    python bench/inference.py --out runs/bench/inference.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_encoder
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.exporting.sentence_files import write_modules
from xstilts.model_card import SentenceVectors
from xstilts.task_types.base import tokenise
from xstilts.tasks import Catalogue
from xstilts.training.inference import embed
from xstilts.training.machine import resolve_precision, set_threads

LANGUAGES = "ar,bg,de,el,en,es,fa,fi,fr,he,hi,id,ja,ko,ru,sw,th,tr,uk,zh-Hans"
MAX_LENGTH = 128
UNSTEADY = 1.3  # highest over lowest time from which a measurement is not to be trusted

Vectors = NDArray[np.float32]


def texts_of(languages: list[str], limit: int) -> list[str]:
    """Messages of each language, no text twice."""
    source = Catalogue().get("pocket/messages").source
    have = source.languages("test")
    found = [
        row["text" if code in have else "target"]
        for code in languages
        for row in source.rows("test", code if code in have else have[0])[:limit]
    ]
    return list(dict.fromkeys(found))


def sentence_transformer(base: BaseEncoder, folder: Path) -> Any:
    """The encoder for sentence-transformers: mean over the last layer's tokens, unit length."""
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    model = AutoModel.from_pretrained(base.spec.folder, config=base.config)
    model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    write_modules(
        folder, SentenceVectors(None, "mean", "none", "", "", MAX_LENGTH), model.config.hidden_size, None, {}
    )
    return SentenceTransformer(str(folder), device="cpu")


def run_xstilts(base: BaseEncoder, texts: list[str], precision: str) -> Vectors:
    """Vectors as retrieval stages make them."""
    sequences, _ = tokenise(base.tokenizer, texts, None, MAX_LENGTH)
    vocabulary = Vocabulary.of(sequences, base.tokenizer.pad_token_id)
    model = build_encoder(base, Checkpoint.published(base), vocabulary)
    trimmed = [vocabulary.trim(sequence) for sequence in sequences]
    vectors = embed(model, trimmed, [base.layer_count], "mean", precision)[base.layer_count]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def systems(base: BaseEncoder, folder: Path, precision: str) -> dict[str, Callable[[list[str]], Vectors]]:
    """What is measured, by name."""
    import torch

    plain = sentence_transformer(base, folder / "fp32")
    found: dict[str, Callable[[list[str]], Vectors]] = {
        "sentence-transformers": plain.encode,
        "xstilts fp32": partial(run_xstilts, base, precision="fp32"),
    }
    if precision == "bf16":
        lowered = sentence_transformer(base, folder / "bf16").to(torch.bfloat16)
        found["sentence-transformers bf16"] = lambda texts: (
            lowered.encode(texts, convert_to_tensor=True).float().numpy()
        )
        found["xstilts bf16"] = partial(run_xstilts, base, precision="bf16")
    return found


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", default="bundled/multilingual-e5-small")
    parser.add_argument("--languages", default=LANGUAGES, help="comma-separated")
    parser.add_argument("--limit", type=int, default=150, help="texts a language")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    set_threads(given.threads)
    base, precision = load_encoder(find_encoder(given.encoder)), resolve_precision("auto")
    texts = texts_of(given.languages.split(","), given.limit)
    with tempfile.TemporaryDirectory() as scratch:
        runs = systems(base, Path(scratch), precision)
        vectors = {
            name: run(texts[:64]) for name, run in runs.items()
        }  # kernels are chosen, memory is allocated
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        names = list(runs)
        for repetition in range(given.repetitions):
            turn = repetition % len(names)
            for name in [*names[turn:], *names[:turn]]:
                started = time.perf_counter()
                vectors[name] = runs[name](texts)
                seconds[name].append(time.perf_counter() - started)
    result = record(texts, seconds, vectors, precision, vars(given))
    print_table(result)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=1, default=str) + "\n", "utf-8")


def record(
    texts: list[str],
    seconds: dict[str, list[float]],
    vectors: dict[str, Vectors],
    precision: str,
    setting: dict[str, Any],
) -> dict[str, Any]:
    """What was measured, and how close all vectors are to those of the default."""
    median = {name: statistics.median(values) for name, values in seconds.items()}
    reference, ours = vectors["sentence-transformers"], f"xstilts {precision}"
    ratios = {
        "equal precision, fp32": median["sentence-transformers"] / median["xstilts fp32"],
        "defaults": median["sentence-transformers"] / median[ours],
    }
    if precision == "bf16":
        ratios["equal precision, bf16"] = median["sentence-transformers bf16"] / median[ours]
    return {
        "setting": setting,
        "texts": len(texts),
        "seconds": seconds,
        "median": median,
        "times_as_fast": ratios,
        "least_cosine": {name: float((found * reference).sum(1).min()) for name, found in vectors.items()},
    }


def print_table(result: dict[str, Any]) -> None:
    """Times, ratios, and how close the vectors are."""
    print(
        f"{result['texts']} texts\n{'system':<28}{'median s':>10}{'lowest':>9}{'highest':>9}{'least cosine':>14}"
    )
    for name, median in result["median"].items():
        values = result["seconds"][name]
        print(
            f"{name:<28}{median:>10.1f}{min(values):>9.1f}{max(values):>9.1f}{result['least_cosine'][name]:>14.5f}"
        )
        if max(values) > UNSTEADY * min(values):
            print(f"  {name} was unsteady: the machine was busy. Measure again when it is not.")
    for name, ratio in result["times_as_fast"].items():
        print(f"  {name}: xstilts is {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
