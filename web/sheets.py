"""Spreadsheets from bytes to rows and back: CSV as French offices write it, and XLSX.

Leaves what the cells mean to `jobs.intake`, and tables of LibreOffice to `web.ods`.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from html import unescape
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from jobs.intake import MOST_LINES, Cell, Table, heading_score, is_list
from web.ods import UnreadableTableError, read_ods

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
#: How "é" and its like look that were written in UTF-8 and read as Windows' letters.
_TWICE = re.compile("Ã[\x80-\xbf\u2030\u0160\u2021\u02c6\u20ac]")
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
#: A formula whose result is not in the file, as programs write it that do not count.
_UNCOUNTED = re.compile(
    rb'<c r="([A-Z]{1,3})(\d{1,7})"[^>]*><f[^>/]*(?:/>|>([^<]*)</f>)(?:<v\s*/>|<v></v>)?</c>'
)
_HIDDEN = re.compile(rb'<row (?=[^>]*\bhidden="(?:1|true)")[^>]*\br="(\d{1,7})"')
#: Excel's own word on the separator, in the first line of a file.
_SEP = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
#: The format of a number whose zeros or spaces are part of it: a postcode, a telephone number.
_CODE_FORMAT = re.compile(r'(?:[0#]|"[^"]*"|\\.|[ .\-/])+')
_FORMAT_PIECE = re.compile(r'"([^"]*)"|\\(.)|(.)')
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


#: How a workbook of Excel before 2007 begins, and one with a password.
_OLD_BOOK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
_ODS: Final = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
#: What is no table whatever its name says: a page, a PDF.
_OTHERS: Final = (b"<", b"%PDF")
_MARK: Final = b"\xef\xbb\xbf"


class UnreadableSheetError(Exception):
    """A file that is no list; `why` is one of `WHYS`, `line` the row from which it cannot be read, or 0."""

    def __init__(self, why: str, line: int = 0) -> None:
        self.why = why
        self.line = line
        super().__init__(f"not a list: {why}" + (f" (line {line})" if line else ""))


#: Why a file cannot be read.
WHYS: Final = ("no-sheet", "too-long", "old-book", "locked", "quotes")


def read_book(data: bytes) -> tuple[Table, ...]:
    """Return the sheets of a file that ask for things; the one that names most columns where none does.

    Raises:
        UnreadableSheetError: it is no table, or a sheet is longer than a list may be.
    """
    if data.startswith(_OLD_BOOK):
        raise UnreadableSheetError("locked" if _LOCKED in data else "old-book")
    if data.removeprefix(_MARK).lstrip().startswith(_OTHERS):
        raise UnreadableSheetError("no-sheet")
    if data.startswith(b"PK\x03\x04"):
        tables = _ods(data) if _ODS in data[:200] else _xlsx(data)
    else:
        tables = [Table(name="", rows=_csv(data))]
    lists = [each for each in tables if is_list(each.rows)]
    found = lists or [max(tables, key=lambda each: heading_score(each.rows), default=_NOTHING)]
    for table in found:
        while table.rows and not any(cell not in (None, "") for cell in table.rows[-1]):
            table.rows.pop()
        filled = sum(any(cell not in (None, "") for cell in row) for row in table.rows)
        if filled > MOST_LINES + _MOST_BESIDES:
            raise UnreadableSheetError("too-long")
    return tuple(found)


_NOTHING: Final = Table(name="", rows=[])


def _ods(data: bytes) -> list[Table]:
    try:
        return read_ods(data, MOST_LINES + 2 * _MOST_BESIDES, _MOST_COLUMNS)
    except UnreadableTableError as error:
        raise UnreadableSheetError("no-sheet") from error


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
    rows: list[list[Cell]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append([*row[:_MOST_COLUMNS]])
    except csv.Error as error:
        raise UnreadableSheetError("quotes", len(rows) + 1) from error
    return rows


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
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return max((data.decode(page, "replace") for page in _CODE_PAGES), key=_frenchness)
    return _once(text) if _TWICE.search(text) else text


def _once(text: str) -> str:
    """Return a text that was UTF-8, was opened as Windows' letters, and saved as UTF-8 again: "QuantitÃ©"."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


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


def _xlsx(data: bytes) -> list[Table]:
    # With the first workbook: most processes see none, and it takes long to come.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_UNPACKED:
                raise UnreadableSheetError("too-long")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            # What is hidden is not meant.
            seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            return [_table(book, each) for each in seen[:_MOST_SHEETS]]
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
        OSError,  # a letter or slides: no workbook is in it
    ) as error:
        raise UnreadableSheetError("no-sheet") from error


def _sheet(sheet: Any) -> tuple[list[list[Cell]], frozenset[int]]:
    """Return the rows, and the numbers of those whose every word is struck through."""
    most = MOST_LINES + 2 * _MOST_BESIDES
    rows = sheet.iter_rows(max_row=most, max_col=_MOST_COLUMNS)
    found: list[list[Cell]] = []
    struck: set[int] = set()
    for number, row in enumerate(rows, 1):
        filled = [cell for cell in row if cell.value is not None]
        if filled and all(cell.font.strike for cell in filled):
            struck.add(number)
        cells = [_plain(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        found.append(cells)
    return found, frozenset(struck)


def _table(book: Any, sheet: Any) -> Table:
    """Return a sheet with what openpyxl says only of a book that is wholly in memory."""
    rows, struck = _sheet(sheet)
    with book._archive.open(sheet._worksheet_path) as source:  # noqa: SLF001
        text = source.read(_MOST_UNPACKED)
    _fill_down(rows, _MERGED.findall(text)[:MOST_LINES])
    for column, number, formula in _UNCOUNTED.findall(text):
        _put(rows, column.decode(), int(number), "=" + unescape(formula.decode()))
    hidden = frozenset(map(int, _HIDDEN.findall(text)))
    return Table(name=sheet.title, rows=rows, hidden=hidden, struck=struck)


def _put(rows: list[list[Cell]], letters: str, number: int, text: str) -> None:
    """Write a formula that nobody has counted into its cell: its line says so then."""
    from openpyxl.utils import column_index_from_string  # noqa: PLC0415  # as where the book is read

    column = column_index_from_string(letters)
    if number <= len(rows) and column <= _MOST_COLUMNS:
        row = rows[number - 1]
        row.extend([None] * (column - len(row)))
        row[column - 1] = text


def _fill_down(rows: list[list[Cell]], ranges: Iterable[bytes]) -> None:
    """Write what stands in cells that are merged downwards into each of their rows; sums stay alone."""
    from openpyxl.utils import range_boundaries  # noqa: PLC0415  # as where the book is read

    for found in ranges:
        left, top, _, bottom = range_boundaries(found.decode())
        if top > len(rows) or left > len(rows[top - 1]):
            continue
        cell = rows[top - 1][left - 1]
        for row in rows[top:bottom] if isinstance(cell, str | date) else ():
            row.extend([None] * (left - len(row)))
            row[left - 1] = cell


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
