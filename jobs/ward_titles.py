"""A list without a column of wards, whose wards stand alone in rows between the lines. Pure.

Leaves which columns there are to `jobs.habits`, and what a line asks for to `jobs.intake`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jobs.habits import Header, heading, is_total
from jobs.unfold import Row, is_ward

#: "Service de dermatologie" is a ward whatever its word.
_BEFORE: Final = frozenset("service unite pole secteur ward unit".split())  # noqa: SIM905
#: A title is short; a longer row says something.
_MOST_WORDS: Final = 6
#: A row with fewer cells than these is a note or a sum, and no line of a ward.
_LEAST_CELLS: Final = 3


def under_wards(found: Header, rows: Sequence[Row]) -> tuple[Header, Sequence[Row]]:
    """Return a list with a column of wards, filled from the titles above its lines; as it came without any.

    The titles are not among the rows then. Where lines name wards in the column in which a title stands,
    it is a line that asks for nothing.
    """
    if "service" in found.columns:
        return found, rows
    wards = {
        place
        for _, cells in rows
        if _filled(cells) >= _LEAST_CELLS
        for place, cell in enumerate(cells)
        if is_ward(cell)
    }
    if not any(_title(cells, wards) for _, cells in rows):
        return found, rows
    ward, lines = "", []
    for number, cells in rows:
        if title := _title(cells, wards):
            ward = title
            continue
        again = [*map(heading, cells)] == [*map(heading, found.names)]
        if ward and _filled(cells) >= _LEAST_CELLS and not again and not is_total(cells):
            short = len(found.names) - len(cells)
            lines.append((number, (*cells[: len(found.names)], *[""] * short, ward)))
        else:
            lines.append((number, cells))
    names, columns = (*found.names, "service"), (*found.columns, "service")
    return Header(first=found.first, last=found.last, names=names, columns=columns), lines


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell) for cell in cells)


def _title(cells: Sequence[str], wards: set[int]) -> str:
    """Return the ward that a row names and nothing else, "" where it is another row."""
    if _filled(cells) != 1 or is_total(cells):
        return ""
    place, text = next((place, cell) for place, cell in enumerate(cells) if cell)
    title = text.strip(" :-–—\n")
    words = heading(title).split()
    named = bool(words) and (is_ward(title) or (words[0] in _BEFORE and len(words) > 1))
    return title if named and len(words) <= _MOST_WORDS and place not in wards else ""
