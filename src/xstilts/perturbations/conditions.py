"""Conditions: `clean`, or `perturbation[:role]@severity`, as recipes and result tables spell them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xstilts.errors import RecipeError, UnknownName, UserError
from xstilts.perturbations.base import DEFAULT_SEVERITY, SEVERITIES, Perturbation
from xstilts.perturbations.content import CONTENT
from xstilts.perturbations.forms import FORMS
from xstilts.perturbations.image import IMAGES, ImagePerturbation
from xstilts.perturbations.text import TEXT
from xstilts.perturbations.words import WORDS

PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType(
    {each.name: each for each in (*TEXT, *FORMS, *WORDS, *CONTENT)}
)
"""All perturbations of text by name, in the order in which they are listed."""

EVERY: Mapping[str, Perturbation | ImagePerturbation] = MappingProxyType({**PERTURBATIONS, **IMAGES})
"""Those of text, and after them those of images."""

_GRAMMAR = re.compile(r"(?P<name>[^:@]+)(:(?P<role>[a-z][a-z0-9_-]*))?(@(?P<severity>[^:@]+))?")
_SHAPE = (
    "Expected clean, or a perturbation with role and severity where wanted: typos, typos@2, ocr:context@3"
)


@dataclass(frozen=True)
class Condition:
    """What is done to the test input of a cell.

    `role` names the column that is perturbed where a task has several, empty for the task type's default; a
    perturbation that acts on one column alone fills it in. `severity` is 1 to 5, and 0 for `clean`. `folder` is
    that of the user's data, where lexicons are looked for; it is no part of the condition's name.

    Raises:
        UnknownName: no perturbation has this name.
        UserError: the severity is not 1 to 5, `clean` was given a role or a severity, or the perturbation does
            not act on the role.

    Example:
        >>> [str(Condition.parse(text)) for text in ("clean", "casing", "ocr:context@4")]
        ['clean', 'casing@3', 'ocr:context@4']
    """

    name: str
    role: str = ""
    severity: int = DEFAULT_SEVERITY
    folder: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.name == "clean":
            self._check(not self.role and self.severity == 0, "clean takes neither role nor severity")
        elif self.name not in EVERY:
            raise UnknownName("perturbation", self.name, ["clean", *EVERY], "xstilts ls perturbations")
        else:
            self._check(
                self.severity in SEVERITIES, f"severity is a whole number from 1 to 5, not {self.severity!r}"
            )
            each = EVERY[self.name]
            self._check(
                not each.in_step or not self.role, "changes all texts of an item in step and takes no role"
            )
            own = each.role
            self._check(not own or self.role in {"", own}, f"acts on {own}, not on {self.role}")
            object.__setattr__(self, "role", own or self.role)

    def _check(self, fits: bool, message: str) -> None:
        if not fits:
            raise UserError(f"condition {self.name!r}: {message}. {_SHAPE}")

    @classmethod
    def parse(cls, text: str, folder: Path | None = None) -> Condition:
        """The condition that a text spells; no severity means 3. `folder` is that of the user's data."""
        if text.strip() == "clean":
            return CLEAN
        found = _GRAMMAR.fullmatch(text.strip())
        if not found:
            raise UserError(f"{text!r} is not a condition. {_SHAPE}")
        severity = found["severity"] or str(DEFAULT_SEVERITY)
        if not re.fullmatch("[0-9]", severity):
            raise UserError(f"{text!r}: severity is a whole number from 1 to 5, not {severity!r}. {_SHAPE}")
        return cls(found["name"], found["role"] or "", int(severity), folder)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is done."""
        return self.name == "clean"

    @property
    def modality(self) -> str:
        """What it acts on: `text`, `image` (pixels) or `features` (an image encoder's vectors); empty for clean."""
        return "" if self.is_clean else EVERY[self.name].modality

    def acts_on(self, language: str) -> bool:
        """Whether text of a language (BCP-47) can differ from clean; where not, the cell can be left out."""
        return not self.is_clean and EVERY[self.name].acts_on(language, self.folder)

    def is_for(self, task_type: str, labels: Collection[str] = ()) -> bool:
        """Whether the right answers of a task of this type, with these labels, are known under the condition."""
        return self.is_clean or EVERY[self.name].is_for(task_type, labels)

    @property
    def in_step(self) -> bool:
        """Whether all texts of an item are changed by one rule, in step."""
        return not self.is_clean and EVERY[self.name].in_step

    def relabelled(self, label: str) -> str:
        """The right label of an item that the condition has changed.

        Example:
            >>> Condition.parse("negation").relabelled("entailment")
            'contradiction'
        """
        return label if self.is_clean else dict(EVERY[self.name].answers).get(label, label)

    def idle(
        self, language: str, task_type: str, on_tokens: bool = False, labels: Collection[str] = ()
    ) -> str:
        """Why the condition changes nothing in the inputs of a task in a language; empty where it does.

        The language's name is to follow. `on_tokens` says whether the task type's input is tokens; `labels` are the
        task's.

        Example:
            >>> Condition.parse("casing").idle("zh", "classification")
            'does not act on the script of'
        """
        if self.is_clean:
            return ""
        each = EVERY[self.name]
        if not each.is_for(task_type, labels):
            known = [label for label, _ in each.answers] if each.is_for_type(task_type) else []
            wanted = f"the labels {', '.join(known)}" if known else ", ".join(sorted(each.task_types))
            return f"is for {wanted} only, and left out in"
        if on_tokens and not each.on_tokens:
            return "leaves tokens as they are, in"
        return "" if self.acts_on(language) else each.lack(language)

    def identity(self, language: str) -> dict[str, Any]:
        """What beside its name decides what the condition does to texts of a language: for the keys of stages.

        Empty for the first version of a perturbation that draws on no data.
        """
        if self.is_clean:
            return {}
        each = EVERY[self.name]
        found = each.data(language, self.folder) if each.data else None
        version = {"perturbation_version": each.version} if each.version > 1 else {}
        return version | ({"perturbation_data": found.fingerprint} if found else {})

    def __str__(self) -> str:
        role = f":{self.role}" if self.role else ""
        return "clean" if self.is_clean else f"{self.name}{role}@{self.severity}"


def distinct_conditions(texts: Sequence[str], folder: Path | None = None) -> list[Condition]:
    """The conditions that a recipe's texts spell; `folder` is that of the user's data.

    Raises:
        RecipeError: two of them are the same condition.
    """
    conditions = [Condition.parse(text, folder) for text in texts]
    names = [str(condition) for condition in conditions]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise RecipeError(
                f"conditions: {texts[names.index(name)]!r} and {texts[place]!r} "
                "are the same condition. Leave one out"
            )
    return conditions


def reported_apart(condition: str) -> bool:
    """Whether a condition, as results name it, is kept out of means over conditions: it changes the content.

    Example:
        >>> [reported_apart(name) for name in ("clean", "typos@2", "omission:context@3")]
        [False, False, True]
    """
    found = _GRAMMAR.fullmatch(condition)
    each = EVERY.get(found["name"]) if found else None
    return each is not None and each.kind == "content"


CLEAN = Condition("clean", severity=0)
"""The test input as it is."""
