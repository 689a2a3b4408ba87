"""A maker leaves and is forgotten: all in one transaction, so that nothing is ever half done.

What has to stay stays under a made-up name: which lot came from which plate, of which spool, on what
kind of machine. Recall needs that for years; it needs nobody's name.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

import msgspec

from jobs.coordinator import restoring
from jobs.coordinator.enrolment import shut_out
from jobs.errors import NotFoundError, RefusedError
from jobs.joining import Standing
from jobs.ledger import members, views
from jobs.ledger.cells import quoted
from jobs.ledger.rows import event, new_id
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import ENDED_UNSTARTED, MAY_HAVE_STARTED
from jobs.model import Reason, Role
from jobs.recall import RecallKind

#: Why a node that left does not belong to the network any more.
LEFT = "left of its own accord"
#: Columns that say who did something, by table.
_WHO = {
    "harvest": "by_person",
    "write_off": "by_person",
    "alone_word": "by_person",
    "upkeep": "by_person",
    "lot": "inspected_by",
    "invite": "invited_by",
    "node": "standing_by",
    "event": "actor",
    "pickup": "announced_by",
    "goods": "by_person",
    "handover": "by_person",
    "lot_signature": "by_person",
    "rework": "by_person",
    "sending": "ended_by",
}


def is_last(db: sqlite3.Connection, login: str) -> bool:
    """Return whether a maker's lab leaves with her: nobody else has an account there."""
    row = db.execute(
        "select node, not exists (select 1 from person o where o.node = p.node and o.login != p.login)"
        " as last from person p where login = ?",
        (login,),
    ).fetchone()
    return row is not None and bool(row["node"]) and bool(row["last"])


def to_finish(db: sqlite3.Connection, node: str) -> tuple[AttemptView, ...]:
    """Return the plates that have to be counted, or given up by a steward, before a lab may leave."""
    states = quoted(MAY_HAVE_STARTED)
    rows = db.execute(f"{views.ATTEMPTS} where a.node = ? and a.state in ({states})", (node,))
    return tuple(map(views.attempt_of, rows))


def leave(ledger: Ledger, login: str, now: datetime) -> str:
    """Forget a maker, and her lab where she is the last of it; return what stands in their place.

    The lab's node is shut out, and what it was not granted goes to others. Lots, counts and events
    stay, under the new name; what she wrote about herself, her place, her hours, her printers' names
    and the notes on them do not.

    Raises:
        NotFoundError: there is no such account.
        RefusedError: it is no maker's, plates at her lab may have been started and are not counted, or
            the books were just put back and her node has not said what it made.
    """
    with ledger.transaction() as db:
        row = db.execute("select * from person where login = ?", (login,)).fetchone()
        if row is None:
            raise NotFoundError("person", login)
        if row["role"] != Role.MAKER:
            raise RefusedError("Only a maker leaves by herself; ask the one who runs the network.")
        node, name = str(row["node"]), f"ex-{new_id(6)}"
        known = db.execute("select 1 from node where id = ?", (node,)).fetchone() is not None
        if known and is_last(db, login):
            if node in restoring.unheard(db):
                # What she was offered in the time that the books have forgotten may be printed: it
                # would be given to others.
                raise RefusedError(
                    "The books were put back from a backup, and not every workshop has answered yet."
                    " Please try again later."
                )
            left = to_finish(db, node)
            if left:
                refs = ", ".join(str(found.ref) for found in left)
                raise RefusedError(
                    f"Plates at your lab are not over: {refs}. Count them first, or let the"
                    " coordination team give them up."
                )
            _close(db, node, name, now)
        _forget(db, login, str(row["name"]), node, name)
        event(db, "", "maker-left", name, name, now)
    return name


def _forget(db: sqlite3.Connection, login: str, called: str, node: str, name: str) -> None:
    # What she photographed may show her home; what was made is in words.
    db.execute("pragma secure_delete = on")
    # What she wanted to be told belongs to her account, and goes with it in whichever order.
    db.execute("pragma defer_foreign_keys = on")
    db.execute("delete from lot_photo where by_person = ?", (login,))
    for table, column in _WHO.items():
        db.execute(f"update {table} set {column} = ? where {column} = ?", (name, login))
    # At the node's own page people write a name, not a login.
    db.execute(
        "update harvest set by_person = ?1 where by_person = ?2 and exists (select 1 from attempt a"
        " where a.job_id = harvest.job_id and a.number = harvest.number and a.node in (?3, ?1))",
        (name, called, node),
    )
    for table in _tables_with(db, "login"):
        if table != "node":  # there it is the broker's
            db.execute(f"delete from {table} where login = ?", (login,))


def _tables_with(db: sqlite3.Connection, column: str) -> list[str]:
    """Return the tables with such a column, those that are added later too."""
    rows = db.execute(
        "select m.name from sqlite_master m join pragma_table_info(m.name) c"
        " where m.type = 'table' and c.name = ?",
        (column,),
    )
    return [row[0] for row in rows]


def _close(db: sqlite3.Connection, node: str, name: str, now: datetime) -> None:
    """Shut a lab's node out and take away all that is known of it but what its lots need."""
    found = members.member(db, node)
    if found.standing is not Standing.REVOKED:
        shut_out(db, found, LEFT, name, now)
    _forget_words(db, node, name)
    # What kind of machine it was and which filament it had stay; what she called it does not.
    db.execute(
        "update printer set facts = json_set(facts, '$.title', json_extract(facts, '$.preset')),"
        " clear = 1, fault = '' where node = ?",
        (node,),
    )
    # Where her bags stood is nobody's business any more; those on their way still arrive.
    db.execute("update pickup set spot = '' where node = ?", (node,))
    # Of who joined on her phone, her town; and a folder would be made from it anew.
    for table in ("alone_word", "upkeep", "hosted"):
        db.execute(f"delete from {table} where node = ?", (node,))
    for table in ("outbox", "stream_out", "stream_in", "stream_retired", "dead_letter"):
        db.execute(f"delete from {table} where peer = ?", (node,))
    _rename(db, node, found.lab, name)


def _forget_words(db: sqlite3.Connection, node: str, name: str) -> None:
    """What its people wrote when they said no, and the names that they counted under."""
    here = "(select job_id || '-a' || number from attempt where node = :node)"
    ended = quoted(ENDED_UNSTARTED)
    given = {"node": node, "name": name}
    db.execute(f"update attempt set reason = '' where node = :node and state in ({ended})", given)
    db.execute(
        "update event set data = json_remove(data, '$.reason') where subject in "
        f"{here} and kind in ('offer-declined', 'attempt-declined')",
        given,
    )
    db.execute(
        "update event set actor = :name where kind in ('harvested', 'counted-besides')"
        " and actor not in (select login from person) and (subject in "
        f"{here} or subject in (select l.code from lot l join attempt a on a.job_id = l.job_id"
        " and a.number = l.number where a.node = :node))",
        given,
    )
    db.execute(
        "update harvest set by_person = :name where by_person not in (select login from person)"
        " and exists (select 1 from attempt a where a.job_id = harvest.job_id"
        " and a.number = harvest.number and a.node = :node)",
        given,
    )


def _rename(db: sqlite3.Connection, node: str, lab: str, name: str) -> None:
    """A node's id is made of its lab's name: it goes too, wherever it stands."""
    db.execute("pragma defer_foreign_keys = on")
    db.execute(
        "update node set id = ?2, lab = ?2, place = 'null', public_key = '', seen_at = null,"
        " attended = '00:00-24:00', utc_offset_min = 0, paused_until = '', weekly_h = 0, boot = '',"
        " pause_word = '',"
        " conn = '', listed_at = null where id = ?1",
        (node, name),
    )
    for row in db.execute("select lab from invite where node = ?", (node,)).fetchall():
        _rename_invited(db, str(row[0]), name)
    _rename_invited(db, lab, name)
    db.execute("update invite set lab = ? where node = ?", (name, node))
    for table in _tables_with(db, "node"):
        db.execute(f"update {table} set node = ? where node = ?", (name, node))
    db.execute("update lot set place = ? where place = ?", (f"lab:{name}", f"lab:{node}"))
    # A recall still finds its lots, and holds none of a lab that takes the name after her.
    db.execute(
        "update recall set value = ?1 || substr(value, length(?2) + 1)"
        " where kind in (?3, ?4) and substr(value, 1, length(?2) + 1) = ?2 || '/'",
        (name, node, RecallKind.PRINTER, RecallKind.SPOOL),
    )
    db.execute("update harvest set by_person = ? where by_person = ?", (name, node))
    db.execute("update event set actor = ? where actor = ?", (name, node))
    db.execute("update event set subject = ? where subject = ?", (name, node))
    db.execute(
        "update event set subject = ?1 || substr(subject, length(?2) + 1)"
        " where substr(subject, 1, length(?2) + 1) = ?2 || '/'",
        (name, node),
    )
    db.execute(
        "update event set data = json_set(data, '$.node', ?) where json_extract(data, '$.node') = ?",
        (name, node),
    )
    for table in ("line", "plan_row"):
        rows = db.execute(
            f"select rowid, reasons from {table} where instr(reasons, ?)", (node,)
        ).fetchall()
        for rowid, reasons in rows:
            told = msgspec.json.decode(reasons, type=tuple[Reason, ...])
            kept = [replace(r, node=name, text="") if r.node == node else r for r in told]
            text = msgspec.json.encode(kept).decode()
            db.execute(f"update {table} set reasons = ? where rowid = ?", (text, rowid))


def _rename_invited(db: sqlite3.Connection, lab: str, name: str) -> None:
    db.execute(
        "update event set subject = ? where kind = 'lab-invited' and subject = ?", (name, lab)
    )
