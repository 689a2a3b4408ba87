"""Nodes and their printers: who they are, whether they are there, what they can do."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import date, datetime

import msgspec

from designs.materials import materials
from jobs import hours
from jobs.coordinator import telling
from jobs.coordinator.moves import move
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.joining import Standing
from jobs.ledger import labs, notices, streams, views
from jobs.ledger.cells import quoted
from jobs.ledger.members import is_confirmed, member
from jobs.ledger.rows import event, tell
from jobs.ledger.store import Ledger
from jobs.lifecycle import MAY_HAVE_STARTED, STOPPABLE, UNGRANTED, AttemptEvent, AttemptState
from jobs.messages import (
    Cancel,
    Capabilities,
    Config,
    Decide,
    PrinterChange,
    PrinterReady,
    Withdraw,
)
from jobs.model import AttemptRef
from jobs.plausible import check_rates
from printers.model import PrinterFacts, PrinterState

_BEGUN = (AttemptState.GRANTED, AttemptState.PRINTING)
#: The coordinator's own user at the broker.
RESERVED = frozenset({"coordinator"})
#: More than any spool that is sold.
MOST_SPOOL_G = 20_000.0


def enrol(
    ledger: Ledger, node: str, lab: str, public_key: str, now: datetime, login: str = ""
) -> None:
    """Let a node in by hand, confirmed at once, or give a known one a new lab name, key and login.

    `public_key` is the base64 of its raw Ed25519 key, with which it signs requests; `login` is what
    the broker keeps of its password, see `jobs.joining.is_login`.

    Raises:
        RefusedError: the name belongs to somebody who was shut out, or to the coordinator.
    """
    with ledger.transaction() as db:
        row = db.execute("select standing from node where id = ?", (node,)).fetchone()
        if node in RESERVED or (row is not None and row["standing"] == Standing.REVOKED):
            raise RefusedError(f"{node} cannot be the name of a node: choose another one.")
        db.execute(
            "insert into node (id, lab, public_key, created_at, standing, login, login_at)"
            " values (?1, ?2, ?3, ?4, ?5, ?6, ?4) on conflict (id) do update set lab = ?2,"
            " public_key = ?3, standing = ?5, login = ?6, login_at = ?4,"
            " login_number = login_number + 1",
            (node, lab, public_key, now.isoformat(), Standing.CONFIRMED, login),
        )
        logins_changed(db)


def logins_changed(db: sqlite3.Connection) -> None:
    """The broker has to be told: a login was added, changed or taken away."""
    db.execute("update meta set value = value + 1 where key = 'logins'")


def is_enrolled(db: sqlite3.Connection, node: str) -> bool:
    """Return whether this node belongs to the network: known, confirmed, not revoked."""
    return is_confirmed(db, node)


def public_key(ledger: Ledger, node: str) -> str:
    """Return a node's public key.

    Raises:
        NotFoundError: it does not belong to the network.
    """
    if not is_confirmed(ledger.reading, node):
        raise NotFoundError("node", node)
    return member(ledger.reading, node).public_key


def presence(
    db: sqlite3.Connection, node: str, boot: str, conn: str, now: datetime, *, online: bool
) -> None:
    """A node came or went. The going of an older connection than the newest is no news."""
    row = db.execute("select boot, conn from node where id = ?", (node,)).fetchone()
    if row is None or (not online and (row["boot"], row["conn"]) != (boot, conn)):
        return
    db.execute(
        "update node set online = ?, boot = ?, conn = ?, seen_at = ? where id = ?",
        (int(online), boot, conn, now.isoformat(), node),
    )
    if online:
        notices.drop_silence(db, node, now)


def capabilities(db: sqlite3.Connection, node: str, told: Capabilities, now: datetime) -> None:
    """Keep what a node says of its printers; one that it does not name any more is forgotten."""
    before = _offered(db, node)
    db.execute(
        "update node set lab = ?, paused = ?, place = ?, attended = ?, utc_offset_min = ?, asks = ?,"
        " paused_until = ?, weekly_h = ?, pause_word = ?, seen_at = ? where id = ?",
        (
            told.lab,
            int(told.paused),
            msgspec.json.encode(told.place).decode(),
            told.attended,
            told.utc_offset_min,
            int(told.asks),
            told.paused_until,
            told.weekly_h,
            told.pause_word,
            now.isoformat(),
            node,
        ),
    )
    names = [printer.id for printer in told.printers]
    marks = ",".join("?" * len(names))
    db.execute(f"delete from printer where node = ? and id not in ({marks})", (node, *names))
    db.executemany(
        "insert into printer (node, id, facts) values (?, ?, ?)"
        " on conflict (node, id) do update set facts = excluded.facts",
        [(node, p.id, msgspec.json.encode(p).decode()) for p in told.printers],
    )
    if _is_news(before, _offered(db, node)):
        db.execute("update node set changed_at = ? where id = ?", (now.isoformat(), node))


_Offered = tuple[tuple[bool, str, bool, float], dict[str, PrinterFacts]]


def _offered(db: sqlite3.Connection, node: str) -> _Offered:
    """Return what a lab lets the network plan on."""
    row = db.execute(
        "select paused, attended, asks, weekly_h from node where id = ?", (node,)
    ).fetchone()
    printers = db.execute("select id, facts from printer where node = ?", (node,))
    facts = {r["id"]: labs.read_facts(r["id"], r["facts"])[0] for r in printers}
    said = (bool(row["paused"]), str(row["attended"]), bool(row["asks"]), float(row["weekly_h"]))
    return said, facts


def _is_news(before: _Offered, after: _Offered) -> bool:
    """Whether a lab can do something else than before; filament that was printed is no news."""
    if before[0] != after[0] or before[1].keys() != after[1].keys():
        return True
    return any(_differs(before[1][name], after[1][name]) for name in after[1])


def _differs(old: PrinterFacts, new: PrinterFacts) -> bool:
    if old.spool is None or new.spool is None:
        return old != new
    grown = new.spool.grams > old.spool.grams
    return grown or replace(old, spool=replace(old.spool, grams=new.spool.grams)) != new


def printer_change(db: sqlite3.Connection, node: str, told: PrinterChange, now: datetime) -> None:
    """Keep a printer's state as its node tells it; people are told of a fault, or of one lost hot."""
    before = db.execute(
        "select state from printer where node = ? and id = ?", (node, told.printer)
    ).fetchone()
    db.execute(
        "update printer set clear = ?2, fault = ?3, used = ?7,"
        " state_at = case when state = ?1 then state_at else ?4 end, state = ?1"
        " where node = ?5 and id = ?6",
        (told.state, int(told.clear), told.fault, now.isoformat(), node, told.printer, told.used),
    )
    if before is not None and _is_trouble(PrinterState(before["state"]), told.state):
        key = f"{node}/{told.printer}@{now.isoformat()}"
        telling.trouble(db, key, node, told.printer, told.fault, now)


def _is_trouble(before: PrinterState, now: PrinterState) -> bool:
    if now is PrinterState.FAULT:
        return before is not PrinterState.FAULT
    # Many are switched off every evening: only one that was at work is missed.
    at_work = before in (PrinterState.PRINTING, PrinterState.PAUSED)
    return now is PrinterState.OFFLINE and at_work


def all_silent(db: sqlite3.Connection, now: datetime) -> None:
    """The broker is a new one and has heard of nobody: each node says anew that it is there."""
    db.execute("update node set online = 0, seen_at = ? where online = 1", (now.isoformat(),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a node that is there has not acknowledged: messages `first` to `last`."""

    node: str
    first: int
    last: int


def mail(db: sqlite3.Connection) -> tuple[Mail, ...]:
    """Return the mail of all nodes that are there.

    A node that is away gets all of it with its next birth. Until then nothing is read or sent for
    it, so that many dead ones with full outboxes do not slow down those that live.
    """
    rows = db.execute(
        "select s.peer, (select min(o.n) from outbox o where o.peer = s.peer), s.last_n"
        " from stream_out s join node n on n.id = s.peer"
        " where n.online and s.last_n > s.acked_n order by s.peer"
    )
    return tuple(Mail(node=r[0], first=r[1], last=r[2]) for r in rows if r[1] is not None)


def configure(ledger: Ledger, node: str, change: Config, by: str, now: datetime) -> None:
    """Send a lab what its owner has entered on a page; the node keeps it and says what holds now.

    Raises:
        NotFoundError: there is no such node, or printer of it.
        InvalidFieldError: hours or a day that cannot be read, an unknown material, a weight below
            zero, unattended printing without all that has to be said of it, a rate that nobody has.
    """
    _check_week(change)
    _check_printers(change)
    if change.attended is not None:
        hours.parse(change.attended)
    with ledger.transaction() as db:
        if not is_enrolled(db, node):
            raise NotFoundError("node", node)
        named = [each.printer for each in change.loaded] + [each.printer for each in change.rates]
        for printer in named:
            _need_printer(db, node, printer)
        for each in change.alone:
            _need_printer(db, node, each.printer)
            db.execute(
                "insert or replace into alone_word (node, printer, at, by_person, allowed)"
                " values (?, ?, ?, ?, ?)",
                (node, each.printer, now.isoformat(), by, int(each.holds)),
            )
        if change.paused is False:
            row = db.execute("select pause_word from node where id = ?", (node,)).fetchone()
            change = replace(change, pause_word=row["pause_word"])
        tell(db, node, change, now)
        event(db, "", "node-configured", by, node, now)


def _check_printers(change: Config) -> None:
    for each in change.alone:
        if each.allowed and not each.holds:
            raise InvalidFieldError("alone", "all three have to be so before it prints alone")
    for spool in change.loaded:
        if spool.material and spool.material not in materials():
            raise InvalidFieldError("material", f"{spool.material!r} is not in the vocabulary")
        if not 0 <= spool.grams <= MOST_SPOOL_G:
            raise InvalidFieldError("grams", f"between 0 and {MOST_SPOOL_G:.0f}")
    for rates in change.rates:
        check_rates(rates.rate_per_h, rates.parts)


def let_know(ledger: Ledger, node: str, by: str, now: datetime, *, listed: bool) -> None:
    """Let anybody know of a lab, or nobody any more: its name, its kinds of machines, its rounded place.

    Raises:
        NotFoundError: there is no such node.
    """
    with ledger.transaction() as db:
        if not is_enrolled(db, node):
            raise NotFoundError("node", node)
        at = now.isoformat() if listed else None
        db.execute("update node set listed_at = ? where id = ?", (at, node))
        event(db, "", "node-listed" if listed else "node-unlisted", by, node, now)


def _check_week(change: Config) -> None:
    if change.weekly_h is not None and not 0 <= change.weekly_h <= hours.WEEK_H:
        raise InvalidFieldError("weekly_h", "between 0 and 168")
    if change.paused_until:
        try:
            date.fromisoformat(change.paused_until)
        except ValueError as error:
            raise InvalidFieldError("until", "is no day") from error


def decide(
    ledger: Ledger, ref: AttemptRef, reason: str, by: str, now: datetime, *, taken: bool
) -> None:
    """Send a node the answer of its maker to an offer.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it was answered, or taken back, meanwhile.
        InvalidFieldError: a no without a reason.
    """
    if not taken and not reason.strip():
        raise InvalidFieldError("reason", "is needed: the network plans by it")
    with ledger.transaction() as db:
        found = views.attempt(db, ref)
        if found.state is not AttemptState.OFFERED:
            raise RefusedError(f"{ref} is {found.state} already; there is nothing to answer.")
        tell(db, found.node, Decide(attempt=ref, taken=taken, reason=reason.strip()), now)
        kind = "offer-taken" if taken else "offer-declined"
        event(db, found.order_id, kind, by, str(ref), now, reason=reason.strip())


def _need_printer(db: sqlite3.Connection, node: str, printer: str) -> None:
    known = db.execute("select 1 from printer where node = ? and id = ?", (node, printer))
    if known.fetchone() is None:
        raise NotFoundError("printer", f"{node}/{printer}")


def printer_ready(ledger: Ledger, node: str, printer: str, by: str, now: datetime) -> None:
    """A person has seen that the bed is clear: the printer may heat and move from now on.

    Raises:
        NotFoundError: there is no such printer.
        RefusedError: parts on the bed have to be counted first.
    """
    with ledger.transaction() as db:
        _need_printer(db, node, printer)
        states = quoted(MAY_HAVE_STARTED - {AttemptState.GRANTED})
        on_bed = db.execute(
            "select job_id, number from attempt where node = ? and printer = ?"
            f" and state in ({states})",
            (node, printer),
        ).fetchone()
        if on_bed is not None:
            raise RefusedError(
                f"Count the parts of {on_bed[0]}-a{on_bed[1]} first: they are on this bed."
            )
        _let_go(db, node, printer, now)
        (used,) = db.execute(
            "update printer set clear = 1 where node = ? and id = ? returning used", (node, printer)
        ).fetchone()
        tell(db, node, PrinterReady(printer=printer, used=used), now)
        event(db, "", "bed-cleared", by, f"{node}/{printer}", now)


def _let_go(db: sqlite3.Connection, node: str, printer: str, now: datetime) -> None:
    """Nobody waits for the count of what was written off on a printer, and its node must not either."""
    given_up = db.execute(
        "select a.job_id, a.number from attempt a join write_off w using (job_id, number)"
        " where a.node = ? and a.state = ? and a.printer = ? and w.cleared_at is null",
        (node, AttemptState.WRITTEN_OFF, printer),
    ).fetchall()
    for job, number in given_up:
        ref = AttemptRef(job=job, number=number)
        tell(db, node, Withdraw(attempt=ref, reason="written off, and its bed is clear"), now)
        db.execute(
            "update write_off set cleared_at = ? where job_id = ? and number = ?",
            (now.isoformat(), job, number),
        )


def holds(db: sqlite3.Connection, ref: AttemptRef) -> None:
    """A node speaks of an attempt: if it was written off, it is withdrawn when its bed is clear."""
    db.execute(
        "update write_off set cleared_at = null where job_id = ? and number = ?"
        " and cleared_at is not null",
        (ref.job, ref.number),
    )


def request_cancel(
    ledger: Ledger, ref: AttemptRef, reason: str, by: str, now: datetime, *, at_once: bool = False
) -> None:
    """Ask the node to stop a print; the attempt ends when the node says so.

    `at_once` is an emergency stop: the printer has to be reset by hand afterwards.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it is not printing.
    """
    with ledger.transaction() as db:
        found = views.attempt(db, ref)
        if found.state not in STOPPABLE:
            raise RefusedError(f"{ref} is {found.state}: there is no print to stop.")
        tell(db, found.node, Cancel(attempt=ref, reason=reason, at_once=at_once), now)
        event(db, found.order_id, "cancel-asked", by, str(ref), now, reason=reason)


def forgot_everything(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """The node has begun a new stream: its journal is gone, and with it what it knew.

    What was granted may have been started: a person has to look. What was not is free again.
    """
    streams.restart(db, node)
    db.execute("update printer set clear = 0 where node = ?", (node,))
    states = quoted(UNGRANTED | {*_BEGUN})
    rows = db.execute(
        f"select job_id, number from attempt where node = ? and state in ({states})", (node,)
    ).fetchall()
    for job, number in rows:
        found = views.attempt(db, AttemptRef(job=job, number=number))
        to = AttemptEvent.WITHDRAW if found.state in UNGRANTED else AttemptEvent.INTERRUPT
        move(db, found, to, now, "the node lost its journal")
