"""A ledger with a lab, a printer and an order, driven by the same calls as the processes make.

Real SQLite, real library, real planner; both book-keeping laws are checked at the end of every
transaction. Only the node is played by hand, message by message.
"""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from designs.library import Library
from designs.model import Revision
from jobs.assign import LOOK_AHEAD_S
from jobs.coordinator import applying, attempts, nodes, offers, orders, planning
from jobs.ledger import views
from jobs.ledger.books import audit
from jobs.ledger.rows import has_run
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Capabilities,
    PrinterChange,
    Ready,
    Report,
    ReportState,
    Up,
    decode_down,
)
from jobs.model import AttemptRef, Request
from printers.model import PrinterFacts, PrinterState, Spool

CATALOGUE = Path(__file__).parents[2] / "designs" / "catalogue"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NODE, PRINTER = "lab-a", "p1"
SILENCE = timedelta(minutes=10)


def a_request(revision: Revision, kits: int = 6, now: datetime = NOON, **changes) -> Request:
    """Return what a ward asks for, in a week from `now`."""
    facts = {
        "request_key": secrets.token_hex(8),
        "revision_id": revision.id,
        "kits": kits,
        "due": (now + timedelta(days=7)).date(),
        "requester": "Ada Infirmière",
        "place": "CHU, urgences",
        "contact": "01 23 45 67 89",
    }
    return Request(**(facts | changes))


def some_facts(
    printer: str = PRINTER, grams: float = 800.0, material: str = "PETG", link: str = "serial"
) -> PrinterFacts:
    return PrinterFacts(
        id=printer, title="Printer", preset="generic-250x210", bed_x_mm=250.0, bed_y_mm=210.0,
        height_mm=210.0, margin_mm=2.0, nozzle_mm=0.4,
        spool=Spool(id="s1", material=material, grams=grams, maker_lot="L42"),
        link=link,
    )  # fmt: skip


class World:
    """One network; `now` moves only when a test moves it.

    Args:
        checked: both laws are checked after every transaction; benchmarks check them at the end.
    """

    def __init__(self, folder: Path, *, checked: bool = True) -> None:
        self.now = NOON
        self.look_ahead_s = LOOK_AHEAD_S
        self.ledger = Ledger(folder / "ledger.db", audit=audit if checked else None)
        self.library = Library(self.ledger.database, folder / "files")
        self.library.migrate()
        known = self.library.revisions()
        self.revision = known[0] if known else self.library.add_design(CATALOGUE / "visor-frame")
        self._seen: dict[str, int] = {}

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)
        with self.ledger.transaction() as db:
            has_run(db, timedelta(**delta).total_seconds())

    def add_lab(self, node: str = NODE, **facts) -> None:
        nodes.enrol(self.ledger, node, f"Lab {node}", "", self.now)
        with self.ledger.transaction() as db:
            nodes.presence(db, node, "boot", "conn", self.now, online=True)
        self.can(node, **facts)
        self.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True), node)

    def can(self, node: str = NODE, *, paused: bool = False, **facts) -> None:
        """The node says what it can do now."""
        lab = ("place", "attended", "asks", "pause_word")
        offered = {name: facts.pop(name) for name in lab if name in facts}
        printers = (some_facts(**facts),)
        self.says(
            Capabilities(lab=f"Lab {node}", printers=printers, paused=paused, **offered), node
        )

    def is_there(self, node: str = NODE, *, online: bool = True) -> None:
        with self.ledger.transaction() as db:
            nodes.presence(db, node, "boot", "conn", self.now, online=online)

    def order(self, kits: int = 6, **changes) -> str:
        request = a_request(self.revision, kits, self.now, **changes)
        placed = orders.place(self.ledger, request, self.revision, self.now)
        orders.confirm(self.ledger, placed.order_id, "steward", self.now)
        return placed.order_id

    def plan(self) -> int:
        facts = planning.snapshot(self.ledger, self.library, self.now)
        sound = planning.make(facts, self.library, self.now)
        assert not sound.thrown, sound.thrown
        return applying.apply(self.ledger, self.library, facts, sound, self.now)

    def tick(self) -> None:
        with self.ledger.transaction() as db:
            offers.lapse(db, self.now)
            offers.take_back(db, SILENCE, self.now)
            offers.offer(db, self.now, self.look_ahead_s)

    def says(self, message: Up, node: str = NODE) -> None:
        with self.ledger.transaction() as db:
            attempts.apply(db, node, message, self.now, self.look_ahead_s)

    def told(self, node: str = NODE) -> list:
        """Return what the node was told since the last call."""
        rows = self.ledger.reading.execute(
            "select n, type, body from outbox where peer = ? and n > ? order by n",
            (node, self._seen.get(node, 0)),
        ).fetchall()
        if rows:
            self._seen[node] = rows[-1][0]
        return [decode_down(kind, body) for _, kind, body in rows]

    def attempts(self) -> list[AttemptView]:
        rows = self.ledger.reading.execute("select id from orders").fetchall()
        found = [views.attempts_of(self.ledger.reading, row[0]) for row in rows]
        return list(itertools.chain.from_iterable(found))

    def first(self, state: AttemptState) -> AttemptRef:
        return next(a.ref for a in self.attempts() if a.state is state)

    def state(self, ref: AttemptRef) -> AttemptState:
        return views.attempt(self.ledger.reading, ref).state

    def node_of(self, ref: AttemptRef) -> str:
        return views.attempt(self.ledger.reading, ref).node

    # --- the node, step by step

    def take(self, ref: AttemptRef) -> None:
        self.says(Answer(attempt=ref, taken=True), self.node_of(ref))
        self.report(ref, ReportState.PREPARING)

    def ready(self, ref: AttemptRef, nonce: str = "nonce") -> None:
        self.says(
            Ready(attempt=ref, nonce=nonce, gcode_key="k", seconds=6400, grams=33, slicer="test"),
            self.node_of(ref),
        )

    def report(self, ref: AttemptRef, state: ReportState, reason: str = "") -> None:
        self.says(Report(attempt=ref, state=state, reason=reason, spool="s1"), self.node_of(ref))

    def print(self, ref: AttemptRef) -> None:
        self.take(ref)
        self.ready(ref)
        self.report(ref, ReportState.PRINTING)
        self.report(ref, ReportState.PRINTED)

    def printing(self) -> AttemptRef:
        """An order for two is on its way: its plate is being printed."""
        self.order(2)
        self.plan()
        self.tick()
        ref = self.first(AttemptState.OFFERED)
        self.take(ref)
        self.ready(ref)
        self.report(ref, ReportState.PRINTING)
        return ref

    def books(self, order_id: str):
        (line,) = views.order_view(self.ledger.reading, order_id).lines
        return line.books
