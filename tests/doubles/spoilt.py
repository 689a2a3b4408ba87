"""A network of which cells are spoilt, and how all its pages and commands are asked."""

import json
import sqlite3
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from fabnet import doctor, reports, what_if
from fabnet.cli import ahead
from fabnet.config import CoordinatorConfig
from jobs.coordinator import (
    depot,
    enrolment,
    first_mile,
    hub,
    lot_photos,
    lots,
    nodes,
    orders,
    reviews,
    upkeep,
)
from jobs.first_mile import Goods
from jobs.hub import Rule, Scope
from jobs.lifecycle import AttemptState
from jobs.messages import Config, ReportState
from jobs.model import Role
from tests.doubles.lots import makes_a_lot
from tests.doubles.story import addresses, calls_back, driven_of, story_of
from tests.doubles.telling import chosen
from tests.doubles.world import NODE, PRINTER, World, a_request
from tests.unit.web.test_photos import a_photo
from web import photos
from web.auth import PERMISSIONS, PUBLIC


def network_in(folder, hashed):
    """Return a network in the midst of its work, with a row in almost every table; `folder` has a fresh world.

    Its laws are not looked at: they are broken on purpose.
    """
    world = World(folder, checked=False)
    driven_of(story_of(world, hashed))
    world.recall = calls_back(world)
    ledger, now = world.ledger, world.now
    hub.set_rule(ledger, Rule(scope=Scope.MATERIAL, value="PETG", hold_h=72), "steward", now)
    hub.set_rule(ledger, Rule(scope=Scope.ALL, second=True), "steward", now)
    hub.count_stock(ledger, "Elastic, 20 mm wide, 40 cm", 25, "inspector", now)
    upkeep.note(ledger, NODE, PRINTER, "nozzle", None, "maker", now)
    nodes.configure(ledger, NODE, Config(weekly_h=40.0), "maker", now)
    depot.count(ledger, "PETG", 12_000, "steward", now)
    depot.send(ledger, "s1", NODE, "PETG", 900, now.date(), "steward", now)
    world.invited = enrolment.invite(ledger, "Atelier Sud", "steward", now)
    reviews.choose_profile(ledger, world.revision, "fr-anti-projection-2020-05", "Camille", now)
    reviews.accept(
        ledger, world.revision.id, body="CHU", use="visor", document="x.pdf",
        document_sha256="0" * 64, until=now.date(), by="steward", now=now,
    )  # fmt: skip
    world.order(12)
    aside, there = (makes_a_lot(world) for _ in range(2))
    for code in (aside, there):
        first_mile.arrive(ledger, code, "inspector", now - timedelta(days=4))
        first_mile.count_in(ledger, code, 2, "", "inspector", now)
    lots.rework(ledger, aside, 1, "strings-left", "inspector", now)
    lots.inspect(ledger, there, 2, 0, "", "inspector", now)
    lot_photos.add(ledger, there, [photos.clean(a_photo())], "inspector", now)
    waits = first_mile.announce(
        ledger, NODE, [makes_a_lot(world)], now, "12 rue des Lilas", "maker", now
    )
    first_mile.add_goods(ledger, waits, Goods(text="Foil", quantity=40), "steward", now)
    world.plan()
    world.tick()
    one, two, *_ = [a.ref for a in world.attempts() if a.state is AttemptState.OFFERED]
    world.print(one)
    world.take(two)
    world.ready(two)
    world.report(two, ReportState.PRINTING)
    chosen(world, "maker", address="awa@example.org")
    world.refs = [one, two]
    world.aside, world.printed = aside, one
    world.asked = orders.place(ledger, a_request(world.revision, 3), world.revision, now).order_id
    world.ledger.reading.execute("pragma foreign_keys = off")
    return world


@contextmanager
def spoilt(db, table, column, value):
    """Break a whole column."""
    kept = db.execute(f"select {column}, rowid from {table} where {column} is not null").fetchall()
    try:
        # Where the table refuses it, nothing is spoilt.
        db.execute(
            f"update or ignore {table} set {column} = ? where {column} is not null", (value,)
        )
        yield
    finally:
        db.executemany(f"update {table} set {column} = ? where rowid = ?", map(tuple, kept))


def reads(db, ask):
    """Return what of the ledger is read to answer, by table and column, with the answer."""
    found = set()

    def note(deed, table, column, *_):
        if deed == sqlite3.SQLITE_READ:
            found.add((table, column))
        return sqlite3.SQLITE_OK

    db.set_authorizer(note)
    try:
        return found, ask()
    finally:
        db.set_authorizer(None)


#: Of a column that more than so many read every second is asked: they read its row the same way.
MANY = 20


def some(asks, number):
    """Return which of those that read a column are asked; of the next column by number, the others."""
    return asks if len(asks) <= MANY else asks[number % 2 :: 2]


class Page(NamedTuple):
    status: int
    has_words: bool


def page(person, path):
    with person.get(path) as answer:
        return Page(answer.status_code, bool(answer.get_data()))


def answers(network):
    """Return what is read for each page and command that answers, its answer, and how it is asked; by name."""
    found = {}
    for name, ask in (*pages(network), *commands(network)):
        known, answer = reads(network.ledger.reading, ask)
        if not isinstance(answer, Page) or answer.status == 200:
            found[name] = (known, answer, ask)
    return found


def pages(network):
    """Yield how every page is asked for by somebody who may, by its address."""
    people = {who: network.site.person(who) for who in ("steward", "maker")}
    for rule in network.site.app.url_map.iter_rules():
        # A stream sends numbers of versions, and does not end.
        if "GET" not in rule.methods or rule.endpoint.endswith(("live", "static")):
            continue
        may = PERMISSIONS[rule.endpoint]
        who = people["steward" if may == PUBLIC or Role.STEWARD in may else "maker"]
        for path in addresses(network, rule, network.recall):
            yield path, partial(page, who, path)
    for path in ("/waiting", "/my-lab", "/leave"):
        yield f"{path} of a maker", partial(page, people["maker"], path)


def commands(network):
    """Yield what commands say of the ledger, by their name."""
    ledger, library = network.ledger, network.library

    def plan(order):
        report = reports.plan_report(ledger, library, order)
        return json.dumps(report, allow_nan=False), [*ahead.plan_lines(report, explain=True)]

    def stock():
        report = what_if.stock_report(ledger, {})
        return json.dumps(report, allow_nan=False), [*ahead.stock_lines(report)]

    yield "plan", partial(plan, network.open)
    yield "plan of what is delivered", partial(plan, network.done)
    yield "stock", stock
    yield "lot trace", lambda: json.dumps(reports.lot_trace(ledger, library, network.code))
    config = CoordinatorConfig(data_dir=str(ledger.path.parent))
    yield "doctor", lambda: [*doctor.plans(config)]
