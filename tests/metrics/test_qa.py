"""Answers under the rules of SQuAD v1.1 and of MLQA, worked by hand from their scripts, and under our own."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import DataError, UnknownName
from xstilts.metrics import get_metric
from xstilts.metrics.qa import ARTICLES, MLQA, OWN, SQUAD, exact_match, f1, normalise


@pytest.mark.parametrize(
    ("text", "language", "tokens"),
    [
        ("The  Eiffel Tower!", "en", ["eiffel", "tower"]),
        ("a.m.", "en", ["am"]),
        ("An-other", "en", ["another"]),
        ("the “cat”", "en", ["“cat”"]),  # only ASCII punctuation goes
        ("दिल्ली।", "hi", ["दिल्ली।"]),
        ("El gato", "es", ["el", "gato"]),  # articles are English in every language
        ("北京大学", "zh", ["北京大学"]),
        ("a", "en", []),
    ],
)
def test_squads_rule(text: str, language: str, tokens: list[str]) -> None:
    assert normalise(text, SQUAD, language) == tokens


@pytest.mark.parametrize(
    ("text", "language", "tokens"),
    [
        ("the “cat”", "en", ["cat"]),
        ("दिल्ली।", "hi", ["दिल्ली"]),
        ("La casa de las flores", "es", ["casa", "de", "flores"]),
        ("der Name des Hundes", "de", ["name", "hundes"]),
        ("những con mèo của tôi", "vi", ["con", "mèo", "tôi"]),
        ("العالم العربي", "ar", ["ع", "م", "عربي"]),  # the article is taken out wherever its letters stand
        ("在2008年，NBA 开赛", "zh-Hant", ["在", "2008", "年", "nba", "开", "赛"]),
        ("the cat", "zh", ["the", "cat"]),
    ],
)
def test_mlqas_rule(text: str, language: str, tokens: list[str]) -> None:
    assert normalise(text, MLQA, language) == tokens


@pytest.mark.parametrize(
    ("text", "language", "tokens"),
    [
        ("The “Eiffel” Tower!", "en", ["eiffel", "tower"]),
        ("the", "de", ["the"]),
        ("Les enfants de l’école", "fr", ["enfants", "de", "école"]),
        ("L'acqua", "it", ["acqua"]),
        ("L'acqua", "en", ["lacqua"]),
        ("Τους ανθρώπους", "el", ["ανθρώπουσ"]),
        ("العالم العربي", "ar", ["عالم", "عربي"]),
        ("ال", "ar", ["ال"]),
        ("दिल्ली।", "hi", ["दिल्ली"]),
        ("２００８年、東京タワー", "ja", ["2008", "年", "東", "京", "タ", "ワ", "ー"]),
        ("北京大学 (PKU)", "zh", ["北", "京", "大", "学", "pku"]),
        ("Straße", "de", ["strasse"]),
        ("น้ำ", "th", ["น้ํ", "า"]),
        ("서울 대학교", "ko", ["서울", "대학교"]),
        ("The", "en", ["the"]),  # a step that would leave nothing is left out
        ("%", "en", ["%"]),
        ("", "en", []),
    ],
)
def test_own_rule(text: str, language: str, tokens: list[str]) -> None:
    assert normalise(text, OWN, language) == tokens


def test_articles_are_spelled_as_they_are_compared() -> None:
    for words in ARTICLES.values():
        assert words == unicodedata.normalize("NFKC", words).casefold()


def test_f1_and_exact_match_by_hand() -> None:
    assert f1(["a", "b", "b"], ["b", "c"]) == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert f1(["x"], ["y"]) == f1([], ["y"]) == f1([], []) == 0
    assert (exact_match(["a", "b"], ("a", "b")), exact_match(["b", "a"], ["a", "b"])) == (1.0, 0.0)


def test_the_pair_that_the_rules_disagree_on() -> None:
    scores = {
        name: get_metric(name).score(["北京大学"], [["北京"]], (), "zh")
        for name in ("squad_f1", "mlqa_f1", "qa_f1")
    }
    assert scores == {"squad_f1": 0, "mlqa_f1": pytest.approx(2 / 3), "qa_f1": pytest.approx(2 / 3)}


@pytest.mark.parametrize("rule", ["squad", "mlqa", "qa"])
def test_the_best_gold_counts_and_no_gold_means_no_answer(rule: str) -> None:
    predictions, golds = ["in 1999", "two", "", "word"], [["May 1999", "1999"], ["2"], [], []]
    em = get_metric(f"{rule}_em").statistics(predictions, golds, (), "en")
    assert em.tolist() == [[0, 1], [0, 1], [1, 1], [0, 1]]
    statistics = get_metric(f"{rule}_f1").statistics(predictions, golds, (), "en")
    assert statistics[:, 0].tolist() == [pytest.approx(2 / 3), 0, 1, 0]
    assert get_metric(f"{rule}_f1").value(statistics.sum(axis=0)) == pytest.approx((2 / 3 + 1) / 4)


texts = st.text(st.characters(codec="utf-8") | st.sampled_from("the cat,.'’ 的ال"), max_size=20)


@given(texts, st.sampled_from(["en", "fr", "ar", "zh", "th", "sw"]))
def test_an_answer_equals_itself_and_is_nothing_only_if_it_is_blank(text: str, language: str) -> None:
    tokens = normalise(text, OWN, language)
    assert bool(tokens) == bool(unicodedata.normalize("NFKC", text).split())
    assert get_metric("qa_em").score([text], [[text]], (), language) == 1
    assert get_metric("qa_f1").score([text], [[text]], (), language) == bool(tokens)


@given(texts, texts)
def test_f1_is_at_least_exact_match(prediction: str, gold: str) -> None:
    for rule in ("squad", "mlqa", "qa"):
        em, value = (get_metric(f"{rule}_{x}").score([prediction], [[gold]], (), "en") for x in ("em", "f1"))
        if normalise(gold, {"squad": SQUAD, "mlqa": MLQA, "qa": OWN}[rule], "en"):
            assert 0 <= em <= value <= 1


def test_errors_say_what_to_do() -> None:
    with pytest.raises(DataError, match=r"MLQA's rules know ar, .*, not 'fr'. Choose the metrics qa_f1"):
        get_metric("mlqa_f1").score(["a"], [["a"]], (), "fr")
    with pytest.raises(UnknownName, match=r"Did you mean 'squad-v1.1'"):
        normalise("a", "squad", "en")
    with pytest.raises(DataError, match="1 predictions for 2 gold questions"):
        get_metric("qa_em").score(["a"], [["a"], ["b"]], (), "en")
