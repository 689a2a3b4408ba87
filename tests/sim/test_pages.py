"""Everybody presses any button at any time: no law is broken, nothing is stuck, every order is delivered.

At the end of some runs it is done through the pages: each thing on somebody's list has its form, and goes away.
The same runs each time; `FABNET_SIM_EXAMPLES=5000` tries so many from `FABNET_SIM_FIRST` on, and tells the
steps of the first that fails.
"""

import os
from collections import Counter

import pytest

from tests.sim import desk_law
from tests.sim.desk import Desk
from tests.sim.desk_pages import Pages
from tests.sim.desk_rules import Day

SEEDS = int(os.environ.get("FABNET_SIM_EXAMPLES") or 60)
FIRST = int(os.environ.get("FABNET_SIM_FIRST") or 0)
#: One run of so many ends in front of the pages: they are drawn slowly.
BY_PAGE = 12
#: What has to come about in some of the runs, or they try too little: kinds of events.
_REACHED = {
    "attempt-cancelled",
    "attempt-declined",
    "attempt-interrupted",
    "attempt-lapsed",
    "attempt-returned",
    "attempt-withdrawn",
    "bag-taken",
    "came-back",
    "called-back",
    "cancelled",
    "complained",
    "counted-besides",
    "delivered",
    "filament-back",
    "filament-came",
    "filament-sent",
    "ledger-restored",
    "lot-released",
    "lot-signed",
    "lowered",
    "maker-left",
    "need-asked",
    "node-knows-more",
    "node-revoked",
    "not-before",
    "passed-on",
    "pickup-cancelled",
    "prioritised",
    "recall-ended",
    "recall-waived",
    "received",
    "requester-erased",
    "reworked",
    "split-again",
    "spoilt",
    "taken-back",
    "turned-up",
    "unpacked",
    "went-on-without",
    "written-off",
}


#: And rows: what became of pieces, and of people.
_STATES = {
    "received": "batch_lot where received > 0",
    "refused": "batch_lot where refused > 0",
    "lost": "batch_lot where lost > 0",
    "several bags": "batch_lot group by batch_id having count(*) > 1",
    "by a carrier": "batch where courier = 'carrier'",
    "by a driver": "batch where run != ''",
    "under a rule": "batch where profile != ''",
    "mislaid": "lot where mislaid > 0",
    "rejected": "lot where rejected > 0",
    "spare": "line where surplus > 0",
    "bought": "hub_stock where batch != ''",
    "of a supplier's lot": "hub_stock where batch != '' and supplier_lot != ''",
    "a bought lot called back": "lot l join recall r on r.id = l.recall where r.kind = 'bought'",
    "by hand": "attempt a join printer p on p.node = a.node and p.id = a.printer where a.started_at"
    " is not null and json_extract(p.facts, '$.link') = 'manual'",
    "erased": "orders where erased_at is not null",
    "unread": "complaint where read_at is null",
}

#: Kinds of things that waited for somebody, and were done on her page.
_ON_PAGES = [
    f"page: {kind}"
    for kind in (
        "confirm", "offer", "print", "harvest", "pickup", "inspect", "rework", "release", "pack",
        "dispatch",
    )
]  # fmt: skip


@pytest.mark.timeout(1200)
def test_no_page_breaks_a_law():
    did: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + SEEDS):
        desk = Desk()
        day = Day(desk, seed)
        try:
            day.run()
            reached.update(_states(desk))
            _end(desk, day, by_page=seed % BY_PAGE == 0)
            desk_law.check(desk.db, desk.now)
            did += day.did
            reached.update(desk.ids("select distinct kind from event"))
            reached.update(_states(desk))
        except Exception as error:
            error.add_note(f"seed {seed}:\n  " + "\n  ".join(day.told))
            raise
        finally:
            desk.close()
    if SEEDS >= 60:
        never = [name for name in (*Day.deeds(), *_ON_PAGES) if not did[name]]
        assert not never, never
        assert reached.keys() >= _REACHED | _STATES.keys(), (
            _REACHED | _STATES.keys()
        ) - reached.keys()


def _states(desk: Desk) -> list[str]:
    return [name for name, rows in _STATES.items() if desk.ids(f"select 1 from {rows}")]


def _end(desk: Desk, day: Day, *, by_page: bool) -> None:
    """Everybody does what she has to: on the pages what waits, else until all orders are delivered."""
    day.told.append("pages" if by_page else "settle")
    for order_id in desk.ids("select id from orders where release is not null"):
        desk.begins(order_id, None)
    if not by_page:
        desk.settle()
        return
    desk.accept_design(365)  # a parcel waits on a list, in vain, until its design is
    pages = Pages(desk)
    try:
        pages.run()
        day.did.update({f"page: {kind}": times for kind, times in pages.did.items()})
    finally:
        pages.close()
