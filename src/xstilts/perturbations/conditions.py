"""Conditions: `clean`, or `perturbation[:role]@severity`, as recipes and result tables spell them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xstilts.errors import UnknownName, UserError
from xstilts.perturbations.base import DEFAULT_SEVERITY, SEVERITIES, Perturbation
from xstilts.perturbations.text import TEXT

PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType({each.name: each for each in TEXT})
"""All perturbations by name, in the order in which they are listed."""

_GRAMMAR = re.compile(r"(?P<name>[^:@]+)(:(?P<role>[a-z][a-z0-9_-]*))?(@(?P<severity>[^:@]+))?")
_SHAPE = (
    "Expected clean, or a perturbation with role and severity where wanted: typos, typos@2, ocr:context@3"
)


@dataclass(frozen=True)
class Condition:
    """What is done to the test input of a cell.

    `role` names the column that is perturbed where a task has several, empty for the task type's default.
    `severity` is 1 to 5, and 0 for `clean`.

    Raises:
        UnknownName: no perturbation has this name.
        UserError: the severity is not 1 to 5, or `clean` was given a role or a severity.

    Example:
        >>> [str(Condition.parse(text)) for text in ("clean", "casing", "ocr:context@4")]
        ['clean', 'casing@3', 'ocr:context@4']
    """

    name: str
    role: str = ""
    severity: int = DEFAULT_SEVERITY

    def __post_init__(self) -> None:
        if self.name == "clean":
            self._check(not self.role and self.severity == 0, "clean takes neither role nor severity")
        elif self.name not in PERTURBATIONS:
            raise UnknownName(
                "perturbation", self.name, ["clean", *PERTURBATIONS], "xstilts ls perturbations"
            )
        else:
            self._check(
                self.severity in SEVERITIES, f"severity is a whole number from 1 to 5, not {self.severity!r}"
            )

    def _check(self, fits: bool, message: str) -> None:
        if not fits:
            raise UserError(f"condition {self.name!r}: {message}. {_SHAPE}")

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that a text spells; no severity means 3."""
        if text.strip() == "clean":
            return CLEAN
        found = _GRAMMAR.fullmatch(text.strip())
        if not found:
            raise UserError(f"{text!r} is not a condition. {_SHAPE}")
        severity = found["severity"] or str(DEFAULT_SEVERITY)
        if not re.fullmatch("[0-9]", severity):
            raise UserError(f"{text!r}: severity is a whole number from 1 to 5, not {severity!r}. {_SHAPE}")
        return cls(found["name"], found["role"] or "", int(severity))

    @property
    def is_clean(self) -> bool:
        """Whether nothing is done."""
        return self.name == "clean"

    def acts_on(self, language: str) -> bool:
        """Whether text of a language (BCP-47) can differ from clean; where not, the cell can be left out."""
        return not self.is_clean and PERTURBATIONS[self.name].acts_on(language)

    def __str__(self) -> str:
        role = f":{self.role}" if self.role else ""
        return "clean" if self.is_clean else f"{self.name}{role}@{self.severity}"


CLEAN = Condition("clean", severity=0)
"""The test input as it is."""
