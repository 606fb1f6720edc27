"""Opening image files safely: nothing outside the folder is read, and memory is bounded whatever the file says.

Sizes are taken from headers before anything is decoded. Every failure is a `BadImageError` that names the file and
says what to do; whether the rest goes on is for `ImageReader` to say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, final

from xstilts.errors import DataError, MissingPackage
from xstilts.images.svg import BadSvgError, Drawing, checked_svg, looks_like_svg

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

OnBadItem = Literal["stop", "skip"]
"""What is done about an image that cannot be read: stop with an error, or leave it out and count it."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
"""Raster formats that are opened. Others are refused: some are run by outside programs (EPS by Ghostscript)."""

_KNOWN = "JPEG, PNG, GIF, WebP, BMP, TIFF, PPM or SVG"
_TRANSPARENT = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
_SIXTEEN_BITS = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})


class BadImageError(DataError):
    """An image file that is missing, damaged, too large or unsafe; the message names it."""

    def __init__(self, name: str | Path, message: str) -> None:
        super().__init__(f"{name}: {message}")


@dataclass(frozen=True)
class Limits:
    """How large an image may be.

    `pixels`: decoded at once, of any format (50 million take about 0.4 GB on the way to RGB). `jpeg_pixels`: of a
    baseline JPEG, which is decoded at 1/2, 1/4 or 1/8 of its size where it has more than `pixels`. `file_bytes` and
    `svg_bytes`: of the file. `svg_side`: the longer side, in pixels, at which a drawing is rasterised.
    """

    pixels: int = 50_000_000
    jpeg_pixels: int = 1_000_000_000
    file_bytes: int = 256 << 20
    svg_bytes: int = 4 << 20
    svg_side: int = 512


LIMITS = Limits()


@dataclass(frozen=True)
class Opened:
    """An image in RGB, and what was done to it that its user may want to know: `several frames: the first of 3`."""

    image: Image
    notes: tuple[str, ...] = ()


def open_image(path: str | Path, *, within: Path, limits: Limits = LIMITS) -> Image:
    """The image of a file, in RGB, 8 bits a channel, upright, transparent parts on white.

    Args:
        path: the file, absolute or from the folder `within`.
        within: the folder that the file must be in once symbolic links are followed.
        limits: how large it may be.

    Raises:
        BadImageError: the file is missing, empty, truncated, no image, too large, unsafe, or outside the folder.
        MissingPackage: Pillow is not installed, or, for SVG, resvg-py.

    Example:
        >>> open_image("1007129816.jpg", within=Path("flickr30k-images")).mode  # doctest: +SKIP
        'RGB'
    """
    return read_image(path, within=within, limits=limits).image


def read_image(path: str | Path, *, within: Path, limits: Limits = LIMITS) -> Opened:
    """As `open_image`, with notes on frames that were left out, colours that were converted, and the like."""
    file = locate(path, within)
    size = file.stat().st_size
    if size == 0:
        raise BadImageError(file, "is empty (0 bytes). Fetch it again")
    if size > limits.file_bytes:
        raise BadImageError(file, f"has {size:,} bytes. At most {limits.file_bytes:,} are read")
    try:
        with file.open("rb") as opened:
            if looks_like_svg(file, opened.read(512)):
                return _drawn(file, size, limits)
            opened.seek(0)
            return _decoded(file, opened, limits)
    except OSError as error:
        raise BadImageError(file, f"cannot be read: {error.strerror or error}") from None


def locate(path: str | Path, within: Path, suggest: bool = True) -> Path:
    """The regular file that a path stands for, links followed; never one outside the folder.

    With `suggest`, the message about a missing file names the one most like it, which takes a look at the folder.

    Raises:
        BadImageError: there is none, or it is elsewhere.
    """
    named = str(path)
    if "://" in named or "\0" in named:
        raise BadImageError(repr(named), "is no path. Images are read from files; download them first")
    root = within.resolve()
    try:
        file = (root / path).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise BadImageError(root / path, "its links lead nowhere") from None
    if not file.is_relative_to(root):
        raise BadImageError(
            root / path, f"leads outside of {root}, to {file}. Copy the image into the folder"
        )
    if not file.exists():
        raise BadImageError(root / path, f"there is no such file.{_nearest(file) if suggest else ''}")
    if not file.is_file():
        raise BadImageError(file, "is no file. Expected an image")
    return file


def _nearest(file: Path) -> str:
    if not file.parent.is_dir():
        return f" There is no folder {file.parent}"
    close = get_close_matches(file.name, [path.name for path in file.parent.iterdir()], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


@final
@dataclass(frozen=True)
class ImageReader:
    """Opens the images of a folder by name; bad ones stop it, or are left out and counted.

    `bad` collects the message of each image that was left out, `notes` how often each note was made.

    Example:
        >>> reader = ImageReader(Path("pictures"), on_bad_item="skip")  # doctest: +SKIP
        >>> images = [reader.open(name) for name in ("a.jpg", "torn.jpg")]  # doctest: +SKIP
        >>> reader.told()  # doctest: +SKIP
        ['1 image left out: pictures/torn.jpg: is truncated …']
    """

    within: Path
    on_bad_item: OnBadItem = "stop"
    limits: Limits = LIMITS
    bad: dict[str, str] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def open(self, name: str) -> Image | None:
        """The image of a name; None where it is bad and `on_bad_item` is `skip`.

        Raises:
            BadImageError: it is bad, and `on_bad_item` is `stop`.
        """
        try:
            opened = read_image(name, within=self.within, limits=self.limits)
        except BadImageError as error:
            if self.on_bad_item == "stop":
                hint = "To leave such images out, say `on_bad_item: skip`"
                raise DataError(f"{error}. {hint}") from None
            self.bad[name] = str(error)
            return None
        self.notes.update(note.partition(":")[0] for note in opened.notes)
        return opened.image

    def told(self, at_most: int = 5) -> list[str]:
        """Lines for a report: how many images were left out and why, and what was noted of others."""
        lines = []
        if self.bad:
            count = f"{len(self.bad):,} image{'s' * (len(self.bad) > 1)} left out"
            more = f"; and {len(self.bad) - at_most:,} more" if len(self.bad) > at_most else ""
            lines.append(f"{count}: {'; '.join(list(self.bad.values())[:at_most])}{more}")
        return lines + [
            f"{note}: {count:,} image{'s' * (count > 1)}" for note, count in sorted(self.notes.items())
        ]


def _drawn(file: Path, size: int, limits: Limits) -> Opened:
    if size > limits.svg_bytes:
        raise BadImageError(file, f"is a drawing of {size:,} bytes. At most {limits.svg_bytes:,} are read")
    try:
        return rasterised(checked_svg(file.read_bytes()), limits.svg_side)
    except BadSvgError as error:
        raise BadImageError(file, str(error)) from None


def rasterised(drawing: Drawing, side: int) -> Opened:
    """A checked drawing in RGB on white, its longer side `side` pixels; text in it is left out, and noted.

    No fonts and no files are read. Two calls give the same pixels.

    Raises:
        BadSvgError: it cannot be drawn.
        MissingPackage: resvg-py is not installed.
    """
    try:
        import resvg_py
        from PIL import Image
    except ModuleNotFoundError as error:
        package = "pillow" if error.name == "PIL" else "resvg-py"
        raise MissingPackage("reading SVG images", package, "images") from None
    width, height = drawing.pixels(side)
    try:
        data = resvg_py.svg_to_bytes(
            svg_string=drawing.text, width=width, height=height, skip_system_fonts=True
        )
    except Exception as error:
        raise BadSvgError(f"cannot be drawn ({error})") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what Rust's panics become is no Exception
            raise
        raise BadSvgError("cannot be drawn: its masks or sizes are beyond what is supported") from None
    notes = ("text in a drawing: left out",) if drawing.has_text else ()
    return Opened(_on_white(Image.open(BytesIO(bytes(data)))), notes)


def _decoded(file: Path, opened: IO[bytes], limits: Limits) -> Opened:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ModuleNotFoundError:
        raise MissingPackage("reading images", "pillow", "images") from None
    try:
        image = _header(opened)
    except UnidentifiedImageError:
        raise BadImageError(file, f"is no image that can be read. Expected {_KNOWN}") from None
    except Image.DecompressionBombError:
        raise BadImageError(
            file, _too_large(f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,}", limits)
        ) from None
    except Exception as error:  # readers of formats raise whatever damaged bytes lead them to
        raise BadImageError(file, f"is damaged ({error})") from None
    reduced = _fit(file, image, limits)
    try:
        notes = (*reduced, *_notes(image))
        image.load()
        return Opened(_rgb(file, ImageOps.exif_transpose(image)), notes)
    except BadImageError:
        raise
    except Exception as error:  # as above
        torn = "truncated" in str(error) or "premature" in str(error).lower()
        what = "is truncated" if torn else "is damaged"
        raise BadImageError(file, f"{what} ({error}). Fetch it again") from None


def _header(opened: IO[bytes]) -> ImageFile:
    """The image, not decoded yet. A JPEG may be larger than Pillow's own limit: it can be decoded smaller."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    is_jpeg = opened.read(3) == b"\xff\xd8\xff"
    opened.seek(0)
    return JpegImageFile(opened) if is_jpeg else Image.open(opened, formats=FORMATS)


def _fit(file: Path, image: ImageFile, limits: Limits) -> tuple[str, ...]:
    """Refuse an image that is too large; have a large JPEG decoded at a fraction of its size, and say so."""
    width, height = image.size
    if width * height <= limits.pixels:
        return ()
    # a progressive JPEG is held whole, whatever the size that is asked for
    if image.format != "JPEG" or image.info.get("progressive") or width * height > limits.jpeg_pixels:
        raise BadImageError(file, _too_large(f"{width:,} × {height:,}", limits))
    factor = next((part for part in (2, 4, 8) if width * height <= limits.pixels * part**2), 0)
    if not factor:
        raise BadImageError(file, _too_large(f"{width:,} × {height:,}", limits))
    image.draft(None, (width // factor, height // factor))
    return (f"large: decoded at 1/{factor} of {width:,} × {height:,} pixels",)


def _too_large(pixels: str, limits: Limits) -> str:
    return (
        f"has {pixels} pixels. At most {limits.pixels:,} are decoded ({limits.jpeg_pixels:,} of a baseline JPEG). "
        "Make it smaller"
    )


def _notes(image: ImageFile) -> tuple[str, ...]:
    frames = getattr(image, "n_frames", 1)
    animated = (f"several frames: the first of {frames}",) if frames > 1 else ()
    return animated + (("CMYK: converted without a colour profile",) if image.mode == "CMYK" else ())


def _rgb(file: Path, image: Image) -> Image:
    """Any mode as RGB: transparency on white, 16 bits as the nearest 8."""
    if image.mode in _SIXTEEN_BITS:
        return _eight_bits(image)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return _on_white(image)
    if image.mode in {"F", "LAB"}:
        message = f"has pixels of mode {image.mode}, which have no stated range of RGB. Save it as 8-bit PNG or JPEG"
        raise BadImageError(file, message)
    return image.convert("RGB")


def _on_white(image: Image) -> Image:
    from PIL import Image as Images

    layer = image.convert("RGBA")
    white = Images.new("RGBA", layer.size, "white")
    return Images.alpha_composite(white, layer).convert("RGB")


def _eight_bits(image: Image) -> Image:
    """Grey of 16 bits: 0 to 65,535 become 0 to 255. Pillow itself would cut them off at 255."""
    import numpy as np
    from PIL import Image as Images

    values = np.asarray(image).astype(np.float32).clip(0, 65_535)
    return Images.fromarray(np.rint(values / 257).astype(np.uint8)).convert("RGB")
