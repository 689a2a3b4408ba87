"""What people do on pages and nodes say, on a real ledger whose laws are checked after every transaction.

Plates are cut by hand here: planner, library and wire have tests of their own.
"""

from __future__ import annotations

import functools
import random
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, date, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from designs.model import Revision
from jobs.coordinator import (
    attempts,
    claims,
    complaints,
    deliveries,
    enrolment,
    first_mile,
    harvests,
    hub,
    leaving,
    lots,
    needs,
    nodes,
    offers,
    orders,
    people,
    recalls,
    restoring,
    retention,
    reviews,
    runs,
    surplus,
)
from jobs.coordinator.couriers import HandPickUp
from jobs.errors import JobError, LawBrokenError
from jobs.first_mile import Goods, PickupState
from jobs.hub import Kit, Rule, Scope, kit_of
from jobs.ledger import first_mile as mile
from jobs.ledger import streams, views
from jobs.ledger.books import audit, books
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import has_run, live_attempt, new_id
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Capabilities,
    Counted,
    KeptAttempt,
    OfferedAttempt,
    PrinterChange,
    Ready,
    Report,
    ReportState,
    Restated,
    Up,
)
from jobs.model import AttemptRef, BatchState, JobState, LotState, OrderState, Role, StopOutcome
from jobs.recall import Cause, RecallKind
from jobs.retention import limits
from printers.model import PrinterState
from tests.doubles.world import CATALOGUE, NOON, a_request, some_facts
from tests.doubles.world import World as Paper

LABS = ("lab-a", "lab-b")
SILENCE = timedelta(minutes=10)
ITEM = "elastic"
_SHM = Path("/dev/shm")  # noqa: S108 - as tests.sim.world


@functools.cache
def template() -> tuple[bytes, Revision]:
    """Return a ledger that knows a design of two parts, made once, and that design."""
    with TemporaryDirectory(prefix="fabnet-desk-") as folder:
        paper = Paper(Path(folder))
        revision = paper.library.add_design(CATALOGUE / "visor-kit")
        paper.ledger.close()
        return (Path(folder) / "ledger.db").read_bytes(), revision


class Desk:
    """A coordinator without a wire."""

    def __init__(self) -> None:
        data, self.revision = template()
        self._folder = Path(mkdtemp(prefix="fabnet-desk-", dir=_SHM if _SHM.is_dir() else None))
        self._patch = pytest.MonkeyPatch()
        dice = random.Random(1)
        # The same steps give the same ledger, down to the order of random names.
        self._patch.setattr(secrets, "token_hex", lambda length=16: dice.randbytes(length).hex())
        self._patch.setattr(secrets, "token_bytes", lambda length=16: dice.randbytes(length))
        (self._folder / "ledger.db").write_bytes(data)
        self.ledger = self._open()
        self._copy = b""
        self._journals: dict[str, dict[AttemptRef, KeptAttempt]] = {}
        self.now = NOON
        self.broken: LawBrokenError | None = None
        self.labs = [*LABS]
        self.kit = Kit(made=kit_of(self.revision).made, bought={ITEM: 2})
        for lab in LABS:
            self.join(lab)

    @property
    def _file(self) -> Path:
        return self._folder / "ledger.db"

    def _open(self) -> Ledger:
        return Ledger(self._file, audit=audit)

    def close(self) -> None:
        self.ledger.close()
        self._patch.undo()
        shutil.rmtree(self._folder)

    @property
    def db(self):
        return self.ledger.reading

    def ids(self, query: str, *given: object) -> list[str]:
        return [row[0] for row in self.db.execute(query, given)]

    @staticmethod
    def tries(deed: Callable[[], object]) -> bool:
        """Do what somebody tries; a sentence in answer is fine, a law that is broken is not."""
        try:
            deed()
        except LawBrokenError:
            raise
        except JobError:
            return False
        return True

    # --- orders

    def ask(self, kits: int, *, sandbox: bool = False) -> None:
        asked = a_request(
            self.revision, kits, due=max(date(2026, 12, 1), self.now.date()), sandbox=sandbox
        )

        def place() -> None:
            placed = orders.place(self.ledger, asked, self.revision, self.now)
            orders.confirm(self.ledger, placed.order_id, "steward", self.now)

        self.tries(place)

    def orders(self) -> list[str]:
        return self.ids("select id from orders order by created_at, id")

    def need(self, order_id: str, kits: int) -> None:
        asked = views.order(self.db, order_id).request.kits
        self.tries(
            lambda: needs.answer(self.ledger, order_id, min(kits, asked), "steward", self.now)
        )

    # --- time, plans, offers

    def pass_time(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
        with self.ledger.transaction() as db:
            has_run(db, hours * 3600)

    def plan(self, first: int, most: int) -> None:
        """Cut what has no place into plates of at most so many pieces, for the labs in turn."""
        with self.ledger.transaction() as db:
            lines = db.execute(
                "select l.* from line l join orders o on o.id = l.order_id where l.deficit > 0"
                f" and o.state = '{OrderState.CONFIRMED}' and {NOT_STOPPED}"
                " order by l.order_id, l.part_id"
            ).fetchall()
            turn = first
            labs = [lab for lab in self.labs if nodes.is_enrolled(db, lab)]
            for line in lines if labs else ():
                left = int(line["deficit"])
                while left:
                    pieces = min(most, left)
                    self._add_job(line, labs[turn % len(labs)], pieces)
                    left, turn = left - pieces, turn + 1

    def _add_job(self, line, lab: str, pieces: int) -> None:
        self.db.execute(
            "insert into job (id, order_id, part_id, pieces, material, mesh_sha256, plate_sha256,"
            " node, printer, seconds, grams, state, created_at)"
            " values (?, ?, ?, ?, 'PETG', '', '', ?, 'p1', 3600, 10, ?, ?)",
            (new_id(), line["order_id"], line["part_id"], pieces, lab, JobState.OPEN,
             self.now.isoformat()),
        )  # fmt: skip
        self.db.execute(
            "update line set deficit = deficit - ? where order_id = ? and part_id = ?",
            (pieces, line["order_id"], line["part_id"]),
        )

    def tick(self) -> None:
        """What `fabnet.exchange` does twice a second."""
        with self.ledger.transaction() as db:
            offers.lapse(db, self.now)
            offers.take_back(db, SILENCE, self.now)
            surplus.pass_on(db, self.now)
            offers.offer(db, self.now)
            needs.ask(db, needs.ASK_AFTER, self.now)
        self.nothing_spare_is_made()

    def spread(self) -> None:
        claims.spread(self.ledger, self.now)

    def resplit(self) -> None:
        claims.resplit(self.ledger, self.now)

    def claim(self, lab: str) -> None:
        self.tries(lambda: claims.claim(self.ledger, lab, "p1", "maker", self.now))

    # --- labs

    def join(self, lab: str) -> None:
        nodes.enrol(self.ledger, lab, f"Lab {lab}", "", self.now)
        people.add_person(self.ledger, f"of-{lab}", "Ada", Role.MAKER, "", lab, self.now)
        self.is_there(lab)
        self.says(lab, Capabilities(lab=lab, printers=(some_facts(),)))
        self.says(lab, PrinterChange(printer="p1", state=PrinterState.IDLE, clear=True))

    def is_there(self, lab: str, *, online: bool = True) -> None:
        with self.ledger.transaction() as db:
            nodes.presence(db, lab, "boot", "conn", self.now, online=online)

    def says(self, lab: str, told: Up) -> bool:
        """A node says something; what cannot be changes nothing."""

        def apply() -> None:
            with self.ledger.transaction() as db:
                if nodes.is_enrolled(db, lab):
                    attempts.apply(db, lab, told, self.now)

        return self.tries(apply)

    def forgets(self, lab: str) -> None:
        with self.ledger.transaction() as db:
            nodes.forgot_everything(db, lab, self.now)

    def leaves(self, lab: str) -> None:
        """Its maker leaves for good; another lab of the same name comes in her place."""
        if self.tries(lambda: leaving.leave(self.ledger, f"of-{lab}", self.now)):
            self.join(lab)

    def is_shut_out(self, lab: str) -> None:
        """A node is revoked, and its lab comes back with another one."""
        self.tries(lambda: enrolment.revoke(self.ledger, lab, "lost", "steward", self.now))
        self.labs[self.labs.index(lab)] = other = f"{lab}x"
        self.join(other)

    # --- plates

    def attempts(self, *states: AttemptState) -> list[AttemptView]:
        rows = self.db.execute(f"{views.ATTEMPTS} order by a.created_at, a.job_id, a.number")
        found = map(views.attempt_of, rows.fetchall())
        return [each for each in found if not states or each.state in states]

    def reports(self, found: AttemptView, state: ReportState) -> None:
        self.says(found.node, Report(attempt=found.ref, state=state, reason="so", spool="s1"))

    def answers(self, found: AttemptView, *, taken: bool) -> None:
        self.says(found.node, Answer(attempt=found.ref, taken=taken, reason="" if taken else "no"))

    def is_ready(self, found: AttemptView) -> None:
        self.says(
            found.node,
            Ready(attempt=found.ref, nonce="n", gcode_key="k", seconds=3600, grams=10, slicer="s"),
        )

    def goes_on(self, found: AttemptView) -> None:
        """The next good thing happens to an attempt."""
        match found.state:
            case AttemptState.OFFERED:
                self.answers(found, taken=True)
            case AttemptState.TAKEN | AttemptState.PREPARING:
                self.is_ready(found)
            case AttemptState.READY:
                self.is_ready(found)
            case AttemptState.GRANTED:
                self.reports(found, ReportState.PRINTING)
            case AttemptState.PRINTING:
                self.reports(found, ReportState.PRINTED)
            case _:
                self.harvest(found.ref, found.pieces)

    def harvest(self, ref: AttemptRef, good: int) -> None:
        self.tries(
            lambda: harvests.harvest(self.ledger, ref, good, 1, "strings", "maker", self.now)
        )

    def counts(self, found: AttemptView, good: int) -> None:
        told = Counted(attempt=found.ref, good=good, scrap=0, reason="so", by="", at="")
        self.says(found.node, told)

    def write_off(self, ref: AttemptRef) -> None:
        self.tries(lambda: harvests.write_off(self.ledger, ref, "lost", "steward", self.now))

    def stop(self, found: AttemptView) -> None:
        """A steward stops a print; its node answers that it has, or that it had not begun."""
        asked = self.tries(
            lambda: nodes.request_cancel(self.ledger, found.ref, "no", "steward", self.now)
        )
        if asked:
            begun = found.state is AttemptState.PRINTING
            self.reports(found, ReportState.CANCELLED if begun else ReportState.RETURNED)

    def clears(self, lab: str) -> None:
        self.tries(lambda: nodes.printer_ready(self.ledger, lab, "p1", "maker", self.now))

    # --- bags

    def bags(self) -> list[str]:
        return self.ids("select code from lot order by created_at, code")

    def announce(self, lab: str) -> None:
        codes = [bag.code for bag in mile.bags_at(self.db, lab)]
        self.tries(
            lambda: first_mile.announce(
                self.ledger, lab, codes, self.now, "door", "maker", self.now
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

    def count_stock(self, pieces: int) -> None:
        hub.count_stock(self.ledger, ITEM, pieces, "inspector", self.now)

    # --- parcels

    def pack(self, order_id: str) -> None:
        self.tries(lambda: deliveries.pack(self.ledger, order_id, "inspector", self.now, self.kit))

    def batches(self, *states: BatchState) -> list[str]:
        found = self.db.execute("select id, state from batch order by packed_at, id").fetchall()
        return [row[0] for row in found if not states or row[1] in states]

    def dispatch(self, batch: str) -> None:
        self.tries(
            lambda: deliveries.dispatch(
                self.ledger, batch, "inspector", self.now, HandPickUp(name="Zoé")
            )
        )

    def leave_in_a_run(self) -> None:
        packed = self.batches(BatchState.PACKED)
        self.tries(
            lambda: runs.leave(
                self.ledger, driver="Zoé", day=self.now.date(), start=time(8), end=time(20),
                zone=UTC, batches=packed, by="inspector", now=self.now,
            )
        )  # fmt: skip

    def say_at_a_stop(self, index: int, outcome: StopOutcome) -> None:
        stops = self.db.execute("select run, number from stop order by run, number").fetchall()
        if stops:
            run, number = stops[index % len(stops)]
            self.tries(lambda: runs.say(self.ledger, run, number, outcome, "so", self.now))

    def come_back(self, batch: str) -> None:
        self.tries(lambda: deliveries.come_back(self.ledger, batch, "so", "inspector", self.now))

    def receive(self, batch: str, damaged: int = 0, refused: int = 0, lost: int = 0) -> None:
        count = deliveries.Count(damaged=damaged, refused=refused, lost=lost, reason="so")
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

    # --- a copy of the ledger

    def copy(self) -> None:
        self.db.execute("pragma wal_checkpoint(truncate)")
        self._copy = self._file.read_bytes()

    def put_back(self) -> None:
        """The ledger is the copy again; each lab knows what it has done since."""
        if not self._copy:
            return
        for found in self.attempts():
            self._journals.setdefault(found.node, {})[found.ref] = _kept(found)
        self.ledger.close()
        self._file.write_bytes(self._copy)
        self._file.with_name("ledger.db.mark").unlink(missing_ok=True)
        self.ledger = self._open()
        with self.ledger.transaction() as db:
            assert restoring.is_restored(db)
            restoring.begin(db, self.now)
        known = self.ids("select id from node")
        for lab in self.labs:
            if lab not in known:
                self.join(lab)

    def restates(self, lab: str) -> None:
        asked, _ = streams.stream_of(self.db, lab)
        kept = tuple(self._journals.get(lab, {}).values())
        if self.ids("select 1 from node where id = ? and unheard > 0", lab):
            self.says(lab, Restated(attempts=kept, last=True, asked=asked))

    def goes_on_without(self, lab: str) -> None:
        self.tries(lambda: restoring.go_on_without(self.ledger, lab, "steward", self.now))

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
            " or (b.state = 'received') != (bl.received + bl.refused + bl.lost = bl.pieces)"
        ).fetchall()
        assert not wrong, f"bags in a parcel that they do not belong into: {wrong}"
        twice = self.db.execute(
            "select lot_code from batch_lot group by lot_code having count(*) > 1"
        ).fetchall()
        assert not twice, f"bags in two parcels: {twice}"
        short = self.db.execute(
            "select item from hub_stock group by item having sum(change) < 0"
        ).fetchall()
        assert not short, "less than nothing lies at the hub"
        for pickup in map(functools.partial(mile.pickup, self.db), self.pickups()):
            if pickup.state is PickupState.ON_WAY:
                on_way = any(bag.on_way and bag.pieces for bag in pickup.bags)
                assert on_way, f"pick-up {pickup.id} never ends"

    def nothing_spare_is_made(self) -> None:
        """After a round no plate waits to be offered that its order does not need."""
        spare = self.ids(
            "select j.id from job j join line l using (order_id, part_id) where l.surplus > 0"
            f" and j.state = '{JobState.OPEN}' and not exists ({live_attempt('j.id')})"
        )
        assert not spare, f"{spare} will be made, and its order needs no more"

    # --- the end

    def settle(self) -> None:
        """Everybody does what she has to: every order that is wanted is delivered."""
        self.rule(None, second=None)
        for recall in self.recalls():
            self.end_recall(recall, good=True)
        for lab in self.ids("select id from node"):
            self.restates(lab)
            self.goes_on_without(lab)
            self.is_there(lab)
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
            self._look_at_bags, self._pack, self._send, self._receive,
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

    def _look_at_bags(self) -> None:
        for code in self.bags():
            self.rework(code, done=True)
            lot = views.lot(self.db, code)
            if lot.state is LotState.WAITING and not lot.recall:
                self.count_in(code, 0)
                self.inspect(code, 0)
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


def _kept(found: AttemptView) -> KeptAttempt:
    """What the journal of a lab holds of an attempt."""
    offered = OfferedAttempt(
        attempt=found.ref, printer=found.printer, part=found.part_id, pieces=found.pieces,
        material=found.material, mesh_sha256="", plate_sha256="", seconds=3600, grams=10,
        order=found.order_id,
    )  # fmt: skip
    return KeptAttempt(
        offered=offered, state=found.state, begun=found.started_at is not None, reason="so",
        spool=found.spool, good=found.good, scrap=found.scrap,
    )  # fmt: skip
