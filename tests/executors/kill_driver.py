"""Runs an experiment in child processes that are killed, and then to its end; prints what the store holds as JSON.

Started by test_kill.py with: recipe, folder of the data, folder to work in. The children are forked before anything is
computed, so that torch is imported once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import accelerate  # noqa: F401
import pandas  # noqa: F401 - pyarrow would import it in every child
import torch
import transformers.models.bert.modeling_bert

from tiny_world import store_content
from xstilts import predicting, stages
from xstilts.executors import local
from xstilts.experiment import Experiment, analyse, execute, open_experiment
from xstilts.recipe import load_recipe
from xstilts.store import MANIFEST, Address, Store

transformers.AutoTokenizer, transformers.AutoModel, transformers.AutoConfig  # noqa: B018 - loaded by being named
transformers.AutoModelForMultipleChoice, transformers.AutoModelForSequenceClassification  # noqa: B018
torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], fused=True)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(place: str, number: int) -> None:
    """Have this process kill itself at the commit of this number: before it, within it, or after it."""
    commit, commits = Store._commit, 0

    def deadly(self: Store, address: Address, manifest: dict[str, Any]) -> None:
        nonlocal commits
        commits += 1
        if commits == number and place == "before":
            die()
        if commits == number and place == "within":
            text = json.dumps(manifest)
            Path(f"{self._folder(address)}/{MANIFEST}.00000000").write_text(text[: len(text) // 2])
            die()
        commit(self, address, manifest)
        if commits == number and place == "after":
            die()

    Store._commit = deadly  # type: ignore[method-assign]


def kill_at_deletion(number: int) -> None:
    """Have this process kill itself when pruning has deleted a manifest and not yet the files."""
    deletions = 0

    def deadly(self: Store, address: Address) -> None:
        nonlocal deletions
        deletions += 1
        Path(f"{self._folder(address)}/{MANIFEST}").unlink()
        if deletions == number:
            die()

    Store.delete = deadly  # type: ignore[method-assign]


def kill_between_chunks(number: int) -> None:
    """Have this process kill itself when so many chunks of predictions are written and the next is to be made."""
    predict_sets, calls = predicting.predict_sets, 0

    def deadly(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > number:
            die()
        return predict_sets(*arguments)

    stages.CHUNK = stages.SHARED_CHUNK = 20
    predicting.predict_sets = deadly


def opened(store: Path) -> Experiment:
    return open_experiment(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), store)


def in_child(work: Callable[[], None], seconds: float | None = None) -> int:
    """Run in a forked process, which is killed after some seconds; the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        torch.set_num_threads(1)
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a run failed, with exit code {os.WEXITSTATUS(status)}")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def run(store: Path) -> None:
    execute(opened(store))


def execute_killed(store: Path, prepare_death: Callable[..., None], *arguments: Any) -> None:
    prepare_death(*arguments)
    run(store)


def finish(store: Path, out: Path) -> None:
    experiment = opened(store)
    plan = execute(experiment)
    assert not local.pending(plan, experiment.store.addresses()).stages
    answer = analyse(experiment, plan, out, {})
    content = {
        "store": store_content(experiment.store),
        "results": answer.results,
        "verdicts": answer.verdicts,
    }
    out.with_suffix(".json").write_text(json.dumps(content, sort_keys=True))


def finished(folder: Path, name: str) -> Any:
    """What an undisturbed run in this store, whatever it held, leaves."""
    in_child(lambda: finish(folder / name, folder / f"{name}-out"))
    leftovers = [path.name for path in (folder / name).glob("*/*/*") if path.name.startswith(f"{MANIFEST}.")]
    return json.loads((folder / f"{name}-out.json").read_text()) | {"leftovers": leftovers}


def main() -> None:
    folder = Path(sys.argv[3])
    started = time.time()
    answers: dict[str, Any] = {"undisturbed": finished(folder, "undisturbed")}
    whole = time.time() - started
    kills = {}
    for place, number in [
        ("before", 1),
        ("within", 4),
        ("after", 5),
        ("before", 9),
        ("within", 11),
        ("after", 14),
    ]:
        name = f"{place}-{number}"
        kills[name] = [in_child(partial(execute_killed, folder / name, kill_at, place, number))]
        answers[name] = finished(folder, name)
    for number in (1, 3):
        name = f"deleting-{number}"
        kills[name] = [in_child(partial(execute_killed, folder / name, kill_at_deletion, number))]
        answers[name] = finished(folder, name)
    name = "chunks-3"
    kills[name] = [in_child(partial(execute_killed, folder / name, kill_between_chunks, 3))]
    answers[name] = finished(folder, name)
    moments = random.Random(int(sys.argv[4]))
    for number in range(3):  # each store is killed again and again, at moments of the caller's choice
        name = f"moments-{number}"
        times = [moments.uniform(0.05, 0.6) * whole for _ in range(3)]
        kills[name] = [in_child(partial(run, folder / name), seconds) for seconds in times]
        answers[name] = finished(folder, name)
    sys.stdout.write(json.dumps({"answers": answers, "kills": kills}) + "\n")


if __name__ == "__main__":
    main()
