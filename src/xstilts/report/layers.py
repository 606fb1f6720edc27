"""What is said of layers: which one each arm reads, how vectors come of it, whether another changes a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from xstilts.recipe import BASELINE
from xstilts.report.evidence import ALL, Evidence, Interval, Row, flags
from xstilts.report.words import POSTPROCESSES, counted, listed, points, short

POOLINGS = {"mean": "the mean over all tokens", "cls": "the first token"}
DIRECTIONS = {
    "xx-en": "from each language to English",
    "en-xx": "from English to each language",
    "question-answer": "from questions to answers",
}
SCORINGS = {"dot": "inner product", "ratio-margin-k4": "ratio margin to the 4 nearest"}


def chosen_layers(rows: Sequence[Row]) -> str:
    """The layers that were chosen, and by how many runs where they differ.

    Example:
        >>> chosen_layers([{"layer": 4, "chosen": 3}])
        'layer 4'
        >>> chosen_layers([{"layer": 4, "chosen": 2}, {"layer": 6, "chosen": 1}])
        'layers 4 (2 runs) and 6 (1 run)'
    """
    if len(rows) == 1:
        return f"layer {rows[0]['layer']}"
    return "layers " + listed([f"{row['layer']} ({counted(row['chosen'], 'run')})" for row in rows])


def layer_ranges(layers: Sequence[int]) -> str:
    """Layers in ascending order, those in a row together.

    Example:
        >>> layer_ranges([0, 1, 2, 5]), layer_ranges([0, 1, 3, 4]), layer_ranges([3])
        ('layers 0 to 2 and 5', 'layers 0, 1, 3 and 4', 'layer 3')
    """
    runs = [[x for _, x in run] for _, run in groupby(enumerate(layers), key=lambda pair: pair[1] - pair[0])]
    told = [x for run in runs for x in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    return f"layer{'' if len(layers) == 1 else 's'} {listed(told)}"


def taken(arm: str, target: str, postprocess: str, evidence: Evidence) -> str:
    """The layers that an arm's runs read: `4`, or `4, 6` where they differ; empty where none is known."""
    return ", ".join(map(str, sorted(set(evidence.layer(arm, target, postprocess)))))


def vectors(target: str, evidence: Evidence) -> str:
    """How sentences become vectors and how these are compared; empty for targets without retrieval.

    Example:
        >>> vectors("pocket/messages", evidence)  # doctest: +SKIP
        'the mean over all tokens of one layer, from each language to English, by cosine'
    """
    pooling, direction, scoring = evidence.reading(target)
    return compared_vectors(pooling, direction, scoring) if pooling else ""


def all_vectors(evidence: Evidence) -> str:
    """How the vectors of each retrieval target are made and compared, a sentence a target."""
    told = [(short(x, evidence.targets()), vectors(x, evidence)) for x in evidence.targets()]
    return " ".join(f"{name}: {text}." for name, text in told if text)


def layer_gains(evidence: Evidence) -> Iterator[tuple[str, str, str, str, Interval | None]]:
    """(target, arm, post-processing, layers, mean clean gain over all languages) wherever layers are known."""
    for target in evidence.targets():
        for arm in (BASELINE, *evidence.all_arms()):
            for rule in ("none", "center"):
                if layers := taken(arm, target, rule, evidence):
                    gain = evidence.gain(arm, target, ALL, postprocess=rule)
                    yield target, arm, POSTPROCESSES[rule], layers, gain


def compared_vectors(pooling: str, direction: str, scoring: str) -> str:
    """Pooling, direction and scoring of a retrieval in words.

    Example:
        >>> compared_vectors("mean", "xx-en", "cosine")
        'the mean over all tokens of one layer, from each language to English, by cosine'
    """
    way = DIRECTIONS.get(direction, direction)
    return f"{POOLINGS.get(pooling, pooling)} of one layer, {way}, by {SCORINGS.get(scoring, scoring)}"


def reading(target: str, evidence: Evidence) -> str:
    """What the judged numbers of a retrieval target rest on; empty for other targets.

    Example:
        >>> reading("pocket/messages", evidence)  # doctest: +SKIP
        'messages: raw vectors, the mean over all tokens of one layer, from each language to English, by cosine; layer
        chosen on dev: none 4, definitions 2'
    """
    how = vectors(target, evidence)
    if not how:
        return ""
    rule = evidence.judged(target)[1]
    arms = [arm for arm in (BASELINE, *evidence.all_arms()) if taken(arm, target, rule, evidence)]
    layers = ", ".join(f"{arm} {taken(arm, target, rule, evidence)}" for arm in arms)
    choice = "chosen on dev" if evidence.curve_arms(target) else "fixed in the recipe"
    name = short(target, evidence.targets())
    return f"{name}: {POSTPROCESSES.get(rule, rule)}, {how}; layer {choice}: {layers}"


def another_layer(arm: str, target: str, evidence: Evidence) -> str:
    """Whether one layer fixed for baseline and arm changes the verdict, in words that stay with the dev part.

    Example:
        >>> another_layer("definitions", "pocket/messages", evidence)  # doctest: +SKIP
        'definitions: with each run's own layer the gain on dev is −10.1 (harms). With one layer for both it is lowest
        at layer 4 (−14.6) and highest at layer 2 (0.0): harms at layers 3 and 4, undecided at layers 0 to 2. On dev,
        the choice of the layer changes the verdict.'
    """
    rule = evidence.judged(target)[1]
    rows = [row for row in evidence.curve(arm, target, rule) if row.get("gain") is not None]
    own = evidence.own_layer(arm, target, rule)
    if not rows or own is None or own.get("gain") is None:
        return ""
    low, high = min(rows, key=_gain), max(rows, key=_gain)
    ends = (
        f"lowest at layer {low['layer']} ({points(low['gain'])}) and highest at layer {high['layer']} "
        f"({points(high['gain'])})"
    )
    test = evidence.verdict(arm, target)
    if test and "one-run" in flags(test):
        lead = f"{arm}: with each run's own layer the gain on dev is {points(own['gain'])}."
        return f"{lead} With one layer for both it is {ends}. {_clear(rows)} One seed allows no verdict at any layer."
    lead = f"{arm}: with each run's own layer the gain on dev is {points(own['gain'])} ({own['verdict']})."
    given = list(dict.fromkeys(row["verdict"] for row in rows))
    at = {word: [row["layer"] for row in rows if row["verdict"] == word] for word in given}
    if given == [own["verdict"]] == ["undecided"]:
        told = "undecided at every layer. Dev decides nothing here, whatever the layer."
    elif given == [own["verdict"]]:
        told = f"{own['verdict']} at every layer. On dev, no other layer changes the verdict."
    else:
        where = ", ".join(f"{word} at {layer_ranges(layers)}" for word, layers in at.items())
        told = f"{where}. On dev, another layer changes the verdict."
    return f"{lead} With one layer for both it is {ends}: {told}"


def _gain(row: Row) -> float:
    return float(row["gain"])


def _clear(rows: Sequence[Row]) -> str:
    """At which layers the interval of the gain leaves out 0."""
    told = []
    for word, sign in (("above", 1), ("below", -1)):
        layers = [row["layer"] for row in rows if _sign(row) == sign]
        if layers:
            told.append(f"clearly {word} 0 at {layer_ranges(layers)}")
    return f"It is {listed(told)}." if told else "It is clearly above or below 0 at none."


def _sign(row: Row) -> int:
    """1 if the gain is clearly above 0, −1 if clearly below, else 0."""
    low, high = row["ci_low"], row["ci_high"]
    return 0 if low is None or high is None else (low > 0) - (high < 0)
