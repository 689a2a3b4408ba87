"""Recalls in the ledger: which lots they hold, where those are, and who of those that have pieces answered.

Pieces of a lot that is held stay where they are, and stop counting for their order. Every function
that moves pieces runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError
from jobs.ledger import bought, parcels
from jobs.ledger.books import books
from jobs.ledger.cells import FACTS, bare, moment, quoted, when, word
from jobs.ledger.rows import absorb, add_deficit, event
from jobs.ledger.views import BatchView
from jobs.model import BatchState, LotState, OrderState, Reason, ReasonCode
from jobs.recall import Cause, Recall, RecallKind, counting


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledLot:
    """One lot of a recall: what it is, where it is, and for whom it was made."""

    code: str
    part_id: str
    node: str
    lab: str
    printer: str
    spool: str
    made_at: datetime
    pieces: int  # that are still somewhere: not lost, and not thrown away
    place: str  # "lab:<node>" or "hub:<name>": where it was last, unless it has left in a parcel
    batch: str  # the parcel it has left in or lies in, "" where none
    batch_state: BatchState | None
    sent: int  # pieces of it in that parcel
    order_id: str
    recipient: str

    @property
    def has_left(self) -> bool:
        """Whether its recipient has pieces of it, or soon will."""
        return self.sent > 0 and self.batch_state is not BatchState.PACKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one recipient was told, and has answered."""

    order_id: str
    recipient: str
    requester: str
    contact: str
    pieces: int  # sent to them, of all lots of the recall
    lots: tuple[str, ...]
    at: datetime
    acknowledged_at: datetime | None
    set_aside: int | None  # pieces that they found and put away
    waived_at: datetime | None  # they need no others instead


# From a lot to what it may have in common with others. `spool` and `printer` are names within a node.
_LOT = """
select l.*, a.node, a.printer, a.spool, n.lab,
 o.revision_id, o.place as recipient,
 o.requester, o.contact, b.batch_id, b.pieces as sent, coalesce(b.lost, 0) as gone, ba.state as batch_state
from lot l join attempt a on a.job_id = l.job_id and a.number = l.number
join job j on j.id = l.job_id join node n on n.id = a.node join orders o on o.id = l.order_id
left join batch_lot b on b.lot_code = l.code left join batch ba on ba.id = b.batch_id
"""


_LOADED = f"json_extract({FACTS}, '$.spool.material') || '/' || json_extract({FACTS}, '$.spool.maker_lot')"
# The number is typed when somebody finds it: what was made of the same spool before is of that lot too.
_OF_MATERIAL = f"""
a.maker_lot != '' and {bare("j.material || '/' || a.maker_lot")} = {bare("?1")}
or a.maker_lot = '' and a.spool != '' and (
 exists (select 1 from attempt s join job sj on sj.id = s.job_id where s.node = a.node and s.spool = a.spool
  and s.maker_lot != '' and {bare("sj.material || '/' || s.maker_lot")} = {bare("?1")})
 or exists (select 1 from printer p where p.node = a.node and json_extract({FACTS}, '$.spool.id') = a.spool
  and json_extract({FACTS}, '$.spool.maker_lot') != '' and {bare(_LOADED)} = {bare("?1")}))
"""
# Of a parcel: it took some along. A bag that it left in and came back with stays held, and is named still.
_OF_BOUGHT = f"""
exists (select 1 from hub_stock s where s.batch = b.batch_id and {bought.OF_CAUSE}
 group by s.item, s.supplier_lot having sum(s.change) < 0)
or exists (select 1 from recall c where c.id = l.recall and c.kind = '{RecallKind.BOUGHT}'
 and {bare("c.value")} = {bare("?1")})
"""
_SAME = {
    RecallKind.LOT: "l.code = ?1",
    RecallKind.PRINTER: "a.node || '/' || a.printer = ?1",
    RecallKind.SPOOL: "a.node || '/' || a.spool = ?1",
    RecallKind.MATERIAL: _OF_MATERIAL,
    RecallKind.BOUGHT: _OF_BOUGHT,
    RecallKind.REVISION: "o.revision_id = ?1",
}
# All that its value may name: rather a bag too many is held than that a bad one leaves.
_SAME[RecallKind.UNKNOWN] = " or ".join(f"({each})" for each in _SAME.values())


_NARROW = (
    RecallKind.LOT,
    RecallKind.SPOOL,
    RecallKind.MATERIAL,
    RecallKind.BOUGHT,
    RecallKind.PRINTER,
    RecallKind.REVISION,
    RecallKind.UNKNOWN,
)


def _may_be(kind: RecallKind) -> str:
    """Return SQL: a recall `c` is of this kind, or its kind cannot be read."""
    return f"c.kind not in ({quoted(frozenset(RecallKind) - {kind, RecallKind.UNKNOWN})})"


#: Of a query over printers `p`: it is called back, or the spool in it is. It makes nothing meanwhile.
CALLED_BACK = (
    "exists (select 1 from recall c where c.ended_at is null"
    f" and ({_may_be(RecallKind.PRINTER)} and c.value = p.node || '/' || p.id"
    f" or {_may_be(RecallKind.SPOOL)} and c.value = p.node || '/' || json_extract({FACTS}, '$.spool.id')"
    f" or {_may_be(RecallKind.MATERIAL)} and {bare('c.value')} = {bare(_LOADED)}))"
)


def suspects(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Return the printers (node, printer) that make nothing while a recall is open."""
    rows = db.execute(f"select p.node, p.id from printer p where {CALLED_BACK}")
    return frozenset((node, printer) for node, printer in rows)


def lots_of(db: sqlite3.Connection, cause: Cause) -> tuple[CalledLot, ...]:
    """Return all lots that a cause names, those that left in a parcel first."""
    rows = db.execute(
        f"{_LOT} where ({_SAME[cause.kind]})"
        " order by b.batch_id is null, o.place, l.order_id, l.created_at, l.code",
        (cause.value,),
    )
    return tuple(
        CalledLot(
            code=r["code"],
            part_id=r["part_id"],
            node=r["node"],
            lab=r["lab"],
            printer=r["printer"],
            spool=r["spool"],
            made_at=moment(r["created_at"]),
            pieces=r["good"] - r["mislaid"] - r["rejected"] - r["gone"],
            place=r["place"],
            batch=r["batch_id"] or "",
            batch_state=None if r["batch_state"] is None else word(BatchState, r["batch_state"]),
            sent=r["sent"] or 0,
            order_id=r["order_id"],
            recipient=r["recipient"],
        )
        for r in rows
    )


def _recall(row: sqlite3.Row) -> Recall:
    return Recall(
        id=row["id"],
        cause=Cause(kind=word(RecallKind, row["kind"]), value=row["value"]),
        reason=row["reason"],
        by=row["by_person"],
        at=moment(row["at"]),
        ended_at=when(row["ended_at"]),
        ended_by=row["ended_by"],
        ended_reason=row["ended_reason"],
    )


def recalls(db: sqlite3.Connection) -> tuple[Recall, ...]:
    """Return all recalls: those that are open first, then the newest."""
    rows = db.execute("select * from recall order by ended_at is not null, at desc, id")
    return tuple(map(_recall, rows))


def recall(db: sqlite3.Connection, recall_id: str) -> Recall:
    """Return one recall.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from recall where id = ?", (recall_id,)).fetchone()
    if row is None:
        raise NotFoundError("recall", recall_id)
    return _recall(row)


def open_recall(db: sqlite3.Connection, cause: Cause) -> Recall | None:
    """Return the open recall of this very cause."""
    row = db.execute(
        "select * from recall where kind = ? and value = ? and ended_at is null",
        (cause.kind, cause.value),
    ).fetchone()
    return None if row is None else _recall(row)


def notices(
    db: sqlite3.Connection, recall_id: str, order_id: str | None = None
) -> tuple[Notice, ...]:
    """Return who was told of a recall, those that have not answered first."""
    called = lots_of(db, recall(db, recall_id).cause)
    rows = db.execute(
        "select r.*, o.place, o.requester, o.contact from recall_notice r"
        " join orders o on o.id = r.order_id where r.recall = ?1 and (?2 is null or r.order_id = ?2)"
        " order by r.acknowledged_at is not null, o.place, r.order_id",
        (recall_id, order_id),
    ).fetchall()
    found = []
    for row in rows:
        theirs = [each for each in called if each.order_id == row["order_id"] and each.sent]
        found.append(
            Notice(
                order_id=row["order_id"],
                recipient=row["place"],
                requester=row["requester"],
                contact=row["contact"],
                pieces=sum(each.sent for each in theirs),
                lots=tuple(each.code for each in theirs),
                at=moment(row["at"]),
                acknowledged_at=when(row["acknowledged_at"]),
                set_aside=row["set_aside"],
                waived_at=when(row["waived_at"]),
            )
        )
    return tuple(found)


def told_to(db: sqlite3.Connection, order_id: str) -> tuple[tuple[Recall, Notice], ...]:
    """Return the open recalls that this order's recipient was told of."""
    rows = db.execute(
        "select recall from recall_notice r join recall c on c.id = r.recall"
        " where r.order_id = ? and c.ended_at is null order by r.at, recall",
        (order_id,),
    ).fetchall()
    return tuple((recall(db, row[0]), notices(db, row[0], order_id)[0]) for row in rows)


def in_batch(
    db: sqlite3.Connection, batch: BatchView
) -> tuple[tuple[Recall, tuple[str, ...]], ...]:
    """Return the open recalls that hold lots of a batch, each with their codes."""
    found: dict[str, list[str]] = {}
    for lot in batch.lots:
        held = db.execute("select recall from lot where code = ?", (lot.lot,)).fetchone()[0]
        if held:
            found.setdefault(held, []).append(lot.lot)
    called = ((recall(db, key), tuple(codes)) for key, codes in found.items())
    return tuple((each, codes) for each, codes in called if each.is_open)


def hold(db: sqlite3.Connection, code: str, recall_id: str, now: datetime) -> None:
    """Hold a lot: its pieces do not count for the order any more, and no parcel takes them along.

    A lot that another recall holds stays with that one.
    """
    row = db.execute(
        "select l.*, coalesce(sum(b.refused), 0) as refused, coalesce(sum(b.lost), 0) as lost"
        " from lot l left join batch_lot b on b.lot_code = l.code where l.code = ? group by l.code",
        (code,),
    ).fetchone()
    if row["recall"]:
        return
    pieces = counting(
        inspected=row["state"] == LotState.INSPECTED,
        good=row["good"] - row["mislaid"],
        accepted=row["accepted"],
        refused=row["refused"],
        lost=row["lost"],
    )
    db.execute("update lot set recall = ?, recalled = ? where code = ?", (recall_id, pieces, code))
    unpack(db, code, now)
    event(db, row["order_id"], "called-back", "fabnet", code, now, pieces=pieces)
    if pieces:
        why = Reason(code=ReasonCode.RECALLED)
        add_deficit(db, row["order_id"], row["part_id"], pieces, why)
        _reopen(db, row["order_id"])


def _reopen(db: sqlite3.Connection, order_id: str) -> None:
    """A delivered order goes on where its recipient has too little; spare pieces were never sent."""
    if any(each.kept < each.ordered for each in books(db, order_id)):
        db.execute(
            "update orders set state = ? where id = ? and state = ?",
            (OrderState.CONFIRMED, order_id, OrderState.DELIVERED),
        )


def unpack(db: sqlite3.Connection, code: str, now: datetime) -> None:
    """Unpack the parcel that a lot lies in, if it has not left."""
    packed = db.execute(
        "select ba.id from batch_lot b join batch ba on ba.id = b.batch_id"
        " where b.lot_code = ? and ba.state = ?",
        (code, BatchState.PACKED),
    ).fetchall()
    for (batch,) in packed:
        parcels.unpack(db, batch, code, now)


def hold_if_called_back(db: sqlite3.Connection, code: str, now: datetime) -> None:
    """Hold a lot that an open recall names: the narrowest cause first, then the oldest recall."""
    found = [each for each in recalls(db) if each.is_open]
    for each in sorted(found, key=lambda it: (_NARROW.index(it.cause.kind), it.at, it.id)):
        of = f"select 1 from ({_LOT} where l.code = ?2 and ({_SAME[each.cause.kind]}))"
        if db.execute(of, (each.cause.value, code)).fetchone():
            hold(db, code, each.id, now)
            return


def untold(db: sqlite3.Connection, found: Recall) -> tuple[CalledLot, ...]:
    """Return the lots of an open recall that nothing holds, or of whose pieces a recipient was not told.

    They joined its cause later: somebody has typed the number of a spool's lot.
    """
    held = {r[0] for r in db.execute("select code from lot where recall != ''")}
    told = {
        r[0] for r in db.execute("select order_id from recall_notice where recall = ?", (found.id,))
    }
    return tuple(
        each
        for each in lots_of(db, found.cause)
        if each.code not in held or (each.has_left and each.order_id not in told)
    )


def let_go(db: sqlite3.Connection, recall_id: str, now: datetime) -> None:
    """All lots that a recall holds count again, but for those that another one names too."""
    held = db.execute("select * from lot where recall = ? order by code", (recall_id,)).fetchall()
    for row in held:
        db.execute("update lot set recall = '', recalled = 0 where code = ?", (row["code"],))
        absorb(db, row["order_id"], row["part_id"], row["recalled"])
        hold_if_called_back(db, row["code"], now)


def scrap(db: sqlite3.Connection, recall_id: str, reason: str, by: str, now: datetime) -> None:
    """What a recall holds and has not left is thrown away; what has left stays called back.

    Bought parts of its lot at the hub too.
    """
    found = recall(db, recall_id)
    if found.cause.kind is RecallKind.BOUGHT:
        bought.throw_away(db, found.cause.value, by, now)
    db.execute(
        "update lot set state = ?1, rejected = good - mislaid, accepted = 0, recalled = 0,"
        " reject_reason = ?2, inspected_by = ?3, inspected_at = ?4 where recall = ?5"
        " and not exists (select 1 from batch_lot b where b.lot_code = lot.code)",
        (LotState.INSPECTED, reason, by, now.isoformat(), recall_id),
    )


def scrap_if_over(db: sqlite3.Connection, recall_id: str, now: datetime) -> None:
    """What was on its way when its recall ended, and is here again, is thrown away as the rest was."""
    found = recall(db, recall_id)
    if not found.is_open:
        scrap(db, recall_id, found.ended_reason, found.ended_by, now)


def leave(db: sqlite3.Connection, code: str, pieces: int) -> int:
    """Pieces of a lot were refused or lost: return how many of them were called back before.

    Those are being made again already.
    """
    row = db.execute("select recalled from lot where code = ?", (code,)).fetchone()
    covered = min(int(row[0]), pieces)
    db.execute("update lot set recalled = recalled - ? where code = ?", (covered, code))
    return covered


def turn_up(db: sqlite3.Connection, code: str, pieces: int) -> bool:
    """Pieces of a lot that were lost are there: return whether they are called back, and count for nothing."""
    held = db.execute(
        "update lot set recalled = recalled + ? where code = ? and recall != ''", (pieces, code)
    )
    return held.rowcount > 0


def keep(db: sqlite3.Connection, recall_id: str, order_id: str) -> int:
    """A recipient needs no others instead: what was delivered counts; return how many pieces."""
    rows = db.execute(
        "select l.code, l.part_id, min(l.recalled, sum(b.received)) as kept from lot l"
        " join batch_lot b on b.lot_code = l.code where l.recall = ? and l.order_id = ?"
        " group by l.code having kept > 0",
        (recall_id, order_id),
    ).fetchall()
    for code, part_id, kept in rows:
        db.execute("update lot set recalled = recalled - ? where code = ?", (kept, code))
        absorb(db, order_id, part_id, kept)
    return sum(int(kept) for _, _, kept in rows)
