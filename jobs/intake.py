"""A list of requests as hospitals keep it, line by line: what can be ordered, and what is wrong with the rest.

Columns are known by their French or English names, in any order; days, numbers and codes are read as
French spreadsheets write them. Leaves bytes to `web.sheets`, and making orders to the use cases.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from jobs.model import MOST_KITS, Request

#: What a spreadsheet holds in one place.
Cell = str | int | float | date | datetime | None

MOST_LINES: Final = 2000
_MOST_TEXT = 200
_MOST_NOTE = 2000

#: The columns of the template, and the other names by which each is known.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "etablissement": ("hopital", "place", "hospital", "facility", "site", "lieu"),
        "service": ("ward", "unite", "department"),
        "contact": ("nom", "demandeur", "requester", "name"),
        "telephone": ("tel", "phone"),
        "email": ("mail", "e-mail", "courriel"),
        "article": ("modele", "what", "item", "design", "produit"),
        "quantite": ("quantity", "qte", "nombre", "kits", "how many"),
        "date_besoin": ("date", "due", "echeance", "by when", "pour le"),
        "reference_externe": (
            "reference",
            "numero de commande",
            "bon de commande",
            "purchase order",
        ),
        "finess": (),
        "adresse": ("address",),
        "code_postal": ("cp", "postcode", "zip"),
        "ville": ("city", "town", "commune"),
        "stock_jours": ("stock", "days left"),
        "quantite_minimale": ("minimum", "quantite min"),
        "consignes": ("note", "remarque", "remarks", "commentaire", "comment"),
    }
)
#: A line as a hospital would fill it in, but for the design.
EXAMPLE: Mapping[str, str] = MappingProxyType(
    {
        "etablissement": "CHU de Nantes",
        "service": "Urgences",
        "contact": "Ada Martin",
        "telephone": "02 40 00 00 00",
        "quantite": "400",
        "date_besoin": "31/12/2026",
        "finess": "440000289",
        "code_postal": "44000",
        "ville": "Nantes",
    }
)
_NEEDED = ("etablissement", "contact", "quantite", "date_besoin")
# What goes into the note, with the name under which it stands there.
_NOTED = ("reference_externe", "finess", "adresse", "code_postal", "ville", "stock_jours",
          "quantite_minimale")  # fmt: skip
_MONTHS = (
    "janv",
    "fevr",
    "mars",
    "avr",
    "mai",
    "juin",
    "juil",
    "aout",
    "sept",
    "oct",
    "nov",
    "dec",
)
_DAYS = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?:[T ]00:00(?::00)?)?"),
    re.compile(r"(?P<d>\d{1,2})[/.-](?P<m>\d{1,2})[/.-](?P<y>\d{4}|\d{2})"),
)
_WORDS = re.compile(r"(?:[a-z]+\.? )?(?P<d>\d{1,2})(?:er)? (?P<m>[a-z]+)\.? (?P<y>\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong with a line: which column, and a word that pages translate."""

    column: str
    why: str  # one of WHYS
    cell: str = ""


#: Everything that can be wrong.
WHYS: Final = ("missing", "no-number", "not-whole", "too-many", "no-day", "passed", "no-contact",
               "no-design", "which-design", "too-long", "same-as")  # fmt: skip


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


def plain(text: str) -> str:
    """Return small letters without accents, with single spaces; "_" is a space."""
    bare = unicodedata.normalize("NFKD", text.replace("_", " "))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())


_NAMES = {plain(name): column for column, others in COLUMNS.items() for name in (column, *others)}


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
    return str(cell).strip()


def read(
    rows: Sequence[Sequence[Cell]], designs: Mapping[str, Sequence[str]], today: date, language: str
) -> Listed:
    """Read a list, its header first.

    Args:
        rows: the cells; lines without any are left out.
        designs: the names by which each revision is known, by revision id.
        today: days before it have passed.
        language: of the pages that the requesters will see.
    """
    filled = [
        (number, tuple(map(said, row)))
        for number, row in enumerate(rows, 1)
        if any(said(cell) for cell in row)
    ]
    if not filled:
        return Listed(header=(), lines=(), unknown=(), missing=_NEEDED)
    header = filled[0][1]
    columns = [_NAMES.get(plain(name), "") for name in header]
    missing = tuple(name for name in _NEEDED if name not in columns)
    unknown = tuple(n for n, c in zip(header, columns, strict=True) if n and not c)
    lines: list[Line] = []
    seen: dict[str, int] = {}
    for number, cells in [] if missing else filled[1:]:
        typed = dict.fromkeys(COLUMNS, "")
        for column, cell in zip(columns, cells, strict=False):
            if column:
                typed[column] = typed[column] or cell
        lines.append(_line(number, cells, typed, designs, today, language, seen))
    return Listed(header=header, lines=tuple(lines), unknown=unknown, missing=missing)


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
    place = ", ".join(filter(None, (typed["etablissement"], typed["service"])))
    contact = " / ".join(filter(None, (typed["telephone"], typed["email"])))
    if not contact:
        wrong.append(Wrong(column="telephone", why="no-contact"))
    for column, text in (("etablissement", typed["etablissement"]), ("contact", typed["contact"])):
        if not text:
            wrong.append(Wrong(column=column, why="missing"))
    note = "\n".join(
        [f"{name}: {typed[name]}" for name in _NOTED if typed[name]] + [typed["consignes"]]
    ).strip()
    for column, text, most in (
        ("etablissement", place, _MOST_TEXT),
        ("contact", typed["contact"], _MOST_TEXT),
        ("telephone", contact, _MOST_TEXT),
        ("consignes", note, _MOST_NOTE),
    ):
        if len(text) > most:
            wrong.append(Wrong(column=column, why="too-long", cell=str(most)))
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
        requester=typed["contact"],
        place=place,
        contact=contact,
        note=note,
        language=language,
    )
    return Line(number=number, cells=cells, request=request, wrong=())


def _key(facts: tuple[str, ...]) -> str:
    """Return the same for the same request, so that a list that is sent again orders nothing twice."""
    return "list-" + hashlib.sha256("\0".join(facts).encode()).hexdigest()[:48]


def _kits(text: str, wrong: list[Wrong]) -> int:
    bare = re.sub(r"\s", "", text).replace("\N{NARROW NO-BREAK SPACE}", "")
    if re.fullmatch(r"\d{1,3}(\.\d{3})+", bare):
        bare = bare.replace(".", "")
    try:
        number = Decimal(bare.replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
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
    due = _day(plain(text))
    if due is None:
        wrong.append(Wrong(column="date_besoin", why="no-day" if text else "missing", cell=text))
    elif due < today:
        wrong.append(Wrong(column="date_besoin", why="passed", cell=text))
    return due


def _day(text: str) -> date | None:
    """Read a day: 2026-12-01, 01/12/2026, 1.12.26, 1er décembre 2026. The day comes before the month."""
    for form in _DAYS:
        match = form.fullmatch(text)
        if match:
            year, month, day = (int(match[name]) for name in ("y", "m", "d"))
            return _date(year if year >= 100 else 2000 + year, month, day)  # noqa: PLR2004
    match = _WORDS.fullmatch(text)
    if match is None:
        return None
    months = [n for n, start in enumerate(_MONTHS, 1) if match["m"].startswith(start)]
    return _date(int(match["y"]), months[0], int(match["d"])) if months else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _revision(text: str, designs: Mapping[str, Sequence[str]], wrong: list[Wrong]) -> str:
    wanted = plain(text)
    found = [
        revision
        for revision, names in designs.items()
        if not wanted or wanted in {plain(name) for name in names}
    ]
    if len(found) == 1:
        return found[0]
    why = "which-design" if found else "no-design"
    wrong.append(Wrong(column="article", why="missing" if not text else why, cell=text))
    return ""
