"""What tells a person how to make a part by hand: one SVG, DXF, PDF, PNG or plain text file.

Patterns are shown to makers as they came, so one that a reader could run, or that would fetch
something from elsewhere, is refused in words. How large a drawing is, is told in mm. Leaves DXF and
PDF to `designs.drawing`, which reads them in a child process, and meshes to `designs.mesh`.
"""

from __future__ import annotations

import re
import struct
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import lxml.etree
import msgspec

from designs.child import ChildError, ask
from designs.errors import PatternRefusedError

#: Endings of pattern files.
PATTERNS = (".svg", ".dxf", ".pdf", ".png", ".txt")
#: How browsers call them, by ending.
TYPES: Mapping[str, str] = MappingProxyType(
    {
        "svg": "image/svg+xml",
        "dxf": "image/vnd.dxf",
        "pdf": "application/pdf",
        "png": "image/png",
        "txt": "text/plain; charset=utf-8",
    }
)
MOST_BYTES = 10 * 1024 * 1024
SMALLEST_MM = 5.0
LARGEST_MM = 3000.0
_MOST_PIXELS = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_SVG = "http://www.w3.org/2000/svg"
#: What drawing programs write beside the drawing; no browser does anything with it.
_NOTES = (
    "http://www.inkscape.org/namespaces/inkscape",
    "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://schemas.microsoft.com/visio/2003/SVGExtensions/",
    "http://purl.org/dc/elements/1.1/",
)
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_WORDS = (
    "svg g path rect circle ellipse line polyline polygon text tspan textPath title desc defs use"
    " symbol clipPath mask marker pattern linearGradient radialGradient stop style metadata switch"
    # Words of Inkscape, letters of CorelDRAW and LibreOffice: browsers pass them over.
    " flowRoot flowRegion flowPara flowSpan flowDiv flowLine"
    " font font-face font-face-src font-face-name missing-glyph glyph hkern vkern"
)
_DRAWN = frozenset(_WORDS.split())
_LENGTH = re.compile(
    r"\+?([0-9]{1,40}\.?[0-9]{0,40}(?:e[+-]?[0-9]{1,3})?|\.[0-9]{1,40})(mm|cm|in|pt|pc|px|)",
    re.IGNORECASE,
)
_LENGTH_MM = {
    "mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "px": 25.4 / 96, "": 25.4 / 96,
}  # fmt: skip
#: What makes a style sheet fetch or run something; `url(#...)` stays within the drawing.
_FETCHES = re.compile(
    r"@import|expression\s*\(|javascript:|url\s*\((?!\s*['\"]?\s*#)|image-set\s*\(|\bsrc\s*\(",
    re.IGNORECASE,
)
#: Names and words that anything may stand in.
_NO_STYLE = re.compile(r"id|class|aria-label|data-.*")
#: A document type that defines nothing, as OpenSCAD and CorelDRAW write it; no browser fetches it.
_PLAIN_TYPE = re.compile(
    r'<!DOCTYPE svg( PUBLIC "-//W3C//DTD SVG [^"]*" "https?://www\.w3\.org/[^"]*")?>'
)
#: A drawing that shows parts of itself over and over is shown with so many more elements, and so deep.
_MOST_SHOWN = 500_000
_DEEPEST_USE = 20


def is_pattern(path: str) -> bool:
    """Return whether a file is called as patterns are."""
    return path.lower().endswith(PATTERNS) and "://" not in path


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is known of a pattern that may be shown."""

    width_mm: float | None = None  # of its largest page; None where it does not say
    height_mm: float | None = None
    pages: int = 1


class _Told(msgspec.Struct, kw_only=True):
    refused: str = ""
    width_mm: float | None = None
    height_mm: float | None = None
    pages: int = 1


def check_pattern(path: Path) -> Drawing:
    """Look at a pattern before anybody is shown it.

    Raises:
        PatternRefusedError: names the file, and what must not be in it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PatternRefusedError(path.name, f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise PatternRefusedError(path.name, "is larger than 10 MiB")
    kind = path.suffix.lower()
    if kind in (".dxf", ".pdf"):
        drawing = _ask_child(path, kind.removeprefix("."), content)
    else:
        kinds = {".svg": _svg, ".png": _png, ".txt": _text}
        check = kinds.get(kind)
        why = "is no SVG, DXF, PDF, PNG or TXT file" if check is None else check(content)
        if why:
            raise PatternRefusedError(path.name, why)
        drawing = _svg_size(content) if kind == ".svg" else Drawing()
    _check_size(path.name, drawing)
    return drawing


def _ask_child(path: Path, kind: str, content: bytes) -> Drawing:
    if kind == "pdf" and not content.startswith(b"%PDF-"):
        raise PatternRefusedError(path.name, "is no PDF document")
    with tempfile.TemporaryDirectory(prefix="fabnet-pattern-") as folder:
        try:
            line = ask("designs.drawing", (str(path.resolve()), kind), Path(folder))
            told = msgspec.json.decode(line, type=_Told)
        except (ChildError, msgspec.DecodeError) as error:
            raise PatternRefusedError(path.name, f"cannot be read: {error}") from error
    if told.refused:
        raise PatternRefusedError(path.name, told.refused)
    return Drawing(width_mm=told.width_mm, height_mm=told.height_mm, pages=told.pages)


def _svg_size(content: bytes) -> Drawing:
    """Return what a drawing says of its size; a length without a unit is in pixels, 96 an inch."""
    root = lxml.etree.fromstring(content, lxml.etree.XMLParser(resolve_entities=False))
    width, height = (_LENGTH.fullmatch(root.get(side, "").strip()) for side in ("width", "height"))
    if width is None or height is None:
        return Drawing()
    sides = [float(told[1]) * _LENGTH_MM[told[2].lower()] for told in (width, height)]
    return Drawing(width_mm=sides[0], height_mm=sides[1])


def _check_size(name: str, drawing: Drawing) -> None:
    if drawing.width_mm is None or drawing.height_mm is None:
        return
    short, long = sorted((drawing.width_mm, drawing.height_mm))
    if not (long >= SMALLEST_MM and short >= 0 and long <= LARGEST_MM):
        raise PatternRefusedError(
            name,
            f"measures {drawing.width_mm:.4g} × {drawing.height_mm:.4g} mm; its longer side must be"
            f" between {SMALLEST_MM:.0f} and {LARGEST_MM:.0f}: export it in millimetres",
        )


def _svg(content: bytes) -> str:
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = lxml.etree.fromstring(content, parser)
    except (lxml.etree.LxmlError, ValueError) as error:
        return f"is no SVG drawing: {error}"
    if root.tag != f"{{{_SVG}}}svg":
        return "is no SVG drawing"
    if not _plain_type(root.getroottree()):
        return "has a document type of its own (<!DOCTYPE>): save it as plain SVG"
    for each in (*root.itersiblings(preceding=True), *root.itersiblings(), *root.iter()):
        if each.tag is lxml.etree.Comment:
            continue
        if not isinstance(each.tag, str):
            return "names a style sheet or entity from elsewhere: save it as plain SVG"
        if why := _element(each):
            return why
    return "" if _is_bounded(root) else "shows parts of itself too often (<use>): make them paths"


def _plain_type(tree: lxml.etree._ElementTree) -> bool:
    """Return whether a drawing has no document type, or one that defines nothing."""
    if tree.docinfo.internalDTD is None:
        return True
    # It comes first, and with all that it defines.
    return _PLAIN_TYPE.match(lxml.etree.tostring(tree, encoding="unicode")) is not None


def _is_bounded(root: lxml.etree._Element) -> bool:
    """Return whether a browser is done with a drawing soon, whatever it shows of itself."""
    named = {name: each for each in root.iter() if (name := each.get("id"))}
    left = _MOST_SHOWN + sum(1 for _ in root.iter(lxml.etree.Element))

    def show(shown: lxml.etree._Element, depth: int) -> bool:
        nonlocal left
        for each in shown.iter(lxml.etree.Element):
            left -= 1
            href = each.get("href") or each.get(_XLINK_HREF) or ""
            target = named.get(href.strip()[1:])
            if left < 0 or (
                target is not None and (depth > _DEEPEST_USE or not show(target, depth + 1))
            ):
                return False
        return True

    return show(root, 0)


def _element(each: lxml.etree._Element) -> str:
    name = lxml.etree.QName(each.tag)
    if name.namespace not in (_SVG, *_NOTES) or (
        name.namespace == _SVG and name.localname not in _DRAWN
    ):
        return f"has <{name.localname}>, which is no line, shape or words: only those are taken"
    if name.localname == "style" and _FETCHES.search(_plain("".join(each.itertext()))):
        return "has a style sheet that fetches something: only what is in the file is taken"
    for key, value in each.attrib.items():
        called = lxml.etree.QName(key)
        attribute = called.localname.lower()
        if attribute.startswith("on"):
            return f"has a script ({attribute}=...): save it without"
        if attribute in ("href", "src") and not value.strip().startswith("#"):
            return (
                f"names something outside the file ({attribute}=...): only what is in it is taken"
            )
        # What a program notes for itself (where a drawing lay on a disk of Windows) is no style.
        noted = name.namespace != _SVG or called.namespace or _NO_STYLE.fullmatch(attribute)
        if not noted and _FETCHES.search(_plain(value)):
            return (
                f"fetches something from elsewhere ({attribute}=...): only what is in it is taken"
            )
    return ""


def _plain(style: str) -> str:
    """Return a style as a browser reads it: without comments; an escape counts as a fetch."""
    return "@import" if "\\" in style else re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)


def _png(content: bytes) -> str:
    if not content.startswith(_PNG + b"\0\0\0\rIHDR") or _PNG_END not in content:
        return "is no PNG picture, or not a whole one"
    if not content.endswith(_PNG_END):
        return "has something behind the end of its picture: save it anew"
    width, height = struct.unpack(">II", content[16:24])
    if width * height > _MOST_PIXELS or not width * height:
        return f"has {width} × {height} points: between 1 and 50 million are taken"
    return ""


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "is no plain text in UTF-8"
    if any(unicodedata.category(sign) == "Cc" for sign in text if sign not in "\n\r\t"):
        return "has characters that are no text"
    return "" if text.strip() else "is empty"
