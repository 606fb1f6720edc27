"""What the documents say is so: recipes parse and plan, commands exist, examples run, tables match the code."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import yaml
from typer.main import get_command

import xstilts
from benchmark_trees import write_stand_ins
from xstilts.cli import app
from xstilts.demo import demo_recipe
from xstilts.encoders.base import EncoderSpec
from xstilts.experiment import catalogue_of
from xstilts.metrics.qa import ARTICLES
from xstilts.perturbations import EVERY
from xstilts.plan import Plan, make_plan
from xstilts.recipe import Recipe, parse_recipe
from xstilts.submissions import SUBMISSIONS
from xstilts.tasks import Catalogue
from xstilts.tasks.published import published

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *REPOSITORY.glob("docs/**/*.md")],
    key=lambda page: page.name,
)
FRAGMENT_OF = {"encoder": "any", "arms": {"none": {}}, "targets": ["pocket/intents"]}


def blocks(language: str) -> list[Any]:
    """The fenced blocks of a language in all pages, as parameters named by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text[: match.start()].count("\n") + 2
            found.append(pytest.param(match[1], id=f"{page.name}:{line}"))
    return found


def is_recipe(text: str) -> bool:
    return "encoder" in yaml.safe_load(text)


def plan_of(recipe: Recipe, base: Path, data: Path | None = None) -> Plan:
    """The plan with an encoder that is named and not looked for: no page may need a download to be checked."""
    return make_plan(recipe, catalogue_of(recipe, base, data)[0], EncoderSpec(recipe.encoder, base, "0" * 64))


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A folder with the files that the quickstart speaks of."""
    (tmp_path / "reviews").mkdir()
    for name in ("train-en", "test-en", "test-de", "test-sw"):
        rows = [f"text {number}\t{'good' if number % 2 else 'bad'}" for number in range(30)]
        (tmp_path / "reviews" / f"{name}.tsv").write_text("\n".join(["review\tstars", *rows]) + "\n")
    return tmp_path


YAML = blocks("yaml")


@pytest.mark.parametrize("text", [block for block in YAML if is_recipe(block.values[0])])
def test_recipes_of_the_pages_plan(text: str, reviews: Path) -> None:
    plan = plan_of(parse_recipe(text), reviews)
    assert plan.cells
    assert {cell.arm for cell in plan.cells} > {"none"}


@pytest.mark.parametrize("text", [block for block in YAML if not is_recipe(block.values[0])])
def test_parts_of_recipes_parse(text: str, reviews: Path) -> None:
    whole = FRAGMENT_OF | yaml.safe_load(text)
    recipe = parse_recipe(yaml.safe_dump(whole))
    if not recipe.tasks and recipe.settings == ("zero-shot",):  # else of files that are not there
        assert plan_of(recipe, reviews).cells


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("recipes/*.yaml")), ids=lambda path: path.name)
def test_shipped_recipes_plan(path: Path, everything: Path, tmp_path: Path) -> None:
    write_stand_ins(tmp_path)
    assert plan_of(parse_recipe(path.read_text("utf-8"), path.name), tmp_path, everything).cells


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("images", [False, True])
def test_the_demo_plans(quick: bool, images: bool, tmp_path: Path) -> None:
    tested = {cell.target for cell in plan_of(demo_recipe(quick, images), tmp_path).cells}
    assert tested >= {"pocket/intents", "pocket/messages"} and ("pocket/emoji" in tested) == images


def commands() -> list[Any]:
    """Every `xstilts …` of the pages: lines of shell blocks, and inline code."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        fenced = "\n".join(re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line.removeprefix("$ ") for line in fenced.replace("\\\n", " ").splitlines()]
        for line in dict.fromkeys([*lines, *re.findall(r"`([^`]+)`", prose.replace("\n", " "))]):
            if line.startswith("xstilts "):
                found.append(pytest.param(line, id=f"{page.name}: {line}"))
    return found


def parse_command(line: str) -> None:
    """Parse a command as the command line would, without running it."""
    name, *arguments = shlex.split(line, comments=True)[1:]
    group = get_command(app)
    if name in {"--help", "--version"}:
        return
    command = group.get_command(None, name)
    assert command is not None, f"there is no command {name!r}"
    if arguments:
        command.make_context(name, arguments)


@pytest.mark.parametrize("line", commands())
def test_commands_exist(line: str) -> None:
    parse_command(line)


@pytest.mark.parametrize(
    "line", ["xstilts rum x.yaml", "xstilts run x.yaml --seed 1", "xstilts export runs/x"]
)
def test_a_wrong_command_would_be_noticed(line: str) -> None:
    with pytest.raises(BaseException, match=r"rum|seed|out|OUT|argument"):
        parse_command(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_and_links_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for line in re.findall(r"^make ([a-z ]+)$|`make ([a-z ]+)`", text, re.MULTILINE):
        assert set("".join(line).split()) <= targets
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_reference_is_what_the_models_say() -> None:
    script = REPOSITORY / "docs" / "make_reference.py"
    result = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def rows(page: str) -> dict[str, list[list[str]]]:
    """Cells of the tables' rows whose first cell is code, by that cell."""
    found: dict[str, list[list[str]]] = {}
    for line in (REPOSITORY / "docs" / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found.setdefault(cells[0].strip("`"), []).append(cells)
    return found


def test_all_tasks_are_described() -> None:
    described, tasks = rows("tasks.md"), {task.name: task for task in Catalogue().suites["pocket"]}
    assert described.keys() == tasks.keys()
    for name, task in tasks.items():
        (_, type_, sizes, languages, _), (_, _, licence, weaknesses) = described[name]
        assert (type_, languages) == (task.type, str(len(task.languages)))
        assert licence
        assert weaknesses
        for size, split in zip(sizes.split(" / "), ("train", "dev", "test"), strict=True):
            assert size.removesuffix(" each") == sizes_of(name, split), f"{name}: {split}"


def sizes_of(name: str, split: str) -> str:
    source = Catalogue().get(name).source
    counts = sorted({len(source.rows(split, language)) for language in source.languages(split)})
    texts = [f"{count:,}" for count in counts]
    return "–" if not texts else texts[0] if len(texts) == 1 else f"{texts[0]}–{texts[-1]}"


def test_all_benchmark_tasks_are_described() -> None:
    described, suites = rows("benchmarks.md"), Catalogue().suites
    tasks = {task.name: task for name in ("stilts", "xtreme", "xtreme-r") for task in suites[name]}
    assert described.keys() == tasks.keys()
    for name, task in tasks.items():
        ((_, type_, languages, forms, hub, licence, trap),) = described[name]
        assert (type_, languages, licence) == (task.type, str(len(task.languages)), task.licence)
        assert trap
        parts = published(task.source)
        own = [part for part in parts if part.task == name] or parts
        assert re.findall("`(.+?)`", forms) == list(
            dict.fromkeys(layout.name for part in own for layout in part.layouts)
        )
        assert re.findall("`(.+?)`", hub) == list(
            dict.fromkeys(part.hub.repository for part in own if part.hub)
        )


def test_all_image_text_benchmarks_are_described() -> None:
    described, suites = rows("image-text.md"), Catalogue().suites
    tasks = {task.name: task for name in ("iglue", "captions") for task in suites[name]}
    assert described.keys() == tasks.keys()
    for name, task in tasks.items():
        ((_, type_, languages, _, places),) = described[name]
        assert (type_, languages) == (task.type, str(len(task.languages)))
        assert places


def test_all_perturbations_are_described() -> None:
    described = rows("conditions.md")
    assert described.keys() == EVERY.keys()
    for name, perturbation in EVERY.items():
        (row,) = described[name]
        assert row[1:] == [perturbation.summary, perturbation.shares, perturbation.source]


def examples(page: str) -> dict[str, Any]:
    """Names that the Python blocks of a page define."""
    names: dict[str, Any] = {}
    for block in blocks("python"):
        if block.id.startswith(page):
            # A module of its own, so that dataclasses and annotations find their names.
            names |= dict(_run(block.values[0], block.id))
    return names


def _run(source: str, name: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": name}
    exec(compile(source, name, "exec"), scope)
    return scope


def test_the_contributors_examples_work() -> None:
    import torch

    from xstilts.task_types.base import Batch, Feature

    defined = examples("CONTRIBUTING.md")
    german = {row["target"]: row["text"] for row in defined["TASK"].source.rows("test", "de")}
    assert german["Greek"] == "Griechisch"

    rating = defined["Rating"]()
    features = [Feature(0, (np.array([0, 1]),), 0.5), Feature(1, (np.array([0]),), 1.0)]
    assert rating.loss(torch.tensor([[0.5], [0.0]]), Batch({}, features)) == 1.0
    assert rating.decode(np.array([1.7]), features[0], defined["TASK"]) == 1.0

    assert defined["CLOSENESS"].score([0.5, 1.0], [0.0, 1.0], ()) == 0.75
    assert "random" in defined["ENTRY"].summary
    edits = list(defined["ELONGATION"].fn(list("so it"), "en", 1.0, Random(0)))
    assert edits == [(1, ("ooo",)), (4, ("ttt",))]


def test_the_example_of_scoring_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    examples("scoring.md")
    overall, korean = map(float, capsys.readouterr().out.split())
    assert (overall, korean) == (pytest.approx(100 * 6.5 / 7), 50.0)


def test_the_table_of_articles_is_the_rules() -> None:
    text = (REPOSITORY / "docs/scoring.md").read_text("utf-8")
    assert dict(re.findall(r"^    \| ([a-z]{2}) \| (.+?) \|$", text, re.MULTILINE)) == dict(ARTICLES)


def test_the_table_of_a_submissions_files_is_the_layout() -> None:
    text = (REPOSITORY / "docs/scoring.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+|–) / (\d+|–) \|.*\| (\w+) \|$", text, re.MULTILINE)
    groups = {task.name: task.group for suite in SUBMISSIONS.values() for task in suite.tasks}
    counts = {name: {suite.name: "–" for suite in SUBMISSIONS.values()} for name in groups}
    for suite in SUBMISSIONS.values():
        for task in suite.tasks:
            counts[task.name][suite.name] = str(len(task.languages))
    assert {row[0]: list(row[1:3]) for row in rows} == {
        name: list(by.values()) for name, by in counts.items()
    }
    assert {row[0]: row[3] for row in rows} == groups


def modules() -> list[str]:
    found = pkgutil.walk_packages(xstilts.__path__, "xstilts.")
    return sorted(module.name for module in found)


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_docstring_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test for name in modules() for test in finder.find(importlib.import_module(name)) if test.examples
    ]
    assert len(found) > 20
