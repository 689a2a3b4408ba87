"""Pick-ups in the ledger: which lots they take along, who has each, and what travels the other way.

Where the bags stand (`spot`) is read by `spot_of` alone, for the one who does the run. The functions
that move lots run inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError
from jobs.first_mile import OPEN, Goods, PickupState, way
from jobs.ledger.cells import moment, quoted, when, word
from jobs.ledger.rows import event
from jobs.model import LotState


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """One lot of a pick-up, or one that waits at a workshop."""

    code: str
    order_id: str
    part_id: str
    revision_id: str
    pieces: int
    place: str  # "lab:<node>", "way:<pick-up>" or "hub:<name>"
    counted_at: datetime | None  # at the hub

    @property
    def at_lab(self) -> bool:
        """Nobody has taken it yet."""
        return self.place.startswith("lab:")

    @property
    def on_way(self) -> bool:
        """A driver has it, or it was lost on the way."""
        return self.place.startswith("way:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickup:
    """One pick-up, without the place where the bags stand."""

    id: str
    node: str
    lab: str
    state: PickupState
    ready_at: datetime
    driver: str  # "" while nobody does it
    announced_at: datetime
    ended_at: datetime | None
    bags: tuple[Bag, ...]
    goods: tuple[Goods, ...]  # from the hub to the workshop

    @property
    def waits_for_driver(self) -> bool:
        """Nobody does it yet; one that is on its way without a name had a driver who is forgotten."""
        return self.state is PickupState.ANNOUNCED and not self.driver

    @property
    def coming(self) -> tuple[Bag, ...]:
        """The bags that the hub does not have yet; without those that were lost."""
        return tuple(bag for bag in self.bags if bag.at_lab or (bag.on_way and bag.pieces))

    @property
    def pieces(self) -> int:
        """In all of its bags."""
        return sum(bag.pieces for bag in self.bags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Somebody has a lot from then on."""

    at: datetime
    holder: str
    pickup: str  # "" where it came without one


_BAGS = (
    "select l.code, l.order_id, l.part_id, o.revision_id, l.good - l.mislaid as pieces, l.place,"
    " l.counted_at from lot l join orders o on o.id = l.order_id"
)
_STATES = quoted(OPEN)
#: Of a query over lots `l`: it belongs to a pick-up that is not over.
ANNOUNCED = (
    "exists (select 1 from pickup_lot pl join pickup p on p.id = pl.pickup"
    f" where pl.lot_code = l.code and p.state in ({_STATES}))"
)


def _bag(row: sqlite3.Row) -> Bag:
    return Bag(
        code=row["code"],
        order_id=row["order_id"],
        part_id=row["part_id"],
        revision_id=row["revision_id"],
        pieces=row["pieces"],
        place=row["place"],
        counted_at=when(row["counted_at"]),
    )


def bags_at(db: sqlite3.Connection, node: str) -> tuple[Bag, ...]:
    """Return the lots that lie at a lab, and that no pick-up takes along yet, the oldest first."""
    rows = db.execute(
        f"{_BAGS} where l.place = ? and l.state = ? and l.recall = '' and not {ANNOUNCED}"
        " order by l.created_at, l.code",
        (f"lab:{node}", LotState.WAITING),
    )
    return tuple(map(_bag, rows))


def pickup(db: sqlite3.Connection, pickup_id: str) -> Pickup:
    """Return one pick-up.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = _pickups(db, "where p.id = ?", (pickup_id,))
    if not found:
        raise NotFoundError("pick-up", pickup_id)
    return found[0]


def of_link(db: sqlite3.Connection, link_hash: str) -> Pickup | None:
    """Return the pick-up that a run's link belongs to."""
    return next(iter(_pickups(db, "where p.link_hash = ?", (link_hash,))), None)


def of_lot(db: sqlite3.Connection, code: str) -> Pickup | None:
    """Return the pick-up that takes a lot along and is not over."""
    where = (
        f"join pickup_lot of on of.pickup = p.id where of.lot_code = ? and p.state in ({_STATES})"
    )
    return next(iter(_pickups(db, where, (code,))), None)


def open_pickups(db: sqlite3.Connection, node: str | None = None) -> tuple[Pickup, ...]:
    """Return all pick-ups that are not over, or those of one lab, by when their bags are ready."""
    where = f"where p.state in ({_STATES}) and (?1 is null or p.node = ?1)"
    return _pickups(db, where, (node,))


def _pickups(
    db: sqlite3.Connection, where: str, given: tuple[str | None, ...]
) -> tuple[Pickup, ...]:
    rows = db.execute(
        "select p.id, p.node, n.lab, p.state, p.ready_at, p.driver, p.announced_at,"
        f" p.ended_at from pickup p join node n on n.id = p.node {where} order by p.ready_at, p.id",
        given,
    ).fetchall()
    return tuple(
        Pickup(
            id=r["id"],
            node=r["node"],
            lab=r["lab"],
            state=word(PickupState, r["state"]),
            ready_at=moment(r["ready_at"]),
            driver=r["driver"],
            announced_at=moment(r["announced_at"]),
            ended_at=when(r["ended_at"]),
            bags=tuple(
                _bag(row)
                for row in db.execute(
                    f"{_BAGS} join pickup_lot pl on pl.lot_code = l.code where pl.pickup = ?"
                    " order by l.code",
                    (r["id"],),
                )
            ),
            goods=tuple(
                Goods(text=g[0], quantity=g[1], material=g[2], grams=g[3])
                for g in db.execute(
                    "select text, quantity, material, grams from goods where pickup = ? order by id",
                    (r["id"],),
                )
            ),
        )
        for r in rows
    )


def spot_of(db: sqlite3.Connection, pickup_id: str) -> str:
    """Return where the bags stand: for who does the run. It is "" from when they were taken."""
    return str(db.execute("select spot from pickup where id = ?", (pickup_id,)).fetchone()[0])


def handovers(db: sqlite3.Connection, code: str) -> tuple[Handover, ...]:
    """Return who had a lot, one after the other."""
    rows = db.execute(
        "select h.at, coalesce(p.name, h.holder) as holder, h.pickup from handover h"
        " left join person p on p.login = h.holder where h.lot_code = ? order by h.id",
        (code,),
    )
    return tuple(Handover(at=moment(r[0]), holder=r[1], pickup=r[2]) for r in rows)


def add_goods(db: sqlite3.Connection, pickup_id: str, goods: Goods, by: str, now: datetime) -> None:
    """Something more is to travel to the workshop."""
    db.execute(
        "insert into goods (pickup, text, quantity, material, grams, by_person, at)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (pickup_id, goods.text, goods.quantity, goods.material, goods.grams, by, now.isoformat()),
    )


def taken(
    db: sqlite3.Connection, bag: Bag, pickup_id: str, holder: str, by: str, now: datetime
) -> None:
    """A driver has a lot: it is in transit, and she holds it."""
    db.execute("update lot set place = ? where code = ?", (way(pickup_id), bag.code))
    _hand_over(db, bag.code, holder, by, pickup_id, now)
    event(db, bag.order_id, "bag-taken", by, bag.code, now, pieces=bag.pieces)


def arrived(db: sqlite3.Connection, code: str, hub: str, by: str, now: datetime) -> None:
    """A lot lies at the hub from now on; a pick-up of which nothing is missing any more is over."""
    row = db.execute("select order_id, good - mislaid as pieces from lot where code = ?", (code,))
    order_id, pieces = row.fetchone()
    found = of_lot(db, code)
    db.execute(
        "update lot set place = ?, arrived_at = ? where code = ?", (hub, now.isoformat(), code)
    )
    _hand_over(db, code, by, by, found.id if found else "", now)
    event(db, order_id, "bag-arrived", by, code, now, pieces=pieces)
    if found is not None:
        close_if_over(db, found.id, now)


def close_if_over(db: sqlite3.Connection, pickup_id: str, now: datetime) -> None:
    """A pick-up is over when it has nothing on its way; bags that were not taken are free again."""
    found = pickup(db, pickup_id)
    on_way = any(bag.on_way and bag.pieces for bag in found.bags)
    waits = found.state is PickupState.ANNOUNCED and any(bag.at_lab for bag in found.bags)
    if found.state in OPEN and not on_way and not waits:
        db.execute(
            "update pickup set state = ?, ended_at = ?, spot = '' where id = ?",
            (PickupState.ARRIVED, now.isoformat(), pickup_id),
        )


def _hand_over(
    db: sqlite3.Connection, code: str, holder: str, by: str, pickup_id: str, now: datetime
) -> None:
    db.execute(
        "insert into handover (lot_code, at, holder, by_person, pickup) values (?, ?, ?, ?, ?)",
        (code, now.isoformat(), holder, by, pickup_id),
    )
