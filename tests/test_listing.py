"""`xstilts ls perturbations` and `xstilts show`: what people read, and what scripts get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.errors import UserError
from xstilts.listing import _OWN, _SENTENCES
from xstilts.perturbations import EVERY, IMAGES, PERTURBATIONS


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_perturbations_are_listed_with_what_they_change() -> None:
    rows = json.loads(output("ls", "perturbations", "--json"))
    assert [row["perturbation"] for row in rows] == list(EVERY)
    assert rows[0] == {
        "perturbation": "typos",
        "modality": "text",
        "kind": "characters",
        "what": PERTURBATIONS["typos"].summary,
        "changed": "1, 3, 6, 10, 15% of letters",
    }


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_each_is_shown_at_each_severity_in_six_scripts(name: str) -> None:
    shown = json.loads(output("show", name, "--json"))
    before = _OWN.get(name, _SENTENCES)
    assert list(shown["examples"]) == list(before) and len(before) == 6
    for language, text in before.items():
        found = shown["examples"][language]
        assert list(found) == ["1", "2", "3", "4", "5"]
        assert (found["5"] != text) == PERTURBATIONS[name].acts_on(language), language


@pytest.mark.parametrize("name", IMAGES)
def test_image_conditions_are_shown_with_their_levels_and_what_they_change(name: str) -> None:
    shown = json.loads(output("show", name, "--json"))
    assert shown["modality"] == IMAGES[name].modality
    assert shown["changed"] == IMAGES[name].shares
    assert list(shown["examples"]) == ["1", "2", "3", "4", "5"]
    assert 0 < shown["examples"]["1"] < shown["examples"]["5"]


def test_one_severity_of_an_image_condition_is_shown() -> None:
    text = output("show", "fog@2")
    assert "modality  image" in text and "@2" in text and "@3" not in text


def test_images_have_no_language() -> None:
    with pytest.raises(UserError, match="fog acts on images"):
        CliRunner().invoke(app, ["show", "fog", "-l", "de"], catch_exceptions=False)


def test_what_a_change_of_content_is_for_is_shown() -> None:
    shown = json.loads(output("show", "negation", "--json"))
    assert shown["for"] == (
        "classification tasks with the labels entailment, neutral, contradiction; on text_pair; "
        "in en, es, fr, ru, vi, zh"
    )
    assert "for" not in json.loads(output("show", "typos", "--json"))


def test_one_severity_and_some_languages_are_shown() -> None:
    text = output("show", "casing@2", "--languages", "ru,zh")
    assert "@2" in text and "@3" not in text
    assert "ru" in text and "does not act on the script of Chinese" in text


def test_a_passage_keeps_its_answer() -> None:
    shown = json.loads(output("show", "omission", "--json"))
    assert all("1890" in after for found in shown["examples"].values() for after in found.values())


def test_a_lexicon_in_the_data_folder_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "lexicons"
    folder.mkdir()
    (folder / "ru-en.tsv").write_text("свет\tlight\n", "utf-8")
    shown = json.loads(output("show", "code-switch@5", "-l", "ru", "--data", str(tmp_path), "--json"))
    assert "light" in shown["examples"]["ru"]["5"] and "Monday" not in shown["examples"]["ru"]["5"]


def test_languages_without_example_are_named() -> None:
    with pytest.raises(UserError, match=r"no example in sw, de\. There are examples in en, ru"):
        CliRunner().invoke(app, ["show", "ocr", "-l", "sw,de,ru"], catch_exceptions=False)
