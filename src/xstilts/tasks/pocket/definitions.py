"""pocket/definitions: the right definition of an English word among four, all of one part of speech.

From the English WordNet. Nouns and verbs are put in fours of one part of speech: each synset's gloss is the answer
to its own word and a distractor for the other three. (With neighbouring synsets in a four, children of one parent,
800 items taught the bundled encoder cut to six layers nothing in two runs of three; with synsets from anywhere it
learns.) Glosses are short. A four belongs to one split, so no gloss of the test set is ever read in training, be it
as a distractor. Words asked are lower-case and up to three words long. Those in use (three glosses or more contain
each of their words: there is no better record of frequency in the package) come first in train, the others after
them; dev and test ask words in use only. Within that, rows are shuffled: the first N are a fair sample.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import regex

from xstilts.tasks.base import Row

VERSION = 1
PACKAGES = ("nlptoolkit-wordnet",)
BY_SPLIT = {"train": ("en",), "dev": ("en",), "test": ("en",)}

_FILE = "WordNet/data/english_wordnet_version_31.xml"
_CHOICES = 4
_SIZES = {"test": 1000, "dev": 500}
_PARTS = {"n": "noun", "v": "verb"}
_MIN_USES = 3
_GLOSS_LENGTH = range(20, 61)
_BUCKET_DIGITS = 2
_MAX_OVERLAP = 0.5
_WORD = regex.compile(r"(?=.{3,25}$)[a-z]+( [a-z]+){0,2}")
_LETTERS = regex.compile("[a-z]+")
_BRACKET = regex.compile(r"^(\([^()]*\)\s*)+")
_MAX_WORDS = 3
_LITTLE = frozenset("a an and as at be by for from in into of off on or out over the to up with".split())  # noqa: SIM905
_ODD_GLOSS = regex.compile(r"[\"`:;<>\d]|\b(genus|family|order) [A-Z]")
# Slurs, sex, violence, drugs, ideologies of hate: true to the language, unfit to stand in a demo.
_UNFIT = regex.compile(
    r"(?i)\b(ethnic|racis\w*|slur\w*|offensive|disparag\w*|derogat\w*|vulgar|obscen\w*|taboo|negro\w*|nazi\w*|slave\w*|sex\w*"
    r"|rape\w*|rapist\w*|incest\w*|erotic\w*|genital\w*|penis|vagina\w*|anus|buttock\w*|breasts?|prostitut\w*|brothel\w*"
    r"|homosexual\w*|lesbian\w*|murder\w*|kill\w*|suicid\w*|tortur\w*|execut(?:e|ed|ion) by|massacre\w*|genocid\w*"
    r"|terroris\w*|corpse\w*|cocaine|heroin|marijuana|opium|narcotic\w*|excret\w*|feces|faecal|fecal|urin\w*|defecat\w*"
    r"|copulat\w*|intercourse|virgin\w*|whore\w*|slut\w*|bitch\w*|bastard\w*|savage\w*|retarded|idiot\w*|fornicat\w*"
    r"|vulva\w*|scrotum|testic\w*|semen|immoral\w*|voluptuous\w*|shameless\w*|fetus\w*|harlot\w*|adulter\w*|lewd\w*|lust\w*"
    r"|concubin\w*|harem|Mexican-American|Black person|Jew\w*|Gypsy|gypsies|Aryan|crippled?|dwarf|midget|moron|imbecile"
    r"|masturbat\w*|castrat\w*|abortion\w*|behead\w*|lynch\w*|crucif\w*|pimp\w*|porn\w*|nude\w*|naked|ejaculat\w*|orgasm\w*)\b"
)


@dataclass(frozen=True, eq=False)
class _Synset:
    id: str
    part: str
    words: tuple[str, ...]
    gloss: str


@dataclass(frozen=True, eq=False)
class _Entry:
    """A synset with a gloss fit to be shown, the words to ask for it (perhaps none)."""

    id: str
    part: str
    common: tuple[str, ...]
    rare: tuple[str, ...]
    synonyms: frozenset[str]
    named: frozenset[str]
    gloss: str
    described: frozenset[str]


_Four = tuple[_Entry, ...]


def definitions(split: str, language: str) -> list[Row]:
    """Rows for multiple-choice: `text` is a word with its part of speech, `choices` are four definitions.

    Test (1,000) and dev (500) hold one word of each four, so that their items are independent; train holds every
    word (synonyms too) of its fours, except those asked in dev or test in another sense. `source` is the synset.

    Example:
        >>> definitions("dev", "en")[0].keys()
        dict_keys(['id', 'source', 'text', 'choices', 'label'])
    """
    return [dict(row) for row in _splits()[split]] if language == "en" else []


def digest(*parts: str) -> str:
    """A short stable hash: the same on every machine and in every process, unlike `hash`."""
    return hashlib.sha256("\t".join(parts).encode()).hexdigest()[:12]


def deal(seed: str, right: str, wrong: Iterable[str]) -> tuple[list[str], int]:
    """The choices in an order that depends on `seed` and on themselves alone, and the place of the right one.

    Example:
        >>> choices, label = deal("item 7", "yes", ["no", "maybe"])
        >>> choices[label]
        'yes'
    """
    choices = sorted([right, *wrong], key=lambda choice: digest(seed, choice))
    return choices, choices.index(right)


@cache
def _splits() -> dict[str, tuple[Row, ...]]:
    fours = sorted(_fours(_entries(_read())), key=lambda four: digest(*sorted(entry.id for entry in four)))
    held = [four for four in fours if any(entry.common for entry in four)]
    splits: dict[str, tuple[Row, ...]] = {}
    asked: set[str] = set()
    for split, size in _SIZES.items():
        chosen, held = held[:size], held[size:]
        splits[split] = tuple(_one_of(four, asked) for four in chosen)
    held += [four for four in fours if not any(entry.common for entry in four)]
    return splits | {"train": tuple(_all_of(held, asked))}


def _one_of(four: _Four, asked: set[str]) -> Row:
    """A word of the four that is not yet `asked`, if there is one; it joins them."""
    pairs = [(entry.common[0], entry) for entry in four if entry.common]
    word, entry = min(pairs, key=lambda pair: (pair[0] in asked, digest(pair[1].id)))
    asked.add(word)
    return _row(word, entry, four)


def _all_of(fours: list[_Four], asked: set[str]) -> Iterator[Row]:
    """Every word but those `asked`: first the common, then the rare, each shuffled."""
    members = [(entry, four) for four in fours for entry in four]
    common = [_row(word, *member) for member in members for word in member[0].common if word not in asked]
    rare = [_row(word, *member) for member in members for word in member[0].rare if word not in asked]
    for rows in (common, rare):
        yield from sorted(rows, key=lambda row: digest("order", row["id"]))


def _row(word: str, entry: _Entry, four: _Four) -> Row:
    wrong = [other.gloss for other in four if other is not entry]
    key = f"{entry.id}-{word.replace(' ', '_')}"
    choices, label = deal(key, entry.gloss, wrong)
    text = f"{word} ({_PARTS[entry.part]})"
    return {"id": key, "source": entry.id, "text": text, "choices": choices, "label": label}


def _fours(entries: list[_Entry]) -> list[_Four]:
    """Fours of one part of speech, dealt by hash. A four without a word to ask is of no use."""
    fours = _gather(entries, lambda entry: f"{entry.part}/{digest(entry.id)[:_BUCKET_DIGITS]}")
    return [four for four in fours if any(entry.common or entry.rare for entry in four)]


def _gather(entries: list[_Entry], relative: Callable[[_Entry], str]) -> list[_Four]:
    families: dict[str, list[_Entry]] = defaultdict(list)
    # Those with a word come first, so that few fours are filled up with mere distractors.
    for entry in sorted(entries, key=lambda entry: (not entry.common, not entry.rare, digest(entry.id))):
        families[relative(entry)].append(entry)
    fours: list[_Four] = []
    for family in families.values():
        left = family
        while len(four := _compatible(left)) == _CHOICES:
            fours.append(four)
            left = [entry for entry in left if entry not in four]
    return fours


def _compatible(family: list[_Entry]) -> _Four:
    """The first members, up to four, of which none could pass for another."""
    four: list[_Entry] = []
    for entry in family:
        if len(four) < _CHOICES and all(_distinct(entry, other) for other in four):
            four.append(entry)
    return tuple(four)


def _distinct(a: _Entry, b: _Entry) -> bool:
    if a.synonyms & b.synonyms or a.named & b.described or b.named & a.described:
        return False
    return len(a.described & b.described) <= _MAX_OVERLAP * min(len(a.described), len(b.described))


def _entries(synsets: list[_Synset]) -> list[_Entry]:
    uses = Counter(word for synset in synsets for word in set(_LETTERS.findall(synset.gloss.lower())))
    seen: set[str] = set()
    entries = []
    for synset in synsets:
        gloss = _clean(synset.gloss)
        if gloss not in seen and _fit(synset, gloss):
            seen.add(gloss)
            entries.append(_entry(synset, gloss, uses))
    return entries


def _entry(synset: _Synset, gloss: str, uses: Counter[str]) -> _Entry:
    named, described = _stems(" ".join(synset.words)), _stems(gloss)
    # A gloss that mentions one of its own words answers by spelling alone: it serves as a distractor only.
    words = [] if named & described else [word for word in synset.words[:_MAX_WORDS] if _WORD.fullmatch(word)]
    common = tuple(word for word in words if all(uses[part] >= _MIN_USES for part in word.split()))
    rare = tuple(word for word in words if word not in common)
    return _Entry(synset.id, synset.part, common, rare, frozenset(synset.words), named, gloss, described)


def _clean(gloss: str) -> str:
    """Without the bracket in front: a label of the domain or a note on grammar."""
    return _BRACKET.sub("", gloss).strip(" .,;")


def _fit(synset: _Synset, gloss: str) -> bool:
    named = any(word != word.lower() for word in synset.words)
    text = " ".join((*synset.words, synset.gloss))
    return not (named or len(gloss) not in _GLOSS_LENGTH or _ODD_GLOSS.search(gloss) or _UNFIT.search(text))


def _stems(text: str) -> frozenset[str]:
    """The first four letters of each word (without a plural's s), little words left out: enough to see kinship."""
    words = frozenset(_LETTERS.findall(text.lower())) - _LITTLE
    return frozenset(word.rstrip("s")[:4] for word in words)


def _read() -> list[_Synset]:
    """Nouns and verbs that are neither instances (Paris) nor marked for usage (slang, archaism, slur)."""
    path = Path(str(metadata.distribution("nlptoolkit-wordnet").locate_file(_FILE)))
    synsets = []
    for _, element in ElementTree.iterparse(path):  # noqa: S314 - a file of an installed package
        if element.tag != "SYNSET":
            continue
        kinds = {relation.findtext("TYPE") for relation in element.iter("SR")}
        part = element.findtext("POS", "")
        if part in _PARTS and not kinds & {"INSTANCE_HYPERNYM", "DOMAIN_USAGE"}:
            words = tuple(literal.text or "" for literal in element.iter("LITERAL"))
            synsets.append(_Synset(element.findtext("ID", ""), part, words, element.findtext("DEF", "")))
        element.clear()
    return synsets
