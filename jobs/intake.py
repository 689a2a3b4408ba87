"""A list of requests as hospitals keep it, line by line: what can be ordered, and what is wrong with the rest.

Columns are known by their French or English names, in any order; days, numbers and codes are read as
French spreadsheets write them. Leaves bytes to `web.sheets`, and making orders to the use cases.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from jobs.addresses import mail_in, number_in
from jobs.apart import beside, starts
from jobs.called import meant
from jobs.habits import (
    STATES,
    Header,
    above,
    find_header,
    heading,
    in_packs,
    is_called_off,
    is_ditto,
    is_nothing,
    is_over,
    is_total,
    plain,
    whole,
)
from jobs.list_columns import COLUMNS, EXAMPLE, LOOSE, NAMES, WRONG
from jobs.list_line import BETWEEN, ONCE, Line, Reading, Wrong, line, reading
from jobs.packs import with_units
from jobs.unfold import Row, unfold
from jobs.ward_titles import under_wards

#: What a spreadsheet holds in one place.
Cell = str | int | float | date | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One sheet of a file."""

    name: str  # "" where the file is one sheet
    rows: list[list[Cell]]
    hidden: frozenset[int] = frozenset()  # numbers of rows that nobody sees; the first row is 1
    struck: frozenset[int] = frozenset()  # and of those in which something is struck through
    first: int = 1  # its row, where several tables stand on a sheet


def apart(table: Table) -> list[Table]:
    """Return the tables of a sheet, below each other and side by side; rows keep their numbers."""
    words = [[*map(said, row)] for row in table.rows]
    found = []
    edges = [*starts(words), len(words)]
    for top, end in pairwise(edges):
        above_it: list[list[Cell]] = [[] for _ in range(top)]
        place = beside(words[top:end])
        rows = [row[: place or None] for row in table.rows[top:end]]
        found.append(replace(table, rows=above_it + rows, first=top + 1))
        if place:
            others = [row[place:] for row in table.rows[top:end]]
            found.append(replace(table, rows=above_it + others, first=top + 1))
    return found or [table]


MOST_LINES: Final = 2000

#: Codes that a spreadsheet takes for numbers, and how many digits they have.
_DIGITS: Mapping[str, int] = MappingProxyType({"finess": 9, "code_postal": 5})
#: "tél" beside a number is no name.
_LEAST_LETTERS: Final = 5
#: In a column "unité" beside a quantity these are no ward.
_PIECES: Final = frozenset(
    "u unite unites piece pieces pce pcs unit units kit kits".split()  # noqa: SIM905
)
#: Above a table "Date" is the day on which it was written.
_ABOVE: Mapping[str, str] = MappingProxyType({n: c for n, c in NAMES.items() if n != "date"})
_NEEDED = ("etablissement", "contact", "quantite", "date_besoin")
#: A list names at least so many columns, and one of them is the quantity.
_LEAST_NAMED: Final = 3
_EXAMPLE = re.compile(r"(?:exemples?|example|ex) ?(?:$|[:.)])")
#: What has no width: marks of order and direction.
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]")
#: How a table keeps the zeros of a code in CSV.
_AS_TEXT = re.compile(r'="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list that was read."""

    header: tuple[str, ...]
    columns: tuple[str, ...] = ()  # what each of them is for, "" where that is not known
    lines: tuple[Line, ...]
    unknown: tuple[str, ...]  # columns that were not understood, and left aside
    missing: tuple[str, ...]  # columns without which no line can be an order
    left: tuple[
        tuple[int, str], ...
    ] = ()  # with their words, lines that ask for nothing: sums, titles, a header once more
    told: Mapping[str, str] = field(default_factory=dict)  # what is said above for all lines


#: What a spreadsheet took for a formula, or would have: `web.sheets` puts an apostrophe before it. People
#: put one before a number that is to stay as they typed it.
_HARMLESS = re.compile(r"'(?=[=+\-@\d])")


def said(cell: Cell) -> str:
    """Return a cell as a person would have typed it: `01000` stays, 1200.0 is 1200."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return _number(cell)
    text = _UNSEEN.sub("", str(cell)).strip()
    if as_text := _AS_TEXT.fullmatch(text):
        return as_text[1].strip()
    return _HARMLESS.sub("", text, count=1) if text.startswith("'") else text


def _number(cell: float) -> str:
    """Return a number of a spreadsheet: 1.234 is 1.2340, or somebody might read a thousand."""
    near = round(cell, 6) if math.isfinite(cell) else cell
    if near.is_integer():
        return str(int(near))
    return f"{near}0" if re.fullmatch(r"-?\d+\.\d{3}", str(near)) else str(near)


def _filled(rows: Sequence[Sequence[Cell]]) -> list[tuple[int, tuple[str, ...]]]:
    """Return what rows say that say anything, with their numbers."""
    told = ((number, tuple(map(said, row))) for number, row in enumerate(rows, 1))
    return [(number, cells) for number, cells in told if any(cells)]


def heading_score(rows: Sequence[Sequence[Cell]]) -> int:
    """Return how many columns of a request a sheet names: an introduction names none."""
    filled = [cells for _, cells in _filled(rows)]
    return len(set(find_header(filled, NAMES, LOOSE).columns) - {""}) if filled else 0


def is_list(
    rows: Sequence[Sequence[Cell]], is_article: Callable[[str], bool] = lambda _: False
) -> bool:
    """Return whether a sheet asks for things: a table of addresses or of explanations does not.

    Args:
        rows: its cells.
        is_article: whether the name of a column is one of a design.
    """
    filled = [cells for _, cells in _filled(rows)]
    if not filled:
        return False
    found = find_header(filled, NAMES, LOOSE)
    # A column a ward or an article is a quantity as well.
    found, _lines = unfold(found, [*enumerate(filled[found.last + 1 :])], is_article)
    named = set(found.columns) - {""}
    return "quantite" in named and len(named) >= _LEAST_NAMED


def read(
    rows: Sequence[Sequence[Cell]],
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
    hidden: frozenset[int] = frozenset(),
    struck: frozenset[int] = frozenset(),
    known: Mapping[str, str] = MappingProxyType({}),
) -> Listed:
    """Read a list: its header, which may stand below titles, and the lines under it.

    Args:
        rows: the cells; lines without any are left out.
        designs: the names by which each revision is known, by revision id.
        today: days before it have passed.
        language: of the pages that the requesters will see.
        hidden: numbers of rows that nobody sees; nothing is ordered by them.
        struck: numbers of rows that are struck through; nor by them.
        known: what a person knows of all lines that leave it empty, by column.
    """
    filled = _filled(rows)
    if not filled:
        return Listed(header=(), lines=(), unknown=(), missing=_NEEDED)
    found = find_header([cells for _, cells in filled], NAMES, LOOSE)
    header = [*map(heading, filled[found.last][1])]
    told = {**known, **above([cells for _, cells in filled[: found.first]], _ABOVE)}
    below: Sequence[Row] = filled[found.last + 1 :]
    wide = {number for number, cells in below if any(cells[len(found.names) :])}
    found, below = with_units(found, below, [cells for _, cells in filled[: found.first]])
    found, below = unfold(found, below, lambda it: bool(meant(it, designs)))
    found, below = under_wards(found, below)
    columns = _meant(found)
    form = {**known, **above([cells for _, cells in filled], _ABOVE)}
    if not set(_NEEDED) <= {*columns, *told} and set(_NEEDED) <= set(form):
        return _one_form(filled[0][0], form, designs, today, language)
    missing = tuple(name for name in _NEEDED if name not in {*columns, *told})
    states = [place for place, name in enumerate(found.names) if heading(name) in STATES]
    unseen = dict.fromkeys(struck, "struck") | dict.fromkeys(hidden, "hidden")
    unseen |= dict.fromkeys(wide, "too-wide")
    how = _reading(columns, below, told, designs, today, language)
    lines, left = _lines(
        [] if missing else below, header, found.names, columns, states, told, unseen, how
    )
    return Listed(
        header=found.names,
        columns=tuple(columns),
        lines=tuple(lines),
        unknown=_unknown(found, columns, states),
        missing=missing,
        left=tuple(left),
        told={column: text for column, text in told.items() if column not in columns},
    )


def _reading(
    columns: Sequence[str],
    rows: Sequence[Row],
    told: Mapping[str, str],
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
) -> Reading:
    """Return how numbers and days of a list are read: by those that can be read in one way."""

    def said_in(name: str) -> list[str]:
        places = [place for place, column in enumerate(columns) if column == name]
        return [cells[place] for _, cells in rows for place in places if place < len(cells)]

    days = [*said_in("date_besoin"), told.get("date_besoin", "")]
    return reading(designs, today, language, numbers=said_in("quantite"), days=days)


def _lines(
    rows: Sequence[Row],
    header: Sequence[str],
    names: Sequence[str],
    columns: Sequence[str],
    states: Collection[int],
    told: Mapping[str, str],
    unseen: Mapping[int, str],
    how: Reading,
) -> tuple[list[Line], list[tuple[int, str]]]:
    """Return the lines that ask for something, and the rows that do not."""
    lines: list[Line] = []
    left: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    before: dict[str, str] = {}
    for number, as_is in rows:
        cells = _as_above(columns, as_is, before)
        own = _own(names, columns, cells)
        typed = _typed(own, told)
        over = any(is_over(cells[place]) for place in states if place < len(cells))
        over = over or is_called_off(typed["consignes"]) or _is_example(cells, own)
        again = [*map(heading, cells)] == header
        if over or again or is_total(cells) or _asks_nothing(cells, own, typed["quantite"]):
            left.append((number, " ".join(filter(None, cells))))
            continue
        before = typed
        if number in unseen:
            wrong = (Wrong(column="", why=unseen[number]),)
            lines.append(Line(number=number, cells=cells, request=None, wrong=wrong))
            continue
        lines.append(line(number, cells, typed, how, seen))
    return lines, left


def _is_example(cells: Sequence[str], own: Mapping[str, str]) -> bool:
    """Return whether a line only shows how to fill in the list: it says so, or is the one of our template."""
    first = next(filter(None, cells), "")
    ours = all(own[name] == text for name, text in EXAMPLE.items())
    return ours or bool(_EXAMPLE.match(plain(first)))


def _one_form(
    number: int,
    form: Mapping[str, str],
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
) -> Listed:
    """Return the one request of a sheet whose names stand below each other, what they say beside them."""
    typed = _typed(dict.fromkeys(COLUMNS, ""), form)
    days, numbers = [typed["date_besoin"]], [typed["quantite"]]
    how = reading(designs, today, language, numbers=numbers, days=days)
    asked = line(number, tuple(form.values()), typed, how, {})
    return Listed(header=tuple(form), lines=(asked,), unknown=(), missing=())


def _unknown(found: Header, columns: Sequence[str], states: Collection[int]) -> tuple[str, ...]:
    """Return the names of columns that are for nothing that we know."""
    return tuple(
        name
        for place, (name, column) in enumerate(zip(found.names, columns, strict=True))
        if name and not column and place not in states and heading(name) not in WRONG
    )


def _meant(found: Header) -> tuple[str, ...]:
    """Return which column is which; beside "date souhaitée" a bare "date" is when the list was written."""
    dates = found.columns.count("date_besoin")
    return tuple(
        "" if dates > 1 and column == "date_besoin" and heading(name) == "date" else column
        for name, column in zip(found.names, found.columns, strict=True)
    )


def _as_above(
    columns: Sequence[str], cells: Sequence[str], before: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the cells of a line; where one says "as above", what stands above."""
    named = [*columns, *[""] * (len(cells) - len(columns))]
    return tuple(
        before.get(column, "") if column and is_ditto(cell) else cell
        for column, cell in zip(named, cells, strict=False)
    )


def _own(names: Sequence[str], columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return what a line says itself in each column; a word in a column without a name is a remark."""
    own = dict.fromkeys(COLUMNS, "")
    beside = []
    for name, column, cell in zip(names, columns, cells, strict=False):
        if column:
            own[column] = _said_twice(column, own[column], cell)
        elif not name and len(re.findall(r"[^\W\d_]", cell)) >= _LEAST_LETTERS:
            beside.append(cell)
    own["consignes"] = "\n".join(filter(None, (own["consignes"], *beside)))
    return own


def _typed(own: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Return what a line says with what is said for all lines, each thing in its own column."""
    typed = {column: text or told.get(column, "") for column, text in own.items()}
    for column in (*_DIGITS, "telephone"):
        # As programs write a code that they took for a number: 241000000.0.
        typed[column] = re.sub(r"^(\d+)[.,]0$", r"\1", typed[column])
    for column, digits in _DIGITS.items():
        if re.fullmatch(rf"\d{{{digits - 1}}}", typed[column]):
            typed[column] = f"0{typed[column]}"
    if plain(typed["service"]) in _PIECES:
        typed["service"] = ""
    elif in_packs(typed["service"]) and whole(typed["quantite"]) is not None:
        typed["quantite"] += f" {typed['service']}"
        typed["service"] = ""
    if not (typed["telephone"] or typed["email"]):
        typed["email"] = mail_in(typed["contact"])
        typed["telephone"] = number_in(typed["contact"])
    elif not typed["contact"]:
        # "Mme Roy 02 41 00 00 00" stands in one cell.
        name = typed["telephone"].replace(number_in(typed["telephone"]), "").strip(" :,;/-\n")
        typed["contact"] = name if len(re.findall(r"[^\W\d_]", name)) >= _LEAST_LETTERS else ""
    return typed


def _said_twice(column: str, first: str, second: str) -> str:
    """Return what two columns of one meaning say: the first, or both where nobody knows which holds."""
    differ = first and second and plain(first) != plain(second)
    both = differ and column in (*ONCE, "article")
    return f"{first}{BETWEEN}{second}" if both else first or second


def _asks_nothing(cells: Sequence[str], own: Mapping[str, str], quantity: str) -> bool:
    """Return whether a line is a title between others, a foot, or says that nothing is needed."""
    filled = sum(bool(cell) for cell in cells)
    note = filled == 1 or (filled == 2 and not own["article"])  # noqa: PLR2004 - a name and a value
    return is_nothing(quantity) or (note and not (quantity or own["date_besoin"]))
