"""How well the estimates hold against slicers and against prints: a picture for each kind of machine."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, render_template

from firmware_profiles.loader import all_machines
from jobs.coordinator.estimates import reality
from jobs.reality import Compared, middle
from web.context import here
from web.language import gettext as _

pages = Blueprint("estimates", __name__)

#: The picture shows differences from half less to twice as much, and is so wide; it scales.
_LEAST, _MOST = -0.5, 1.0
_LEFT, _RIGHT = 12.0, 308.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a picture; positions are in the picture's own units."""

    title: str
    plates: int
    says: str  # the median in words, "" where there is nothing
    at: float  # of the median
    dots: tuple[tuple[float, float], ...]  # (x, radius), one for each per cent


@pages.get("/estimates")
def index() -> str:
    """Show, for each machine preset, estimates and prints against what slicers said."""
    context = here()
    parts = {
        part.facts.mesh_sha256: part.facts
        for revision in context.library.revisions()
        for part in revision.parts
    }
    titles = {each.name: each.title for each in all_machines()}
    return render_template(
        "estimates.html",
        machines=[
            (titles.get(each.preset, each.preset), _rows(each), each.odd)
            for each in reality(context.ledger, parts)
        ],
        marks=[(x_of(share), signed(share)) for share in (_LEAST, 0.0, 0.5, _MOST)],
        zero=x_of(0.0),
    )


def x_of(share: float) -> float:
    """Return where a difference lies in the picture; what lies outside is drawn at its edge."""
    inside = min(max(share, _LEAST), _MOST)
    return round(_LEFT + (inside - _LEAST) / (_MOST - _LEAST) * (_RIGHT - _LEFT), 1)


def signed(share: float) -> str:
    """Return a difference in per cent with its sign: "+6 %", "−3 %", "0 %"."""
    percent = round(share * 100)
    sign = "+" if percent > 0 else "\N{MINUS SIGN}" if percent < 0 else ""
    return f"{sign}{abs(percent)}\N{NO-BREAK SPACE}%"


def _rows(found: Compared) -> list[Row]:
    return [
        _row(_("Time, estimated"), found.estimated_time),
        _row(_("Time, printed"), found.printed_time),
        _row(_("Weight, estimated"), found.estimated_weight),
    ]


def _row(title: str, differences: tuple[float, ...]) -> Row:
    median = middle(differences)
    counts = Counter(x_of(round(each, 2)) for each in differences)
    return Row(
        title=title,
        plates=len(differences),
        says="" if median is None else signed(median),
        at=0.0 if median is None else x_of(median),
        dots=tuple((x, round(min(2 + math.sqrt(n), 8), 1)) for x, n in sorted(counts.items())),
    )
