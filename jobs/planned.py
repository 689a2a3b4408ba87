"""What a plan is: plates, pieces without a place, and a row for every printer that says why. Values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.model import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPlate:
    """One plate for one printer: will be a job."""

    order_id: str
    part_id: str
    node: str
    printer: str
    material: str
    copies: int
    seconds: float
    grams: float
    done_at: datetime  # when it is expected to be printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Pieces that no printer can make now, with every reason once."""

    order_id: str
    part_id: str
    pieces: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterRow:
    """What one printer got of one need, or why it got nothing."""

    order_id: str
    part_id: str
    node: str
    printer: str
    plates: int
    pieces: int
    late: int  # of the pieces, those printed after the day that they were needed by
    grams: float
    km: float | None
    done_at: datetime | None  # of its last plate
    reasons: tuple[Reason, ...]  # why nothing; or what stopped it from getting more


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Before when no plan could have all of what was asked of an order printed."""

    order_id: str
    not_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole answer; plates in the order they should be offered."""

    plates: tuple[PlannedPlate, ...]
    shortfalls: tuple[Shortfall, ...]
    rows: tuple[PrinterRow, ...]
    bounds: tuple[Bound, ...] = ()  # of the orders that can be printed at all
