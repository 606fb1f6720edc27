from __future__ import annotations

from pathlib import Path

import pytest

from xstilts.errors import DataError
from xstilts.perturbations import Condition, perturb_text
from xstilts.perturbations.lexicon import Lexicon, find_lexicon, read_lexicon


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / "lexicons" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_the_users_lexicon_takes_the_place_of_the_built_in(tmp_path: Path) -> None:
    write(tmp_path, "de-en.tsv", "Haus\thouse\nHaus\thome\nalt\told\nGuten Tag\tgood day\n")
    condition = Condition.parse("code-switch@5", tmp_path)
    found = {perturb_text("Das alte Haus ist alt, im Mai.", "de", condition, str(i)) for i in range(30)}
    assert found == {"Das alte House ist old, im Mai.", "Das alte Home ist old, im Mai."}
    assert Condition.parse("code-switch@5").identity("de") != condition.identity("de")


def test_dictionaries_of_muse_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "sw-en.txt", "nyumba house\nnyumba\thome\n")
    assert read_lexicon(path) == [("nyumba", "house"), ("nyumba", "home")]
    assert Condition.parse("code-switch", tmp_path).acts_on("sw")


def test_a_language_without_lexicon_may_be_given_one(tmp_path: Path) -> None:
    assert not Condition.parse("code-switch").acts_on("got")
    write(tmp_path, "got-en.tsv", "Huus\thouse\n")
    assert Condition.parse("code-switch", tmp_path).acts_on("got")


def test_lines_that_are_no_pairs_are_listed(tmp_path: Path) -> None:
    path = write(tmp_path, "fr-en.tsv", "maison\thouse\nseul\na b c\nété\t\n")
    with pytest.raises(DataError) as error:
        read_lexicon(path)
    message = str(error.value)
    assert "3 problems" in message
    assert "fr-en.tsv, line 2: expected a word, a tab and an English word, found 'seul'" in message


def test_words_are_found_whatever_their_capitals_and_composition() -> None:
    lexicon = find_lexicon("fr", None)
    assert lexicon
    assert lexicon.english("Décembre") == ("December",)
    assert perturb_text("d'Allemagne", "fr", Condition("code-switch", severity=5), "a") == "d'Germany"
    assert Lexicon("tr", {"ışık": ("light",)}).english("IŞIK") == ("Light",)


@pytest.mark.parametrize(
    "language", ["ar", "de", "hi", "ja", "ru", "sw", "ta", "th", "yo", "zh", "zh-Hant", "pt-BR"]
)
def test_built_in_lexicons_know_countries(language: str) -> None:
    lexicon = find_lexicon(language, None)
    assert lexicon
    english = {word for words in lexicon.entries.values() for word in words}
    assert {"Germany", "France"} <= english
    assert all(word.strip() == word and word for word in english)


def test_short_names_of_days_are_no_entries() -> None:
    lexicon = find_lexicon("de", None)
    assert lexicon
    assert not {"so", "do", "mi", "sa"} & set(lexicon.entries)
