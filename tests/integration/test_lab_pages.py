"""A lab on its own page: pauses and hours, printing alone, stops, maintenance, what it has given."""

import re
from dataclasses import replace

from jobs.coordinator import deliveries, harvests, lots, orders
from jobs.coordinator.people import add_person
from jobs.ledger import upkeep, views
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Cancel,
    Capabilities,
    Config,
    OutOfService,
    PrinterChange,
    ReportState,
)
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.pages import hears, sections
from tests.doubles.world import NODE, some_facts

A, B = NODE, "lab-b"


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
    return world.printing()


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
    assert (
        "1 printer – out of service out of service until Wednesday 9 December Lab A, Printer"
        in text
    )
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


def test_a_print_that_broke_off_says_on_top_that_its_printer_may_be_hot(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    ref = world.printing()
    hot = "/dev/ttyUSB0: it was reset. The printer may still be hot: switch it off."
    world.report(ref, ReportState.INTERRUPTED, hot)
    for path in ("/waiting", f"/harvest/{ref}"):
        page = maker.get(f"{path}?lang=fr").text
        assert re.search(r'<p class="error">[^<]*éteignez-la', page), path
    assert str(ref) not in sections(maker.get("/waiting?lang=fr").text)
    gone = "/dev/ttyUSB0: there is no such port; ports that are there: none is plugged in"
    away = PrinterChange(printer="p1", state=PrinterState.OFFLINE, clear=False, fault=gone)
    world.says(away, A)
    text = sections(maker.get("/fleet?lang=en").text)
    assert "It cannot be reached:" in text
    assert "The printer says:" not in text


def test_a_bed_of_which_a_print_goes_on_out_of_reach_is_not_called_clear(site):
    world, maker = site.world, site.person("maker")
    world.add_lab(A)
    world.says(PrinterChange(printer="p1", state=PrinterState.PRINTING, clear=False), A)
    world.printing()
    world.is_there(A, online=False)
    assert "was printing when your workshop’s computer went" in maker.get("/waiting?lang=en").text
    page = maker.get("/fleet?lang=en").text
    assert "Stop this print" in page
    assert "The bed is clear" not in page
    assert "bed not clear" not in page
