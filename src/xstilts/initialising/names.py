"""Names that columns have in published data, and what they usually hold."""

from __future__ import annotations

import math
import re

LABELS = (
    *("label", "labels", "goldlabel", "gold", "class", "category", "intent", "stars", "rating", "sentiment"),
    *("polarity", "emotion", "topic", "annotation", "entailmentjudgment", "judgment", "judgement", "stance"),
    *("isduplicate", "isparaphrase", "quality", "answerkey", "answer", "correct", "correctanswer", "target"),
    *("tag", "type", "score", "y"),
)
"""Of labels, the likelier first."""

ANSWERS = ("label", "answerkey", "answer", "correct", "correctanswer", "goldlabel", "gold", "answerid", "key")
"""Of the right choice."""

PAIRS = (
    *(("premise", "hypothesis"), ("prem", "hyp"), ("sentence1", "sentence2"), ("sentencea", "sentenceb")),
    *(("text1", "text2"), ("texta", "textb"), ("text", "textpair"), ("question1", "question2"), ("s1", "s2")),
    *(("1string", "2string"), ("string1", "string2"), ("q1", "q2"), ("question", "sentence")),
    *(("question", "passage"), ("query", "passage"), ("query", "document"), ("query", "title")),
    *(("question", "answer"), ("question", "context"), ("claim", "evidence"), ("context", "response")),
    *(("a", "b"), ("first", "second"), ("left", "right")),
)
"""Of the two texts of a pair."""

TEXTS = (
    *(
        "text",
        "sentence",
        "utterance",
        "review",
        "reviewbody",
        "comment",
        "content",
        "body",
        "tweet",
        "message",
    ),
    *("question", "query", "document", "description", "headline", "title", "phrase", "input", "source"),
)
"""Of a text that stands alone."""

STEMS = (
    *("context", "passage", "article", "story", "premise", "ctx", "goal", "startphrase"),
    *("question", "questionstem", "stem", "prompt", "query", "sentence", "text"),
)
"""Of what a choice is made for; where there are several, they are joined in this order."""

CHOICES = (
    *("choice", "alternative", "option", "answer", "ending", "candidate", "hypothesis", "sol", "solution"),
)
"""Of columns with one choice each, before a number or letter; with an s, of one column with all of them."""

QUESTIONS = ("question", "query", "prompt", "faqquestion")
REPLIES = ("answer", "reply", "response", "answertext", "answersentence", "faqanswer")
"""Of texts that answer a question."""
CONTEXTS = ("context", "passage", "paragraph")

TOKENS = ("tokens", "words", "token", "word", "form", "forms")
TAGS = ("tags", "nertags", "ner", "postags", "pos", "upos", "labels", "slots", "tag", "label", "chunktags")
TARGETS = ("target", "translation", "english", "en", "eng", "reference", "englishtext", "textenglish")
OWN_IDS = ("id", "idx", "guid", "uid", "sentid", "pairid", "exampleid", "itemid", "qid", "uniqueid", "index")
"""Of what tells a row from all others."""
IDS = (*OWN_IDS, "key", "rowid", "unnamed0", "1id", "2id", "genre")

_BIO = re.compile(r"O|[BIESLU]-\S+")
_NUMBERED = re.compile(r"(?P<stem>[a-z]*?)(?P<mark>\d|[a-e])")


def plain_name(name: int | str) -> str:
    """A column's name with letters and digits only: `Sentence_A` → `sentencea`.

    Example:
        >>> plain_name("#1 String"), plain_name("gold-label")
        ('1string', 'goldlabel')
    """
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def last_name(name: int | str) -> str:
    """The plain name of the last part of a dotted path: `question.stem` → `stem`."""
    return plain_name(str(name).rpartition(".")[2])


def numbered(name: int | str) -> tuple[str, str] | None:
    """Stem and number or letter of a column with one of several choices; None for other names.

    Example:
        >>> numbered("choice1"), numbered("Answer B"), numbered("D"), numbered("sentence1")
        (('choice', '1'), ('answer', 'b'), ('', 'd'), None)
    """
    match = _NUMBERED.fullmatch(plain_name(name))
    if match is None or (match["stem"] and match["stem"].rstrip("s") not in CHOICES):
        return None
    return None if not match["stem"] and match["mark"].isdecimal() else (match["stem"], match["mark"])


def is_known(name: str) -> bool:
    """Whether a cell is a name that columns have."""
    plain = plain_name(name)
    pairs = {side for pair in PAIRS for side in pair if len(side) > 1}
    groups = (LABELS, ANSWERS, TEXTS, STEMS, REPLIES, TOKENS, TAGS, TARGETS, IDS)
    return len(plain) > 1 and (
        plain in pairs
        or any(plain in group for group in groups)
        or bool((found := numbered(name)) and found[0])
    )


def is_bio(text: str) -> bool:
    """Whether a cell is a tag of a span: O, B-PER, I-PER, or of the scheme with E and S, or L and U."""
    return _BIO.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether a cell holds a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
