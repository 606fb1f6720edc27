"""How long one waits before anything is computed: --help, import, the plan and the run of some 600 finished stages.

The recipe is made here: a sentiment of made-up sentences in twelve languages under four conditions, two arms, three
seeds, the bundled encoder cut to one layer. It is run once, which takes a minute or two and is not part of any figure;
then all of it is cached, and the cache of file hashes and row counts is warm. `plan, nothing done` plans the same
recipe for an empty store, so that costs are estimated; `plan, first time` does so with an empty cache as well.

Each repetition is a process of its own. What counts is processor seconds of the user, beside the clock's.

    python bench/startup.py --out runs/bench/startup.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

LIMITS = {"help": 0.5, "import": 0.3, "plan": 2.0, "run": 5.0}
"""Seconds by the clock that are aimed at."""
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "id", "sw", "fi")
WORDS = {"good": ("lovely", "grand", "kind"), "bad": ("awful", "cold", "cruel")}
RECIPE = """\
encoder: bundled/multilingual-e5-small@1
arms:
  none: {}
  other: {tasks: [my/other]}
controls: {of: none}
targets: [my/mood]
languages: all
conditions: [clean, typos@2, casing@3, whitespace@2]
seeds: [0, 1, 2]
training:
  intermediate: {epochs: 1, learning_rate: 1.0e-4, batch_size: 16, max_length: 32}
  target: {epochs: 1, learning_rate: 1.0e-4, batch_size: 16, max_length: 32}
  threads: 1
tasks:
  my/mood: {type: classification, files: 'mood/{split}-{language}.tsv'}
  my/other: {type: classification, files: 'other/{split}-{language}.tsv'}
"""


def write_world(folder: Path) -> Path:
    """The recipe and its files; the recipe's path."""
    rng = random.Random(0)
    for task, languages in (("mood", LANGUAGES), ("other", ("en",))):
        for split, count in (("train", 64), ("dev", 32), ("test", 40)):
            for language in languages if split == "test" else ("en",):
                write_rows(folder / task / f"{split}-{language}.tsv", language, count, rng)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE, "utf-8")
    return recipe


def write_rows(path: Path, language: str, count: int, rng: random.Random) -> None:
    """Made-up sentences with their labels."""
    lines = ["text\tlabel"]
    for number in range(count):
        label = ("good", "bad")[number % 2]
        filling = " ".join(f"{language}{rng.randrange(500)}" for _ in range(rng.randrange(4, 16)))
        lines.append(f"the {rng.choice(WORDS[label])} {filling}\t{label}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def timed(arguments: list[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Seconds by the clock, and processor seconds of the user, of one process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return {"seconds": seconds, "user": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before}


def measurements(folder: Path, recipe: Path) -> Iterator[tuple[str, str, list[str], Callable[[], object]]]:
    """What is measured: name, limit, arguments, and what to do before each repetition."""
    command, out = ["-m", "xstilts.cli"], ["--out", str(folder / "run")]
    cache, nothing = folder / "cache", lambda: None

    def forget() -> None:
        for known in cache.iterdir():
            if known.name != "encoders":
                shutil.rmtree(known) if known.is_dir() else known.unlink()

    empty = ["--store", str(folder / "empty")]
    yield "--help", "help", [*command, "--help"], nothing
    yield "import xstilts", "import", ["-c", "import xstilts"], nothing
    yield "plan, all done", "plan", [*command, "plan", str(recipe), *out], nothing
    yield "plan, nothing done", "plan", [*command, "plan", str(recipe), *out, *empty], nothing
    yield "plan, first time", "", [*command, "plan", str(recipe), *out, *empty], forget
    yield "run, all done", "run", [*command, "run", str(recipe), *out], nothing


def measure(folder: Path, repetitions: int) -> list[dict[str, Any]]:
    """Medians over the repetitions, a row a figure; the recipe is run first."""
    from xstilts.hashing import cache_dir

    recipe, cache = write_world(folder), folder / "cache"
    converted = cache_dir() / "encoders"
    converted.mkdir(parents=True, exist_ok=True)
    cache.mkdir()
    (cache / "encoders").symlink_to(converted, target_is_directory=True)
    environment = {**os.environ, "XSTILTS_CACHE": str(cache)}
    timed(["-m", "xstilts.cli", "run", str(recipe), "--out", str(folder / "run")], environment)
    rows = []
    for name, limit, arguments, prepare in measurements(folder, recipe):
        found = []
        for _ in range(repetitions + 1):  # the first one warms up
            prepare()
            found.append(timed(arguments, environment))
        row: dict[str, Any] = {"what": name, "limit": LIMITS.get(limit)}
        row |= {key: statistics.median(one[key] for one in found[1:]) for key in ("seconds", "user")}
        rows.append(row | {"repetitions": found[1:]})
        print_row(rows[-1])
    return rows


def print_row(row: dict[str, Any]) -> None:
    """A line of the table."""
    limit = "" if row["limit"] is None else f"   aim: {row['limit']:.1f} s"
    print(
        f"{row['what']:<20}{row['user']:>7.2f} s of the processor{row['seconds']:>7.2f} s by the clock{limit}"
    )


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the recipe and its run, to look at afterwards")
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = measure(folder.resolve(), given.repetitions)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
