"""Pages of a network of labs: who makes what and why, beds, and what waits."""

import math
import re
from dataclasses import replace
from datetime import date

from jobs.coordinator import filament, harvests, orders
from jobs.lifecycle import AttemptState
from jobs.messages import (
    PrinterChange,
    PrinterTele,
    ReportState,
    Telemetry,
)
from printers.model import PrinterState
from tests.doubles.many_labs import add_many_labs, add_orders
from tests.doubles.pages import Site, answered, sections
from tests.doubles.world import NODE, PRINTER, a_request, some_facts
from web.beds import outlines

A, B, C = NODE, "lab-b", "lab-c"


# --- the plan


def test_the_steward_reads_why_each_lab_got_what_it_got(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B, material="ABS")
    world.add_lab(C, attended="12:00-12:30")
    world.add_lab("lab-d", grams=3)
    world.add_lab("lab-e", paused=True)
    world.add_lab("lab-f")
    world.is_there("lab-f", online=False)
    order_id = world.order(2)
    world.plan()
    text = sections(site.person("steward").get(f"/orders/{order_id}?lang=en").text)
    assert "2 of 2 pieces have a place. The last one is expected on Tuesday 24 November" in text
    assert re.search(
        r"\d\. No plan could have had it before Tuesday 24 November, [\d:]+\. With", text
    )
    assert "nine times out of ten by Tuesday 24 November" in text
    assert "The books, in pieces ordered 2 planned 2 The plan" in text  # what is zero is not shown
    makes = re.search(
        r"Lab lab-a 2 pieces until Tue 24 Nov [\d:]+ Printer 2 × Frame · 1 plate", text
    )
    nothing = text.index("Got nothing, because")
    assert makes.start() < nothing
    for words in (
        "1 printer – another material is loaded ABS is loaded; PETG or PLA is asked for Lab lab-b, Printer",
        "1 printer – has paused Lab lab-e, Printer",
        "1 printer – not connected Lab lab-f, Printer",
    ):
        assert words in text[nothing:], words
    assert re.search(r"needs [\d.]+ g of PETG, 3 g left Lab lab-d, Printer", text[nothing:])
    assert re.search(
        r"needs [\d.]+ h with somebody there, the longest stretch is 0.5 h Lab lab-c, Printer",
        text[nothing:],
    )


def test_the_lab_that_would_be_later_reads_when(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    first = world.order(40)
    world.plan()
    order_id = world.order(2)
    world.plan()
    person = site.person("steward")
    text = sections(person.get(f"/orders/{order_id}?lang=en").text)
    assert re.search(
        r"1 printer – other printers are done sooner, or lie nearer (with all else that it makes it )?"
        r"would be done in [\d.]+ h",
        text,
    )
    assert "Got nothing" not in sections(person.get(f"/orders/{first}?lang=en").text)


def test_pieces_without_a_place_and_late_ones_are_said_on_top(site):
    world = site.world
    world.add_lab(A, grams=40)
    world.add_lab(B, grams=1)
    request = a_request(world.revision, 8, due=date(2026, 11, 24))
    placed = orders.place(world.ledger, request, world.revision, world.now)
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    world.plan()
    text = sections(site.person("steward").get(f"/orders/{placed.order_id}?lang=en").text)
    assert "2 of 8 pieces have a place." in text
    assert "2 pieces are expected too late for the day." in text
    assert "6 pieces have no place yet: too little filament" in text
    grams = re.search(r"PETG or PLA: (\d+) g short by Monday 23 November", text)[1]
    assert 6 * 10 < int(grams) < 6 * 25
    assert "2 late" in text


def test_a_plan_of_many_labs_is_short_and_finds_each_by_its_name(site):
    world = site.world
    add_many_labs(world, 120)
    (order_id,) = add_orders(world, 1, 100)
    world.plan()
    steward, path = site.person("steward"), f"/orders/{order_id}?lang=en"
    page = steward.get(path).text
    assert len(page) < 200_000  # it grows no more from some hundred labs that work on it
    text = sections(page)
    assert re.search(
        r"Strap clip 200 of 200 have a place last one expected .* · nine times out of", text
    )
    assert re.search(r"\d+ more workshops · \d+ pieces", text)
    bars = re.findall(r'class="rail-work[^"]*" width="([\d.]+)%"', page)
    assert 10 < len(bars) <= 100
    assert all(0 < float(bar) <= 100 for bar in bars)
    # One line for all of whom the same is to be said, and not all of their names.
    why = re.search(r"(\d+) printers – no spool is loaded", text)
    assert int(why[1]) > 10
    assert re.search(r"and \d+ more", text)
    one = sections(steward.get(f"{path}&lab=clisson%20%20102").text)
    assert "Atelier de Clisson 102" in one
    assert "Atelier de Rezé" not in one
    assert "more workshops" not in one
    assert "300 of 300 pieces have a place" in one
    nobody = sections(steward.get(f"{path}&lab=Atlantide").text)
    assert "No workshop of that name is in this plan." in nobody


def test_a_plate_that_was_taken_back_is_in_the_history(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    world.tick()
    world.can(A, paused=True)
    world.tick()
    text = sections(site.person("steward").get(f"/orders/{order_id}?lang=en").text)
    assert "Taken back, to be planned again (2 pieces, has paused)" in text
    assert "withdrawn (taken back: has paused)" in text


def test_a_lab_that_has_pieces_to_print_and_is_away_is_marked(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    steward, path = site.person("steward"), f"/orders/{order_id}?lang=en"
    makes = r"Lab lab-a 2 pieces until Tue 24 Nov [\d:]+ "
    assert re.search(makes + "Printer", sections(steward.get(path).text))
    world.is_there(A, online=False)
    assert re.search(makes + "not connected Printer", sections(steward.get(path).text))


def test_of_a_counted_plate_the_good_pieces_are_told(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(4)
    world.plan()
    world.tick()
    first, second = (each.ref for each in world.attempts())
    steward, path = site.person("steward"), f"/orders/{order_id}?lang=en"
    for ref, good, told in (
        (first, 1, "3 pieces until"),
        (second, 0, "1 piece all of it is counted"),
    ):
        world.print(ref)
        harvests.harvest(world.ledger, ref, good, 2 - good, "warped", "maker", world.now)
        text = sections(steward.get(path).text)
        assert f"Lab lab-a {told}" in text
    assert "Printer 1 × Frame · 2 plates" in text
    lost = world.order(2)
    world.plan()
    world.tick()
    ref = next(each.ref for each in world.attempts() if each.order_id == lost)
    world.print(ref)
    harvests.harvest(world.ledger, ref, 0, 2, "warped", "maker", world.now)
    text = sections(steward.get(f"/orders/{lost}?lang=en").text)
    assert "Lab lab-a 0 pieces all of it is counted" in text
    assert "Got nothing" not in text


def test_the_requester_reads_how_many_labs_and_when(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    order_id = world.order(40)
    world.plan()
    link = "/o/" + orders.link_of(world.ledger, order_id)
    page = site.person().get(f"{link}?lang=en").text
    assert "2 workshops are working for you." in page
    text = sections(page)
    assert re.search(
        r"printed by Wednesday 25 November .* Inspection and the way come after\.", text
    )
    assert "As likely as not" not in text  # it is the day that is promised
    assert "Where each piece is ordered 40 promised 40 to be started 40 2 workshops" in text
    assert "Lab lab-" not in page
    assert "lab-b" not in page
    link = "/o/" + orders.link_of(world.ledger, world.order(60))
    world.plan()
    text = sections(site.person().get(f"{link}?lang=en").text)
    likely = r"As likely as not the last piece is printed on \w+ (\d+) November\. Inspection"
    assert int(re.search(r"printed by \w+ (\d+)", text)[1]) > int(re.search(likely, text)[1])


# --- what if


def test_a_steward_asks_what_if_and_changes_nothing(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    order_id = world.order(40)
    world.plan()
    world.tick()
    before = list(world.ledger.reading.execute("select * from job order by id"))
    steward, path = site.person("steward"), f"/orders/{order_id}/what-if"
    assert f'href="{path}"' in steward.get(f"/orders/{order_id}?lang=en").text
    text = sections(steward.get(f"{path}?lang=en").text)
    assert re.search(
        r"These workshops are gone .* Lab lab-[ab] · \d+ pieces Lab lab-[ab] · \d+ ", text
    )
    assert "As it is" not in text
    query = f"lang=en&without={A}&many=2&preset=prusa-mini&due=2026-11-24"
    page = answered(steward, f"{path}?{query}").text
    text = sections(page)
    assert "· 40 × Visor frame · by " in text
    assert re.search(r"workshops 2 3 ", text)
    assert "km, all" not in text  # no workshop has told its place
    mine = re.search(r"Lab lab-a: 0 instead of (\d+)", text)
    assert int(mine[1]) > 0
    assert re.search(r"new printer 1: [1-9]\d* instead of 0", text)
    assert re.search(r"pieces too late 0 [1-9]\d* ", text)
    assert "Nothing was changed." in text
    assert f'value="{A}" checked' in page
    assert list(world.ledger.reading.execute("select * from job order by id")) == before
    assert "Rien n’a été changé." in answered(steward, f"{path}?lang=fr&without={B}&many=").text


def test_what_cannot_be_supposed_is_said_beside_its_field(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    steward, path = site.person("steward"), f"/orders/{order_id}/what-if?lang=en"
    for query, words in (
        ("&many=-3", 'id="many-error"'),
        ("&many=2&preset=nobodys-machine", 'id="preset-error"'),
        ("&due=2020-02-29", 'id="due-error"'),
    ):
        answer = steward.get(path + query)
        assert (answer.status_code, words in answer.text) == (422, True), query
    late = answered(steward, f"{path}&release=2027-03-01")
    assert (late.status_code, 'id="release-error"' in late.text) == (422, True)
    assert "when the order is due" in late.text
    assert "Say first what would be different." in steward.get(f"{path}&many=").text
    gone = answered(steward, f"{path}&without=lab-x").text
    assert "There is no workshop lab-x here any more." in gone
    assert steward.get("/orders/nothing/what-if").status_code == 404
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
    assert "Nothing of it is left to be printed" in answered(steward, f"{path}&without={A}").text
    assert site.person("inspector").get(path).status_code == 403


# --- the beds


def test_the_fleet_shows_beds_stock_links_and_hours(site):
    world = site.world
    world.add_lab(A, attended="Mon-Fri 18:00-23:00", grams=740, place=(47.0, -1.5))
    world.add_lab(B, link="octoprint", asks=True)
    page = site.person("steward").get("/fleet?lang=en").text
    text = sections(page)
    assert 'aria-label="Bed of 250 × 210 mm"' in page
    assert "PETG · 740 g" in text
    assert "somebody is there: Mon-Fri 18:00-23:00" in text
    assert "OctoPrint · 250 × 210 × 210 mm" in text
    assert "asks before each plate" in text
    assert "to the hub" not in text


def test_what_filament_will_be_short_is_on_the_fleet_page_with_its_day(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B, grams=1.0)
    world.order(6)
    world.plan()
    world.tick()
    steward = site.person("steward")
    assert "short by" not in steward.get("/fleet?lang=en").text
    world.can(A, grams=20.0)
    text = sections(steward.get("/fleet?lang=en").text)
    grams = re.search(r"PETG: (\d+) g short by Tuesday 24 November – Lab lab-a, Printer", text)[1]
    (short,) = filament.shortages(world.ledger, world.now)
    assert (short, int(grams)) == (
        filament.stock(world.ledger, world.now).shortages[0], math.ceil(short.missing_g),
    )  # fmt: skip
    maker = sections(site.person("maker").get("/fleet?lang=fr").text)
    assert f"PETG : il manquera {grams} g mardi 24 novembre" in maker
    assert "short by" not in site.person("inspector").get("/fleet?lang=en").text
    world.can(A, grams=900.0)
    assert filament.shortages(world.ledger, world.now) == ()


def test_the_plan_says_when_printers_are_not_listed(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    steward, path = site.person("steward"), f"/orders/{order_id}?lang=en"
    assert "not listed" not in steward.get(path).text
    world.add_lab(B)
    text = sections(steward.get(path).text)
    assert "1 more printer got nothing and is not listed: others are done sooner" in text


def test_distances_are_from_the_hub(world, hashed):
    site = Site(world, hashed, hub_place=(47.5, -1.5))
    world.add_lab(A, place=(47.0, -1.5))
    world.add_lab(B)
    text = sections(site.person("steward").get("/fleet?lang=en").text)
    assert text.count("55.6 km to the hub") == 1
    assert "55.6 km to the hub" in sections(site.person("steward").get(f"/labs/{A}?lang=en").text)


def test_a_bed_fills_with_what_its_printer_tells(site):
    world = site.world
    world.add_lab()
    ref = world.printing()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.PRINTING, clear=False))
    tele = PrinterTele(
        printer=PRINTER, state=PrinterState.PRINTING, attempt=str(ref), fraction_done=0.25
    )
    site.live.tell(A, Telemetry(printers=(tele,)), world.now)
    person = site.person("maker")
    page = person.get("/fleet?lang=en").text
    assert 'aria-label="Bed of 250 × 210 mm, 2 pieces, 25 %"' in page
    assert "until about" in page
    assert re.search(r'<path class="bed-made" [^>]* d="M[\d. L-]+Z', page)
    world.report(ref, ReportState.PRINTED)
    page = person.get("/fleet?lang=en").text
    assert f'href="/harvest/{ref}"' in page
    assert "parts lie on the bed" in page


def test_a_page_draws_what_is_nested_and_never_nests(world):
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (plate,) = world.attempts()
    facts = some_facts()
    path = outlines(world.library, plate, facts)
    points = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", path)]
    xs, ys = zip(*points, strict=True)
    assert 2 <= min(xs) < max(xs) <= 248
    assert 2 <= min(ys) < max(ys) <= 208
    # The plate lies mid-bed, as its file has it.
    assert abs(min(xs) + max(xs) - 250) < 1
    assert abs(min(ys) + max(ys) - 210) < 1
    nests = "select count(*) from nest"
    before = world.ledger.reading.execute(nests).fetchone()[0]
    assert outlines(world.library, plate, replace(facts, bed_x_mm=333.0)) == ""
    assert outlines(world.library, replace(plate, pieces=99), facts) == ""
    assert world.ledger.reading.execute(nests).fetchone()[0] == before


def test_a_bed_is_cleared_on_the_fleet_page_though_the_next_plate_is_granted(site):
    world = site.world
    world.add_lab(A)
    world.order(4)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    assert world.state(ref) is AttemptState.GRANTED
    world.says(PrinterChange(printer="p1", state=PrinterState.IDLE, clear=False), A)
    maker = site.person("maker")
    assert f'action="/fleet/{A}/p1/ready"' in maker.get("/fleet").text
    assert maker.send(f"/fleet/{A}/p1/ready", at="/fleet").status_code == 303


def test_a_maker_touches_her_own_lab_only_on_the_fleet_page(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    for node in (A, B):
        world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), node)
    page = site.person("maker").get("/fleet").text
    assert f"/fleet/{A}/p1/ready" in page
    assert f"/labs/{A}" in page
    assert f"/fleet/{B}/p1/ready" not in page
    assert f"/labs/{B}" not in page
