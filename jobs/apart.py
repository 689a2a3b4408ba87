"""Several tables on one sheet, below each other or side by side: each as a list of its own. Pure.

Leaves what a table asks for to `jobs.intake`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jobs.habits import above, day_or_number, find_header, heading, is_total, plain
from jobs.list_columns import LOOSE, NAMES
from jobs.unfold import is_ward

#: A header names at least so many columns, and one of them is the quantity.
_LEAST: Final = 3
#: What stands above a table in so many cells at most: its title, `Hospital: CHU`.
_MOST_TITLE: Final = 2


def starts(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the indexes of the rows with which a table begins; the first is 0.

    A header that is repeated word for word, as on each printed page, begins none, except where something
    is said for all lines above it: the hospital of the lines below.

    Args:
        rows: cells as texts, empty rows among them.
    """
    found = [0]
    last: list[str] | None = None
    previous = 0
    titles: set[str] = (
        set()
    )  # what stood above a header before, and may be printed again on each page
    for index, row in enumerate(rows):
        if not _is_header(row):
            continue
        names = [*map(heading, row)]
        top, said = _titles(rows, index, previous + 1 if last is not None else 0)
        if last is not None and index - previous > 1 and (names != last or said - titles):
            found.append(top)
        last, previous, titles = names, index, titles | said
    return found


def beside(rows: Sequence[Sequence[str]]) -> int:
    """Return at which column a second table begins that has its own header; 0 where none does."""
    for row in rows:
        if not _is_header(row):
            continue
        names = [*map(heading, row)]
        for place, name in enumerate(names):
            if name and name in names[:place] and _says_who(row[place:]) and _says_who(row[:place]):
                return place
    return 0


def _is_header(row: Sequence[str]) -> bool:
    filled = tuple(row)
    if sum(map(bool, filled)) < _LEAST or any(map(day_or_number, filled)):
        return False
    columns = set(find_header([filled], NAMES, LOOSE).columns) - {""}
    return "quantite" in columns and len(columns) >= _LEAST


def _says_who(row: Sequence[str]) -> bool:
    """Return whether a part of a header is one of its own: two articles in a line are for one ward."""
    columns = set(find_header([tuple(row)], NAMES, LOOSE).columns)
    return _is_header(row) and bool(columns & {"etablissement", "service", "contact"})


def _titles(rows: Sequence[Sequence[str]], header: int, least: int) -> tuple[int, set[str]]:
    """Return the first of the rows above a header that say something of its lines or name them, and what."""
    top, said = header, set()
    for index in range(header - 1, least - 1, -1):
        filled = tuple(cell for cell in rows[index] if cell)
        if len(filled) > _MOST_TITLE or is_total(filled):
            break
        if above([filled], NAMES) or (len(filled) == 1 and not _is_no_title(filled[0])):
            top = index
            said.add(plain(" ".join(filled)))
    return top, said


def _is_no_title(text: str) -> bool:
    """Return whether a text is of a page, or names a ward within a list."""
    return is_ward(text) or heading(text).startswith(("page", "service", "suite"))
