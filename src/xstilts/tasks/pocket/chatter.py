"""pocket/replies and pocket/topics: small talk of the ChatterBot corpus, with care for what is shown and what leaks.

A file of the corpus is a topic, its conversations lists of utterances. Lists of more than two are alternative
replies to the first, except in `conversations`, which is dialogue. Left out: coding, technical support and politics,
items unfit to show, text in another language than the file's. Capitals are evened out, for they tell files apart.

The languages translate the same English files in much the same order, dropping and adding entries as they go. So
that no translation of a training dialogue is tested, both are split by position: in every language the test set is
the head of each file, English trains on the tail, and dev lies between as a buffer. Replies are split so too: who
learned them first has seen no test item of topics.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from itertools import chain, pairwise
from pathlib import Path

import regex
import yaml

from xstilts.tasks.base import Row
from xstilts.tasks.pocket.definitions import deal, digest

TOPICS_VERSION = 1
REPLIES_VERSION = 2
PACKAGES = ("chatterbot-corpus",)

TOPIC_LABELS = (
    "ai",
    "emotion",
    "greetings",
    "literature",
    "money",
    "movies",
    "psychology",
    "science",
    "sports",
    "trivia",
)
_FOLDERS = {
    "en": "english",
    "es": "spanish",
    "fa": "persian",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "uk": "ukrainian",
    "zh": "chinese",
    "zh-Hant": "traditionalchinese",
}
LANGUAGES = tuple(_FOLDERS)
TOPICS_BY_SPLIT = {"train": ("en",), "dev": ("en",), "test": LANGUAGES}
REPLIES_BY_SPLIT = {"train": ("en",), "dev": ("en",), "test": ("en",)}

_RENAMED = {
    "IA": "ai",
    "dinero": "money",
    "emociones": "emotion",
    "psicologia": "psychology",
    "sport": "sports",
}
_LEFT_OUT = {"coding", "tech_support", "politics"}
_DIALOGUE = "conversations"
# Every reply to a greeting answers every other, and gossip answers nothing: no true reply among four.
_NO_TRUE_REPLY = {"greetings", "gossip"}
_ANSWERS = "trivia"
# The Zen of Python, recited line by line.
_RECITED = "complex is better than complicated"

_PRECEDENCE = ("test", "dev", "train")
_TOPIC_ENDS = {"test": 0.4, "dev": 0.55, "train": 1.0}
_TOPIC_CAPS = {"test": 12, "dev": 10, "train": 60}
_REPLY_ENDS = {"test": 0.22, "dev": 0.4, "train": 1.0}
_CHOICES = 4
_MIN_WORDS = 3

_SCRIPTS = {
    "fa": r"\p{Arabic}",
    "ja": r"[\p{Hiragana}\p{Katakana}\p{Han}ー]",
    "ko": r"\p{Hangul}",
    "uk": r"\p{Cyrillic}",
    "zh": r"\p{Han}",
    "zh-Hant": r"\p{Han}",
}
_LITTLE = frozenset(
    """
    a about all an and are at be by can could did do does ever for from had has have how i if in is it know many me
    much my name no not of on one or s t tell that the they this to was were what when where which who why will with
    would you your
    """.split()  # noqa: SIM905
)
_ENGLISH = frozenset(
    "the are you what do does it my your not have has who how to and that this for with by".split()  # noqa: SIM905
)
# Violence, sex, insults, drink and drugs, party politics, and one prompt that means nothing.
_UNFIT = regex.compile(
    r"(?i)\b(sex\w*|mate|bend over|testicles|suicide|hitler|murder\w*|kill\w*|shot dead|die[ds]?|death\w*|kiss\w*|ass|"
    r"dirty|disgusting|brain damage|deranged|addict|drunk|tipsy|guns?|communis\w*|impeached|eskimos|fascist|que veut|"
    r"morire|morir|culi|squilibrat\w|desquiciado)\b"
    r"|xfind|teknolust|테크놀러스트|死ぬべき|應該死|应该死|會死|会死|時候死|时候死|お尻|浮気|驴|驢|酒鬼|瘾君子|癮君子"
    r"|شهید|خمینی|اسرائیل|انقلاب|دفاع مقدس|تیمارستان|نماز جمعه|آیت الله"
)


@dataclass(frozen=True, eq=False)
class _Exchange:
    """A prompt with one reply; its topic, its conversation's first utterance, its place in the file (0 to 1)."""

    topic: str
    opening: str
    prompt: str
    reply: str
    place: float

    @property
    def text(self) -> str:
        return f"{self.prompt} {self.reply}"


def topics(split: str, language: str) -> list[Row]:
    """Rows for classification: `text` is a prompt and its reply, `label` one of `TOPIC_LABELS`.

    Languages other than English have a test set only; some lack a topic or two. `source` is the prompt.

    Example:
        >>> topics("test", "it")[0].keys()
        dict_keys(['id', 'source', 'text', 'label'])
    """
    if language not in TOPICS_BY_SPLIT.get(split, ()):
        return []
    found = [exchange for exchange in _exchanges(language) if exchange.topic in TOPIC_LABELS]
    parts = _parted((_part(exchange.place, _TOPIC_ENDS), exchange) for exchange in found)
    rows = [_topic_row(language, exchange) for exchange in _balanced(parts[split], _TOPIC_CAPS[split])]
    return sorted(rows, key=lambda row: str(row["id"]))


def replies(split: str, language: str) -> list[Row]:
    """Rows for multiple-choice: `text` is a prompt, `choices` its true reply and three to other prompts of its topic.

    Split by conversation: English trains on the tail of each file, which no test item of `topics` comes from in any
    language. Distractors come from the same split. `source` is the utterance that opened the conversation.

    Example:
        >>> replies("dev", "en")[0].keys()
        dict_keys(['id', 'source', 'text', 'choices', 'label'])
    """
    if language != "en":
        return []
    found = [exchange for exchange in _exchanges("en") if _has_true_reply(exchange)]
    first = _first_places(_exchanges("en"))
    parts = _parted((_part(first[_words(exchange.opening)], _REPLY_ENDS), exchange) for exchange in found)
    rows = [_reply_row(exchange, parts[split]) for exchange in parts[split]]
    return sorted(rows, key=lambda row: str(row["id"]))


def _parted(placed: Iterable[tuple[str, _Exchange]]) -> dict[str, list[_Exchange]]:
    """The exchanges of each split; a prompt, reply or text that two splits would share stays in the first alone."""
    everything = list(placed)
    parts: dict[str, list[_Exchange]] = {}
    taken: set[str] = set()
    for split in _PRECEDENCE:
        seen = set(taken)
        parts[split] = []
        for _, exchange in (item for item in everything if item[0] == split):
            text, said = _words(exchange.text), {_words(exchange.prompt), _words(exchange.reply)}
            if text not in seen and not said & taken:
                parts[split].append(exchange)
                seen.add(text)
        taken |= seen | {_words(said) for e in parts[split] for said in (e.opening, e.prompt, e.reply)}
    return parts


def _balanced(exchanges: Iterable[_Exchange], cap: int) -> Iterator[_Exchange]:
    """Up to `cap` of each topic; every prompt and reply has its turn before any has a second."""
    turns: Counter[str] = Counter()
    found: dict[str, list[tuple[int, str, _Exchange]]] = defaultdict(list)
    for exchange in exchanges:
        said = {_words(exchange.prompt), _words(exchange.reply)}
        found[exchange.topic].append((sum(turns[words] for words in said), digest(exchange.text), exchange))
        turns.update(said)
    for topic in sorted(found):
        yield from (exchange for *_, exchange in sorted(found[topic], key=lambda item: item[:2])[:cap])


def _topic_row(language: str, exchange: _Exchange) -> Row:
    identity = digest(language, exchange.topic, exchange.text)
    source = digest(language, _words(exchange.opening))
    return {"id": identity, "source": source, "text": exchange.text, "label": exchange.topic}


def _reply_row(exchange: _Exchange, others: list[_Exchange]) -> Row:
    identity = digest("reply", exchange.text)
    wrong = _distractors(identity, exchange, others)
    choices, label = deal(identity, exchange.reply, wrong)
    source = digest("en", _words(exchange.opening))
    return {"id": identity, "source": source, "text": exchange.prompt, "choices": choices, "label": label}


def _distractors(seed: str, exchange: _Exchange, others: list[_Exchange]) -> list[str]:
    """Replies to unrelated prompts, of the same topic as long as there are any, each another."""
    asked = _content(exchange.prompt)
    siblings = [other for other in others if other.opening == exchange.opening]
    said = {_words(text) for other in siblings for text in (other.prompt, other.reply)}
    chosen: list[str] = []
    for other in chain(_shuffled(seed, others, exchange.topic), _shuffled(seed, others, None)):
        if not asked & _content(other.prompt) and _words(other.reply) not in said:
            said.add(_words(other.reply))
            chosen.append(other.reply)
        if len(chosen) == _CHOICES - 1:
            break
    return chosen


def _shuffled(seed: str, exchanges: list[_Exchange], topic: str | None) -> Iterator[_Exchange]:
    """Those of one topic (None: all), made only when asked for: the second list is needed once in a while."""
    found = [exchange for exchange in exchanges if topic in (None, exchange.topic)]
    yield from sorted(found, key=lambda exchange: digest(seed, exchange.text))


def _has_true_reply(exchange: _Exchange) -> bool:
    """Whether the reply says enough to be told from others: an answer of trivia, or some words with content."""
    if (
        exchange.topic in _NO_TRUE_REPLY
        or not _content(exchange.prompt)
        or _words(exchange.opening) == _RECITED
    ):
        return False
    long_enough = len(_words(exchange.reply).split()) >= _MIN_WORDS
    return exchange.topic == _ANSWERS or (long_enough and bool(_content(exchange.reply)))


def _part(place: float, ends: dict[str, float]) -> str:
    return next(split for split, end in ends.items() if place < end)


def _first_places(exchanges: Iterable[_Exchange]) -> dict[str, float]:
    """Where an opening stands first, for some open conversations in two files."""
    places: dict[str, float] = {}
    for exchange in exchanges:
        opening = _words(exchange.opening)
        places[opening] = min(exchange.place, places.get(opening, 1.0))
    return places


@cache
def _words(text: str) -> str:
    """What is said, whatever its capitals and marks."""
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


@cache
def _content(text: str) -> frozenset[str]:
    return frozenset(_words(text).split()) - _LITTLE


@cache
def _exchanges(language: str) -> tuple[_Exchange, ...]:
    """Every exchange of a language fit to be shown, in the order of the files."""
    english = _conversations("en")
    found = []
    for topic, conversations in _conversations(language).items():
        # Files grow at their ends: of two lengths the shorter tells better where an entry stands in the English file.
        length = min(len(conversations), len(english.get(topic, conversations)))
        for index, utterances in enumerate(conversations[:length]):
            for prompt, reply in _turns(topic, utterances):
                found.append(_Exchange(topic, utterances[0], prompt, reply, index / length))
    return tuple(exchange for exchange in found if _fit(exchange, language))


def _turns(topic: str, utterances: list[str]) -> Iterator[tuple[str, str]]:
    if topic == _DIALOGUE:
        return pairwise(utterances)
    return ((utterances[0], reply) for reply in utterances[1:])


def _fit(exchange: _Exchange, language: str) -> bool:
    if _words(exchange.prompt) == _words(exchange.reply) or _UNFIT.search(exchange.text):
        return False
    if language in _SCRIPTS:
        # A reply may be a name in Latin letters, as long as the prompt is not.
        return all(_is_written(_SCRIPTS[language], text) for text in (exchange.prompt, exchange.text))
    return language == "en" or not (_is_english(exchange.prompt) or _is_english(exchange.reply))


def _is_written(script: str, text: str) -> bool:
    """Whether most letters are of the script."""
    return len(regex.findall(script, text)) * 2 > len(regex.findall(r"\p{L}", text))


def _is_english(text: str) -> bool:
    """Whether a third of the words are among the commonest of English that no other language here has."""
    words = _words(text).split()
    return sum(word in _ENGLISH for word in words) * 3 >= max(len(words), 1)


@cache
def _conversations(language: str) -> dict[str, list[list[str]]]:
    """The conversations of each topic of a language, utterances tidied."""
    folder = Path(str(metadata.distribution("chatterbot-corpus").locate_file("chatterbot_corpus/data")))
    files = {
        _RENAMED.get(path.stem, path.stem): path
        for path in sorted((folder / _FOLDERS[language]).glob("*.yml"))
    }
    return {topic: _read(path, language == "en") for topic, path in files.items() if topic not in _LEFT_OUT}


def _read(path: Path, english: bool) -> list[list[str]]:
    # The base loader keeps scalars strings: others read the replies "No" and "1963" as a truth value and a number.
    content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)  # noqa: S506
    # A conversation that is one string is an error of the file; a single utterance has no reply.
    lists = [item for item in content["conversations"] if isinstance(item, list)]
    tidied = [[_tidy(utterance, english) for utterance in item if utterance.strip()] for item in lists]
    return [item for item in tidied if len(item) > 1]


def _tidy(utterance: str, english: bool) -> str:
    """Single spaces and a capital first; shouting is lowered (it would tell the file on sports from all others)."""
    text = " ".join(utterance.split())
    if text.isascii() and text.isupper() and len(text) > 4:
        text = text.lower()
    if english:
        text = regex.sub(r"\bi\b(?=[ '])", "I", text)
    return text[:1].upper() + text[1:]
