"""Do gains carry over from text to images: the same arms on both kinds of target, side by side, by language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xstilts.languages import display_name
from xstilts.report import words
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.persistence import Heat, colour

IMAGE_TEXT = "image-text"
MEANS = {ENGLISH: "English", OTHERS: "other languages (mean)"}


@dataclass(frozen=True)
class Side:
    """The gains of one arm in one language, a value a target; `cells` are the same as coloured cells."""

    language: str
    gains: tuple[Interval | None, ...]
    cells: tuple[Heat | None, ...]


@dataclass(frozen=True)
class Across:
    """One arm on text and on image-text targets; `reading` says in words how they go together."""

    arm: str
    means: tuple[Side, ...]
    languages: tuple[Side, ...]
    reading: str


def modalities(evidence: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The targets of text and those of images and text; both empty where the run does not have both."""
    seen = evidence.targets(IMAGE_TEXT)
    read = tuple(target for target in evidence.targets() if target not in seen)
    return (read, seen) if read and seen else ((), ())


def across(evidence: Evidence) -> list[Across]:
    """The gains of every arm on both kinds of target, means first, then the languages that both kinds are tested in.

    Means are over the languages of each target, which `reach` counts; the rows by language are what compares like with
    like. Colours of a kind of target share a scale, as in the matrix of persistence.
    """
    read, seen = modalities(evidence)
    targets = (*read, *seen)
    shared = shared_languages(evidence)
    tops = {target: _top(target, shared, evidence) for target in targets}
    found = []
    for arm in evidence.arms if targets else ():
        rows = {group: _side(arm, group, targets, tops, evidence) for group in (*MEANS, *shared)}
        told = {group: side for group, side in rows.items() if any(side.gains)}
        if not told:
            continue
        means = tuple(side for group, side in told.items() if group in MEANS)
        languages = tuple(side for group, side in told.items() if group not in MEANS)
        found.append(Across(arm, means, languages, _reading(languages, len(read))))
    return found


def shared_languages(evidence: Evidence) -> list[str]:
    """The languages but English in which text and image-text targets are tested, by name."""
    kinds = [
        {language for target in targets for language in evidence.languages(target)}
        for targets in modalities(evidence)
    ]
    return sorted(kinds[0] & kinds[1] - {ENGLISH}, key=display_name)


def reach(target: str, evidence: Evidence) -> int:
    """How many languages but English a target is tested in."""
    return sum(language != ENGLISH for language in evidence.languages(target))


def _side(arm: str, group: str, targets: tuple[str, ...], tops: dict[str, float], evidence: Evidence) -> Side:
    gains = tuple(evidence.gain(arm, target, group) for target in targets)
    cells = tuple(colour(gain, tops[target]) for gain, target in zip(gains, targets, strict=True))
    return Side(MEANS.get(group) or display_name(group), gains, cells)


def _top(target: str, languages: list[str], evidence: Evidence) -> float:
    """The largest gain or loss of the targets of a kind, which its colours are scaled by."""
    found = [
        abs(gain.value)
        for other in evidence.targets(evidence.family(target))
        for arm in evidence.arms
        for group in (*MEANS, *languages)
        if (gain := evidence.gain(arm, other, group))
    ]
    return max(0.01, *found, 0.0)


def _reading(languages: tuple[Side, ...], read: int) -> str:
    """In how many languages the mean gains on text and on image-text targets have the same direction."""
    pairs = [
        (sum(x.value for x in text) / len(text), sum(x.value for x in image) / len(image))
        for side in languages
        if (text := [x for x in side.gains[:read] if x]) and (image := [x for x in side.gains[read:] if x])
    ]
    if not pairs:
        return "no language is tested on both kinds of target"
    counts = {
        "gains on both": sum(text > 0 and image > 0 for text, image in pairs),
        "loses on both": sum(text < 0 and image < 0 for text, image in pairs),
        "gains on text alone": sum(text > 0 >= image for text, image in pairs),
        "gains on images and text alone": sum(image > 0 >= text for text, image in pairs),
    }
    told = [f"{what} in {count}" for what, count in counts.items() if count]
    return f"of {words.counted(len(pairs), 'language')} tested on both, it {words.listed(told) or 'changes none'}"


def context(evidence: Evidence) -> dict[str, Any]:
    """What the section's template is given."""
    read, seen = modalities(evidence)
    return {
        "text": read,
        "images": seen,
        "arms": across(evidence),
        "reach": {target: reach(target, evidence) for target in (*read, *seen)},
    }


def head(evidence: Evidence) -> list[str]:
    """The columns of `table`."""
    return ["Arm", "Language", *(target for targets in modalities(evidence) for target in targets)]


def table(evidence: Evidence) -> list[list[str]]:
    """The same as rows of text, for Markdown: a gain with its interval for each target."""
    return [
        [one.arm, side.language, *(_cell(gain) for gain in side.gains)]
        for one in across(evidence)
        for side in (*one.means, *one.languages)
    ]


def _cell(gain: Interval | None) -> str:
    return f"{words.points(gain.value)} ({words.span(gain)})" if gain else words.NOTHING
