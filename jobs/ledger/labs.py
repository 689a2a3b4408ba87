"""The labs of the network as pages and plans see them: nodes, printers, what was entered for them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from jobs.errors import NotFoundError
from jobs.fleet import SILENT_AFTER, is_silent
from jobs.hours import in_week_s
from jobs.joining import Standing
from jobs.ledger.cells import UNREADABLE, moment, quoted, read_moment, when
from jobs.ledger.views import ATTEMPTS, AttemptView, attempt_of
from jobs.lifecycle import LIVE, MAY_HAVE_STARTED, AttemptState
from jobs.messages import Config
from jobs.model import AttemptRef
from jobs.plausible import check_lab, check_printer
from printers.model import MANUAL, PrinterFacts, PrinterState

#: The fault of a printer that is left out, in which `{}` is what is odd.
ODD = "what the ledger has of it cannot be used: {}"
#: SQL: whether a person has answered the offer of attempt `a` on a page; by the index event_answer.
ANSWERED = (
    "exists (select 1 from event e where e.kind in ('offer-taken', 'offer-declined')"
    " and e.subject = a.job_id || '-a' || a.number)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterView:
    """A printer as the fleet page shows it."""

    node: str
    facts: PrinterFacts
    state: PrinterState
    clear: bool  # a person has marked the bed ready since the last print
    fault: str
    attempt: AttemptView | None  # what it works on or what lies on its bed
    odd: str = ""  # what of it or of its lab cannot be used: nothing is planned for it


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A lab's node."""

    id: str
    lab: str
    online: bool
    paused: bool
    seen_at: datetime | None
    place: tuple[float, float] | None  # latitude, longitude in degrees, rounded by the node
    attended: str  # hours of the week, see jobs.hours
    utc_offset_min: int
    asks: bool  # a person answers its offers
    printers: tuple[PrinterView, ...]
    paused_until: str = ""  # the day on which a pause ends by itself
    weekly_h: float = 0.0  # of printing that it gives in a calendar week; 0: no ceiling
    hosted: bool = (
        False  # its maker joined without a computer: the node runs beside the coordinator
    )
    listed_at: datetime | None = None  # since when its maker lets anybody know of it


def node_ids(db: sqlite3.Connection) -> tuple[str, ...]:
    """Return all nodes that belong to the network, in the order of their labs' names."""
    rows = db.execute(
        "select id from node where standing = ? order by lab, id", (Standing.CONFIRMED,)
    )
    return tuple(row[0] for row in rows)


def fleet(db: sqlite3.Connection, only: Iterable[str] | None = None) -> tuple[NodeView, ...]:
    """Return nodes of the network with their printers, by their labs' names: all, or these `only`."""
    live, started = quoted(LIVE), quoted(MAY_HAVE_STARTED)
    names = None if only is None else msgspec.json.encode(tuple(only)).decode()
    among = "" if names is None else "in (select value from json_each(:names))"
    given = {"names": names}
    of_node = f" and a.node {among}" if among else ""
    working = {
        (row["node"], row["printer"]): row
        # The last one counts: what lies on the bed, else the oldest.
        for row in db.execute(
            f"{ATTEMPTS} where a.state in ({live}){of_node}"
            f" order by a.state in ({started}), a.created_at desc",
            given,
        )
    }
    printers: dict[str, list[PrinterView]] = {}
    of_node = f"where node {among}" if among else ""
    for row in db.execute(f"select * from printer {of_node} order by node, id", given):
        mine = working.get((row["node"], row["id"]))
        printers.setdefault(row["node"], []).append(_printer_of(row, mine))
    of_node = f"and id {among}" if among else ""
    rows = db.execute(
        "select *, id in (select node from hosted) as hosted from node"
        f" where standing = '{Standing.CONFIRMED}' {of_node} order by lab, id",
        given,
    ).fetchall()
    return tuple(_node_of(row, printers.get(row["id"], [])) for row in rows)


def read_facts(printer: str, text: str) -> tuple[PrinterFacts, str]:
    """Read what a node said of a printer; and what is odd in it, "" where all can be.

    Of one in which anything is odd only its id is known. One node's word, or one bad block of a disk,
    must keep no other printer from being seen and planned.
    """
    odd = ""
    try:
        facts = msgspec.json.decode(text, type=PrinterFacts)
        check_printer(facts)
        if facts.id == printer:
            return facts, ""
        odd = f"id: {facts.id[:40]!r}"
    except UNREADABLE as error:
        odd = str(error)
    facts = PrinterFacts(
        id=printer, title=printer, preset="", bed_x_mm=0.0, bed_y_mm=0.0, height_mm=0.0,
        margin_mm=0.0, nozzle_mm=0.0, spool=None,
    )  # fmt: skip
    return facts, odd


def _printer_of(row: sqlite3.Row, working: sqlite3.Row | None) -> PrinterView:
    facts, odd = read_facts(row["id"], row["facts"])
    state, attempt = PrinterState.FAULT, None
    try:
        state = PrinterState(row["state"])
        attempt = None if working is None else attempt_of(working)
    except UNREADABLE as error:
        odd = odd or str(error)
    found = PrinterView(
        node=row["node"], facts=facts, state=state, clear=bool(row["clear"]), fault=row["fault"],
        attempt=attempt,
    )  # fmt: skip
    return _out(found, odd) if odd else found


def _out(printer: PrinterView, odd: str) -> PrinterView:
    """Return a printer that is out of order for what the ledger has of it or of its lab."""
    return replace(printer, state=PrinterState.FAULT, fault=ODD.format(odd), odd=odd)


def _node_of(row: sqlite3.Row, printers: Iterable[PrinterView]) -> NodeView:
    place, seen_at, listed_at, odd = None, None, None, ""
    try:
        place = msgspec.json.decode(row["place"], type=tuple[float, float] | None)
        check_lab(row["attended"], row["utc_offset_min"], row["weekly_h"], place)
        seen_at = None if row["seen_at"] is None else read_moment(row["seen_at"])
        listed_at = when(row["listed_at"])
    except UNREADABLE as error:
        odd, place = str(error), None
    return NodeView(
        id=row["id"],
        lab=row["lab"],
        online=bool(row["online"]),
        paused=bool(row["paused"]),
        seen_at=seen_at,
        place=place,
        attended="00:00-24:00" if odd else row["attended"],
        utc_offset_min=0 if odd else row["utc_offset_min"],
        asks=bool(row["asks"]),
        printers=tuple(_out(each, odd) for each in printers) if odd else tuple(printers),
        paused_until=row["paused_until"],
        weekly_h=0.0 if odd else row["weekly_h"],
        hosted=bool(row["hosted"]),
        listed_at=listed_at,
    )


def odd_printers(db: sqlite3.Connection) -> Mapping[tuple[str, str], str]:
    """Return what is odd in the ledger's words on printers, by node and printer: they get nothing."""
    return {
        (node.id, each.facts.id): each.odd
        for node in fleet(db)
        for each in node.printers
        if each.odd
    }


def listed(db: sqlite3.Connection) -> tuple[NodeView, ...]:
    """Return the labs whose makers let anybody know of them, by their names."""
    rows = db.execute("select id from node where listed_at is not null")
    return fleet(db, [row[0] for row in rows])


def out_of_sight(db: sqlite3.Connection, now: datetime) -> tuple[tuple[NodeView, PrinterView], ...]:
    """Return the printers that print on at labs that fell silent, and may be hot, with their labs."""
    silent = db.execute(
        "select distinct n.id from node n join attempt a on a.node = n.id"
        " where a.state = ? and n.online = 0 and n.seen_at <= ?",
        (AttemptState.PRINTING, (now - SILENT_AFTER).isoformat()),
    ).fetchall()
    return tuple(
        (node, each)
        for node in fleet(db, [row[0] for row in silent])
        for each in node.printers
        if prints_on(node, each, now)
    )


def prints_on(node: NodeView, printer: PrinterView, now: datetime) -> bool:
    """Whether a printer prints on with nobody to see it from here; what people feed, they see."""
    attempt = printer.attempt
    return (
        is_silent(node.seen_at, now, online=node.online)
        and attempt is not None
        and attempt.state is AttemptState.PRINTING
        and printer.facts.link != MANUAL
    )


def node(db: sqlite3.Connection, node_id: str) -> NodeView:
    """Return one node with its printers.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = fleet(db, (node_id,))
    if not found:
        raise NotFoundError("node", node_id)
    return found[0]


def printers(db: sqlite3.Connection) -> Mapping[tuple[str, str], PrinterFacts]:
    """Return the facts of all printers, by node and printer."""
    rows = db.execute("select node, id, facts from printer")
    return MappingProxyType({(r[0], r[1]): read_facts(r[1], r[2])[0] for r in rows})


def yields(db: sqlite3.Connection) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Return the good pieces and the scrap that were counted of each printer, by node and printer."""
    rows = db.execute(
        "select a.node, a.printer, total(h.good), total(h.scrap) from harvest h join attempt a"
        " on a.job_id = h.job_id and a.number = h.number group by a.node, a.printer"
    )
    return MappingProxyType({(r[0], r[1]): (int(r[2]), int(r[3])) for r in rows})


def unheard(db: sqlite3.Connection, node_id: str) -> Config | None:
    """Return what was entered for a lab and its node has not acknowledged; None where all is heard.

    Where a thing was entered twice, the newer word counts.
    """
    rows = db.execute(
        "select body from outbox where peer = ? and type = 'config' order by n", (node_id,)
    ).fetchall()
    whole: Config | None = None
    for row in rows:
        told = msgspec.json.decode(row[0], type=Config)
        whole = told if whole is None else _over(whole, told)
    return whole


def _over(older: Config, newer: Config) -> Config:
    spools = {spool.printer: spool for spool in (*older.loaded, *newer.loaded)}
    return replace(
        older,
        paused=older.paused if newer.paused is None else newer.paused,
        attended=older.attended if newer.attended is None else newer.attended,
        asks=older.asks if newer.asks is None else newer.asks,
        loaded=tuple(spools.values()),
        paused_until=older.paused_until if newer.paused is None else newer.paused_until,
        weekly_h=older.weekly_h if newer.weekly_h is None else newer.weekly_h,
        alone=tuple({each.printer: each for each in (*older.alone, *newer.alone)}.values()),
        out_of_service=tuple(
            {e.printer: e for e in (*older.out_of_service, *newer.out_of_service)}.values()
        ),
        rates=tuple({each.printer: each for each in (*older.rates, *newer.rates)}.values()),
    )


def jobs_before(db: sqlite3.Connection, ref: AttemptRef, node: str) -> tuple[str, ...]:
    """Return the jobs of which a node was offered an attempt before this one."""
    rows = db.execute(
        "select distinct job_id from attempt where node = ?1 and job_id != ?2 and rowid <"
        " (select rowid from attempt where job_id = ?2 and number = ?3)",
        (node, ref.job, ref.number),
    )
    return tuple(row[0] for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class AloneWord:
    """Who said last on a page whether a printer may print while nobody is there, and when."""

    allowed: bool
    by: str  # the person's name
    at: datetime


def alone_words(db: sqlite3.Connection, node_id: str) -> Mapping[str, AloneWord]:
    """Return the last word on each printer of a lab, by its id."""
    rows = db.execute(
        "select w.*, coalesce(p.name, w.by_person) as name from alone_word w"
        " left join person p on p.login = w.by_person where w.node = ? order by w.at",
        (node_id,),
    )
    return {
        r["printer"]: AloneWord(allowed=bool(r["allowed"]), by=r["name"], at=moment(r["at"]))
        for r in rows
    }


def is_answered(db: sqlite3.Connection, ref: AttemptRef) -> bool:
    """Return whether a person has answered this offer on a page; the node may not have heard it."""
    row = db.execute(
        f"select {ANSWERED} from attempt a join job j on j.id = a.job_id"
        " where a.job_id = ? and a.number = ?",
        (ref.job, ref.number),
    ).fetchone()
    return row is not None and bool(row[0])


def given_s(db: sqlite3.Connection, now: datetime) -> Mapping[str, float]:
    """Return the printing of this calendar week that each lab with a weekly ceiling is bound to.

    By node, in seconds: what lies in its week of the plates that were started, and all of those that
    it has and did not start. As its node reckons (`fabnet.node.policy`). Not a number where a time or a
    clock of its own cannot be read.
    """
    live = quoted(LIVE)
    rows = db.execute(
        "select n.id, n.utc_offset_min, a.started_at, coalesce(a.seconds, j.seconds) as seconds"
        " from node n join attempt a on a.node = n.id join job j on j.id = a.job_id"
        f" where n.weekly_h > 0 and (a.started_at > ? or (a.started_at is null and a.state in ({live})))",
        ((now - timedelta(days=14)).isoformat(),),
    )
    found: dict[str, float] = {}
    for row in rows:
        seconds = float(row["seconds"])
        try:
            shift = timedelta(minutes=row["utc_offset_min"])
            if row["started_at"] is not None:
                started = read_moment(row["started_at"])
                seconds = in_week_s(started + shift, seconds, now + shift)
        except UNREADABLE:
            seconds = math.nan
        found[row["id"]] = found.get(row["id"], 0.0) + seconds
    return found


def week_left_s(weekly_h: float, given: float) -> float:
    """Return what is left of a lab's weekly ceiling, in seconds; infinite where it has none."""
    return max(0.0, weekly_h * 3600 - given) if weekly_h else math.inf
