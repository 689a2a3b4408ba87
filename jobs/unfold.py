"""A list whose quantities stand side by side, a column a ward, a size or an article: one line for each. Pure.

Leaves what a line asks for to `jobs.intake`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from jobs.habits import OTHER, Header, heading, is_nothing, sums_up, whole
from jobs.list_columns import NAMES

#: A row of a sheet with its number.
Row = tuple[int, tuple[str, ...]]

_QUANTITY: Final = frozenset("quantite quantites qte qtes quantity qty nombre nbre nb".split())  # noqa: SIM905
_WARDS: Final = frozenset(
    "urgences urgence rea reanimation usi usc usip smur samu bloc reveil pediatrie neonat neonatologie"  # noqa: SIM905
    " maternite obstetrique gynecologie geriatrie chirurgie medecine cardiologie cardio pneumologie pneumo"
    " neurologie neuro oncologie onco hematologie nephrologie dialyse gastro infectiologie orthopedie"
    " psychiatrie radiologie imagerie scanner laboratoire labo pharmacie consultation consultations ssr usld"
    " ehpad hdj endoscopie anesthesie sterilisation brancardage accueil emergency icu surgery paediatrics"
    " pediatrics maternity cardiology oncology theatre".split()
)
_LEAST: Final = 2


def unfold(
    found: Header, rows: Sequence[Row], is_article: Callable[[str], bool]
) -> tuple[Header, Sequence[Row]]:
    """Return a list with one quantity a line; as it came where it has one column of quantities.

    A column is named by a ward, by an article, or by a word for quantity with something behind it ("Qté
    M"). What it is called goes into the column that is missing, or behind the quantity in brackets.
    """
    kind, side_by_side = _columns(found, rows, is_article)
    if not side_by_side:
        return found, rows
    kept = [place for place in range(len(found.names)) if place not in side_by_side]
    more = (kind, "quantite") if kind else ("quantite",)
    names = (*(found.names[place] for place in kept), *more)
    columns = (*(found.columns[place] for place in kept), *more)
    lines: list[Row] = []
    for number, cells in rows:
        if apart := _apart(cells, found):
            lines.append((number, apart))
            continue
        rest = tuple(_cell(cells, place) for place in kept)
        asked = [(side_by_side[p], _cell(cells, p)) for p in side_by_side if _cell(cells, p)]
        lines += [
            (number, (*rest, what, many) if kind else (*rest, f"{many} ({what})"))
            for what, many in asked
            if not is_nothing(many)
        ] or [(number, (*rest, *(["", "0"] if kind else ["0"]))) if asked else (number, rest)]
    return Header(first=found.first, last=found.last, names=names, columns=columns), lines


def _columns(
    found: Header, rows: Sequence[Row], is_article: Callable[[str], bool]
) -> tuple[str, dict[int, str]]:
    """Return which column the names of those beside each other fill, and what each says, by its place."""
    if any(NAMES.get(heading(name)) == "quantite" for name in found.names):
        return "", {}
    quantities = {
        place: " ".join(word for word in name.split() if heading(word) not in _QUANTITY)
        for place, name in enumerate(found.names)
        if found.columns[place] in ("", "quantite")
        and not OTHER & set(heading(name).split())
        and _holds_numbers(place, [c for _, c in rows if not _apart(c, found)])
    }
    said = {p: what for p, what in quantities.items() if what != found.names[p]}
    if len(said) < _LEAST and "quantite" in found.columns:
        return "", {}
    for kind, is_of in (("article", is_article), ("service", is_ward)):
        named = {p: what for p, what in quantities.items() if what and is_of(what)}
        least = 1 if kind == "article" else _LEAST
        if kind not in found.columns and len(named) >= least and not said.keys() - named.keys():
            return kind, named
    return ("", said) if len(said) >= _LEAST else ("", {})


def is_ward(name: str) -> bool:
    """Return whether a word of a name is one by which hospitals call a ward."""
    return bool(_WARDS & set(heading(name).split()))


def _apart(cells: tuple[str, ...], found: Header) -> tuple[str, ...]:
    """Return what to keep of a row that is the header once more, or sums up the others; else nothing."""
    if [*map(heading, cells)] == [*map(heading, found.names)]:
        return cells
    first = next(filter(None, cells), "")
    return (first,) if sums_up(first) else ()


def _holds_numbers(place: int, rows: Iterable[tuple[str, ...]]) -> bool:
    """Return whether any cell of a column is a number: what another says then is wrong, and is told."""
    return any(whole(_cell(cells, place)) is not None for cells in rows)


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
