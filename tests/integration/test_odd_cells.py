"""A cell of the ledger, or a file, that cannot be read costs what it is about; all else is planned.

Cells are broken by a connection of their own, as a bad block of a disk or a hand would: no use case
and no message lets such a thing in.
"""

import json

import pytest

from fabnet import doctor
from fabnet.config import load_coordinator
from jobs.coordinator import claims, offers, orders, telling
from jobs.ledger import labs, views
from jobs.lifecycle import AttemptState
from jobs.model import OrderState, Priority, ReasonCode
from jobs.notice_kinds import Kind
from tests.doubles import commands
from tests.doubles.pages import sections
from tests.doubles.planner_turns import Turns
from tests.doubles.telling import CAMILLE, HEAD, PARIS
from tests.doubles.world import CATALOGUE, NODE, PRINTER
from web.letters import Reader, letter

OTHER = "lab-b"
QUARTER_S = 15 * 60.0

SET, OF_IT = "update revision set body = json_set(body,", "where id = :revision"
#: What is broken of an order, and of the design that it alone asks for.
OF_ORDER = {
    "due": "update orders set due = 'soon' where id = :order",
    "due-never": "update orders set due = '9999-12-31' where id = :order",
    "due-long-ago": "update orders set due = '0001-01-01' where id = :order",
    "priority": "update orders set priority = 'x' where id = :order",
    "release": "update orders set release = 'x' where id = :order",
    "release-never": "update orders set release = '9999-12-31' where id = :order",
    "design": "update revision set body = '{' where id = :revision",
    "design-deep": "update revision set body = printf('%.*c', 5000, '[') where id = :revision",
    "no-design": "delete from revision where id = :revision",
    "material": f"{SET} '$.parts[0].materials', json('[\"?\"]')) {OF_IT}",
    "no-material": f"{SET} '$.parts[0].materials', json('[]')) {OF_IT}",
    "per-kit": f"{SET} '$.parts[0].per_kit', 0) {OF_IT}",
    "volume": f"{SET} '$.parts[0].facts.volume_mm3', 0) {OF_IT}",
    "pieces": "update line set pieces = 1 << 60, deficit = 1 << 60 where order_id = :order",
}
#: What is broken of a printer or its lab, where it has a plate and one to come.
OF_PRINTER = {
    "facts": "update printer set facts = '{' where node = :node",
    "facts-empty": "update printer set facts = '' where node = :node",
    "facts-null": "update printer set facts = 'null' where node = :node",
    "facts-other": "update printer set facts = json_set(facts, '$.id', 'p9') where node = :node",
    "bed": "update printer set facts = json_set(facts, '$.bed_x_mm', -5) where node = :node",
    "bed-huge": "update printer set facts = json_set(facts, '$.bed_x_mm', 1e300) where node = :node",
    "height": "update printer set facts = json_set(facts, '$.height_mm', null) where node = :node",
    "spool": "update printer set facts = json_set(facts, '$.spool.grams', -1) where node = :node",
    "spool-huge": "update printer set facts = json_set(facts, '$.spool.grams', 1e300) where node = :node",
    "process": "update printer set facts = json_set(facts, '$.process', '?') where node = :node",
    "no-rate": "update printer set facts = json_set(facts, '$.process', 'SEW') where node = :node",
    "state": "update printer set state = '?' where node = :node",
    "hours": "update node set attended = 'always' where id = :node",
    "clock": "update node set utc_offset_min = 1 << 60 where id = :node",
    "ceiling": "update node set weekly_h = -1 where id = :node",
    "ceiling-huge": "update node set weekly_h = 9e999 where id = :node",
    "place": "update node set place = '{' where id = :node",
    "place-far": "update node set place = '[1e300, 0]' where id = :node",
    "seen": "update node set seen_at = '?' where id = :node",
    "plate": "update job set seconds = 9e999 where node = :node",
    "plate-negative": "update job set seconds = -1 where node = :node",
    "grams": "update job set grams = 9e999 where node = :node",
    "week": "update node set weekly_h = 40 where id = :node;"
    " update attempt set started_at = '?' where node = :node",
    "pace": "update attempt set took_s = 9000, seconds = 9000, ended_at = '?' where node = :node",
}
#: What is said again by itself.
OF_NOBODY = {
    "fit": "insert into coefficients values ('generic-250x210', '{', 1, 1, 1, '?')",
    "nest": "update nest set layout = '{'",
    "shadow": "update footprint set wkb = x'00'; delete from nest",
    "figure": "update figure set seconds = 9e999",
    "figure-grams": "update figure set grams = 9e999",
    "figure-least": "update figure set seconds = 5e-324",
    "why": "update line set reasons = '{'",
    "rows": "update plan_row set reasons = '{'",
}


@pytest.fixture
def turns(world):
    world.add_lab(NODE)
    return Turns(world)


_OFFERED = "select node, job_id, number from attempt where node != ? and state = 'offered'"


def deficit(world, order):
    rows = world.ledger.reading.execute("select deficit from line where order_id = ?", (order,))
    return sum(row[0] for row in rows)


def break_cells(world, script, **names):
    for statement in script.split(";"):
        used = {name: value for name, value in names.items() if f":{name}" in statement}
        world.ledger.reading.execute(statement, used)


def lines_of(caplog):
    return [r for r in caplog.records if r.name == "fabnet.planner"]


def ordered(world, name, kits=4):
    visor, world.revision = world.revision, world.library.add_design(CATALOGUE / name)
    try:
        return world.order(kits), world.revision
    finally:
        world.revision = visor


def reasons(world, order):
    view = views.order_view(world.ledger.reading, order)
    assert view.order.state is OrderState.CONFIRMED
    return {(each.code, each.text) for line in view.lines for each in line.reasons}


def a_design(world, name):
    """Keep the same design once more, for an order of its own."""
    with world.ledger.transaction() as db:
        db.execute(
            "insert into revision select ?1, design, json_set(body, '$.id', ?1) from revision where id = ?2",
            (name, world.revision.id),
        )
    return world.library.revision(name)


def test_orders_of_which_something_cannot_be_read_wait_and_no_other(world, turns, caplog):
    visor, bad = world.revision, {}
    for name in OF_ORDER:
        world.revision = a_design(world, f"design-{name}")
        bad[name] = world.order(4)
        world.revision = visor
    good = world.order(4)
    for name, broken in OF_ORDER.items():
        break_cells(world, broken, order=bad[name], revision=f"design-{name}")
    for _ in range(3):
        turns.after()
    assert world.books(good).jobs == 4
    lines = "select order_id, pieces, deficit, reasons from line where order_id != ?"
    for order, pieces, left, reasons in world.ledger.reading.execute(lines, (good,)):
        assert pieces == left, order
        assert '"code":"unsound"' in reasons, order
    assert world.ledger.reading.execute("select count(*) from job").fetchone()[0] == 2
    said = [line.getMessage() for line in lines_of(caplog)]
    assert not any(good in line for line in said)
    assert {name for name, order in bad.items() if any(order in line for line in said)} == {*bad}
    assert len(said) <= len(bad)


def test_printers_of_which_something_cannot_be_get_nothing_and_are_named(world, turns, caplog):
    for name in OF_PRINTER:
        world.add_lab(name)
    before = world.order(8 * len(OF_PRINTER))
    turns.after()
    world.tick()
    offered = world.ledger.reading.execute(_OFFERED, (NODE,)).fetchall()
    assert {row[0] for row in offered} >= {*OF_PRINTER}
    for name, broken in OF_PRINTER.items():
        break_cells(world, broken, node=name)
    order = world.order(4)
    for _ in range(3):
        turns.after(20.0)
    made = world.ledger.reading.execute(
        "select node, sum(pieces) from job where order_id = ? and state = 'open' group by 1",
        (order,),
    ).fetchall()
    assert [tuple(row) for row in made] == [(NODE, 4)]
    assert deficit(world, before) == 0
    said = [line.getMessage() for line in lines_of(caplog)]
    assert sorted(line.partition(" gets nothing: ")[0] for line in said) == sorted(
        f"printer p1 of {name}" for name in OF_PRINTER
    )
    told = world.ledger.reading.execute(
        'select node from plan_row where order_id = ? and reasons like \'%"code":"odd"%\'', (order,)
    ).fetchall()
    assert {row[0] for row in told} == {*OF_PRINTER}
    world.tick()  # and what is offered goes on, too
    now = world.ledger.reading.execute(_OFFERED, (NODE,)).fetchall()
    assert {tuple(row) for row in now} <= {tuple(row) for row in offered}


@pytest.mark.parametrize("broken", OF_NOBODY.values(), ids=OF_NOBODY.keys())
def test_what_can_be_reckoned_again_keeps_nobody(world, turns, broken, caplog):
    world.order(4)
    turns.after()
    world.tick()
    world.print(world.first(AttemptState.OFFERED))  # its slicer's figures are kept
    break_cells(world, broken)
    order = world.order(4)
    turns.after(20.0)
    assert world.books(order).jobs == 4
    assert lines_of(caplog) == []


def test_a_printer_is_planned_again_when_its_node_says_anew_what_it_is(world, turns):
    world.can(NODE, grams=0.0)
    world.add_lab(OTHER)
    break_cells(world, OF_PRINTER["facts"], node=OTHER)
    order = world.order(4)
    turns.after()
    assert world.books(order).deficit == 4
    world.can(OTHER)
    turns.after()
    assert (world.books(order).jobs, world.books(order).deficit) == (4, 0)
    assert labs.odd_printers(world.ledger.reading) == {}


@pytest.mark.parametrize("lost", ["mesh", "garbled", "folder", "plate"])
def test_a_file_that_is_lost_or_cannot_be_written_costs_its_order_alone(world, turns, lost, caplog):
    first, revision = ordered(world, "ear-saver")
    turns.after()
    bad, _ = ordered(world, "ear-saver")
    good = world.order(4)
    mesh = world.library.file(revision.parts[0].source_sha256)
    if lost == "mesh":
        mesh.unlink()
    elif lost == "garbled":
        mesh.write_bytes(b"solid of nothing")
        world.library.file(plate_of(world, first)).unlink()
    else:
        # The plate's file cannot lie where it belongs.
        sha256 = plate_of(world, first)
        place = world.library.folder / sha256[:2]
        if lost == "folder":
            (place / sha256).unlink()
            place.rmdir()
            place.write_text("no folder")
        else:
            (place / sha256).unlink()
            (place / sha256).mkdir()
            (place / sha256 / "in-the-way").write_text("x")
    turns.after()
    turns.after(QUARTER_S)
    assert (world.books(good).jobs, world.books(good).deficit) == (4, 0)
    assert (world.books(bad).jobs, world.books(bad).deficit) == (0, 4)
    assert {code for code, _ in reasons(world, bad)} == {ReasonCode.UNSOUND}
    (line,) = lines_of(caplog)
    assert bad in line.getMessage()
    assert history(world, bad) == 1


def plate_of(world, order):
    rows = world.ledger.reading.execute("select plate_sha256 from job where order_id = ?", (order,))
    return rows.fetchone()[0]


def history(world, order):
    events = views.order_view(world.ledger.reading, order).events
    return sum(event.kind == "left-out" for event in events)


def test_pages_commands_and_the_doctor_name_what_is_left_out(site, turns, tmp_path):
    world = site.world
    world.add_lab(OTHER)
    bad, revision = ordered(world, "ear-saver")
    good = world.order(4)
    break_cells(world, OF_PRINTER["facts"], node=OTHER)
    world.library.file(revision.parts[0].source_sha256).unlink()
    turns.after()
    person = site.person("steward")
    text = sections(person.get(f"/orders/{bad}?lang=en").text)
    assert "What was wrong: something of it in the ledger or the library is lost" in text
    fleet = sections(person.get("/fleet?lang=en").text)
    assert "what the ledger has of it cannot be used" in fleet
    assert "en sait est inutilisable" in sections(person.get("/fleet?lang=fr").text)
    plan = sections(person.get(f"/orders/{good}?lang=en").text)
    assert "what the ledger has of it cannot be used" in plan
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")
    told = commands.fabnet("plan", good, "--config", str(config), "--explain").stdout
    assert "what the ledger has of it cannot be used" in told
    found = [each for each in doctor.look(load_coordinator(config)) if each.check == "plans"]
    assert [each.ok for each in found] == [False, False]
    assert f"order {bad}" in found[0].words
    assert f"{OTHER}/p1" in found[1].words


def test_a_lease_of_which_something_cannot_be_read_holds_up_no_other(world, caplog):
    for node in (NODE, OTHER):
        world.add_lab(node)
    world.order(8)
    world.plan()
    world.tick()
    lost, odd, *rest = [each.ref for each in world.attempts()]
    assert rest
    db = world.ledger.reading
    db.execute("update attempt set granted_at = '?' where job_id = ?", (odd.job,))
    db.execute("pragma foreign_keys = off")
    db.execute("update attempt set job_id = 'gone' where job_id = ?", (lost.job,))
    world.pass_time(hours=3)
    with world.ledger.transaction() as writing:
        assert offers.lapse(writing, world.now) == len(rest) + 1
    assert {world.state(ref) for ref in (odd, *rest)} == {AttemptState.LAPSED}
    (told,) = [each.getMessage() for each in caplog.records if each.name == "jobs.ledger.rows"]
    assert told.startswith(f"gone-a{lost.number} is left as it is")


@pytest.mark.parametrize("cell", ["created_at = '?'", "seconds = 9e999", "grams = -1"])
def test_a_maker_gets_another_plate_than_the_one_that_cannot_be_read(world, cell):
    world.add_lab(OTHER)
    world.order(40)
    world.plan()
    world.tick()
    world.add_lab(NODE, link="manual")
    free = (
        "select rowid from job where not exists (select 1 from attempt a where a.job_id = job.id)"
    )
    db = world.ledger.reading
    first = db.execute(f"{free} order by rowid").fetchone()[0]
    db.execute(f"update job set {cell} where rowid = ?", (first,))
    assert claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert db.execute("select state from job where rowid = ?", (first,)).fetchone()[0] == "open"


def test_an_urgent_order_comes_before_the_others_though_one_has_no_priority_that_can_be_read(world):
    world.add_lab(NODE)
    ours, odd = world.order(40), world.order(4)
    world.plan()
    urgent = world.order(4)
    orders.set_priority(world.ledger, urgent, Priority.URGENT, "steward", world.now)
    world.ledger.reading.execute("update orders set priority = '?' where id = ?", (odd,))
    assert claims.resplit(world.ledger, world.now, urgent)
    assert world.books(ours).deficit


def test_stewards_read_of_which_printer_nothing_can_be_used_and_of_which_lab(world, people):
    world.add_lab(NODE)
    world.add_lab(OTHER)
    letters = "select facts from notice where kind = 'team' and login = 'camille'"
    telling.tell(world.ledger, world.now, PARIS)
    assert world.ledger.reading.execute(letters).fetchall() == []
    break_cells(world, OF_PRINTER["spool-huge"], node=OTHER)
    for _ in range(2):
        telling.tell(world.ledger, world.now, PARIS)
    ((facts,),) = world.ledger.reading.execute(letters).fetchall()
    told = letter(Kind.TEAM, json.loads(facts), "en", Reader(to=CAMILLE), HEAD).text
    assert "until their nodes are started again: Printer (Lab lab-b)." in told.replace(
        PRINTER, "Printer"
    )
    assert "redémarré" in letter(Kind.TEAM, json.loads(facts), "fr", Reader(to=CAMILLE), HEAD).text
