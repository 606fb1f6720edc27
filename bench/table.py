"""One table of what the programs beside this one have measured: ours, what it is compared with, what was aimed at.

python bench/table.py runs/bench                                 # prints the table, writes runs/bench/table.json
python bench/table.py runs/bench --markdown                      # as docs/performance.md has it
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = ("work", "xstilts", "spread", "beside", "ratio", "aim", "")


@dataclass(frozen=True)
class Row:
    """One thing that was measured; with `theirs`, beside a peer in the same run."""

    work: str
    unit: str
    ours: float
    aim: float | None = None
    peer: str = ""
    theirs: float | None = None
    spread: tuple[float, float] | None = None
    less: bool = True
    """Whether less is better."""

    @property
    def ratio(self) -> float | None:
        """How many times as good as the peer."""
        if self.theirs is None:
            return None
        return self.theirs / self.ours if self.less else self.ours / self.theirs

    @property
    def reached(self) -> bool | None:
        """Whether the aim was: of the ratio, or of the number itself where there is no peer."""
        if self.aim is None:
            return None
        if self.ratio is not None:
            return self.ratio >= self.aim
        return self.ours <= self.aim if self.less else self.ours >= self.aim

    def cells(self) -> list[str]:
        """The row as text."""
        number = f"{self.ours:.3g} {self.unit}"
        spread = f"{self.spread[0]:.3g}–{self.spread[1]:.3g}" if self.spread else ""
        beside = f"{self.peer} {self.theirs:.3g} {self.unit}" if self.theirs is not None else ""
        ratio = f"{self.ratio:.2f}×" if self.ratio is not None else ""
        aim = "" if self.aim is None else f"{self.aim:.3g}{'×' if ratio else f' {self.unit}'}"
        return [
            self.work,
            number,
            spread,
            beside,
            ratio,
            aim,
            {True: "yes", False: "no", None: ""}[self.reached],
        ]


def training(found: Any) -> Iterator[Row]:
    """Examples a second, share of the ceiling, and memory of training."""
    aims = {
        "pairs": {"trainer-tuned": 1.6, "trainer-xtreme": 4.5},
        "short": {"trainer-tuned": 2.5},
        "contexts": {"trainer-tuned": 1.25},
    }
    for name, one in found["workloads"].items():
        speeds, peaks = one["examples_per_second"], one["peak_bytes"]
        spread = min(speeds["xstilts"]), max(speeds["xstilts"])
        for peer in ("trainer-tuned", "trainer-xtreme"):
            median = one["median"]
            aim = aims.get(name, {}).get(peer)
            yield Row(f"train {name}", "ex/s", median["xstilts"], aim, peer, median[peer], spread, less=False)
        precision = found["settings"][name]["precision"]
        share = one["needed_flops_per_second"]["xstilts"] / found["ceilings"][precision]
        aim = 62.0 if name != "short" else None
        yield Row(f"train {name}: of the {precision} ceiling", "%", 100 * share, aim, less=False)
        ours, theirs = peaks["xstilts"] / 1e9, peaks["trainer-tuned"] / 1e9
        yield Row(f"train {name}: peak memory", "GB", ours, 1 / 0.6, "trainer-tuned", theirs)


def inference(found: Any) -> Iterator[Row]:
    """Seconds for the vectors of texts in 20 languages."""
    pairs = [("fp32", "sentence-transformers", 1.15, "embed, fp32")]
    if "xstilts bf16" in found["median"]:
        pairs += [
            ("bf16", "sentence-transformers bf16", 1.15, "embed, bf16"),
            ("bf16", "sentence-transformers", 2.0, "embed, as set by default"),
        ]
    for precision, peer, aim, work in pairs:
        ours = f"xstilts {precision}"
        seconds = found["seconds"][ours]
        spread = min(seconds), max(seconds)
        yield Row(work, "s", found["median"][ours], aim, peer, found["median"][peer], spread)


def retrieval(found: Any) -> Iterator[Row]:
    """Seconds for Tatoeba as mteb evaluates it."""
    median, seconds = found["median"], found["seconds"]
    names = {"xstilts fp32": ("Tatoeba, fp32", 1 / 0.85), "xstilts": ("Tatoeba, as set by default", 2.0)}
    for ours, (work, aim) in names.items():
        spread = min(seconds[ours]), max(seconds[ours])
        yield Row(work, "s", median[ours], aim, "mteb", median["mteb"], spread)
    layers = median["xstilts, all layers"] / median["xstilts"]
    yield Row("Tatoeba, all layers, of one layer's time", "", layers, 1.2)


def mining(found: Any) -> Iterator[Row]:
    """Seconds for bitext mining."""
    for one in found["sizes"]:
        yield Row(f"mine {one['left']:,} × {one['right']:,}", "s", one["seconds"])


def images(found: Any) -> Iterator[Row]:
    """Milliseconds an image."""
    ours, loop = found["rows"]["xstilts"], found["rows"]["plain loop"]
    yield Row("drawings to vectors", "ms", ours["ms"], 30.0, spread=tuple(ours["spread"]))
    yield Row("drawings to vectors", "ms", ours["ms"], None, "plain loop", loop["ms"], tuple(ours["spread"]))


def weighing(found: Any) -> Iterator[Row]:
    """Seconds and memory of the analysis of a million item rows."""
    for one in found["sizes"]:
        kind = "apart" if one["apart"] else "parallel"
        seconds = one["read"]["seconds"] + one["weigh"]["seconds"]
        work = f"weigh {one['rows']:,} item rows × {one['seeds']} seeds, {kind}"
        yield Row(work, "s", seconds, 20.0)
        yield Row(f"{work}: memory", "GB", one["weigh"]["memory_peak"], 2.0)


def startup(found: Any) -> Iterator[Row]:
    """Seconds until commands are done that have nothing to compute."""
    for one in found["figures"]:
        seconds = [repetition["seconds"] for repetition in one["repetitions"]]
        yield Row(one["what"], "s", one["seconds"], one["limit"], spread=(min(seconds), max(seconds)))


def estimates(found: Any) -> Iterator[Row]:
    """By how much `xstilts plan` is off."""
    for name in ("memory", "disk"):
        off = [abs(case["expected"][name] / case["measured"][name] - 1) for case in found["cases"]]
        yield Row(f"{name} as planned, worst of {len(off)} trainings", "% off", 100 * max(off), 20.0)


READERS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "train": training,
    "inference": inference,
    "retrieval": retrieval,
    "mining": mining,
    "images": images,
    "weighing": weighing,
    "startup": startup,
    "memory": estimates,
}


def rows_of(folder: Path) -> list[Row]:
    """All rows of the files that are there."""
    files = {name: folder / f"{name}.json" for name in READERS}
    there = {name: json.loads(file.read_text("utf-8")) for name, file in files.items() if file.is_file()}
    if not there:
        raise SystemExit(
            f"{folder} has none of {', '.join(file.name for file in files.values())}: make bench"
        )
    return [row for name, found in there.items() for row in READERS[name](found)]


def markdown(rows: Sequence[Row]) -> str:
    """The table in Markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the programs' files are")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    rows = rows_of(given.folder)
    told = [asdict(row) | {"ratio": row.ratio, "reached": row.reached} for row in rows]
    (given.folder / "table.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    if given.markdown:
        print(markdown(rows))
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row.cells())
    Console().print(table)


if __name__ == "__main__":
    main()
