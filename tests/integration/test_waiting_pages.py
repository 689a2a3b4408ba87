"""What waits for whom: the most urgent first, and for a steward what waits for makers last."""

import re
from datetime import timedelta

from jobs.coordinator import harvests, orders
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterChange
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.pages import offered, sections
from tests.doubles.world import NODE, PRINTER, a_request

A, B = NODE, "lab-b"


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


def test_what_waits_for_makers_stands_after_what_waits_for_the_team(site):
    world = site.world
    world.add_lab(A)
    world.add_lab(B)
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    steward = site.person("steward")
    page = steward.get("/waiting?lang=en").text
    text = sections(page)
    assert "Do this first" not in text
    assert re.search(
        r"Nothing waits for you now\. 1 thing waits for a maker They .* Clear the bed", text
    )
    assert '<details id="theirs" open>' in page
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    for node in (A, B):
        world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), node)
    kinds = [w.kind for w in waiting(world.ledger.reading, Role.STEWARD)]
    assert kinds == ["inspect", "clear", "clear"]
    text = sections(steward.get("/waiting?lang=en").text)
    assert re.search(
        r"1 thing waits for you Do this first Inspect lot .* 2 things wait for makers", text
    )
    maker = sections(site.person("maker").get("/waiting?lang=en").text)
    assert "Do this first Is the bed of Printer clear?" in maker
    assert "waits for a maker" not in maker


def test_what_may_be_hot_stands_above_what_only_waits(site):
    world = site.world
    world.add_lab(A)
    world.printing()
    world.is_there(A, online=False)
    for _ in range(3):
        world.order(2)
    world.now += timedelta(minutes=20)
    text = sections(site.person("steward").get("/waiting?lang=en").text)
    hot, placeless = (
        "prints on out of sight, and may be hot",
        "3 orders have pieces without a place",
    )
    assert 0 < text.index(hot) < text.index(placeless)
    assert text.count(hot) == 1
