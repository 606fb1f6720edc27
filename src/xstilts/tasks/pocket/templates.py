"""Sentence templates of `home-assistant-intents`, parsed with `hassil` and walked at random with a seed.

A *skeleton* is one path through a template with its slots still open: `turn on the lights in the {area}`. The
grammars are written to recognise, not to generate, so they over-generate. Three things keep what reads well: a
walk favours first alternatives and rarely takes optional parts; the word list of a language rewrites the
expansion rules that produce most of the noise, repairs agreement (articles, number) by substitution, and names
patterns that no skeleton may match.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import regex
import yaml

from xstilts.errors import MissingPackage

SLOT = regex.compile(r"\{(\w+)\}")
"""An open slot of a skeleton, by the kind of value that fills it."""

WALKS = 100  # per template; more finds little that is new
_OPTIONAL = 0.4  # how often an optional part is spoken
_DECAY = 0.5  # how likely an alternative is, relative to the one before it
_REORDER = 0.25  # how often the parts of a permutation leave the order in which they are written

_SPACE = regex.compile(r"\s+")
_BEFORE_MARK = regex.compile(r" (?=[,.?!،؟。？，])")
_TWICE = r"\b(?P<word>\p{L}+) (?P=word)\b"

_KINDS = {
    "area": "area",
    "timer_name": "timer",
    "timer_minutes": "minutes",
    "timer_hours": "hours",
    "temperature": "temperature",
    "brightness": "brightness",
    "color": "color",
}
_NAMES = {"light": "light", "media_player": "player", "cover": "cover", "weather": "city"}


@dataclass(frozen=True)
class Template:
    """One sentence template: its intent, the slots it combines, the domain of its devices, its text."""

    intent: str
    combination: str
    domain: str
    text: str


@dataclass(frozen=True)
class Words:
    """What we say about a language: see `words/en.yaml` for the keys.

    `rules` replace expansion rules, `repair` are substitutions in skeletons, `reject` is what no repaired skeleton
    may match, `values` are by split and kind.
    """

    grammar: str
    rules: dict[str, str]
    repair: tuple[tuple[regex.Pattern[str], str], ...]
    reject: regex.Pattern[str]
    values: dict[str, dict[str, list[str]]]


@cache
def words(language: str) -> Words:
    """The word list of a language, from the package's own `words` folder."""
    text = Path(__file__).with_name("words").joinpath(f"{language}.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    steps = [line.partition(" => ") for line in _lines(content.get("repair", ""))]
    repair = tuple((regex.compile(pattern), new) for pattern, _, new in steps)
    reject = regex.compile("|".join(f"(?:{pattern})" for pattern in (_TWICE, *_lines(content["reject"]))))
    values = {split: content.get(split, {}) for split in ("train", "test")}
    return Words(content["grammar"], content.get("rules", {}), repair, reject, values)


@cache
def skeletons(language: str, wanted: frozenset[tuple[str, str]]) -> dict[Template, tuple[str, ...]]:
    """The skeletons of every template of a language whose (intent, combination) is wanted.

    A combination is named with the domain of its devices: `name_only.light`. Left out are templates of which no
    skeleton survives, and skeletons that two intents share (`stop the timer` may cancel or pause it).

    Raises:
        MissingPackage: `home-assistant-intents` or `hassil` is not installed.

    Example:
        >>> found = skeletons("en", frozenset({("GetCurrentTime", "default")}))
        >>> "what time is it" in [text for texts in found.values() for text in texts]
        True
    """
    said = words(language)
    content = _grammar(said.grammar)
    parse = _hassil("parse_expression").parse_sentence
    rules = {name: parse(text).expression for name, text in (content["expansion_rules"] | said.rules).items()}
    found = {}
    for template in _templates(content["intents"]):
        if (template.intent, template.combination) in wanted:
            paths = dict.fromkeys(_paths(template, parse(template.text).expression, rules, language))
            texts = dict.fromkeys(_repaired(path, said) for path in paths)
            kept = tuple(text for text in texts if not said.reject.search(text))
            if kept:
                found[template] = kept
    return _unambiguous(found)


def _unambiguous(found: dict[Template, tuple[str, ...]]) -> dict[Template, tuple[str, ...]]:
    intents: dict[str, set[str]] = {}
    for template, texts in found.items():
        for text in texts:
            intents.setdefault(text.casefold(), set()).add(template.intent)
    clear = {
        template: tuple(text for text in texts if len(intents[text.casefold()]) == 1)
        for template, texts in found.items()
    }
    return {template: texts for template, texts in clear.items() if texts}


def _lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line and not line.startswith("# ")]


def _hassil(module: str) -> Any:
    try:
        return import_module(f"hassil.{module}")
    except ModuleNotFoundError:
        raise MissingPackage("pocket/intents", "hassil", "pocket") from None


def _grammar(code: str) -> Any:
    """The JSON of one language (`en`, `zh-CN`)."""
    try:
        folder = resources.files("home_assistant_intents")
    except ModuleNotFoundError:
        raise MissingPackage("pocket/intents", "home-assistant-intents", "pocket") from None
    return json.loads(folder.joinpath("data", f"{code}.json").read_text("utf-8"))


def _templates(intents: dict[str, Any]) -> Iterator[Template]:
    """Every template once: a text that stands twice under one intent is the same template."""
    seen = set()
    for intent, body in sorted(intents.items()):
        for block in body["data"]:
            domain = (
                block.get("slots", {}).get("domain") or block.get("requires_context", {}).get("domain") or ""
            )
            domain = domain if isinstance(domain, str) else domain[0]
            combination = block.get("metadata", {}).get("slot_combination", "default")
            name = f"{combination}.{domain}" if domain else combination
            for text in block["sentences"]:
                if (intent, text) not in seen:
                    seen.add((intent, text))
                    yield Template(intent.removeprefix("Hass"), name, domain, text)


def _paths(template: Template, root: Any, rules: dict[str, Any], language: str) -> list[str]:
    """Distinct seeded walks through a template whose slots we have values for, in the order found."""
    seed = sha256(f"{language}\0{template.intent}\0{template.text}".encode()).digest()
    rng = random.Random(seed)  # noqa: S311 (sampling, not secrets)
    walker = _Walker(_hassil("expression"), rules, rng, _NAMES.get(template.domain, "?"))
    walks = dict.fromkeys(walker.walk(root) for _ in range(WALKS))
    return [_tidy(text) for text in walks if "{?}" not in text]


def _repaired(text: str, said: Words) -> str:
    for pattern, new in said.repair:
        text = pattern.sub(new, text)
    return _tidy(text)


@dataclass(frozen=True)
class _Walker:
    """Says one random path below a node of a parsed template, slots open."""

    nodes: Any
    rules: dict[str, Any]
    rng: random.Random
    name: str

    def walk(self, node: Any) -> str:
        if isinstance(node, self.nodes.TextChunk):
            return str(node.original_text)
        if isinstance(node, self.nodes.ListReference):
            kind = self.name if node.list_name == "name" else _KINDS.get(node.list_name, "?")
            return f"{{{kind}}}"
        if isinstance(node, self.nodes.RuleReference):
            return self.walk(self.rules[node.rule_name])
        if isinstance(node, self.nodes.Alternative):
            return self.walk(self._choose(node))
        return "".join(self.walk(item) for item in self._order(node))

    def _choose(self, node: Any) -> Any:
        """One alternative; the last one of an optional part is silence."""
        items = node.items
        if node.is_optional:
            if self.rng.random() >= _OPTIONAL:
                return items[-1]
            items = items[:-1]
        return self.rng.choices(items, [_DECAY**i for i in range(len(items))])[0]

    def _order(self, node: Any) -> list[Any]:
        items = list(node.items)
        if isinstance(node, self.nodes.Permutation) and self.rng.random() < _REORDER:
            self.rng.shuffle(items)
        return items


def _tidy(text: str) -> str:
    """One space between words, none before a closing mark, none at the ends."""
    return _BEFORE_MARK.sub("", _SPACE.sub(" ", text).strip())
