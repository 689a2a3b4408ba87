"""The planner of the coordinator: what has no place is planned, and idle printers are looked after.

On a thread of its own, since nests take seconds. Leaves what is planned, and how, to
`jobs.coordinator`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from designs.library import Library
from fabnet import clock
from fabnet.pacing import Throttle
from jobs.coordinator import applying, claims, fitting, planning, spools
from jobs.ledger.disk import DiskTrouble, trouble_of
from jobs.ledger.store import Ledger
from jobs.plan_audit import Sound

_log = logging.getLogger(__name__)

_TICK_S = 0.5
#: So many broken rules are in a line of the log.
_MOST_TOLD = 5
#: How often idle printers are looked after.
_SPREAD_S = 15.0
#: What nobody was offered is given out anew after so long, if some would be late; and what has no
#: place is planned again, also where nothing has changed but the clock.
_RESPLIT_S = 12 * 3600.0
#: Orders that no sound plan has, and what cannot be read, are tried again after so long, or with new facts; and
#: so is what no spool holds and nobody else could make.
_LEFT_OUT_S = 15 * 60.0
#: After a turn that failed.
_AFTER_FAULT_S = 5.0
#: What the log says of the disk, when it begins.
_DISK = {
    DiskTrouble.FULL: "The disk is full: nothing is planned any more. Make room; it goes on by itself then.",
    DiskTrouble.FAILS: "The disk cannot be written: nothing is planned any more. Look at the machine's log,"
    " mend or replace the disk, then start the coordinator again.",
}


class Planner:
    """What is planned at each turn, and how often all else is looked after. For one thread.

    Args:
        hub_place: where lots are gathered (latitude, longitude); None leaves distances out.
        now_s: of a clock that is never set back; when it begins.
        now: tells the time on the wall, aware UTC.
    """

    def __init__(
        self,
        ledger: Ledger,
        hub_place: tuple[float, float] | None,
        now_s: float,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._ledger, self._hub_place, self._now = ledger, hub_place, now
        self._told = Throttle(1 / _RESPLIT_S, 1.0)
        self._done: fitting.Snapshot | None = None
        self._done_s = self._spread_s = self._resplit_s = self._unheld_s = now_s
        self._unheld: frozenset[str] = frozenset()
        self._rest_s = _RESPLIT_S
        self._left_out: tuple[str, ...] = ()
        self._odd: frozenset[tuple[str, str]] = frozenset()

    def turn(self, library: Library, now_s: float) -> None:
        """Plan what has no place, where that or the network is not as it was at the last plan."""
        if now_s - self._spread_s >= _SPREAD_S:
            self._spread_s = now_s
            claims.spread(self._ledger, self._now(), self._hub_place)
            self._give_back(library, now_s)
        if now_s - self._resplit_s >= _RESPLIT_S:
            self._resplit_s = now_s
            claims.resplit(self._ledger, self._now())
        facts = planning.snapshot(self._ledger, library, self._now(), self._hub_place)
        if not (facts.needs or facts.unread):
            return
        if facts == self._done and now_s - self._done_s < self._rest_s:
            return
        sound = planning.make(facts, library, self._now(), self._left_out, self._odd)
        self._tell_unsound(sound, now_s)
        sound, lost = applying.with_plates(library, facts, sound)
        self._tell_odd({**facts.unread, **lost}, sound, now_s)
        applying.apply(self._ledger, library, facts, sound, self._now())
        self._done, self._done_s = facts, now_s
        self._left_out, self._odd = sound.left_out, frozenset(sound.odd)
        some = sound.left_out or facts.unread or sound.odd
        self._rest_s = _LEFT_OUT_S if some else _RESPLIT_S

    def _tell_odd(self, orders: Mapping[str, str], sound: Sound, now_s: float) -> None:
        """Say once of each order, and of each printer, that something of it is lost or cannot be."""
        for order, why in orders.items():
            if self._told.allows(f"left out {order}", now_s):
                _log.error(
                    "order %s is not planned: something of it in the ledger or the library is lost, or cannot"
                    " be read (%s). Put it back from a backup, or end the order. All other orders go on; this"
                    " one is tried again every quarter of an hour",
                    order, why,
                )  # fmt: skip
        for (node, printer), why in sound.odd.items():
            if self._told.allows(f"left out {node}/{printer}", now_s):
                _log.error(
                    "printer %s of %s gets nothing: what the ledger has of it cannot be (%s). Its node says it"
                    " anew when it starts again. All other printers go on",
                    printer, node, why,
                )  # fmt: skip

    def _give_back(self, library: Library, now_s: float) -> None:
        """What no spool holds goes to others; where they cannot, that is seen again after a while."""
        if now_s - self._unheld_s >= _LEFT_OUT_S:
            self._unheld, self._unheld_s = frozenset(), now_s
        self._unheld = spools.give_back(
            self._ledger, library, self._now(), self._hub_place, self._unheld
        )

    def _tell_unsound(self, sound: Sound, now_s: float) -> None:
        """Say once of each order that it was left out; and where none was, that plans were thrown away.

        Where planning was stopped by what it met, with where.
        """
        broken = "; ".join(sound.thrown[:_MOST_TOLD])
        new = [o for o in sound.left_out if self._told.allows(f"left out {o}", now_s)]
        if new:
            _log.error(
                "no plan for order %s: every one broke a rule, or could not be finished, and was thrown away"
                " (%s). This is a fault of fabnet: please report it with this line and the output of"
                " `fabnet doctor`. All other orders go on; these are tried again every quarter of an hour",
                ", ".join(new), broken, exc_info=sound.raised,
            )  # fmt: skip
        elif broken and not sound.left_out and self._told.allows("thrown away", now_s):
            _log.warning(
                "a plan broke a rule, or could not be finished, and was thrown away (%s); all is planned in"
                " another way. This is a fault of fabnet: please report it with this line and the output"
                " of `fabnet doctor`",
                broken, exc_info=sound.raised,
            )  # fmt: skip


def plan_for_ever(
    ledger: Ledger,
    open_library: Callable[[], Library],
    hub_place: tuple[float, float] | None,
    stop: threading.Event,
) -> None:
    """Plan what is asked until told to stop; `open_library` is called on this thread."""
    planner, told = Planner(ledger, hub_place, clock.boottime_s()), DiskTrouble.NONE
    faults = Throttle(1 / _LEFT_OUT_S, 1.0)
    while not stop.wait(_TICK_S):
        try:
            planner.turn(open_library(), clock.boottime_s())
        except Exception as error:  # noqa: BLE001
            # A plan that fails must not end planning for all other orders to come.
            trouble = trouble_of(error, ledger.path.parent)
            if not trouble and faults.allows(type(error).__name__, clock.boottime_s()):
                _log.exception(
                    "planning failed. What was planned before stays as it is, and it is tried again every few"
                    " seconds. This is a fault of fabnet: please report it with these lines and the output of"
                    " `fabnet doctor`"
                )
            elif trouble and trouble is not told:
                _log.error("%s What was planned before stays as it is (%s)", _DISK[trouble], error)
            told = trouble or told
            stop.wait(_AFTER_FAULT_S)
        else:
            if told:
                _log.info("the disk can be written again, and what waits is planned")
            told = DiskTrouble.NONE
