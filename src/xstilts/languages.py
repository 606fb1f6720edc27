"""Languages: users type what they know (`zh`, `deu`); inside, tags are normalised BCP-47 (`zh`, `sr-Latn`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import cache

import langcodes
from langcodes.language_lists import CLDR_LANGUAGES

from xstilts.errors import RecipeError, UserError

_LONGEST_CODE = 3
_HANT_TERRITORIES = {"TW", "HK", "MO"}


@cache
def normalise(code: str) -> str:
    """The BCP-47 tag that xstilts uses for a language code.

    The script is kept only where it is not the language's usual one, so that `zh`, `zh-Hans` and `cmn` are one
    language and `zh-Hant` another.

    Raises:
        UserError: not a language code, or not a language.

    Example:
        >>> [normalise(code) for code in ("deu", "zh_CN", "zh-TW", "sr-Latn", "pt-BR", "cmn")]
        ['de', 'zh', 'zh-Hant', 'sr-Latn', 'pt-BR', 'zh']
    """
    expected = "Expected a BCP-47 or ISO 639 code, such as en, deu, zh-Hant"
    try:
        language = langcodes.get(code, normalize=True)
    except ValueError:  # langcodes' LanguageTagError is one
        raise UserError(f"{code!r} is not a language code. {_suggestion(code)}{expected}") from None
    if not language.is_valid():
        raise UserError(f"{code!r} is not a known language. {_suggestion(code)}{expected}")
    if language.language in {"zh", "cmn"}:
        traditional = language.script == "Hant" or language.territory in _HANT_TERRITORIES
        return "zh-Hant" if traditional else "zh"
    return str(language.prefer_macrolanguage().simplify_script().to_tag())


def _suggestion(name: str) -> str:
    """What a name that is no code may mean: a language by that name, or by one that is spelt much like it."""
    names = {display_name(code).lower(): code for code in CLDR_LANGUAGES}
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.75)
    try:
        found = str(langcodes.find(name)) if len(name) > _LONGEST_CODE else ""
    except LookupError:
        found = names[close[0]] if close else ""
    return f"Did you mean {found!r} ({display_name(found)})? " if found else ""


def check_tested(wanted: Iterable[str], there: Collection[str]) -> None:
    """Raise a `RecipeError` unless all languages that a recipe names have test data in some target.

    English may always be named: in retrieval it is the other side, and no language that is tested.
    """
    absent = [code for code in wanted if normalise(code) not in {*there, "en"}]
    if absent:
        close = get_close_matches(absent[0], sorted(there), n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise RecipeError(
            f"languages: no target has test data in {', '.join(map(repr, absent))}.{hint} "
            f"It is there for {', '.join(sorted(there))}"
        )


def script(code: str) -> str:
    """ISO 15924 script of a language tag: `Latn` for `de`, `Hans` for `zh`."""
    return str(langcodes.get(code).maximize().script or "Zyyy")


def script_name(code: str) -> str:
    """English name of a language's script: `Latin` for `de`, `Simplified Han` for `zh`."""
    name = str(langcodes.get(code).maximize().script_name())
    return f"{name} Han" if name in ("Simplified", "Traditional") else name


def display_name(code: str) -> str:
    """English name of a language: `German` for `de`."""
    return str(langcodes.get(code).display_name())
