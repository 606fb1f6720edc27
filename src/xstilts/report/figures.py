"""One picture of a run for a README or a talk: heat map and gains by language."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from xstilts.languages import display_name
from xstilts.report.evidence import ENGLISH, OTHERS, Evidence, Interval
from xstilts.report.words import MINUS, NOTHING, QUESTION, metric_label, points, short, short_answer, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from xstilts.results import Results

_PLUS, _MINUS, _GREY, _INK = "#2f7fb5", "#d9780c", "#8b949e", "#1b1f24"
_ARMS = ("#1b1f24", "#7b5ea7", "#00896a", "#c2527f")
_SHADES = ["#e9a24c", "#f6f7f8", "#7ab3d9"]
HOLLOW = "s"
"""The mark that is drawn hollow."""
_PANELS = 3
_LANGUAGES = 24


def write_picture(results: Results, path: str | Path) -> Path:
    """Draw gains at a glance and by language into one picture, 1600 pixels wide.

    Args:
        results: a finished run.
        path: a file whose name ends in .png, .svg or .pdf. At most three targets, four arms and 24 languages are
            drawn.

    Example:
        >>> write_picture(Results.load("runs/demo"), "answer.png")  # doctest: +SKIP
        PosixPath('answer.png')
    """
    path = Path(path)
    with style(13):
        save(draw_overview(Evidence(results)), path)
    return path


def draw_overview(evidence: Evidence) -> Figure:
    """The picture itself, to be made and saved within `style`."""
    from matplotlib.figure import Figure

    targets = [x for family in evidence.families for x in evidence.targets(family) if evidence.groups(x)]
    arms = evidence.all_arms()
    panels = targets[:_PANELS]
    longest = max((len(evidence.languages(x)) for x in panels), default=1)
    top, bottom = 0.9 + 0.62 * max(1, len(arms)), 1.3 + 0.34 * min(longest + 1, _LANGUAGES)
    figure = Figure(figsize=(16, top + bottom + 1.6), dpi=100, facecolor="white", layout="constrained")
    figure.suptitle(f"{QUESTION}\n{_title(evidence)}", fontsize=17, color=_INK)
    upper, lower = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=[top, bottom]))
    if targets:
        _heat(upper.subplots(), targets, arms, evidence)
        axes = lower.subplots(1, len(panels), squeeze=False)[0]
        for axis, target in zip(axes, panels, strict=True):
            forest(axis, target, evidence)
        legend(lower, evidence)
    return figure


@contextmanager
def style(size: int) -> Iterator[None]:
    """Text as it stands, the same file every time, fonts that printers take."""
    from matplotlib import rc_context

    settings = {"font.size": size, "text.parse_math": False, "svg.hashsalt": "xstilts", "pdf.fonttype": 42}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # drawn as a box
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure without the date of its making, so that the same run gives the same file."""
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata=undated.get(path.suffix))


def _title(evidence: Evidence) -> str:
    told = {"trained": "trained targets", "retrieval": "retrieval", "image-text": "image–text"}
    answers = [f"{told.get(x, x)}: {short_answer(x, evidence)}" for x in evidence.families]
    return "    ".join([*filter(None, [evidence.scope]), *answers])


def _heat(axis: Axes, targets: list[str], arms: list[str], evidence: Evidence) -> None:
    """Gains of arms and controls, a column a target and group; intervals beneath the numbers."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    columns = [(target, group) for target in targets for group in evidence.groups(target)]
    gains = {(i, j): evidence.gain(arm, *x) for i, arm in enumerate(arms) for j, x in enumerate(columns)}
    top = max(0.01, *(abs(gain.value) for gain in gains.values() if gain))
    shade, scale = LinearSegmentedColormap.from_list("gain", _SHADES), Normalize(-top, top)
    places = _places([evidence.family(target) for target, _ in columns])
    for (i, j), gain in gains.items():
        colour = shade(scale(gain.value)) if gain else "#ffffff"
        axis.add_patch(_box(places[j], i, colour))
        axis.text(places[j], i, _cell(gain), ha="center", va="center", color=_INK)
    axis.set(xlim=(-0.5, places[-1] + 0.5), ylim=(len(arms) - 0.5, -0.5))
    heads = [
        f"{short(x, evidence.targets())}\n{'English' if y == ENGLISH else 'other languages'}"
        for x, y in columns
    ]
    axis.set_xticks(places, heads)
    axis.set_yticks(range(len(arms)), arms)
    for label, arm in zip(axis.get_yticklabels(), arms, strict=True):
        label.set_fontstyle("italic" if arm in evidence.controls else "normal")
    axis.xaxis.tick_top()
    axis.tick_params(length=0, colors=_INK)
    axis.spines[:].set_visible(False)


def _places(families: list[str]) -> list[float]:
    """The place of each column, with a gap between families: they are not to be read as one."""
    breaks = [ours != theirs for ours, theirs in pairwise(families)]
    return [i + 0.15 * sum(breaks[:i]) for i in range(len(families))]


def _box(x: float, y: float, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.49, y - 0.47), 0.98, 0.94, facecolor=colour, edgecolor="none")


def _cell(gain: Interval | None) -> str:
    return f"{points(gain.value)}\n({span(gain)})" if gain else NOTHING


def forest(axis: Axes, target: str, evidence: Evidence, most: int = _LANGUAGES) -> None:
    """Gains by language with intervals, sorted by the first arm's; arms beside each other."""
    arms = [arm for arm in evidence.arms[: len(_ARMS)] if evidence.gain_languages(arm, target)]
    if not arms:
        axis.set_axis_off()
        return
    rows = _rows(arms[0], target, evidence, most)
    colours = dict(zip(evidence.arms, _ARMS, strict=False)) if len(evidence.arms) > 1 else {}
    for i, arm in enumerate(arms):
        offset = 0.22 * (i - (len(arms) - 1) / 2)
        for y, (group, _) in enumerate(rows):
            gain = evidence.gain(arm, target, group)
            if gain:
                mark_gain(axis, y + offset, gain, "D" if group == OTHERS else "o", colours.get(arm, ""))
    gain_axis(axis, [label for _, label in rows])
    lone = f" ({arms[0]})" if len(evidence.arms) == 1 else ""
    axis.set_title(target_title(target, evidence) + lone)


def target_title(target: str, evidence: Evidence, scoped: bool = True) -> str:
    """A target, what it is scored by, and (`scoped`) the setting where the run has several."""
    title = f"{short(target, evidence.targets())}, {metric_label(evidence.judged(target)[0])}"
    return evidence.scoped(title) if scoped else title


def gain_axis(axis: Axes, labels: Sequence[str]) -> None:
    """The axes of gains drawn from left to right, a labelled row each."""
    axis.axvline(0, color=_INK, linewidth=1)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.set_xlabel("gain in points")
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", MINUS) if x else "0")
    axis.grid(axis="x", color="#e3e7eb")
    axis.set_axisbelow(True)
    axis.tick_params(length=0, colors=_INK)
    axis.spines[:].set_visible(False)


def legend(figure: Figure | SubFigure, evidence: Evidence) -> None:
    """Which colour is which arm; a single arm is coloured by its gains instead."""
    from matplotlib.lines import Line2D

    if len(evidence.arms) > 1:
        pairs = zip(evidence.arms, _ARMS, strict=False)
        handles = [Line2D([], [], color=colour, marker="o", label=arm) for arm, colour in pairs]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def _rows(arm: str, target: str, evidence: Evidence, most: int) -> list[tuple[str, str]]:
    """(group, label): the mean of the other languages first, then languages, the largest gain first."""
    languages = evidence.gain_languages(arm, target)
    others = [x for x in languages if x != ENGLISH]
    kept = languages if len(languages) <= most else [*languages[: most // 2], *languages[-most // 2 :]]
    mean = [(OTHERS, f"mean of {len(others)} others" if ENGLISH in languages else f"mean of {len(others)}")]
    return (mean if len(others) > 1 else []) + [(x, display_name(x)) for x in kept]


def mark_gain(axis: Axes, y: float, gain: Interval, mark: str, colour: str = "") -> None:
    """A gain with its interval at height `y`, in the colour of its sign by default; squares are hollow."""
    colour = colour or sign_colour(gain)
    low, high = gain.ends
    axis.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    (dot,) = axis.plot(100 * gain.value, y, mark, color=colour, markersize=7 if mark == "D" else 6)
    if mark == HOLLOW:
        dot.set_markerfacecolor("white")


def sign_colour(gain: Interval | None) -> str:
    """Blue where a gain's interval is above 0, orange where it is below, else grey."""
    return {1: _PLUS, -1: _MINUS}.get(gain.sign if gain else 0, _GREY)
