"""Drawings: those that need nothing but themselves are drawn, others are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from xstilts.images import BadImageError, open_image, read_image
from xstilts.images.svg import BadSvgError, Drawing, checked_svg

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 8 4">'
RECT = '<rect width="4" height="4" fill="#f00"/>'


def svg(inside: str) -> bytes:
    return f"{HEAD}{inside}</svg>".encode()


HARMLESS = [
    RECT,
    '<defs><g id="g"><circle r="2"/></g></defs><use href="#g"/><use xlink:href="#g"/>',
    '<linearGradient id="l"><stop stop-color="red"/></linearGradient><rect fill="url(#l)"/>',
    "<rect style=\"fill: url( '#l' )\"/>",
    "<style>.a { fill: red; stroke: url(#l) }</style>",
    '<a href="https://example.org"><circle r="2"/></a>',
    "<title>image, script, @media</title><desc>url(https://example.org)</desc>",
]
REFUSED = [
    "<script>alert(1)</script>",
    '<rect onload="alert(1)"/>',
    "<foreignObject><p>hello</p></foreignObject>",
    '<image href="https://example.org/a.png"/>',
    '<image xlink:href="file:///etc/passwd"/>',
    '<image href="data:image/png;base64,AAAA"/>',
    '<use href="other.svg#g"/>',
    '<use xlink:href=" file:///etc/passwd#g"/>',
    '<rect fill="url(https://example.org/a.svg#g)"/>',
    "<rect style=\"fill: url('other.svg#g')\"/>",
    '<rect style="fill: u\\72l(other.svg#g)"/>',
    "<style>@import 'other.css';</style>",
    "<style>@font-face { src: url(font.woff) }</style>",
    "<style>@imp<!-- -->ort 'other.css';</style>",
    "<style><![CDATA[@IMPORT 'other.css';]]></style>",
    '<filter id="f"><feImage href="#g"/></filter>',
    '<pattern id="p" width="900000" height="900000"/>',
    '<svg:script xmlns:svg="http://www.w3.org/2000/svg"/>',
    "<g>" * 300 + "</g>" * 300,
]


@pytest.mark.parametrize("inside", HARMLESS)
def test_a_drawing_of_its_own_parts_is_accepted(inside: str) -> None:
    assert checked_svg(svg(inside)).aspect == 2


@pytest.mark.parametrize("inside", REFUSED)
def test_a_drawing_that_needs_more_is_refused(inside: str) -> None:
    with pytest.raises(BadSvgError, match="so that the drawing is refused"):
        checked_svg(svg(inside))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg(RECT), "is an entity of its own"),
        (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + svg(RECT), "is an entity of its own"),
        (b'<?xml-stylesheet href="a.css"?>' + svg(RECT), "outside of it"),
        (b"<html><body/></html>", "begins with <html>"),
        (b"<svg", "no well-formed SVG"),
        (svg(RECT).decode().encode("utf-16"), "UTF-8"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 100000"/>', "at most 100 to 1"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="0" height="3" viewBox="0 0 0 3"/>', "0 wide"),
    ],
)
def test_what_is_no_proper_drawing_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadSvgError, match=message):
        checked_svg(data)


def test_a_doctype_that_only_names_the_format_is_accepted() -> None:
    doctype = (
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    assert checked_svg(b'<?xml version="1.0"?>' + doctype + svg(RECT)).aspect == 2


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ('width="20mm" height="10mm"', 2),
        ('width="100%" height="100%" viewBox="0 0 30 10"', 3),
        ('viewBox="0,0,10,20"', 0.5),
        ("", 1),
    ],
)
def test_how_wide_a_drawing_is(attributes: str, aspect: float) -> None:
    data = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}/>'.encode()
    assert checked_svg(data).aspect == aspect


def test_text_is_told() -> None:
    assert checked_svg(svg("<text>A</text>")).has_text
    assert not checked_svg(svg(RECT)).has_text


def test_sides_keep_their_proportion() -> None:
    assert [Drawing("", aspect).pixels(512) for aspect in (1, 2, 0.5)] == [(512, 512), (512, 256), (256, 512)]


def test_a_refused_drawing_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_bytes(svg("<script/>"))
    with pytest.raises(BadImageError, match=r"a\.svg: <script> runs a script"):
        open_image("a.svg", within=tmp_path)


def test_a_drawing_is_told_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<?xml version='1.0'?>" + svg("<script/>"))
    with pytest.raises(BadImageError, match="runs a script"):
        open_image("a.png", within=tmp_path)


def test_a_drawing_is_rasterised_on_white(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    (tmp_path / "a.svg").write_bytes(svg(RECT + "<text>A</text>"))
    opened = read_image("a.svg", within=tmp_path)
    assert (opened.image.mode, opened.image.size) == ("RGB", (512, 256))
    assert [opened.image.getpixel(place) for place in ((100, 100), (400, 100))] == [
        (255, 0, 0),
        (255, 255, 255),
    ]
    assert opened.notes == ("text in a drawing: left out",)


def test_a_drawing_that_makes_the_renderer_panic_is_named(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    vast = 'width="7200000" height="7200000"'
    mask = f'<mask id="p" x="-100000" y="-10000" width="900000" height="900000"><rect {vast}/></mask>'
    (tmp_path / "a.svg").write_bytes(svg(f'{mask}<rect {vast} mask="url(#p)"/>'))
    with pytest.raises(BadImageError, match=r"a\.svg: cannot be drawn"):
        open_image("a.svg", within=tmp_path)
