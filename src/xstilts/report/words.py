"""How numbers, verdicts, flags and gains are put into words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xstilts.errors import UnknownName
from xstilts.hashing import short_hash
from xstilts.languages import display_name
from xstilts.metrics import get_metric
from xstilts.report.evidence import (
    CLEAN,
    ENGLISH,
    OTHERS,
    PERTURBED,
    Evidence,
    Interval,
    Row,
    flags,
    of_verdict,
)

MINUS = "−"
NOTHING = "–"

QUESTION = "Does an English intermediate task help?"

VERDICTS = {
    "persists": "a gain in English, and a gain on average over the other languages.",
    "gains": "a gain in the languages there are: all of them English, or none of them.",
    "spreads": "a gain in the other languages, larger than in English, where a gain is too small to matter.",
    "fades": "a gain in English that shrinks in other languages, where it is too small to matter.",
    "harms": "a loss on average over the other languages.",
    "no gain": "shown to be too small to matter, whether gain or loss.",
    "undecided": "the data allow none of the other verdicts: this is not evidence that there is no effect.",
}

FLAGS = {
    "not-specific": "the gain does not also hold against the arm's controls. Longer training, or training on "
    "shuffled labels, may do as much: it cannot be put down to the intermediate task.",
    "uncontrolled": "no control was run for this arm, so that the gain may come from training as such.",
    "isotropy": "the gain is there on raw sentence vectors only. Centring them (subtracting their mean) gives "
    "the baseline as much, so that nothing was learned about meaning.",
    "english-loss": "the gain in the other languages comes with a clear loss in English.",
    "same-task": "the target is also the intermediate task: this is more training on the same task, not "
    "transfer. Left out of the short answer.",
    "ceiling": "scores above 95 in English or in half of the languages: there is little room to gain.",
    "floor": "scores no better than guessing in English or in half of the languages: the model does not do "
    "this task well enough for a gain to show.",
    "one-run": "one seed: the interval covers the choice of test items only, not the luck of a training run. "
    "No verdict can be given.",
    "unpooled": "two seeds whose spread cannot be estimated together with that of other arms, as it differs too "
    "much or there is no other arm. The interval covers the choice of test items only, as with one seed. No verdict "
    "can be given; run a third seed.",
    "immovable": "under these conditions arm or baseline scores above 95 or no better than guessing in every "
    "language, so that nothing can be said about how a gain lasts.",
}

_DOUBTS = {"not-specific", "uncontrolled", "isotropy"}
"""Flags with which a gain is not counted as the intermediate task's own."""

NO_VERDICT = "no verdict"
"""What stands for the verdict where there are too few seeds for one."""

_TOO_FEW = {"one-run", "unpooled"}

SHORT_FLAGS = {"not-specific": "not the task's own", "one-run": "one seed"}

FAMILIES = {
    "trained": "Targets trained on English labels",
    "retrieval": "Retrieval targets (no training)",
    "image-text": "Image–text targets",
}

POSTPROCESSES = {"": "", "none": "raw vectors", "center": "centred vectors"}

KINDS = {
    "longer": "the baseline, trained on the target for as much longer as the intermediate took",
    "shuffled": "the same intermediate task with its labels shuffled",
}


def points(value: float | None, sign: bool = True) -> str:
    """A number of 0..1 as points of 0..100.

    Example:
        >>> points(-0.0312), points(0.004), points(0.0001), points(0.5, sign=False), points(None)
        ('−3.1', '+0.4', '0.0', '50.0', '–')
    """
    if value is None:
        return NOTHING
    text = f"{100 * value:.1f}"
    if float(text) == 0:
        return "0.0"
    return (f"+{text}" if sign and value > 0 else text).replace("-", MINUS)


def span(gain: Interval | None, joint: str = " to ") -> str:
    """The bounds of an interval: `−5.2 to −1.0`."""
    if gain is None or gain.low is None or gain.high is None:
        return NOTHING
    return f"{points(gain.low)}{joint}{points(gain.high)}"


def with_span(gain: Interval) -> str:
    """A gain in points, with its interval."""
    return f"{points(gain.value)} ({span(gain)})"


def short(task: str, tasks: Sequence[str]) -> str:
    """A task's name without its suite, where that is clear among the tasks.

    Example:
        >>> short("pocket/intents", ["pocket/intents", "xtreme/xnli"])
        'intents'
    """
    name = task.rpartition("/")[2]
    return name if [x.rpartition("/")[2] for x in tasks].count(name) == 1 else task


def slug(name: str) -> str:
    """A task's name for names of files and labels; what other characters it had is told by a hash.

    Example:
        >>> slug("pocket/intents"), slug("my/任务")
        ('pocket-intents', 'my-4336f6')
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    return plain if re.fullmatch(r"[A-Za-z0-9/_.-]+", name) else f"{plain}-{short_hash(name, 6)}".strip("-")


def metric_label(name: str) -> str:
    """A metric's name for readers: `Macro-F1` for `macro_f1`."""
    try:
        return get_metric(name).label
    except UnknownName:
        return name


def condition_label(name: str) -> str:
    """A condition in words: `typos, severity 2 of 5` for `typos@2`.

    Example:
        >>> condition_label("ocr:context@4"), condition_label("perturbed")
        ('ocr in context, severity 4 of 5', 'all changed input together')
    """
    if name in (CLEAN, PERTURBED):
        return {CLEAN: "clean", PERTURBED: "all changed input together"}[name]
    what, _, severity = name.partition("@")
    what, _, role = what.partition(":")
    return what + (f" in {role}" if role else "") + (f", severity {severity} of 5" if severity else "")


def counted(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sentence(row: Row, evidence: Evidence) -> str:
    """What one arm does to one target, in one plain sentence that ends with the verdict, and what it lacks.

    It says that something is so where the verdict stands for it, and that it seems so where an interval alone does.

    Example:
        >>> sentence(row, evidence)  # doctest: +SKIP
        'Training on definitions first costs 3.1 points on intents on average over the 8 other languages (95%
        interval −5.2 to −1.0) and makes no clear difference in English (+0.4; −1.0 to +1.8): harms.'
    """
    target = short(row["task"], evidence.targets())
    lead = f"{_scope(row)} on {row['arm']} first"
    english, others = of_verdict(row, ENGLISH), of_verdict(row, OTHERS)
    first = others or english
    if first is None:
        return (
            f"{lead} could not be judged on {target}: everywhere arm or baseline scores above 95 or no better than "
            f"guessing. {_caveats(row, evidence)}".strip()
        )
    where = _others(row, bool(english)) if others else "in English"
    on = f"on {target}{' with changed input' if row['perturbed'] else ''} {where}"
    stands = _STANDS.get(row["verdict"], {})
    told = stands.get(OTHERS if others and english else _ALONE, _SEEMS)
    text = f"{lead} {_effect(first, on, told, f'{evidence.level}% interval ')}"
    if others and english:
        text += f" and {_effect(english, 'in English', stands.get(ENGLISH, _SEEMS))}"
    return f"{text}: {verdict_word(row)}. {_caveats(row, evidence)}".strip()


def _scope(row: Row) -> str:
    """How far the interval reaches: to other trainings, or no further than these."""
    runs = {"one-run": "In this one run, training", "unpooled": "In these two runs, training"}
    return next((text for flag, text in runs.items() if flag in flags(row)), "Training")


def _others(row: Row, english: bool) -> str:
    if row["languages"] == 1 and row["worst_language"]:
        return f"in {display_name(row['worst_language'])}"
    return f"on average over {'the ' if english else ''}{row['languages']} {'other ' if english else ''}languages"


def _effect(gain: Interval, where: str, stands: str, level: str = "") -> str:
    """A gain in words; `stands` is what the verdict says of it, which the interval alone never overrules."""
    bounds = f"{level}{span(gain)}"
    small = {_NO_GAIN: "gives no gain that matters", _NO_CHANGE: "makes no difference that matters"}
    if stands in small or not gain.clear:
        return f"{small.get(stands, 'makes no clear difference')} {where} ({points(gain.value)}; {bounds})"
    up = gain.sign > 0
    verb = ("adds" if up else "costs") if stands == _IS else f"seems to {'add' if up else 'cost'}"
    amount = points(abs(gain.value), sign=False)
    noun = "point" if amount == "1.0" else "points"
    return f"{verb} {amount} {noun} {where} ({bounds})"


_IS, _SEEMS, _NO_GAIN, _NO_CHANGE = "is", "seems", "no gain", "no change"
_ALONE = "alone"
_STANDS: Mapping[str, Mapping[str, str]] = {
    "persists": {ENGLISH: _IS, OTHERS: _IS},
    "gains": {_ALONE: _IS},
    "harms": {OTHERS: _IS, _ALONE: _IS},
    "fades": {ENGLISH: _IS, OTHERS: _NO_GAIN},
    "spreads": {ENGLISH: _NO_GAIN, OTHERS: _IS},
    "no gain": {ENGLISH: _NO_CHANGE, OTHERS: _NO_CHANGE, _ALONE: _NO_CHANGE},
}
"""What each verdict says of the gain in English, in other languages, or in those that there are alone."""


def _caveats(row: Row, evidence: Evidence) -> str:
    """What must be said beside the verdict, in sentences."""
    raised = flags(row)
    notes = [text.format(row["arm"]) for flag, text in _BUT.items() if flag in raised]
    if evidence.unlearned(row["arm"]):
        notes.append(f"But {row['arm']} did not learn its own task, so this says nothing about that task.")
    if row["verdict"] == "undecided":
        notes.append(_why_undecided(row))
    if row.get("left_out") and "immovable" not in raised:
        pairs = counted(row["left_out"], "pair")
        notes.append(
            f"Left out: {pairs} of language and condition where arm or baseline scores above 95 or no better than "
            "guessing."
        )
    return " ".join(note for note in notes if note)


_BUT = {
    "not-specific": "But it does not hold against the controls of {}, so it cannot be put down to that task.",
    "uncontrolled": "No control was run for {}, so training as such may do as much.",
    "isotropy": "But it is gone where sentence vectors are centred.",
    "english-loss": "English clearly loses.",
    "same-task": "The target is also the task of {}: this is no transfer.",
}
"""What a sentence must not leave out where a flag is raised; `{}` is the arm."""


def _why_undecided(row: Row) -> str:
    if _TOO_FEW & set(flags(row)):
        these = "this very run" if "one-run" in flags(row) else "these very runs"
        return (
            f"The interval is over test items only and holds for {these}; "
            f"{counted(row['seeds'], 'seed')} allow{'s' if row['seeds'] == 1 else ''} no verdict."
        )
    signs = [gain.sign for group in (OTHERS, ENGLISH) if (gain := of_verdict(row, group))]
    if signs and (signs[0] < 0 or all(sign > 0 for sign in signs)):
        return "This is not clear enough once the number of comparisons is taken into account."
    if any(signs):
        return "Not all parts of this are clear enough for a verdict."
    if row["mdg"] is not None:
        least = points(row["mdg"], sign=False)
        where = " over the other languages" if len(signs) > 1 else ""
        return f"Only a gain of about {least} points or more{where} would have been likely to show."
    return ""


def verdict_word(row: Row) -> str:
    """The verdict as it is shown: `no verdict` where there are too few seeds for one."""
    too_few = row["verdict"] == "undecided" and _TOO_FEW & set(flags(row))
    return NO_VERDICT if too_few else str(row["verdict"])


def counted_by(rules: str) -> str:
    """The rules of a metric in a sentence: what counts as right, or whose script counts so."""
    if rules == "exact-match":
        return "An answer counts as right where it equals the annotated one, else as wrong."
    return f"Counted as {rules} does."


def gaining(row: Row) -> str:
    """In how many of a verdict's languages the gain is above 0: `3 of 8`, `none of 2`."""
    number = round(row["share_gaining"] * row["languages"])
    return f"{number or 'none'} of {row['languages']}"


def named_flags(row: Row) -> list[str]:
    """The flags of a verdict as they are shown."""
    return [SHORT_FLAGS.get(flag, flag) for flag in flags(row)]


def short_answer(family: str, evidence: Evidence) -> str:
    """The answer for a family of targets in a few words, such as `In English only.`; clean input alone counts."""
    rows = counting(family, evidence)
    kinds = {row["verdict"] for row in rows}
    won = [row for row in rows if row["verdict"] in ("persists", "gains", "spreads")]
    faded = [row for row in rows if row["verdict"] == "fades"]
    own = [row for row in won if _is_own(row)]
    harm = ", and sometimes it harms" if "harms" in kinds else ""
    if not rows:
        return "Not answered."
    if own:
        return "Yes." if len(own) == len(rows) else f"Sometimes{harm}."
    if won or any(not _is_own(row) for row in faded):
        return f"There are gains, but not clearly through the intermediate task{harm}."
    if faded:
        return "In English only." if kinds == {"fades"} else f"Sometimes, but in English only{harm}."
    if harm:
        return "No: it harms." if kinds == {"harms"} else f"No gain is proven{harm}."
    return "No." if kinds == {"no gain"} else "Not settled."


def _is_own(row: Row) -> bool:
    """Whether a gain counts as the intermediate task's own."""
    return not _DOUBTS & set(flags(row))


def counting(family: str, evidence: Evidence, perturbed: bool = False) -> list[Row]:
    """The verdicts that count: not those of a task on itself, nor of an arm that learned none."""
    rows = evidence.verdicts(family, perturbed)
    return [row for row in rows if "same-task" not in flags(row) and not evidence.unlearned(row["arm"])]


def overall(family: str, evidence: Evidence) -> str:
    """How the comparisons of one family came out, counted by verdict; families are never put together."""
    rows = counting(family, evidence)
    told = _by_verdict(rows, evidence)
    count = f"Verdicts on {counted(len(rows), 'pair')} of arm and target: {told}." if told else ""
    rest = [row for row in evidence.verdicts(family) if row not in rows]
    unlearned = list(dict.fromkeys(row["arm"] for row in rest if evidence.unlearned(row["arm"])))
    same = [_pair(row, evidence) for row in rest if row["arm"] not in unlearned]
    if unlearned:
        told_of = (
            "which did not learn its own task"
            if len(unlearned) == 1
            else "none of which learned its own task"
        )
        count += f" Not counted: {listed(unlearned)}, {told_of}."
    if same:
        count += f" Not counted, as arm and target are the same task: {listed(same)}."
    return count.strip()


def changed_overall(family: str, evidence: Evidence) -> str:
    """The same with changed input; empty where none was tested."""
    told = _by_verdict(counting(family, evidence, perturbed=True), evidence)
    return f"With changed input: {told}." if told else ""


def _by_verdict(rows: Sequence[Row], evidence: Evidence) -> str:
    """The pairs of arm and target counted by verdict, and named where they are few."""
    told = []
    for verdict in (*VERDICTS, NO_VERDICT):
        pairs = [_pair(row, evidence) for row in rows if verdict_word(row) == verdict]
        if pairs:
            names = f" ({listed(pairs)})" if len(pairs) <= 3 else ""
            told.append(f"{verdict} {len(pairs)}{names}")
    return "; ".join(told)


def _pair(row: Row, evidence: Evidence) -> str:
    return f"{row['arm']} on {short(row['task'], evidence.targets())}"


def learned_word(runs: int | None, seeds: int) -> str:
    """Whether an intermediate task was learned, in a word or two."""
    if runs is None:
        return "chance unknown"
    return {seeds: "yes", 0: "no"}.get(runs, f"in {runs} of {seeds} runs")
