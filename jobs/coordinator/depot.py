"""Filament in the depot: what lies there, what is sent to which lab, and that it came or was taken back.

Nothing is written down of what a lab has: its spools are what it says of them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from designs.materials import materials
from jobs.errors import InvalidFieldError, RefusedError
from jobs.fleet import is_over
from jobs.hub import MOST_SUPPLIER_LOT
from jobs.joining import Standing
from jobs.ledger import depot, members
from jobs.ledger.depot import Sending
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger

#: In the depot, of one lot.
MOST_STORED_G: Final = 10_000_000
#: To one lab at once.
MOST_SENT_G: Final = 100_000


def count(ledger: Ledger, material: str, grams: int, by: str, now: datetime, lot: str = "") -> None:
    """So many grams lie in the depot now, as somebody has counted them; said twice, it is one thing.

    `lot` is its maker's: each has a box of its own, and so has all without a number.

    Raises:
        InvalidFieldError: no such material, a weight that cannot be, or a lot that is too long.
    """
    _need_material(material)
    if not 0 <= grams <= MOST_STORED_G:
        raise InvalidFieldError("grams", f"from 0 to {MOST_STORED_G}")
    lot = " ".join(lot.split())
    if len(lot) > MOST_SUPPLIER_LOT:
        raise InvalidFieldError("lot", f"at most {MOST_SUPPLIER_LOT} characters")
    with ledger.transaction() as db:
        if depot.count(db, material, lot, grams, by, now):
            event(db, "", "depot-counted", by, material, now, grams=grams, lot=lot)


def send(
    ledger: Ledger,
    sending_id: str,
    node: str,
    material: str,
    grams: int,
    arrives: date,
    by: str,
    now: datetime,
) -> bool:
    """Filament leaves the depot for a lab; return whether that is new: the same id again changes nothing.

    Raises:
        NotFoundError: there is no such lab.
        RefusedError: it does not belong to the network any more.
        InvalidFieldError: more than lies there, no such material, or a day that has passed.
    """
    _need_material(material)
    if not 1 <= grams <= MOST_SENT_G:
        raise InvalidFieldError("grams", f"from 1 to {MOST_SENT_G}")
    with ledger.transaction() as db:
        if db.execute("select 1 from sending where id = ?", (sending_id,)).fetchone():
            return False
        lab = members.member(db, node)
        if lab.standing is not Standing.CONFIRMED:
            raise RefusedError(f"{node} does not belong to the network any more.")
        if is_over(arrives, now):
            raise InvalidFieldError("arrives", "this day has passed")
        there = int(depot.in_store(db).get(material, 0))
        if grams > there:
            why = (
                f"only {there} g of {material} lie in the depot:"
                " send no more, or count what has come since"
            )
            raise InvalidFieldError("grams", why)
        found = Sending(
            id=sending_id, node=node, lab=lab.lab, material=material, grams=grams, lots=(),
            arrives=arrives, sent_at=now,
        )  # fmt: skip
        depot.send(db, found, by, now)
        event(
            db, "", "filament-sent", by, node, now,
            grams=grams, material=material, arrives=arrives.isoformat(), sending=sending_id,
        )  # fmt: skip
    return True


def end(ledger: Ledger, sending_id: str, by: str, now: datetime, *, came: bool) -> None:
    """A sending came, as its lab or a steward says, or is taken back; said twice, it is one thing.

    What came is on a spool once the lab has said so.

    Raises:
        NotFoundError: there is no such sending.
        RefusedError: the other was said before.
    """
    with ledger.transaction() as db:
        found, ended = depot.sending(db, sending_id)
        if ended is not None and ended != came:
            raise RefusedError("This was settled before.")
        if ended is not None:
            return
        depot.end(db, sending_id, by, now, came=came)
        event(
            db, "", "filament-came" if came else "filament-back", by, found.node, now,
            grams=found.grams, material=found.material, sending=sending_id,
        )  # fmt: skip


def _need_material(material: str) -> None:
    if material not in materials():
        raise InvalidFieldError("material", f"one of {', '.join(sorted(materials()))}")
