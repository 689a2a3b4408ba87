"""Says what a file is that was brought as a model, by its first bytes or its ending. Pure.

Leaves to `designs.mesh` which of them may be read, and reading to the modules of its child.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

#: So much of a file's beginning is looked at.
HEAD: Final = 1024
BOM: Final = b"\xef\xbb\xbf"
STL_HEADER: Final = 84
STL_TRIANGLE: Final = 50

#: What files with a model's ending have been found to be, by their first bytes.
_MAGIC = {
    b"\xff\xd8\xff": " but a JPEG picture",
    b"\x89PNG": " but a PNG picture",
    b"GIF8": " but a GIF picture",
    b"%PDF": " but a PDF document",
    b"{\\rtf": " but a text document",
    b"PK\x03\x04": " but a ZIP archive",
    b"version https://git-lfs": " but a Git LFS pointer, not the file itself",
    b"Rar!": " but a RAR archive",
    b"7z\xbc\xaf": " but a 7-Zip archive",
    b"\x1f\x8b": " but a gzip archive",
    b"ISO-10303-21": " but a STEP file",
    b"BLENDER": " but a Blender file",
    b"ply\n": " but a PLY file",
    b"ply\r": " but a PLY file",
    b"glTF": " but a glTF file",
    b"#VRML": " but a VRML file",
    b"OFF\n": " but an OFF file",
    b"OFF\r": " but an OFF file",
    b"\0\x05\x16\x07": " but what a Mac keeps beside a file",
    b"\xd0\xcf\x11\xe0": " but a file of Office or of a CAD program",
    b"\xff\xfe": " but text in UTF-16",
    b"\xfe\xff": " but text in UTF-16",
}
#: What texts have been found to be, the surest first; looked for in the whole head.
_TEXTS = (
    (re.compile(rb"<(!doctype html|html|head|body)\b", re.IGNORECASE), " but a web page"),
    (re.compile(rb"<svg\b"), " but an SVG drawing"),
    (re.compile(rb"<amf\b"), " but an AMF file"),
    (re.compile(rb"\A\s*<(\?xml|!--)"), " but an XML file"),
    (re.compile(rb"\A\s*[{\[]\s*[\"{}\]]"), " but JSON"),
    # Lines as a printer is sent them.
    (re.compile(rb"^[GM]\d+(\s|;|$)", re.MULTILINE), " but G-code, which is for one printer only"),
)
_NO_TEXT = re.compile(rb"[^\t\n\r\x20-\xff]")
_FACET = re.compile(rb"^[ \t]*facet[ \t]+normal\b", re.MULTILINE | re.IGNORECASE)
_CORNER = re.compile(rb"^v[ \t]+[-+.\d]+[ \t]+[-+.\d]", re.MULTILINE)

#: What is brought in the place of a model and cannot be read, by its ending.
_OTHERS = {
    "a PLY file": ("ply",),
    "a glTF file": ("glb", "gltf"),
    "an IGES file": ("igs", "iges"),
    "an OpenSCAD program": ("scad",),
    "a Fusion 360 design": ("f3d", "f3z"),
    "a FreeCAD file": ("fcstd",),
    "a SolidWorks file": ("sldprt", "sldasm", "slddrw"),
    "an Inventor file": ("ipt", "iam"),
    "a Rhino file": ("3dm",),
    "a SketchUp file": ("skp",),
    "a Blender file": ("blend",),
    "a file of a CAD program": (
        "3ds", "brep", "catpart", "dae", "fbx", "max", "off", "prt", "sat", "wrl", "x_b", "x_t",
    ),
    "a drawing": ("dwg", "eps", "ai", "cdr"),
    "a picture": ("bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp"),
    "a text": ("htm", "html", "md", "mtl", "txt"),
}  # fmt: skip
_BY_ENDING = MappingProxyType({e: what for what, endings in _OTHERS.items() for e in endings})
_GCODE = ("g", "gco", "gcode", "bgcode", "makerbot", "ufp", "x3g", "ctb", "sl1")
_PATTERNS = ("dxf", "pdf", "svg")
_ARCHIVES = ("7z", "bz2", "gz", "rar", "tar", "tgz", "xz")


def kind_of(size: int, head: bytes) -> str:
    """Return which kind of model a file is by what is in it: "stl", "obj", "3mf", "step"; "" for none.

    Args:
        size: of the whole file, in bytes.
        head: its first `HEAD` bytes.
    """
    told = int.from_bytes(head[80:STL_HEADER], "little")
    if told and size == STL_HEADER + STL_TRIANGLE * told:
        return "stl"
    if head.startswith(b"PK\x03\x04"):
        return "3mf" if b"3d/3dmodel" in head.lower() else ""
    if head.removeprefix(BOM).lstrip().startswith(b"ISO-10303-21"):
        return "step"
    if b"\0" in head:
        return ""
    return "stl" if _FACET.search(head) else "obj" if _CORNER.search(head) else ""


def really(head: bytes) -> str:
    """Return " but a PNG picture" and the like; "" for what is not known."""
    begins = head.removeprefix(BOM).lstrip()
    for magic, words in _MAGIC.items():
        if begins.startswith(magic):
            return words
    if not head.strip(b"\0"):
        return " but nothing but zeros"
    return next((words for pattern, words in _TEXTS if pattern.search(head)), "")


def is_text(head: bytes) -> bool:
    """Return whether a file begins as a text of any kind."""
    return not _NO_TEXT.search(head)


def why_not_read(ending: str) -> str:
    """Return why no file with this ending is read, and what to do instead.

    Args:
        ending: "scad", in small letters.
    """
    if ending == "amf":
        return "AMF is not read, as hardly a program writes it any more: export it as 3MF or STL"
    if ending in _GCODE:
        return "G-code is for one printer only: bring the model that it was sliced from"
    if ending in _PATTERNS:
        return (
            "a drawing is the pattern of a part that people cut or sew: bring it in a ZIP with a design.toml"
            " that names it"
        )
    if ending in _ARCHIVES:
        return "an archive of this kind is not unpacked: unpack it, or pack it as ZIP"
    what = _BY_ENDING.get(ending)
    if what is None:
        return "only STL, OBJ and 3MF files can be read: export one of them"
    return f"it is {what}, which is not read: export the part as STL, OBJ or 3MF"
