"""Families and distances from Glottolog's tree, for the languages that the suites test."""

from __future__ import annotations

from pathlib import Path

import pytest

from xstilts import families
from xstilts.families import distance_from_english, family, lineage
from xstilts.tasks import Catalogue


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(
            ("de", "Indo-European"),
            ("sw", "Atlantic-Congo"),
            ("zh", "Sino-Tibetan"),
            ("zh-Hant", "Sino-Tibetan"),
        ),
        *(("ar", "Afro-Asiatic"), ("et", "Uralic"), ("fa", "Indo-European"), ("ms", "Austronesian")),
        *(("eu", "Basque"), ("ja", "Japonic"), ("ko", "Koreanic"), ("ka", "Kartvelian"), ("qu", "Quechuan")),
        *(
            ("ta", "Dravidian"),
            ("vi", "Austroasiatic"),
            ("th", "Tai-Kadai"),
            ("az", "Turkic"),
            ("sr-Latn", "Indo-European"),
        ),
    ],
)
def test_family(code: str, name: str) -> None:
    assert family(code) == name


def test_distance_grows_along_the_tree() -> None:
    order = ["en", "en-GB", "nl", "sv", "fr", "sw"]
    distances = [distance_from_english(code) for code in order]
    assert distances[0] == distances[1] == 0
    assert distances == sorted(distances)  # type: ignore[type-var]
    assert distances[-1] == distance_from_english("eu") == 1
    assert distance_from_english("de") == distance_from_english("de-AT")


def test_what_is_unknown_is_none() -> None:
    assert lineage("qqq") is family("qqq") is distance_from_english("qqq") is None


@pytest.mark.parametrize("suite", ["xtreme", "xtreme-r", "pocket"])
def test_every_language_of_the_suites_has_a_family(suite: str) -> None:
    languages = {code for task in Catalogue().suites[suite] for code in task.languages}
    assert not [code for code in sorted(languages) if family(code) is None]


def forget() -> None:
    lineage.cache_clear()
    families._known.cache_clear()


def test_what_was_looked_up_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path))
    forget()
    groups = lineage("sw")
    forget()
    monkeypatch.setattr(families, "_database", lambda: pytest.fail("the tree is loaded again"))
    assert lineage("sw") == groups
    forget()
