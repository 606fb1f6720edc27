from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import DataError, UserError, XstiltsError
from xstilts.initialising.locating import LANGUAGE, candidate_patterns, infer_pattern, locate

Files = Callable[..., None]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Writes empty files below the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return write


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_pattern(files: Files) -> None:
    files("train-en.tsv", "test-en.tsv", "test-de.tsv", "test-deu.tsv", "test-old.tsv", "test-draft.tsv")
    places = locate("train-en.tsv", None, ["test-{language}.tsv"])
    assert places.languages == ("de", "en")
    assert places.chosen
    assert names(places.files("test")) == ["test-de.tsv", "test-en.tsv"]
    assert names(places.files("train")) == ["train-en.tsv"]
    assert "de and deu name the same language" in places.left_out[0]
    assert "old names no language" in places.left_out[1]


@pytest.mark.parametrize(
    "tests",
    [
        ["data/test-{language}.tsv"],
        ["data/test-*.tsv"],
        ["data/test-de.tsv", "data/test-en.tsv", "data/test-sw.tsv"],
    ],
)
def test_ways_to_name_them(files: Files, tests: list[str]) -> None:
    files("en.tsv", "data/test-de.tsv", "data/test-en.tsv", "data/test-sw.tsv")
    places = locate("en.tsv", None, tests)
    assert places.patterns["test"] == ("data/test-{language}.tsv",)
    assert places.languages == ("de", "en", "sw")
    assert not places.chosen


def test_one_by_one_means_no_others(files: Files) -> None:
    files("en.tsv", "test-de.tsv", "test-sw.tsv", "test-fr.tsv", "german.tsv")
    places = locate("en.tsv", None, ["test-de.tsv", "test-sw.tsv"])
    assert (places.languages, places.chosen) == (("de", "sw"), True)
    assert locate("en.tsv", None, ["test-de.tsv"]).languages == ("de",)
    places = locate("en.tsv", None, ["german.tsv"], ["de"])
    assert (places.patterns["test"], places.languages) == (("german.tsv",), ("de",))
    assert locate("en.tsv", None, ["test-{language}.tsv"], ["swa"]).languages == ("sw",)


def test_a_training_file_among_the_test_files(files: Files) -> None:
    files("en.tsv", "de.tsv", "sw.tsv")
    places = locate("en.tsv", None, ["{language}.tsv"])
    assert (places.languages, places.chosen) == (("de", "sw"), True)
    assert "en.tsv trains, so it does not test" in places.left_out[0]


def test_training_in_another_language(files: Files) -> None:
    files("train-de.tsv", "train-en.tsv", "test-de.tsv", "test-en.tsv")
    assert locate("train-de.tsv", None, ["test-{language}.tsv"]).train_language == "de"
    assert locate("train-en.tsv", None, ["test-{language}.tsv"]).train_language == "en"
    assert names(locate("train-{language}.tsv", None, ["test-{language}.tsv"]).files("train")) == [
        "train-en.tsv"
    ]


def test_line_files_side_by_side(files: Files) -> None:
    files("t.de-en.de", "t.de-en.en", "t.sw-en.sw", "t.sw-en.en", "flat.de", "flat.en", "flat.fr")
    places = locate(None, None, ["t.{language}-en.{language}", "t.{language}-en.en"])
    assert places.is_aligned and places.languages == ("de", "sw")
    places = locate(None, None, ["flat.{language}", "flat.en"])
    assert places.languages == ("de", "fr")
    single = locate(None, None, ["flat.{language}"])
    beside = single.beside_english()
    assert beside is not None and beside.patterns["test"] == ("flat.{language}", "flat.en")
    assert beside.languages == ("de", "fr")
    assert beside.beside_english() is None


def test_paths_are_relative_to_the_recipe(files: Files, tmp_path: Path) -> None:
    files("data/en.tsv", "data/test/de.tsv")
    places = locate("data/en.tsv", None, [f"{tmp_path}/data/test/{LANGUAGE}.tsv"])
    assert places.relative(Path()) == {"train": ("data/en.tsv",), "test": ("data/test/{language}.tsv",)}
    assert places.relative(Path("recipes"))["train"] == ("../data/en.tsv",)
    with pytest.raises(UserError, match=r"no folder in common.*--out .*recipe\.yaml"):
        places.relative(Path("/elsewhere"))


@pytest.mark.parametrize(
    ("train", "dev", "tests", "message"),
    [
        ("en.tsv", None, [], r"--test is missing.*'test-\{language\}\.tsv'"),
        ("em.tsv", None, ["test-{language}.tsv"], r"--train em\.tsv: there is no such file.*has: en\.tsv"),
        ("en.tsv", "dv.tsv", ["test-{language}.tsv"], r"--dev dv\.tsv: there is no such file"),
        ("en.tsv", None, ["tst-{language}.tsv"], r"--test tst-.*has: test-de\.tsv, test-en\.tsv"),
        ("en.tsv", None, ["nowhere/{language}.tsv"], r"The folder nowhere does not exist\. .* has: "),
        (
            "en.tsv",
            None,
            ["test-en.tsv"],
            r"in another language than English\. There are files for de, en: say --test 'test",
        ),
        ("en.tsv", None, ["only-{language}.tsv"], r"in another language than English.*Expected test files"),
        (
            "en.tsv",
            None,
            ["german.tsv"],
            r"german\.tsv.*do not differ in a language code.*\{language\}/test\.tsv",
        ),
        ("en.tsv", None, ["test-de.tsv", "german.tsv"], r"do not differ in a language code"),
        (
            "en.tsv",
            "test-en.tsv",
            ["test-{language}.tsv"],
            r"also the test file of en: what chooses checkpoints",
        ),
        ("german.tsv", None, ["german.tsv"], r"--train and --test are the same file|do not differ"),
        (
            "none-{language}.tsv",
            None,
            ["test-{language}.tsv"],
            r"none of these files is English|no such file",
        ),
        ("only-{language}.tsv", None, ["a{language}", "b", "c", "d"], r"4 patterns"),
    ],
)
def test_what_cannot_be_located(
    files: Files, train: str, dev: str | None, tests: list[str], message: str
) -> None:
    files("en.tsv", "test-en.tsv", "test-de.tsv", "german.tsv", "only-en.tsv", "none-de.tsv")
    with pytest.raises(XstiltsError, match=f"(?s){message}") as error:
        locate(train, dev, tests)
    assert error.value.exit_code == 2


def test_the_same_file_twice(files: Files) -> None:
    files("german.tsv")
    with pytest.raises(DataError, match="same file"):
        locate("german.tsv", None, ["german.tsv"], ["de"])


codes = st.lists(
    st.sampled_from(["en", "de", "sw", "zh-Hant", "pt_BR", "yue", "fr"]), min_size=2, unique=True
)


@given(codes, st.sampled_from(["test-{}.tsv", "{}.tsv", "my.{}.test.jsonl", "a/{}/test.{}.txt", "{}/x.csv"]))
def test_files_one_by_one_give_their_pattern(
    tmp_path_factory: pytest.TempPathFactory, codes: list[str], name: str
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / name.replace("{}", code) for code in codes]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = infer_pattern([str(path) for path in paths])
    assert found is not None
    pattern, natives = found
    assert sorted(natives) == sorted(codes)
    assert {pattern.replace(LANGUAGE, code) for code in codes} == set(map(str, paths))


def test_words_of_paths_that_are_no_languages() -> None:
    assert list(candidate_patterns("raw/dev.tsv")) == []
    assert list(candidate_patterns("de/dev-de.tsv")) == [
        "de/dev-{language}.tsv",
        "{language}/dev-{language}.tsv",
    ]
