"""Tables of LibreOffice (OpenDocument, .ods) from bytes to rows.

Reads as little as a list needs: cells with what repeats and what is merged, what is hidden. Leaves
which sheet is a list to `web.sheets`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from jobs.intake import Cell, Table

#: What the cells unpack to at most: ten times what a long list takes.
_MOST_UNPACKED: Final = 8 << 20
_MOST_SHEETS: Final = 20
#: What a cell shows whose formula has failed.
_ERROR = re.compile(r"#(?:N/A|DIV/0!|REF!|NAME\?|VALUE!|NUM!|NULL!)|Err:\d{3}")
_NUMBERS: Final = ("float", "currency", "percentage")
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


class UnreadableTableError(Exception):
    """A file that is no table of LibreOffice, or is too large."""


def read_ods(data: bytes, most_rows: int, most_columns: int) -> list[Table]:
    """Return the sheets that show.

    Raises:
        UnreadableTableError: it is no such file, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo("content.xml").file_size > _MOST_UNPACKED:
                raise UnreadableTableError("it unpacks to too much")
            text = archive.read("content.xml")
        root: Element = fromstring(text, forbid_dtd=True)
    except (zipfile.BadZipFile, KeyError, ParseError, DefusedXmlException, EOFError,
            NotImplementedError, RuntimeError) as error:  # fmt: skip  # Runtime: it has a password
        raise UnreadableTableError(f"it is no table: {error}") from error
    unseen = {
        style.get(f"{_STYLE}name")
        for style in root.iter(f"{_STYLE}style")
        for each in style.iter(f"{_STYLE}table-properties")
        if each.get(f"{_TABLE}display") == "false"
    }
    seen = [t for t in root.iter(f"{_TABLE}table") if t.get(f"{_TABLE}style-name") not in unseen]
    return [_table(each, most_rows, most_columns) for each in seen[:_MOST_SHEETS]]


def _table(table: Element, most_rows: int, most_columns: int) -> Table:
    rows: list[list[Cell]] = []
    hidden: set[int] = set()
    spans: list[tuple[int, int, int]] = []  # row, column, rows below that are the same
    for row in table.iter(f"{_TABLE}table-row"):
        cells = _row(row, most_columns)
        for column, element in _spanning(row, most_columns):
            below = _count(element, "number-rows-spanned", most_rows) - 1
            spans.append((len(rows), column, below))
        for _ in range(min(_count(row, "number-rows-repeated", most_rows), most_rows - len(rows))):
            rows.append([*cells])
            if row.get(f"{_TABLE}visibility", "visible") != "visible":
                hidden.add(len(rows))
    for top, column, below in spans[:most_rows]:
        cell = rows[top][column] if top < len(rows) and column < len(rows[top]) else None
        for row_below in rows[top + 1 : top + 1 + below] if isinstance(cell, str | date) else ():
            row_below.extend([None] * (column + 1 - len(row_below)))
            row_below[column] = cell
    return Table(name=table.get(f"{_TABLE}name", ""), rows=rows, hidden=frozenset(hidden))


def _row(row: Element, most_columns: int) -> list[Cell]:
    cells: list[Cell] = []
    for element in _cells(row):
        times = _count(element, "number-columns-repeated", most_columns)
        cells.extend([_cell(element)] * min(times, most_columns - len(cells)))
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _spanning(row: Element, most_columns: int) -> Iterator[tuple[int, Element]]:
    """Yield the cells that reach over rows below, with their column from 0."""
    column = 0
    for element in _cells(row):
        if element.get(f"{_TABLE}number-rows-spanned", "1") != "1" and column < most_columns:
            yield column, element
        column += _count(element, "number-columns-repeated", most_columns)


def _cells(row: Element) -> Iterator[Element]:
    for element in row:
        if element.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            yield element


def _count(element: Element, name: str, most: int) -> int:
    """Return how often something is repeated; a number that is none is once."""
    told = element.get(f"{_TABLE}{name}", "1")
    return min(max(int(told), 1), most) if told.isascii() and told.isdecimal() else 1


def _cell(element: Element) -> Cell:
    """Return what a cell holds, a code with the zeros that show; what is covered by another is nothing."""
    kind = element.get(f"{_OFFICE}value-type", "")
    shown = "\n".join("".join(each.itertext()) for each in element.findall(f"{_TEXT}p")).strip()
    if element.tag == f"{_TABLE}covered-table-cell" or _ERROR.fullmatch(shown):
        return None
    value = element.get(f"{_OFFICE}value", "")
    if kind == "date":
        try:
            return date.fromisoformat(element.get(f"{_OFFICE}date-value", "")[:10])
        except ValueError:
            return shown or None
    # A postcode is a number that shows its zeros: 01000, 02 40.
    if kind in _NUMBERS and value and not shown.startswith("0"):
        try:
            return float(value)
        except ValueError:
            return shown or None
    return shown or None
