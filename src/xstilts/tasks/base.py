"""What a task is: a value that names its data, its type, its languages; declared once, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, final, overload

from xstilts.errors import MissingPackage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Row = dict[str, Any]
"""One example in canonical columns: `id`, `source`, and the columns its task type asks for."""

VECTOR = "vector"
"""The column in which a row brings the image tower's vector of its image: read from the store, never of a task."""
VECTORS = MappingProxyType({"image": VECTOR, "image_pair": "vector_pair"})
"""The columns in which rows name images, and those of their vectors; the second are there where a text is about two."""

SPLITS = ("train", "dev", "test")
CANDIDATES = "-candidates"
"""What the name of a split ends with that holds candidates to choose among: `dev-candidates`, `test-candidates`.

Its rows have `id`, `source` and `text`, and where a sentence is read with its paragraph, `context`; other rows name
them by `id` in `gold`. Those with a `side` are no candidates but sentences like the tested ones (bitext mining)."""


FEW_SHOT = "few-shot@"
"""What the name of a split begins with that holds a few training rows of a test language: `few-shot@10`, of 10 images.

No task needs them to be complete."""
TRANSLATED = "translate-test"
"""The split with the test rows of a language, its texts translated into the language that is trained on."""
ZERO_SHOT = "zero-shot"
"""How languages are tested by default: with what was learned from the training set, which is English."""


def base_split(split: str) -> str:
    """The split whose candidates a split holds, or the split itself.

    Example:
        >>> base_split("test-candidates"), base_split("test")
        ('test', 'test')
    """
    return split.removesuffix(CANDIDATES)


class Source(Protocol):
    """Where the rows of a task come from."""

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages (BCP-47) that have this split."""
        ...

    def fingerprint(self, split: str, language: str) -> str:
        """A string that changes whenever the rows could change. Cheap: it is asked for when planning."""
        ...

    def rows(self, split: str, language: str) -> list[Row]:
        """The rows of one split and language, always in the same order."""
        ...

    def origin(self, split: str) -> str:
        """What the rows of a split are, in words: the split itself, or `test, 80% of its sources`."""
        ...


class GivenVectors(Protocol):
    """Vectors of images that come with a task, in place of the images."""

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of the images that there are no vectors of."""
        ...

    def blocks(
        self, names: Sequence[str], whole: bool = False
    ) -> Iterator[tuple[list[str], NDArray[np.floating[Any]]]]:
        """The vectors of images, a few at a time: their names, and [n, width], or, `whole`, [n, parts, width]."""
        ...


class ImageSource(Protocol):
    """Where the images of a task come from, which its rows name in their column `image`."""

    def fingerprint(self, split: str, language: str) -> str:
        """A string that changes whenever an image of these rows could change. Cheap: asked for when planning."""
        ...

    def of(self, language: str) -> str:
        """The language whose rows name all images of a language's rows.

        Languages that share their images have one such language, and the images are read once for all of them.
        """
        ...

    def absent(self) -> str:
        """What to say where there are no images at all; empty where there are some."""
        ...

    def gaps(self, split: str, language: str) -> str:
        """What to say of images that these rows name and that are not among those there; empty where none are missing.

        Raises:
            DataError: there are files, but in a form that is not read.
        """
        ...

    def leniently(self) -> ImageSource:
        """The same images, but those that cannot be read are left out."""
        ...

    def given(self, language: str) -> GivenVectors | None:
        """Vectors that come with the task in place of a language's images; None where there are images."""
        ...

    def open(self, name: str) -> Image | None:
        """The image of a name, RGB; None where it cannot be read and is to be left out.

        Raises:
            DataError: it cannot be read.
        """
        ...


@final
class FoundLabels(Sequence[str]):
    """Labels that only the files of a task tell: read when they are first asked for, so for tasks in use alone.

    Args:
        find: reads them; called at most once.

    Example:
        >>> labels = FoundLabels(lambda: ("N", "NP"))
        >>> len(labels), labels[0], labels == ("N", "NP")
        (2, 'N', True)
    """

    def __init__(self, find: Callable[[], tuple[str, ...]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> tuple[str, ...]:
        return self._find()

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        return self._found[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._found == tuple(other)

    def __hash__(self) -> int:
        return hash(self._found)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._found!r})"


@dataclass(frozen=True)
class Task:
    """Data, task type, languages and metrics, declared once.

    `languages` are those of the test split. `parallel` says whether one `source` id is the same original in every
    language. `labels` fixes the order of classes (classification) or tags (tagging).
    """

    name: str
    type: str
    source: Source
    languages: tuple[str, ...]
    summary: str
    labels: Sequence[str] = ()
    metrics: tuple[str, ...] = ()
    parallel: bool = False
    train_language: str = "en"
    licence: str = ""
    url: str = ""
    notes: str = ""
    sample: Literal["hash", "first"] = "hash"
    """Which rows `examples: N` takes: those with the smallest hash, or the first where the source orders them."""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    images: ImageSource | None = None
    """The images of an image-text task."""
    towers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """How text and images are joined: what the `images` section of a recipe says; empty outside of a recipe."""

    @property
    def tunes_tower(self) -> bool:
        """Whether the image tower is trained with the text encoder."""
        return bool(self.towers.get("image") == "tune")

    def max_length(self, default: int) -> int:
        """Tokens an input: the task's own maximum, else the one that is given."""
        return int(self.options.get("max_length", default))

    def at_length(self, tokens: int) -> Task:
        """The task with another maximum in place of its own; one without is as long as its training says."""
        own = "max_length" in self.options
        return (
            replace(self, options=MappingProxyType({**self.options, "max_length": tokens})) if own else self
        )

    def language_of(self, split: str, language: str) -> str:
        """The language that the rows of a split are written in: that of the training where they are translated."""
        return self.train_language if split == TRANSLATED else language

    @property
    def suite(self) -> str:
        """The part of the name before the slash: `pocket` of `pocket/intents`."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class PackageSource:
    """Rows built from the data of installed Python packages.

    `build(split, language)` makes the rows; `version` is raised whenever it would make others from the same
    packages; `packages` are the distributions whose versions enter the fingerprint.
    """

    build: Callable[[str, str], list[Row]]
    by_split: Mapping[str, tuple[str, ...]]
    packages: tuple[str, ...]
    version: int
    extra: str = "pocket"

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split."""
        return self.by_split.get(split, ())

    def fingerprint(self, split: str, language: str) -> str:
        """Name and version of the builder, and of every package it reads."""
        installed = []
        for package in self.packages:
            try:
                installed.append(f"{package}=={metadata.version(package)}")
            except metadata.PackageNotFoundError:
                raise MissingPackage(
                    f"the task's data ({self.build.__module__})", package, self.extra
                ) from None
        return f"{self.build.__module__}.{self.build.__name__}@{self.version}:{','.join(installed)}:{split}:{language}"

    def rows(self, split: str, language: str) -> list[Row]:
        """Build the rows; a missing package is reported with the line that installs it."""
        self.fingerprint(split, language)
        return self.build(split, language)

    def origin(self, split: str) -> str:
        """The split itself: packages bring no published one."""
        return split
