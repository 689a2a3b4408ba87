"""Spreadsheets from bytes to rows and back: CSV as French offices write it, and XLSX.

Leaves what the cells mean to `jobs.intake`.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from jobs.intake import MOST_LINES, Cell, heading_score

#: The media type of a workbook.
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_COLUMNS = 60
_MOST_SHEETS = 20
#: Fewer digits than these in a format are a number, not a code.
_LEAST_PLACES: Final = 2
#: An XLSX file is a ZIP archive: what it unpacks to at most.
_MOST_UNPACKED: Final = 32 << 20
_DELIMITERS = ";\t,|"
#: Titles above the header, and sums below the lines, are not counted as lines.
_MOST_BESIDES: Final = 30
#: Rows by which it is seen what separates cells.
_SAMPLE: Final = 40
#: How Windows, a Mac and DOS wrote accents; of equals the first.
_CODE_PAGES: Final = ("cp1252", "mac_roman", "cp850")
_ACCENTS: Final = frozenset("àâäçèéêëîïôöùûüÿœæÀÂÇÈÉÊËÎÏÔÙÛŒ°’“”«»–—…€²\N{NO-BREAK SPACE}")
_MOSTLY: Final = 0.6
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
#: Excel's own word on the separator, in the first line of a file.
_SEP = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
#: The format of a number whose zeros or spaces are part of it: a postcode, a telephone number.
_CODE_FORMAT = re.compile(r'(?:[0#]|"[^"]*"|\\.|[ .\-/])+')
_FORMAT_PIECE = re.compile(r'"([^"]*)"|\\(.)|(.)')
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class UnreadableSheetError(Exception):
    """A file that is no list; `why` is "no-sheet" or "too-long"."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"not a list: {why}")


def read_sheet(data: bytes) -> list[list[Cell]]:
    """Return the rows of a CSV file, or of the sheet of an XLSX file that is a list.

    Raises:
        UnreadableSheetError: it is neither, or longer than a list may be.
    """
    rows = _xlsx(data) if data.startswith(b"PK\x03\x04") else _csv(data)
    while rows and not any(cell not in (None, "") for cell in rows[-1]):
        rows.pop()
    filled = sum(any(cell not in (None, "") for cell in row) for row in rows)
    if filled > MOST_LINES + _MOST_BESIDES:
        raise UnreadableSheetError("too-long")
    return rows


def _csv(data: bytes) -> list[list[Cell]]:
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff")) or _wide(data)
    if b"\0" in data[:4096] and not is_wide:
        raise UnreadableSheetError("no-sheet")
    text = _text(data)
    first, _, rest = text.partition("\n")
    told = _SEP.fullmatch(first)
    if told is not None:
        text = f"\n{rest}"  # the lines keep their numbers
    delimiter = told[1] if told is not None else _delimiter(text)
    try:
        return [
            [*row[:_MOST_COLUMNS]]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        ]
    except csv.Error as error:
        raise UnreadableSheetError("no-sheet") from error


def _delimiter(text: str) -> str:
    """Return what cuts most lines into the same number of cells: a title above may hold commas."""
    lines = [line for line in text.splitlines() if line.strip()][:_SAMPLE]

    def fit(delimiter: str) -> tuple[int, int]:
        # Lenient: a cell with line breaks in it is cut in the sample.
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        width, times = max(counts.items(), key=lambda each: (each[1], each[0]), default=(0, 0))
        return times, width

    return max(_DELIMITERS, key=fit)


def _text(data: bytes) -> str:
    """Return the text of a file: UTF-16, UTF-8 with a mark or without, or one of the old code pages."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if wide := _wide(data):
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return max((data.decode(page, "replace") for page in _CODE_PAGES), key=_frenchness)


def _wide(data: bytes) -> str:
    """Return how a file without a mark holds two bytes a letter; "" where it does not."""
    head = data[:4096]
    half = len(head) // 2
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if half and zeros.count(0) > _MOSTLY * half:
            return name
    return ""


def _frenchness(text: str) -> int:
    """Return by how many letters a text looks like French more than like a wrong code page."""
    odd = len(re.findall("(?<=[a-z])[ÀÂÇÈÉÊËÎÏÔÙÛŒ]", text))
    return sum(1 if letter in _ACCENTS else -1 for letter in text if letter > "\x7f") - 2 * odd


def _xlsx(data: bytes) -> list[list[Cell]]:
    # With the first workbook: most processes see none, and it takes long to come.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_UNPACKED:
                raise UnreadableSheetError("too-long")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            # What is hidden is not meant; of the others the one that names most columns is the list.
            seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            found = [_fill_down(_sheet(each), book, each) for each in seen[:_MOST_SHEETS]]
            return max(found, key=heading_score, default=[])
        finally:
            book.close()
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        DefusedXmlException,
        ParseError,
        KeyError,
        IndexError,
        ValueError,
        EOFError,
        NotImplementedError,
    ) as error:
        raise UnreadableSheetError("no-sheet") from error


def _sheet(sheet: Any) -> list[list[Cell]]:
    most = MOST_LINES + 2 * _MOST_BESIDES
    rows = sheet.iter_rows(max_row=most, max_col=_MOST_COLUMNS)
    found: list[list[Cell]] = []
    for row in rows:
        cells = [_plain(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        found.append(cells)
    return found


def _fill_down(rows: list[list[Cell]], book: Any, sheet: Any) -> list[list[Cell]]:
    """Write what stands in cells that are merged downwards into each of their rows; sums stay alone."""
    from openpyxl.utils import range_boundaries  # noqa: PLC0415  # as where the book is read

    # openpyxl says what is merged only of a book that is wholly in memory.
    with book._archive.open(sheet._worksheet_path) as source:  # noqa: SLF001
        ranges = _MERGED.findall(source.read(_MOST_UNPACKED))
    for found in ranges[:MOST_LINES]:
        left, top, _, bottom = range_boundaries(found.decode())
        if top > len(rows) or left > len(rows[top - 1]):
            continue
        cell = rows[top - 1][left - 1]
        for row in rows[top:bottom] if isinstance(cell, str | date) else ():
            row.extend([None] * (left - len(row)))
            row[left - 1] = cell
    return rows


def _plain(cell: Any) -> Cell:
    """Return what a cell holds, a code with the zeros that its format shows; an error is nothing."""
    value = cell.value
    if cell.data_type == "e" or isinstance(value, bool):
        return None if cell.data_type == "e" else str(value)
    if isinstance(value, int | float) and float(value).is_integer():
        return _coded(int(value), cell.number_format) or value
    return value if isinstance(value, str | int | float | date | None) else str(value)


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


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file that Excel opens with a double click: semicolons, UTF-8 with its mark.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """Return a workbook of text: what is typed into a column later stays text too, `01000` as it is."""
    from openpyxl import Workbook  # noqa: PLC0415  # as above
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook()
    sheet = book.worksheets[0]
    widest: dict[int, int] = {}
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(row=number, column=column)
            cell.number_format = "@"
            cell.data_type = "s"
            cell.value = _harmless(text)
            widest[column] = max(widest.get(column, 0), len(text))
    for column, letters in widest.items():
        shape = sheet.column_dimensions[get_column_letter(column)]
        shape.width, shape.number_format = letters + 4, "@"
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
