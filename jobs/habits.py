"""How hospitals write their lists: where the header is, what days and numbers look like, what is no line. Pure.

Leaves what a line asks for to `jobs.intake`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

#: Title lines, logos and addresses stand above a header: so many filled lines at most.
_MOST_ABOVE: Final = 20
#: A day without a year that passed so long ago is one of next year.
_PASSED: Final = timedelta(days=60)
#: Days since this one are how a spreadsheet keeps a day; five digits are 2009 to 2064.
_SPREADSHEET_ZERO: Final = date(1899, 12, 30)
_SERIAL = re.compile(r"[4-5]\d{4}(?:\.0+)?")
_MONTHS: Final = (
    ("janvier", "january"), ("fevrier", "february"), ("mars", "march"), ("avril", "april"),
    ("mai", "may"), ("juin", "june"), ("juillet", "july"), ("aout", "august"),
    ("septembre", "september"), ("octobre", "october"), ("novembre", "november"),
    ("decembre", "december"),
)  # fmt: skip
_CLOCK = r"(?:[ t]\d{1,2}[:h]\d{2}(?::\d{2})?(?:\.\d+)?z?)?"
_NUMBERS = (
    re.compile(rf"(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_CLOCK}"),
    re.compile(rf"(?P<d>\d{{1,2}})[/.\- ](?P<m>\d{{1,2}})[/.\- ](?P<y>\d{{4}}|\d{{2}}){_CLOCK}"),
    re.compile(r"(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})"),
    re.compile(r"(?P<d>\d{1,2})[/.](?P<m>\d{1,2})(?P<y>)"),
)
_WORDS = re.compile(
    r"(?P<d>\d{1,2})(?:er|st|nd|rd|th)?[ ./-]+(?P<m>[a-z]{3,9})\.?(?:[ ./-]+(?P<y>\d{4}|\d{2}))?"
)
#: What people write before a day.
_BEFORE = re.compile(
    r"^(?:(?:le|pour|avant|d'ici|jusqu'au|au plus tard|by|before|on|the"
    r"|(?:lun|mar|mer|jeu|ven|sam|dim)[a-z]*\.?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?),? +)+"
)
#: What people write after a number.
_UNITS = re.compile(
    r"(?<=\d)(?:pieces?|pcs?|p|unites?|units?|u|exemplaires?|ex|kits?|visieres?|masques?)\.?$"
)
_TOTAL = re.compile(r"^(?:sous[ -]?)?(?:total|totaux|somme|cumul|sum|grand total)\b")


def plain(text: str) -> str:
    """Return small letters without accents, with single spaces; "_" is a space."""
    bare = unicodedata.normalize("NFKD", text.replace("_", " ").replace("’", "'"))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())


def heading(text: str) -> str:
    """Return the name of a column without accents and marks; what stands in brackets is left out."""
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"\(.*?\)|\[.*?\]", " ", plain(text))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Where the names of the columns stand, and which column is which."""

    first: int  # index of the first row that belongs to it
    last: int  # of the last one: a header may be in two rows
    names: tuple[str, ...]
    columns: tuple[str, ...]  # "" where a name is not known


def find_header(rows: Sequence[tuple[str, ...]], known: Mapping[str, str]) -> Header:
    """Return the row, or the two, that name most columns; the first row where none names any.

    Args:
        rows: filled rows from the top of the sheet; at least one.
        known: column by what `heading` makes of its name.
    """
    best = Header(
        first=0, last=0, names=rows[0], columns=tuple(_column(name, known) for name in rows[0])
    )
    for index, row in enumerate(rows[:_MOST_ABOVE]):
        below = rows[index + 1] if index + 1 < len(rows) else ()
        one = tuple(_column(name, known) for name in row)
        width = max(len(row), len(below))
        both = [(_at(row, n), _at(below, n)) for n in range(width)]
        two = tuple(
            _column(f"{up} {down}", known) or _column(down, known) or _column(up, known)
            for up, down in both
        )
        names = tuple(down or up for up, down in both)
        for found in (
            Header(first=index, last=index, names=row, columns=one),
            Header(first=index, last=index + 1, names=names, columns=two),
        ):
            if _score(found) > _score(best):
                best = found
    return best


def _at(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _column(name: str, known: Mapping[str, str]) -> str:
    return known.get(heading(name), "")


def _score(found: Header) -> int:
    return len({column for column in found.columns if column})


def is_total(cells: Sequence[str]) -> bool:
    """Return whether a row sums up the others: it says so in its first words, or is a number alone."""
    filled = [cell for cell in cells if cell]
    if any(_TOTAL.match(plain(cell)) for cell in filled[:2]):
        return len(filled) <= 3  # noqa: PLR2004 - its word, and a sum or two
    return len(filled) == 1 and whole(filled[0]) is not None


def whole(text: str) -> Decimal | None:
    """Return a number as French spreadsheets write it; None where it is none.

    "1 200", "1.200" and "1'200" are twelve hundred, "12,5" is twelve and a half, "400 pcs" is 400.
    """
    bare = re.sub(r"[\s\u2019']", "", plain(text))
    bare = _UNITS.sub("", bare)
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,0+)?", bare):
        bare = bare.replace(".", "")
    elif re.fullmatch(r"\d{1,3}(,\d{3})+\.0+", bare):
        bare = bare.replace(",", "")
    try:
        number = Decimal(bare.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def day(text: str, today: date) -> date | None:
    """Read a day as people write it; the day comes before the month. None where it is none.

    "01/12/2026", "1.12.26", "2026-12-01", "1er décembre 2026", "12 avril", "12-avr-20", "46357" (as a
    spreadsheet counts). Without a year it is the next such day, or one that has just passed.
    """
    bare = _BEFORE.sub("", plain(text))
    if _SERIAL.fullmatch(bare):
        return _SPREADSHEET_ZERO + timedelta(days=int(float(bare)))
    for form in _NUMBERS:
        match = form.fullmatch(bare)
        if match:
            return _date(match["y"], int(match["m"]), int(match["d"]), today)
    match = _WORDS.fullmatch(bare)
    if match is None:
        return None
    months = [
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(name.startswith(match["m"]) or match["m"] == f"{name[:4]}" for name in names)
    ]
    return _date(match["y"] or "", months[0], int(match["d"]), today) if len(months) == 1 else None


def _date(year: str, month: int, day_of: int, today: date) -> date | None:
    try:
        if year:
            return date(int(year) + (2000 if len(year) == 2 else 0), month, day_of)  # noqa: PLR2004
        for guess in (today.year - 1, today.year, today.year + 1):
            found = date(guess, month, day_of)
            if found >= today - _PASSED:
                return found
    except ValueError:
        return None
    return None
