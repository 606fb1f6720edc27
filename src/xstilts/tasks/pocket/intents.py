"""pocket/intents and pocket/slots: requests to a smart home, from the templates of `home-assistant-intents`.

A row is one template said in one way, its slots filled from our word lists (`words/*.yaml`).

**Parallel by source.** The source of a row is `split/intent/combination/ordinal`. It decides, in every language
alike, the intent, which slots are combined, and which value stands in each slot (position i of a word list is the
same thing everywhere, as far as the grammar allows); the wording is the language's own. So rows of one source ask
for the same thing (one may say music where another says song) and are resampled together. A language that lacks a
combination has more ordinals of the others, or fewer rows where its grammar can say no more.

**Honest splits.** English templates are divided, intent by intent, between test and the rest by a hash, and no
wording that a template of test can produce is used elsewhere; values and numbers of the test split occur in no
other; no text stands in two splits. Dev shares templates with train, as
development data does, but no text. Two of the 19 intents that the languages share are left out: `Nevermind` (two
fixed phrases in English) and `VacuumCleanArea` (one fixed phrase in most languages).

**Slots** leave out Hebrew, Korean and Nepali, which write prepositions, particles or case endings onto the noun,
and Thai, which writes no spaces: fewer than 90% of their spans would be whole tokens. A token is a run of letters,
a run of digits, a single Chinese character, or a single other mark. An Arabic span includes the article.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import zip_longest

import regex

from xstilts.errors import DataError, UnknownName
from xstilts.tasks.base import SPLITS, Row
from xstilts.tasks.pocket.templates import SLOT, Template, skeletons, words

VERSION = 1
PACKAGES = ("home-assistant-intents", "hassil")

COMBINATIONS: dict[str, tuple[str, ...]] = {
    "CancelAllTimers": ("default", "area_only"),
    "CancelTimer": ("default", "area_only", "minutes_only", "name_only"),
    "ClimateGetTemperature": ("default", "area_only"),
    "ClimateSetTemperature": ("area_temperature", "temperature_only"),
    "GetCurrentDate": ("default",),
    "GetCurrentTime": ("default",),
    "GetWeather": ("default", "name_only.weather"),
    "LightSet": ("area_brightness.light", "area_color.light", "name_brightness.light", "name_color.light"),
    "MediaNext": ("default", "area_only", "name_only.media_player"),
    "MediaPause": ("default", "area_only", "name_only.media_player"),
    "MediaUnpause": ("default", "area_only", "name_only.media_player"),
    "PauseTimer": ("default", "area_only", "minutes_only", "name_only"),
    "StartTimer": ("minutes_only", "hours_only", "hours_minutes"),
    "TimerStatus": ("default", "area_only", "minutes_only", "name_only"),
    "TurnOff": ("area_domain.light", "name_only.light", "area_domain.fan", "name_only.cover"),
    "TurnOn": ("area_domain.light", "name_only.light", "area_domain.fan", "name_only.cover"),
    "UnpauseTimer": ("default", "area_only", "minutes_only", "name_only"),
}
"""The intents, and the combinations of slots (with the domain of the device) that are asked for."""

WANTED = frozenset((intent, name) for intent, names in COMBINATIONS.items() for name in names)

INTENT_LABELS = tuple(COMBINATIONS)

_SLOTS = {"light": "name", "player": "name", "cover": "name", "city": "name", "timer": "name"}
"""Kinds of value that fill a slot of another name."""

_SLOT_NAMES = ("area", "name", "minutes", "hours", "temperature", "brightness", "color")
SLOT_LABELS = ("O", *(f"{mark}-{slot}" for slot in _SLOT_NAMES for mark in "BI"))

INTENT_LANGUAGES = ("en", "de", "fr", "es", "ru", "uk", "el", "he", "ar", "hi", "zh", "ko", "th", "ne")
SLOT_LANGUAGES = ("en", "de", "fr", "es", "ru", "uk", "el", "ar", "hi", "zh")

_NUMBERS = {
    "train": {
        "minutes": "5 10 15 20 30 40 45 50",
        "hours": "2 3 4 5 10 12",
        "temperature": "16 19 20 22 23 24 65 68 70 72",
        "brightness": "10 20 25 30 40 50 70 75 80 90",
    },
    # Chosen so that every language asks for one and the same form of the unit (Slavic genitive plural, Arabic
    # singular from eleven on and plural below).
    "test": {
        "minutes": "12 18 25 35",
        "hours": "6 7 9",
        "temperature": "17 18 26 27",
        "brightness": "15 35 60 85",
    },
}

_PER_INTENT = {"intents": {"train": 80, "dev": 12, "test": 7}, "slots": {"train": 80, "dev": 12, "test": 8}}
_TRIES = 150  # ordinals tried per combination before an intent is left with fewer rows than asked for

_TOKEN = regex.compile(r"\p{Han}|[\p{L}\p{M}--\p{Han}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]", regex.V1)


@dataclass(frozen=True)
class _Said:
    """One request: its text, what it means, and where its slots are filled, as (start, end, slot)."""

    source: str
    intent: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


def intents(split: str, language: str) -> list[Row]:
    """Rows of pocket/intents: which of 17 things is asked for.

    Args:
        split: train and dev (English only), or test.
        language: One of `INTENT_LANGUAGES`.

    Returns:
        Rows with `id`, `source`, `text` and `label`, intent by intent.

    Example:
        >>> rows = intents("test", "de")
        >>> len({row["label"] for row in rows})
        17
    """
    _check("intents", split, language)
    return [
        _row(said, language) | {"text": said.text, "label": said.intent}
        for said in _said("intents", split, language)
    ]


def slots(split: str, language: str) -> list[Row]:
    """Rows of pocket/slots: where areas, names, numbers and colours stand. Every row has at least one.

    Args:
        split: train and dev (English only), or test.
        language: One of `SLOT_LANGUAGES`.

    Returns:
        Rows with `id`, `source`, `tokens` and `tags` (one BIO tag of `SLOT_LABELS` a token).

    Example:
        >>> row = slots("test", "en")[0]
        >>> len(row["tokens"]) == len(row["tags"])
        True
    """
    _check("slots", split, language)
    rows = []
    for said in _said("slots", split, language):
        tagged = tag(said.text, said.spans)
        if tagged is not None:
            rows.append(_row(said, language) | {"tokens": tagged[0], "tags": tagged[1]})
    return rows


def tag(text: str, spans: tuple[tuple[int, int, str], ...]) -> tuple[list[str], list[str]] | None:
    """Tokens of a text and their BIO tags, or None where a span is not a run of whole tokens.

    Args:
        text: The text; token boundaries are those of the module's docstring.
        spans: (start, end, slot) in characters, end exclusive, not overlapping.

    Example:
        >>> tag("lights in the living room", ((14, 25, "area"),))
        (['lights', 'in', 'the', 'living', 'room'], ['O', 'O', 'O', 'B-area', 'I-area'])
    """
    found = list(_TOKEN.finditer(text))
    starts, ends = {token.start() for token in found}, {token.end() for token in found}
    if any(start not in starts or end not in ends for start, end, _ in spans):
        return None
    tags = []
    for token in found:
        inside = next(((start, slot) for start, end, slot in spans if start <= token.start() < end), None)
        tags.append("O" if inside is None else f"{'B' if inside[0] == token.start() else 'I'}-{inside[1]}")
    return [token.group() for token in found], tags


def _row(said: _Said, language: str) -> Row:
    return {"id": f"{language}/{said.source}", "source": said.source}


def _rank(*parts: object) -> int:
    """A number that depends on nothing but what it is given."""
    return int.from_bytes(sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")


@cache
def _said(task: str, split: str, language: str) -> tuple[_Said, ...]:
    """The requests of one split and language, intent by intent; no text twice, none of the splits before it."""
    taken = set() if split == "test" else {said.text.casefold() for said in _said(task, "test", language)}
    if split == "dev":
        taken |= {said.text.casefold() for said in _said(task, "train", language)}
    rows: list[_Said] = []
    for intent in INTENT_LABELS:
        limit = _share(task, split, language, intent)
        for said in _of_intent(task, split, language, intent):
            if limit and said.text.casefold() not in taken:
                taken.add(said.text.casefold())
                rows.append(said)
                limit -= 1
    return tuple(rows)


def _check(task: str, split: str, language: str) -> None:
    languages = INTENT_LANGUAGES if task == "intents" else SLOT_LANGUAGES
    if language not in languages:
        raise UnknownName(f"language of pocket/{task}", language, languages, f"xstilts show pocket/{task}")
    if split not in SPLITS or (split != "test" and language != "en"):
        raise DataError(
            f"pocket/{task} has no {split!r} split in {language!r}. It has train, dev and test in 'en', and test in "
            f"{', '.join(languages[1:])}. Ask for test."
        )


def _share(task: str, split: str, language: str, intent: str) -> int:
    """How many rows an intent has; where English can say few, train leaves one in six for dev."""
    wanted = _PER_INTENT[task][split]
    if split != "train":
        return wanted
    can_say = len({said.text.casefold() for said in _of_intent(task, split, language, intent)})
    return min(wanted, can_say - can_say // 6)


def _of_intent(task: str, split: str, language: str, intent: str) -> Iterator[_Said]:
    """Requests of one intent, its combinations in turn, for as long as there may be new ones."""
    for ordinal in range(_TRIES):
        for combination in COMBINATIONS[intent]:
            pool = _pool(split, language, intent, combination)
            pool = tuple(text for text in pool if task == "intents" or SLOT.search(text))
            if pool:
                source = f"{split}/{intent}/{combination}/{ordinal}"
                yield _fill(source, intent, pool[ordinal % len(pool)], _values(split, language))


@cache
def _pool(split: str, language: str, intent: str, combination: str) -> tuple[str, ...]:
    """The skeletons of a split, the templates of the combination in turn.

    Two English templates may say the same thing in the same words: what a template of test can say is test's.
    """
    found = skeletons(language, WANTED)
    mine = [template for template in found if template.intent == intent]
    kept = _test_templates(mine, found) if language == "en" else {template.text for template in mine}
    reserved = {text for template in mine if template.text in kept for text in found[template]}
    columns = [found[template] for template in mine if template.combination == combination]
    turns = zip_longest(*columns)
    texts = dict.fromkeys(text for turn in turns for text in turn if text is not None)
    return tuple(text for text in texts if (text in reserved) == (split == "test"))


def _test_templates(templates: list[Template], found: dict[Template, tuple[str, ...]]) -> set[str]:
    """A third of an intent's templates, by hash (at least one); of only two, the one that can say less."""
    size = {template.text: len(found[template]) if len(templates) == 2 else 0 for template in templates}
    ranked = sorted(size, key=lambda text: (size[text], _rank("test", templates[0].intent, text)))
    return set(ranked[: max(1, len(ranked) // 3)])


@cache
def _values(split: str, language: str) -> dict[str, list[str]]:
    part = "test" if split == "test" else "train"
    return words(language).values[part] | {kind: text.split() for kind, text in _NUMBERS[part].items()}


def _fill(source: str, intent: str, skeleton: str, values: dict[str, list[str]]) -> _Said:
    """Fill the slots of a skeleton: the source alone decides which of a kind's values is taken."""
    family, _, ordinal = source.rpartition("/")
    text, spans, at = "", [], 0
    for slot in SLOT.finditer(skeleton):
        kind = slot[1]
        choices = values[kind]
        turn = int(ordinal) + int(ordinal) // len(choices)  # the shift pairs every value with every wording
        value = choices[(_rank(family, kind) + turn) % len(choices)]
        text += skeleton[at : slot.start()]
        spans.append((len(text), len(text) + len(value), _SLOTS.get(kind, kind)))
        text += value
        at = slot.end()
    text += skeleton[at:]
    # Templates of one language differ in whether they begin with a capital; requests here all do.
    return _Said(source, intent, text[:1].upper() + text[1:], tuple(spans))
