"""What a perturbation is: a name, a severity table, and a function from grapheme clusters to edits.

An edit replaces clusters one for one: as many pieces as clusters, where a piece may be empty (dropped) or
long (inserted after). So the place of every original cluster in the new text is a running sum of lengths,
whatever was done, and spans can always be moved along.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Literal, Protocol

import regex

from xstilts import languages
from xstilts.perturbations.graphemes import split

SEVERITIES = (1, 2, 3, 4, 5)
DEFAULT_SEVERITY = 3

Edit = tuple[int, tuple[str, ...]]
"""Index of the first cluster that is replaced, and the pieces that stand in for it and its successors."""

Perturb = Callable[[Sequence[str], str, float, Random], Iterator[Edit]]
"""`(clusters, language, rate, random stream)` → edits in order, none overlapping another."""

Kind = Literal["characters", "words", "content"]
"""What a perturbation changes: letters and marks, whole words, or what a passage says."""

Span = tuple[int, int]
"""Part of a sequence: where it begins, and where it has ended."""

_UNSPACED = frozenset({"Hans", "Hant", "Hani", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})

_PLAIN = regex.compile(
    r"[ -~\u00a0-\u00ac\u00ae-\u024f\u0370-\u0373\u0376\u0377\u037a-\u037d\u0384-\u0386\u0388-\u0482\u048a-\u052f"
    r"\u05d0-\u05ea\u0620-\u064a\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\u3000]*"
)
"""Letters, digits and marks each of which is a cluster and normal (NFC), whatever stands beside it."""

script = lru_cache(maxsize=None)(languages.script)


def unspaced(language: str) -> bool:
    """Whether the language is written without spaces between words."""
    return script(language) in _UNSPACED


class Data(Protocol):
    """What a perturbation draws on beside the text, such as a lexicon."""

    @property
    def fingerprint(self) -> str:
        """A hash of the contents."""
        ...

    def perturb(self, clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
        """The edits, as `Perturb` gives them."""
        ...


@dataclass(frozen=True)
class Perturbation:
    """One kind of noise, graded from 1 to 5.

    `rates[severity - 1]` is the expected share of `unit` that is changed. `scripts` are the scripts (ISO
    15924) it acts on, and `languages` those that have a rule for it, empty for all; languages `without` have nothing
    for it to change. In any other language it is the identity, so that the cells can be left out (`acts_on`).
    `on_tokens` says whether it
    acts on tokenised text, where the number of tokens must stay. `source` says where the definition comes
    from. `version` is raised whenever the same input would come out otherwise.

    `kind`: perturbations of words and of content leave named spans (answers) as they are; those of content
    act only on the tasks of `task_types`, on the column `role`, and are reported apart from other noise. One `in_step`
    changes all texts of an item by one rule, answers among them. `answers` lists the labels of the tasks that it acts
    on and what becomes of the label of an item whose text has changed; empty where every label stays.
    `data(language, folder)` finds what the perturbation draws on, None where there is nothing; `folder` is
    that of the user's data. Without it the perturbation needs none.
    """

    name: str
    summary: str
    fn: Perturb
    rates: tuple[float, float, float, float, float]
    unit: str
    source: str
    scripts: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    on_tokens: bool = True
    modality: str = "text"
    kind: Kind = "characters"
    version: int = 1
    role: str = ""
    task_types: frozenset[str] = frozenset()
    in_step: bool = False
    answers: tuple[tuple[str, str], ...] = ()
    data: Callable[[str, Path | None], Data | None] | None = None

    def acts_on(self, language: str, folder: Path | None = None) -> bool:
        """Whether text of this language (BCP-47) can change at all.

        Example:
            >>> from xstilts.perturbations import PERTURBATIONS
            >>> [PERTURBATIONS["casing"].acts_on(language) for language in ("de", "ru", "zh")]
            [True, True, False]
        """
        if not self.has_rule(language) or not self.acts_on_script(language):
            return False
        return self.data is None or self.data(language, folder) is not None

    def has_rule(self, language: str) -> bool:
        """Whether the perturbation needs no rule of a language's own, or one is written for it."""
        base = language.partition("-")[0]
        return not self.languages or (base in self.languages and script(language) == script(base))

    def is_for(self, task_type: str, labels: Collection[str] = ()) -> bool:
        """Whether the label of an item stays, or changes as `answers` says, in tasks of a type with these labels."""
        return self.is_for_type(task_type) and (
            not self.answers or set(labels) == {label for label, _ in self.answers}
        )

    def is_for_type(self, task_type: str) -> bool:
        """The same without regard to labels."""
        return not self.task_types or task_type in self.task_types

    def lack(self, language: str) -> str:
        """Why text of a language cannot change, where it cannot; the language's name is to follow."""
        if not self.has_rule(language):
            return "has no rule for"
        if language.partition("-")[0] in self.without:
            return "has nothing to change in"
        return "has no lexicon for" if self.acts_on_script(language) else "does not act on the script of"

    @property
    def keeps_spans(self) -> bool:
        """Whether named spans, such as answers, stay as they are."""
        return self.kind != "characters" and not self.in_step

    def acts_on_script(self, language: str) -> bool:
        """Whether the way in which a language is written leaves anything to change."""
        if language.partition("-")[0] in self.without:
            return False
        return not self.scripts or script(language) in self.scripts

    @property
    def shares(self) -> str:
        """What is changed at each severity, in words.

        Example:
            >>> from xstilts.perturbations import PERTURBATIONS
            >>> PERTURBATIONS["typos"].shares
            '1, 3, 6, 10, 15% of letters'
        """
        return f"{', '.join(f'{100 * rate:g}' for rate in self.rates)}% of {self.unit}"

    @property
    def scope(self) -> str:
        """Tasks, column and languages to which the perturbation is confined; empty where to none.

        Example:
            >>> from xstilts.perturbations import PERTURBATIONS
            >>> PERTURBATIONS["omission"].scope
            'span-qa tasks; on context'
        """
        labels = ", ".join(label for label, _ in self.answers)
        parts = (
            f"{', '.join(sorted(self.task_types))} tasks" if self.task_types else "",
            f"on {self.role}" if self.role else "",
            f"in {', '.join(sorted(self.languages))}" if self.languages else "",
        )
        with_labels = f"{parts[0]} with the labels {labels}" if labels else parts[0]
        return "; ".join(filter(None, (with_labels, *parts[1:])))

    def rate(self, severity: int) -> float:
        """Expected share of `unit` that is changed at a severity from 1 to 5."""
        return self.rates[severity - 1]

    def function(self, language: str, folder: Path | None = None) -> Perturb:
        """What makes the edits for a language, bound to the data that it draws on."""
        data = self.data(language, folder) if self.data else None
        return data.perturb if data else self.fn


def stream(item_key: str, perturbation: str, severity: int) -> Random:
    """The random stream of one item: the same in every run, for every training seed and every arm.

    Use only `Random.random()` of it: that sequence is the one that Python promises never to change.
    """
    key = "\x1f".join((item_key, perturbation, str(severity)))
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311 - noise, not a secret


def pick(options: Sequence[str], rng: Random) -> str:
    """One of the options, each as likely as another."""
    return options[int(rng.random() * len(options))]


def apply_edits(clusters: Sequence[str], edits: Iterable[Edit]) -> list[str]:
    """The pieces that stand in for the clusters, one for one.

    An edit is left out where its pieces would melt into a cluster with their neighbours (a conjunct, a
    flag) or would no longer be NFC although the text was.
    """
    pieces = list(clusters)
    for start, new in edits:
        stop = start + len(new)
        before = start - 1
        while before > 0 and not pieces[before]:
            before -= 1
        left = pieces[before] if before >= 0 else ""
        right = pieces[stop] if stop < len(pieces) else ""
        if _fits(left, "".join(pieces[start:stop]), "".join(new), right):
            pieces[start:stop] = new
    return pieces


@lru_cache(maxsize=2**16)  # the same letters meet again and again
def _fits(left: str, old: str, new: str, right: str) -> bool:
    after = left + new + right
    if after.isascii() or _PLAIN.fullmatch(after):
        return True
    if len(split(after)) != len(split(left)) + len(split(new)) + len(split(right)):
        return False
    return unicodedata.is_normalized("NFC", after) or not unicodedata.is_normalized("NFC", left + old + right)
