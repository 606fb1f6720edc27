"""Speed and memory of xstilts' training loop beside transformers.Trainer: updates on the same examples, taken in turns.

Three systems train one model from the same weights on the same examples, the same number in each update:

- `xstilts`: the loop as every stage uses it (length-bucketed batches, trimmed vocabulary, precision `auto`).
- `trainer-xtreme`: transformers.Trainer as the scripts of XTREME set it: every input padded to the full length, fp32.
- `trainer-tuned`: transformers.Trainer set well: padded to the longest of a batch, grouped by length, fused AdamW,
  the same precision as xstilts.

Three workloads (bench/workloads.py): pairs of sentences, short utterances, contexts of 384 tokens. Tokenising and
building models are not timed. Repetitions alternate between the systems, each time in another order, so that a machine
that slows down slows all of them; medians are compared. Peak memory is that of a process of its own for each system,
which loads the encoder, builds the model and makes a few updates.

    python bench/train.py --out runs/bench/train.json
    python bench/train.py --workloads short --encoder bundled/multilingual-e5-small@6 --repetitions 1     # a try
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
from typing import Any

import numpy as np
from process import in_a_process, peak
from workloads import WORKLOADS, Material, ceilings, material

from xstilts.encoders.base import load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.task_types import get_trained_type
from xstilts.training.loop import Optimisation, TaskData, fit
from xstilts.training.machine import device, resolve_precision, set_threads

LEARNING_RATE = 2e-5
UPDATES = {"pairs": 24, "short": 48, "contexts": 4}
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


Run = Callable[[Material, Setting, int], float]
"""(material, setting, updates) → seconds of training."""


def run_xstilts(given: Material, setting: Setting, updates: int) -> float:
    """Seconds that xstilts' loop takes."""
    task_type, base = get_trained_type(given.task.type), load_encoder(given.encoder)
    vocabulary = Vocabulary.of(
        (ids for feature in given.features for ids in feature.sequences), base.tokenizer.pad_token_id
    )
    head, name = task_type.head(given.task), given.task.name
    models = build_models(base, Checkpoint.published(base), [head], vocabulary, seed=0)
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
    import transformers
    from transformers import AutoConfig, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

    head, folder = get_trained_type(given.task.type).head(given.task), given.encoder.folder
    config = AutoConfig.from_pretrained(
        folder, num_hidden_layers=given.encoder.depth, num_labels=max(2, len(head.labels))
    )
    model = getattr(transformers, head.auto_class).from_pretrained(folder, config=config)
    padding: dict[str, Any] = {} if tuned else {"padding": "max_length", "max_length": given.padded}
    tuning: dict[str, Any] = {
        "bf16": setting.precision == "bf16",
        "optim": "adamw_torch_fused",
        "train_sampling_strategy": "group_by_length",
    }
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
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
            data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(folder), **padding),
        )
        trainer.remove_callback(transformers.PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started


class _Examples(list[dict[str, Any]]):
    """Features as transformers' Trainer takes them."""

    def __init__(self, given: Material) -> None:
        spans = given.task.type == "span-qa"
        super().__init__(
            {"input_ids": feature.sequences[0].tolist()}
            | (
                dict(zip(("start_positions", "end_positions"), feature.target, strict=True))
                if spans
                else {"labels": feature.target}
            )
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
            # where every input is as long as the longest, fewer tell as much
            updates = max(1, setting.updates // 4) if name == "trainer-xtreme" else setting.updates
            speeds[name].append(updates * setting.batch_size / SYSTEMS[name](given, setting, updates))
            told = f"  {given.task.name} {repetition + 1}/{setting.repetitions} {name}"
            print(f"{told}: {speeds[name][-1]:.1f} examples/s", flush=True)
    return speeds


def memory(system: str, workload: str, setting: Setting) -> float:
    """Peak bytes of this process that makes a few updates."""
    set_threads(setting.threads)
    given = material(workload, setting.encoder, setting.batch_size * 4)
    SYSTEMS[system](given, setting, 4)
    return 1e9 * peak()


def record(given: Material, setting: Setting, speeds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What was measured of one workload."""
    lengths = [feature.length for feature in given.features]
    median = {name: statistics.median(values) for name, values in speeds.items()}
    a_example = given.flops(len(lengths)) / len(lengths)
    return {
        "tokens": dict(
            zip(
                ("p10", "p50", "p90", "mean"),
                [*np.percentile(lengths, (10, 50, 90)), np.mean(lengths)],
                strict=True,
            )
        ),
        "examples_per_second": dict(speeds),
        "median": median,
        "needed_flops_per_second": {name: a_example * value for name, value in median.items()},
    }


def print_table(name: str, found: Mapping[str, Any], ceiling: float) -> None:
    """The medians, their spread, how many times faster xstilts is, share of the ceiling, and peak memory."""
    ours, mean = found["median"]["xstilts"], found["tokens"]["mean"]
    print(f"\n{name}: {WORKLOADS[name].about}, {mean:.0f} tokens on average")
    print(
        f"{'system':<16}{'examples/s':>12}{'lowest':>10}{'highest':>10}{'xstilts is':>14}"
        f"{'of ceiling':>12}{'peak GB':>10}"
    )
    for system, median in found["median"].items():
        values = found["examples_per_second"][system]
        ratio = "" if system == "xstilts" else f"{ours / median:.2f}x"
        share = found["needed_flops_per_second"][system] / ceiling
        print(
            f"{system:<16}{median:>12.1f}{min(values):>10.1f}{max(values):>10.1f}{ratio:>14}"
            f"{100 * share:>11.0f}%{found['peak_bytes'].get(system, float('nan')) / 1e9:>10.2f}"
        )
        if max(values) > UNSTEADY * min(values):
            print(f"  {system} was unsteady: the machine was busy. Measure again when it is not.")


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="comma-separated")
    parser.add_argument("--encoder", default="bundled/multilingual-e5-small")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--updates", type=int, help=f"default: {UPDATES}")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = vars(parser.parse_args())
    out, workloads = given.pop("out"), given.pop("workloads").split(",")
    updates = {name: given["updates"] or UPDATES[name] for name in workloads}
    given["precision"] = resolve_precision(given["precision"])
    settings = {name: Setting(**given | {"updates": count}) for name, count in updates.items()}
    limits = ceilings(given["threads"])
    told = ", ".join(f"{name} {value / 1e9:.0f}" for name, value in limits.items())
    print(f"ceilings, in GFLOP/s and GB/s: {told}")
    result: dict[str, Any] = {
        "settings": {name: asdict(setting) for name, setting in settings.items()},
        "ceilings": limits,
        "machine": {"processor": platform.processor() or platform.machine(), "system": platform.system()},
        "packages": {name: metadata.version(name) for name in ("torch", "transformers", "accelerate")},
        "workloads": {},
    }
    for name, setting in settings.items():
        peaks = {system: in_a_process(memory, system, name, setting) for system in SYSTEMS}
        examples = material(name, setting.encoder, setting.batch_size * setting.updates)
        found = record(examples, setting, measure(examples, setting)) | {"peak_bytes": peaks}
        result["workloads"][name] = found
        print_table(name, found, limits[setting.precision])
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
