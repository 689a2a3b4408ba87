"""The pages of a network of labs: who makes what and why, offers, stock and hours, printing by hand."""

import math
import re
from dataclasses import replace
from datetime import date

import pytest

from jobs.coordinator import deliveries, harvests, lots, nodes, orders, planning
from jobs.coordinator.people import add_person
from jobs.ledger import history, labs, streams, upkeep, views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Cancel,
    Capabilities,
    Config,
    Decide,
    Loaded,
    OutOfService,
    PrinterChange,
    PrinterTele,
    ReportState,
    Telemetry,
)
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.pages import PEOPLE, Site
from tests.doubles.world import NODE, PRINTER, a_request, some_facts
from web.beds import outlines

A, B, C = NODE, "lab-b", "lab-c"
ALONE = "printers/p1/alone"  # which the lab's maker alone may say
FORM = {
    "pause": {"paused": "yes"},
    "asks": {"asks": "yes"},
    "hours": {"mode": "always"},
    "ceiling": {"weekly_h": "20"},
    ALONE: {"allowed": "no"},
    "printers/p1/spool": {"material": "PLA", "grams": "500"},
}


def hears(world, node=A):
    """The node acknowledges all that it was sent."""
    with world.ledger.transaction() as db:
        stream, last = streams.stream_of(db, node)
        streams.acknowledged(db, node, stream, last)


def offered(site, **facts):
    """A lab whose maker is asked, with an offer."""
    world = site.world
    world.add_lab(asks=True, **facts)
    world.order(2)
    world.plan()
    world.tick()
    return world.first(AttemptState.OFFERED)


def by_hand(site):
    """A plate that a person prints from an SD card."""
    world = site.world
    world.add_lab(link="manual")
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    return ref


# --- the plan


def sections(page):
    """Return the text of a page, tags away."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


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
    assert "nine times of ten by Tuesday 24 November" in text
    makes = text.index("Lab lab-a 2 pieces Printer 2 × Frame · 1 plate")
    nothing = text.index("Got nothing, because")
    assert makes < nothing
    for words in (
        "another material is loaded Lab lab-b, Printer – ABS is loaded; PETG or PLA is asked for",
        "has paused Lab lab-e, Printer",
        "not connected Lab lab-f, Printer",
    ):
        assert words in text[nothing:], words
    assert re.search(r"Lab lab-d, Printer – needs [\d.]+ g, 3 g left", text[nothing:])
    assert re.search(
        r"Lab lab-c, Printer – needs [\d.]+ h with somebody there, the longest stretch is 0.5 h",
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
        r"other printers are done sooner, or lie nearer .* – would be done in [\d.]+ h", text
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
    assert "2 late" in text


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


def test_the_requester_reads_how_many_labs_and_when(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    order_id = world.order(40)
    world.plan()
    link = "/o/" + orders.link_of(world.ledger, order_id)
    page = site.person().get(f"{link}?lang=en").text
    assert "2 workshops are working for you." in page
    assert "printed by " in page
    assert "Lab lab-" not in page
    assert "lab-b" not in page


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
    (short,) = planning.shortages(world.ledger, world.now)
    assert (short, int(grams)) == (
        planning.stock(world.ledger, world.now).shortages[0], math.ceil(short.missing_g),
    )  # fmt: skip
    maker = sections(site.person("maker").get("/fleet?lang=fr").text)
    assert f"PETG : il manquera {grams} g mardi 24 novembre" in maker
    assert "short by" not in site.person("inspector").get("/fleet?lang=en").text
    world.can(A, grams=900.0)
    assert planning.shortages(world.ledger, world.now) == ()


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
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
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


# --- what waits


def test_two_labs_may_call_their_printers_the_same(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    other = B if world.node_of(ref) == A else A
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), other)
    found = [(w.kind, w.node) for w in waiting(world.ledger.reading, Role.STEWARD)]
    assert ("harvest", world.node_of(ref)) in found
    assert ("clear", other) in found


def test_the_most_urgent_comes_first(site):
    world = site.world
    ref = offered(site)
    world.add_lab(B)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), B)
    orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    kinds = [w.kind for w in waiting(world.ledger.reading, Role.STEWARD)]
    assert kinds == ["confirm", "offer", "clear"]
    (offer,) = [w for w in waiting(world.ledger.reading, Role.MAKER, A) if w.kind == "offer"]
    assert (offer.key, offer.since) == (str(ref), world.now)


def test_the_next_thing_to_do_is_said_on_top_in_words(site):
    world = site.world
    world.add_lab(A)
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    maker = site.person("maker")
    page = maker.get("/waiting?lang=en").text
    first = sections(re.search(r'<li class="card task next">(.*?)</li>', page, re.S)[1])
    assert "Do this first Clear the bed of Printer and count 2 parts" in first
    assert page.count("task next") == 1
    assert "Vider le plateau de Printer et compter 2 pièces" in maker.get("/waiting?lang=fr").text


# --- a pause with a day, hours in a week, printing alone


def test_a_pause_needs_no_reason_and_ends_on_its_day(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    assert "until Monday 30 November" in sections(maker.get(f"/labs/{A}?lang=en").text)
    assert maker.send(f"/labs/{A}/pause", at=f"/labs/{A}", paused="yes", week="yes").location
    assert world.told()[-1] == Config(paused=True, paused_until="2026-11-30")
    hears(world)
    page = maker.client.post(
        f"/labs/{A}/pause", data=maker.form("/waiting") | {"paused": "yes", "until": "2026-11-20"}
    )
    assert page.status_code == 422
    maker.client.post(
        f"/labs/{A}/pause", data=maker.form("/waiting") | {"paused": "yes", "until": "2026-12-09"}
    )
    assert world.told()[-1] == Config(paused=True, paused_until="2026-12-09")
    told = replace(Capabilities(lab="Lab", printers=(some_facts(),)), paused=True)
    world.says(replace(told, paused_until="2026-12-09"))
    hears(world)
    text = sections(maker.get(f"/labs/{A}?lang=en").text)
    assert "This workshop has paused until Wednesday 9 December" in text
    text = sections(maker.get("/waiting?lang=fr").text)
    assert "Votre atelier est en pause jusqu’au mercredi 9 décembre" in text


def test_a_weekly_ceiling_bounds_the_plan_and_is_explained(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    maker.send(f"/labs/{A}/ceiling", at=f"/labs/{A}", weekly_h="4")
    assert world.told()[-1] == Config(weekly_h=4.0)
    hears(world)
    assert maker.send(f"/labs/{A}/ceiling", at=f"/labs/{A}", weekly_h="169").status_code == 422
    world.says(Capabilities(lab="Lab A", printers=(some_facts(),), weekly_h=4.0))
    order_id = world.order(40)
    world.plan()
    world.tick()
    planned = sum(plate.seconds for plate in world.attempts())
    assert 0 < planned <= 4 * 3600
    text = sections(site.person("steward").get(f"/orders/{order_id}?lang=en").text)
    assert "weekly ceiling of 4 h is reached until Monday" in text
    text = sections(maker.get(f"/labs/{A}?lang=en").text)
    assert re.search(r"[\d.]+ h of at most 4 h are given in this week", text)
    before = len(world.attempts())
    world.plan()
    world.tick()
    assert len(world.attempts()) == before
    world.pass_time(days=6)  # Monday
    for plate in world.attempts():
        world.print(plate.ref)
    world.pass_time(days=7)
    world.plan()
    world.tick()
    assert len(world.attempts()) > before


def test_a_ceiling_that_is_lowered_gives_to_others_what_was_not_offered(site):
    world = site.world
    world.add_lab(A)
    world.order(40)
    world.plan()
    assert world.says(Capabilities(lab="Lab A", printers=(some_facts(),), weekly_h=1.0)) is None
    world.tick()
    assert world.attempts() == []
    (order,) = views.orders(world.ledger.reading)
    assert world.books(order.id).deficit == 40


def test_a_printer_prints_alone_only_if_all_three_are_said(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    unsafe = replace(some_facts(), preset="creality-ender-3")
    world.says(Capabilities(lab="Lab A", printers=(unsafe,)))
    page = maker.get(f"/labs/{A}?lang=en").text
    assert "sold without thermal protection" in page
    assert re.search(r">OctoPrint-FirmwareCheck, check creality_ender3</a>", page)
    assert "nominal build volume" not in page
    path = f"/labs/{A}/printers/p1/alone"
    said = {"allowed": "yes", "protection": "yes", "alarm": "yes"}
    page = maker.send(path, at="/waiting", **said)
    assert page.status_code == 422
    assert world.told() == []
    assert maker.send(path, at="/waiting", **said, clear="yes").status_code == 303
    (told,) = world.told()
    assert told.alone[0].holds
    hears(world)
    world.says(Capabilities(lab="Lab A", printers=(replace(unsafe, unattended=True),)))
    text = sections(maker.get(f"/labs/{A}?lang=en").text)
    assert "May print while nobody is there. Maker, 24 November 2026" in text
    world.says(Capabilities(lab="Lab A", printers=(replace(some_facts(), preset="prusa-mk3s"),)))
    assert "sold without thermal protection" not in maker.get(f"/labs/{A}?lang=en").text


# --- a maker stops her own print


def printing(world):
    """A plate that is being printed."""
    world.add_lab(A)
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    return ref


def test_a_maker_stops_what_prints_on_her_own_printer(site):
    world, maker = site.world, site.person("maker")
    ref = printing(world)
    assert f'href="/attempts/{ref}/stop"' in maker.get(f"/labs/{A}").text
    assert f'href="/attempts/{ref}/stop"' in maker.get("/fleet").text
    path = f"/attempts/{ref}/stop"
    text = sections(maker.get(f"{path}?lang=en").text)
    assert "Stop the print on Printer?" in text
    assert "Pull the plug first." in text
    world.told()
    assert maker.send(path).status_code == 422
    assert world.told() == []
    assert maker.send(path, reason="came-loose").location == path
    assert world.told() == [Cancel(attempt=ref, reason="came-loose")]
    text = sections(maker.get(f"{path}?lang=en").text)
    assert "The stop is on its way" in text
    assert "motors and heaters go off where they are" in text
    # Who has no time to choose a reason needs none.
    assert maker.send(path, how="at-once").location == path
    assert world.told() == [Cancel(attempt=ref, at_once=True)]
    assert "Its stop was asked for on 24 November" in sections(maker.get(f"/labs/{A}?lang=en").text)
    seen = re.search(r'data-version="([^"]+)"', maker.get(path).text)[1]
    world.report(ref, ReportState.CANCELLED, "stopped")
    assert seen not in maker.get(path).text
    text = sections(maker.get(f"{path}?lang=en").text)
    assert "This print has ended" in text
    assert "Nozzle and bed may still be hot." in text
    assert maker.send(path, at="/waiting", reason="noise").location == path
    assert world.told() == []
    assert maker.send(f"/harvest/{ref}", good="1", scrap="1", reason="warped").status_code == 303
    (order,) = views.orders(world.ledger.reading)
    books = world.books(order.id)
    assert (books.waiting, books.deficit) == (1, 1)


def test_a_print_is_stopped_at_the_printer_where_its_computer_is_away(site):
    ref = printing(site.world)
    site.world.is_there(online=False)
    text = sections(site.person("maker").get(f"/attempts/{ref}/stop?lang=en").text)
    assert "stop the print at the printer itself, or pull the plug" in text


def test_a_maker_of_another_lab_stops_nothing(site, hashed):
    world = site.world
    ref = printing(world)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, B, world.now)
    world.told()
    other = site.person("other")
    assert other.get(f"/attempts/{ref}/stop").status_code == 403
    assert other.get(f"/attempts/{ref}/stop/live").status_code == 403
    answer = other.send(f"/attempts/{ref}/stop", at="/waiting", reason="noise")
    assert answer.status_code == 403
    assert world.told() == []


# --- maintenance


def test_a_printer_out_of_service_is_a_rule_of_the_plan(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.told()
    path = f"/labs/{A}/printers/p1/upkeep"
    assert "Nothing has been noted yet." in maker.get(f"{path}?lang=en").text
    sent = maker.send(path, note="belt loose <b>", state="until", until="2026-12-09")
    assert sent.status_code == 303
    out = OutOfService(printer="p1", out=True, until="2026-12-09")
    assert world.told() == [Config(out_of_service=(out,))]
    text = sections(maker.get(f"{path}?lang=en").text)
    assert "Out of service until Wednesday 9 December" in text
    assert "It holds once the workshop’s computer has heard it." in text
    hears(world)
    facts = replace(some_facts(), out_of_service=True, out_until="2026-12-09")
    world.says(Capabilities(lab="Lab A", printers=(facts,)))
    world.tick()
    assert world.state(ref) is AttemptState.WITHDRAWN
    world.plan()
    world.tick()
    assert len(world.attempts()) == 1
    text = sections(site.person("steward").get(f"/orders/{order_id}?lang=en").text)
    assert "Got nothing, because" in text
    assert "out of service Lab A, Printer – out of service until Wednesday 9 December" in text
    for page in (f"/labs/{A}", "/fleet"):
        assert "out of service until Wednesday 9 December" in maker.get(f"{page}?lang=en").text
    assert "Printer is out of service" in maker.get("/waiting?lang=en").text
    assert maker.send(path, note="", state="in").status_code == 303
    assert world.told()[-1] == Config(out_of_service=(OutOfService(printer="p1", out=False),))
    world.says(Capabilities(lab="Lab A", printers=(some_facts(),)))
    world.plan()
    world.tick()
    assert len(world.attempts()) == 2


def test_notes_stay_with_their_printer_their_day_and_who_wrote_them(site, hashed):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    world.add_lab(B)
    path = f"/labs/{A}/printers/p1/upkeep"
    assert maker.send(path, note="nozzle 0.4 <changed>", state="").status_code == 303
    assert world.told() == []
    page = maker.get(f"{path}?lang=en").text
    assert "nozzle 0.4 &lt;changed&gt;" in page
    assert "24 Nov 2026" in sections(page)
    assert "Maker" in sections(page)
    for wrong in (
        {"note": "", "state": ""},
        {"note": "x" * 201, "state": ""},
        {"note": "x", "state": "until", "until": "2026-11-24"},
        {"note": "x", "state": "gone"},
    ):
        assert maker.send(path, **wrong).status_code == 422
    assert len(upkeep.notes(world.ledger.reading, A)) == 1
    kept = maker.get(f"/labs/{A}/export.json").json["upkeep"]
    assert [note["text"] for note in kept] == ["nozzle 0.4 <changed>"]
    assert maker.get(f"/labs/{A}/printers/p9/upkeep").status_code == 404
    assert maker.get(f"/labs/{B}/printers/p1/upkeep").status_code == 403
    answer = maker.send(f"/labs/{B}/printers/p1/upkeep", at="/waiting", note="x", state="out")
    assert answer.status_code == 403


# --- what she has given


def delivered(world, words=""):
    """A delivery with pieces of one lab, received with a word; return the order and the batch."""
    world.add_lab(A)
    order_id = world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    code = harvests.harvest(world.ledger, ref, 2, 1, "warped", "maker", world.now)
    lots.inspect(world.ledger, code, 1, 1, "crack", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "steward", world.now)
    deliveries.dispatch(world.ledger, batch, "steward", world.now)
    return order_id, batch


def test_a_maker_reads_her_own_yield_and_nobody_elses(site, hashed):
    world, maker = site.world, site.person("maker")
    world.add_lab(B)
    world.is_there(B, online=False)
    delivered(world)
    text = sections(maker.get(f"/labs/{A}/given?lang=en").text)
    assert "2 good, 1 scrap, 1 of the good ones was rejected at inspection" in text
    assert "33 %" in text  # one of three
    assert re.search(r"good pieces 1 plates 1 of printing 2 h of filament 33 g", text)
    assert "Nov 2026" in text
    assert (
        "Nothing has been counted yet."
        in site.person("steward").get(f"/labs/{B}/given?lang=en").text
    )
    assert maker.get(f"/labs/{B}/given").status_code == 403
    assert site.person("inspector").get(f"/labs/{A}/given").status_code == 403


def test_a_hospitals_word_reaches_those_who_made_it(site, hashed):
    world, maker, steward = site.world, site.person("maker"), site.person("steward")
    order_id, batch = delivered(world)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, B, world.now)
    link = "/o/" + orders.link_of(world.ledger, order_id)
    nurse = site.person()
    path = f"{link}/received/{batch}"
    sent = {"refused": "0", "lost": "0"}
    answer = nurse.send(path, at=link, **sent, thanks="x" * 501)
    assert answer.status_code == 422
    assert (
        "At most 500 letters, please."
        in nurse.client.post(
            f"{path}?lang=en", data=nurse.form(link) | sent | {"thanks": "x" * 501}
        ).text
    )
    assert nurse.send(path, at=link, **sent, thanks=" Merci <b>!</b> ").status_code == 303
    assert "Merci &lt;b&gt;!&lt;/b&gt;" in nurse.get(link).text
    page = maker.get(f"/labs/{A}/given?lang=en").text
    assert "<blockquote>Merci &lt;b&gt;!&lt;/b&gt;</blockquote>" in page
    assert "1 piece was from here" in page
    world.add_lab(B)
    assert "Merci" not in sections(site.person("other").get(f"/labs/{B}/given?lang=en").text)
    hide = f"/batches/{batch}/thanks"
    assert maker.send(hide, at="/waiting", hidden="yes").status_code == 403
    assert steward.send(hide, at=f"/orders/{order_id}", hidden="yes").status_code == 303
    assert "Merci" not in sections(maker.get(f"/labs/{A}/given?lang=en").text)
    assert "The workshops do not see it." in steward.get(f"/orders/{order_id}?lang=en").text
    steward.client.post(hide, data=steward.form(f"/orders/{order_id}") | {"hidden": "no"})
    assert "Merci &lt;b&gt;" in maker.get(f"/labs/{A}/given?lang=en").text


# --- offers


def test_an_offer_is_declined_with_one_tap(site):
    world, ref, maker = site.world, offered(site), site.person("maker")
    page = maker.get("/waiting?lang=en").text
    forms = re.findall(rf'<form method="post" action="/offers/{ref}">(.*?)</form>', page, re.S)
    fields = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) for form in forms]
    assert len(fields) == 2
    no = fields[1]
    assert maker.client.post(f"/offers/{ref}", data=no).location == "/waiting"
    assert Decide(attempt=ref, taken=False, reason="no-time") in world.told()
    assert re.search(r"1 h \d+ min .* \d+ g", sections(page))
    assert 'href="/my-lab#asks"' in page
    assert "my-lab#asks" not in site.person("steward").get("/waiting").text


def test_an_offer_is_taken_with_one_tap(site):
    world, ref, maker = site.world, offered(site), site.person("maker")
    page = maker.get("/waiting?lang=en").text
    assert re.search(r"2 × Frame</strong> · PETG", page)
    form = re.search(rf'<form method="post" action="/offers/{ref}">(.*?)</form>', page, re.S)[1]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert maker.client.post(f"/offers/{ref}", data=fields).location == "/waiting"
    assert Decide(attempt=ref, taken=True) in world.told()
    assert f"/offers/{ref}" not in maker.get("/waiting").text
    assert "on its way" in maker.get(f"/offers/{ref}?lang=en").text
    again = maker.client.post(f"/offers/{ref}", data=fields)
    assert again.location == f"/offers/{ref}"
    assert world.told() == []
    world.says(Answer(attempt=ref, taken=True))
    assert "nothing to answer any more" in maker.get(f"/offers/{ref}?lang=en").text


def test_a_no_needs_a_word_and_the_plan_repeats_it(site):
    world, ref, maker = site.world, offered(site), site.person("maker")
    without = maker.send(f"/offers/{ref}", at="/waiting", taken="no")
    assert without.status_code == 422
    assert 'id="no-reason-error"' in without.text
    assert world.told()[-1:] != [Decide(attempt=ref, taken=False)]
    answer = maker.send(f"/offers/{ref}", at="/waiting", taken="no", reason="no-time")
    assert answer.status_code == 303
    world.says(Answer(attempt=ref, taken=False, reason="no-time"))
    world.tick()
    world.plan()
    (order,) = views.orders(world.ledger.reading)
    text = sections(site.person("steward").get(f"/orders/{order.id}?lang=en").text)
    assert "its maker said no (No time)" in text
    assert "Offer declined by its maker (No time)" in text


def test_an_answer_is_yes_or_no(site):
    ref = offered(site)
    answer = site.person("steward").send(f"/offers/{ref}", at="/waiting", taken="perhaps")
    assert answer.status_code == 422
    assert not labs.is_answered(site.world.ledger.reading, ref)


# --- hours and stock


def test_a_pause_holds_once_the_node_has_heard_it(site):
    world, maker = site.world, site.person("maker")
    world.add_lab()
    hears(world)
    path = f"/labs/{A}?lang=en"
    assert maker.get("/my-lab").location == f"/labs/{A}"
    assert "This workshop takes work" in maker.get(path).text
    assert maker.send(f"/labs/{A}/pause", at=path, paused="yes").location == f"/labs/{A}"
    page = maker.get(path).text
    assert "This workshop has paused" in page
    assert "It holds once the workshop’s computer has heard it." in page
    assert Config(paused=True) in world.told()
    assert not labs.node(world.ledger.reading, A).paused
    hears(world)
    world.can(paused=True)
    page = maker.get(path).text
    assert "This workshop has paused" in page
    assert "It holds once" not in page
    maker.send(f"/labs/{A}/pause", at=path, paused="no")
    assert Config(paused=False) in world.told()


def test_hours_are_entered_for_a_week(site):
    world, maker = site.world, site.person("maker")
    world.add_lab()
    days = {f"from_{day}": "18:00" for day in range(5)} | {f"to_{day}": "23:30" for day in range(5)}
    maker.send(f"/labs/{A}/hours", at=f"/labs/{A}", mode="days", **days)
    assert Config(attended="Mon-Fri 18:00-23:30") in world.told()
    page = maker.get(f"/labs/{A}").text
    assert 'name="mode" value="days" checked' in page
    assert page.count('value="18:00"') == 5
    assert "Envoyé\u00a0: lun-ven 18:00-23:30." in page


def test_hours_that_cannot_be_read_change_nothing_and_lose_nothing(site):
    world, maker = site.world, site.person("maker")
    world.add_lab()
    world.told()
    answer = maker.send(f"/labs/{A}/hours", at=f"/labs/{A}", mode="same", **{"from": "18:00"})
    assert answer.status_code == 422
    assert 'id="to-error"' in answer.text
    assert 'value="18:00"' in answer.text
    assert world.told() == []


def test_a_spool_is_weighed_and_another_one_gets_another_name(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(grams=120)
    path = f"/labs/{A}/printers/p1/spool"
    maker.send(path, at=f"/labs/{A}", material="PETG", grams="98", maker_lot="L42")
    weighed = Loaded(printer="p1", spool="s1", material="PETG", grams=98.0, maker_lot="L42")
    assert Config(loaded=(weighed,)) in world.told()
    maker.send(path, at=f"/labs/{A}", material="PLA", grams="1 000", maker_lot="X")
    (change,) = world.told()
    assert change.loaded[0].spool == "p1-261124-1200"
    sent = labs.unheard(world.ledger.reading, A)
    assert sent.loaded == change.loaded
    maker.send(path, at=f"/labs/{A}", material="", grams="")
    assert Config(loaded=(Loaded(printer="p1"),)) in world.told()
    wrong = maker.send(path, at=f"/labs/{A}", material="PLA", grams="lots")
    assert wrong.status_code == 422
    assert 'id="grams-p1-error"' in wrong.text
    missing = maker.send(f"/labs/{A}/printers/p9/spool", at=f"/labs/{A}", material="", grams="")
    assert missing.status_code == 404


def test_what_was_entered_twice_counts_once(world):
    world.add_lab()
    assert labs.unheard(world.ledger.reading, A) is None
    one = Loaded(printer="p1", spool="a", material="PLA", grams=1.0)
    two = Loaded(printer="p1", spool="b", material="PLA", grams=2.0)
    for change in (
        Config(paused=True, attended="08:00-20:00"),
        Config(loaded=(one,)),
        Config(paused=False, asks=True),
        Config(loaded=(two,)),
    ):
        nodes.configure(world.ledger, A, change, "maker", world.now)
    whole = Config(paused=False, attended="08:00-20:00", asks=True, loaded=(two,))
    assert labs.unheard(world.ledger.reading, A) == whole
    hears(world)
    assert labs.unheard(world.ledger.reading, A) is None


def test_the_page_of_a_lab_says_what_the_network_knows(site):
    world = site.world
    world.add_lab(place=(47.2, -1.55))
    text = sections(site.person("maker").get(f"/labs/{A}?lang=en").text)
    assert "about 47.2, -1.55: rounded to some 5 km" in text
    assert text.count("Prints only while somebody is there.") == 2


def test_what_the_network_knows_of_a_lab_is_a_file_for_its_owner(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    world.add_lab(B)
    world.order(2)
    world.plan()
    world.tick()
    told = maker.get(f"/labs/{A}/export.json").json
    assert (told["lab"]["id"], told["printers"][0]["id"]) == (A, PRINTER)
    assert len(told["plates"]) == sum(plate.node == A for plate in world.attempts()) == 1
    assert maker.get(f"/labs/{B}/export.json").status_code == 403


def test_a_lab_without_printers_has_a_page_too(site):
    world = site.world
    nodes.enrol(world.ledger, A, "Atelier neuf", "", world.now)
    text = sections(site.person("maker").get(f"/labs/{A}?lang=en").text)
    assert "This workshop has not named its printers yet." in text
    assert "cannot be reached" in text


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
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
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
    assert "Your hours begin Tuesday 24 November, 19:00: until then no plate is started." in text
    assert "Nothing waits for you." not in text


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
