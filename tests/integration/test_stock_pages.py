"""What a lab is asked and says on pages: offers, hours, spools."""

import re

from jobs.coordinator import nodes
from jobs.ledger import labs, views
from jobs.messages import (
    Answer,
    Config,
    Decide,
    Loaded,
)
from tests.doubles.pages import hears, offered, sections
from tests.doubles.world import NODE, PRINTER

A, B = NODE, "lab-b"


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
    world.can(paused=True, pause_word="4d5e6f70")
    page = maker.get(path).text
    assert "This workshop has paused" in page
    assert "It holds once" not in page
    maker.send(f"/labs/{A}/pause", at=path, paused="no")
    # It ends the pause that is known here, and none that the node is told of meanwhile.
    assert Config(paused=False, pause_word="4d5e6f70") in world.told()


def test_hours_are_entered_for_a_week(site):
    world, maker = site.world, site.person("maker")
    world.add_lab()
    days = {f"from_{day}": "18:00" for day in range(5)} | {f"to_{day}": "23:30" for day in range(5)}
    maker.send(f"/labs/{A}/hours", at=f"/labs/{A}", mode="days", **days)
    assert Config(attended="Mon-Fri 18:00-23:30") in world.told()
    page = maker.get(f"/labs/{A}").text
    assert 'name="mode" value="days" checked' in page
    assert page.count('value="18:00"') == 5
    assert "Envoyé\u00a0: lun-ven 18:00-23:30." in re.sub(r"<[^>]+>", "", page)


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
