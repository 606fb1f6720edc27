"""Text that others wrote, with characters that cannot be seen, or that move what stands beside them, made visible."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u00ad\u061c\u180e\u200b\u200e\u200f"  # soft hyphen, marks of direction, widths of zero
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # separators, overrides and isolates of direction, joins
    "\ud800-\udfff]"  # halves of surrogate pairs, which no encoding can write
)
"""The joiners U+200C and U+200D stay: scripts and emoji need them, and they move nothing."""


def visible(text: str, mark: Callable[[str], str] = "⟨{}⟩".format) -> str:
    r"""The text with each hidden character as its code point.

    Args:
        text: any text.
        mark: puts a code point's name, such as `U+202E`, into the text.

    Example:
        >>> visible("abc\u202edef\x00"), visible("one\ntwo")
        ('abc⟨U+202E⟩def⟨U+0000⟩', 'one\ntwo')
    """
    return _HIDDEN.sub(lambda found: mark(f"U+{ord(found.group()):04X}"), text)


def finalize(value: Any) -> Any:
    """What a template prints: text is made visible first, markup of the templates' own stays as it is."""
    return visible(value) if type(value) is str else value


def cut(text: str, length: int) -> str:
    """The text, or its beginning where it is long, without spaces in a row.

    Example:
        >>> cut("one  two three", 9)
        'one two…'
    """
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
