"""Exact match and token F1 of answers, under the rules of SQuAD v1.1, of MLQA, and our own for every script.

All rules normalise an answer into tokens. Exact match: the tokens are equal. F1: harmonic mean of precision and recall
of the bag of tokens. Each is the best over an item's gold answers, and an item without a gold answer (SQuAD 2.0) is
right exactly if the prediction normalises to nothing. What the rules do:

* `squad-v1.1` (XQuAD, TyDiQA), all languages: `str.lower`; ASCII punctuation removed; `a`, `an`, `the` removed; tokens
  are what white space separates.
* `mlqa-v1`, ar de en es hi vi zh only: `str.lower`; ASCII and Unicode punctuation (categories P) removed; articles
  removed by language, in Arabic the letters `ال` wherever they stand; tokens as above, in Chinese also each character
  in U+4E00–9FA5.
* `xstilts-1`, all languages: NFKC and `str.casefold`; punctuation as in MLQA; `ARTICLES` removed by language, in Arabic
  `ال` at the start of a word; tokens as above, and each character of a script without spaces (Han, kana, Thai, Khmer,
  Lao, Myanmar) with the combining marks on it, whatever the language.

Under `xstilts-1` a step that would leave nothing of a text is left out, so that the answers `%` and `The` can be told
from no answer. Suffixed articles (Swedish, Romanian, Bulgarian …) and prefixed ones other than Arabic stay.

Sources: SQuAD's `evaluate-v1.1.py` (Rajpurkar et al. 2016) and `evaluate-v2.0.py` for items without an answer;
`mlqa_evaluation_v1.py` (Lewis et al. 2020).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import regex

from xstilts.errors import DataError, UnknownName
from xstilts.metrics.base import OWN_RULES, Array, Metric, Statistics, same_length
from xstilts.metrics.classification import share

SQUAD, MLQA, OWN = "squad-v1.1", "mlqa-v1", OWN_RULES

ARTICLES = MappingProxyType(
    {
        "af": "die n",
        "ca": "el la els les un una uns unes l'",
        "da": "en et den det de",
        "de": "der die das den dem des ein eine einen einem einer eines",
        "el": "ο η το οι τα του τησ των τον την τουσ τισ ένασ μια μία ένα",
        "en": "a an the",
        "es": "el la lo los las un una unos unas",
        "fr": "le la les l' un une des du",
        "hu": "a az egy",
        "it": "il lo la i gli le l' un uno una un'",
        "nl": "de het een",
        "no": "en ei et den det de",
        "pt": "o a os as um uma uns umas",
        "ro": "un o niște",
        "sv": "en ett den det de",
    }
)
"""Words that `xstilts-1` leaves out, by language and after casefolding (so σ for ς); `l'` also where a word follows.

Arabic loses the prefix `ال` instead. Languages that are not here have no articles, or none that are words."""

_MLQA_ARTICLES = MappingProxyType(
    {
        "ar": r"ال",
        "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
        "en": r"\b(a|an|the)\b",
        "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
        "hi": r"(?!)",
        "vi": r"\b(của|là|cái|chiếc|những)\b",
        "zh": r"(?!)",
    }
)
_APOSTROPHES = re.compile("[’ʼ]")
_ARABIC_ARTICLE = re.compile(r"^ال(?=\w{2})")
_CHARACTER = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]\p{M}*"
    r"|[^\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]+"
)
"""A character of a script without spaces and the combining marks on it, or a run of anything else."""


def normalise(text: str, rule: str, language: str) -> list[str]:
    """The tokens of an answer under a rule.

    Args:
        text: The answer.
        rule: `squad-v1.1`, `mlqa-v1` or `xstilts-1`; the module's text says what each does.
        language: BCP-47 tag of the answer; its script and region are ignored.

    Raises:
        UnknownName: no such rule.
        DataError: `mlqa-v1` in a language that it does not know.

    Example:
        >>> normalise("The Eiffel Tower!", "squad-v1.1", "en")
        ['eiffel', 'tower']
        >>> normalise("北京大学", "squad-v1.1", "zh"), normalise("北京大学", "xstilts-1", "zh")
        (['北京大学'], ['北', '京', '大', '学'])
    """
    if rule not in _RULES:
        raise UnknownName("rule", rule, _RULES)
    return _RULES[rule](text, language.partition("-")[0])


def f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of tokens; 0 where nothing is shared, so also where both are empty (SQuAD v1.1).

    Example:
        >>> f1(["eiffel", "tower"], ["tower"])
        0.6666666666666666
    """
    shared = sum((Counter(predicted) & Counter(gold)).values())
    return 2 * shared / (len(predicted) + len(gold)) if shared else 0.0


def exact_match(predicted: Sequence[str], gold: Sequence[str]) -> float:
    """1 where the tokens are equal, else 0."""
    return float(list(predicted) == list(gold))


def _squad(text: str, _: str) -> list[str]:
    bare = text.lower().translate(_no_ascii_punctuation())
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


@cache
def _no_ascii_punctuation() -> dict[int, None]:
    return dict.fromkeys(map(ord, string.punctuation))


def _mlqa(text: str, language: str) -> list[str]:
    if language not in _MLQA_ARTICLES:
        raise DataError(
            f"MLQA's rules know {', '.join(_MLQA_ARTICLES)}, not {language!r}. Choose the metrics qa_f1 and qa_em, "
            "or squad_f1 and squad_em, for this language"
        )
    bare = re.sub(_MLQA_ARTICLES[language], " ", _without_punctuation(text.lower()))
    if language == "zh":
        bare = re.sub(r"([\u4e00-\u9fa5])", r" \1 ", bare)
    return bare.split()


def _own(text: str, language: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    elided, words = _articles(language)
    bare = _without_punctuation(elided.sub(" ", _APOSTROPHES.sub("'", folded)))
    tokens = bare.split() or folded.split()
    if language == "ar":
        tokens = [_ARABIC_ARTICLE.sub("", token) for token in tokens]
    tokens = [token for token in tokens if token not in words] or tokens
    return [part for token in tokens for part in _CHARACTER.findall(token)]


@cache
def _articles(language: str) -> tuple[re.Pattern[str], frozenset[str]]:
    """A pattern of the articles that lean on the next word, and the set of those that stand alone."""
    listed = ARTICLES.get(language, "").split()
    elided = "|".join(word for word in listed if word.endswith("'"))
    return re.compile(rf"\b(?:{elided})(?=\w)" if elided else r"(?!)"), frozenset(listed)


def _without_punctuation(text: str) -> str:
    return "".join(
        character
        for character in text
        if character not in string.punctuation and not unicodedata.category(character).startswith("P")
    )


_RULES: MappingProxyType[str, Callable[[str, str], list[str]]] = MappingProxyType(
    {SQUAD: _squad, MLQA: _mlqa, OWN: _own}
)


def _best(rule: str, compare: Callable[[Sequence[str], Sequence[str]], float]) -> Statistics:
    """(best over the gold answers, 1) of each item."""

    def statistics(
        predictions: Sequence[Any], golds: Sequence[Any], _: Sequence[str], language: str
    ) -> Array:
        same_length(predictions, golds, "questions")
        rows = np.ones((len(golds), 2))
        for row, prediction, answers in zip(rows, predictions, golds, strict=True):
            tokens = normalise(prediction, rule, language)
            if answers:
                row[0] = max(compare(tokens, normalise(answer, rule, language)) for answer in answers)
            else:
                row[0] = not tokens
        return rows

    return statistics


SQUAD_F1 = Metric("squad_f1", "F1 (SQuAD)", _best(SQUAD, f1), share, 1, rules=SQUAD)
SQUAD_EM = Metric("squad_em", "Exact match (SQuAD)", _best(SQUAD, exact_match), share, 1, rules=SQUAD)
MLQA_F1 = Metric("mlqa_f1", "F1 (MLQA)", _best(MLQA, f1), share, 1, rules=MLQA)
MLQA_EM = Metric("mlqa_em", "Exact match (MLQA)", _best(MLQA, exact_match), share, 1, rules=MLQA)
QA_F1 = Metric("qa_f1", "F1", _best(OWN, f1), share, 1, rules=OWN)
QA_EM = Metric("qa_em", "Exact match", _best(OWN, exact_match), share, 1, rules=OWN)
