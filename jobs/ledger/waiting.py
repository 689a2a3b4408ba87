"""What waits for a person: the one list that tells everybody what to do next."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.joining import Standing
from jobs.ledger import cells, first_mile, hub, parcels, views
from jobs.ledger.labs import ANSWERED
from jobs.ledger.members import members
from jobs.ledger.needs import OPEN
from jobs.ledger.packing import Lies, lying
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.model import BatchState, LotState, OrderState, Role
from printers.model import MANUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that waits for a person.

    `kind` is one of: "admit" (node whose fingerprint is to be compared), "unheard" (node
    that has not said what it holds since the ledger was put back), "confirm" (order), "need" (order whose
    requester has not said whether she still needs it), "offer"
    (attempt that its maker answers herself), "print" (attempt that a person prints by hand, and
    counts), "clear" (node/printer), "harvest" (attempt), "complaint" (of a batch), "pickup" (that
    nobody does yet), "inspect" (lot), "rework"
    (lot of which pieces are put right), "release" (lot that a second person signs), "pack" (order), "dispatch"
    (batch).
    """

    kind: str
    key: str
    order_id: str
    text: str  # names the thing for people
    since: datetime | None
    node: str = ""  # of the printer that it is about, "" where it is about none
    printer: str = ""


#: What is done first: answers that others wait for, then printers that stand still, then the hub.
URGENCY = (
    "unheard", "admit", "confirm", "need", "offer", "clear", "harvest", "print", "complaint",
    "pickup", "inspect", "rework", "release", "pack", "dispatch",
)  # fmt: skip


def waiting(
    db: sqlite3.Connection, role: Role, node: str = "", now: datetime | None = None
) -> tuple[Waiting, ...]:
    """Return what waits for a person of this role, the most urgent first.

    A maker sees her own node's things only; a steward, those of all nodes after what is the team's. Lots that
    are held by then are left out; without a time they are not. `can_do` leaves out what this
    very person may not do.
    """
    found: list[Waiting] = []
    if role is Role.STEWARD:
        found += [
            Waiting(kind="admit", key=m.id, order_id="", text=m.lab, since=m.joined_at)
            for m in members(db)
            if m.standing is Standing.PENDING
        ]
        unheard = db.execute("select id, lab from node where unheard = 2")
        found += [
            Waiting(kind="unheard", key=r["id"], order_id="", text=r["lab"], since=None)
            for r in unheard
        ]
        for r in db.execute("select * from orders where state = ?", (OrderState.ASKED,)):
            found.append(
                Waiting(
                    kind="confirm",
                    key=r["id"],
                    order_id=r["id"],
                    text=r["place"],
                    since=cells.moment(r["created_at"]),
                )
            )
        found += [
            Waiting(
                kind="need", key=r["id"], order_id=r["id"], text=r["place"],
                since=cells.moment(r["need_asked_at"]),
            )
            for r in db.execute(
                f"select * from orders o where o.state = ? and {OPEN}", (OrderState.CONFIRMED,)
            )
        ]  # fmt: skip
    mine = node if role is Role.MAKER else None
    if role in (Role.MAKER, Role.STEWARD):
        found += _on_beds(db, mine)
    if role in (Role.INSPECTOR, Role.STEWARD):
        found += _at_hub(db, now)
    return tuple(sorted(found, key=lambda w: (_others(role, w), *_urgent(w))))


def _others(role: Role, each: Waiting) -> bool:
    """Whether it waits for a maker, and a steward may only answer in her stead."""
    return role is Role.STEWARD and each.node != ""


def _urgent(each: Waiting) -> tuple[object, ...]:
    return URGENCY.index(each.kind), each.since is not None, each.since, each.key


def can_do(db: sqlite3.Connection, found: Iterable[Waiting], login: str) -> tuple[Waiting, ...]:
    """Leave out the bags that this person has inspected: somebody else releases them."""
    return tuple(
        each
        for each in found
        if each.kind != "release" or views.lot(db, each.key).inspected_by != login
    )


def _on_beds(db: sqlite3.Connection, node: str | None) -> list[Waiting]:
    states = cells.quoted(TO_HARVEST)
    harvests = db.execute(
        f"{views.ATTEMPTS} where a.state in ({states}) and (?1 is null or a.node = ?1)", (node,)
    )
    found = [
        Waiting(
            kind="harvest", key=str(a.ref), order_id=a.order_id, text=a.printer, since=a.ended_at,
            node=a.node, printer=a.printer,
        )
        for a in map(views.attempt_of, harvests)
    ]  # fmt: skip
    found += _with_people(db, node)
    busy = {(w.node, w.printer) for w in found if w.kind != "offer"}
    # What is printed, or may be while its printer is out of reach, is not asked for: it is counted after.
    beds = db.execute(
        "select p.* from printer p join node n on n.id = p.node where p.clear = 0 and n.standing = ?2"
        " and (?1 is null or p.node = ?1) and not exists (select 1 from attempt a"
        " where a.node = p.node and a.printer = p.id and a.state = ?3)",
        (node, Standing.CONFIRMED, AttemptState.PRINTING),
    )
    found += [
        Waiting(
            kind="clear", key=f"{r['node']}/{r['id']}", order_id="", text=r["id"], since=None,
            node=r["node"], printer=r["id"],
        )
        for r in beds
        if (r["node"], r["id"]) not in busy and r["state"] not in ("printing", "paused")
    ]  # fmt: skip
    return found


def _with_people(db: sqlite3.Connection, node: str | None) -> list[Waiting]:
    """Return offers that a person answers, and plates that she prints by hand."""
    offers = db.execute(
        f"{views.ATTEMPTS} where a.state = ?1 and n.asks and n.online and (?2 is null or a.node = ?2)"
        f" and not {ANSWERED}",
        (AttemptState.OFFERED, node),
    ).fetchall()
    by_hand = db.execute(
        f"{views.ATTEMPTS} left join printer p on p.node = a.node and p.id = a.printer where a.state = ?1"
        f" and (p.id is null or json_extract({cells.FACTS}, '$.link') = ?2)"
        " and (?3 is null or a.node = ?3)",
        (AttemptState.PRINTING, MANUAL, node),
    ).fetchall()
    return [
        Waiting(
            kind=kind, key=str(a.ref), order_id=a.order_id, text=a.printer,
            since=a.started_at or a.granted_at or cells.moment(row["created_at"]),
            node=a.node, printer=a.printer,
        )
        for kind, rows in (("offer", offers), ("print", by_hand))
        for row, a in zip(rows, map(views.attempt_of, rows), strict=True)
    ]  # fmt: skip


def _at_hub(db: sqlite3.Connection, now: datetime | None) -> list[Waiting]:
    found = [*_bags(db, now), *_parcels(db, now)]
    found += [
        Waiting(kind="pickup", key=each.id, order_id="", text=each.lab, since=each.announced_at)
        for each in first_mile.open_pickups(db)
        if each.waits_for_driver
    ]
    found += [
        _thing("complaint", r["id"], r["order_id"], r["batch_id"], r["at"])
        for r in db.execute("select * from complaint where read_at is null")
    ]
    return found


def _thing(kind: str, key: str, order_id: str, text: object, since: str) -> Waiting:
    return Waiting(kind=kind, key=key, order_id=order_id, text=str(text), since=cells.moment(since))


def _bags(db: sqlite3.Connection, now: datetime | None) -> list[Waiting]:
    """Return lots to inspect, to put right, and to release."""
    gates = hub.gates(db)
    held = {code for code, each in gates.items() if now is not None and each.is_held(now)}
    # One that is not here yet is shown: somebody has to say that it is.
    held -= {code for code in held if gates[code].held_until is None}
    aside = db.execute(
        "select l.code, l.order_id, l.recall, r.pieces, r.at from rework r"
        " join lot l on l.code = r.lot_code where r.done_at is null"
    ).fetchall()
    held |= {row["code"] for row in aside}
    found = [
        _thing("inspect", r["code"], r["order_id"], r["good"] - r["mislaid"], r["created_at"])
        for r in db.execute(
            "select * from lot l where state = ? and recall = '' and place not like 'way:%'"
            f" and good > mislaid and not (place like 'lab:%' and {first_mile.ANNOUNCED})",
            (LotState.WAITING,),
        )
        if r["code"] not in held
    ]
    found += [
        _thing("rework", r["code"], r["order_id"], r["pieces"], r["at"])
        for r in aside
        if not r["recall"]
    ]
    found += [
        _thing("release", r["code"], r["order_id"], r["accepted"], r["inspected_at"])
        for r in db.execute("select * from lot where accepted > 0 and recall = ''")
        if r["code"] in gates and gates[r["code"]].unsigned
    ]
    return found


def _parcels(db: sqlite3.Connection, now: datetime | None) -> list[Waiting]:
    """Return orders to pack, and batches that may leave."""
    confirmed = {
        r[0] for r in db.execute("select id from orders where state = ?", (OrderState.CONFIRMED,))
    }
    ready: dict[str, list[Lies]] = defaultdict(list)
    for bag in lying(db, now):
        if bag.stays is None and bag.order_id in confirmed:
            ready[bag.order_id].append(bag)
    found = [
        Waiting(
            kind="pack", key=order_id, order_id=order_id, text=str(sum(b.pieces for b in bags)),
            since=min(b.inspected_at for b in bags),
        )
        for order_id, bags in ready.items()
    ]  # fmt: skip
    found += [
        _thing("dispatch", r["id"], r["order_id"], r["id"], r["packed_at"])
        for r in db.execute("select * from batch where state = ?", (BatchState.PACKED,)).fetchall()
        if not parcels.barrier(db, r["id"])
    ]
    return found
