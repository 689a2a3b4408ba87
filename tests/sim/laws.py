"""What must hold in a simulated world at every moment, and when all is over.

The laws of the design: both book-keeping laws after every transaction of the ledger, no attempt begun
twice, no job begun twice without a decision in between, nothing begun that was given up before it,
nothing begun on a bed where something lies, nothing forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from jobs.ledger import streams, views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from tests.sim.ends import PRINTER, CoordinatorEnd, NodeEnd
from tests.sim.order import PIECES


def all_attempts(db: sqlite3.Connection) -> list[AttemptView]:
    """Return the attempts of all orders."""
    return [a for order in views.orders(db) for a in views.attempts_of(db, order.id)]


class Laws:
    """Watches the two sides; knows what people have decided meanwhile."""

    def __init__(self, coordinator: CoordinatorEnd, nodes: Mapping[str, NodeEnd]) -> None:
        self.coordinator = coordinator
        self.nodes = nodes
        self.given_up: set[str] = set()  # names that were not begun when they were written off
        self.excused: set[str] = set()  # jobs that may be begun once more, by a person's decision
        self.failed = False
        self._issued: set[tuple[str, int]] = set()  # every attempt that there ever was
        self._known: set[tuple[str, int]] = set()  # those that the ledger knows now
        self._seen_begun = 0

    def look_again(self) -> None:
        """The ledger was put back from a copy: it knows what it holds now."""
        rows = self.coordinator.ledger.reading.execute("select job_id, number from attempt")
        self._known = {(row[0], row[1]) for row in rows}

    def begun(self) -> list[str]:
        """Return the names of all attempts that a printer has begun, as often as it has."""
        return [n for end in self.nodes.values() for n in end.machine.begun.elements()]

    def check(self) -> None:
        """Assert what must hold at every moment; the ledger checks the books by itself."""
        try:
            self._check()
        except AssertionError:
            self.failed = True
            raise

    def _check(self) -> None:
        assert not self.coordinator.broken, self.coordinator.broken
        self._check_numbers()
        begun = self.begun()
        if len(begun) == self._seen_begun:
            return
        self._seen_begun = len(begun)
        assert len(begun) == len(set(begun)), f"one attempt was begun twice: {sorted(begun)}"
        heaped = [words for end in self.nodes.values() for words in end.machine.heaped]
        assert not heaped, f"begun on a bed where something lay: {heaped}"
        late = self.given_up & set(begun)
        assert not late, f"begun after it was given up: {sorted(late)}"
        for job in {name.rsplit("-a", 1)[0] for name in begun}:
            times = sum(name.rsplit("-a", 1)[0] == job for name in begun)
            if times > 1 and job.removeprefix("fabnet-") not in self.excused:
                raise AssertionError(f"{job} was begun {times} times, and nobody decided so")

    def _check_numbers(self) -> None:
        """No number of an attempt is given out twice, whatever a ledger has forgotten."""
        db = self.coordinator.ledger.reading
        now = {(r[0], r[1]): r[2] for r in db.execute("select job_id, number, state from attempt")}
        again = {
            ref
            for ref, state in now.items()
            if state == AttemptState.OFFERED and ref in self._issued and ref not in self._known
        }
        assert not again, f"given out twice: {sorted(again)}"
        self._known = set(now)
        self._issued |= self._known

    def is_done(self) -> bool:
        """Whether every piece of the order was counted."""
        db = self.coordinator.ledger.reading
        found = db.execute(
            "select n.pieces, (select coalesce(sum(good), 0) from lot l where l.order_id = n.order_id"
            " and l.part_id = n.part_id) as good from line n"
        ).fetchall()
        return all(row["good"] >= row["pieces"] for row in found)

    def check_surplus(self) -> None:
        """What exists beyond the order was made with a person's decision."""
        db = self.coordinator.ledger.reading
        surplus = db.execute("select sum(surplus) from line").fetchone()[0]
        explained = PIECES * len(self.excused)
        assert surplus <= explained, f"{surplus} pieces too many, {explained} explained"

    def story(self) -> str:
        """Return what both sides hold, for whoever reads a failure."""
        db = self.coordinator.ledger.reading
        told = [f"{a.ref} {a.node} {a.state} {a.reason}" for a in all_attempts(db)]
        told += [str(dict(r)) for r in db.execute("select id, online, unheard from node")]
        told += [str(dict(r)) for r in db.execute("select node, state, clear, fault from printer")]
        told += [str(dict(r)) for r in db.execute("select id, node, state, pieces from job")]
        told += [str(dict(r)) for r in db.execute("select part_id, deficit, surplus from line")]
        told.append(f"epoch {self.coordinator.exchange.epoch}")
        for node, end in self.nodes.items():
            held = end.journal.entries(frozenset(AttemptState))
            told.append(f"{node}: epoch {end.journal.epoch}, holds")
            told += [f"{e.ref} {e.state} {e.intent}" for e in held]
            told.append(f"clear {end.journal.is_clear(PRINTER)}, prints {end.machine.now}")
            told.append(f"reads {streams.cursor_of(end.journal.reading, 'coordinator')}")
            told.append(f"says {streams.stream_of(end.journal.reading, 'coordinator')}")
            told.append(
                f"is told {streams.stream_of(db, node)}, heard {streams.cursor_of(db, node)}"
            )
        letters = db.execute("select peer, type, error from dead_letter").fetchall()
        told += [f"dead letter of {x['peer']}: {x['type']} {x['error']}" for x in letters]
        return "\n  ".join(told)
