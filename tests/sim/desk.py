"""What people do on pages and nodes say, on a real ledger whose laws are checked after every transaction.

Plates are cut by hand here: planner, library and wire have tests of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, time

from jobs.coordinator import (
    complaints,
    deliveries,
    depot,
    first_mile,
    hub,
    lots,
    nodes,
    recalls,
    restoring,
    retention,
    reviews,
    runs,
)
from jobs.coordinator.couriers import Carrier, HandPickUp
from jobs.first_mile import Goods, PickupState
from jobs.hub import Rule, Scope
from jobs.ledger import depot as book
from jobs.ledger import first_mile as mile
from jobs.ledger import views
from jobs.ledger.books import books
from jobs.ledger.cells import quoted
from jobs.ledger.rows import live_attempt, new_id
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.model import BatchState, JobState, LotState, OrderState, StopOutcome
from jobs.recall import Cause, RecallKind
from jobs.retention import limits
from printers.model import PrinterState
from tests.sim.desk_choices import Choices
from tests.sim.desk_labs import ITEM


class Desk(Choices):
    """All of it: labs, and what becomes of their bags."""

    # --- bags

    def bags(self) -> list[str]:
        return self.ids("select code from lot order by created_at, code")

    def announce(self, lab: str) -> None:
        codes = [bag.code for bag in mile.bags_at(self.db, lab)]
        self.tries(
            lambda: first_mile.announce(
                self.ledger, lab, codes, self.now, "door", f"of-{lab}", self.now
            )
        )

    def pickups(self) -> list[str]:
        return self.ids("select id from pickup order by announced_at, id")

    def cancel_pickup(self, pickup: str) -> None:
        self.tries(lambda: first_mile.cancel(self.ledger, pickup, "maker", self.now))

    def drives(self, pickup: str, bag: int) -> None:
        """A driver has the run, and takes one bag of it along, or all."""
        self.tries(lambda: first_mile.give(self.ledger, pickup, "Zoé", self.now))
        goods = Goods(text="elastic", quantity=3)
        self.tries(lambda: first_mile.add_goods(self.ledger, pickup, goods, "steward", self.now))
        found = [each.code for each in mile.pickup(self.db, pickup).bags]
        codes = found if bag >= len(found) else [found[bag]]
        self.tries(lambda: first_mile.take(self.ledger, pickup, codes, "driver", self.now))

    def arrives(self, code: str) -> None:
        self.tries(lambda: first_mile.arrive(self.ledger, code, "inspector", self.now))

    def count_in(self, code: str, missing: int) -> None:
        pieces = max(0, views.lot(self.db, code).good - missing)
        self.tries(
            lambda: first_mile.count_in(self.ledger, code, pieces, "so", "inspector", self.now)
        )

    def inspect(self, code: str, bad: int, by: str = "inspector") -> None:
        pieces = views.lot(self.db, code).pieces
        bad = min(bad, pieces)
        self.tries(lambda: lots.inspect(self.ledger, code, pieces - bad, bad, "so", by, self.now))

    def rework(self, code: str, *, done: bool) -> None:
        if done:
            self.tries(lambda: lots.reworked(self.ledger, code, "inspector", self.now))
        else:
            self.tries(lambda: lots.rework(self.ledger, code, 1, "so", "inspector", self.now))

    def spoil(self, code: str, pieces: int) -> None:
        of = views.lot(self.db, code).accepted
        self.tries(lambda: lots.scrap(self.ledger, code, pieces, of, "so", "inspector", self.now))

    def sign(self, code: str) -> None:
        self.tries(lambda: hub.sign(self.ledger, code, "steward", self.now))

    def rule(self, hold_h: float | None, *, second: bool | None) -> None:
        hub.set_rule(
            self.ledger, Rule(scope=Scope.ALL, hold_h=hold_h, second=second), "s", self.now
        )

    def count_stock(self, pieces: int, lot: str = "") -> None:
        hub.count_stock(self.ledger, ITEM, pieces, "inspector", self.now, lot)
        self._count_filament(pieces, lot)

    def _count_filament(self, kilos: int, lot: str) -> None:
        """What was sent comes or is back, what lies in the depot is counted, and some goes to each lab."""
        depot.count(self.ledger, "PETG", 1000 * kilos, "steward", self.now, lot)
        for n, each in enumerate(book.on_way(self.db)):
            depot.end(self.ledger, each.id, "steward", self.now, came=(n + kilos) % 2 == 0)
        for n, node in enumerate(self.ids("select id from node order by id"), 1):
            self.tries(functools.partial(self._sends_filament, node, 300 * n))

    def _sends_filament(self, node: str, grams: int) -> None:
        day = self.now.date()
        depot.send(self.ledger, new_id(), node, "PETG", grams, day, "steward", self.now)

    # --- parcels

    def pack(self, order_id: str, lot: str = "") -> None:
        boxes = {ITEM: lot}
        self.tries(
            lambda: deliveries.pack(self.ledger, order_id, "inspector", self.now, self.kit, boxes)
        )

    def batches(self, *states: BatchState) -> list[str]:
        found = self.db.execute("select id, state from batch order by packed_at, id").fetchall()
        return [row[0] for row in found if not states or row[1] in states]

    def dispatch(self, batch: str) -> None:
        self.tries(
            lambda: deliveries.dispatch(
                self.ledger, batch, "inspector", self.now, HandPickUp(name="Zoé")
            )
        )

    def dispatch_by_carrier(self, batch: str) -> None:
        by = Carrier(name="Poste", tracking="AB12")
        self.tries(lambda: deliveries.dispatch(self.ledger, batch, "inspector", self.now, by))

    def lose(self, batch: str) -> None:
        self.tries(
            lambda: deliveries.lose(self.ledger, batch, "the lorry burnt", "steward", self.now)
        )

    def leave_in_a_run(self) -> None:
        packed = self.batches(BatchState.PACKED)
        self.tries(
            lambda: runs.leave(
                self.ledger, driver="Zoé", day=self.now.date(), start=time(8), end=time(20),
                zone=UTC, batches=packed, by="inspector", now=self.now,
            )
        )  # fmt: skip

    def stops(self) -> list[tuple[str, int]]:
        found = self.db.execute("select run, number from stop order by run, number").fetchall()
        return [(row[0], row[1]) for row in found]

    def say_at_a_stop(self, run: str, number: int, outcome: StopOutcome) -> None:
        self.tries(lambda: runs.say(self.ledger, run, number, outcome, "so", self.now))

    def come_back(self, batch: str) -> None:
        self.tries(lambda: deliveries.come_back(self.ledger, batch, "so", "inspector", self.now))

    def receive(self, batch: str, damaged: int = 0, refused: int = 0, lost: int = 0) -> None:
        count = deliveries.Count(
            damaged=damaged, refused=refused, lost=lost, reason="so", thanks="Merci"
        )
        self.tries(lambda: deliveries.receive(self.ledger, batch, count, "requester", self.now))

    def complain(self, batch: str) -> None:
        self.tries(
            lambda: complaints.complain(
                self.ledger, batch, text="sharp", lot_code="", pieces=1, photos=(), now=self.now
            )
        )

    # --- recalls, and people who are forgotten

    def recall(self, code: str, kind: RecallKind) -> None:
        lot = views.lot(self.db, code)
        made = lot.attempt
        value = {
            RecallKind.LOT: lot.code,
            RecallKind.PRINTER: f"{made.node}/{made.printer}",
            RecallKind.SPOOL: f"{made.node}/{made.spool}",
            RecallKind.MATERIAL: f"{made.material}/{made.maker_lot}",
            RecallKind.BOUGHT: f"{ITEM}/A1",
            RecallKind.REVISION: lot.revision_id,
        }[kind]
        cause = Cause(kind=kind, value=value)
        self.tries(lambda: recalls.begin(self.ledger, cause, "sharp", "inspector", self.now))

    def recalls(self) -> list[str]:
        return self.ids("select id from recall order by at, id")

    def end_recall(self, recall: str, *, good: bool) -> None:
        self.tries(lambda: recalls.end(self.ledger, recall, "so", "inspector", self.now, good=good))

    def waive(self, recall: str, order_id: str) -> None:
        self.tries(lambda: recalls.waive(self.ledger, recall, order_id, "steward", self.now))

    def withdraw_design(self) -> None:
        self.tries(
            lambda: reviews.withdraw(self.ledger, self.revision.id, "sharp", "steward", self.now)
        )

    def release(self, code: str) -> None:
        self.tries(lambda: reviews.release(self.ledger, code, "so", "steward", self.now))

    def forget_people(self) -> None:
        retention.sweep(self.ledger, limits(self.now), self.now)
        for order_id in self.orders():
            self.tries(lambda each=order_id: retention.erase(self.ledger, each, "s", self.now))

    # --- what holds whatever was done

    def check(self) -> None:
        """Beyond the laws, which are checked in each transaction: nothing is stuck or in two places."""
        all_books = books(self.db)
        for order_id in self.orders():
            mine = [each for each in all_books if each.order_id == order_id]
            whole = all(each.kept >= each.ordered for each in mine)
            state = views.order(self.db, order_id).state
            assert state is not OrderState.DELIVERED or whole, f"{order_id} lacks pieces"
            assert state is not OrderState.CONFIRMED or not whole, f"{order_id} is never over"
        wrong = self.db.execute(
            "select bl.lot_code from batch_lot bl join batch b on b.id = bl.batch_id"
            " join lot l on l.code = bl.lot_code where l.order_id != b.order_id"
            " or (b.state = 'packed' and l.recall != '')"
            " or (b.state in ('received', 'lost')) != (bl.received + bl.refused + bl.lost = bl.pieces)"
        ).fetchall()
        assert not wrong, f"bags in a parcel that they do not belong into: {wrong}"
        odd = self.ids(
            "select b.id from batch b join batch_lot bl on bl.batch_id = b.id group by b.id"
            " having (b.state = 'lost') != (sum(bl.lost) = sum(bl.pieces))"
        )
        assert not odd, f"{odd} are lost, and something of them is somewhere"
        left = self.ids(
            "select l.code from lot l join recall r on r.id = l.recall where r.ended_at is not null"
            " and l.recalled > 0 and not exists (select 1 from batch_lot b where b.lot_code = l.code)"
        )
        assert not left, f"{left} lie here, called back by nobody any more"
        twice = self.db.execute(
            "select lot_code from batch_lot group by lot_code having count(*) > 1"
        ).fetchall()
        assert not twice, f"bags in two parcels: {twice}"
        both = self.ids("select order_id from line where surplus > 0 and deficit > 0")
        assert not both, f"{both} have pieces to spare, and the same are planned again"
        short = self.db.execute(
            "select item from hub_stock group by item, supplier_lot having sum(change) < 0"
        ).fetchall()
        assert not short, "less than nothing lies at the hub"
        bad = self.ids(
            "select b.id from batch b join hub_stock s on s.batch = b.id join recall c on c.kind ="
            " 'bought' and c.value = s.item || '/' || s.supplier_lot where b.state = 'packed'"
            " and c.ended_at is null group by b.id, s.item, s.supplier_lot having sum(s.change) < 0"
        )
        assert not bad, f"{bad} will leave with bought parts that are called back"
        for pickup in map(functools.partial(mile.pickup, self.db), self.pickups()):
            if pickup.state is PickupState.ON_WAY:
                on_way = any(bag.on_way and bag.pieces for bag in pickup.bags)
                assert on_way, f"pick-up {pickup.id} never ends"

    def nothing_spare_is_made(self) -> None:
        """After a round no plate waits, or is prepared, of which its order needs no piece."""
        if restoring.unheard(self.db):
            return
        spare = self.ids(
            "select j.id from job j join line l using (order_id, part_id) where l.surplus > 0"
            f" and j.state = '{JobState.OPEN}' and not exists ({live_attempt('j.id')})"
            " union select j.id from job j join line l using (order_id, part_id)"
            f" join attempt a on a.job_id = j.id and a.state in ({quoted(UNGRANTED)})"
            f" where l.surplus >= j.pieces and j.state = '{JobState.OPEN}'"
        )
        assert not spare, f"{spare} will be made, and its order needs no more"

    # --- the end

    def settle(self) -> None:
        """Everybody does what she has to: every order that is wanted is delivered."""
        self.rule(None, second=None)
        self.accept_design(365)
        for order_id in self.ids("select id from orders where state = ?", OrderState.ASKED):
            self.decide_on(order_id, yes=True)
        for recall in self.recalls():
            self.end_recall(recall, good=True)
        for lab in self.ids("select id from node"):
            self.restates(lab)
            self.goes_on_without(lab)
            self.is_there(lab)
        for lab in self.labs:
            self.can(lab, 1)
            self.printer_is(lab, PrinterState.IDLE, clear=True)
        for _ in range(60):
            if self._is_done():
                return
            for order_id in self.orders():
                if views.order(self.db, order_id).state is OrderState.CONFIRMED:
                    self.need(order_id, views.order(self.db, order_id).request.kits)
            self._give_up_who_left()
            for deed in self.deeds:
                deed()
            self.pass_time(1)
        left = [str(each) for each in books(self.db) if each.to_make or each.coming]
        raise AssertionError("an order is never delivered:\n" + "\n".join(left))

    def _is_done(self) -> bool:
        if self.ids("select 1 from withdrawal"):
            return True
        return not self.ids("select 1 from orders where state = ?", OrderState.CONFIRMED)

    def _give_up_who_left(self) -> None:
        for found in self.attempts(AttemptState.GRANTED, AttemptState.PRINTING):
            if not nodes.is_enrolled(self.db, found.node):
                self.write_off(found.ref)

    @property
    def deeds(self) -> tuple[Callable[[], None], ...]:
        """What has to be done all day, in the order in which a piece needs it."""
        return (
            self._plan_and_offer, self._go_on, self._go_on, self._go_on, self._go_on,
            self._fetch, self._look_at_bags, self._sign, self._pack, self._send, self._receive,
        )  # fmt: skip

    def _plan_and_offer(self) -> None:
        self.plan(0, 4)
        self.tick()

    def _go_on(self) -> None:
        for found in self.attempts():
            if found.state not in (AttemptState.HARVESTED, AttemptState.WRITTEN_OFF):
                self.goes_on(found)
        for lab in self.labs:
            self.clears(lab)

    def _fetch(self) -> None:
        for code in self.bags():
            if views.lot(self.db, code).state is LotState.WAITING:
                self.count_in(code, 0)

    def _look_at_bags(self) -> None:
        for code in self.bags():
            self.rework(code, done=True)
            lot = views.lot(self.db, code)
            if lot.state is LotState.WAITING and not lot.recall:
                self.inspect(code, 0)

    def _sign(self) -> None:
        for code in self.bags():
            self.sign(code)

    def _pack(self) -> None:
        for order_id in self.orders():
            self.pack(order_id)

    def _send(self) -> None:
        for batch in self.batches(BatchState.PACKED):
            self.dispatch(batch)

    def _receive(self) -> None:
        for batch in self.batches(BatchState.DISPATCHED):
            self.receive(batch)
