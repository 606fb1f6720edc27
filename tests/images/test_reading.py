"""Images that are fine, and images that are not: every one gives RGB, or an error that names it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import DataError
from xstilts.images import BadImageError, ImageReader, Limits, open_image, read_image

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

RED, GREEN, WHITE = (255, 0, 0), (0, 128, 0), (255, 255, 255)
SMALL = Limits(pixels=10_000, jpeg_pixels=40_000)


def stored(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Writes a file of some bytes, and gives its folder."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return tmp_path / "images"

    return write


Put = Callable[[str, bytes], Path]


def halves(mode: str, left: object, right: object) -> Image.Image:
    """Two halves of 4 × 4 pixels each."""
    image = Image.new(mode, (8, 4), left)
    image.paste(right, (4, 0, 8, 4))
    return image


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int], within: int = 6) -> bool:
    return all(abs(a - b) <= within for a, b in zip(image.getpixel(place), colour, strict=True))


# --- what is read


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_every_format_comes_as_rgb(put: Put, format: str) -> None:
    folder = put("a.img", stored(Image.new("RGB", (16, 12), RED), format))
    image = open_image("a.img", within=folder)
    assert (image.mode, image.size) == ("RGB", (16, 12))
    assert near(image, (8, 6), RED)


def test_transparent_parts_are_white(put: Put) -> None:
    folder = put("a.png", stored(halves("RGBA", (*RED, 255), (0, 0, 0, 0))))
    image = open_image(Path("a.png"), within=folder)
    assert [image.getpixel((1, 1)), image.getpixel((6, 1))] == [RED, WHITE]


def test_half_transparent_parts_are_mixed_with_white(put: Put) -> None:
    folder = put("a.png", stored(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert near(open_image("a.png", within=folder), (1, 1), (127, 127, 127))


def test_a_palette_with_a_transparent_colour(put: Put) -> None:
    image = halves("P", 0, 1)
    image.putpalette([*RED, *GREEN])
    opened = open_image("a.png", within=put("a.png", stored(image, transparency=1)))
    assert [opened.getpixel((1, 1)), opened.getpixel((6, 1))] == [RED, WHITE]


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("L", 255), ("LA", (255, 255)), ("P", 0)])
def test_grey_and_black_and_white(put: Put, mode: str, colour: object) -> None:
    image = Image.new(mode, (4, 4), colour)
    if mode == "P":
        image.putpalette([*WHITE])
    assert open_image("a.png", within=put("a.png", stored(image))).getpixel((2, 2)) == WHITE


@pytest.mark.parametrize(("value", "eight_bits"), [(0, 0), (257, 1), (32_896, 128), (65_535, 255)])
def test_sixteen_bits_are_scaled_not_cut_off(put: Put, value: int, eight_bits: int) -> None:
    image = Image.fromarray(np.full((4, 4), value, np.uint16))
    opened = open_image("a.png", within=put("a.png", stored(image)))
    assert opened.getpixel((1, 1)) == (eight_bits,) * 3


def test_cmyk_is_converted_and_noted(put: Put) -> None:
    folder = put("a.jpg", stored(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    opened = read_image("a.jpg", within=folder)
    assert near(opened.image, (8, 8), RED)
    assert opened.notes == ("CMYK: converted without a colour profile",)


def test_of_an_animation_the_first_frame_is_taken_and_noted(put: Put) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, WHITE)]
    folder = put("a.gif", stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    opened = read_image("a.gif", within=folder)
    assert near(opened.image, (4, 4), RED)
    assert opened.notes == ("several frames: the first of 3",)


def test_images_stand_upright(put: Put) -> None:
    image = halves("RGB", RED, GREEN).resize((80, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise
    opened = open_image("a.jpg", within=put("a.jpg", stored(image, "JPEG", exif=exif)))
    assert opened.size == (40, 80)
    assert near(opened, (20, 10), RED)


# --- what is refused


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.png", b"", "empty.png: is empty"),
        ("text.png", b"no image at all", "text.png: is no image that can be read. Expected JPEG"),
        ("page.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "page.eps: is no image"),
        ("a.svgz", b"\x1f\x8b\x08\x00", "a.svgz: is no image"),
    ],
)
def test_what_is_no_image_is_named(put: Put, name: str, data: bytes, message: str) -> None:
    with pytest.raises(BadImageError, match=message) as error:
        open_image(name, within=put(name, data))
    assert error.value.exit_code == 2


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_truncated_file_is_named(put: Put, format: str) -> None:
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 255, (64, 64, 3)).astype(np.uint8))
    data = stored(noise, format)
    with pytest.raises(BadImageError, match=r"torn\.img: (is truncated|is damaged|is no image)"):
        open_image("torn.img", within=put("torn.img", data[: len(data) // 2]))


def test_a_floating_point_image_is_refused(put: Put) -> None:
    data = stored(Image.new("F", (4, 4), 0.5), "TIFF")
    with pytest.raises(BadImageError, match="mode F"):
        open_image("a.tif", within=put("a.tif", data))


def test_a_missing_file_names_the_nearest(put: Put) -> None:
    folder = put("100713.jpg", b"")
    with pytest.raises(BadImageError, match=r"no such file\. Did you mean '100713\.jpg'"):
        open_image("100718.jpg", within=folder)
    with pytest.raises(BadImageError, match="There is no folder"):
        open_image("other/100718.jpg", within=folder)


@pytest.mark.parametrize("name", ["../secret.png", "deep/../../secret.png", "{above}/secret.png"])
def test_paths_out_of_the_folder_are_refused(put: Put, tmp_path: Path, name: str) -> None:
    folder = put("a.png", b"")
    (tmp_path / "secret.png").write_bytes(stored(Image.new("RGB", (4, 4))))
    with pytest.raises(BadImageError, match="leads outside"):
        open_image(name.format(above=tmp_path), within=folder)


def test_links_are_followed_and_must_stay_inside(put: Put, tmp_path: Path) -> None:
    folder = put("a.png", stored(Image.new("RGB", (4, 4), RED)))
    (folder / "inside.png").symlink_to("a.png")
    assert open_image("inside.png", within=folder).getpixel((0, 0)) == RED
    (tmp_path / "secret.png").write_bytes(stored(Image.new("RGB", (4, 4))))
    (folder / "outside.png").symlink_to(tmp_path / "secret.png")
    (folder / "circle.png").symlink_to("circle.png")
    with pytest.raises(BadImageError, match="leads outside"):
        open_image("outside.png", within=folder)
    with pytest.raises(BadImageError, match=r"circle\.png"):
        open_image("circle.png", within=folder)


def test_the_folder_itself_may_be_a_link(put: Put, tmp_path: Path) -> None:
    folder = put("a.png", stored(Image.new("RGB", (4, 4), RED)))
    (tmp_path / "link").symlink_to(folder)
    assert open_image("a.png", within=tmp_path / "link").getpixel((0, 0)) == RED
    assert open_image(folder / "a.png", within=tmp_path / "link").getpixel((0, 0)) == RED


def test_addresses_folders_and_pipes_are_no_images(put: Put) -> None:
    folder = put("deep/a.png", b"")
    with pytest.raises(BadImageError, match="is no path"):
        open_image("https://example.org/a.png", within=folder)
    with pytest.raises(BadImageError, match="is no path"):
        open_image("a\0.png", within=folder)
    with pytest.raises(BadImageError, match="is no file"):
        open_image("deep", within=folder)
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(BadImageError, match="is no file"):
        open_image("pipe.png", within=folder)


# --- sizes


def hollow_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8_000, 12_000, 30_000])
def test_a_huge_image_is_refused_by_its_header(put: Put, side: int) -> None:
    with pytest.raises(BadImageError, match=r"bomb\.png: has .* pixels\. At most 50,000,000"):
        open_image("bomb.png", within=put("bomb.png", hollow_png(side, side)))


def test_a_large_jpeg_is_decoded_smaller(put: Put) -> None:
    folder = put("a.jpg", stored(Image.new("RGB", (160, 120), RED), "JPEG"))
    opened = read_image("a.jpg", within=folder, limits=SMALL)
    assert opened.image.size == (80, 60)
    assert opened.notes == ("large: decoded at 1/2 of 160 × 120 pixels",)
    assert near(opened.image, (40, 30), RED)


@pytest.mark.parametrize(("side", "options"), [(120, {"progressive": True}), (201, {})])
def test_a_jpeg_that_cannot_be_decoded_smaller_is_refused(
    put: Put, side: int, options: dict[str, bool]
) -> None:
    data = stored(Image.new("RGB", (side, side)), "JPEG", **options)
    with pytest.raises(BadImageError, match="At most 10,000 are decoded"):
        open_image("a.jpg", within=put("a.jpg", data), limits=SMALL)


def test_a_large_file_is_refused_unread(put: Put) -> None:
    with pytest.raises(BadImageError, match="has 9,000 bytes"):
        open_image("a.png", within=put("a.png", bytes(9_000)), limits=Limits(file_bytes=8_000))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_jpeg_beyond_what_pillow_opens_takes_bounded_memory(put: Put) -> None:
    folder = put("a.jpg", stored(Image.new("L", (30_000, 14_000), 128), "JPEG"))
    code = f"""
from pathlib import Path
from xstilts.images import open_image
print(open_image("a.jpg", within=Path({str(folder)!r})).size)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    size, peak = told.splitlines()
    assert size == "(7500, 3500)"
    assert int(peak) < 350_000  # kilobytes; the whole image has 1.3 GB in RGB


# --- whatever the bytes


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_damaged_bytes_give_an_image_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, format: str, changes: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(stored(halves("RGB", RED, GREEN), format))
    for place, value in changes:
        data[int(place * len(data))] = value
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    (folder / "a.img").write_bytes(data[: round(kept * len(data))])
    try:
        assert open_image("a.img", within=folder, limits=SMALL).mode == "RGB"
    except BadImageError as error:
        assert "a.img" in str(error)


# --- what is done about bad ones


def test_a_reader_stops_at_a_bad_image_and_says_how_to_go_on(put: Put) -> None:
    folder = put("bad.png", b"")
    with pytest.raises(DataError, match=r"bad\.png: is empty.*on_bad_item: skip"):
        ImageReader(folder).open("bad.png")


def test_a_reader_may_leave_bad_images_out_and_counts_them(put: Put) -> None:
    put("good.png", stored(Image.new("RGB", (4, 4), RED)))
    put(
        "moving.gif",
        stored(Image.new("L", (4, 4)), "GIF", save_all=True, append_images=[Image.new("L", (4, 4), 9)]),
    )
    folder = put("bad.png", b"")
    reader = ImageReader(folder, "skip")
    opened = [reader.open(name) for name in ("good.png", "bad.png", "missing.png", "moving.gif")]
    assert [image is not None for image in opened] == [True, False, False, True]
    told = reader.told(at_most=1)
    assert told[0].startswith("2 images left out: ")
    assert told[0].endswith("; and 1 more")
    assert told[1] == "several frames: 1 image"


def test_a_reader_without_bad_images_has_nothing_to_tell(put: Put) -> None:
    reader = ImageReader(put("good.png", stored(Image.new("RGB", (4, 4), RED))), "skip")
    reader.open("good.png")
    assert reader.told() == []
