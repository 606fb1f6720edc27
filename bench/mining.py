"""Bitext mining: time and memory at growing sizes, on random unit vectors.

For each size a process of its own makes the vectors and mines pairs by the ratio margin, as the predict stage of a
bitext-mining task does; encoding sentences is not part of it. What is told is the time of mining, and the peak of the
process's memory beside what it held before it mined: interpreter, numpy and the vectors. Half of the smaller side has
a translation on the other one, with noise, and the share that is found is told, so that no speed is bought with wrong
pairs. Processor seconds beside the clock's show whether the machine was busy with something else.

    python bench/mining.py --out runs/bench/mining.json
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from process import in_a_process, peak

from xstilts.task_types.mining import NEIGHBOURS, mine
from xstilts.task_types.vectors import BLOCK, Side

SIZES = ("10000x10000", "100000x20000")
NOISE = 0.6  # length of what is added to a unit vector: its cosine with the original is then about 0.86


@dataclass(frozen=True)
class Size:
    """Vectors on each side, their width, and whether they are kept in half precision."""

    left: int
    right: int
    width: int
    half: bool


def vectors(size: Size, seed: int = 0) -> np.ndarray:
    """The table of both sides, [left + right, width], made part by part so that making it takes no memory beside it."""
    random = np.random.default_rng(seed)
    table = np.empty((size.left + size.right, size.width), np.float16 if size.half else np.float32)
    for start in range(0, len(table), BLOCK):
        table[start : start + BLOCK] = unit(
            random.normal(size=(len(table[start : start + BLOCK]), size.width))
        )
    translated = min(size.left, size.right) // 2
    for start in range(0, translated, BLOCK):
        rows = np.arange(start, min(start + BLOCK, translated))
        noise = unit(random.normal(size=(len(rows), size.width)))
        table[size.left + rows] = unit(table[rows] + NOISE * noise)
    return table


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def measure(size: Size) -> dict[str, Any]:
    """Mine once and tell the cost."""
    table = vectors(size)
    left = Side.of(table, np.arange(size.left))
    right = Side.of(table, size.left + np.arange(size.right))
    before, started, worked = peak(), time.perf_counter(), time.process_time()
    pairs = mine(left, right)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    translated = min(size.left, size.right) // 2
    return asdict(size) | {
        "seconds": seconds,
        "processor_seconds": processor,
        "pairs_a_second": size.left * size.right / seconds,
        "memory_before": before,
        "memory_peak": peak(),
        "mined": len(pairs.scores),
        "found": float(((pairs.left == pairs.right) & (pairs.left < translated)).sum() / translated),
    }


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """A line a size."""
    print(
        f"{'sentences':>18}{'vectors':>10}{'seconds':>10}{'processor':>11}{'peak GB':>10}{'before':>10}{'found':>9}"
    )
    for row in rows:
        sizes = f"{row['left']:,} × {row['right']:,}"
        kind = "fp16" if row["half"] else "fp32"
        numbers = f"{row['seconds']:>10.1f}{row['processor_seconds']:>11.1f}"
        numbers += f"{row['memory_peak']:>10.2f}{row['memory_before']:>10.2f}"
        print(f"{sizes:>18}{kind:>10}{numbers}{100 * row['found']:>8.1f}%")


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="LEFTxRIGHT")
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument(
        "--half", action="store_true", help="keep vectors in half precision, as from 100,000 on"
    )
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    rows = []
    for text in given.sizes:
        left, right = map(int, text.split("x"))
        rows.append(in_a_process(measure, Size(left, right, given.width, given.half)))
        print(f"  {text}: {rows[-1]['seconds']:.1f} s", flush=True)
    print_table(rows)
    record = {
        "neighbours": NEIGHBOURS,
        "machine": {"processor": platform.processor() or platform.machine(), "system": platform.system()},
        "numpy": np.__version__,
        "sizes": rows,
    }
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
