"""Puts the pictures of a plate into its G-code, as PrusaSlicer does where it has a display to draw on.

Printers with a screen and OctoPrint's plugins for thumbnails look for these comments near the head of a file.
Leaves which pictures may be taken from a plate file to `designs.thumbnails`.
"""

from __future__ import annotations

import base64
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from designs.errors import DesignError
from designs.thumbnails import Picture, pictures_in

_log = logging.getLogger(__name__)

#: Around a picture; Orca and Cura's scripts write the same words.
_BEGINS = re.compile(r"; thumbnail(?:_[A-Z]+)? begin ")
_ENDS = re.compile(r"; thumbnail(?:_[A-Z]+)? end\b")
#: As PrusaSlicer's `GCode.cpp` writes them.
_SIGNS_A_LINE = 78
#: The first line of a slicer's file says its name and the time.
_LONGEST_LINE = 200


def illustrate(gcode: Path, plate: Path) -> None:
    """Put the pictures of a plate file behind the first comment of its G-code.

    Without pictures, and where what is in their place is none, it stays as it is: no print waits for them.

    Raises:
        OSError: it cannot be written.
    """
    try:
        text = comments(pictures_in(plate))
    except DesignError as error:
        _log.warning("the G-code has no picture of its plate: %s", error)
        return
    if not text:
        return
    fresh = gcode.with_suffix(".new")
    with gcode.open("rb") as source, fresh.open("wb") as target:
        first = source.readline(_LONGEST_LINE)
        if first.startswith(b";") and first.endswith(b"\n"):
            target.write(first)
        else:
            source.seek(0)
        target.write(text.encode("ascii"))
        shutil.copyfileobj(source, target)
    fresh.replace(gcode)


def comments(pictures: Iterable[Picture]) -> str:
    """Return the lines of G-code that hold pictures, each line with its end; "" for none."""
    lines = []
    for picture in pictures:
        told = base64.b64encode(picture.data).decode("ascii")
        width, height = picture.size
        what = "thumbnail" if picture.kind == "PNG" else f"thumbnail_{picture.kind}"
        lines += ["", ";", f"; {what} begin {width}x{height} {len(told)}"]
        lines += [f"; {told[at : at + _SIGNS_A_LINE]}" for at in range(0, len(told), _SIGNS_A_LINE)]
        lines += [f"; {what} end", ";"]
    return "".join(f"{line}\n" for line in lines)


def without_pictures(lines: Iterable[str]) -> Iterator[str]:
    """Go through the lines of G-code from any slicer that hold no picture."""
    inside = False
    for line in lines:
        if inside:
            inside = _ENDS.match(line) is None
        elif _BEGINS.match(line):
            inside = True
        else:
            yield line
