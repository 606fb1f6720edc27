"""The settings in which languages are tested: zero-shot, after a few examples of theirs, or on translated texts."""

from __future__ import annotations

import re

from xstilts.errors import UnknownName
from xstilts.tasks.base import FEW_SHOT, TRANSLATED, ZERO_SHOT

_FEW = re.compile(rf"{FEW_SHOT}[1-9][0-9]*")


def shots_of(setting: str) -> int | None:
    """K of `few-shot@K`; None of other settings.

    Example:
        >>> shots_of("few-shot@10"), shots_of("zero-shot")
        (10, None)
    """
    return int(setting.removeprefix(FEW_SHOT)) if _FEW.fullmatch(setting) else None


def check_settings(settings: tuple[str, ...]) -> tuple[str, ...]:
    """The settings of a recipe, if each is known, none is there twice, and zero-shot is among them.

    Raises:
        ValueError: that is not so.
    """
    for setting in settings:
        if setting not in (ZERO_SHOT, TRANSLATED) and shots_of(setting) is None:
            known = (ZERO_SHOT, f"{FEW_SHOT}10", TRANSLATED)
            raise ValueError(str(UnknownName("setting", setting, known)))
    if len(set(settings)) != len(settings):
        raise ValueError(f"{list(settings)} holds a value twice")
    if ZERO_SHOT not in settings:
        raise ValueError(f"{ZERO_SHOT} is missing, which verdicts are about. Add it: [{ZERO_SHOT}, …]")
    return settings
