"""Reads one untrusted model file into bodies of triangles. Runs in a child process only.

An STL and an OBJ are one body each. Leaves OBJ to `designs.obj`, plates (3MF) to `designs.threemf`, STEP to
`designs.step`, and every judgement on the surface to `designs.measuring`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from designs.bodies import Body, RefusedError, clean_name, refuse_many
from designs.kinds import is_text
from designs.obj import read_obj

_STL_HEADER = 84
_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_BOM = b"\xef\xbb\xbf"
_NAMES = b"solid"
_CORNER = rb"\s+vertex" + 3 * rb"\s+([^\s]{1,40})"
_FACET = re.compile(
    rb"\bfacet(?:\s+normal(?:\s+[^\s]{1,40}){3})?\s+outer\s+loop"
    + 3 * _CORNER
    + rb"\s+endloop\s+endfacet\b"
)
_VERTEX = re.compile(rb"\bvertex\b")
#: Lines that some programs write between those of a facet.
_ASIDE = re.compile(rb"^[ \t]*(?:colou?r\b|;|#|//)[^\n]*", re.MULTILINE)

#: What a text STL is made of beside numbers, which may have an "e" in them.
_LETTERS = b"abcdfghijklmnopqrstuvwxyz"
_NO_LETTERS = bytes(each for each in range(256) if each not in _LETTERS)
_WORDS = (b"endfacet", b"facet", b"normal", b"outer", b"endloop", b"loop")
_FACET_LETTERS = b"facet normal outer loop vertex vertex vertex endloop endfacet".translate(
    None, _NO_LETTERS
)
#: Stands for the word "vertex" among the numbers.
_MARK = 1e300


def read(source: Path, kind: str) -> tuple[Body, ...]:
    """Return the distinct bodies of a file of the kind "stl", "obj", "3mf" or "step", in the file's order.

    Raises:
        RefusedError: it cannot be read as that, or holds what is not a part.
    """
    if kind == "3mf":
        from designs.threemf import read_3mf  # noqa: PLC0415  # lxml, for plates only

        return read_3mf(source)
    if kind in ("step", "stp"):
        from designs.step import read_step  # noqa: PLC0415  # an extra

        return read_step(source)
    try:
        soup, warnings = (read_obj(source), ()) if kind == "obj" else _read_stl(source)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise RefusedError(f"it cannot be read as {kind.upper()}: {error}") from error
    return (Body(name=clean_name(source.stem), copies=1, soup=soup, warnings=warnings),)


def _read_stl(source: Path) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the triangles of an STL, and what is to be said of its bytes."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(_STL_HEADER)
        told = int.from_bytes(head[80:], "little")
        # No text is as long as its letters say there: a count of four of them is beyond any file.
        if told and size >= _STL_HEADER + told * _STL_RECORD.itemsize:
            refuse_many(told)
            corners = np.fromfile(file, dtype=_STL_RECORD, count=told)["corners"]
            return corners.astype(np.float64), _look_behind(told, file.read())
    text = _without_names(source.read_bytes().removeprefix(_BOM).replace(b"\r", b"\n").lower())
    quick = _read_plain(text)
    return _read_any(text) if quick is None else quick, ()


def _look_behind(told: int, surplus: bytes) -> tuple[str, ...]:
    """Warn of what comes behind the triangles; refuse what may be more of them.

    Some programs fill a file up, or write a note at its end.
    """
    if not surplus:
        return ()
    filled = surplus.count(surplus[:1]) == len(surplus)
    noted = surplus.isascii() and is_text(surplus)
    if len(surplus) >= _STL_RECORD.itemsize and not (filled or noted):
        raise RefusedError(
            f"it says {told} triangles, and {len(surplus)} bytes more come behind them: it is broken;"
            " fetch or export it again"
        )
    return (
        f"{len(surplus)} bytes behind its {told} triangles are left out: look whether the part is whole",
    )


def _without_names(text: bytes) -> bytes:
    """Drop the lines that begin and end a solid: a name may say anything, "vertex" too."""
    kept, at, search = [], 0, 0
    while (found := text.find(_NAMES, search)) >= 0:
        search = found + len(_NAMES)
        begins = text.rfind(b"\n", 0, found) + 1
        if text[begins:found].strip() in (b"", b"end") and not text[search : search + 1].isalnum():
            kept.append(text[at:begins])
            ends = text.find(b"\n", found)
            at = search = ends if ends >= 0 else len(text)
    return b"".join([*kept, text[at:]])


def _read_plain(text: bytes) -> NDArray[np.float64] | None:
    """Read facets that all have the usual words and numbers, ten times as quick; None for others.

    Args:
        text: of any number of solids, in small letters and without names.
    """
    letters = text.translate(None, _NO_LETTERS)
    count = len(letters) // len(_FACET_LETTERS)
    refuse_many(count)
    if not count or letters != count * _FACET_LETTERS:
        return None
    for word in _WORDS:
        text = text.replace(word, b" ")
    try:
        numbers = np.fromstring(text.replace(b"vertex", b" %g " % _MARK), sep=" ")
    except ValueError:
        return None
    if len(numbers) != 15 * count:  # of a normal and three corners, and three marks
        return None
    corners = numbers.reshape(count, 15)[:, 3:].reshape(count, 3, 4)
    return None if (corners[:, :, 0] != _MARK).any() else corners[:, :, 1:]


def _read_any(text: bytes) -> NDArray[np.float64]:
    """Read every facet that is whole; a text with one that is not is refused."""
    corners = sum(1 for _ in _VERTEX.finditer(text))
    refuse_many(corners // 3)
    facets = _FACET.findall(text)
    if corners != 3 * len(facets):
        text = _ASIDE.sub(b"", text)
        corners = sum(1 for _ in _VERTEX.finditer(text))
        facets = _FACET.findall(text)
    if corners != 3 * len(facets):
        raise RefusedError(
            f"{len(facets)} of its triangles are whole, and there are {corners} corners:"
            " it was cut short or is broken; fetch or export it again"
        )
    if not facets:
        return np.zeros((0, 3, 3))
    if b"," in b"".join(facets[0]):
        raise RefusedError(
            "its numbers are written with commas: export it with a point as the decimal sign"
        )
    words = np.asarray(facets, dtype=np.bytes_)
    try:
        return words.astype(np.float64).reshape(-1, 3, 3)
    except ValueError:
        wrong = next(word for word in words.ravel().tolist() if not _is_number(word))
        shown = wrong.decode("ascii", "replace")
        raise RefusedError(f"{shown!r} stands where a number should: export it again") from None


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
