"""Where the images of a task are: files below folders, or features of them in one file; and which are missing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, final

from xstilts.errors import DataError
from xstilts.hashing import cached_file_digest, digest, short_hash
from xstilts.images import BadImageError, ImageReader, OnBadItem
from xstilts.images.features import CONVERT, PICKLED, SUFFIXES, FeatureFile
from xstilts.images.reading import locate
from xstilts.tasks.base import SPLITS, VECTORS, ImageSource, Row
from xstilts.tasks.readers import fixed_folder
from xstilts.wording import listed

if TYPE_CHECKING:
    from PIL.Image import Image

ANY_SUFFIX = ".*"
"""What a place may end with where rows name images without their suffix."""

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".svg")
_FORMS: tuple[Literal["NFC", "NFD", "NFKD"], ...] = ("NFC", "NFD", "NFKD")
"""Ways to write a name: those in archives of MaRVL's images differ from those in its annotations."""
_EDGE = 4096  # bytes at the start and at the end of an image that are looked at for its fingerprint


class Rows(Protocol):
    """Whose rows name the images."""

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split."""
        ...

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language."""
        ...


@final
@dataclass(frozen=True)
class TaskImages:
    """The images that a task's rows name, in files below a folder: the `ImageSource` of tasks that come in files.

    `places` are patterns from `base`, tried in order, with `{image}` for the name in a row: `flickr30k/images/{image}`.
    `features` are those of files with features, without their suffix, in which `{language}` may stand; they are used
    where none of the folders is there. `get` says where images come from, for people.
    """

    task: str
    source: Rows
    base: Path | None
    places: tuple[str, ...]
    features: tuple[str, ...] = ()
    on_bad_item: OnBadItem = "stop"
    get: str = ""
    readers: dict[Path, ImageReader] = field(default_factory=dict, compare=False, repr=False)
    known: dict[tuple[str, str], list[str]] = field(default_factory=dict, compare=False, repr=False)
    prints: dict[tuple[str, str], str] = field(default_factory=dict, compare=False, repr=False)

    def leniently(self) -> ImageSource:
        """The same images, but those that cannot be read are left out, and counted."""
        return replace(self, on_bad_item="skip", readers={}, prints={})

    def of(self, language: str) -> str:
        """English where its rows name all images of a language's rows in every split, else the language itself."""
        splits = [split for split in SPLITS if language in self._languages(split)]
        return "en" if all(self._in_english(split, language) for split in splits) else language

    def names(self, split: str, language: str) -> list[str]:
        """The images that rows name, each once, in their order."""
        if (split, language) not in self.known:
            self.known[split, language] = image_names(self.source.rows(split, language))
        return self.known[split, language]

    def _in_english(self, split: str, language: str) -> bool:
        if "en" not in self._languages(split):
            return False
        return set(self.names(split, language)) <= set(self.names(split, "en"))

    def _languages(self, split: str) -> tuple[str, ...]:
        try:
            return self.source.languages(split)
        except DataError:
            return ()

    def fingerprint(self, split: str, language: str) -> str:
        """Name, size, first and last bytes of every image; or the hash of the file with features.

        Images are looked at once in the life of this value.

        Raises:
            DataError: images are missing, and are not to be left out.
        """
        if (split, language) not in self.prints:
            self.prints[split, language] = self._fingerprint(split, language)
        return self.prints[split, language]

    def _fingerprint(self, split: str, language: str) -> str:
        given = self.given(language)
        if given is not None:
            self._check(split, language, given.missing(self.names(split, language)))
            return digest(["features", cached_file_digest(given.path)])
        found = {name: self.find(name) for name in self.names(split, language)}
        self._check(split, language, [name for name, place in found.items() if place is None])
        return digest([[name, _edges(*place)] for name, place in found.items() if place is not None])

    def gaps(self, split: str, language: str) -> str:
        """How many of the images that rows name are missing, and the first few; empty where none are.

        Raises:
            DataError: there are features, but in a form that is not read.
        """
        names, given = self.names(split, language), self.given(language)
        missing = (
            [name for name in names if self.find(name) is None] if given is None else given.missing(names)
        )
        return self._told(split, language, missing) if missing else ""

    def open(self, name: str) -> Image | None:
        """The image of a name, RGB; None where it cannot be read and is to be left out.

        Raises:
            DataError: it cannot be read, and is not to be left out.
        """
        found = self.find(name)
        root, path = found if found is not None else (self.folders[0] if self.folders else Path(), Path(name))
        if root not in self.readers:
            self.readers[root] = ImageReader(root, self.on_bad_item)
        return self.readers[root].open(str(path))

    def given(self, language: str) -> FeatureFile | None:
        """The file with features of a language's images; None where there are images, or neither.

        Raises:
            DataError: there are features, but in a form that is not read.
        """
        if self.base is None or self.folders:
            return None
        stems = [self.base / pattern.replace("{language}", language) for pattern in self.features]
        for path in (
            stem.with_name(stem.name + suffix) for stem in stems for suffix in ("", *SUFFIXES, *PICKLED)
        ):
            if path.suffix.lower() in PICKLED and path.exists():
                raise DataError(f"{path}: {path.suffix} files hold pickles and are not read. {CONVERT}")
            if path.suffix.lower() in SUFFIXES and path.is_file():
                return FeatureFile(path)
        return None

    def find(self, name: str) -> tuple[Path, Path] | None:
        """The file of an image, as the folder that it must not leave and the path from there; None if there is none."""
        for root, path in self._candidates(name):
            try:
                locate(path, root, suggest=False)
            except BadImageError:
                continue
            return root, path
        return None

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are there, of those that images are looked for in."""
        base = self.base
        found = [] if base is None else [fixed_folder(base / place)[0] for place in self.places]
        return tuple(dict.fromkeys(folder for folder in found if folder.is_dir()))

    @property
    def looked(self) -> tuple[str, ...]:
        """Where images and features are looked for, for people."""
        patterns = [
            f"{stem}{suffix}"
            for stem in self.features
            for suffix in (("",) if stem.endswith(SUFFIXES) else SUFFIXES[:2])
        ]
        return (*self.places, *patterns)

    def absent(self) -> str:
        """What to say where there are neither images nor features, and where to get them; empty where there are."""
        if self.folders or any(self.given(language) for language in ("", *self._languages("test"))):
            return ""
        where = (
            f"below {self.base.resolve()}"
            if self.base is not None
            else "as no data folder was given (--data DIR)"
        )
        tried = "".join(f"\n  {pattern}" for pattern in self.looked)
        source = (
            f"\n  images: {self.get}"
            if self.get
            else f"\nPut them there, or correct `images:` of {self.task}"
        )
        return f"{self.task}: no images {where}. Any of these would do:{tried}{source}"

    def _told(self, split: str, language: str, missing: Sequence[str]) -> str:
        where = ", ".join(map(str, self.folders)) or "the file of features"
        share = f"{len(missing):,} of {len(self.names(split, language)):,} images"
        return f"{self.task}, {split}, {language}: {share} are not in {where}: {listed(list(missing), 5)}"

    def _check(self, split: str, language: str, missing: Sequence[str]) -> None:
        if absent := self.absent():
            raise DataError(absent)
        if missing and self.on_bad_item == "stop":
            told = self._told(split, language, missing)
            raise DataError(f"{told}. To leave their rows out, say `on_bad_item: skip`")

    def _candidates(self, name: str) -> Iterator[tuple[Path, Path]]:
        """Folders and paths in them: under each pattern, with each suffix where none is named, in each way to write."""
        if self.base is None:
            return
        for place in self.places:
            root, rest = fixed_folder(self.base / place.replace("{image}", "*"))
            for suffix in _IMAGE_SUFFIXES if rest.endswith(ANY_SUFFIX) else ("",):
                for form in dict.fromkeys((name, *(unicodedata.normalize(one, name) for one in _FORMS))):
                    yield root, Path(rest.removesuffix(ANY_SUFFIX).replace("*", form) + suffix)


def image_names(rows: Iterable[Row]) -> list[str]:
    """The images that rows name, each once, in their order.

    Example:
        >>> image_names([{"image": "a.jpg", "image_pair": "b.jpg"}, {"image": "a.jpg"}])
        ['a.jpg', 'b.jpg']
    """
    return list(dict.fromkeys(row[column] for row in rows for column in VECTORS if column in row))


def _edges(root: Path, path: Path) -> list[str | int]:
    """What changes when an image does, without reading all of it: name, size, first and last bytes."""
    file = root / path
    size = file.stat().st_size
    with file.open("rb") as opened:
        first = opened.read(_EDGE)
        opened.seek(max(0, size - _EDGE))
        edges = first + opened.read(_EDGE)
    return [path.name, size, short_hash(edges.hex())]
