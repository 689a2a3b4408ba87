"""A list of requests as hospitals keep it, line by line: what can be ordered, and what is wrong with the rest.

Columns are known by their French or English names, in any order; days, numbers and codes are read as
French spreadsheets write them. Leaves bytes to `web.sheets`, and making orders to the use cases.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from jobs.addresses import as_dialled, mail_in, number_in
from jobs.called import meant
from jobs.habits import (
    STATES,
    Header,
    above,
    day,
    find_header,
    heading,
    in_packs,
    is_ditto,
    is_nothing,
    is_over,
    is_total,
    plain,
    which_number,
    whole,
)
from jobs.list_columns import COLUMNS, LOOSE, NAMES
from jobs.model import MOST_KITS, Request
from jobs.order_facts import MOST_NOTE, note_with
from jobs.unfold import unfold
from jobs.ward_titles import under_wards

#: What a spreadsheet holds in one place.
Cell = str | int | float | date | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One sheet of a file."""

    name: str  # "" where the file is one sheet
    rows: list[list[Cell]]
    hidden: frozenset[int] = frozenset()  # numbers of rows that nobody sees; the first row is 1
    struck: frozenset[int] = frozenset()  # and of those that are struck through


MOST_LINES: Final = 2000
_MOST_TEXT = 200

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
#: A formula in place of what it comes to: whoever wrote the file has not counted it.
_FORMULA = re.compile(r"=[A-Za-z0-9(+\-'$]")
_ASKED = ("etablissement", "service", "contact", "telephone", "email", "article", "quantite",
          "date_besoin")  # fmt: skip
#: Said twice in two ways, nobody knows which holds.
_ONCE: Final = ("quantite", "date_besoin")
#: How a table keeps the zeros of a code in CSV.
_AS_TEXT = re.compile(r'="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong with a line: which column, and a word that pages translate."""

    column: str
    why: str  # one of WHYS
    cell: str = ""


#: Everything that can be wrong.
WHYS: Final = ("missing", "no-number", "not-whole", "too-many", "no-day", "passed", "no-contact",
               "no-design", "which-design", "which-pack", "which-number", "too-long", "same-as",
               "hidden", "struck", "no-result")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a list: a request, or why it is none."""

    number: int  # as the spreadsheet counts, the header is 1
    cells: tuple[str, ...]  # as they were
    request: Request | None
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list that was read."""

    header: tuple[str, ...]
    lines: tuple[Line, ...]
    unknown: tuple[str, ...]  # columns that were not understood, and left aside
    missing: tuple[str, ...]  # columns without which no line can be an order
    left: tuple[
        tuple[int, str], ...
    ] = ()  # with their words, lines that ask for nothing: sums, titles, a header once more


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
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell).replace("\N{ZERO WIDTH SPACE}", "").replace("\ufeff", "").strip()
    if as_text := _AS_TEXT.fullmatch(text):
        return as_text[1].strip()
    return _HARMLESS.sub("", text, count=1) if text.startswith("'") else text


def heading_score(rows: Sequence[Sequence[Cell]]) -> int:
    """Return how many columns of a request a sheet names: an introduction names none."""
    filled = [tuple(map(said, row)) for row in rows if any(said(cell) for cell in row)]
    return len(set(find_header(filled, NAMES, LOOSE).columns) - {""}) if filled else 0


def is_list(rows: Sequence[Sequence[Cell]]) -> bool:
    """Return whether a sheet asks for things: a table of addresses or of explanations does not."""
    filled = [tuple(map(said, row)) for row in rows if any(said(cell) for cell in row)]
    if not filled:
        return False
    found = find_header(filled, NAMES, LOOSE)
    # A column a ward is a quantity as well; without the designs, a column an article is not seen.
    found, _lines = unfold(found, [*enumerate(filled[found.last + 1 :])], lambda _: False)
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
    filled = [
        (number, tuple(map(said, row)))
        for number, row in enumerate(rows, 1)
        if any(said(cell) for cell in row)
    ]
    if not filled:
        return Listed(header=(), lines=(), unknown=(), missing=_NEEDED)
    found = find_header([cells for _, cells in filled], NAMES, LOOSE)
    header = [*map(heading, filled[found.last][1])]
    told = {**known, **above([cells for _, cells in filled[: found.first]], _ABOVE)}
    found, below = unfold(found, filled[found.last + 1 :], lambda it: bool(meant(it, designs)))
    found, below = under_wards(found, below)
    columns = _meant(found)
    form = {**known, **above([cells for _, cells in filled], _ABOVE)}
    if not set(_NEEDED) <= {*columns, *told} and set(_NEEDED) <= set(form):
        return _one_form(filled[0][0], form, designs, today, language)
    states = [place for place, name in enumerate(found.names) if heading(name) in STATES]
    missing = tuple(name for name in _NEEDED if name not in {*columns, *told})
    unknown = _unknown(found, columns, states)
    lines: list[Line] = []
    left: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    before: dict[str, str] = {}
    for number, cells in [] if missing else below:
        own = _own(columns, cells, before)
        typed = _typed(own, told)
        over = any(is_over(cells[place]) for place in states if place < len(cells))
        again = [*map(heading, cells)] == header
        if over or again or is_total(cells) or _asks_nothing(cells, own, typed["quantite"]):
            left.append((number, " ".join(filter(None, cells))))
            continue
        before = typed
        if number in hidden | struck:
            wrong = (Wrong(column="", why="hidden" if number in hidden else "struck"),)
            lines.append(Line(number=number, cells=cells, request=None, wrong=wrong))
            continue
        lines.append(_line(number, cells, typed, designs, today, language, seen))
    return Listed(
        header=found.names, lines=tuple(lines), unknown=unknown, missing=missing, left=tuple(left)
    )


def _one_form(
    number: int,
    form: Mapping[str, str],
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
) -> Listed:
    """Return the one request of a sheet whose names stand below each other, what they say beside them."""
    typed = _typed(dict.fromkeys(COLUMNS, ""), form)
    line = _line(number, tuple(form.values()), typed, designs, today, language, {})
    return Listed(header=tuple(form), lines=(line,), unknown=(), missing=())


def _unknown(found: Header, columns: Sequence[str], states: Collection[int]) -> tuple[str, ...]:
    """Return the names of columns that are for nothing that we know."""
    return tuple(
        name
        for place, (name, column) in enumerate(zip(found.names, columns, strict=True))
        if name and not column and place not in states
    )


def _meant(found: Header) -> tuple[str, ...]:
    """Return which column is which; beside "date souhaitée" a bare "date" is when the list was written."""
    dates = found.columns.count("date_besoin")
    return tuple(
        "" if dates > 1 and column == "date_besoin" and heading(name) == "date" else column
        for name, column in zip(found.names, found.columns, strict=True)
    )


def _own(columns: Sequence[str], cells: Sequence[str], before: Mapping[str, str]) -> dict[str, str]:
    """Return what a line says itself in each column, or says is as in the line before."""
    own = dict.fromkeys(COLUMNS, "")
    for column, cell in zip(columns, cells, strict=False):
        if column:
            said_here = before.get(column, "") if is_ditto(cell) else cell
            own[column] = _said_twice(column, own[column], said_here)
    return own


def _typed(own: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Return what a line says with what is said for all lines, each thing in its own column."""
    typed = {column: text or told.get(column, "") for column, text in own.items()}
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
    return f"{first} / {second}" if differ and column in _ONCE else first or second


def _asks_nothing(cells: Sequence[str], own: Mapping[str, str], quantity: str) -> bool:
    """Return whether a line is a title between others, a foot, or says that nothing is needed."""
    filled = sum(bool(cell) for cell in cells)
    note = filled == 1 or (filled == 2 and not own["article"])  # noqa: PLR2004 - a name and a value
    return is_nothing(quantity) or (note and not (quantity or own["date_besoin"]))


def _line(
    number: int,
    cells: tuple[str, ...],
    typed: dict[str, str],
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
    seen: dict[str, int],
) -> Line:
    wrong: list[Wrong] = []
    kits = _kits(typed["quantite"], wrong)
    due = _due(typed["date_besoin"], today, wrong)
    revision = _revision(typed["article"], designs, wrong)
    # A cell may hold several lines.
    place = " ".join(", ".join(filter(None, (typed["etablissement"], typed["service"]))).split())
    mail = typed["email"].removeprefix("mailto:").strip("<> ")
    contact = " / ".join(filter(None, (as_dialled(typed["telephone"]), mail)))
    requester = " ".join(typed["contact"].split())
    if not contact:
        wrong.append(Wrong(column="telephone", why="no-contact"))
    for column, text in (("etablissement", typed["etablissement"]), ("contact", typed["contact"])):
        if not text:
            wrong.append(Wrong(column=column, why="missing"))
    note = _note(typed)
    for column, text, most in (
        ("etablissement", place, _MOST_TEXT),
        ("contact", typed["contact"], _MOST_TEXT),
        ("telephone", contact, _MOST_TEXT),
        ("consignes", note, MOST_NOTE),
    ):
        if len(text) > most:
            wrong.append(Wrong(column=column, why="too-long", cell=str(most)))
    formulas = [column for column in _ASKED if _FORMULA.match(typed[column])]
    wrong = [each for each in wrong if each.column not in formulas]
    wrong += [Wrong(column=each, why="no-result", cell=typed[each]) for each in formulas]
    key = _key((place, typed["contact"], contact, note, revision, str(kits), str(due)))
    if not wrong and key in seen:
        wrong.append(Wrong(column="", why="same-as", cell=str(seen[key])))
    if wrong or due is None:
        return Line(number=number, cells=cells, request=None, wrong=tuple(wrong))
    seen[key] = number
    request = Request(
        request_key=key,
        revision_id=revision,
        kits=kits,
        due=due,
        requester=requester,
        place=place,
        contact=contact,
        note=note,
        language=language,
    )
    return Line(number=number, cells=cells, request=request, wrong=())


def _note(typed: Mapping[str, str]) -> str:
    """Return what a line says besides, with what stands in brackets behind a number or a day."""
    noted = [f"{name}: {typed[name]}" for name in _ONCE if "(" in typed[name]]
    return note_with(typed, "\n".join([*noted, typed["consignes"]]))


def _key(facts: tuple[str, ...]) -> str:
    """Return the same for the same request, so that a list that is sent again orders nothing twice."""
    return "list-" + hashlib.sha256("\0".join(facts).encode()).hexdigest()[:48]


def _kits(text: str, wrong: list[Wrong]) -> int:
    number = whole(text)
    if number is None and in_packs(text):
        wrong.append(Wrong(column="quantite", why="which-pack", cell=text))
        return 0
    if which_number(text):
        wrong.append(Wrong(column="quantite", why="which-number", cell=text))
        return 0
    if number is None:
        wrong.append(Wrong(column="quantite", why="no-number" if text else "missing", cell=text))
        return 0
    if number != number.to_integral_value():
        wrong.append(Wrong(column="quantite", why="not-whole", cell=text))
        return 0
    if not 1 <= number <= MOST_KITS:
        wrong.append(Wrong(column="quantite", why="too-many", cell=text))
        return 0
    return int(number)


def _due(text: str, today: date, wrong: list[Wrong]) -> date | None:
    due = day(text, today)
    if due is None:
        wrong.append(Wrong(column="date_besoin", why="no-day" if text else "missing", cell=text))
    elif due < today:
        told = f"{text}, {due:%d/%m/%Y}" if text.isdecimal() else text
        wrong.append(Wrong(column="date_besoin", why="passed", cell=told))
    return due


def _revision(text: str, designs: Mapping[str, Sequence[str]], wrong: list[Wrong]) -> str:
    found = meant(text, designs)
    if len(found) == 1:
        return found[0]
    why = "which-design" if found else "no-design"
    wrong.append(Wrong(column="article", why="missing" if not text else why, cell=text))
    return ""
