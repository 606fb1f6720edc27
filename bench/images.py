"""Drawings to vectors: the stage that reads images beside the plain loop that one would write.

Both rasterise drawings of pocket/emoji at 224 pixels and put them to the bundled image tower. The plain loop opens an
image, prepares it and puts it to the tower alone, with torch's threads; the stage works on a few images in each of as
many threads. The vectors must agree. Processor seconds beside the clock's show whether the machine was busy with
something else. They take turns, and medians are told. What is asked for: at most 30 ms an image on two cores.

    python bench/images.py --images 200 --threads 2 --out runs/bench/images.json
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xstilts.encoders.towers import DEFAULT_TOWER, ImageTower, find_tower, load_tower
from xstilts.seeing import Look, see
from xstilts.tasks.pocket.emojis import Drawings, emojis

AGREES = 1e-4
"""How far a number of a vector may be off: sums of floats come out otherwise in another order."""


def plain(names: list[str], tower: ImageTower) -> np.ndarray:
    """One image after another."""
    found = []
    with torch.inference_mode():
        for name in names:
            found.append(tower.vectors(tower.prepare(Drawings().open(name))[None])[0].numpy())
    return np.stack(found)


def staged(names: list[str], tower: ImageTower, threads: int) -> np.ndarray:
    """As the stage does it; no drawing is bad."""
    blocks = see(Drawings(), names, Look(tower), threads)
    return np.concatenate([block.vectors for block in blocks if block.vectors is not None])


def timed(what: Callable[[], np.ndarray], count: int) -> tuple[np.ndarray, dict[str, float]]:
    """What a function gives, and milliseconds an image by the clock and by the processor."""
    started, worked = time.perf_counter(), time.process_time()
    found = what()
    clock, processor = time.perf_counter() - started, time.process_time() - worked
    return found, {"ms": 1000 * clock / count, "processor_ms": 1000 * processor / count}


def summary(costs: list[dict[str, float]]) -> dict[str, Any]:
    """Medians, and the least and most by the clock."""
    medians = {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}
    clock = [cost["ms"] for cost in costs]
    return medians | {"spread": [min(clock), max(clock)]}


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    names = [row["image"] for row in emojis("train", "en")][: given.images]
    tower = load_tower(find_tower(DEFAULT_TOWER))
    plain(names[:8], tower)  # what is loaded at the first use is loaded
    systems = {
        "plain loop": lambda: plain(names, tower),
        "xstilts": lambda: staged(names, tower, given.threads),
    }
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    vectors: dict[str, np.ndarray] = {}
    for repetition in range(given.repetitions):
        for name in list(systems)[:: 1 if repetition % 2 == 0 else -1]:
            vectors[name], cost = timed(systems[name], len(names))
            taken[name].append(cost)
    off = np.abs(vectors["xstilts"] - vectors["plain loop"]).max()
    assert off <= AGREES, off
    rows: dict[str, Any] = {name: summary(costs) for name, costs in taken.items()}
    loop, stage = rows["plain loop"], rows["xstilts"]
    for name, row in rows.items():
        print(f"{name:>12}{row['ms']:>8.1f} ms an image{row['processor_ms']:>8.1f} ms of processor time")
    print(
        f"{len(names)} images, {given.threads} threads: {stage['ms'] / loop['ms']:.2f} of the plain loop's time"
    )
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        facts = {"images": len(names), "threads": given.threads, "machine": platform.processor()}
        given.out.write_text(json.dumps(facts | {"rows": rows}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
