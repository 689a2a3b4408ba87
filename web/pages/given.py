"""What a lab has given, and the words that came back: for its own people and the steward only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, render_template

from jobs.ledger import labs
from jobs.ledger.complaints import told_to
from jobs.ledger.given import Month, months, thanks_to
from web.auth import only_at
from web.context import here
from web.titles import own_title

pages = Blueprint("given", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Counts of several months together; pieces."""

    plates: int
    good: int
    scrap: int
    rejected: int
    seconds: float
    grams: float

    @property
    def share_good(self) -> float | None:
        """How many of the counted pieces were good and stayed so; None where nothing was counted."""
        counted = self.good + self.scrap
        return (self.good - self.rejected) / counted if counted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What came of one part on one printer."""

    design: str
    part: str
    printer: str  # its title
    whole: Sum
    months: tuple[tuple[str, Sum], ...]  # the newest first


def total(some: Iterable[Month]) -> Sum:
    """Return months added up."""
    rows = tuple(some)
    return Sum(
        plates=sum(row.plates for row in rows),
        good=sum(row.good for row in rows),
        scrap=sum(row.scrap for row in rows),
        rejected=sum(row.rejected for row in rows),
        seconds=sum(row.seconds for row in rows),
        grams=sum(row.grams for row in rows),
    )


@pages.get("/labs/<node>/given")
def show(node: str) -> str:
    """One lab's yield by design and printer, its hours and grams, its thanks."""
    only_at(node)
    context = here()
    db = context.ledger.reading
    lab = labs.node(db, node)
    rows = months(db, node)
    printers = {each.facts.id: each.facts.title for each in lab.printers}
    kinds: dict[tuple[str, str, str], list[Month]] = {}
    for row in rows:
        kinds.setdefault((row.revision_id, row.part_id, row.printer), []).append(row)
    return render_template(
        "given.html",
        node=lab,
        whole=total(rows),
        yields=[
            Yield(
                design=_design(revision),
                part=context.part_title(revision, part),
                printer=printers.get(printer, printer),
                whole=total(of_kind),
                months=tuple((row.month, total([row])) for row in of_kind),
            )
            for (revision, part, printer), of_kind in sorted(kinds.items())
        ],
        months=[
            (month, total(row for row in rows if row.month == month))
            for month in sorted({row.month for row in rows}, reverse=True)
        ],
        thanks=thanks_to(db, node),
        complaints=told_to(db, node),
    )


def _design(revision_id: str) -> str:
    found = here().revision(revision_id)
    return own_title(found.title) if found else revision_id[:12]
