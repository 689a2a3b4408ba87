"""What would be if a lab left, printers came, a day or a priority moved: two plans of all orders, side by side.

Both are made from everything that is in no lab's hands yet; what labs hold is printed where it is,
but for labs that are gone: theirs is made again. Works on a copy of the ledger, which is thrown away:
plates that are planned and not offered become pieces to be planned.
"""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from designs.library import Library
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import ROUND
from jobs.coordinator import planning
from jobs.coordinator.fitting import Snapshot
from jobs.coordinator.moves import dissolve
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.fleet import FleetPrinter, print_by
from jobs.ledger import labs, views
from jobs.ledger.rows import live_attempt
from jobs.ledger.store import Ledger
from jobs.model import JobState, OrderState, Priority, Reason, ReasonCode
from jobs.planned import Plan
from printers.model import PrinterFacts, Spool

#: What a printer has loaded that does not exist yet.
_SPOOL_G = 1000.0
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked: labs that are gone, printers more (each a lab of its own), other days or priority."""

    without: tuple[str, ...] = ()
    plus: tuple[PrinterFacts, ...] = ()
    due: date | None = None
    priority: Priority | None = None
    release: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a plan means for one order, and for all others together."""

    placed: int  # pieces that are planned, besides those in labs' hands
    held: int  # pieces that labs hold to print
    without_place: int
    late: int  # pieces printed after the day
    done_at: datetime | None  # the last piece; None where none is to come
    km: float  # of all pieces together, from lab to hub
    grams: float
    pieces_of: tuple[tuple[str, int], ...]  # by lab, held and planned
    others_late: int
    others_without_place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The plan as things are, and as they would be."""

    now: Outcome
    then: Outcome

    @property
    def touched(self) -> tuple[str, ...]:
        """The labs that would make more or fewer pieces of the order."""
        before, after = dict(self.now.pieces_of), dict(self.then.pieces_of)
        return tuple(
            lab for lab in sorted({*before, *after}) if before.get(lab, 0) != after.get(lab, 0)
        )


def difference(
    ledger: Ledger,
    files: Path,
    order_id: str,
    without: Sequence[str],
    plus: Sequence[str],
    due: date | None,
    now: datetime,
    hub: tuple[float, float] | None,
    priority: Priority | None = None,
    release: date | None = None,
) -> Difference:
    """Plan as things are and as they would be; the ledger itself is only read.

    Args:
        ledger: all that is known.
        files: the library's.
        order_id: which order.
        without: labs that are gone, by name or node.
        plus: presets of machines, with how many before: "3xprusa-mini". Each has a full spool of a
            material of the order, is always attended, and is as far as the hub itself.
        due: another day for the order; None: its own.
        now: aware UTC.
        hub: its place; None leaves distances out.
        priority: another one for the order; None: its own.
        release: another day before which nothing of it is started; None: its own.

    Raises:
        NotFoundError: there is no such order or lab.
        RefusedError: nothing of the order is left to be printed.
        FirmwareProfileError: there is no such preset.
        InvalidFieldError: there is no sense in a number, or the day is over.
    """
    order = views.order(ledger.reading, order_id)
    if due is not None and due < now.date():
        raise InvalidFieldError("due", f"{due} is over; name a day from {now.date()} on")
    gone = tuple(_node(ledger, words) for words in without)
    with TemporaryDirectory(prefix="fabnet-what-if-") as folder:
        path = Path(folder) / "ledger.db"
        with closing(sqlite3.connect(path)) as new:
            ledger.reading.backup(new)
        copy = Ledger(path)
        try:
            library = Library(copy.database, files)
            revision = library.revision(order.request.revision_id)
            material = next((part.materials[0] for part in revision.parts), "PETG")
            change = Change(
                without=gone, plus=tuple(_printers(plus, material)), due=due, priority=priority,
                release=release,
            )  # fmt: skip
            return compare(copy, library, order_id, change, now, hub)
        finally:
            copy.close()


def _node(ledger: Ledger, words: str) -> str:
    """Return the node that a person means by the name of a lab, or by its own."""
    names = {node.id: node.lab for node in labs.fleet(ledger.reading)}
    if words in names:
        return words
    wanted = " ".join(words.split()).casefold()
    found = [node for node, lab in names.items() if wanted in (lab.casefold(), node.casefold())]
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(words, [*names, *names.values()], n=3, cutoff=0.5)
    raise NotFoundError("lab", words, found or near)


def _printers(plus: Sequence[str], material: str) -> Iterable[PrinterFacts]:
    for text in plus:
        match = re.fullmatch(r"(?:(\d+)\s*x\s*)?(\S+)", text)
        if match is None or not 1 <= int(match[1] or 1) <= _MOST:
            raise InvalidFieldError("plus", f"{text!r} cannot be read; write 3xprusa-mini")
        preset = load_machine(match[2])
        for number in range(int(match[1] or 1)):
            yield PrinterFacts(
                id=f"{preset.name}-{number + 1}", title=preset.title, preset=preset.name,
                bed_x_mm=preset.bed_x_mm, bed_y_mm=preset.bed_y_mm, height_mm=preset.height_mm,
                margin_mm=preset.margin_mm, nozzle_mm=preset.nozzle_mm,
                round_bed=preset.bed == ROUND, keep_out_mm=preset.keep_out_mm,
                spool=Spool(id="plus", material=material, grams=_SPOOL_G, maker_lot=""),
            )  # fmt: skip


def compare(
    copy: Ledger,
    library: Library,
    order_id: str,
    change: Change,
    now: datetime,
    hub: tuple[float, float] | None = None,
) -> Difference:
    """Plan with and without a change. `copy` and the tables of `library` are written to.

    Raises:
        RefusedError: nothing of the order is left to be printed.
    """
    _take_all_back(copy)
    facts = planning.snapshot(copy, library, now, hub)
    held = _held(copy, planning.printers_of(copy.reading, hub, now), now)
    if order_id not in {n.order_id for n in facts.needs} | {h.order_id for h in held}:
        raise RefusedError(
            f"Nothing of order {order_id} is left to be printed, or it is not confirmed yet: no plan"
            " can change it."
        )
    before = _outcome(planning.make(facts, library, now).plan, facts, held, order_id)
    _lose(copy, change.without)
    other = _changed(planning.snapshot(copy, library, now, hub), order_id, change)
    kept = [each for each in held if each.node not in change.without]
    if change.due is not None:
        kept = [
            replace(h, print_by=print_by(change.due)) if h.order_id == order_id else h for h in kept
        ]
    after = _outcome(planning.make(other, library, now).plan, other, kept, order_id)
    return Difference(now=before, then=after)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A plate in a lab's hands, not printed yet."""

    order_id: str
    node: str
    pieces: int
    grams: float
    km: float
    done_at: datetime
    print_by: datetime


def _held(copy: Ledger, fleet: Iterable[FleetPrinter], now: datetime) -> list[_Held]:
    """Return what labs hold to print; on the copy nothing else is bound to a printer."""
    plates: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in planning.held(copy.reading):
        plates.setdefault((row["node"], row["printer"]), []).append(row)
    found = []
    for printer in fleet:
        mine = plates.get((printer.node, printer.printer), [])
        ends = printer.ends_min(now, [float(row["seconds"]) for row in mine])
        for row, end_min in zip(mine, ends, strict=True):
            found.append(
                _Held(
                    order_id=row["order_id"], node=printer.node, pieces=row["pieces"],
                    grams=float(row["grams"]), km=printer.km or 0.0,
                    done_at=now + timedelta(minutes=end_min),
                    print_by=print_by(date.fromisoformat(row["due"])),
                )
            )  # fmt: skip
    return found


def _lose(copy: Ledger, nodes: Collection[str]) -> None:
    """What these labs hold to print is to be made again."""
    why = Reason(code=ReasonCode.NOT_PLANNED)
    with copy.transaction() as db:
        for row in planning.held(db):
            if row["node"] in nodes:
                dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)


def _take_all_back(copy: Ledger) -> None:
    why = Reason(code=ReasonCode.NOT_PLANNED)
    with copy.transaction() as db:
        rows = db.execute(
            "select j.id, j.order_id, j.part_id, j.pieces from job j join orders o"
            " on o.id = j.order_id where j.state = ? and o.state = ?"
            f" and not exists ({live_attempt('j.id')})",
            (JobState.OPEN, OrderState.CONFIRMED),
        ).fetchall()
        for row in rows:
            dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)


def _changed(facts: Snapshot, order_id: str, change: Change) -> Snapshot:
    fleet = [printer for printer in facts.fleet if printer.node not in change.without]
    printers = dict(facts.printers)
    for number, about in enumerate(change.plus, 1):
        node = f"plus-{number}"
        spool = about.spool
        printers[node, about.id] = about
        fleet.append(
            FleetPrinter(
                node=node, printer=about.id, online=True, paused=False,
                material=about.works_in,
                process=about.process,
                grams=0.0 if spool is None else spool.grams,
            )
        )  # fmt: skip
    needs = tuple(
        need
        if need.order_id != order_id
        else replace(
            need,
            due=change.due or need.due,
            priority=change.priority or need.priority,
            release=change.release or need.release,
        )
        for need in facts.needs
    )
    return replace(facts, needs=needs, fleet=tuple(fleet), printers=printers)


def _outcome(plan: Plan, facts: Snapshot, held: Iterable[_Held], order_id: str) -> Outcome:
    mine = [run for run in plan.runs if run.order_id == order_id]
    holding = [each for each in held if each.order_id == order_id]
    km = {printer.node: printer.km or 0.0 for printer in facts.fleet}
    by_lab: dict[str, int] = {}
    for run in mine:
        by_lab[run.node] = by_lab.get(run.node, 0) + run.pieces
    placed, all_km = sum(by_lab.values()), sum(km[lab] * n for lab, n in by_lab.items())
    for each in holding:
        by_lab[each.node] = by_lab.get(each.node, 0) + each.pieces
    short, other_short = _short(plan, [order_id])
    rows = [row for each in plan.explained for row in each.made if row.late]
    return Outcome(
        placed=placed,
        held=sum(each.pieces for each in holding),
        without_place=short,
        late=sum(row.late for row in rows if row.order_id == order_id)
        + sum(each.pieces for each in holding if each.done_at > each.print_by),
        done_at=max([*(run.last_at for run in mine), *(h.done_at for h in holding)], default=None),
        km=all_km + sum(each.km * each.pieces for each in holding),
        grams=sum(run.grams * run.count for run in mine) + sum(each.grams for each in holding),
        pieces_of=tuple(sorted(by_lab.items())),
        others_late=sum(row.late for row in rows if row.order_id != order_id),
        others_without_place=other_short,
    )


def _short(plan: Plan, mine: Sequence[str]) -> tuple[int, int]:
    """Return how many pieces of these orders have no place, and of all others."""
    ours = sum(one.pieces for one in plan.shortfalls if one.order_id in mine)
    return ours, sum(one.pieces for one in plan.shortfalls) - ours
