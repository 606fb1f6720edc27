"""Tatoeba end to end beside mteb's own Tatoeba evaluation: wall time and scores, on the same files and model.

Both read the same sentence pairs (LASER's layout, `tatoeba.deu-eng.deu` beside `tatoeba.deu-eng.eng`), embed both sides
by the mean over the last layer's tokens, and look for the nearest English sentence of each foreign one by cosine. Time
runs from the files to the scores; loading the model is not timed. Systems take turns, each time in another order, so
that a machine that slows down slows all of them; medians are compared.

- `mteb`: mteb.evaluate on its Tatoeba task with a SentenceTransformer, all settings mteb's and the library's own.
- `xstilts fp32`: the same in the same precision. Sentences that repeat, within a language or between them, are embedded
  once; `xstilts fp32, repeats` embeds them as often as they stand in the files, as mteb does.
- `xstilts`: as `xstilts evaluate` does it, in the precision that `auto` gives on this machine.
- `xstilts, all layers`: the same with the accuracy of every layer, which is the curve that a layer is chosen on.

It needs a Python with xstilts and mteb (bench/requirements.txt); `make bench` makes one.

    python bench/retrieval.py --data DATA --out runs/bench/retrieval.json
    python bench/retrieval.py --data DATA --languages de,sw --limit 100    # a try
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is looked up elsewhere
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
from inference import MAX_LENGTH, sentence_transformer

from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_encoder
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.exporting.mteb import iso_639_3, weighted_scores
from xstilts.task_types.base import tokenise
from xstilts.task_types.vectors import Side, nearest
from xstilts.training.inference import embed
from xstilts.training.machine import resolve_precision, set_threads

XTREME = "af,ar,bg,bn,de,el,es,et,eu,fa,fi,fr,he,hi,hu,id,it,ja,jv,ka,kk,ko,ml,mr,nl,pt,ru,sw,ta,te,th,tl,tr,ur,vi,zh"
UNSTEADY = 1.3  # highest over lowest time from which a measurement is not to be trusted

Pairs = Mapping[str, tuple[list[str], list[str]]]
"""Foreign and English sentences by mteb's name of the pair of languages."""

Scores = Mapping[str, Mapping[str, float]]
"""Accuracy and F1 by pair of languages."""


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    encoder: str
    languages: tuple[str, ...]
    limit: int | None
    repetitions: int
    threads: int


@dataclass(frozen=True)
class Material:
    """Where the sentences are, and what embeds them."""

    folder: Path
    setting: Setting
    base: BaseEncoder
    model: Any

    def read(self) -> Pairs:
        """All sentences, from the files."""
        pairs = {}
        for language in self.setting.languages:
            code = iso_639_3(language)
            sides = (self.folder / f"tatoeba.{code}-eng.{side}" for side in (code, "eng"))
            foreign, english = (
                path.read_text("utf-8").rstrip("\n").split("\n")[: self.setting.limit] for path in sides
            )
            pairs[f"{code}-eng"] = foreign, english
        return pairs


def run_xstilts(given: Material, precision: str, repeats: bool = False, sweep: bool = False) -> Scores:
    """Scores as xstilts' retrieval stages get them; with `sweep` those of the last layer of all that are scored."""
    pairs, base = given.read(), given.base
    every = [text for sides in pairs.values() for side in sides for text in side]
    texts = every if repeats else list(dict.fromkeys(every))
    sequences, _ = tokenise(base.tokenizer, texts, None, MAX_LENGTH)
    vocabulary = Vocabulary.of(sequences, base.tokenizer.pad_token_id)
    model = build_encoder(base, Checkpoint.published(base), vocabulary)
    layers = range(base.layer_count + 1) if sweep else [base.layer_count]
    trimmed = [vocabulary.trim(sequence) for sequence in sequences]
    vectors = embed(model, trimmed, layers, "mean", precision)
    places = {text: place for place, text in enumerate(texts)}
    scores: dict[str, dict[str, float]] = {}
    for layer in layers:
        start = 0
        for name, (foreign, english) in pairs.items():
            if repeats:  # every line has its own vector
                middle, start = start + len(foreign), start + len(foreign) + len(english)
                sides = [np.arange(middle - len(foreign), middle), np.arange(middle, start)]
            else:
                sides = [np.array([places[text] for text in side]) for side in (foreign, english)]
            query, candidate = (Side.of(vectors[layer], side) for side in sides)
            found = nearest(query, candidate).places[:, 0]
            accuracy = float((found == np.arange(len(found))).mean())
            weighted = weighted_scores([str(x) for x in found], [str(i) for i in range(len(found))])
            scores[name] = {"accuracy": accuracy, "f1": weighted["f1"]}
    return scores


def run_mteb(given: Material) -> Scores:
    """Scores as mteb gets them, its Tatoeba fed from the files."""
    import mteb

    warnings.filterwarnings("ignore", module="mteb")
    task = local_tatoeba(given)
    result = mteb.evaluate(
        given.model, task, cache=None, overwrite_strategy="always", show_progress_bar=False, co2_tracker=False
    )
    (found,) = result.task_results
    return {row["hf_subset"]: {"accuracy": row["accuracy"], "f1": row["f1"]} for row in found.scores["test"]}


def local_tatoeba(given: Material) -> Any:
    """mteb's Tatoeba task with its sentences from the files instead of the Hub, and some of its languages alone."""
    from datasets import Dataset
    from mteb.tasks.bitext_mining.multilingual.tatoeba_bitext_mining import TatoebaBitextMining

    class LocalTatoeba(TatoebaBitextMining):  # type: ignore[misc]
        def load_data(self, *_: Any, **__: Any) -> None:
            self.dataset = {
                name: {"test": Dataset.from_dict({"sentence1": foreign, "sentence2": english})}
                for name, (foreign, english) in given.read().items()
            }
            self.data_loaded = True

    task = LocalTatoeba()
    task.hf_subsets = [f"{iso_639_3(language)}-eng" for language in given.setting.languages]
    return task


def systems(precision: str) -> dict[str, Callable[[Material], Scores]]:
    """What is measured, by name; where `auto` gives fp32, the default is measured once."""
    found: dict[str, Callable[[Material], Scores]] = {
        "mteb": run_mteb,
        "xstilts fp32": partial(run_xstilts, precision="fp32"),
        "xstilts fp32, repeats": partial(run_xstilts, precision="fp32", repeats=True),
    }
    if precision != "fp32":
        found["xstilts"] = partial(run_xstilts, precision=precision)
    found["xstilts, all layers"] = partial(run_xstilts, precision=precision, sweep=True)
    return found


def measure(given: Material, precision: str) -> tuple[dict[str, list[float]], dict[str, Scores]]:
    """Seconds of every system in every repetition, and its scores."""
    runs = systems(precision)
    small = Setting(**asdict(given.setting) | {"languages": given.setting.languages[:1], "limit": 32})
    for run in runs.values():  # memory is allocated, kernels are chosen, modules are imported
        run(Material(given.folder, small, given.base, given.model))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    scores: dict[str, Scores] = {}
    names = list(runs)
    for repetition in range(given.setting.repetitions):
        turn = repetition % len(names)
        for name in [*names[turn:], *names[:turn]]:
            started = time.perf_counter()
            scores[name] = runs[name](given)
            seconds[name].append(time.perf_counter() - started)
            print(
                f"  {repetition + 1}/{given.setting.repetitions} {name}: {seconds[name][-1]:.1f} s",
                flush=True,
            )
    return seconds, scores


def record(
    given: Material, precision: str, seconds: Mapping[str, Sequence[float]], scores: Mapping[str, Scores]
) -> dict[str, Any]:
    """What was measured, on what, and how far the scores agree."""
    every = [text for sides in given.read().values() for side in sides for text in side]
    median = {name: statistics.median(values) for name, values in seconds.items()}
    default = "xstilts" if "xstilts" in median else "xstilts fp32"
    return {
        "setting": asdict(given.setting),
        "default_precision": precision,
        "sentences": len(every),
        "distinct": len(set(every)),
        "repeated_share": 1 - len(set(every)) / len(every),
        "machine": {"processor": platform.processor() or platform.machine(), "system": platform.system()},
        "packages": {
            name: metadata.version(name)
            for name in ("mteb", "sentence-transformers", "torch", "transformers")
        },
        "seconds": dict(seconds),
        "median": median,
        "ratios": {
            "equal precision: xstilts fp32 / mteb": median["xstilts fp32"] / median["mteb"],
            "the same, repeats embedded again": median["xstilts fp32, repeats"] / median["mteb"],
            "defaults: xstilts / mteb": median[default] / median["mteb"],
            "all layers / one layer": median["xstilts, all layers"] / median[default],
        },
        "scores": scores,
        "mean": {name: _mean(by_pair) for name, by_pair in scores.items()},
        "largest_difference_from_mteb": {
            name: max(
                abs(by_pair[pair][metric] - scores["mteb"][pair][metric])
                for pair in by_pair
                for metric in ("accuracy", "f1")
            )
            for name, by_pair in scores.items()
        },
    }


def _mean(scores: Scores) -> dict[str, float]:
    return {metric: statistics.mean(one[metric] for one in scores.values()) for metric in ("accuracy", "f1")}


def print_table(result: Mapping[str, Any]) -> None:
    """Times, scores and ratios."""
    print(f"\n{'system':<24}{'median s':>10}{'lowest':>9}{'highest':>9}{'accuracy':>10}{'F1':>8}")
    for name, median in result["median"].items():
        values, mean = result["seconds"][name], result["mean"][name]
        print(
            f"{name:<24}{median:>10.1f}{min(values):>9.1f}{max(values):>9.1f}"
            f"{100 * mean['accuracy']:>10.2f}{100 * mean['f1']:>8.2f}"
        )
        if max(values) > UNSTEADY * min(values):
            print(f"  {name} was unsteady: the machine was busy. Measure again when it is not.")
    print(
        f"\n{result['sentences']} sentences, {100 * result['repeated_share']:.1f}% of them repeat; "
        f"the precision of auto is {result['default_precision']} here."
    )
    for name, ratio in result["ratios"].items():
        print(f"  {name}: {ratio:.2f}")
    for name, difference in result["largest_difference_from_mteb"].items():
        if name != "mteb":
            print(f"  {name}: scores differ from mteb's by at most {100 * difference:.2f} points")


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=os.environ.get("XSTILTS_DATA"), help="holds tatoeba/")
    parser.add_argument("--encoder", default="bundled/multilingual-e5-small")
    parser.add_argument("--languages", default=XTREME, help="comma-separated; default: XTREME's 36")
    parser.add_argument("--limit", type=int, help="take so many pairs of each language")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    folder = Path(given.data or "") / "tatoeba"
    if not folder.is_dir():
        sys.exit(
            f"{folder} is not there. Give --data DIR, or set XSTILTS_DATA: the folder that holds tatoeba/"
        )
    try:
        metadata.version("mteb")
    except metadata.PackageNotFoundError:
        sys.exit(
            "This Python has no mteb. Use the one that `make bench` makes, or pip install -r bench/requirements.txt"
        )
    languages = tuple(given.languages.split(","))
    setting = Setting(given.encoder, languages, given.limit, given.repetitions, given.threads)
    set_threads(setting.threads)
    base, precision = load_encoder(find_encoder(setting.encoder)), resolve_precision("auto")
    with tempfile.TemporaryDirectory() as scratch:
        material = Material(folder, setting, base, sentence_transformer(base, Path(scratch)))
        seconds, scores = measure(material, precision)
        result = record(material, precision, seconds, scores)
    print_table(result)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
