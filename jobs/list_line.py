"""One line of a list of requests: what it asks for, or everything that is wrong with it. Pure.

A number or a day that may be read in two ways is wrong: a person says which. Leaves which cell is which
to `jobs.intake`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from jobs.addresses import as_dialled
from jobs.called import meant
from jobs.habits import day, in_packs, two_numbers, weekday, which_number, whole
from jobs.model import MOST_KITS, Request
from jobs.order_facts import MOST_NOTE, note_with
from jobs.packs import names_packs

_MOST_TEXT = 200
#: A day after so long is a slip of the pen.
_MOST_AHEAD: Final = timedelta(days=730)
#: A formula in place of what it comes to: whoever wrote the file has not counted it.
_FORMULA = re.compile(r"=[A-Za-z0-9(+\-'$]")
_ASKED = ("etablissement", "service", "contact", "telephone", "email", "article", "quantite",
          "date_besoin")  # fmt: skip
#: Said twice in two ways, nobody knows which holds.
ONCE: Final = ("quantite", "date_besoin")
#: A day as two numbers and a year, of which either may be the month.
_DAY_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](?:\d{4}|\d{2})")
_MONTHS: Final = 12
_ONE_OR_THOUSAND = re.compile(r"(?<![\d.,])[1-9]\d{0,2}\.000(?![\d.,])")
#: Between what two columns of one meaning say.
BETWEEN: Final = " / "


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong with a line: which column, and a word that pages translate."""

    column: str
    why: str  # one of WHYS
    cell: str = ""


#: Everything that can be wrong.
WHYS: Final = ("missing", "no-number", "not-whole", "too-many", "no-day", "passed", "no-contact",
               "no-design", "which-design", "which-pack", "which-number", "two-numbers", "which-day",
               "far", "too-long", "too-wide", "same-as", "hidden", "struck", "no-result")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a list: a request, or why it is none."""

    number: int  # as the spreadsheet counts, the header is 1
    cells: tuple[str, ...]  # as they were
    request: Request | None
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What holds for every line of a list."""

    designs: Mapping[str, Sequence[str]]  # the names by which each revision is known
    today: date
    language: str  # of the pages that the requesters will see
    points: bool  # "1.000" is a thousand here, as other numbers of the list show
    months_first: bool  # a day of the list has its month first, as Americans write it


def reading(
    designs: Mapping[str, Sequence[str]],
    today: date,
    language: str,
    *,
    numbers: Iterable[str],
    days: Iterable[str],
) -> Reading:
    """Return how to read a list whose numbers and days are these."""
    return Reading(
        designs=designs,
        today=today,
        language=language,
        points=any(map(_shows_points, numbers)),
        months_first=any(map(_is_american, days)),
    )


def _shows_points(number: str) -> bool:
    """Return whether a number shows that a point cuts thousands here, and not decimals from a whole."""
    return whole(number) is not None and not re.search(r"[.,]\d{1,2}(?!\d)|\.000(?!\d)", number)


def _is_american(text: str) -> bool:
    found = _DAY_MONTH.fullmatch(text)
    return found is not None and int(found[1]) <= _MONTHS < int(found[2])


def _either(text: str) -> bool:
    """Return whether the month of a day may be either of its two first numbers."""
    found = _DAY_MONTH.fullmatch(text)
    return found is not None and found[1] != found[2] and int(found[1]) <= _MONTHS


def line(
    number: int,
    cells: tuple[str, ...],
    typed: Mapping[str, str],
    how: Reading,
    seen: dict[str, int],
) -> Line:
    """Read a line.

    Args:
        number: of its row.
        cells: as they were.
        typed: what it says in each column, and what is said for all lines.
        how: what holds for every line.
        seen: the row by each request so far; grows.
    """
    wrong: list[Wrong] = []
    kits = _kits(typed["quantite"], how, wrong)
    due = _due(typed["date_besoin"], how, wrong)
    revision = _revision(typed["article"], how.designs, wrong)
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
        language=how.language,
    )
    return Line(number=number, cells=cells, request=request, wrong=())


def _note(typed: Mapping[str, str]) -> str:
    """Return what a line says besides, with what stands in brackets behind a number or a day."""
    noted = [f"{name}: {typed[name]}" for name in ONCE if "(" in typed[name]]
    return note_with(typed, "\n".join([*noted, typed["consignes"]]))


def _key(facts: tuple[str, ...]) -> str:
    """Return the same for the same request, so that a list that is sent again orders nothing twice."""
    return "list-" + hashlib.sha256("\0".join(facts).encode()).hexdigest()[:48]


def _kits(text: str, how: Reading, wrong: list[Wrong]) -> int:
    number = whole(text)
    # "1.000" alone is a thousand, or one with three decimals, as programs of stores write it.
    either = which_number(text) or (_ONE_OR_THOUSAND.search(text) and not how.points)
    why = ""
    if number is None:
        why = (
            "which-pack" if in_packs(text) else "two-numbers" if two_numbers(text) else "no-number"
        )
    elif either:
        why = "which-number"
    elif number != number.to_integral_value():
        why = "not-whole"
    elif not 1 <= number <= MOST_KITS:
        why = "too-many"
    if why or number is None:
        wrong.append(Wrong(column="quantite", why=why if text else "missing", cell=text))
        return 0
    return int(number)


def _due(text: str, how: Reading, wrong: list[Wrong]) -> date | None:
    due = day(text, how.today)
    why, cell = "", text
    if due is None:
        why = "no-day" if text else "missing"
    elif due < how.today:
        why = "passed"
        cell = f"{text}, {due:%d/%m/%Y}" if text.isdecimal() else text
    elif due > how.today + _MOST_AHEAD:
        why = "far"
    elif weekday(text) not in (None, due.weekday()) or (how.months_first and _either(text)):
        why = "which-day"
    if why:
        wrong.append(Wrong(column="date_besoin", why=why, cell=cell))
    return due


def _revision(text: str, designs: Mapping[str, Sequence[str]], wrong: list[Wrong]) -> str:
    """Return the revision that a line means; its name said in two columns, they must mean one."""
    if names_packs(text) and not any(map(names_packs, _all_names(designs))):
        wrong.append(Wrong(column="article", why="which-pack", cell=text))
        return ""
    each = [found for part in text.split(BETWEEN) if (found := meant(part, designs))]
    sure = {found[0] for found in each if len(found) == 1}
    if len(sure) == 1:
        return sure.pop()
    why = "which-design" if each else "no-design"
    wrong.append(Wrong(column="article", why="missing" if not text else why, cell=text))
    return ""


def _all_names(designs: Mapping[str, Sequence[str]]) -> Iterable[str]:
    return (name for names in designs.values() for name in names)
