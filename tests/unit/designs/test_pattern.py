"""A pattern is shown to makers as it came: what could run, or fetch something, is refused in words."""

import struct
import zlib

import pytest

from designs.errors import ManifestError, PatternRefusedError
from designs.manifest import check_manifest
from designs.pattern import MOST_BYTES, check_pattern
from tests.doubles.world import CATALOGUE

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">{}</svg>'
#: As OpenSCAD and CorelDRAW begin a drawing.
OF_W3C = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"{}>'
SHOWN_OVER_AND_OVER = "".join(
    f'<g id="g{n}">{f"""<use x:href="#g{n - 1}"/>""" * 10}</g>' for n in range(1, 9)
)
PAGE = '<p xmlns="http://www.w3.org/1999/xhtml"/>'


#: What Inkscape writes on Windows, and Illustrator of a layer that was called so.
NOTED = r"""<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:export-filename="C:\Users\ada\foil.png"
 id="A\B" data-name="url(x)" i:label="url(x)"/>"""


def png(width=4, height=4):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height)) if width < 100 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def looked_at(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    check_pattern(path)


def test_our_own_pattern_passes():
    check_pattern(CATALOGUE / "door-hook-pouch" / "pouch.svg")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", SVG.format('<path style="fill:url(#g)" d="M0 0h9"/><use href="#a"/>')),
        ("a.svg", SVG.format("<!-- cut here --><text>120 × 200 mm</text>")),
        ("a.svg", OF_W3C.format("") + SVG.format("<path/>")),
        ("a.svg", SVG.format("""<path clip-path="url('#c')" style='fill: url( "#g" )'/>""")),
        ("a.svg", SVG.format(NOTED)),
        ("a.svg", SVG.format("<switch><g/></switch><flowRoot><flowPara>a</flowPara></flowRoot>")),
        (
            "a.svg",
            SVG.format(
                '<style>@font-face{src:url("#f") format(svg)}</style><font id="f"><glyph/></font>'
            ),
        ),
        ("a.svg", SVG.format('<g id="a"><path/></g>' + '<use x:href="#a"/>' * 900)),
        ("A.SVG", SVG.format("<style>path { stroke: #000 }</style>")),
        ("a.png", png()),
        ("a.txt", "Coudre à 10 mm.\nSew at 10 mm.\n"),
    ],
)
def test_lines_shapes_and_words_pass(tmp_path, name, content):
    looked_at(tmp_path, name, content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.svg", SVG.format("<script>alert(1)</script>"), "<script>"),
        ("a.svg", SVG.format('<path onclick="alert(1)"/>'), "a script"),
        ("a.svg", SVG.format(f"<foreignObject>{PAGE}</foreignObject>"), "<foreignObject>"),
        ("a.svg", SVG.format(f"<metadata>{PAGE}</metadata>"), "<p>"),
        ("a.svg", SVG.format('<image href="https://example.org/a.png"/>'), "<image>"),
        ("a.svg", SVG.format('<use x:href="https://example.org/a.svg#b"/>'), "outside the file"),
        ("a.svg", SVG.format('<use href=" javascript:alert(1)"/>'), "outside the file"),
        ("a.svg", SVG.format('<set attributeName="href" to="x"/>'), "<set>"),
        ("a.svg", SVG.format('<path style="fill:url(https://example.org)"/>'), "fetches"),
        ("a.svg", SVG.format('<path fill="u\\72l(https://example.org)"/>'), "fetches"),
        ("a.svg", SVG.format("<style>@im/**/port 'x'; a{b:url(//example.org)}</style>"), "fetches"),
        ("a.svg", '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;"), "<!DOCTYPE>"),
        ("a.svg", OF_W3C.format(' [<!ENTITY a "b">]') + SVG.format(""), "<!DOCTYPE>"),
        ("a.svg", OF_W3C.format(' [<!ATTLIST svg onload CDATA "x()">]') + SVG.format(""), "<!DOCTYPE>"),
        ("a.svg", '<!DOCTYPE svg SYSTEM "https://example.org/a.dtd">' + SVG.format(""), "<!DOCTYPE>"),
        ("a.svg", SVG.format("""<path style="mask:image-set('//example.org/a' 1x)"/>"""), "fetches"),
        ("a.svg", SVG.format("""<path fill="url('//example.org#a')"/>"""), "fetches"),
        ("a.svg", SVG.format('<font-face-uri x:href="//example.org/a.ttf"/>'), "<font-face-uri>"),
        ("a.svg", SVG.format(SHOWN_OVER_AND_OVER), "too often"),
        ("a.svg", SVG.format('<g id="a"><use x:href="#a"/></g>'), "too often"),
        ("a.svg", '<?xml-stylesheet href="https://example.org/a.css"?>' + SVG.format(""), "elsewhere"),
        ("a.svg", "<html/>", "no SVG"),
        ("a.svg", "no markup", "no SVG"),
        ("a.png", png()[:-1], "no PNG"),
        ("a.png", png() + b"<script>", "behind the end"),
        ("a.png", png(60_000, 60_000), "50 million"),
        ("a.txt", b"\xff\xfe", "UTF-8"),
        ("a.txt", "\x1b[2J", "no text"),
        ("a.txt", " \n", "empty"),
        ("a.txt", b"a" * (MOST_BYTES + 1), "10 MiB"),
        ("a.doc", b"x", "no SVG, DXF, PDF, PNG or TXT"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_words(tmp_path, name, content, says):
    with pytest.raises(PatternRefusedError, match=says) as found:
        looked_at(tmp_path, name, content)
    assert found.value.file == name


def kit(**part):
    return {
        "title": "Kit", "version": "1", "license": "CC0-1.0", "fabnet": {"design": "kit"},
        "part": [
            {"id": "hook", "file": "hook.stl", "materials": ["PETG"]},
            {"id": "pouch", "tsdc": "SEW"} | part,
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"file": "pouch.doc"}, "SVG, DXF, PDF, PNG or TXT"),
        ({"file": "pouch.stl"}, "SVG, DXF, PDF, PNG or TXT"),
        ({"file": "sheet.svg", "tsdc": "BUY"}, "of no use"),
    ],
)
def test_a_manifest_says_what_a_pattern_is(part, says):
    assert check_manifest(kit(file="pouch.svg")).part[1].has_pattern
    assert not check_manifest(kit()).part[1].has_pattern
    with pytest.raises(ManifestError, match=says):
        check_manifest(kit(**part))
