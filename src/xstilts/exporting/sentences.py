"""A checkpoint's encoder for sentence-transformers: layer, pooling, centring and prefix as its own modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import UserError
from xstilts.exporting.huggingface import Tell, bare, check_out, chosen, describe, load, opened, save, writing
from xstilts.exporting.postprocessing import CENTER, RAW, rule_for
from xstilts.exporting.sentence_files import ANY, write_modules
from xstilts.finished import BEST, ENCODER, Choice, FinishedRun, choose, only_target
from xstilts.model_card import Centring, SentenceVectors
from xstilts.task_types import get_task_type, search_words
from xstilts.task_types.vectors import Side, nearest

if TYPE_CHECKING:
    from xstilts.encoders.base import BaseEncoder
    from xstilts.tasks.base import Task

Vectors = NDArray[np.float32]
Pairs = Mapping[str, tuple[Vectors, Vectors]]
"""Vectors of queries and of the sentences that they translate, by language."""

ENGLISH = "en"


def export_sentence_transformers(
    run: Path | FinishedRun,
    out: Path,
    arm: str = BEST,
    seed: int | None = None,
    target: str | None = None,
    postprocess: str | None = None,
    tell: Tell = lambda message: None,
) -> Path:
    """Write a checkpoint's encoder so that `SentenceTransformer(out)` embeds as the run's retrieval did.

    The model ends with the layer that was chosen on dev; pooling, centring and unit length are modules of
    sentence-transformers itself, prefixes are the prompts of queries and documents. In a run, queries and
    candidates are centred each by their own mean, which takes a whole set of sentences. A model sees one sentence: it
    subtracts a mean of the target's dev sentences, one for each language (`encode(texts, task="de")`), and its card
    says what that costs on dev, with and without the language.

    Args:
        run: a finished run, or its folder.
        out: folder to write; new, empty, or an earlier export, which is replaced.
        arm: an arm; `best` is the one chosen on dev.
        seed: default: the seed with the best dev score.
        target: the retrieval target whose layer is taken, or `encoder` for all layers. Default: the only retrieval
            target, all layers where there is none.
        postprocess: `none` or `center`. Default: what the run's verdicts rest on, raw vectors where it has them.
        tell: told in words what takes long.

    Returns:
        The folder written.

    Raises:
        UserError: as `export_hf`; or the run has no such vectors.

    Example:
        >>> export_sentence_transformers(Path("runs/demo"), Path("model"), postprocess="center")  # doctest: +SKIP
    """
    check_out(out)
    finished = opened(run)
    choice = choose(finished, arm, target or only_target(finished, finished.targets(trained=False)), seed)
    if choice.has_head:
        raise UserError(
            f"--target {choice.target}: a model for sentence vectors has no head. Expected a retrieval target of the "
            f"run ({', '.join(finished.targets(trained=False)) or 'it has none'}) or {ENCODER}"
        )
    vectors = vectors_of(choice, postprocess)
    tell(chosen(choice))
    base, checkpoint = load(choice, tell)
    whole = bare(base, checkpoint)
    layer = base.layer_count if vectors.layer is None else vectors.layer
    means: dict[str, Vectors] = {}
    if vectors.postprocess == CENTER:
        tell(f"embedding the dev sentences of {choice.target} for their means")
        means, centring = _centring(choice, _embedder(base, whole, vectors))
        vectors = vectors.centred(centring)
    cut = _cut(whole, base, layer)
    with writing(out) as folder:
        save(cut.model, base, folder)
        write_modules(folder, vectors, cut.model.config.hidden_size, cut.reads, means)
        describe(folder, choice, "sentence-transformers", vectors)
    return out


def vectors_of(choice: Choice, postprocess: str | None) -> SentenceVectors:
    """How the run made vectors for a target.

    Raises:
        UserError: it has none with this post-processing.
    """
    run, layers = choice.run, choice.layers
    rule = rule_for(postprocess, layers)
    if rule not in (layers or {RAW}):
        there = ", ".join(layers) if layers else f"{RAW}: to center takes the dev sentences of a --target"
        raise UserError(f"--postprocess {rule}: for {choice.target} the run has {there}")
    task = run.experiment.catalogue.get(choice.target) if choice.target != ENCODER else None
    longest = run.recipe.phase("target", choice.target).max_length
    own = str(task.options.get("prefix", "")) if task else ""
    given = None if choice.is_trained else run.recipe.retrieval.prefix
    return SentenceVectors(
        layer=layers.get(rule),
        pooling="mean" if choice.is_trained else run.recipe.retrieval.pooling,  # as it was trained
        postprocess=rule,
        prefix=own if given is None else given.query,
        document_prefix=own if given is None else given.document,
        max_length=task.max_length(longest) if task else longest,
        similarity="dot" if task and search_words(task)["scoring"] == "dot" else "cosine",
    )


@dataclass(frozen=True)
class _Cut:
    """A model cut behind a layer. `reads`: the layer that is read, where the model had to keep one more."""

    model: Any
    reads: int | None = None


def _cut(model: Any, base: BaseEncoder, layer: int) -> _Cut:
    """The model's first layers, after checking that what is read is what the run read off that layer.

    Some encoders normalise once more behind their last layer (ModernBERT): they keep the next layer too, and the one
    before it is read.

    Raises:
        UserError: neither gives what the layer gave.
    """
    import torch

    inputs = base.tokenizer(["Good morning.", "Доброе утро."], padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs, output_hidden_states=True).hidden_states[layer]
        cut = _first_layers(model, layer)
        if torch.allclose(expected, cut(**inputs).last_hidden_state, atol=1e-5):
            return _Cut(cut)
        longer = _first_layers(model, layer + 1)
        if torch.allclose(
            expected, longer(**inputs, output_hidden_states=True).hidden_states[layer], atol=1e-5
        ):
            longer.config.output_hidden_states = True
            return _Cut(longer, reads=layer)
    raise UserError(
        f"{base.spec.name}: cut after layer {layer} of {base.layer_count}, this encoder does not give what that layer "
        f"gives. Export all layers: --target {ENCODER}"
    )


def _first_layers(model: Any, layers: int) -> Any:
    import copy

    from xstilts.encoders.base import keep_layers

    config = copy.deepcopy(model.config)
    keep_layers(config, layers)
    cut = type(model)(config).eval()
    state = model.state_dict()
    cut.load_state_dict({name: state[name] for name in cut.state_dict()})
    return cut


def _centring(
    choice: Choice, embed: Callable[[list[str], bool], Vectors]
) -> tuple[dict[str, Vectors], Centring]:
    """The mean vectors of a target's dev sentences by route, and what centring by them gives on dev.

    Means are judged on sentences that they were not taken of: those of one half of the dev part on the other half.
    """
    sides = _dev_sides(choice.run.experiment.catalogue.get(choice.target), choice)
    pairs: Pairs = {
        code: (embed(queries, True), embed(targets, False)) for code, (queries, targets) in sides.items()
    }
    halves = [{code: (one[i::2], other[i::2]) for code, (one, other) in pairs.items()} for i in (0, 1)]
    folds = [(_means(taken), held) for taken, held in (halves, halves[::-1])]

    def score(rule: Callable[[str, dict[str, Vectors], Vectors, bool], Vectors]) -> float:
        hits = [
            _share_found(rule(code, means, one, True), rule(code, means, other, False))
            for means, held in folds
            for code, (one, other) in held.items()
        ]
        return float(np.mean(hits))

    centring = Centring(
        languages=tuple(sides),
        sentences=sum(len({*queries, *targets}) for queries, targets in sides.values()),
        own=score(lambda code, means, x, query: _processed(x, CENTER)),
        named=score(lambda code, means, x, query: _processed(x - means[code if query else ENGLISH], RAW)),
        sided=score(
            lambda code, means, x, query: _processed(x - means["query" if query else "document"], RAW)
        ),
        unnamed=score(lambda code, means, x, query: _processed(x - means[ANY], RAW)),
        raw=score(lambda code, means, x, query: _processed(x, RAW)),
    )
    return _means(pairs), centring


def _processed(vectors: Vectors, rule: str) -> Vectors:
    """Unit vectors after a post-processing, as retrieval compares them."""
    return Side.of(vectors, np.arange(len(vectors)), rule).block(0, len(vectors))


def _share_found(queries: Vectors, candidates: Vectors) -> float:
    """Share of the queries whose nearest candidate is the one in their own place."""
    places = np.arange(len(queries))
    found = nearest(Side(queries, places), Side(candidates, places)).places[:, 0]
    return float((found == places).mean())


def _means(pairs: Pairs) -> dict[str, Vectors]:
    """Mean vectors by route: each language, `query`, `document`, and `any` between these two.

    Languages count the same, whatever the number of their sentences. Candidates are English.
    """
    means = {code: queries.mean(0) for code, (queries, _) in pairs.items()}
    query = np.mean(list(means.values()), axis=0)
    document = np.mean([candidates.mean(0) for _, candidates in pairs.values()], axis=0)
    means[ENGLISH] = (means[ENGLISH] + document) / 2 if ENGLISH in means else document
    return means | {"query": query, "document": document, ANY: (query + document) / 2}


def _dev_sides(task: Task, choice: Choice) -> dict[str, tuple[list[str], list[str]]]:
    """Queries and their targets on the dev part, by language.

    Raises:
        UserError: there are no pairs in the run's languages, or a language has a single one.
    """
    known = {row["language"] for row in choice.run.rows("results", task=task.name)}
    languages = [language for language in task.source.languages("dev") if language in known]
    sides = {}
    for language in languages if "target" in get_task_type(task.type).columns else ():
        rows = task.source.rows("dev", language)
        sides[language] = [str(row["text"]) for row in rows], [str(row["target"]) for row in rows]
    few = [language for language, (queries, _) in sides.items() if len(queries) < 2]
    if few or not sides:
        there = f"too few in {', '.join(few)}" if few else "none"
        raise UserError(
            f"--postprocess {CENTER}: the means are taken of pairs of sentences on dev, and of these {task.name} has "
            f"{there}. Give --postprocess {RAW}"
        )
    return sides


def _embedder(
    base: BaseEncoder, model: Any, vectors: SentenceVectors
) -> Callable[[list[str], bool], Vectors]:
    """Embeds texts, queries or not, as the run did, in fp32."""
    from xstilts.task_types.base import tokenise
    from xstilts.training.inference import embed

    layer = base.layer_count if vectors.layer is None else vectors.layer

    def embedded(texts: list[str], query: bool) -> Vectors:
        prefix = vectors.prefix if query else vectors.document_prefix
        prefixed = [prefix + text for text in texts]
        sequences, _ = tokenise(base.tokenizer, prefixed, None, vectors.max_length)
        return embed(model, sequences, [layer], vectors.pooling, "fp32")[layer]

    return embedded
