"""Checkpoints of a finished run as ordinary Hugging Face folders, and how folders are written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts import __version__
from xstilts.drafts import drafted
from xstilts.errors import UserError
from xstilts.finished import BEST, Choice, FinishedRun, choose
from xstilts.model_card import SentenceVectors, reason, write_card

if TYPE_CHECKING:
    from xstilts.encoders.base import BaseEncoder
    from xstilts.encoders.checkpoint import Checkpoint

PROVENANCE = "xstilts.json"

Tell = Callable[[str], None]


def export_hf(
    run: Path | FinishedRun,
    out: Path,
    arm: str = BEST,
    target: str | None = None,
    seed: int | None = None,
    tell: Tell = lambda message: None,
) -> Path:
    """Write a checkpoint of a run as a Hugging Face folder.

    The folder holds config.json, model.safetensors (whole vocabulary, fp32), the tokenizer, a model card and
    `xstilts.json` (where it all comes from). `AutoModelFor….from_pretrained` loads it and predicts what the run
    predicted; it may be the `encoder:` of another recipe.

    Args:
        run: a finished run, or its folder.
        out: folder to write; new, empty, or an earlier export, which is replaced.
        arm: an arm or control; `best` is the one chosen on dev, the baseline where no arm was better than it.
        target: a target of the run; a retrieval target or `encoder` gives the encoder without a head. Default: the
            only trained target.
        seed: default: the seed with the best dev score.
        tell: told in words what takes long.

    Returns:
        The folder written.

    Raises:
        UserError: no finished run, no such arm, target or seed, or `out` holds something else.

    Example:
        >>> export_hf(Path("runs/reviews"), Path("model"), target="my/reviews")  # doctest: +SKIP
    """
    check_out(out)
    choice = choose(opened(run), arm, target, seed)
    refuse_towers(choice)
    tell(chosen(choice))
    base, checkpoint = load(choice, tell)
    with writing(out) as folder:
        model = _with_head(base, checkpoint, choice.target) if choice.has_head else bare(base, checkpoint)
        save(model, base, folder)
        describe(folder, choice, "hf")
    return out


def opened(run: Path | FinishedRun) -> FinishedRun:
    """A finished run, opened if it is given by its folder."""
    return run if isinstance(run, FinishedRun) else FinishedRun.open(run)


def chosen(choice: Choice) -> str:
    """Which arm and seed are exported, and why, in a sentence or two."""
    arm = f"arm {choice.arm}, seed {choice.seed}, target {choice.target}"
    return f"{arm}. {reason(choice).replace('`', '')}" if choice.asked == BEST else arm


def refuse_towers(choice: Choice) -> None:
    """Refuse a checkpoint of a text encoder beside an image tower: no class of transformers holds what joins them.

    Raises:
        UserError: the target is an image-text task.
    """
    there = choice.run.experiment.catalogue
    if choice.is_trained and there.get(choice.target).images is not None:
        raise UserError(
            f"{choice.target} is an image-text target: its checkpoint is a text encoder with layers that read an image "
            "tower's vectors, for which transformers has no class, so that there is no export of it. Expected --target "
            "encoder for the encoder as the arm left it, before it was trained with images"
        )


def load(choice: Choice, tell: Tell) -> tuple[BaseEncoder, Checkpoint]:
    """The checkpoint and its published encoder; a checkpoint that was pruned is made again."""
    from xstilts.context import Context
    from xstilts.executors import local

    experiment, plan, stage = choice.run.experiment, choice.run.plan, choice.stage
    training = experiment.recipe.training
    context = Context(
        experiment.store, experiment.catalogue, experiment.encoder, training.threads, training.micro_batch
    )
    if stage is not None:
        work = local.pending(plan, experiment.store.addresses(), [stage])
        if work.stages:
            tell(f"the checkpoint was not kept: making it again in {len(work.stages)} stages ({stage.label})")
            local.execute(plan, context, wanted=[stage])
    return context.base(), context.checkpoint(stage)


def _with_head(base: BaseEncoder, checkpoint: Checkpoint, task: str) -> Any:
    from xstilts.encoders.models import full_model

    return full_model(base, checkpoint, task)


def bare(base: BaseEncoder, checkpoint: Checkpoint) -> Any:
    """The whole `AutoModel`, as published, with the checkpoint's weights in it.

    A pooler stays as published; where the model family has one and the publisher none, its random weights come from
    a fixed seed, so that an export is always the same.
    """
    import numpy as np
    import torch
    from transformers import AutoModel

    from xstilts.encoders.vocabulary import gather_rows

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_pretrained(base.spec.folder, config=base.config, dtype=torch.float32)
    rows = gather_rows(base.embeddings, checkpoint.rows, np.arange(len(base.embeddings)))
    model.load_state_dict(checkpoint.body | {base.embeddings_name: rows}, strict=False)
    return model.eval()


def save(model: Any, base: BaseEncoder, folder: Path) -> None:
    """Write a model and its tokenizer."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)


def describe(folder: Path, choice: Choice, form: str, vectors: SentenceVectors | None = None) -> None:
    """Write the model card and the provenance."""
    (folder / "README.md").write_text(write_card(choice, form, vectors), "utf-8")
    provenance = {"export": form, **origin(choice), "vectors": vectors.record() if vectors else None}
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    text = json.dumps(provenance | {"files": [*files, PROVENANCE]}, indent=1, ensure_ascii=False)
    (folder / PROVENANCE).write_text(text, "utf-8")


def origin(choice: Choice) -> dict[str, Any]:
    """Where a checkpoint comes from, as JSON."""
    run, stage = choice.run, choice.stage
    return {
        "xstilts": __version__,
        "packages": run.results.run["packages"],
        "encoder": run.results.run["encoder"],
        "arm": choice.arm,
        "asked": choice.asked,
        "target": choice.target,
        "seed": choice.seed,
        "precision": run.plan.precision,
        "stage_key": stage.key if stage else None,
        "data": {name: _revisions(choice, name) for name in (*choice.intermediates, *choice.tested)},
    }


def _revisions(choice: Choice, task: str) -> dict[str, str]:
    """Fingerprints of the data that the run read for a task, by split and language."""
    prepared = (stage for stage in choice.run.plan.stages if stage.kind == "prepare")
    specs = [stage.spec for stage in prepared if stage.spec["task"]["name"] == task]
    return {f"{spec['split']}/{spec['language']}": spec["data"] for spec in specs}


def check_out(out: Path) -> None:
    """Refuse to write where something else is."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Expected a folder to write to, new or empty")
    if out.is_dir() and any(out.iterdir()) and not written_before(out):
        raise UserError(
            f"{out} is not empty and is no earlier export of xstilts (there is no {PROVENANCE} that says so). "
            "Expected a new or empty folder: give another name"
        )


def written_before(out: Path) -> list[str]:
    """The files of an earlier export, none if there is no such thing."""
    try:
        record = json.loads((out / PROVENANCE).read_text("utf-8"))
        return [str(name) for name in record["files"]] if "export" in record else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


@contextmanager
def writing(out: Path, within: str = "") -> Iterator[Path]:
    """A folder beside `out` whose files become those of `out` once all are written.

    Files of an earlier export are removed first: all, or those whose paths begin with `within`.
    """
    with drafted(out) as draft:
        yield draft
        _move(draft, out, within)


def _move(draft: Path, out: Path, within: str) -> None:
    """Put the files of a draft into place, then remove what else an earlier export left there.

    The provenance comes first, as the list of what may lie there, and last, as it is to be: whenever this is cut
    short, the folder is still known as an export, and the next one replaces all of it.
    """
    files = [path.relative_to(draft).as_posix() for path in sorted(draft.rglob("*")) if path.is_file()]
    before = written_before(out)
    stale = [name for name in before if name.startswith(within) and name not in files]
    started = draft / f".{PROVENANCE}"
    started.write_text(json.dumps({"export": "not finished", "files": sorted({*files, *before})}), "utf-8")
    out.mkdir(parents=True, exist_ok=True)
    started.replace(out / PROVENANCE)
    for name in files:
        (draft / name).chmod(draft.stat().st_mode & 0o666)  # as the umask has it: safetensors writes 0600
        if name != PROVENANCE:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).replace(out / name)
    for name in stale:
        if (out / name).resolve().is_relative_to(out.resolve()):  # anyone may have edited that list
            (out / name).unlink(missing_ok=True)
    (draft / PROVENANCE).replace(out / PROVENANCE)
