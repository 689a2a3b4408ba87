"""Spreadsheets from bytes to rows and back: CSV as French offices write it, and XLSX.

Leaves what the cells mean to `jobs.intake`.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from jobs.intake import MOST_LINES, Cell

#: The media type of a workbook.
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_COLUMNS = 60
#: An XLSX file is a ZIP archive: what it unpacks to at most.
_MOST_UNPACKED: Final = 32 << 20
_DELIMITERS = ";\t,"
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class UnreadableSheetError(Exception):
    """A file that is no list; `why` is "no-sheet" or "too-long"."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"not a list: {why}")


def read_sheet(data: bytes) -> list[list[Cell]]:
    """Return the rows of a CSV file or of the first sheet of an XLSX file.

    Raises:
        UnreadableSheetError: it is neither, or longer than a list may be.
    """
    rows = _xlsx(data) if data.startswith(b"PK\x03\x04") else _csv(data)
    if len(rows) > MOST_LINES + 1:
        raise UnreadableSheetError("too-long")
    return rows


def _csv(data: bytes) -> list[list[Cell]]:
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableSheetError("no-sheet")
    text = _text(data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        return [
            [*row[:_MOST_COLUMNS]]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        ]
    except csv.Error as error:
        raise UnreadableSheetError("no-sheet") from error


def _text(data: bytes) -> str:
    """Return the text of a file: UTF-16 with its mark, UTF-8 with or without, or Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _xlsx(data: bytes) -> list[list[Cell]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_UNPACKED:
                raise UnreadableSheetError("too-long")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            rows = sheet.iter_rows(max_row=MOST_LINES + 2, max_col=_MOST_COLUMNS, values_only=True)
            return [[_plain(cell) for cell in row] for row in rows]
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


def _plain(cell: object) -> Cell:
    return cell if isinstance(cell, str | int | float | date | None) else str(cell)


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
