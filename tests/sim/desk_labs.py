"""Orders and labs on a real ledger whose laws are checked after every transaction; see `tests.sim.desk`."""

from __future__ import annotations

import functools
import random
import secrets
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from designs.model import Revision
from jobs.coordinator import (
    attempts,
    claims,
    enrolment,
    harvests,
    needs,
    nodes,
    offers,
    orders,
    people,
    restoring,
    surplus,
)
from jobs.errors import JobError, LawBrokenError
from jobs.hub import Kit, kit_of
from jobs.ledger import streams, views
from jobs.ledger.books import audit
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import has_run, new_id
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
from jobs.model import AttemptRef, JobState, OrderState, Role
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


class Labs:
    """A coordinator without a wire: orders, labs and their plates, and a ledger that is put back."""

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
        self._earlier = 0
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
    def changes(self) -> int:
        """Another number once something was changed, also by a copy that was put back."""
        return self._earlier + self.ledger.changes

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
        self._earlier += self.ledger.changes + 1
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
