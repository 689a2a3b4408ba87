"""A list of requests as hospitals keep it, line by line: what can be ordered, and what is wrong with the rest.

Columns are known by their French or English names, in any order; days, numbers and codes are read as
French spreadsheets write them. Leaves bytes to `web.sheets`, and making orders to the use cases.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from jobs.habits import day, find_header, heading, is_total, plain, whole
from jobs.model import MOST_KITS, Request

#: What a spreadsheet holds in one place.
Cell = str | int | float | date | datetime | None

MOST_LINES: Final = 2000
_MOST_TEXT = 200
_MOST_NOTE = 2000

#: The columns of the template, and the other names by which each is known.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "etablissement": (
            "hopital", "place", "hospital", "facility", "site", "lieu", "structure", "clinique",
            "etablissement de sante", "nom de l etablissement", "nom etablissement", "ehpad",
            "etablissement demandeur", "etablissement service",
        ),
        "service": (
            "ward", "unite", "department", "pole", "unite de soins", "service demandeur",
            "nom du service",
        ),
        "contact": (
            "nom", "demandeur", "requester", "name", "nom du contact", "nom contact",
            "personne a contacter", "responsable", "referent", "nom prenom", "nom et prenom",
            "nom du demandeur", "contact nom", "interlocuteur",
        ),
        "telephone": (
            "tel", "phone", "n tel", "no tel", "numero de telephone", "n de telephone", "portable",
            "mobile", "telephone portable", "telephone du contact", "tel contact", "contact tel",
            "contact telephone", "tel portable",
        ),
        "email": (
            "mail", "e mail", "courriel", "adresse mail", "adresse e mail", "adresse email", "mel",
            "contact mail", "contact email", "email du contact", "mail contact",
        ),
        "article": (
            "modele", "what", "item", "design", "produit", "designation", "materiel",
            "materiel demande", "type", "type de materiel", "libelle", "libelle article",
            "article demande", "nom de l article",
        ),
        "quantite": (
            "quantity", "qte", "nombre", "kits", "how many", "quantite demandee", "qte demandee",
            "quantite souhaitee", "qte souhaitee", "nb", "nbre", "nombre de pieces", "qty",
            "quantite commandee", "besoin quantite", "nb pieces",
        ),
        "date_besoin": (
            "date", "due", "echeance", "by when", "pour le", "date souhaitee", "date de besoin",
            "date du besoin", "date limite", "date de livraison", "date de livraison souhaitee",
            "livraison souhaitee", "date livraison", "besoin pour le", "deadline", "besoin date",
            "date livraison souhaitee", "due date", "date souhaitee de livraison",
        ),
        "reference_externe": (
            "reference", "numero de commande", "bon de commande", "purchase order", "n commande",
            "ref", "n de commande", "n bon de commande", "numero bon de commande", "no commande",
        ),
        "finess": ("n finess", "numero finess", "code finess"),
        "adresse": ("address", "adresse de livraison", "rue", "adresse postale"),
        "code_postal": ("cp", "postcode", "zip", "code post"),
        "ville": ("city", "town", "commune"),
        "stock_jours": ("stock", "days left", "jours de stock"),
        "quantite_minimale": ("minimum", "quantite min", "qte min"),
        "consignes": (
            "note", "remarque", "remarks", "commentaire", "comment", "remarques", "commentaires",
            "observations", "observation", "divers", "precisions",
        ),
    }
)  # fmt: skip
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
    left: tuple[int, ...] = ()  # lines that sum up others, or are the header once more


_NAMES = {heading(name): column for column, others in COLUMNS.items() for name in (column, *others)}
#: What a spreadsheet took for a formula, or would have: `web.sheets` puts an apostrophe before it.
_HARMLESS = re.compile(r"'(?=[=+\-@])")


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
    return _HARMLESS.sub("", text, count=1) if text.startswith("'") else text


def heading_score(rows: Sequence[Sequence[Cell]]) -> int:
    """Return how many columns of a request a sheet names: an introduction names none."""
    filled = [tuple(map(said, row)) for row in rows if any(said(cell) for cell in row)]
    return len(set(find_header(filled, _NAMES).columns) - {""}) if filled else 0


def read(
    rows: Sequence[Sequence[Cell]], designs: Mapping[str, Sequence[str]], today: date, language: str
) -> Listed:
    """Read a list: its header, which may stand below titles, and the lines under it.

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
    found = find_header([cells for _, cells in filled], _NAMES)
    missing = tuple(name for name in _NEEDED if name not in found.columns)
    unknown = tuple(n for n, c in zip(found.names, found.columns, strict=True) if n and not c)
    lines: list[Line] = []
    left: list[int] = []
    seen: dict[str, int] = {}
    for number, cells in [] if missing else filled[found.last + 1 :]:
        if is_total(cells) or [*map(heading, cells)] == [*map(heading, filled[found.last][1])]:
            left.append(number)
            continue
        typed = dict.fromkeys(COLUMNS, "")
        for column, cell in zip(found.columns, cells, strict=False):
            if column:
                typed[column] = typed[column] or cell
        lines.append(_line(number, cells, typed, designs, today, language, seen))
    return Listed(
        header=found.names, lines=tuple(lines), unknown=unknown, missing=missing, left=tuple(left)
    )


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
    contact = " / ".join(filter(None, (_telephone(typed["telephone"]), typed["email"])))
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


def _telephone(text: str) -> str:
    """Return a number with the zero that a spreadsheet took from it."""
    return f"0{text}" if re.fullmatch(r"[1-9]\d{8}", text) else text


def _kits(text: str, wrong: list[Wrong]) -> int:
    number = whole(text)
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
        wrong.append(Wrong(column="date_besoin", why="passed", cell=text))
    return due


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
