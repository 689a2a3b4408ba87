"""What the quantities of a list count: pieces, or boxes of which only the hospital knows what is in one. Pure.

A list says it in the name of a column, in a column of its own, in an article, or in a note beside the
table. It is written behind each quantity then, so that nobody takes two boxes for two pieces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jobs.habits import Header, heading, is_nothing, pack_in, plain
from jobs.unfold import Row

#: Names of a column that says of what the quantity counts.
UNITS: Final = frozenset(
    ("conditionnement", "cond", "condit", "colisage", "um", "u m", "udm", "uom", "unite de mesure", "uv",
     "unite mesure", "unite de commande", "unite de vente", "unite d achat", "unit of measure", "unit",
     "packaging", "pack size", "packing", "pcb", "par combien", "emballage")
)  # fmt: skip
_EACH: Final = frozenset(
    "1 u un une unite unites unitaire unitaires piece pieces pce pces pcs pc unit units each ea kit"  # noqa: SIM905
    " kits individuel individuelle a l la".split()
)
_OF_EACH = re.compile(r"\b(?:par|per|in each|in a)\b")
#: "x50", "par 50", "lot de 10": so many in one. "240x320" is a size.
_MANY = re.compile(r"(?:(?<![\da-z])x ?|\bpar |\bpacks? of |[/*] ?|\bb)\d{2,}\b")
_TIMES = re.compile(r"[x*×] ?\d{2,}|\ben \d{2,}")
_SAYS_QUANTITY = re.compile(r"\b(?:quantites?|qtes?|quantity|quantities|qty|nombres?)\b")


def names_packs(article: str) -> bool:
    """Return whether the name of an article is of several in one: "Visor frame (box of 50)"."""
    return bool(pack_in(article) or _MANY.search(plain(article)))


def says_quantity(name: str) -> bool:
    """Return whether a name of a column says how many."""
    return bool(_SAYS_QUANTITY.search(plain(name)))


def with_units(
    found: Header, rows: Sequence[Row], notes: Sequence[tuple[str, ...]]
) -> tuple[Header, Sequence[Row]]:
    """Return a list whose quantities say what they count; as it came where all count pieces.

    Args:
        found: the header.
        rows: the lines.
        notes: rows above the header.
    """
    counts = {
        place: _unit_of(found.names[place])
        for place, column in enumerate(found.columns)
        if column == "quantite"
    }
    if not counts:
        return found, rows
    # "Conditionnement", and "Qté par boîte": what one holds, and no quantity of its own.
    units = [p for p, name in enumerate(found.names) if _is_unit(name) and p not in counts]
    wards = [p for p, name in enumerate(found.names) if heading(name) in ("unite", "unites")]
    beside = [cells for _, cells in rows if sum(map(bool, cells)) == 1]
    noted = next(filter(None, map(_noted, (*notes, *beside))), "")
    lines = []
    for number, cells in rows:
        if _again(cells, found):
            lines.append((number, cells))
            continue
        changed = [*cells]
        # "Unité" is a ward, or what is counted.
        told_in = [p for p in units if p < len(cells) and not _is_each(cells[p])]
        told_in += [p for p in wards if p < len(cells) and names_packs(cells[p])]
        more = [cells[place] for place in told_in]
        for place, unit in counts.items():
            told = [each for each in (unit, *more, noted) if each]
            many = cells[place] if place < len(cells) else ""
            if told and many and not is_nothing(many) and not pack_in(many):
                changed[place] = f"{many} ({', '.join(told)})"
        for place in {*units, *told_in} if any(changed) else ():
            if place < len(cells):
                changed[place] = ""
        lines.append((number, tuple(changed)))
    names = tuple(
        _bare(name) if counts.get(place) else "" if place in units else name
        for place, name in enumerate(found.names)
    )
    return Header(first=found.first, last=found.last, names=names, columns=found.columns), lines


def _again(cells: Sequence[str], found: Header) -> bool:
    return [*map(heading, cells)] == [*map(heading, found.names)]


def _is_unit(name: str) -> bool:
    return heading(name) in UNITS or bool(_OF_EACH.search(plain(name)) and pack_in(name))


def _unit_of(name: str) -> str:
    """Return what a column of quantities counts, as its name says it; "" for pieces."""
    times = _TIMES.search(plain(name))
    return pack_in(name) or (times[0] if times else "")


def _bare(name: str) -> str:
    """Return the name of a column without what it counts: that stands beside each number then."""
    word = next((w for w in name.split() if _SAYS_QUANTITY.search(plain(w))), "")
    return word or "Quantité"


def _noted(cells: Sequence[str]) -> str:
    """Return what a row above or below the lines says that the quantities count."""
    words = plain(" ".join(cells))
    return pack_in(words) if _SAYS_QUANTITY.search(words) else ""


def _is_each(text: str) -> bool:
    words = set(heading(text).split()) | set(re.findall(r"[a-z0-9]+", plain(text)))
    return words <= _EACH
