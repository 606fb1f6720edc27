"""One tree of exceptions.

Every message says what was given, what was expected, and what to type next. `UserError` and its children are
printed without a traceback and end the process with exit code 2; anything else is a fault of ours (exit code 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class XstiltsError(Exception):
    """Root of everything xstilts raises on purpose."""

    exit_code = 1


class UserError(XstiltsError):
    """The user's input was wrong: a recipe, a file, an option."""

    exit_code = 2


class Interrupted(XstiltsError):
    """The user stopped a command; what was complete is kept."""

    exit_code = 130


class RecipeError(UserError):
    """A recipe says something that cannot be done."""


class DataError(UserError):
    """A data file is missing, unreadable, or holds rows that do not fit the task."""


class EncoderError(UserError):
    """An encoder cannot be found or its files are not what they should be."""


class UnknownName(UserError):
    """A name that nothing is registered under.

    Example:
        >>> str(UnknownName("task", "pocket/intent", ["pocket/intents"], "xstilts ls tasks"))
        "unknown task 'pocket/intent'. Did you mean 'pocket/intents'? See all: xstilts ls tasks"
    """

    def __init__(self, kind: str, given: str, known: Iterable[str], command: str = "") -> None:
        known = sorted(known)
        close = get_close_matches(given, known, n=1, cutoff=0.5)
        message = f"unknown {kind} {given!r}."
        if close:
            message += f" Did you mean {close[0]!r}?"
        elif known and len(known) <= 12:
            message += f" Known: {', '.join(known)}."
        super().__init__(message + (f" See all: {command}" if command else ""))


class MissingPackage(UserError):
    """An optional package is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package!r}. "
            f"Install it: pip install 'xstilts[{extra}]', or from a clone: pip install '.[{extra}]'"
        )


class StoreError(XstiltsError):
    """An artifact of the store does not match its manifest."""
