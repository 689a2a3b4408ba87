"""Looks at one untrusted DXF or PDF pattern. Runs in a child process only.

`designs.pattern` starts it. Says how large the drawing is, in mm, or what must not be in it: lines,
shapes and words are taken, and nothing that could run, or names another file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from designs.child import limit

_POINT_MM = 25.4 / 72
_MOST_PAGES = 200
_MOST_OBJECTS = 100_000
_MOST_ENTITIES = 200_000
_DEEPEST = 20

#: $INSUNITS of a DXF; one without a unit is in mm, as an STL is.
_DXF_UNIT_MM = {0: 1.0, 1: 25.4, 2: 304.8, 4: 1.0, 5: 10.0, 6: 1000.0, 14: 100.0}
_DXF_WORDS = (
    "LINE CIRCLE ARC ELLIPSE LWPOLYLINE POLYLINE VERTEX SEQEND SPLINE POINT TEXT MTEXT ATTDEF ATTRIB"
    " INSERT HATCH SOLID TRACE 3DFACE DIMENSION LEADER MULTILEADER VIEWPORT RAY XLINE"
)
_DXF_DRAWN = frozenset(_DXF_WORDS.split())
_DXF_OBJECTS = re.compile(r"IMAGEDEF|UNDERLAY|OLE|VBA|PROXY|DATALINK")
_XREF_FLAGS = 4 | 8

#: Names in a PDF that make a reader do something, or hold a file.
_PDF_ACTS = {
    "/JavaScript": "a script (JavaScript)",
    "/JS": "a script (JavaScript)",
    "/Launch": "a program to start (Launch)",
    "/EmbeddedFile": "an embedded file",
    "/EmbeddedFiles": "an embedded file",
    "/Filespec": "an embedded file",
    "/AA": "actions of its own (AA)",
    "/GoToR": "a link to another file",
    "/GoToE": "a link to another file",
    "/SubmitForm": "a form that is sent away",
    "/ImportData": "a form that fetches something",
    "/XFA": "a form with scripts (XFA)",
    "/RichMedia": "a film or 3D model",
    "/Rendition": "a film or sound",
    "/Movie": "a film or sound",
    "/Sound": "a film or sound",
    "/3D": "a film or 3D model",
}
_PDF_NAME = re.compile(rb"/(?:[A-Za-z0-9]|#[0-9A-Fa-f]{2})+")
#: A shorter name is found in every few MB of packed pictures by chance; among the objects it is none.
_SHORTEST_IN_BYTES = len(b"/Movie")


class _RefusedError(Exception):
    """The message is for the maker, after the file's name."""


def main() -> None:
    """Look at `argv[1]`, of the kind `argv[2]`; print JSON."""
    limit()
    path, kind = Path(sys.argv[1]), sys.argv[2]
    try:
        found = _look_at_dxf(path) if kind == "dxf" else _look_at_pdf(path)
    except _RefusedError as refused:
        found = {"refused": str(refused)}
    except MemoryError:
        found = {"refused": "needs more than 2 GiB of memory to read: simplify it"}
    sys.stdout.write(json.dumps(found) + "\n")


def _look_at_dxf(path: Path) -> dict[str, Any]:
    import ezdxf.bbox  # noqa: PLC0415  # in the child, for DXF only
    import ezdxf.lldxf.const  # noqa: PLC0415

    try:
        drawing = _read_dxf(path)
    except (
        ezdxf.lldxf.const.DXFError, OSError, ValueError, KeyError, IndexError, TypeError,
        AttributeError,
    ) as error:  # fmt: skip
        raise _RefusedError(f"is no DXF drawing: {str(error)[:100]}") from error
    _look_at_entities(drawing)
    # ezdxf gives metres to a drawing of the old kind, which has no unit.
    said = b"$INSUNITS" in path.read_bytes()
    unit = drawing.header.get("$INSUNITS", 0) if said else 0
    if unit not in _DXF_UNIT_MM:
        raise _RefusedError(f"is drawn in unit {unit} ($INSUNITS): export it in millimetres")
    # The quick way takes a curve's control points for the curve: a foil half as large again.
    box = ezdxf.bbox.extents(drawing.modelspace())
    if not box.has_data:
        raise _RefusedError("is an empty drawing")
    width, height = (side * _DXF_UNIT_MM[unit] for side in (box.size.x, box.size.y))
    return {"width_mm": float(width), "height_mm": float(height), "pages": 1}


def _read_dxf(path: Path) -> Any:
    import ezdxf.filemanagement  # noqa: PLC0415
    import ezdxf.lldxf.const  # noqa: PLC0415
    import ezdxf.recover  # noqa: PLC0415

    try:
        return ezdxf.filemanagement.readfile(path)
    except ezdxf.lldxf.const.DXFError:
        # Programs of old (OpenSCAD until 2015) write the numbers of a line in another order. What
        # would be left out or guessed on this way is refused all the same.
        if not path.read_bytes().rstrip().endswith(b"EOF"):
            raise
        drawing, found = ezdxf.recover.readfile(path)
        if found.has_errors:
            raise
        return drawing


def _look_at_entities(drawing: Any) -> None:
    """Refuse what is no line, shape or words, in all layouts and blocks and among the objects."""
    if len(drawing.entitydb) > _MOST_ENTITIES or _shown(drawing) > _MOST_ENTITIES:
        raise _RefusedError(f"has more than {_MOST_ENTITIES} lines and shapes: simplify it")
    for kind in {entity.dxftype() for entity in drawing.entitydb.values()}:
        if _DXF_OBJECTS.search(kind):
            raise _RefusedError(f"holds or names another file ({kind}): save it without")
    for block in drawing.blocks:
        if block.block is not None and block.block.dxf.get("flags", 0) & _XREF_FLAGS:
            raise _RefusedError("shows another file (XREF): bind it into the drawing")
        for kind in {entity.dxftype() for entity in block} - _DXF_DRAWN:
            raise _RefusedError(
                f"has {kind}, which is no line, shape or words: only those are taken"
            )


def _shown(drawing: Any) -> int:
    """Return how many lines and shapes there are, with every block where it is shown."""
    counted: dict[str, int] = {}

    def count(block: Any, depth: int) -> int:
        if depth > _DEEPEST:
            raise _RefusedError("has blocks too deep in one another: explode them")
        total = 0
        for each in block:
            inner = (
                drawing.blocks.get(each.dxf.get("name", "")) if each.dxftype() == "INSERT" else None
            )
            if inner is None:
                total += 1
                continue
            if inner.name not in counted:
                counted[inner.name] = count(inner, depth + 1)
            total += each.mcount * counted[inner.name]
        return total

    return count(drawing.modelspace(), 0)


def _look_at_pdf(path: Path) -> dict[str, Any]:
    import pypdf  # noqa: PLC0415  # in the child, for PDF only
    import pypdf.errors  # noqa: PLC0415

    content = path.read_bytes()
    for name in set(_PDF_NAME.findall(content)):
        if len(name) >= _SHORTEST_IN_BYTES:
            _refuse_name(_unescaped(name))
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if reader.is_encrypted:
            raise _RefusedError("is locked: save it without a password")
        _look_at_objects(reader)
        pages = len(reader.pages)
        if not 0 < pages <= _MOST_PAGES:
            raise _RefusedError(f"has {pages} pages: between 1 and {_MOST_PAGES} are taken")
        sizes = [_shown_mm(page) for page in reader.pages]
    except (
        pypdf.errors.PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError,
        AssertionError, OverflowError, NotImplementedError, RecursionError, OSError,
    ) as error:  # fmt: skip
        raise _RefusedError(f"is no PDF that can be read: {str(error)[:100]}") from error
    return {
        "width_mm": max(size[0] for size in sizes),
        "height_mm": max(size[1] for size in sizes),
        "pages": pages,
    }


def _shown_mm(page: Any) -> tuple[float, float]:
    """Return width and height of what a reader shows of a page, and prints: its crop box on its sheet."""
    unit_mm = float(page.user_unit) * _POINT_MM
    sides = []
    for begin, end in (("left", "right"), ("bottom", "top")):
        # The corners of a box may be told in any order.
        sheet, crop = (
            sorted((float(getattr(box, begin)), float(getattr(box, end))))
            for box in (page.mediabox, page.cropbox)
        )
        shown = min(sheet[1], crop[1]) - max(sheet[0], crop[0])
        sides.append((shown if shown > 0 else sheet[1] - sheet[0]) * unit_mm)
    return (sides[1], sides[0]) if page.rotation % 180 else (sides[0], sides[1])


def _look_at_objects(reader: Any) -> None:
    """Look at every object, also in streams of objects, which the bytes of the file do not show."""
    import pypdf.generic  # noqa: PLC0415

    numbers = {(n, generation) for generation, table in reader.xref.items() for n in table}
    numbers |= {(n, 0) for n in reader.xref_objStm}
    if len(numbers) > _MOST_OBJECTS:
        raise _RefusedError(f"has more than {_MOST_OBJECTS} objects: simplify it")
    # What an object names is an object of the list itself, or lies within it.
    waiting = [
        reader.get_object(pypdf.generic.IndirectObject(n, generation, reader))
        for n, generation in sorted(numbers)
        if n
    ]
    waiting.append(reader.trailer)
    while waiting:
        each = waiting.pop()
        if isinstance(each, pypdf.generic.DictionaryObject):
            for key in each:
                _refuse_name(str(key))
            waiting += [each.raw_get(key) for key in each]
        elif isinstance(each, list):
            waiting += list(each)
        elif isinstance(each, pypdf.generic.NameObject):
            _refuse_name(str(each))


def _unescaped(name: bytes) -> str:
    """Return a name as a reader takes it: /J#53 is /JS."""
    plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), name)
    return plain.decode("latin-1")


def _refuse_name(name: str) -> None:
    if name in _PDF_ACTS:
        raise _RefusedError(f"has {_PDF_ACTS[name]}: print it into a plain PDF")
