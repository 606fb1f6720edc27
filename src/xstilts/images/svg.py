"""Which SVG drawings are drawn: those that need nothing but themselves and cannot take all memory.

Refused: scripts and event handlers, references to anything but the drawing's own parts, embedded images, documents in
documents, own entities, and tiles (`pattern`), whose size nothing bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

_REFUSED = {
    **dict.fromkeys(("script", "handler", "listener"), "runs a script"),
    **dict.fromkeys(
        ("foreignobject", "iframe", "object", "embed", "audio", "video"), "holds another document"
    ),
    **dict.fromkeys(("image", "feimage"), "embeds an image"),
    "pattern": "is a tile whose size nothing bounds",
}
_ADDRESS = re.compile(r"url\(\s*+['\"]?+\s*+(?!#)", re.IGNORECASE)
_LENGTH = re.compile(r"\s*(\d*\.?\d+(?:e[-+]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex)?\s*", re.IGNORECASE)
_ASPECT = 100
"""How many times longer than the other a drawing's longer side may be."""
_DEPTH = 200
"""Elements within elements: drawing them takes stack."""


class BadSvgError(Exception):
    """A drawing that is not drawn; the message says why."""


@dataclass(frozen=True)
class Drawing:
    """A checked drawing: its text, its width over its height, and whether it holds text."""

    text: str
    aspect: float
    has_text: bool = False

    def pixels(self, side: int) -> tuple[int, int]:
        """Width and height where the longer side has `side` pixels.

        Example:
            >>> Drawing("<svg/>", aspect=0.5).pixels(64)
            (32, 64)
        """
        width, height = min(1.0, self.aspect), min(1.0, 1 / self.aspect)
        return max(1, round(side * width)), max(1, round(side * height))


def looks_like_svg(path: Path, start: bytes) -> bool:
    """Whether a file is to be read as SVG: by its suffix, or by its first bytes."""
    return (
        path.suffix.lower() == ".svg"
        or b"<svg" in start.lower()
        or start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<?xml")
    )


def checked_svg(data: bytes) -> Drawing:
    """The drawing in some bytes.

    Raises:
        BadSvgError: it is no SVG, or refers to what is not in it.

    Example:
        >>> checked_svg(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"/>').aspect
        2.0
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSvgError("is no SVG in UTF-8. Save it uncompressed, as UTF-8") from None
    check = _Check()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = check.element
    parser.EndElementHandler = check.end
    parser.CharacterDataHandler = check.css.append
    parser.EntityDeclHandler = check.entity
    parser.ProcessingInstructionHandler = check.instruction
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BadSvgError(f"is no well-formed SVG ({error})") from None
    return Drawing(text, check.aspect, check.has_text)


@dataclass
class _Check:
    """What a parser tells of a drawing, looked at piece by piece; `css` is the text since the last tag."""

    aspect: float = 0.0
    has_text: bool = False
    path: list[str] = field(default_factory=list)
    css: list[str] = field(default_factory=list)

    def element(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2].lower()
        if not self.path:
            self.root(local, attributes)
        if len(self.path) > _DEPTH:
            refuse(f"<{local}>", f"is the {_DEPTH}th element within another")
        self.css.clear()
        if local in _REFUSED:
            refuse(f"<{local}>", _REFUSED[local])
        self.has_text |= local == "text"
        self.path.append(local)
        for key, value in attributes.items():
            self.attribute(local, key.rpartition(" ")[2].lower(), value)

    def root(self, local: str, attributes: Mapping[str, str]) -> None:
        if local != "svg":
            raise BadSvgError(f"is no SVG: it begins with <{local}>")
        self.aspect = _aspect(attributes)

    def attribute(self, element: str, name: str, value: str) -> None:
        if name.startswith("on"):
            refuse(name, "runs a script")
        if name in {"href", "src"} and element != "a" and not value.strip().startswith("#"):
            refuse(f'{name}="{value[:60]}"', "refers to something outside of it")
        self.style(value, name)

    def style(self, text: str, place: str) -> None:
        # a backslash can spell any letter of CSS in another way
        if (
            _ADDRESS.search(text)
            or "@import" in text.lower()
            or (place in {"style", "<style>"} and "\\" in text)
        ):
            refuse(f"{place}: {text.strip()[:60]}", "refers to something outside of it")

    def end(self, name: str) -> None:
        if self.path.pop() == "style":
            self.style("".join(self.css), "<style>")
        self.css.clear()

    def entity(self, name: str, *rest: object) -> None:
        refuse(f"<!ENTITY {name}>", "is an entity of its own")

    def instruction(self, target: str, data: str) -> None:
        refuse(f"<?{target}?>", "refers to something outside of it")


def refuse(place: str, why: str) -> NoReturn:
    """Raise the error of a part that is not drawn."""
    raise BadSvgError(
        f"{place} {why}, so that the drawing is refused. Export it as plain SVG or as PNG, without such parts"
    )


def _aspect(attributes: Mapping[str, str]) -> float:
    """Width over height, of `width` and `height`, else of `viewBox`, else 1."""
    box = [_number(part) for part in re.split(r"[\s,]+", attributes.get("viewBox", "").strip())]
    sizes = [_number(attributes.get(name, "")) for name in ("width", "height")]
    width, height = sizes if all(sizes) else box[2:4] if len(box) == 4 else (1.0, 1.0)
    if not (width > 0 and height > 0) or not 1 / _ASPECT <= width / height <= _ASPECT:
        raise BadSvgError(f"is {width:g} wide and {height:g} high. Expected sides of at most {_ASPECT} to 1")
    return width / height


def _number(text: str) -> float:
    """A length as a number, its unit aside; 0 if it is none, such as `100%`."""
    found = _LENGTH.fullmatch(text)
    value = float(found[1]) if found else 0.0
    return value if math.isfinite(value) else 0.0
