"""Everybody presses any button at any time: no law is broken, nothing is stuck, every order is delivered.

The same runs each time; `FABNET_SIM_EXAMPLES=5000` tries so many, and tells the steps of the first that fails.
"""

import os
from collections import Counter

import pytest

from tests.sim.desk import Desk
from tests.sim.desk_rules import Day

SEEDS = int(os.environ.get("FABNET_SIM_EXAMPLES") or 60)
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
    "ledger-restored",
    "lot-released",
    "lot-signed",
    "lowered",
    "maker-left",
    "need-asked",
    "node-knows-more",
    "node-revoked",
    "passed-on",
    "pickup-cancelled",
    "recall-ended",
    "recall-waived",
    "received",
    "requester-erased",
    "reworked",
    "split-again",
    "spoilt",
    "taken-back",
    "unpacked",
    "went-on-without",
    "written-off",
    "refused",
    "lost",
}


@pytest.mark.timeout(1200)
def test_no_page_breaks_a_law():
    did: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for seed in range(SEEDS):
        desk = Desk()
        day = Day(desk, seed)
        try:
            day.run()
            did += day.did
            reached.update(desk.ids("select distinct kind from event"))
            for outcome in ("received", "refused", "lost"):
                reached[outcome] += len(desk.ids(f"select 1 from batch_lot where {outcome} > 0"))
        except Exception as error:
            error.add_note(f"seed {seed}:\n  " + "\n  ".join(day.told))
            raise
        finally:
            desk.close()
    if SEEDS >= 60:
        assert all(did[name] for name in Day.deeds()), did
        assert reached.keys() >= _REACHED
