"""The HTML report: one self-contained file that asks for nothing from elsewhere; its script only sorts and filters."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from xstilts.analysis.learning import LEARNED
from xstilts.languages import display_name
from xstilts.overlap import MEANING, sentences
from xstilts.report import (
    answers,
    browse,
    charts,
    claimed,
    explanations,
    layers,
    modalities,
    persistence,
    provenance,
    race,
    sections,
    settings,
    shares,
    spread,
    strips,
    words,
)
from xstilts.report.downloads import downloads
from xstilts.report.evidence import Evidence
from xstilts.report.examples import shown_examples
from xstilts.report.severity import severity_curves
from xstilts.report.visible import finalize, visible

if TYPE_CHECKING:
    from xstilts.results import Results

TEMPLATES = Path(__file__).parent / "templates"

FEW = 12
"""Verdicts that are told one by one where they stand; more are folded away behind their counts."""

SECTIONS: Mapping[str, str] = {
    "answer": "The answer",
    "learned": "Did each arm learn its own task?",
    "race": "Which arms were dropped on the way?",
    "persistence": "Do gains persist?",
    "spread": "How is each gain spread?",
    "modalities": "Do gains carry over from text to images?",
    "settings": "With a few examples, or in translation",
    "controls": "Is a gain the intermediate task's own?",
    "languages": "Gains by language",
    "explanations": "What goes with larger gains?",
    "conditions": "Does it hold when the input is changed?",
    "layers": "Retrieval: which layer",
    "claims": "What becomes of the published claims",
    "examples": "Where arms differ: examples",
    "scores": "Scores",
    "data": "The tables behind this page",
    "method": "How it was done",
}
"""The sections of the page in order, by id. Each is `templates/ID.html.j2`, and is left out where it prints nothing."""


def write_html(results: Results, path: str | Path, examples: bool = True) -> Path:
    """Write the report of a run.

    Args:
        results: a finished run.
        path: the file to write.
        examples: whether test items where arms differ are shown; without them no text of the data is in the page.

    Returns:
        The path of the file: HTML with styles, script, drawings and tables inside, nothing loaded from elsewhere.

    Example:
        >>> write_html(Results.load("runs/demo"), "report.html")  # doctest: +SKIP
        PosixPath('report.html')
    """
    path = Path(path)
    text = render(results, examples)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, "utf-8")
    draft.replace(path)
    return path


def render(results: Results, examples: bool = True) -> str:
    """The page as text; see `write_html`."""
    environment = _environment()
    context = _context(results, Evidence(results), examples)
    bodies = {
        name: Markup(environment.get_template(f"{name}.html.j2").render(context).strip())  # noqa: S704 - escaped in there
        for name in SECTIONS
    }
    told = {name: body for name, body in bodies.items() if body}
    script = (TEMPLATES / "report.js").read_text("utf-8")
    page = {"bodies": told, "titles": SECTIONS, "script": script, "script_hash": _hash(script)}
    return environment.get_template("report.html.j2").render(context | page)


def _hash(script: str) -> str:
    """The hash by which the page's security policy knows its own script, and runs no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters |= _FILTERS
    return environment


def _shown(text: str) -> Markup:
    """Text of the data as markup: escaped, hidden characters boxed."""
    box = '<span class="hidden">{}</span>'.format
    return Markup(visible(str(escape(text)), box))  # noqa: S704 - escaped; the boxes hold code points alone


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "points": words.points,
    "span": words.span,
    "percent": shares.percent,
    "ratio_span": shares.ratio_span,
    "errors": shares.errors_changed,
    "language": display_name,
    "metric": words.metric_label,
    "condition": words.condition_label,
    "seconds": provenance.seconds_told,
    "counted": words.counted,
    "listed": words.listed,
    "shown": _shown,
}


def _context(results: Results, evidence: Evidence, with_examples: bool) -> dict[str, Any]:
    """What the templates are given."""
    seen = {
        perturbed: [row for family in evidence.families for row in evidence.verdicts(family, perturbed)]
        for perturbed in (False, True)
    }
    every = [*seen[False], *seen[True]]
    targets = evidence.targets()
    found = claimed.findings(evidence)
    return {
        "evidence": evidence,
        "words": words,
        "answers": [answers.answer(family, evidence) for family in evidence.families],
        "kinds": answers.kinds(every),
        "flags": answers.flags_raised(every, evidence),
        "flags_of": words.named_flags,
        "changed_verdicts": seen[True],
        "few": FEW,
        "learned_bar": LEARNED,
        "race": race.context(evidence.run.get("race")),
        "matrix": persistence.context(evidence),
        "spread": spread.context(evidence),
        "strips": strips.strips(evidence),
        "strip_kinds": (strips.MEAN, strips.ALONE),
        "strips_apart": strips.APART,
        "explained": explanations.context(evidence),
        "claims": claimed.context(found, evidence.level),
        "modalities": modalities.context(evidence),
        "beside": settings.context(evidence),
        "readings": [text for x in targets if (text := layers.reading(x, evidence))],
        "controls": sections.against_controls(evidence),
        "browse": browse.context(evidence),
        "forests": {target: charts.forests(target, evidence) for target in targets},
        "conditions": sections.by_target_and_arm(sections.changed_input(evidence)),
        "severities": {target: severity_curves(target, evidence) for target in targets},
        "layers": sections.layer_blocks(evidence),
        "examples": shown_examples(results) if with_examples else [],
        "scores": sections.score_tables(evidence),
        "downloads": downloads(results, with_examples, found),
        "settings": provenance.settings(evidence),
        "costs": provenance.costs(evidence),
        "overlap": sentences(evidence.run.get("overlap", [])),
        "overlap_meaning": MEANING,
        "cautions": provenance.cautions(evidence),
        "recipe": evidence.recipe.to_yaml() if evidence.recipe else "",
        "name": lambda target: words.short(target, targets),
    }
