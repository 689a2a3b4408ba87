"""The planner of the coordinator: what has no place is planned, and idle printers are looked after.

On a thread of its own, since nests take seconds. Leaves what is planned, and how, to
`jobs.coordinator`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from designs.library import Library
from fabnet import clock
from fabnet.pacing import Throttle
from jobs.coordinator import claims, fitting, planning
from jobs.ledger.store import Ledger

_log = logging.getLogger(__name__)

_TICK_S = 0.5
#: How often idle printers are looked after.
_SPREAD_S = 15.0
#: What nobody was offered is given out anew after so long, if some would be late; and what has no
#: place is planned again, also where nothing has changed but the clock.
_RESPLIT_S = 12 * 3600.0


def plan_for_ever(
    ledger: Ledger,
    open_library: Callable[[], Library],
    hub_place: tuple[float, float] | None,
    stop: threading.Event,
) -> None:
    """Plan what is asked until told to stop; `open_library` is called on this thread."""
    done: fitting.Snapshot | None = None
    told = Throttle(1 / _RESPLIT_S, 1.0)
    done_s = spread_s = resplit_s = clock.boottime_s()
    while not stop.wait(_TICK_S):
        try:
            library, now_s = open_library(), clock.boottime_s()
            if now_s - spread_s >= _SPREAD_S:
                spread_s = now_s
                claims.spread(ledger, clock.now(), hub_place)
            if now_s - resplit_s >= _RESPLIT_S:
                resplit_s = now_s
                claims.resplit(ledger, clock.now())
            facts = planning.snapshot(ledger, library, clock.now(), hub_place)
            for lost in facts.lost:
                if told.allows(lost, now_s):
                    _log.error("revision %s, or a file of it, is lost: nothing is made of it", lost)
            if not facts.needs or (facts == done and now_s - done_s < _RESPLIT_S):
                continue
            plan = planning.make(facts, library, clock.now())
            planning.apply(ledger, library, facts, plan, clock.now())
            done, done_s = facts, now_s
        except Exception:  # noqa: BLE001
            # A plan that fails must not end planning for all other orders to come.
            _log.exception("planning failed; trying again")
            stop.wait(5.0)
