"""What `xstilts plan` says of memory and disk, beside what small trainings take.

Each training is a process of its own, of one thread and a few updates: English prose cut at one length, the bundled
encoder cut to so many layers. Memory is the process's peak, disk what its store holds behind the training and the
choice of a checkpoint, candidates included; `run` is the disk that a whole small run leaves. Run it again whenever the
training loop has changed: where a row is off by more than a fifth, the constants of `xstilts.room` are to be measured
anew. The first row is libraries, tokenizer and encoder; the two cases of 12 layers tell what a weight takes that is
trained, and the others what the layers leave behind for their gradients.

    python bench/memory.py --out runs/bench/memory.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from process import in_a_process, peak

if TYPE_CHECKING:
    from xstilts.experiment import Experiment

RECIPE = """\
encoder: bundled/multilingual-e5-small@{layers}
arms: {{none: {{}}}}
controls: {{of: none}}
targets: [my/task]
languages: all
seeds: [0]
training:
  target: {{epochs: 1, learning_rate: 1.0e-4, batch_size: {batch}, max_length: {length}, candidates: {candidates}}}
  threads: 1
  precision: {precision}
keep: all
tasks:
  my/task: {{type: classification, files: '{{split}}-{{language}}.tsv', labels: [bad, good]}}
"""


@dataclass(frozen=True)
class Case:
    """A training: layers of the encoder, tokens an input, inputs an update, and how it computes."""

    layers: int
    length: int
    batch: int
    candidates: int = 2
    precision: str = "bf16"


CASES = (
    Case(2, 16, 16),
    Case(2, 384, 16),
    Case(6, 64, 32),
    Case(6, 256, 16),
    Case(6, 128, 16, 5),
    Case(6, 128, 16, 2, "fp32"),
    Case(12, 128, 16),
)


def write_rows(path: Path, length: int, count: int) -> None:
    """Pieces of English prose, the project's own documentation, so long that all are cut at a length."""
    documents = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
    words = " ".join(document.read_text("utf-8") for document in documents).split()
    rng = random.Random(f"{path.name} {length}")
    lines = ["text\tlabel"]
    for number in range(count):
        start = rng.randrange(len(words) - length)
        lines.append(f"{' '.join(words[start : start + length])}\t{('bad', 'good')[number % 2]}")
    path.write_text("\n".join(lines) + "\n", "utf-8")


def opened(case: Case, folder: Path) -> Experiment:
    """The experiment of a case."""
    from xstilts.experiment import open_experiment
    from xstilts.recipe import parse_recipe

    for split, count in (("train", max(3, case.candidates) * case.batch), ("dev", 8), ("test", 8)):
        write_rows(folder / f"{split}-en.tsv", case.length, count)
    return open_experiment(parse_recipe(RECIPE.format(**asdict(case))), folder, folder / "store")


def expected(case: Case, folder: Path) -> dict[str, float]:
    """Memory and disk as a plan says them, in GB."""
    from xstilts.costs import estimate

    experiment = opened(case, folder)
    plan = experiment.plan()
    costs = estimate(plan, plan.stages, experiment.encoder, experiment.row_counts())
    return {"memory": costs.memory / 1e9, "disk": costs.disk / 1e9}


def trained(case: Case, folder: Path) -> dict[str, float]:
    """Peak memory of this process that trains, and disk of its store, in GB."""
    from xstilts.context import Context
    from xstilts.executors import local

    experiment = opened(case, folder)
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1, None)
    plan = experiment.plan()
    local.execute(plan, context, wanted=list(plan.finals.values()))
    used = sum(file.stat().st_size for file in (folder / "store").rglob("*") if file.is_file())
    return {"memory": peak(), "disk": used / 1e9}


def in_a_folder(work: Any, case: Case) -> dict[str, float]:
    """What a function gives in a fresh process and folder."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, float] = in_a_process(work, case, Path(folder))
        return found


def compare(case: Case) -> dict[str, Any]:
    """What a plan says of a case, and what it takes."""
    said, took = in_a_folder(expected, case), in_a_folder(trained, case)
    row = asdict(case) | {"expected": said, "measured": took}
    ratios = {name: said[name] / took[name] for name in took}
    words = "  ".join(
        f"{name} {said[name]:6.3f} GB said, {took[name]:6.3f} taken ({ratios[name]:.2f})" for name in took
    )
    print(
        f"@{case.layers:<3}{case.length:>4} tokens × {case.batch:<3}{case.precision:<5}"
        f"{case.candidates} candidates   {words}",
        flush=True,
    )
    return row


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--cases", type=int, nargs="+", default=range(len(CASES)), help="numbers of cases, from 0"
    )
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    rows = [compare(CASES[number]) for number in given.cases]
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"machine": machine, "cases": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
