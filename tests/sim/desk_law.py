"""What a hospital or a steward would name, beyond the two laws: it holds whatever was done before.

Figures of pages agree with the books, the hub's stations with its lists, and a recall finds from any bag all
that were made alike, and whoever has them.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from jobs.chances import likely
from jobs.law import Books
from jobs.ledger import bought, labs, recalls, stations, views
from jobs.ledger.first_mile import open_pickups
from jobs.ledger.parcels import barrier
from jobs.ledger.waiting import waiting
from jobs.model import BatchState, OrderState, Role
from jobs.recall import causes
from jobs.stations import Stands, Step, bottleneck
from jobs.stations import stations as all_stations
from web.pages.requesters import counts_of
from web.plans import queues, shares
from web.progress import StepState, expected, lateness, steps

#: At which step a bag stands, and as what its deed waits for somebody.
_WAITS = {
    Step.INSPECT: "inspect", Step.REWORK: "rework", Step.PACK: "pack", Step.HAND_OVER: "dispatch",
}  # fmt: skip


def check(db: sqlite3.Connection, now: datetime) -> None:
    """Assert all of it."""
    for row in db.execute("select id from orders").fetchall():
        _figures_of(db, row[0], now)
    _hub_says_one_thing(db, now)
    traces_agree(db)


def _figures_of(db: sqlite3.Connection, order_id: str, now: datetime) -> None:
    """The pages of an order say what the books say, and each step of it no more than the one before."""
    view = views.order_view(db, order_id)
    told = counts_of(db, view)
    for each, line in zip(told, view.lines, strict=True):
        b = line.books
        figures = (
            each.promised, each.to_start, each.making, each.inspecting, each.held, each.ready,
            each.packed, each.on_way, each.received,
        )  # fmt: skip
        assert min(figures) >= 0, each
        assert each.received == b.kept, (each, b)
        here = each.ready + each.packed + each.held
        assert here == b.at_hub - _waiting_here(db, b), (each, b)
    if view.order.state not in (OrderState.REFUSED, OrderState.CANCELLED):
        all_books = tuple(line.books for line in view.lines)
        strip = steps(
            view.order, all_books, bought.packed(db, order_id), sum(each.held for each in told)
        )
        kits = [each.kits for each in strip if each.key != "held"]
        assert kits == sorted(kits, reverse=True), (strip, view.lines)
        assert 0 <= min(kits) <= max(kits) <= view.order.request.kits, strip
        whole = all(b.kept >= b.ordered for b in all_books)
        assert (strip[-1].state is StepState.DONE) == whole, (strip, all_books)
    sure = likely(queues(view, labs.yields(db)), now)
    assert sure is None or now <= sure.p50 <= sure.p90, sure
    last = expected(view, now)
    assert last is None or last > now, last
    late = lateness(view, told, sure, now.date())
    assert late is None or all(pieces > 0 for _, pieces in late.causes), late
    plan = shares(view)
    assert min(plan.ordered, plan.placed, plan.short, plan.late) >= 0, plan


def _waiting_here(db: sqlite3.Connection, part: Books) -> int:
    """Return the pieces at the hub that nobody has inspected, and that nobody has called back."""
    row = db.execute(
        "select coalesce(sum(good - mislaid), 0) from lot where order_id = ? and part_id = ?"
        " and state = 'waiting' and place like 'hub:%' and recall = ''",
        (part.order_id, part.part_id),
    ).fetchone()
    return int(row[0])


def _hub_says_one_thing(db: sqlite3.Connection, now: datetime) -> None:
    """What stands at a step of the hub is on somebody's list, and nothing is less than nothing."""
    found = all_stations(stations.bags(db, open_pickups(db)), now)
    assert all(bag.pieces > 0 for each in found for bag in each.bags)
    neck = bottleneck(found)
    standing = [bag for each in found if each.step is not Step.ARRIVE for bag in each.bags]
    assert (neck is None) == (not standing), (neck, standing)
    todo = {(w.kind, w.key) for w in waiting(db, Role.STEWARD, now=now)}
    for bag in standing:
        if (kind := _WAITS.get(bag.step)) is not None:
            assert _is_on_a_list(db, bag, kind, todo), f"{bag} waits for nobody: {todo}"


def _is_on_a_list(
    db: sqlite3.Connection, bag: Stands, kind: str, todo: set[tuple[str, str]]
) -> bool:
    lot = views.lot(db, bag.code)
    order_id = lot.attempt.order_id
    if kind in ("inspect", "rework"):
        return (kind, bag.code) in todo
    if kind == "dispatch":
        # Or who asked is to say whether she still needs it, or another bag of the parcel is held.
        return (kind, lot.batches[0]) in todo or bool(barrier(db, lot.batches[0]))
    making = views.order(db, order_id).state is OrderState.CONFIRMED
    return (kind, order_id) in todo or not making


def traces_agree(db: sqlite3.Connection) -> None:
    """From any bag to all that were made alike, to who has them, and back."""
    all_lots = {
        row[0]: views.lot(db, row[0]) for row in db.execute("select code from lot").fetchall()
    }
    for lot in all_lots.values():
        made = lot.attempt
        assert lot.attempt.lot == lot.code
        alike = causes(
            lot=lot.code, node=made.node, printer=made.printer, spool=made.spool,
            revision=lot.revision_id, material=f"{made.material}/{made.maker_lot}",
            bought=[box.cause for box in bought.lots_with(db, lot.code)],
        )  # fmt: skip
        for cause in alike:
            found = {each.code: each for each in recalls.lots_of(db, cause)}
            if lot.code not in found:
                assert cause.kind == "material", (lot, cause)
                assert not made.maker_lot
                continue
            mine = found[lot.code]
            assert mine.order_id == made.order_id
            assert (mine.batch,) == (lot.batches or ("",)), (mine, lot)
    for (batch_id,) in db.execute("select id from batch").fetchall():
        batch = views.batch(db, batch_id)
        for each in batch.lots:
            lot = all_lots[each.lot]
            assert lot.attempt.order_id == batch.order_id, (lot, batch)
            assert batch_id in lot.batches
            if lot.recall and batch.state is not BatchState.PACKED:
                _is_told(db, lot.recall, batch.order_id)


def _is_told(db: sqlite3.Connection, recall_id: str, order_id: str) -> None:
    told = {each.order_id for each in recalls.notices(db, recall_id)}
    assert order_id in told, f"{order_id} has pieces of recall {recall_id}, and was not told"
