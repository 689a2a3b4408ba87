"""What a plan is: runs of equal plates, pieces without a place, and for every printer why. Values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from jobs.model import Reason, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Equal plates that one printer makes one after another, without a pause: each will be a job."""

    order_id: str
    part_id: str
    node: str
    printer: str
    material: str
    copies: int  # on each plate
    seconds: float  # each plate, as its slicer or an estimate says
    grams: float  # each plate
    done_at: datetime  # when the first of them is expected to be printed
    count: int = 1  # plates
    pace: float = 1.0  # of its printer: how many times `seconds` each takes there
    #: It comes after what is worth more, though that may be due later; see jobs.turns.
    set_back: bool = False

    @property
    def takes_s(self) -> float:
        """How long each plate prints there."""
        return self.seconds * self.pace

    @property
    def pieces(self) -> int:
        """How many pieces come off."""
        return self.count * self.copies

    @property
    def last_at(self) -> datetime:
        """When the last plate is expected to be printed."""
        return self.done_at + timedelta(seconds=(self.count - 1) * self.takes_s)

    def late(self, print_by: datetime) -> int:
        """Return how many of the pieces are printed after a time."""
        return self.pieces - self.copies * plates_by(self, print_by)

    def plates(self) -> Iterator[Run]:
        """Yield each plate as a run of its own."""
        for number in range(self.count):
            done_at = self.done_at + timedelta(seconds=number * self.takes_s)
            yield replace(self, done_at=done_at, count=1)


def plates_by(run: Run, at: datetime) -> int:
    """Return how many plates of a run are printed by a time."""
    left_s = (at - run.done_at).total_seconds()
    if left_s < 0:
        return 0
    return min(run.count, int(left_s / run.takes_s) + 1 if run.takes_s > 0 else run.count)


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
class Stand:
    """Whether a printer could make more of a part when all is planned."""

    node: str
    printer: str
    km: float | None
    why: Reason | None  # what it cannot; None if it can, or if nobody has measured it
    done_h: float | None  # its next plate would be done in so many hours; None if it gets none


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All that there is to say of one need: who got what, and how all others stand."""

    order_id: str
    part_id: str
    made: tuple[PrinterRow, ...]  # who got something, by node and printer
    stands: tuple[Stand, ...]  # of every printer, by node and printer; one object for many needs
    left: int  # pieces without a place
    last_h: float | None  # in so many hours all are printed; None where none is placed
    release: date | None = None  # none of it may start before this day

    def rows(self, other_than: ReasonCode | None = None) -> Iterator[PrinterRow]:
        """Yield a row for every printer, by node and printer.

        Those who got nothing for the reason `other_than` are left out.
        """
        made = iter(self.made)
        next_made = next(made, None)
        for stand in self.stands:
            if (
                next_made is not None
                and next_made.node == stand.node
                and next_made.printer == stand.printer
            ):
                yield next_made
                next_made = next(made, None)
                continue
            reasons = self.reasons(stand, got=False)
            if other_than is not None and any(why.code is other_than for why in reasons):
                continue
            yield PrinterRow(
                order_id=self.order_id, part_id=self.part_id, node=stand.node,
                printer=stand.printer, plates=0, pieces=0, late=0, grams=0.0, km=stand.km,
                done_at=None, reasons=reasons,
            )  # fmt: skip

    def reasons(self, stand: Stand, *, got: bool) -> tuple[Reason, ...]:
        """Return why a printer got nothing of the need, or no more."""
        if stand.why is not None:
            return (stand.why,)
        if stand.done_h is None:
            return ()
        if self.left:
            return (Reason(code=ReasonCode.KIT, node=stand.node, printer=stand.printer),)
        if got or self.last_h is None:
            return ()
        later = Reason(
            code=ReasonCode.LATER, node=stand.node, printer=stand.printer,
            needed=stand.done_h, available=self.last_h,
        )  # fmt: skip
        if self.release is None:
            return (later,)
        waits = Reason(
            code=ReasonCode.RELEASE, node=stand.node, printer=stand.printer,
            text=self.release.isoformat(),
        )  # fmt: skip
        return (waits, later)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Before when no plan could have all of what was asked of an order printed."""

    order_id: str
    earliest_at: datetime


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The whole answer; runs in the order in which they begin to come off."""

    runs: tuple[Run, ...]
    shortfalls: tuple[Shortfall, ...]
    explained: tuple[Explained, ...]  # for every need
    bounds: tuple[Bound, ...] = ()  # of the orders that can be printed at all
    shares_first: bool = False  # whether printers got shares first; else plate by plate

    @cached_property
    def plates(self) -> tuple[Run, ...]:
        """Every plate by itself, in the order in which they come off."""
        found = [plate for run in self.runs for plate in run.plates()]
        return tuple(sorted(found, key=lambda p: (p.done_at, p.node, p.printer)))

    @cached_property
    def rows(self) -> tuple[PrinterRow, ...]:
        """What is to say of every printer and need: as many as there are of both."""
        return tuple(row for each in self.explained for row in each.rows())
