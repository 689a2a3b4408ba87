"""What can be called back, and how: the decisions of a recall, without its rows.

A recall names a fault's likely cause: one bag, one printer, one spool, a lot that was bought, or a
revision of a design. It holds every lot of that cause, those that are yet to be counted too, until a
named person ends it. Leaves the lots to `jobs.ledger.recalls`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import InvalidFieldError


class RecallKind(enum.StrEnum):
    """What the lots of a recall have in common."""

    LOT = "lot"
    PRINTER = "printer"
    SPOOL = "spool"
    MATERIAL = "material"  # a lot of its maker's, whose spools may lie in several workshops
    BOUGHT = "bought"  # a supplier's lot of a bought part: parcels took it along
    REVISION = "revision"
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read: it may be any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is called back.

    `value` is a lot's code, "<node>/<printer>", "<node>/<spool>", "<material>/<lot of its maker's>",
    "<bought part>/<lot of its supplier's>" or a revision's id.
    """

    kind: RecallKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """One recall; open until somebody ends it."""

    id: str
    cause: Cause
    reason: str
    by: str
    at: datetime
    ended_at: datetime | None
    ended_by: str
    ended_reason: str

    @property
    def is_open(self) -> bool:
        """Whether it still holds lots."""
        return self.ended_at is None


def causes(
    *,
    lot: str,
    node: str,
    printer: str,
    spool: str,
    revision: str,
    material: str = "",
    bought: Iterable[str] = (),
) -> tuple[Cause, ...]:
    """Return what the fault of one bag may come from, the narrowest first.

    Args:
        lot: the bag's code.
        node: where it was made.
        printer: on what.
        spool: of which spool; "" where nobody said.
        revision: the design's revision.
        material: "<material>/<lot of its maker's>"; "" where nobody said.
        bought: "<bought part>/<lot of its supplier's>" of all that went along with it.
    """
    materials = (Cause(kind=RecallKind.MATERIAL, value=material),) if material else ()
    spools = (Cause(kind=RecallKind.SPOOL, value=f"{node}/{spool}"),) if spool else ()
    return (
        Cause(kind=RecallKind.LOT, value=lot),
        *spools,
        *materials,
        *(Cause(kind=RecallKind.BOUGHT, value=each) for each in bought),
        Cause(kind=RecallKind.PRINTER, value=f"{node}/{printer}"),
        Cause(kind=RecallKind.REVISION, value=revision),
    )


def counting(*, inspected: bool, good: int, accepted: int, refused: int, lost: int) -> int:
    """Return how many pieces of a lot count for its order now, and stop doing so when it is held."""
    return accepted - refused - lost if inspected else good


def need_reason(reason: str) -> str:
    """Return a reason without white space around it.

    Raises:
        InvalidFieldError: it is empty.
    """
    if not reason.strip():
        raise InvalidFieldError("reason", "say what is wrong, in words that a nurse understands")
    return reason.strip()
