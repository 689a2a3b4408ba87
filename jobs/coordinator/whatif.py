"""What would be if a lab left, printers came, a day or a priority moved: the plan as it is, and as it would be.

The one is that of the order's page. The other is made as the coordinator would make it after that change:
what a lab that is gone has is made again elsewhere, an order whose first day moves is planned anew, and all
that nobody was offered where an order is worth more than others, or something would be late. What labs
hold is printed where it is. Works on a copy of the ledger, which is thrown away.
"""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from designs.library import Library
from firmware_profiles.loader import load_machine, machine_names
from firmware_profiles.profile import ROUND
from jobs.coordinator import claims, nodes, planning
from jobs.coordinator.fitting import Snapshot
from jobs.coordinator.moves import dissolve
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.fleet import is_over, print_by
from jobs.ledger import cells, labs, views
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE
from jobs.messages import Capabilities, PrinterChange
from jobs.model import JobState, Priority, Reason, ReasonCode
from jobs.planned import Plan
from printers.model import PrinterFacts, PrinterState, Spool

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
        InvalidFieldError: there is no sense in a number, no such preset, or the day is over.
    """
    order = views.order(ledger.reading, order_id)
    if due is not None and is_over(due, now):
        raise InvalidFieldError("due", f"{due} is over; name a day from {now.date()} on")
    needed = due or order.request.due
    if release is not None and release > needed:
        raise InvalidFieldError("release", f"{release} is after {needed}, when the order is due")
    gone = tuple(_node(ledger, words) for words in without)
    # A process that ends in the midst of it removes the copy, in which this may still write.
    with TemporaryDirectory(prefix="fabnet-what-if-", ignore_cleanup_errors=True) as folder:
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
        if match[2] not in machine_names():
            there_are = ", ".join(machine_names())
            raise InvalidFieldError(
                "plus", f"{match[2]!r} is no machine that fabnet knows; there are {there_are}"
            )
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
    as_is = _standing(copy, hub, now)
    now_rows = _rows(copy, as_is)
    facts = planning.snapshot(copy, library, now, hub)
    if order_id not in {n.order_id for n in facts.needs} | {
        row.order_id for row in now_rows.values()
    }:
        raise RefusedError(
            f"Nothing of order {order_id} is left to be printed, or it is not confirmed yet: no plan"
            " can change it."
        )
    before = _outcome(now_rows.values(), _plan(facts, library, now), facts, order_id)
    _make(copy, order_id, change, now)
    then_rows = _rows(copy, as_is, now_rows, order_id if change.due else "")
    facts = planning.snapshot(copy, library, now, hub)
    after = _outcome(then_rows.values(), _plan(facts, library, now), facts, order_id)
    return Difference(now=before, then=after)


def _plan(facts: Snapshot, library: Library, now: datetime) -> Plan | None:
    return planning.make(facts, library, now).plan if facts.needs else None


def _make(copy: Ledger, order_id: str, change: Change, now: datetime) -> None:
    """Let the change happen on the copy, and take back what the coordinator would take back then."""
    _lose(copy, change.without)
    for number, about in enumerate(change.plus, 1):
        node = f"plus-{number}"
        nodes.enrol(copy, node, node, "", now)
        with copy.transaction() as db:
            nodes.presence(db, node, "boot", "conn", now, online=True)
            nodes.capabilities(db, node, Capabilities(lab=node, printers=(about,)), now)
            idle = PrinterChange(printer=about.id, state=PrinterState.IDLE, clear=True)
            nodes.printer_change(db, node, idle, now)
    other = {"due": change.due, "release": change.release, "priority": change.priority}
    with copy.transaction() as db:
        for name, value in other.items():
            if value is not None:
                db.execute(f"update orders set {name} = ? where id = ?", (str(value), order_id))
    if change.due or change.priority or change.plus:
        claims.resplit(copy, now, order_id)
    if change.due or change.release or change.plus:
        claims.plan_anew(copy, now, order_id)


def _lose(copy: Ledger, gone: Collection[str]) -> None:
    """These labs take nothing any more; what they have to print is to be made again."""
    why = Reason(code=ReasonCode.NOT_PLANNED)
    with copy.transaction() as db:
        for row in db.execute(_TO_PRINT).fetchall():
            if row["node"] in gone:
                dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)
        for node in gone:
            db.execute("update node set paused = 1 where id = ?", (node,))


#: What is in jobs and not printed yet: `held` where a lab has it in its hands.
_TO_PRINT = f"""
select j.*, o.due, a.state is not null as held, p.done_at, p.late, p.km from job j
join orders o on o.id = j.order_id
left join attempt a on a.job_id = j.id and a.state in ({cells.quoted(LIVE)})
left join plan_row p on p.order_id = j.order_id and p.part_id = j.part_id and p.node = j.node
 and p.printer = j.printer
where j.state = '{JobState.OPEN}'
 and (a.state is null or a.state in ({cells.quoted(planning.RESERVING)}))
"""

_Key = tuple[str, str, str, str]  # order, part, node, printer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What one printer has to print of an order's part."""

    order_id: str
    node: str
    held: int  # pieces
    planned: int  # pieces that nobody was offered
    grams: float
    km: float
    late: int
    done_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A plate in a lab's hands, by the clock of its printer."""

    pieces: int
    done_at: datetime


def _standing(
    copy: Ledger, hub: tuple[float, float] | None, now: datetime
) -> dict[_Key, list[_Standing]]:
    """Return when the plates that labs hold are printed; what nobody was offered comes after them."""
    plates: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in planning.held(copy.reading):
        plates.setdefault((row["node"], row["printer"]), []).append(row)
    found: dict[_Key, list[_Standing]] = {}
    for printer in planning.printers_of(copy.reading, hub, now):
        mine = plates.get((printer.node, printer.printer), [])
        ends = printer.ends_min(now, [float(row["seconds"]) for row in mine])
        for row, end_min in zip(mine, ends, strict=True):
            key = (row["order_id"], row["part_id"], row["node"], row["printer"])
            done_at = now + timedelta(minutes=end_min)
            found.setdefault(key, []).append(_Standing(pieces=row["pieces"], done_at=done_at))
    return found


def _rows(
    copy: Ledger,
    standing: Mapping[_Key, Sequence[_Standing]],
    before: Mapping[_Key, _Row] | None = None,
    moved: str = "",
) -> dict[_Key, _Row]:
    """Return what printers have to print, as the last plan told it.

    `before` are the rows before a change: where it took something away, and of the order `moved`, what is
    left goes by the clock.
    """
    plates: dict[_Key, list[sqlite3.Row]] = {}
    for row in copy.reading.execute(f"{_TO_PRINT} order by j.id"):
        key = (row["order_id"], row["part_id"], row["node"], row["printer"])
        plates.setdefault(key, []).append(row)
    found = {}
    for key, mine in plates.items():
        told, planned = mine[0], sum(row["pieces"] for row in mine if not row["held"])
        whole = before is None or (key in before and before[key].planned == planned)
        late, done_at = told["late"] or 0, cells.when(told["done_at"])
        if not whole or key[0] == moved or done_at is None:
            mine_held, by = standing.get(key, ()), print_by(cells.day(told["due"]))
            late = sum(each.pieces for each in mine_held if each.done_at > by)
            done_at = max((each.done_at for each in mine_held), default=None)
        pieces = sum(row["pieces"] for row in mine)
        found[key] = _Row(
            order_id=key[0], node=key[2], held=pieces - planned, planned=planned,
            grams=sum(row["grams"] for row in mine), km=told["km"] or 0.0, late=min(late, pieces),
            done_at=done_at,
        )  # fmt: skip
    return found


def _outcome(rows: Iterable[_Row], plan: Plan | None, facts: Snapshot, order_id: str) -> Outcome:
    """Put together what is in jobs, and what a plan makes of the rest."""
    rows, runs = tuple(rows), () if plan is None else plan.runs
    mine = [row for row in rows if row.order_id == order_id]
    new = [run for run in runs if run.order_id == order_id]
    km = {printer.node: printer.km or 0.0 for printer in facts.fleet}
    by_lab: dict[str, int] = {}
    for node, pieces in (
        *((row.node, row.held + row.planned) for row in mine),
        *((run.node, run.pieces) for run in new),
    ):
        by_lab[node] = by_lab.get(node, 0) + pieces
    ends = [row.done_at for row in mine if row.done_at is not None]
    late = [(row.order_id, row.late) for row in rows]
    late += [(r.order_id, r.late) for each in (plan.explained if plan else ()) for r in each.made]
    short = [(one.order_id, one.pieces) for one in (plan.shortfalls if plan else ())]
    return Outcome(
        placed=sum(row.planned for row in mine) + sum(run.pieces for run in new),
        held=sum(row.held for row in mine),
        without_place=sum(n for order, n in short if order == order_id),
        late=sum(n for order, n in late if order == order_id),
        done_at=max([*ends, *(run.last_at for run in new)], default=None),
        km=sum(row.km * (row.held + row.planned) for row in mine)
        + sum(km[run.node] * run.pieces for run in new),
        grams=sum(row.grams for row in mine) + sum(run.grams * run.count for run in new),
        pieces_of=tuple(sorted(by_lab.items())),
        others_late=sum(n for order, n in late if order != order_id),
        others_without_place=sum(n for order, n in short if order != order_id),
    )
