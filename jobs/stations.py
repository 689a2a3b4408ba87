"""Where bags are at the hub, and which step holds up most of them. Pure.

Every bag stands at one station: at the first one of which somebody can say that it is to be done now.
Leaves rows to `jobs.ledger.stations`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.hub import Gate


class Step(enum.StrEnum):
    """What is to be done with a bag, in the order in which it comes to it."""

    ARRIVE = "arrive"
    COUNT = "count"
    HOLD = "hold"
    INSPECT = "inspect"
    REWORK = "rework"
    RELEASE = "release"
    PACK = "pack"
    HAND_OVER = "hand-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """What is known of one lot that has not left the hub."""

    code: str
    pieces: int  # that wait: of an inspected lot the accepted ones
    gate: Gate | None  # None once it has left
    ready_at: datetime | None = None  # of a pick-up that comes today
    arrived_at: datetime | None = None  # at the hub
    counted_at: datetime | None = None
    rework_at: datetime | None = None  # since when it is put aside
    inspected_at: datetime | None = None
    spare: bool = False  # inspected, and its order needs no more
    withdrawn: bool = False  # its design was, and no reviewer has released it
    packed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """At which station a bag stands, and since when."""

    code: str
    pieces: int
    step: Step
    since: datetime
    until: datetime | None = None  # of a hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One step with all that stands there."""

    step: Step
    bags: tuple[Stands, ...]  # the oldest first

    @property
    def pieces(self) -> int:
        """In all of its bags."""
        return sum(bag.pieces for bag in self.bags)

    @property
    def oldest(self) -> datetime | None:
        """Since when the oldest stands there."""
        return self.bags[0].since if self.bags else None

    @property
    def until(self) -> datetime | None:
        """When the next hold ends."""
        return min((bag.until for bag in self.bags if bag.until), default=None)


def stands(bag: Bag, now: datetime) -> Stands | None:
    """Return where a bag stands; None where nothing is to be done with it here."""
    found = _step(bag, now)
    if found is None or not bag.pieces:
        return None
    step, since = found
    until = bag.gate.held_until if step is Step.HOLD and bag.gate is not None else None
    return Stands(code=bag.code, pieces=bag.pieces, step=step, since=since, until=until)


def _step(bag: Bag, now: datetime) -> tuple[Step, datetime] | None:
    if bag.packed_at is not None:
        if bag.withdrawn or (bag.gate is not None and bag.gate.unsigned):
            return Step.RELEASE, bag.packed_at
        return Step.HAND_OVER, bag.packed_at
    if bag.gate is None:
        return None
    if bag.spare:
        return None
    if bag.inspected_at is not None:
        return _inspected(bag, bag.gate, bag.inspected_at, now)
    if bag.arrived_at is None:
        return None if bag.ready_at is None else (Step.ARRIVE, bag.ready_at)
    if bag.counted_at is None:
        return Step.COUNT, bag.arrived_at
    if bag.rework_at is not None:
        return Step.REWORK, bag.rework_at
    if bag.gate.is_held(now):
        return Step.HOLD, bag.arrived_at
    return Step.INSPECT, max(bag.gate.held_until or bag.counted_at, bag.counted_at)


def _inspected(
    bag: Bag, gate: Gate, inspected_at: datetime, now: datetime
) -> tuple[Step, datetime]:
    if gate.unsigned or bag.withdrawn:
        return Step.RELEASE, inspected_at
    if gate.is_held(now):
        return Step.HOLD, inspected_at
    return Step.PACK, gate.signed_at or inspected_at


def stations(bags: Iterable[Bag], now: datetime) -> tuple[Station, ...]:
    """Return all stations in their order, the empty ones too."""
    found: dict[Step, list[Stands]] = {step: [] for step in Step}
    for bag in bags:
        where = stands(bag, now)
        if where is not None:
            found[where.step].append(where)
    return tuple(
        Station(step=step, bags=tuple(sorted(each, key=lambda b: (b.since, b.code))))
        for step, each in found.items()
    )


def bottleneck(found: Iterable[Station]) -> Step | None:
    """Return the step that holds up most pieces, of several the one that waits longest.

    What is still coming is held up by nobody here. None where nothing stands anywhere.
    """
    here = [each for each in found if each.bags and each.step is not Step.ARRIVE]
    most = min(here, key=lambda each: (-each.pieces, each.oldest), default=None)
    return None if most is None else most.step
