"""Printing from a card, and who may do what on the pages of a lab."""

import re
from dataclasses import replace

import pytest

from jobs.coordinator import harvests, nodes
from jobs.coordinator.people import add_person
from jobs.ledger import history, labs
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Capabilities,
    PrinterChange,
)
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.pages import PEOPLE, Site, offered, sections
from tests.doubles.world import NODE, PRINTER, some_facts

A, B = NODE, "lab-b"
ALONE = "printers/p1/alone"  # which the lab's maker alone may say
FORM = {
    "pause": {"paused": "yes"},
    "asks": {"asks": "yes"},
    "hours": {"mode": "always"},
    "ceiling": {"weekly_h": "20"},
    ALONE: {"allowed": "no"},
    "printers/p1/spool": {"material": "PLA", "grams": "500"},
}


def by_hand(site):
    """A plate that a person prints from an SD card."""
    world = site.world
    world.add_lab(link="manual")
    return world.printing()


# --- printing by hand


class Desk:
    """Has one file."""

    def __init__(self, path):
        self.path = path

    def ask(self, _request):
        return None

    def gcode_of(self, name):
        return self.path if name == "k" and self.path.exists() else None


@pytest.fixture
def card(world, hashed, tmp_path):
    """A site that has sliced the plate; the file of its G-code."""
    path = tmp_path / "slice.gcode"
    path.write_text("G28\n")
    return Site(world, hashed, Desk(path)), path


def test_what_is_on_a_printer_that_was_taken_off_the_list_is_counted_on_its_page(card):
    site, _ = card
    ref, maker = by_hand(site), site.person("maker")
    site.world.says(Capabilities(lab="Lab A", printers=()))
    assert f"/harvest/{ref}" in maker.get("/waiting").text
    page = maker.get(f"/harvest/{ref}?lang=en")
    assert page.status_code == 200
    assert 'name="good"' in page.text


def test_a_plate_is_printed_from_a_card_and_counted(card):
    site, path = card
    world, ref, maker = site.world, by_hand(site), site.person("maker")
    assert f"/harvest/{ref}" in maker.get("/waiting").text
    page = maker.get(f"/harvest/{ref}?lang=en").text
    assert "Download the file" in page
    name = f"VISOR-FRAME-2x-{ref.job[-4:].upper()}-{ref.number}.gcode"
    assert f'<p class="card-name code">{name}</p>' in page
    assert "Checked for Generic printer, bed 250 x 210 mm" in page
    with maker.get(f"/attempts/{ref}/gcode") as file:
        assert file.data == path.read_bytes()
        assert f"filename={name}" in file.headers["Content-Disposition"]
    maker.send(f"/harvest/{ref}", good="2", scrap="0")
    assert world.state(ref) is AttemptState.HARVESTED
    assert "The next file comes" in maker.get(f"/harvest/{ref}?lang=en").text
    over = maker.get(f"/attempts/{ref}/gcode")
    assert over.status_code == 409


def test_a_file_that_is_not_there_yet_is_said_to_be_so(card, world, hashed):
    site, path = card
    ref, maker = by_hand(site), site.person("maker")
    path.unlink()
    page = maker.get(f"/harvest/{ref}?lang=en")
    assert page.status_code == 200
    assert "not sliced yet" in page.text
    answer = maker.get(f"/attempts/{ref}/gcode?lang=en")
    assert answer.status_code == 404
    assert "not sliced yet" in answer.text


def test_a_site_that_does_not_slice_says_so_too(site):
    ref = by_hand(site)
    assert "not sliced yet" in site.person("maker").get(f"/harvest/{ref}?lang=en").text


def test_no_file_is_given_for_a_printer_that_has_a_cable(site):
    world = site.world
    world.add_lab()
    ref = world.printing()
    maker = site.person("maker")
    assert maker.get(f"/attempts/{ref}/gcode").status_code == 409
    assert maker.get("/attempts/x-a1/gcode").status_code == 404


def test_who_prints_by_hand_is_ready_rather_than_her_bed_clear(site):
    world = site.world
    world.add_lab(link="manual")
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    maker = site.person("maker")
    for path in ("/waiting?lang=en", "/fleet?lang=en"):
        page = maker.get(path).text
        assert "I am ready for a plate" in page
        assert "The bed is clear" not in page


# --- who may


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/labs/lab-a", {"maker", "steward"}),
        ("/offers/{offer}", {"maker", "steward"}),
        ("/attempts/{ref}/gcode", {"maker", "steward"}),
    ],
)
def test_pages_of_a_lab_open_for_their_roles_only(card, path, allowed):
    site, _ = card
    world = site.world
    ref = by_hand(site)
    world.order(2)
    world.plan()
    world.tick()
    path = path.format(ref=ref, offer=world.first(AttemptState.OFFERED))
    for login in PEOPLE:
        with site.person(login).get(path) as answer:
            assert answer.status_code == (200 if login in allowed else 403), login
    assert site.person().get(path).status_code == 303


def test_only_makers_have_a_lab_of_their_own(site):
    site.world.add_lab()
    codes = {login: site.person(login).get("/my-lab").status_code for login in PEOPLE}
    assert codes == {"maker": 303, "inspector": 403, "steward": 403}


@pytest.mark.parametrize("deed", FORM)
def test_deeds_in_a_lab_are_for_its_maker_and_the_steward(site, hashed, deed):
    world = site.world
    world.add_lab(A)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, B, world.now)
    path = f"/labs/{A}/{deed}"
    before = history.last_event(world.ledger.reading)
    assert site.person("inspector").send(path, at="/waiting", **FORM[deed]).status_code == 403
    assert site.person("other").send(path, at="/waiting", **FORM[deed]).status_code == 403
    assert site.person().send(path, at="/sign-in", **FORM[deed]).status_code == 303
    assert history.last_event(world.ledger.reading) == before
    for login, answer in (("maker", 303), ("steward", 403 if deed == ALONE else 303)):
        assert site.person(login).send(path, at="/waiting", **FORM[deed]).status_code == answer
    assert history.last_event(world.ledger.reading) == before + (1 if deed == ALONE else 2)


def test_another_labs_maker_sees_and_answers_nothing(site, hashed):
    world, ref = site.world, offered(site)
    world.add_lab(B)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, B, world.now)
    person = site.person("other")
    for path in (f"/labs/{A}", f"/labs/{A}/live", f"/offers/{ref}", f"/attempts/{ref}/gcode"):
        assert person.get(path).status_code == 403, path
    assert person.send(f"/offers/{ref}", at="/waiting", taken="yes").status_code == 403
    assert str(ref) not in person.get("/waiting").text
    assert world.state(ref) is AttemptState.OFFERED


def test_there_is_no_page_of_a_lab_that_there_is_not(site):
    person = site.person("steward")
    for path in ("/labs/nowhere", "/labs/nowhere/live"):
        assert person.get(path).status_code == 404
    assert person.send("/labs/nowhere/pause", at="/waiting", paused="yes").status_code == 404


def test_words_of_a_node_are_escaped(site):
    world = site.world
    world.add_lab()
    facts = some_facts()
    world.says(Capabilities(lab="<script>x</script>", printers=(facts,)))
    world.says(
        PrinterChange(printer=PRINTER, state=PrinterState.FAULT, clear=False, fault="<img src=x>")
    )
    for path in ("/fleet", f"/labs/{A}", "/waiting"):
        page = site.person("steward").get(path).text
        assert "<script>x" not in page
        assert "<img src=x>" not in page


def test_a_maker_without_a_spool_reads_where_to_load_one(site):
    site.world.add_lab(A)
    maker = site.person("maker")
    assert "Nothing waits for you." in sections(maker.get("/waiting?lang=en").text)
    facts = replace(some_facts(), spool=None)
    site.world.says(Capabilities(lab="Lab", printers=(facts,)), A)
    page = maker.get("/waiting?lang=en").text
    assert "Nothing waits for you." not in page
    assert "No spool is loaded on Printer" in page
    assert 'href="/my-lab#spool-p1"' in page
    assert "Aucune bobine" in maker.get("/waiting?lang=fr").text


def test_a_maker_outside_her_hours_reads_when_they_begin(site):
    # The world's noon is 12 h in UTC, 13 h in the zone of the pages.
    site.world.add_lab(A, attended="18:00-22:00")
    text = sections(site.person("maker").get("/waiting?lang=en").text)
    hint = "Your hours begin Tuesday 24 November, 19:00: until then no plate is started."
    assert hint in text
    assert "Nothing waits for you." not in text
    # What is to be done stands above what only time ends.
    site.world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), A)
    text = sections(site.person("maker").get("/waiting?lang=en").text)
    assert text.index("Do this first") < text.index(hint)


def test_a_steward_reads_of_pieces_without_a_place_and_no_such_order_is_being_made(site):
    world = site.world
    world.add_lab(A, grams=3)
    order_id = world.order(4)
    world.plan()
    steward = site.person("steward")
    page = steward.get("/waiting?lang=en").text
    assert "4 pieces have no place yet" in sections(page)
    assert f'href="/orders/{order_id}#plan"' in page
    for path in ("/orders?lang=en", f"/orders/{order_id}?lang=en"):
        text = sections(steward.get(path).text)
        assert "confirmed, no place yet" in text
        assert "being made" not in text


def test_the_count_says_where_the_bag_goes_and_the_plan_that_it_is_counted(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    steward = site.person("steward")
    assert "last one expected" in steward.get(f"/orders/{order_id}?lang=en").text
    world.print(ref)
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    text = sections(site.person("maker").get(f"/harvest/{ref}?lang=en").text)
    assert "Where it goes next: to the hub of Test network" in text
    page = steward.get(f"/orders/{order_id}?lang=en").text
    assert "last one expected" not in page
    assert "all of it is counted" in page


def test_only_materials_that_a_design_may_be_made_of_are_offered(site):
    site.world.add_lab(A)
    page = site.person("maker").get(f"/labs/{A}?lang=en").text
    assert set(re.findall(r'<option value="(\w+)"', page)) == {"PETG", "PLA"}
    site.world.can(A, material="ABS")
    page = site.person("maker").get(f"/labs/{A}?lang=en").text
    assert "ABS" in re.findall(r'<option value="(\w+)"', page)


def test_many_workshops_come_in_pages(site):
    world = site.world
    for number in range(101):
        nodes.enrol(world.ledger, f"lab-{number:03d}", f"Lab {number:03d}", "", world.now)
    person = site.person("steward")
    first, second = person.get("/fleet").text, person.get("/fleet/page/2").text
    assert "Lab 099" in first
    assert "Lab 100" not in first
    assert "/fleet/page/2" in first
    assert "Lab 100" in second
    assert "Lab 099" not in second
    assert person.get("/fleet/page/3").status_code == 404
    assert [node.id for node in labs.fleet(world.ledger.reading, ("lab-100", "lab-007"))] == [
        "lab-007",
        "lab-100",
    ]


def test_whether_an_offer_was_answered_is_looked_up_and_not_searched_for(world):
    plan = world.ledger.reading.execute(
        f"explain query plan select 1 from attempt a where {labs.ANSWERED}"
    )
    assert any("event_answer" in row["detail"] for row in plan)
