"""A cell of a workbook as it shows: the zeros of a code, the words that a format puts beside a number.

Leaves which cells there are to `web.sheets`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from jobs.intake import Cell

#: Fewer digits than these in a format are a number, not a code.
_LEAST_PLACES: Final = 2
#: What the format of a number says beside it: "boxes", €, %. Names of colours and languages are no words.
_SAYS = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]\-]+)[^\]]*\]|([%€£])')
#: The format of a number whose zeros or spaces are part of it: a postcode, a telephone number.
_CODE_FORMAT = re.compile(r'(?:[0#]|"[^"]*"|\\.|[ .\-/])+')
_FORMAT_PIECE = re.compile(r'"([^"]*)"|\\(.)|(.)')


def plain_cell(cell: Any) -> Cell:
    """Return what a cell holds, a code with the zeros that its format shows; an error is nothing."""
    value = cell.value
    if cell.data_type == "e" or isinstance(value, bool):
        return None if cell.data_type == "e" else str(value)
    if isinstance(value, list):  # letters of several kinds
        return _unstruck(value)
    if isinstance(value, int | float) and float(value).is_integer():
        return _coded(int(value), cell.number_format) or _worded(value, cell.number_format)
    return value if isinstance(value, str | int | float | date | None) else str(value)


def _unstruck(pieces: Sequence[Any]) -> str:
    """Return a text; a stroke between what is struck through in it and what is not."""
    said, was = "", None
    for piece in pieces:
        strike = bool(getattr(getattr(piece, "font", None), "strike", False))
        said += (" / " if was not in (None, strike) else "") + str(piece)
        was = strike
    return said


def _worded(value: float, pattern: str) -> Cell:
    """Return a number with the words that its format shows beside it: 2, as "2 boxes of 50"."""
    words = "".join("".join(each) for each in _SAYS.findall(pattern.partition(";")[0])).strip()
    number = int(value) * (100 if "%" in words else 1)
    return f"{number} {words}" if re.search(r"[^\W_]|[€$£%]", words) else value


def _coded(number: int, pattern: str) -> str:
    """Return a number as its format shows it, where that is a code: `00000`, `0#" "##" "##`; else ""."""
    section = pattern.partition(";")[0]
    places = len(re.sub(r'"[^"]*"|\\.|[^0#]', "", section))
    if (
        number < 0
        or not _CODE_FORMAT.fullmatch(section)
        or "." in section
        or places < _LEAST_PLACES
    ):
        return ""
    digits, out = [*str(number)], []
    for quoted, escaped, bare in reversed(_FORMAT_PIECE.findall(section)):
        if bare == "0" or (bare == "#" and digits):
            out.append(digits.pop() if digits else "0")
        elif bare != "#":
            out.append(quoted or escaped or bare)
    return ("".join(digits) + "".join(reversed(out))).strip()
