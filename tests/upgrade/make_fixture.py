"""Writes the files that this version of fabnet would leave behind, for later versions to open.

Run once for each release, before it: python -m tests.upgrade.make_fixture v0.1.0
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

from fabnet.node.journal import Journal
from jobs.coordinator import deliveries, harvests, lots
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, Offer, ReportState
from tests.doubles.world import NOON, PRINTER, World


def main() -> None:
    target = Path(__file__).parent / sys.argv[1]
    target.mkdir()
    with tempfile.TemporaryDirectory() as work:
        world = World(Path(work))
        world.add_lab()
        _fill_ledger(world)
        _copy(world.ledger.path, target / "ledger.db")
        _fill_journal(world, Path(work) / "journal.db")
        _copy(Path(work) / "journal.db", target / "journal.db")


def _fill_ledger(world: World) -> None:
    """One order delivered, one in every stage at once, one that waits for its steward."""
    order_id = world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    lots.inspect(world.ledger, code or "", 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    world.order(8)
    world.plan()
    world.tick()
    refs = [a.ref for a in world.attempts() if a.state is AttemptState.OFFERED]
    world.print(refs[0])
    harvests.harvest(world.ledger, refs[0], 1, 1, "warped", "maker", world.now)
    world.take(refs[1])
    world.ready(refs[1])
    world.report(refs[1], ReportState.PRINTING)
    world.says(Answer(attempt=refs[2], taken=False, reason="not this week"))


def _fill_journal(world: World, path: Path) -> None:
    journal = Journal(path, "the machine of the fixture")
    offers = [message for message in world.told() if isinstance(message, Offer)]
    with journal.transaction() as db:
        journal.set_epoch(db, 3)
        for message in offers:
            for each in message.attempts:
                journal.add(db, each, AttemptState.TAKEN, "", NOON)
                journal.say(db, Answer(attempt=each.attempt, taken=True), NOON)
        first = offers[0].attempts[0].attempt
        journal.set_clear(db, PRINTER, clear=True)
        journal.intend(db, first, PRINTER, NOON)
        journal.move(db, first, AttemptState.PRINTED)
        journal.use(db, "s1", 33.0)
    journal.close()


def _copy(source: Path, target: Path) -> None:
    """Copy a whole database, its write-ahead log included, into one small file."""
    db = sqlite3.connect(source)
    db.execute("vacuum into ?", (str(target),))
    db.close()


if __name__ == "__main__":
    main()
