from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perturbation_corpus import ANSWERS, CORPUS, PASSAGES, texts_for

from xstilts.perturbations import (
    CLEAN,
    PERTURBATIONS,
    Condition,
    perturb_text,
    perturb_tokens,
    perturb_with_offsets,
)
from xstilts.perturbations.apply import perturb_clusters
from xstilts.perturbations.graphemes import is_separator, split

LANGUAGES = st.sampled_from(sorted(CORPUS))
CONDITIONS = st.builds(Condition, st.sampled_from(sorted(PERTURBATIONS)), severity=st.integers(1, 5))
ODDITIES = "🇩🇪👩‍👩‍👧❤️ ́각़्ं‍‌İıßŉΐΣς\r\n\t\u00a0\u3000.,!¿।，\u0600۔ﬁ𝒳0١"
WRITTEN = "".join(sorted({c for sentences in CORPUS.values() for s in sentences for c in s}))
TEXTS = st.one_of(
    st.sampled_from([s for sentences in CORPUS.values() for s in sentences]),
    st.text(st.sampled_from(WRITTEN + ODDITIES), max_size=60),
    st.text(max_size=40),
)
KEYS = st.text(max_size=8)


@given(TEXTS, LANGUAGES, CONDITIONS, KEYS)
def test_text_stays_valid_normal_and_filled(text: str, language: str, condition: Condition, key: str) -> None:
    after = perturb_text(text, language, condition, key)
    after.encode()
    assert bool(after.strip()) == bool(text.strip())
    if unicodedata.is_normalized("NFC", text):
        assert unicodedata.is_normalized("NFC", after)
    assert after == perturb_text(text, language, condition, key)


@given(TEXTS, LANGUAGES, CONDITIONS, KEYS)
def test_pieces_never_melt_into_their_neighbours(
    text: str, language: str, condition: Condition, key: str
) -> None:
    pieces = perturb_clusters(split(text), language, condition, key)
    assert split("".join(pieces)) == [cluster for piece in pieces for cluster in split(piece)]


@given(TEXTS, LANGUAGES, st.sampled_from(["whitespace", "punctuation"]), KEYS)
def test_separators_change_and_clusters_do_not(text: str, language: str, name: str, key: str) -> None:
    def solid(clusters: list[str]) -> list[str]:
        return [cluster for cluster in clusters if not is_separator(cluster[0])]

    assert solid(split(perturb_text(text, language, Condition(name, severity=5), key))) == solid(split(text))


@given(TEXTS, LANGUAGES, KEYS)
def test_dropped_and_swapped_letters_are_whole_clusters(text: str, language: str, key: str) -> None:
    pieces = perturb_clusters(split(text), language, Condition("typos", severity=5), key)
    for before, after in zip(split(text), pieces, strict=True):
        assert len(split(after)) <= 2
        assert after == before or not before.isspace()


@given(TEXTS, LANGUAGES, CONDITIONS, KEYS)
def test_offsets_follow_the_clusters(text: str, language: str, condition: Condition, key: str) -> None:
    after, moved = perturb_with_offsets(text, language, condition, key)
    assert (moved.before, moved.after, moved(len(text))) == (text, after, len(after))
    places = [moved(i) for i in range(len(text) + 1)]
    assert all(left <= right for left, right in pairwise(places))
    pieces = [after[moved(i) : moved(j)] for i, j in pairwise(accumulate(map(len, split(text)), initial=0))]
    assert "".join(pieces) == after[places[0] :]


@given(st.lists(TEXTS, max_size=8), LANGUAGES, CONDITIONS, KEYS)
def test_tokens_stay_as_many_and_whole(
    tokens: list[str], language: str, condition: Condition, key: str
) -> None:
    after = perturb_tokens(tokens, language, condition, key)
    assert len(after) == len(tokens)
    for old, new in zip(tokens, after, strict=True):
        assert bool(new.strip()) == bool(old.strip())
        assert not Counter(filter(str.isspace, new)) - Counter(filter(str.isspace, old))
        assert not unicodedata.is_normalized("NFC", old) or unicodedata.is_normalized("NFC", new)


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
@pytest.mark.parametrize("language", sorted(CORPUS))
def test_text_changes_exactly_where_the_registry_says(name: str, language: str) -> None:
    hardest = Condition(name, severity=5)
    written = texts_for(name, language)
    texts = [(text, f"item/{i}") for text in written for i in range(10)]
    changed = any(perturb_text(text, language, hardest, key) != text for text, key in texts)
    assert changed == PERTURBATIONS[name].acts_on(language)
    assert all(perturb_text(text, language, CLEAN, key) == text for text, key in texts)


def test_noise_depends_on_item_perturbation_and_severity() -> None:
    text = " ".join(CORPUS["en"])
    found = {
        perturb_text(text, "en", Condition("typos", severity=s), key) for s in (4, 5) for key in ("a", "b")
    }
    assert len(found) == 4
    same = {perturb_text(text, "en", Condition("typos", role, 4), "a") for role in ("", "context")}
    assert len(same) == 1


def test_noise_is_the_same_everywhere() -> None:
    """Written down, so that another Python, another machine or a careless edit shows."""
    typos = Condition("typos", severity=4)
    assert perturb_text("Made in Paris, France", "en", typos, "demo/test/7") == "MMade jn Paris, Frnce"
    assert perturb_text("Сегодня утром", "ru", typos, "demo/test/7") == "ССегожня утром"


@pytest.mark.parametrize("language", sorted(ANSWERS))
@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_answers_stay_findable(language: str, name: str) -> None:
    context, answer = ANSWERS[language]
    start = context.index(answer)
    span = (start, start + len(answer))
    for item in range(40):
        condition = Condition(name, severity=5)
        after, moved = perturb_with_offsets(context, language, condition, f"qa/{item}", keep=[span])
        left, right = moved.span(*span)
        found = after[left:right]
        assert found and not is_separator(found[0]) and not is_separator(found[-1])
        if PERTURBATIONS[name].keeps_spans:
            assert found == answer
        if name in {"punctuation", "whitespace"}:
            assert [c for c in found if not is_separator(c)] == [c for c in answer if not is_separator(c)]


def test_a_kept_span_is_never_emptied() -> None:
    text, typos = "唐朝在中国的历史上很长。", Condition("typos", severity=5)
    spans = [(i, i + 1) for i in range(len(text))]
    empty = full = 0
    for item in range(200):
        _, moved = perturb_with_offsets(text, "zh", typos, f"qa/{item}")
        empty += any(moved(start) == moved(end) for start, end in spans)
        _, moved = perturb_with_offsets(text, "zh", typos, f"qa/{item}", keep=spans)
        full += all(moved(start) < moved(end) for start, end in spans)
    assert empty > 0
    assert full == 200


@given(LANGUAGES, CONDITIONS, KEYS, st.data())
def test_noise_in_words_and_content_leaves_kept_spans_alone(
    language: str, condition: Condition, key: str, data: st.DataObject
) -> None:
    text = PASSAGES[language]
    starts = st.integers(0, len(text) - 1)
    spans = [(start, min(start + 12, len(text))) for start in data.draw(st.lists(starts, max_size=3))]
    after, moved = perturb_with_offsets(text, language, condition, key, keep=spans)
    if PERTURBATIONS[condition.name].keeps_spans:
        assert all(
            after[moved(start) : moved(end)] == text[start:end]
            for start, end in spans
            if aligned(text, start)
        )


def aligned(text: str, start: int) -> bool:
    return start in accumulate(map(len, split(text)), initial=0)


ODD_TEXTS = (
    *(
        "",
        " ",
        "\n",
        "a",
        "я",
        "字",
        "क्ष",
        "ﷺ",
        "한",
        "7",
        ".",
        "🙂",
        "👩‍👩‍👧‍👦",
        "🇩🇪🇫🇷",
        "\u200f",
        "\u202eabc\u202c",
    ),
    *(
        "שלום, world! 3 мир",
        "السعر 25 USD فقط 🙂",
        "東京Tokyoтокио東京",
        "x" * 300,
        "." * 40,
        "e\u0301a\u0308",
    ),
)


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts(name: str, text: str) -> None:
    for language in ("en", "ar", "he", "hi", "th", "ja", "zh"):
        for severity in (1, 5):
            after, moved = perturb_with_offsets(text, language, Condition(name, severity=severity), "odd")
            after.encode()
            assert bool(after.strip()) == bool(text.strip())
            assert moved(len(text)) == len(after)


def test_offsets_outside_the_text_are_refused() -> None:
    _, moved = perturb_with_offsets("abc", "en", CLEAN, "a")
    assert (moved(0), moved(3), moved.span(1, 3)) == (0, 3, (1, 3))
    with pytest.raises(IndexError, match="outside a text of 3"):
        moved(4)


def test_offsets_inside_a_cluster_never_pass_its_end() -> None:
    text, moved = perturb_with_offsets("ที่น", "th", Condition("diacritics", severity=5), "a")
    assert text == "ทน"
    assert [moved(i) for i in range(5)] == [0, 1, 1, 1, 2]
