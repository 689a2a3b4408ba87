"""Spreadsheets from bytes to rows and back: CSV as French offices write it, and XLSX.

Leaves what the cells mean to `jobs.intake`, and tables of LibreOffice to `web.ods`.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from html import unescape
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from jobs.habits import whole
from jobs.intake import MOST_LINES, Cell, Table, apart, heading_score, is_list
from jobs.packs import says_quantity
from web.number_formats import plain_cell
from web.ods import UnreadableTableError, read_ods

#: The media type of a workbook.
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_COLUMNS = 60
_MOST_SHEETS = 60
#: A row in one cell holds so many signs that cut it, or it is a title.
_LEAST_CUT: Final = 3
#: Rows with anything in them, and those among which they may stand.
_MOST_FILLED: Final = MOST_LINES + 30
_MOST_ROWS: Final = 10_000
#: A number with fewer digits is a quantity, and no telephone number or code.
_MOST_QUANTITY: Final = 6
#: An XLSX file is a ZIP archive: what it unpacks to at most.
_MOST_UNPACKED: Final = 32 << 20
_MOST_MANIFEST: Final = 1 << 20
_DELIMITERS = ";\t,|"
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
#: A text within its cell of which a part is struck through.
_STRUCK_INSIDE = re.compile(
    rb'<c r="[A-Z]{1,3}(\d{1,7})"[^>]*><is>(?:(?!</is>).)*?<strike(?! val="0")'
)
_COLUMN = re.compile(rb"<col [^>]*>")
#: Excel's own word on the separator, in the first line of a file.
_SEP = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
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
WHYS: Final = ("no-sheet", "too-long", "too-wide", "many-sheets", "old-book", "locked", "quotes")


def read_book(
    data: bytes, is_article: Callable[[str], bool] = lambda _: False
) -> tuple[Table, ...]:
    """Return the tables of a file that ask for things; the one that names most columns where none does.

    Args:
        data: the file.
        is_article: whether the name of a column is one of a design: its quantities stand in it then.

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
    for table in tables:
        while table.rows and not any(cell not in (None, "") for cell in table.rows[-1]):
            table.rows.pop()
        if sum(any(cell not in (None, "") for cell in row) for row in table.rows) > _MOST_FILLED:
            raise UnreadableSheetError("too-long")
        _cut(table)
    tables = [each for table in tables for each in apart(table)]
    lists = [each for each in tables if is_list(each.rows, is_article)]
    return tuple(
        lists or [max(tables, key=lambda each: heading_score(each.rows), default=_NOTHING)]
    )


def _cut(table: Table) -> None:
    """Cut the cells of a table that holds each row in one cell: a CSV file that was opened and saved again."""
    rows = [[cell for cell in row if cell not in (None, "")] for row in table.rows]
    text = [str(row[0]) if row else "" for row in rows]
    widest = max((each.count(_delimiter("\n".join(text))) for each in text), default=0)
    if widest >= _LEAST_CUT and max(map(len, rows)) == 1 and "\n" not in "".join(text):
        table.rows[:] = _rows("\n".join(text))


_NOTHING: Final = Table(name="", rows=[])


def _ods(data: bytes) -> list[Table]:
    if b"encryption-data" in _manifest(data):
        raise UnreadableSheetError("locked")
    try:
        return [_even(each) for each in read_ods(data, _MOST_FILLED + 30, _MOST_COLUMNS)]
    except UnreadableTableError as error:
        raise UnreadableSheetError("no-sheet") from error


def _manifest(data: bytes) -> bytes:
    """Return what a file of LibreOffice says of its parts; nothing where it does not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            part = archive.getinfo("META-INF/manifest.xml")
            return archive.read(part) if part.file_size < _MOST_MANIFEST else b""
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError):
        return b""


def _csv(data: bytes) -> list[list[Cell]]:
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff")) or _wide(data)
    if b"\0" in data[:4096] and not is_wide:
        raise UnreadableSheetError("no-sheet")
    text = _text(data)
    first, _, rest = text.partition("\n")
    told = _SEP.fullmatch(first)
    if told is not None:
        text = f"\n{rest}"  # the lines keep their numbers
    return _rows(text, told[1] if told is not None else "")


def _rows(text: str, delimiter: str = "") -> list[list[Cell]]:
    """Return the cells of a text."""
    delimiter = delimiter or _delimiter(text)
    rows: list[list[Cell]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if any(row[_MOST_COLUMNS:]):
                raise UnreadableSheetError("too-wide", len(rows) + 1)
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
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, rich_text=True)
        try:
            # What is hidden is not meant.
            seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            if len(seen) > _MOST_SHEETS:
                raise UnreadableSheetError("many-sheets")
            return [_even(_table(book, each)) for each in seen]
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


def _even(table: Table) -> Table:
    """Return a table whose rows are of one width: a cell beyond its header has moved nothing."""
    width = max(map(len, table.rows), default=0)
    for row in table.rows:
        row.extend([None] * (width - len(row)))
    return table


def _sheet(sheet: Any) -> tuple[list[list[Cell]], set[int]]:
    """Return the rows, and the numbers of those in which a cell is struck through."""
    from openpyxl.cell.read_only import EMPTY_CELL  # noqa: PLC0415

    found: list[list[Cell]] = []
    struck: set[int] = set()
    many = 0
    for number, row in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS + 1), 1):
        # Most cells of a long sheet are this one.
        filled = [cell for cell in row if cell is not EMPTY_CELL and cell.value is not None]
        many += bool(filled)
        if many > _MOST_FILLED or (filled and number > _MOST_ROWS):
            raise UnreadableSheetError("too-long")
        if row[_MOST_COLUMNS:] and row[_MOST_COLUMNS].value is not None:
            raise UnreadableSheetError("too-wide", number)
        if number > _MOST_ROWS:
            continue
        if any(cell.font.strike for cell in filled):
            struck.add(number)
        cells = [plain_cell(cell) for cell in row] if filled else []
        while cells and cells[-1] is None:
            cells.pop()
        found.append(cells)
    return found, struck


def _table(book: Any, sheet: Any) -> Table:
    """Return a sheet with what openpyxl says only of a book that is wholly in memory."""
    rows, struck = _sheet(sheet)
    with book._archive.open(sheet._worksheet_path) as source:  # noqa: SLF001
        text = source.read(_MOST_UNPACKED)
    _fill_down(rows, _MERGED.findall(text)[:MOST_LINES])
    struck |= {int(each) for each in _STRUCK_INSIDE.findall(text)}
    for column, number, formula in _UNCOUNTED.findall(text):
        _put(rows, column.decode(), int(number), "=" + unescape(formula.decode()))
    hidden = frozenset(map(int, _HIDDEN.findall(text)))
    _blank(rows, _unseen(text))
    return Table(name=sheet.title, rows=rows, hidden=hidden, struck=frozenset(struck))


def _unseen(text: bytes) -> list[int]:
    """Return the places of the columns that nobody sees."""
    found: list[int] = []
    for column in _COLUMN.findall(text):
        first, last = (re.search(rb'\b%s="(\d{1,5})"' % name, column) for name in (b"min", b"max"))
        if first and last and re.search(rb'\bhidden="(?:1|true)"', column):
            found.extend(range(int(first[1]) - 1, min(int(last[1]), _MOST_COLUMNS)))
    return found


def _blank(rows: list[list[Cell]], places: Iterable[int]) -> None:
    """Empty the columns of quantities that nobody sees: what shows holds."""
    for place in places:
        column = [row[place] for row in rows if place < len(row)]
        if any(isinstance(cell, str) and says_quantity(cell) for cell in column):
            for row in rows:
                row[place : place + 1] = [None] * (place < len(row))


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
        for row in rows[top:bottom] if _holds_below(cell) else ():
            row.extend([None] * (left - len(row)))
            row[left - 1] = cell


def _holds_below(cell: Cell) -> bool:
    """Return whether what is merged downwards holds for each row: a quantity is for all of them together."""
    if isinstance(cell, str):
        return whole(cell) is None or sum(map(str.isdigit, cell)) > _MOST_QUANTITY
    return isinstance(cell, date) or (cell is not None and cell >= 10**_MOST_QUANTITY)


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
