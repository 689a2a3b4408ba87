"""What Spoolman is still to be told of a spool, and what it is being told: rows and decisions.

What prints took from a spool since Spoolman was last heard is the journal's `used_g` of it, so it grows in the
transaction that ends an attempt: once. Telling is a row of its own, written before anything is sent,
with what Spoolman said and what it is to say. After a crash the two are compared with what it says.
Leaves sending to `fabnet.node.stock`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from fabnet.printer_config import SPOOLMAN
from jobs.messages import Loaded
from printers.spools import SpoolmanSpool

#: Nobody weighs better; and some databases behind Spoolman keep single precision.
_SAME_G = 0.05
#: The setting with what a person weighed and Spoolman does not know yet.
_WEIGHED = "weighed:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One change of a spool in Spoolman: used grams from a value to a value."""

    spool: str  # "spoolman-12"
    from_g: float
    to_g: float
    full_g: float | None  # what a full one holds, where that is to be changed too
    told_g: float  # of what prints took from it, so much is in this change
    weighed: bool  # it has what a person weighed

    def arrived(self, found: SpoolmanSpool) -> bool:
        """Whether Spoolman has it."""
        full = self.full_g is None or (
            found.full_g is not None and _same(found.full_g, self.full_g)
        )
        return full and _same(found.used_weight, self.to_g)

    def may_go(self, found: SpoolmanSpool) -> bool:
        """Whether nothing happened to the spool since it was read: it may be told, or told again."""
        return _same(found.used_weight, self.from_g)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < _SAME_G


def next_telling(
    name: str, found: SpoolmanSpool, used_g: float, weighed_g: float | None
) -> Telling | None:
    """Return what is to be told of a spool, None where Spoolman knows all. Pure.

    Args:
        name: the spool's, in the network.
        found: as Spoolman has it now.
        used_g: what prints took from it that Spoolman was not told; since it was weighed, if it was.
        weighed_g: what a person weighed, None where she did not.
    """
    if weighed_g is None:
        if used_g < _SAME_G:
            return None
        to_g, full_g = found.used_weight + used_g, None
    else:
        left_g, full_g = max(0.0, weighed_g - used_g), found.full_g
        if full_g is None or left_g > full_g:
            to_g, full_g = 0.0, left_g
        else:
            to_g, full_g = full_g - left_g, None
    return Telling(
        spool=name, from_g=found.used_weight, to_g=round(to_g, 3), full_g=full_g, told_g=used_g,
        weighed=weighed_g is not None,
    )  # fmt: skip


def number_of(spool: str) -> int:
    """Return a spool's number in Spoolman."""
    return int(spool.removeprefix(SPOOLMAN))


def weigh(db: sqlite3.Connection, spool: Loaded) -> None:
    """A person has weighed a spool: Spoolman is told that, and nothing that was used before."""
    if spool.spool.startswith(SPOOLMAN):
        db.execute(
            "insert or replace into setting (key, value) values (?, ?)",
            (_WEIGHED + spool.spool, f"{spool.grams:g}"),
        )
        # What is on its way may arrive; the weighing has what was in it.
        db.execute("update telling set told_g = 0, weighed = 0 where spool = ?", (spool.spool,))


def weighed_g(db: sqlite3.Connection, spool: str) -> float | None:
    """Return what a person weighed that Spoolman does not know yet."""
    row = db.execute("select value from setting where key = ?", (_WEIGHED + spool,)).fetchone()
    return None if row is None else float(row[0])


def waiting(db: sqlite3.Connection) -> frozenset[int]:
    """Return the numbers of the spools of which Spoolman does not know all."""
    rows = db.execute(
        "select id from spool where id like ?1 || '%' and used_g >= ?2"
        " union select spool from telling"
        " union select substr(key, ?3) from setting where key like ?4 || ?1 || '%'",
        (SPOOLMAN, _SAME_G, len(_WEIGHED) + 1, _WEIGHED),
    )
    return frozenset(number_of(row[0]) for row in rows)


def of(db: sqlite3.Connection, spool: str) -> Telling | None:
    """Return what Spoolman was being told of a spool."""
    row = db.execute("select * from telling where spool = ?", (spool,)).fetchone()
    if row is None:
        return None
    return Telling(
        spool=spool, from_g=row["from_g"], to_g=row["to_g"], full_g=row["full_g"],
        told_g=row["told_g"], weighed=bool(row["weighed"]),
    )  # fmt: skip


def keep(db: sqlite3.Connection, telling: Telling) -> None:
    """Keep what Spoolman is told, before it is."""
    db.execute(
        "insert into telling (spool, from_g, to_g, full_g, told_g, weighed)"
        " values (?, ?, ?, ?, ?, ?)",
        (
            telling.spool, telling.from_g, telling.to_g, telling.full_g, telling.told_g,
            int(telling.weighed),
        ),
    )  # fmt: skip


def settle(db: sqlite3.Connection, telling: Telling) -> None:
    """Spoolman was told: what was in it is not told again."""
    db.execute(
        "update spool set used_g = max(0, used_g - ?) where id = ?", (telling.told_g, telling.spool)
    )
    if telling.weighed:
        db.execute("delete from setting where key = ?", (_WEIGHED + telling.spool,))
    db.execute("delete from telling where spool = ?", (telling.spool,))


def forget(db: sqlite3.Connection) -> None:
    """The journal has gone back: what it still has to tell may have been told since."""
    db.execute("delete from telling")
    db.execute("delete from spool where id like ? || '%'", (SPOOLMAN,))
    db.execute("delete from setting where key like ? || '%'", (_WEIGHED,))
