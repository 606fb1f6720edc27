from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from xstilts.report import write_html
from xstilts.report.html import SECTIONS
from xstilts.report.persistence import STRENGTH
from xstilts.report.words import FLAGS, QUESTION, VERDICTS
from xstilts.results import Results

Make = Callable[..., Results]

VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}
SVG_LEAVES = {"line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """What a page holds: its tags with attributes, its text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID | SVG_LEAVES:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def page(results: Results, folder: Path) -> Page:
    found = Page(write_html(results, folder / "report.html").read_text("utf-8"))
    assert found.stack == []
    return found


def test_all_sections_are_told(rich_run: Results, tmp_path: Path) -> None:
    found = page(rich_run, tmp_path)
    ids = [attributes["id"] for tag, attributes in found.tags if tag == "section"]
    without = {
        "explanations",
        "claims",
        "examples",
        "modalities",
        "settings",
        "race",
    }  # this run has none of these
    assert ids == [name for name in SECTIONS if name not in without]
    links = [
        attributes["href"] for tag, attributes in found.tags if tag == "a" and "download" not in attributes
    ]
    assert links == [f"#{name}" for name in ids]
    assert f"{QUESTION} An encoder" in found.text
    for part in (
        "Training on definitions first adds",
        "on intents on average over the 3 other languages (95% interval +",
        "replies, which did not learn its own task",
        "definitions~shuffled",
        "typos, severity 2 of 5",
        "clean; casing, severity 3 of 5; typos, severity 2 of 5",
        "Centred vectors",
        "Chinese",
        "no test data in en",
        "torch",
        "5 min",
    ):
        assert part in found.text


def test_the_layer_section_draws_tells_and_lists(rich_run: Results, tmp_path: Path) -> None:
    text = write_html(rich_run, tmp_path / "x.html").read_text("utf-8")
    section = re.sub(r"\s+", " ", text[text.index('id="layers"') : text.index('id="scores"')])
    assert section.count("<figure>") == 4 and section.count("<polygon") == 6
    labels = re.findall(r'aria-label="([^"]*)"', section)
    assert all("none goes from" in label and "tables below" in label for label in labels)
    tables = re.findall(r"<caption>(\w+) vectors</caption>(.*?)</table>", section)
    assert [name for name, _ in tables] == ["Raw", "Centred"]
    assert tables[0][1].count("●") == 4 and "undecided" in tables[0][1] and "undecided" not in tables[1][1]
    assert "<small>50.0 to 52.0</small>" in tables[0][1]
    assert "Does another layer change the verdict?" in section
    assert "with each run&#39;s own layer the gain on dev is +30.0 (undecided)" in section


def test_every_score_of_retrieval_names_its_layer(rich_run: Results, tmp_path: Path) -> None:
    text = write_html(rich_run, tmp_path / "x.html").read_text("utf-8")
    scores = text[text.index('id="scores"') :]
    tables = re.findall(r"<summary><b>messages</b>.*?</table>", scores, re.S)
    assert ["layer 3" in tables[0], "layer 2" in tables[1]] == [True, True]
    matrix = text[text.index('<section id="persistence"') : text.index('<section id="controls"')]
    assert "by cosine; layer chosen on dev: none 3, definitions 3, replies 3." in matrix


def test_a_score_at_the_ceiling_tells_the_share_of_errors(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"x/t": {"a": {"en": 0.43, "de": 0.1}}})
    text = write_html(results, tmp_path / "x.html").read_text("utf-8")
    scores = text[text.index('id="scores"') :]
    pattern = r'▲<small>[^<]*</small><small class="wrap">errors (−\d+%) \(−\d+%\sto\s−\d+%\)</small>'
    assert re.findall(pattern, scores) == ["−92%"]
    assert scores.count('<small class="wrap">errors ') == 1


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        ({"name": "xlm-r", "layers": None, "depth": 12}, "xlm-r (12 layers)"),
        ({"name": "xlm-r@6", "layers": 6, "depth": 6}, "xlm-r@6 (6 layers)"),
        ({"name": "xlm-r", "layers": None}, "<dd>xlm-r</dd>"),
    ],
)
def test_how_many_layers_the_encoder_has(
    make: Make, tmp_path: Path, encoder: dict[str, Any], told: str
) -> None:
    results = make(tmp_path, {"x/t": {"a": {"en": 0.1}}}, encoder=encoder)
    assert told in write_html(results, tmp_path / "x.html").read_text("utf-8")


def test_a_retrieval_that_is_not_trained_counts_no_training(make: Make, tmp_path: Path) -> None:
    """Its rows carry the tokens of the intermediate that its checkpoint was trained on."""
    results = make(tmp_path, {"x/t": {"a": {"en": 0.1}}, "x/r": {"a": {"en": 0.1}}}, retrieval=["x/r"])
    rows = [row | {"train_tokens": 500, "trained": row["task"] == "x/t"} for row in results.results]
    text = write_html(replace(results, results=rows), tmp_path / "x.html").read_text("utf-8")
    assert "<dt>Training of targets</dt><dd>6 trainings, 3,000 tokens</dd>" in text


def test_a_run_from_before_the_curves_still_lists_its_layers(rich_run: Results, tmp_path: Path) -> None:
    found = page(replace(rich_run, layers=[]), tmp_path)
    assert "The layers taken" in found.text and "The curves as tables" not in found.text


def test_trained_and_retrieval_are_apart(rich_run: Results, tmp_path: Path) -> None:
    text = (write_html(rich_run, tmp_path / "x.html")).read_text("utf-8")
    (table,) = re.findall(r'<table class="heat">.*?</table>', text, re.S)
    trained, retrieval = table.split('<tbody class="family">')[1:]
    assert "intents" in trained and "messages" not in trained
    assert "messages" in retrieval and "intents" not in retrieval


def test_nothing_is_loaded_from_elsewhere(rich_run: Results, tmp_path: Path) -> None:
    text = write_html(rich_run, tmp_path / "x.html").read_text("utf-8")
    found = Page(text)
    assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not [attributes for _, attributes in found.tags if {"src", "xlink:href"} & set(attributes)]
    links = [attributes["href"] or "" for _, attributes in found.tags if "href" in attributes]
    assert all(link.startswith(("#", "data:application/gzip;base64,")) for link in links)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", text)


def test_no_script_runs_but_the_page_s_own(rich_run: Results, tmp_path: Path) -> None:
    text = write_html(rich_run, tmp_path / "x.html").read_text("utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert html.unescape(policy).startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}';" in html.unescape(policy)
    assert "on" not in {name[:2] for _, attributes in Page(text).tags for name in attributes}


def test_text_is_escaped(make: Make, tmp_path: Path) -> None:
    task, arm = "my/<script>alert(1)</script>", '"><img src=x onerror=y>'
    results = make(
        tmp_path,
        {task: {arm: {"en": 0.02, "de": 0.03}}},
        skipped=["<b>left</b>"],
        encoder={"name": "<i>encoder</i>"},
        intermediates=[
            {"arm": arm, "task": "<u>", "metric": "<s>", "values": [0.5], "mean": 0.5, "chance": None}
        ],
    )
    found = page(results, tmp_path)
    assert not {"img", "u", "s"} & {tag for tag, _ in found.tags}
    assert [tag for tag, _ in found.tags].count("script") == 1
    assert "onerror" not in {name for _, attributes in found.tags for name in attributes}
    for text in ("script>", arm, "<b>left</b>", "<i>encoder</i>"):
        assert text in found.text


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_told_and_explained(verdict: str, rich_run: Results, tmp_path: Path) -> None:
    rows = [{**row, "verdict": verdict, "flags": ",".join(FLAGS)} for row in rich_run.verdicts]
    text = page(replace(rich_run, verdicts=rows), tmp_path).text
    too_few = verdict == "undecided"
    assert f"): {'no verdict' if too_few else verdict}." in text
    assert VERDICTS[verdict] in text and ("too few seeds to tell" in text) == too_few
    for meaning in FLAGS.values():
        assert meaning in text


def test_one_seed_gives_no_verdict_and_no_deviation(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"my/t": {"a": {"en": 0.02, "de": -0.06}}}, seeds=1)
    text = page(results, tmp_path).text
    assert "Not settled." in text
    assert "In this one run, training on a first seems to cost" in text
    assert "holds for this very run; 1 seed allows no verdict." in text
    assert "no verdict 1 (a on t)" in text and "): undecided" not in text
    assert "±" not in text


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_no_english(make: Make, tmp_path: Path, seeds: int) -> None:
    gains = {"x/tatoeba": {"a": {"de": 0.03, "sw": 0.05}}}
    text = page(make(tmp_path, gains, seeds=seeds, retrieval=["x/tatoeba"]), tmp_path).text
    assert "on average over 2 languages" in text
    assert "in English (" not in text


def test_only_english(make: Make, tmp_path: Path) -> None:
    text = page(make(tmp_path, {"x/t": {"a": {"en": 0.04}}}), tmp_path).text
    assert "on t in English (95% interval" in text
    assert "lowest" not in text


def _without_numbers(row: dict[str, Any], keep: set[str]) -> dict[str, Any]:
    return {
        key: value if key in keep or isinstance(value, str | bool) else None for key, value in row.items()
    }


def test_values_that_are_missing(rich_run: Results, tmp_path: Path) -> None:
    gains = [_without_numbers(row, {"estimate", "languages"}) for row in rich_run.gains_table]
    verdicts = [
        {**_without_numbers(row, {"languages", "seeds"}), "worst_language": None, "flags": None}
        for row in rich_run.verdicts
    ]
    text = page(replace(rich_run, gains_table=gains, verdicts=verdicts), tmp_path).text
    assert "could not be judged on intents" in text
    assert "None" not in text


def test_a_run_with_nothing_to_compare(rich_run: Results, tmp_path: Path) -> None:
    empty = Results(tmp_path, [], [], [], {})
    assert "This run holds no results." in page(empty, tmp_path).text
    scores_only = replace(rich_run, gains_table=[], verdicts=[], run={})
    assert "±" in page(scores_only, tmp_path).text


def test_many_arms_targets_languages(make: Make, tmp_path: Path) -> None:
    languages = ["en", "de", "fr", "es", "ru", "uk", "el", "he", "ar", "hi", "zh", "zh-Hant"]
    languages += ["ko", "th", "ja", "tr", "sw", "pt-BR", "nb", "sr-Latn"]
    gains = {t: {a: dict.fromkeys(languages, 0.01) for a in ("a", "b", "c")} for t in ("x/p", "x/q", "y/q")}
    found = page(make(tmp_path, gains), tmp_path)
    assert sum(tag == "figure" for tag, _ in found.tags) == 9 + 1
    assert "Mean of 19 others" in found.text and "Serbian (Latin)" in found.text
    assert "x/q" in found.text  # two tasks share the short name


def _luminance(colour: list[float]) -> float:
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in colour]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: list[float], other: list[float]) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("shade", ["plus", "minus"])
@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_heat_map_text_has_contrast(
    scheme: int, shade: str, mix: float, rich_run: Results, tmp_path: Path
) -> None:
    style = write_html(rich_run, tmp_path / "x.html").read_text("utf-8")

    def colour(name: str) -> list[float]:
        code = re.findall(rf"--{name}: #(\w{{6}})", style)[scheme]
        return [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]

    share = mix * STRENGTH / 100
    behind = [share * a + (1 - share) * b for a, b in zip(colour(shade), colour("card"), strict=True)]
    assert _contrast(colour("ink"), behind) >= 4.5
    assert _contrast(colour(f"{shade}-ink"), colour("card")) >= 4.5


def test_the_best_on_dev_may_be_the_baseline(make: Make, tmp_path: Path) -> None:
    gains = {"t/a": {"x": {"en": 0.0, "de": 0.0}}, "t/b": {"x": {"en": 0.1, "de": 0.1}}}
    text = page(make(tmp_path, gains, best={"t/a": "none", "t/b": "x"}), tmp_path).text
    assert (
        "Best on dev data (the test data had no part in this): no intermediate task for a, x for b." in text
    )


def test_two_seeds_without_another_arm_are_told_to_be_these_two_runs(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"t/a": {"x": {"de": 0.1, "sw": 0.1}}}, retrieval=["t/a"], seeds=2)
    text = page(results, tmp_path).text
    assert "In these two runs, training on x first" in text
    assert "holds for these very runs; 2 seeds allow no verdict." in text
    assert re.search(
        r"With two seeds, \d+ of \d+ gains have an interval over the choice of test items only", text
    )


def test_the_cost_of_training_is_told(rich_run: Results, tmp_path: Path) -> None:
    text = page(rich_run, tmp_path).text
    assert "6 trainings, 72,000 tokens" in text


def test_hidden_characters_are_seen_everywhere(make: Make, tmp_path: Path) -> None:
    task, arm = "my/t\u202eask", "a\x00rm"
    text = write_html(make(tmp_path, {task: {arm: {"en": 0.02, "de": 0.03}}}), tmp_path / "x.html").read_text(
        "utf-8"
    )
    assert "\u202e" not in text and "\x00" not in text
    assert "t⟨U+202E⟩ask" in text and "a⟨U+0000⟩rm" in text
