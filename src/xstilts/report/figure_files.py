"""The report's drawings as files for papers and talks: SVG and PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.recipe import BASELINE
from xstilts.report.dots import draw_settings, draw_spread
from xstilts.report.evidence import Evidence, Interval
from xstilts.report.figures import draw_overview, forest, legend, save, style, target_title
from xstilts.report.panels import MARKS, blank, name_marks, panels
from xstilts.report.severity import GROUPS, SEVEREST, Gains, gains_by_severity
from xstilts.report.words import MINUS, POSTPROCESSES, metric_label, short, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xstilts.results import Results

SUFFIXES = (".svg", ".pdf")
_INK, _GRID = "#1b1f24", "#e3e7eb"
_PANEL = (4.2, 3.0)


def write_figures(results: Results, folder: str | Path) -> list[Path]:
    """Draw a run into a folder: the overview, how gains are spread, and for each target what there is to draw.

    Args:
        results: a finished run.
        folder: where `overview`, `spread`, `gains-TARGET`, `severity-TARGET`, `layers-TARGET` and `settings-TARGET` are
            written, each as `.svg` and `.pdf`; those of which a run has nothing are left out.

    Returns:
        The files, in the order in which they are drawn. The same run gives the same files.

    Example:
        >>> write_figures(Results.load("runs/demo"), "figures")[0]  # doctest: +SKIP
        PosixPath('figures/overview.svg')
    """
    folder, evidence = Path(folder), Evidence(results)
    with style(13):
        written = _saved(draw_overview(evidence), folder / "overview")
    with style(10):
        figure = draw_spread(evidence)
        written += _saved(figure, folder / "spread") if figure else []
    for target in evidence.targets():
        for kind, draw in _KINDS.items():
            with style(10):
                figure = draw(target, evidence)
                written += _saved(figure, folder / f"{kind}-{slug(target)}") if figure else []
    return written


def _saved(figure: Figure, stem: Path) -> list[Path]:
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in SUFFIXES]
    for path in paths:
        save(figure, path)
    return paths


def _gains(target: str, evidence: Evidence) -> Figure | None:
    """All languages in one panel."""
    languages = len({x for arm in evidence.arms for x in evidence.gain_languages(arm, target)})
    if not languages:
        return None
    figure = blank(6.4, 1.4 + 0.26 * (languages + 1))
    forest(figure.subplots(), target, evidence, most=languages)
    legend(figure, evidence)
    return figure


def _severity(target: str, evidence: Evidence) -> Figure | None:
    """A panel an arm and perturbation."""
    found = gains_by_severity(target, evidence)
    if not found:
        return None
    figure, axes = panels(len(found), *_PANEL)
    for axis, ((arm, name), gains) in zip(axes, found.items(), strict=False):
        what, _, role = name.partition(":")
        _panel(axis, f"{arm}, {what}{f' in {role}' if role else ''}", "severity", "gain in points")
        _severity_lines(axis, gains)
        axis.axhline(0, color=_INK, linewidth=1)
        axis.set_xticks(range(SEVEREST + 1), ["clean", *map(str, range(1, SEVEREST + 1))])
    if evidence.scope:
        figure.suptitle(target_title(target, evidence))
    name_marks(figure, axes[0])
    return figure


def _severity_lines(axis: Axes, gains: Gains) -> None:
    for number, (group, by_severity) in enumerate(gains.items()):
        colour, mark, dash = MARKS[list(GROUPS).index(group)]
        places = [severity + 0.06 * (number - 0.5) for severity in by_severity]
        values = [100 * gain.value for gain in by_severity.values()]
        ends = list(zip(*map(_reach, by_severity.values()), strict=True))
        axis.errorbar(places, values, ends, color=colour, marker=mark, linestyle=dash, label=GROUPS[group])


def _reach(gain: Interval) -> tuple[float, float]:
    """How far the interval reaches below and above the value, in points."""
    low, high = gain.ends
    return 100 * (gain.value - low), 100 * (high - gain.value)


def _layers(target: str, evidence: Evidence) -> Figure | None:
    """A panel a post-processing, a line an arm; filled marks are the layers that were chosen."""
    rules, arms = evidence.curve_rules(target), evidence.curve_arms(target)
    if not rules:
        return None
    figure, axes = panels(len(rules), *_PANEL)
    for axis, rule in zip(axes, rules, strict=False):
        _panel(
            axis, POSTPROCESSES.get(rule, rule), "layer", f"{metric_label(evidence.judged(target)[0])} on dev"
        )
        for number, arm in enumerate(arms):
            _layer_line(axis, arm, evidence.curve(arm, target, rule), number)
    figure.suptitle(evidence.scoped(short(target, evidence.targets())))
    name_marks(figure, axes[0])
    return figure


def _layer_line(axis: Axes, arm: str, curve: list[Any], number: int) -> None:
    colour, mark, dash = MARKS[(number - 1) % len(MARKS)]
    colour, dash = (_INK, "-") if arm == BASELINE else (colour, ":" if "~" in arm else dash)
    layers = [row["layer"] for row in curve]
    axis.plot(layers, [100 * row["value"] for row in curve], color=colour, linestyle=dash, label=arm)
    chosen = [row for row in curve if row["chosen"]]
    axis.plot([row["layer"] for row in chosen], [100 * row["value"] for row in chosen], mark, color=colour)
    low, high = ([100 * row[end] for row in curve] for end in ("seed_low", "seed_high"))
    axis.fill_between(layers, low, high, color=colour, alpha=0.12, linewidth=0)


def _panel(axis: Axes, title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", MINUS))
    axis.grid(axis="y", color=_GRID)
    axis.set_axisbelow(True)
    axis.tick_params(labelbottom=True)  # which an axis shared with a panel below would lose
    axis.spines[["top", "right"]].set_visible(False)


_KINDS: dict[str, Callable[[str, Evidence], Figure | None]] = {
    "gains": _gains,
    "severity": _severity,
    "layers": _layers,
    "settings": draw_settings,
}
