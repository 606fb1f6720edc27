"""Speed of xstilts' training loop beside transformers.Trainer: updates on the same examples, taken in turns.

Three systems train one classifier from the same weights on the same examples, the same number in each update:

- `xstilts`: the loop as every stage uses it (length-bucketed batches, trimmed vocabulary, precision `auto`).
- `trainer-xtreme`: transformers.Trainer as the scripts of XTREME set it: every input padded to 128 tokens, fp32.
- `trainer-tuned`: transformers.Trainer set well: padded to the longest of a batch, grouped by length, fused AdamW,
  the same precision as xstilts.

Tokenising and building models are not timed. Inputs are requests of pocket/intents, one to six of them joined, so that
lengths spread about as those of sentence pairs do; their distribution is in the output, since padding is what makes
the difference. Repetitions alternate between the systems, each time in another order, so that a machine that slows
down slows all of them; medians are compared.

    python bench/train.py --out runs/bench/train.json
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.task_types import get_trained_type
from xstilts.task_types.base import Feature
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row, Task
from xstilts.training.loop import Optimisation, TaskData, fit
from xstilts.training.machine import device, resolve_precision, set_threads

TASK = "pocket/intents"
LEARNING_RATE = 2e-5
MAX_LENGTH = 128
UNSTEADY = 1.3  # highest over lowest speed from which a measurement is not to be trusted
WARM_UP = 2  # updates before the first timing: memory is allocated, kernels are chosen


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    encoder: str
    batch_size: int
    updates: int
    repetitions: int
    threads: int
    precision: str


@dataclass(frozen=True)
class Material:
    """One classification task, tokenised."""

    base: BaseEncoder
    task: Task
    features: Sequence[Feature]


Run = Callable[[Material, Setting, int], float]
"""(material, setting, updates) → seconds of training."""


def joined(rows: Sequence[Row], count: int, seed: int = 0) -> list[Row]:
    """Rows of one to six texts in one; the label is the first text's."""
    random = Random(seed)
    drawn = [random.choices(rows, k=random.randint(1, 6)) for _ in range(count)]
    return [{"text": ". ".join(row["text"] for row in group), "label": group[0]["label"]} for group in drawn]


def material(setting: Setting) -> Material:
    """Encoder and tokenised examples: as many as the updates need, so that each is seen once."""
    base, task = load_encoder(find_encoder(setting.encoder)), Catalogue().get(TASK)
    rows = joined(task.source.rows("train", "en"), setting.batch_size * setting.updates)
    features = get_trained_type(task.type).encode(rows, base.tokenizer, task, MAX_LENGTH)
    return Material(base, task, features)


def run_xstilts(given: Material, setting: Setting, updates: int) -> float:
    """Seconds that xstilts' loop takes."""
    task_type = get_trained_type(given.task.type)
    vocabulary = Vocabulary.of(
        (ids for feature in given.features for ids in feature.sequences), given.base.tokenizer.pad_token_id
    )
    head, name = task_type.head(given.task), given.task.name
    models = build_models(given.base, Checkpoint.published(given.base), [head], vocabulary, seed=0)
    data = {name: TaskData(task_type, [[x.renumbered(vocabulary.trim)] for x in given.features])}
    optimisation = Optimisation(
        updates=updates,
        batch_size=setting.batch_size,
        learning_rate=LEARNING_RATE,
        head_learning_rate=LEARNING_RATE,
        warmup=0.1,
        weight_decay=0.01,
        cap=len(given.features),
        precision=setting.precision,
        seed=0,
    )
    started = time.perf_counter()
    fit(models, data, optimisation, stops=(), at_stop=lambda update: None)
    return time.perf_counter() - started


def run_trainer(given: Material, setting: Setting, updates: int, tuned: bool) -> float:
    """Seconds that transformers.Trainer takes, set as XTREME's scripts do or well."""
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

    checkpoint = Checkpoint.published(given.base)
    head = get_trained_type(given.task.type).head(given.task)
    vocabulary = Vocabulary(np.arange(len(given.base.embeddings)))
    model = build_models(given.base, checkpoint, [head], vocabulary, seed=0)[given.task.name]
    padding: dict[str, Any] = {} if tuned else {"padding": "max_length", "max_length": MAX_LENGTH}
    tuning: dict[str, Any] = {
        "bf16": setting.precision == "bf16",
        "optim": "adamw_torch_fused",
        "train_sampling_strategy": "group_by_length",
    }
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=updates,
            per_device_train_batch_size=setting.batch_size,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            warmup_steps=int(0.1 * updates),
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            use_cpu=device().type == "cpu",
            **(tuning if tuned else {"optim": "adamw_torch"}),
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=_Examples(given),
            data_collator=DataCollatorWithPadding(given.base.tokenizer, **padding),
        )
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started


class _Examples(list[dict[str, Any]]):
    """Features as transformers' Trainer takes them."""

    def __init__(self, given: Material) -> None:
        super().__init__(
            {"input_ids": feature.sequences[0].tolist(), "labels": feature.target}
            for feature in given.features
        )


SYSTEMS: Mapping[str, Run] = {
    "xstilts": run_xstilts,
    "trainer-tuned": lambda given, setting, updates: run_trainer(given, setting, updates, tuned=True),
    "trainer-xtreme": lambda given, setting, updates: run_trainer(given, setting, updates, tuned=False),
}


def measure(given: Material, setting: Setting) -> dict[str, list[float]]:
    """Examples a second of every system in every repetition."""
    for run in SYSTEMS.values():
        run(given, setting, WARM_UP)
    speeds: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    names = list(SYSTEMS)
    for repetition in range(setting.repetitions):
        turn = repetition % len(names)
        for name in [*names[turn:], *names[:turn]]:
            seconds = SYSTEMS[name](given, setting, setting.updates)
            speeds[name].append(setting.updates * setting.batch_size / seconds)
            print(
                f"  {repetition + 1}/{setting.repetitions} {name}: {speeds[name][-1]:.1f} examples/s",
                flush=True,
            )
    return speeds


def record(given: Material, setting: Setting, speeds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What was measured, on what."""
    lengths = [feature.length for feature in given.features]
    return {
        "setting": asdict(setting),
        "task": TASK,
        "tokens": dict(
            zip(
                ("p10", "p50", "p90", "mean"),
                [*np.percentile(lengths, (10, 50, 90)), np.mean(lengths)],
                strict=True,
            )
        ),
        "machine": {"processor": platform.processor() or platform.machine(), "system": platform.system()},
        "packages": {name: metadata.version(name) for name in ("torch", "transformers", "accelerate")},
        "examples_per_second": dict(speeds),
        "median": {name: statistics.median(values) for name, values in speeds.items()},
    }


def print_table(result: Mapping[str, Any]) -> None:
    """The medians, their spread, and how many times faster xstilts is."""
    ours = result["median"]["xstilts"]
    print(f"\n{'system':<16}{'examples/s':>12}{'lowest':>10}{'highest':>10}{'xstilts is':>14}")
    for name, median in result["median"].items():
        values = result["examples_per_second"][name]
        ratio = "" if name == "xstilts" else f"{ours / median:.2f}x"
        print(f"{name:<16}{median:>12.1f}{min(values):>10.1f}{max(values):>10.1f}{ratio:>14}")
        if max(values) > UNSTEADY * min(values):
            print(
                f"  {name} was unsteady: the machine was busy with something else. Measure again when it is not."
            )


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", default="bundled/multilingual-e5-small@6")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = vars(parser.parse_args())
    out = given.pop("out")
    setting = Setting(**given | {"precision": resolve_precision(given["precision"])})
    set_threads(setting.threads)
    examples = material(setting)
    result = record(examples, setting, measure(examples, setting))
    print_table(result)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
