"""Weighing the evidence at size: 10,000 weight draws over a million item rows under each of three seeds.

Five arms, forty languages, clean input and four kinds of noise, 1,000 items: 1,000 places × 1,000 items are scored for
each seed. Items are drawn from a model with difficulty, language, arm and noise, written as the store keeps them, read
back as `xstilts run` reads them, and weighed by `xstilts.analysis.analyse`, which makes every row of the result tables.
`parallel`: all languages answer translations of the same items; `apart`: each has items of its own, so that 40,000
sources are drawn. Each measurement is a process of its own. Writing the items is not part of it.

What counts is processor seconds, beside the clock's, and the peak of the process's memory, so that the numbers hold on
a busy machine.

    python bench/weighing.py --out runs/bench/weighing.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from process import in_a_process, peak

from xstilts.analysis import Cell, Design, Settings, analyse
from xstilts.answer import item_statistics
from xstilts.hashing import digest
from xstilts.store import Address, Store

ARMS = ("none", "squad", "mnli", "squad~longer", "squad~shuffled")
CONTROLS = {"squad~longer": ("squad", "longer"), "squad~shuffled": ("squad", "shuffled")}
CONDITIONS = ("clean", "typos@2", "typos@4", "ocr@3", "casing@3")


@dataclass(frozen=True)
class Size:
    """How much is weighed; `apart`: whether each language has items of its own."""

    languages: int
    items: int
    seeds: int
    draws: int
    apart: bool

    @property
    def rows(self) -> int:
        """Item rows of one seed."""
        return len(ARMS) * self.languages * len(CONDITIONS) * self.items


def places(size: Size) -> Iterator[dict[str, Any]]:
    """Arm, language, condition and seed of every cell."""
    for arm in ARMS:
        for language in ["en", *(f"x{number:02d}" for number in range(size.languages - 1))]:
            for condition in CONDITIONS:
                for seed in range(size.seeds):
                    yield {"arm": arm, "language": language, "condition": condition, "seed": seed}


def address(place: dict[str, Any]) -> Address:
    """Where the store keeps a cell's items."""
    return Address("score", digest(list(place.values())))


def sources_of(size: Size, language: str) -> list[str]:
    """The names of a language's sources."""
    prefix = language if size.apart else "item"
    return [f"{prefix}-{number}" for number in range(size.items)]


def write_items(size: Size, store: Store) -> None:
    """Make the items of every cell and write them as the score stage does."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=size.items)
    effects = {arm: 0.1 * rng.normal() for arm in ARMS}
    for place in places(size):
        level = effects[place["arm"]] - 0.3 * (place["condition"] != "clean") + 0.1 * rng.normal()
        right = level > 0.7 * difficulty + 0.7 * rng.normal(size=size.items)
        statistics = np.column_stack([right.astype(float), np.ones(size.items)])
        names = sources_of(size, place["language"])
        with store.write(address(place)) as draft:
            columns = {"item": names, "source": names, "statistics": statistics.tolist()}
            pq.write_table(pa.table(columns), draft.file("item_stats.parquet"))


def read_items(size: Size, store: Store) -> list[Cell]:
    """The cells as a run reads them."""
    fields: dict[str, Any] = {
        "target": "bench",
        "task_type": "classification",
        "family": "trained",
        "metric": "accuracy",
    }
    cells: list[Cell] = []
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for place in places(size):
        sources, stats = item_statistics(store, address(place), known)
        cells.append(Cell(**place, **fields, sources=sources, stats=stats, chance=1 / 3))
    return cells


@contextmanager
def timed(record: dict[str, Any], name: str) -> Iterator[None]:
    """Put seconds, processor seconds and the process's peak in GB so far under a name."""
    started, worked = time.perf_counter(), time.process_time()
    yield
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    record[name] = {"seconds": seconds, "processor_seconds": processor, "memory_peak": peak()}


def measure(size: Size, url: str) -> dict[str, Any]:
    """Read the items of a store and weigh them."""
    record: dict[str, Any] = asdict(size) | {"rows": size.rows, "memory_before": peak()}
    with timed(record, "read"):
        cells = read_items(size, Store(url))
    with timed(record, "weigh"):
        answer = analyse(cells, Design(ARMS, controls=CONTROLS), Settings(draws=size.draws))
    return record | {"gains": len(answer.gains), "results": len(answer.results)}


def measured(size: Size) -> dict[str, Any]:
    """The measurement in a fresh process, whose peak is its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_items(size, Store(folder))
        found: dict[str, Any] = in_a_process(measure, size, folder)
        return found


def print_row(row: dict[str, Any]) -> None:
    """A line for each part of a measurement."""
    kind = "apart" if row["apart"] else "parallel"
    print(
        f"{kind}: {row['rows']:,} item rows × {row['seeds']} seeds, {row['draws']:,} draws, {row['gains']:,} contrasts"
    )
    for part in ("read", "weigh"):
        numbers = row[part]
        print(
            f"  {part:<6}{numbers['processor_seconds']:>8.1f} processor seconds{numbers['seconds']:>8.1f} by the clock"
            f"{numbers['memory_peak']:>8.2f} GB at most so far"
        )


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kinds", nargs="+", choices=("parallel", "apart"), default=("parallel", "apart"))
    parser.add_argument("--languages", type=int, default=40)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    rows = []
    for kind in given.kinds:
        size = Size(given.languages, given.items, given.seeds, given.draws, kind == "apart")
        rows.append(measured(size))
        print_row(rows[-1])
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    record = {"machine": machine, "numpy": np.__version__, "sizes": rows}
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
