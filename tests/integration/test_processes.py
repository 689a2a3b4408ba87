"""A kit of a printed and a sewn part: each made by who can, counted and delivered by the same laws."""

import re
import shutil
from dataclasses import replace

import pytest

from designs.errors import PatternRefusedError
from designs.library import Library
from fabnet import clock
from jobs import plan_audit
from jobs.coordinator import deliveries, filament, fitting, harvests, lots, orders, planning
from jobs.errors import InvalidFieldError
from jobs.ledger import labs, members, views
from jobs.ledger.books import audit
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, Offer, PrinterChange
from jobs.model import OrderState
from jobs.plausible import check
from printers.model import PrinterFacts, PrinterState, Spool
from tests.doubles.network_of_one import Coordinator
from tests.doubles.waiting import until
from tests.doubles.world import CATALOGUE, PRINTER, a_request

PRINTS, SEWS = "lab-a", "lab-b"
POUCH = CATALOGUE / "door-hook-pouch"


def a_machine(process="SEW", rate_per_h=4.0, **changes):
    facts = PrinterFacts(
        id=PRINTER, title="Sewing machine", preset="", bed_x_mm=0.0, bed_y_mm=0.0, height_mm=0.0,
        margin_mm=0.0, nozzle_mm=0.0, spool=None, link="manual", process=process,
        rate_per_h=rate_per_h,
    )  # fmt: skip
    return replace(facts, **changes)


def add_machine(world, node=SEWS, attended="00:00-24:00", **facts):
    world.add_lab(node)
    told = Capabilities(lab=f"Lab {node}", printers=(a_machine(**facts),), attended=attended)
    world.says(told, node)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True), node)


def placed(world, kits=6):
    kit = world.library.add_design(POUCH)
    order_id = orders.place(world.ledger, a_request(kit, kits), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    return order_id


def lines(world, order_id):
    return {line.part_id: line for line in views.order_view(world.ledger.reading, order_id).lines}


def test_each_part_goes_to_who_makes_it_and_all_is_delivered(world):
    world.add_lab(PRINTS)
    add_machine(world)
    order_id = placed(world, 6)
    view = views.order_view(world.ledger.reading, order_id)
    assert {(row.part_id, row.node): row.pieces for row in view.plan} == {
        ("hook", PRINTS): 6, ("hook", SEWS): 0, ("pouch", PRINTS): 0, ("pouch", SEWS): 6,
    }  # fmt: skip
    why = {(row.part_id, row.node): row.reasons[0] for row in view.plan if not row.pieces}
    assert [(why["hook", SEWS].code, why["hook", SEWS].text)] == [("process", "SEW")]
    assert [(why["pouch", PRINTS].code, why["pouch", PRINTS].text)] == [("process", "3DP")]
    # What is sewn takes no filament.
    assert [use[0] for use in filament.stock(world.ledger, world.now).materials] == ["PETG"]
    assert list(filament.bound_g(world.ledger.reading)) == ["PETG"]
    world.tick()
    offers = [told for told in world.told(SEWS) if isinstance(told, Offer)]
    revision = world.library.revision(view.order.request.revision_id)
    pattern = revision.others[0].pattern_sha256
    # Four an hour: an hour's pieces in one go, and the rest.
    assert sorted(
        (each.pieces, each.seconds, each.grams, each.material, each.plate_sha256)
        for offer in offers
        for each in offer.attempts
    ) == [(2, 1800.0, 0.0, "SEW", pattern), (4, 3600.0, 0.0, "SEW", pattern)]
    for attempt in world.attempts():
        world.print(attempt.ref)
        good = attempt.pieces - (attempt.part_id == "pouch" and attempt.pieces == 4)
        reason = "torn" if good < attempt.pieces else ""
        scrap = attempt.pieces - good
        code = harvests.harvest(world.ledger, attempt.ref, good, scrap, reason, "maker", world.now)
        lots.inspect(world.ledger, code, good, 0, "", "inspector", world.now)
    # The pouch that was torn is made again.
    assert lines(world, order_id)["pouch"].books.deficit == 1
    world.plan()
    world.tick()
    (again,) = [a for a in world.attempts() if a.state is AttemptState.OFFERED]
    assert (again.part_id, again.pieces, again.node) == ("pouch", 1, SEWS)
    world.print(again.ref)
    code = harvests.harvest(world.ledger, again.ref, 1, 0, "", "maker", world.now)
    lots.inspect(world.ledger, code, 1, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    view = views.order_view(world.ledger.reading, order_id)
    assert view.order.state is OrderState.DELIVERED
    assert {line.part_id: line.books.delivered for line in view.lines} == {"hook": 6, "pouch": 6}


@pytest.mark.parametrize("process", ["LAS", "ASM"])
def test_another_process_makes_none_of_it_and_no_half_kits_are_made(world, process):
    world.add_lab(PRINTS)
    add_machine(world, process=process)
    found = lines(world, placed(world, 6))
    assert {reason.code for reason in found["pouch"].reasons} == {"process"}
    assert "kit" in {reason.code for reason in found["hook"].reasons}
    assert {line.books.deficit for line in found.values()} == {6}


def test_hands_are_bound_by_the_hours_that_somebody_is_there(world):
    world.add_lab(PRINTS)
    add_machine(world, attended="08:00-08:30")
    view = views.order_view(world.ledger.reading, placed(world, 2))
    pieces = [a.pieces for a in world.attempts() if a.node == SEWS]
    assert pieces == []
    world.tick()
    # At four an hour one takes 15 minutes; two with their slack are longer than half an hour.
    assert [a.pieces for a in world.attempts() if a.node == SEWS] == [1, 1]
    assert {row.done_at.strftime("%H:%M") for row in view.plan if row.node == SEWS and row.pieces}


def test_a_slow_hand_makes_one_at_a_time_and_many_plates_are_planned_too(world):
    world.add_lab(PRINTS, grams=20_000.0)
    add_machine(world, rate_per_h=0.5)
    order_id = placed(world, 600)
    found = lines(world, order_id)
    assert found["pouch"].books.jobs > 0
    rows = views.order_view(world.ledger.reading, order_id).plan
    sewn = next(row for row in rows if (row.part_id, row.node) == ("pouch", SEWS))
    assert sewn.plates == sewn.pieces


def test_the_audit_finds_a_part_on_a_machine_of_another_process(world):
    world.add_lab(PRINTS)
    add_machine(world)
    kit = world.library.add_design(POUCH)
    order_id = orders.place(world.ledger, a_request(kit, 1), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    facts = planning.snapshot(world.ledger, world.library, world.now)
    plan = planning.make(facts, world.library, world.now).plan
    fits, _ = fitting.fits_of(facts, world.library)
    assert plan_audit.audit(plan, facts.needs, facts.fleet, fits, world.now) == []
    wrong = [
        replace(each, process="LAS") if each.process == "SEW" else each for each in facts.fleet
    ]
    found = plan_audit.audit(plan, facts.needs, wrong, fits, world.now)
    assert {one.rule for one in found} == {"process"}


def test_a_machine_whose_process_changes_gives_its_work_to_others(world):
    world.add_lab(PRINTS)
    add_machine(world)
    order_id = placed(world, 2)
    world.tick()
    world.says(Capabilities(lab="Lab", printers=(a_machine(process="ASM"),)), SEWS)
    world.tick()
    assert lines(world, order_id)["pouch"].books.deficit == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rate_per_h": 0.0}, "rate_per_h"),
        ({"rate_per_h": float("nan")}, "rate_per_h"),
        ({"rate_per_h": 1e9}, "rate_per_h"),
        ({"process": "BUY"}, "process"),
        ({"process": "3DP"}, "bed_x_mm"),
        ({"link": "serial"}, "link"),
        ({"bed_x_mm": 200.0}, "bed_x_mm"),
        ({"spool": Spool(id="s", material="PETG", grams=1.0)}, "spool"),
    ],
)
def test_a_machine_that_cannot_be_is_not_believed(changes, field):
    check(Capabilities(lab="Lab", printers=(a_machine(),)))
    with pytest.raises(InvalidFieldError) as found:
        check(Capabilities(lab="Lab", printers=(a_machine(**changes),)))
    assert found.value.field == field


def test_a_pattern_is_part_of_what_a_revision_is(world, tmp_path):
    folder = tmp_path / "kit"
    folder.mkdir()
    for path in (POUCH).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    first = world.library.add_design(folder)
    assert [part.id for part in first.made] == ["hook", "pouch"]
    assert world.library.add_design(folder) == first
    with (folder / "pouch.svg").open("a") as file:
        file.write("<!-- one more -->")
    other = world.library.add_design(folder)
    assert other.id != first.id
    assert other.parts == first.parts
    (folder / "pouch.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
    with pytest.raises(PatternRefusedError, match="<script>"):
        world.library.add_design(folder)


@pytest.fixture
def coordinator(tmp_path):
    found = Coordinator(tmp_path)
    yield found
    found.stop()


@pytest.mark.skipif(shutil.which("prusa-slicer") is None, reason="needs PrusaSlicer")
def test_a_hosted_sewer_and_a_hosted_printer_make_a_kit(coordinator, tmp_path):
    """A real broker, two real nodes beside it: from the order to the requester's door."""
    coordinator.fabnet("design", "add", str(POUCH))
    for node, kind in (("chez-awa", "generic-250x210"), ("chez-lea", "SEW=4")):
        coordinator.fabnet("node", "create", node, "--lab", node, "--hosted", kind)
        coordinator.fabnet(
            "person", "add", node, "--role", "maker", "--node", node, "--password", "correct horse"
        )
        path = tmp_path / "data" / "hosted" / node / "node.toml"
        text = path.read_text().replace('"08:00-20:00"', '"00:00-24:00"')
        if node == "chez-awa":
            text += 'material = "PETG"\ngrams = 800.0\n'
        path.write_text(text)
    coordinator.start()
    ledger = coordinator.ledger()
    until(lambda: len([n for n in labs.fleet(ledger.reading) if n.printers and n.online]) == 2)
    awa, lea = coordinator.person("chez-awa"), coordinator.person("chez-lea")
    awa.send("/fleet/chez-awa/printer-1/ready", at="/waiting")
    assert "Sewing machine: are you ready?" in lea.get("/waiting").text
    lea.send("/fleet/chez-lea/machine-1/ready", at="/waiting")
    (revision,) = Library(ledger.database, tmp_path / "data" / "files").revisions()
    now = clock.now()
    order_id = orders.place(ledger, a_request(revision, 3, now), revision, now).order_id
    orders.confirm(ledger, order_id, "camille", now)

    def working(node):
        found = views.attempts_of(ledger.reading, order_id)
        return next((a for a in found if (a.node, a.state) == (node, AttemptState.PRINTING)), None)

    sewn = until(lambda: working("chez-lea"))
    assert (sewn.part_id, sewn.pieces, sewn.seconds) == ("pouch", 3, 2700.0)
    page = lea.get(f"/harvest/{sewn.ref}").text
    assert "To be made: Sewing machine" in page
    assert "Print" not in re.sub(r"<[^>]*>", "", page.partition("<main")[2].partition("</main")[0])
    pattern = lea.get(f"/attempts/{sewn.ref}/gcode")
    assert pattern.content == (POUCH / "pouch.svg").read_bytes()
    assert pattern.headers["Content-Type"].startswith("image/svg+xml")
    assert re.search(r"filename=CLOTH-POUCH-3x-\w+-1\.svg", pattern.headers["Content-Disposition"])
    assert awa.get(f"/attempts/{sewn.ref}/gcode").status_code == 403
    for path in ("/fleet", "/labs/chez-lea", "/beds/chez-lea/machine-1", "/waiting"):
        assert lea.get(path).status_code == 200, path
    lea.send(f"/harvest/{sewn.ref}", good="3", scrap="0")
    plate = until(lambda: working("chez-awa"))
    awa.send(f"/harvest/{plate.ref}", good=str(plate.pieces), scrap="0")
    books = {line.part_id: line.books for line in views.order_view(ledger.reading, order_id).lines}
    assert books["pouch"].waiting == 3
    assert books["hook"].waiting == plate.pieces == 3
    for lot in {view.lot for view in views.attempts_of(ledger.reading, order_id) if view.lot}:
        lots.inspect(ledger, lot, 3, 0, "", "camille", clock.now())
    batch = deliveries.pack(ledger, order_id, "camille", clock.now())
    deliveries.dispatch(ledger, batch, "camille", clock.now())
    deliveries.receive(ledger, batch, deliveries.Count(), "requester", clock.now())
    assert views.order(ledger.reading, order_id).state is OrderState.DELIVERED
    assert members.not_members(ledger.reading) == set()
    audit(ledger.reading)
