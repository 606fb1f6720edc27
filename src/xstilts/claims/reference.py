"""What the published tables themselves say of each claim: point estimates, as no table has intervals or seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import mean

from xstilts.claims.base import CONSISTENT, INCONSISTENT, NOT_TESTABLE, STATED, Outcome, Part
from xstilts.claims.published import Published, minus
from xstilts.claims.theirs import much

ALL, TRAINED, RETRIEVAL = "all nine targets", "without retrieval (seven)", "retrieval alone (two)"


def large_average_gains(figures: Published) -> Outcome:
    """(1), on the first version's dev table, which has SQuAD and HellaSwag, and no MNLI."""
    printed, rows = figures.headline["averages"], figures.dev("plain")
    parts, held = [], []
    for task in ("squad1", "hellaswag"):
        held.append(figures.average(rows[task]) >= printed[task] / 2)
        parts += _split(figures, rows[task], task, printed[task])
    parts.append(_part("mnli", None, NOT_TESTABLE, printed["mnli"], "not in the first version's tables"))
    return Outcome(
        _consistent(all(held)),
        tuple(parts),
        (
            f"for SQuAD and HellaSwag, in {figures.source('dev')}; the final version's own tables were not found",
            "what remains of the average without retrieval is the line of the seven trained targets",
        ),
    )


def multi_task_is_best(figures: Published) -> Outcome:
    """(2): the mixture of nine is in no table that was found."""
    rows = figures.dev("plain")
    parts = _split(figures, rows["multi"], "multi, six tasks", None)
    parts.append(_part(f"squad1: {ALL}", figures.average(rows["squad1"])))
    note = (
        "the first version mixed six tasks and left SQuAD out; the table of the mixture of nine was not found"
    )
    printed = _part("multi (nine tasks), abstract", None, NOT_TESTABLE, figures.headline["averages"]["multi"])
    return Outcome(NOT_TESTABLE, (*parts, printed), (note,))


def retrieval_gains_much(figures: Published) -> Outcome:
    """(3): each single intermediate's mean over BUCC and Tatoeba."""
    rows = {arm: row for arm, row in figures.dev("plain").items() if arm != "multi"}
    gains = {arm: figures.retrieval(row) for arm, row in rows.items()}
    parts = [_part("mean of seven intermediates", mean(gains.values()))]
    parts += [_part(arm, gain) for arm, gain in sorted(gains.items(), key=lambda pair: -pair[1])]
    ours = figures.scores("xlmr-own")["tatoeba"]
    hu = figures.scores("xlmr-hu")["tatoeba"]
    note = (
        f"over the paper's own baseline, {ours} on Tatoeba; {figures.source('scores', 'xlmr-hu').paper} has {hu} for "
        "the same encoder, so that much of the gain may be the layer that was read"
    )
    return Outcome(_consistent(min(gains.values()) >= much()), tuple(parts), (note,))


def tydiqa_gains_xnli_does_not(figures: Published) -> Outcome:
    """(4): how many of the seven single intermediates gain on each."""
    rows = {arm: row for arm, row in figures.dev("plain").items() if arm != "multi"}
    parts = []
    for task in ("tydiqa", "xnli"):
        gains = [row[task] for row in rows.values()]
        parts.append(
            _part(
                f"{task}: mean of {len(gains)} intermediates",
                mean(gains),
                note=f"{sum(gain > 0 for gain in gains)} of {len(gains)} gain",
            )
        )
    tydiqa, xnli = (sum(row[task] > 0 for row in rows.values()) / len(rows) for task in ("tydiqa", "xnli"))
    return Outcome(
        _consistent(tydiqa > 0.5 >= xnli), tuple(parts), ("without seeds, gains within a point say little",)
    )


def best_per_target(figures: Published) -> Outcome:
    """(5): the final total against Hu et al.'s XLM-R, and what of it is not retrieval."""
    base, final = figures.scores("xlmr-hu"), figures.scores("best-final")
    own, first = figures.scores("xlmr-own"), figures.scores("best-v1")
    gain = figures.headline["total"] - figures.average(base)
    printed = figures.headline["best_per_target"]
    rest = minus(final, base)
    without = {task: value for task, value in rest.items() if task != "tydiqa"}
    parts = [
        _part(f"final version over Hu et al.: {ALL}", gain, CONSISTENT, printed),
        _part(f"  {TRAINED}", figures.average(rest)),
        _part("  without retrieval and TyDiQA (six)", figures.average(without)),
        *_split(figures, minus(first, own), "first version over its own", None),
    ]
    note = "the best model was chosen on dev data of all target languages, not on English dev"
    return Outcome(_consistent(abs(gain - printed) < 0.1), tuple(parts), (note,))


def english_beats_mlm_and_translation(figures: Published) -> Outcome:
    """(6): the first version's table with language modelling, against that without."""
    plain, mixed = figures.dev("plain"), figures.dev("mlm")
    changes = {arm: minus(mixed[arm], plain[arm]) for arm in plain}
    parts = [
        _compared(name, {arm: rule(change) for arm, change in changes.items()})
        for name, rule in ((ALL, figures.average), (TRAINED, figures.trained), (RETRIEVAL, figures.retrieval))
    ]
    held = parts[0].estimate is not None and parts[0].estimate <= 0
    parts[0] = replace(parts[0], verdict=_consistent(held))
    parts.append(
        _part("translated intermediates", None, NOT_TESTABLE, note="no table with figures was found")
    )
    notes = (
        "each line is the mean of eight arms, with language modelling minus without",
        "on the trained targets alone the sign is the other way: the average is that of retrieval",
    )
    return Outcome(_consistent(held), tuple(parts), notes)


def stated(figures: Published) -> Outcome:
    """A precondition: the papers state it of themselves."""
    return Outcome(STATED)


def nine_intermediates(figures: Published) -> Outcome:
    """(9): nine in the final version, seven in the one whose tables were found."""
    return Outcome(STATED, (), ("nine in the final version; the tables that were found have seven",))


def not_in_the_tables(what: str) -> Outcome:
    """A claim that no published table bears on."""
    return Outcome(NOT_TESTABLE, (), (what,))


def beyond_english(figures: Published) -> Outcome:
    """(10)."""
    return not_in_the_tables("no table by language was found: the printed figures are means over all of them")


def under_perturbation(figures: Published) -> Outcome:
    """(11)."""
    return not_in_the_tables("no perturbed input was tested")


def in_image_text(figures: Published) -> Outcome:
    """(12)."""
    return not_in_the_tables("no image-text target was tested")


def on_trained_targets(figures: Published) -> Outcome:
    """(13): the best model of each target over the paper's own baseline, and each intermediate by itself."""
    best = figures.trained(minus(figures.scores("best-v1"), figures.scores("xlmr-own")))
    rows = {arm: row for arm, row in figures.dev("plain").items() if arm != "multi"}
    parts = [
        _part("best model of each target", best, _consistent(best > 0)),
        _part("mean of seven intermediates", mean(figures.trained(row) for row in rows.values())),
        *(_part(arm, figures.trained(row)) for arm, row in rows.items()),
    ]
    note = "SQuAD is the training set of two of the seven targets, MNLI (in ANLI+) that of one"
    return Outcome(_consistent(best > 0), tuple(parts), (note,))


def against_controls_and_centring(figures: Published) -> Outcome:
    """(14)."""
    return not_in_the_tables("no controls were run, and vectors were read raw")


def _split(figures: Published, row: Mapping[str, float], name: str, printed: float | None) -> list[Part]:
    """A row's mean, and that of its two kinds of targets."""
    return [
        _part(f"{name}: {ALL}", figures.average(row), printed=printed),
        _part(f"  {TRAINED}", figures.trained(row)),
        _part(f"  {RETRIEVAL}", figures.retrieval(row)),
    ]


def _compared(name: str, changes: Mapping[str, float]) -> Part:
    better = sum(change > 0 for change in changes.values())
    return _part(name, mean(changes.values()), note=f"higher with it in {better} of {len(changes)} arms")


def _part(
    name: str, value: float | None, verdict: str = "", printed: float | None = None, note: str = ""
) -> Part:
    """A figure in points as a part in 0..1."""
    scaled, other = (None if x is None else x / 100 for x in (value, printed))
    return Part(name=name, verdict=verdict, estimate=scaled, printed=other, note=note)


def _consistent(held: bool) -> str:
    return CONSISTENT if held else INCONSISTENT
