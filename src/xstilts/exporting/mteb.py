"""Retrieval results of a run as mteb's result files: `results/<model>/<revision>/<Task>.json` and `model_meta.json`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import UserError
from xstilts.exporting.huggingface import PROVENANCE, Tell, opened, origin, writing, written_before
from xstilts.exporting.postprocessing import RAW, rule_for
from xstilts.finished import BEST, ENCODER, Choice, FinishedRun, choose
from xstilts.hashing import digest
from xstilts.languages import script
from xstilts.task_types import metrics_of

if TYPE_CHECKING:
    from xstilts.plan import Cell

Row = Mapping[str, Any]

FORM = "mteb"


@dataclass(frozen=True)
class Published:
    """A task as mteb defines it. `sizes`: pairs of a language by its ISO 639-3 code, where they are not `size`."""

    name: str
    direction: str
    scoring: str
    size: int
    sizes: Mapping[str, int] = field(default_factory=dict)


_TATOEBA = Published(
    "Tatoeba",
    "xx-en",
    "cosine",
    1000,
    {"jav": 205, "kat": 746, "kaz": 575, "mal": 687, "swh": 390, "tam": 307, "tel": 234, "tha": 548},
)

PUBLISHED = {"xtreme/tatoeba": _TATOEBA, "xtreme-r/tatoeba": _TATOEBA}
"""Our names of tasks that mteb has. Its BUCC is none of ours: it looks for the translation of every sentence that has
one, where ours mines pairs among all sentences."""

_ISO_639_3 = {
    **{"zho": "cmn", "swa": "swh", "fas": "pes", "msa": "zsm"},
    **{"lav": "lvs", "nor": "nob", "fil": "tgl"},
}
"""Languages that mteb names by another code: mostly a member of the macrolanguage."""


def export_mteb(
    run: Path | FinishedRun,
    out: Path,
    arm: str = BEST,
    seed: int | None = None,
    target: str | None = None,
    postprocess: str | None = None,
    name: str | None = None,
    tell: Tell = lambda message: None,
) -> Path:
    """Write what an arm's encoder scores on the run's retrieval targets as mteb would have written it.

    `mteb.ResultCache(out)` reads the folder; results of other arms and seeds may be added to it. A target is written
    under mteb's own name only where its definition is mteb's: direction, scoring, vectors and the number of sentences.
    All others are tasks of our own, named `xstilts-<suite>-<task>`. Scores are those on clean input, in 0..1, with
    layer, pooling, post-processing, direction and scoring beside them.

    Args:
        run: a finished run, or its folder.
        out: folder to write; whatever is there stays, but for an earlier export of the same model.
        arm: an arm; `best` is the one chosen on dev over the retrieval targets.
        seed: default: the seed with the best dev score.
        target: one retrieval target; default: all.
        postprocess: `none` or `center`; default: what the run's verdicts rest on, raw vectors where it has them.
        name: of the model, `organisation/name`; default: made of the run's, the arm's and the seed.
        tell: told in words under which name a target is written, and why.

    Returns:
        The folder with the model's results.

    Raises:
        UserError: no finished run, no such arm, target or seed, no retrieval target, or a file of others is in the way.

    Example:
        >>> export_mteb(Path("runs/demo"), Path("mteb"), arm="definitions")  # doctest: +SKIP
        PosixPath('mteb/results/xstilts__demo-definitions-seed0/1c0e9c7a…')
    """
    finished = opened(run)
    targets = _targets(finished, target)
    choice = replace(choose(finished, finished.arm(arm, targets), ENCODER, seed), asked=arm)
    if arm == BEST:
        tell(f"arm {choice.arm}, seed {choice.seed}: the best on dev, the baseline where no arm is better")
    rule = _rule(finished, postprocess)
    model = _checked(name or _name(choice, rule))
    revision = choice.stage.key[:40] if choice.stage else finished.experiment.encoder.fingerprint[:40]
    place = f"results/{model.replace('/', '__').replace(' ', '_')}/{revision}"
    _check_place(out, place)
    with writing(out, within=f"{place}/") as draft:
        folder = draft / place
        folder.mkdir(parents=True)
        for one in targets:
            result = _task_result(choice, one, rule, tell)
            _write(folder / f"{result['task_name']}.json", result)
        _write(folder / "model_meta.json", _model_meta(choice, model, revision, targets))
        _write(draft / PROVENANCE, _provenance(draft, out, place, origin(choice) | {"postprocess": rule}))
    return out / place


def _provenance(draft: Path, out: Path, place: str, model: dict[str, Any]) -> dict[str, Any]:
    """What `out` holds once the draft is in it: the models by their folders, and all files that are ours."""
    others = [file for file in written_before(out) if not file.startswith(f"{place}/")]
    mine = [path.relative_to(draft).as_posix() for path in sorted(draft.rglob("*.json"))]
    models = _models(out) | {place: model}
    return {"export": FORM, "models": models, "files": [*others, *mine, PROVENANCE]}


def _checked(model: str) -> str:
    """A model's name, if mteb takes it for one."""
    if len(model.split("/")) != 2 or not all(model.split("/")):
        raise UserError(
            f"the model's name {model!r}: expected organisation/name, such as our-group/xlm-r-squad"
        )
    return model


def _targets(run: FinishedRun, target: str | None) -> tuple[str, ...]:
    there = run.targets(trained=False)
    if not there:
        raise UserError(
            f"{run.folder} has no retrieval target. mteb's results are of models that embed: the head of a trained "
            "target has no place there. Export the model itself: --to hf"
        )
    if target is not None and target not in there:
        raise UserError(f"--target {target}: expected a retrieval target of the run: {', '.join(there)}")
    return there if target is None else (target,)


def _rule(run: FinishedRun, postprocess: str | None) -> str:
    rules = run.recipe.retrieval.postprocess
    rule = rule_for(postprocess, rules)
    if rule not in rules:
        raise UserError(f"--postprocess {rule}: the run has {', '.join(rules)}")
    return rule


def _name(choice: Choice, rule: str) -> str:
    centred = "" if rule == RAW else "-centred"
    name = f"{choice.run.folder.resolve().name}-{choice.arm}-seed{choice.seed}{centred}"
    return "xstilts/" + re.sub(r"[^\w.+~-]", "-", name)


def _check_place(out: Path, place: str) -> None:
    """Refuse to write over files of others."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Expected a folder to write to")
    if (out / PROVENANCE).is_file() and not _models(out) and written_before(out):
        raise UserError(f"{out} holds an exported model. Expected a folder for results: give another name")
    before = set(written_before(out))
    found = (path.relative_to(out).as_posix() for path in (out / place).glob("*"))
    foreign = sorted(file for file in found if file not in before)
    if foreign:
        raise UserError(f"{out / foreign[0]} was not written by xstilts. Expected another folder to write to")


def _models(out: Path) -> dict[str, Any]:
    """The models that an earlier export wrote, by their folders."""
    try:
        record = json.loads((out / PROVENANCE).read_text("utf-8"))
        return dict(record["models"]) if record["export"] == FORM else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _task_result(choice: Choice, target: str, rule: str, tell: Tell) -> dict[str, Any]:
    """What mteb calls a TaskResult. No mteb took part, so there is no version of it."""
    rows = choice.run.rows(
        "results",
        task=target,
        arm=choice.arm,
        seed=choice.seed,
        condition="clean",
        postprocess=rule,
        metric=metrics_of(choice.run.experiment.catalogue.get(target))[0],
    )
    published, why = _as_published(target, rows, rule)
    name = published.name if published else "xstilts-" + target.replace("/", "-")
    tell(f"{target}: written as {name}{', a task of our own: ' + why if why else ', as mteb defines it'}")
    cells = {
        cell.language: cell
        for cell in choice.run.plan.cells
        if (cell.arm, cell.target, cell.seed, cell.condition, cell.postprocess)
        == (choice.arm, target, choice.seed, "clean", rule)
    }
    return {
        "dataset_revision": "xstilts-" + digest(sorted(row["data_revision"] for row in rows))[:12],
        "task_name": name,
        "mteb_version": None,
        "scores": {"test": [_scores(choice, row, cells[row["language"]], published) for row in rows]},
        "evaluation_time": _seconds(choice, list(cells.values())),
        "kg_co2_emissions": None,
        "date": None,
        "evaluation_phases": None,
    }


def _as_published(target: str, rows: Sequence[Row], rule: str) -> tuple[Published | None, str]:
    """Mteb's task of this name if it is the same task, else why it is not."""
    task = PUBLISHED.get(target)
    if task is None:
        return None, "mteb has none of this name and definition"
    for row in rows:
        code = iso_639_3(row["language"])
        size = task.sizes.get(code, task.size)
        if (row["direction"], row["scoring"]) != (task.direction, task.scoring):
            return (
                None,
                f"mteb goes {task.direction} by {task.scoring}, the run {row['direction']} by {row['scoring']}",
            )
        if row["n"] != size:
            return None, f"mteb has {size} pairs in {row['language']}, the run tested {row['n']}"
    return (task, "") if rule == RAW else (None, "mteb does not centre vectors")


def _scores(choice: Choice, row: Row, cell: Cell, published: Published | None) -> dict[str, Any]:
    """The scores of one language, and what they rest on."""
    code = iso_639_3(row["language"])
    scores = {row["metric"]: row["value"]}
    if row["metric"] == "accuracy":
        scores |= weighted_scores(*_answers(choice, cell))
    languages = [f"{code}-{_script(row['language'])}"]
    pairs = {
        "xx-en": (f"{code}-eng", [*languages, "eng-Latn"]),
        "en-xx": (f"eng-{code}", ["eng-Latn", *languages]),
    }
    subset, languages = pairs.get(row["direction"], (code, languages))
    return {
        **{metric: round(value, 6) for metric, value in scores.items()},
        "main_score": round(scores["f1" if published else row["metric"]], 6),
        "hf_subset": subset,
        "languages": languages,
        **{name: row[name] for name in ("n", "layer", "pooling", "postprocess", "direction", "scoring")},
    }


def _answers(choice: Choice, cell: Cell) -> tuple[list[str], list[str]]:
    """Predicted and right candidates of a cell's items."""
    import pyarrow.parquet as pq

    (prediction,) = cell.score.parents["prediction"]
    path = choice.run.experiment.store.open(prediction.address).path("predictions.parquet")
    table = pq.read_table(path, filters=[("postprocess", "==", cell.postprocess)])
    return table["prediction"].to_pylist(), table["gold"].to_pylist()


def weighted_scores(predicted: Sequence[str], gold: Sequence[str]) -> dict[str, float]:
    """Precision, recall and F1 of 1-nearest-neighbour retrieval as mteb's bitext mining counts them.

    That is scikit-learn's mean over candidates as classes, weighted by how often they are right. The sum over classes
    is one over queries: a candidate that is right for s queries, was found k times and h times rightly has precision
    h/k, recall h/s and F1 2h/(k + s).

    Example:
        >>> weighted_scores(["a", "a"], ["a", "b"])
        {'precision': 0.25, 'recall': 0.5, 'f1': 0.3333333333333333}
    """
    found, right = Counter(predicted), Counter(gold)
    hits = Counter(one for one, other in zip(predicted, gold, strict=True) if one == other)
    return {
        "precision": sum(hits[x] / max(found[x], 1) for x in gold) / len(gold),
        "recall": sum(hits[x] / right[x] for x in gold) / len(gold),
        "f1": sum(2 * hits[x] / (found[x] + right[x]) for x in gold) / len(gold),
    }


def iso_639_3(language: str) -> str:
    """The code that mteb names a language by.

    Example:
        >>> [iso_639_3(code) for code in ("de", "zh", "zh-Hant", "sw", "fa")]
        ['deu', 'cmn', 'cmn', 'swh', 'pes']
    """
    import langcodes

    code = str(langcodes.get(language).to_alpha3())
    return _ISO_639_3.get(code, code)


def _script(language: str) -> str:
    return {"Kore": "Hang"}.get(script(language), script(language))


def _seconds(choice: Choice, cells: Sequence[Cell]) -> float:
    """How long the predictions took when they were made."""
    store = choice.run.experiment.store
    stages = {stage.key: stage for cell in cells for stage in cell.score.parents["prediction"]}
    seconds = (float(store.open(stage.address).manifest["seconds"]) for stage in stages.values())
    return round(sum(seconds), 3)


def _model_meta(choice: Choice, name: str, revision: str, targets: Sequence[str]) -> dict[str, Any]:
    """What mteb calls a ModelMeta, all of its fields; what is not known is null."""
    run = choice.run
    config = json.loads((run.experiment.encoder.folder / "config.json").read_text("utf-8"))
    tasks = [run.experiment.catalogue.get(one) for one in targets]
    codes = {row["language"] for one in targets for row in run.rows("results", task=one)} | {"en"}
    lengths = [run.recipe.phase("target", task.name).max_length for task in tasks]
    unknown = (
        *("loader", "release_date", "n_parameters", "n_active_parameters_override", "n_embedding_parameters"),
        *(
            "memory_usage_mb",
            "license",
            "public_training_code",
            "public_training_data",
            "reference",
            "citation",
        ),
        *("training_datasets", "superseded_by", "contacts", "experiment_kwargs", "output_dtypes"),
        *("extra_requirements_groups", "adapted_from"),
    )
    return dict.fromkeys(unknown) | {
        "loader_kwargs": {},
        "name": name,
        "revision": revision,
        "languages": sorted(f"{iso_639_3(code)}-{_script(code)}" for code in codes),
        "max_tokens": max(lengths),
        "embed_dim": config.get("hidden_size"),
        "open_weights": True,
        "framework": ["PyTorch", "Transformers"],
        "similarity_fn_name": "cosine",
        "use_instructions": run.recipe.retrieval.prefix is not None
        or any(task.options.get("prefix") for task in tasks),
        "modalities": ["text"],
        "model_type": ["dense"],
        "is_cross_encoder": False,
    }


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
