"""The pages over a real ledger: languages, an order by pages alone, beds, lots and labels, errors."""

import re
from datetime import timedelta

import pytest

from jobs.coordinator import deliveries, harvests, lots, orders
from jobs.ledger import labs, views
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterChange, PrinterTele, ReportState, Telemetry
from jobs.model import OrderState
from printers.model import PrinterState
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import Site, request_fields, sections
from tests.doubles.world import NODE, PRINTER, a_request


def test_the_front_page_is_french_first(site):
    page = site.person().get("/")
    assert '<html lang="fr">' in page.text
    assert "Demander de l’aide" in page.text


@pytest.mark.parametrize(
    ("path", "header", "language"),
    [
        ("/", "", "fr"),
        ("/", "en-GB,en", "en"),
        ("/", "de,it", "fr"),
        ("/?lang=en", "fr", "en"),
        ("/?lang=xx", "", "fr"),
    ],
)
def test_the_language_is_the_readers(site, path, header, language):
    page = site.person().get(path, headers={"Accept-Language": header})
    assert f'<html lang="{language}">' in page.text


def test_a_chosen_language_stays(site):
    person = site.person()
    person.get("/?lang=en")
    assert '<html lang="en">' in person.get("/ask").text


def test_who_packs_reads_which_bags_go_into_the_parcel(site, order):
    world = site.world
    first, spoilt = [a.ref for a in world.attempts()][:2]
    codes = []
    for ref, accepted in ((first, 2), (spoilt, 0)):
        codes.append(harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now))
        rejected = 2 - accepted
        why = "crack" if rejected else ""
        lots.inspect(world.ledger, codes[-1], accepted, rejected, why, "inspector", world.now)
    inspector = site.person("inspector")
    assert f'/orders/{order}#parcels"' in inspector.get("/waiting").text
    page = inspector.get(f"/orders/{order}?lang=en").text
    form = page.partition("Put these bags into the parcel:")[2].partition("</form>")[0]
    assert codes[0] in form
    assert codes[1] not in form
    batch = deliveries.pack(world.ledger, order, "inspector", world.now)
    assert [each.lot for each in views.batch(world.ledger.reading, batch).lots] == codes[:1]


def test_many_orders_without_a_place_are_one_line(site):
    world = site.world
    steward = site.person("steward")
    for number in range(3):
        assert ("encore sans place" in steward.get("/waiting").text) is False, number
        world.order(2)
    page = steward.get("/waiting?lang=en").text
    assert "3 orders have pieces without a place yet." in page
    assert page.count("hint-placeless") == 0
    assert page.count("2 pieces have no place yet.") == 3


def test_an_order_that_waits_for_its_yes_has_no_plan_to_explain(site):
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    path = f"/orders/{placed.order_id}"
    assert 'id="plan"' not in site.person("steward").get(path).text
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    assert 'id="plan"' in site.person("steward").get(path).text


# --- from the request to the parcel, by pages alone


def test_an_order_by_pages_alone(site):
    world = site.world
    world.add_lab()
    nurse, steward, maker, hub = (site.person(p) for p in (None, "steward", "maker", "inspector"))
    link = nurse.send("/ask", **request_fields(world, kits="4")).location
    order_id = views.orders(world.ledger.reading)[0].id
    assert f"/orders/{order_id}" in steward.get("/waiting").text
    steward.send(f"/orders/{order_id}/confirm", at=f"/orders/{order_id}")
    world.plan()
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
        path = f"/harvest/{attempt.ref}"
        assert path in maker.get("/waiting").text
        assert maker.send(path, good=str(attempt.pieces), scrap="0").status_code == 303
        code = views.attempt(world.ledger.reading, attempt.ref).lot
        assert f'<p class="lot-code">{code}</p>' in maker.get(path).text
        assert f"/l/{code}" in hub.get("/waiting").text
        hub.send(f"/l/{code}", accepted=str(attempt.pieces), rejected="0")
    hub.send(f"/orders/{order_id}/pack", at="/waiting")
    (batch,) = views.order_view(world.ledger.reading, order_id).batches
    hub.send(f"/batches/{batch.id}/dispatch", at="/waiting")
    assert batch.id in nurse.get(link).text
    nurse.send(f"{link}/received/{batch.id}", at=link, refused="0", lost="0")
    assert views.order(world.ledger.reading, order_id).state is OrderState.DELIVERED
    assert "Tout ce que vous avez commandé a été reçu." in nurse.get(link).text


def test_a_steward_refuses_with_a_reason(site):
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    path, person = f"/orders/{placed.order_id}", site.person("steward")
    assert person.send(f"{path}/refuse", at=path, reason=" ").status_code == 422
    assert person.send(f"{path}/refuse", at=path, reason="No such ward").status_code == 303
    assert views.order(world.ledger.reading, placed.order_id).closed_reason == "No such ward"


def test_a_printer_out_of_sight_is_an_alarm_on_the_pages_until_its_lab_is_back(site):
    world = site.world
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (ref,) = (each.ref for each in world.attempts())
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    world.says(
        PrinterChange(
            printer=PRINTER, state=PrinterState.PRINTING, clear=False, fault="not opened yet"
        )
    )
    world.is_there(online=False)
    maker, steward = site.person("maker"), site.person("steward")
    assert "hors de vue" not in maker.get("/waiting").text
    world.now += timedelta(minutes=15)
    for person, path in ((maker, "/waiting"), (steward, "/waiting"), (maker, "/fleet")):
        assert "hors de vue" in person.get(path).text
    assert "L’imprimante dit\xa0: pas encore ouverte" in maker.get("/fleet").text
    world.is_there()
    for person, path in ((maker, "/waiting"), (steward, "/waiting"), (maker, "/fleet")):
        assert "hors de vue" not in person.get(path).text


def test_what_the_ledger_refuses_is_said_with_its_reason(site, order):
    answer = site.person("steward").send(f"/orders/{order}/confirm", at="/waiting")
    assert answer.status_code == 409
    assert 'class="button" href="/waiting"' in answer.text
    assert f"la commande {order} est déjà dans cet état" in answer.text
    english = site.person("steward").send(f"/orders/{order}/confirm?lang=en", at="/waiting")
    assert "is confirmed already; nothing was changed." in english.text


def test_the_stewards_page_says_why_and_how_far(site):
    world = site.world
    world.add_lab(grams=1.0)
    order_id = world.order(2)
    world.plan()
    page = site.person("steward").get(f"/orders/{order_id}?lang=en").text
    assert re.search(r"needs [\d.]+ g of PETG, 1 g left", page)
    assert "2 pieces have no place yet:" in page


def printing(site):
    world = site.world
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    return order_id, ref


def test_progress_comes_from_what_printers_tell(site):
    order_id, ref = printing(site)
    tele = PrinterTele(
        printer=PRINTER,
        state=PrinterState.PRINTING,
        attempt=ref.name,
        fraction_done=0.42,
        nozzle_c=239.6,
    )
    site.live.tell(NODE, Telemetry(printers=(tele,)), site.world.now)
    person = site.person("steward")
    assert 'value="42"' in person.get(f"/orders/{order_id}").text
    fleet = person.get("/fleet").text
    assert 'value="42"' in fleet
    assert "240 °C" in fleet
    assert "2 × Serre-tête" in sections(fleet)
    assert ref.name not in sections(fleet)


def test_a_print_is_stopped_and_an_attempt_is_given_up(site):
    order_id, ref = printing(site)
    person, page = site.person("steward"), f"/orders/{order_id}"
    assert person.send(f"/attempts/{ref}/stop", at=page, reason="smells").status_code == 303
    assert any(
        e.kind == "cancel-asked"
        for e in views.order_view(site.world.ledger.reading, order_id).events
    )
    without = person.send(f"/attempts/{ref}/write-off", at=page, reason="")
    assert without.status_code == 409
    person.send(f"/attempts/{ref}/write-off", at=page, reason="burnt down")
    assert site.world.state(ref) is AttemptState.WRITTEN_OFF


# --- beds and lots


def test_a_harvest_needs_a_reason_for_what_is_missing(site, order):
    ref = site.world.first(AttemptState.PRINTED)
    path, person = f"/harvest/{ref}", site.person("maker")
    answer = person.send(path, good="1", scrap="1")
    assert answer.status_code == 422
    assert site.world.state(ref) is AttemptState.PRINTED
    person.send(path, good="1", scrap="1", reason="warped")
    assert "Gondolé" in site.person("steward").get(f"/orders/{order}").text


def test_a_harvest_sent_twice_counts_once(site, order):
    ref = site.world.first(AttemptState.PRINTED)
    path, person = f"/harvest/{ref}", site.person("maker")
    form = person.form(path) | {"good": "1", "scrap": "1", "reason": "warped"}
    assert [person.client.post(path, data=form).status_code for _ in range(2)] == [303, 303]
    assert site.world.books(order).harvested == 1


def test_nothing_good_makes_no_bag(site, order):
    ref = site.world.first(AttemptState.PRINTED)
    path, person = f"/harvest/{ref}", site.person("maker")
    person.send(path, good="0", scrap="2", reason="did-not-stick")
    page = person.get(path).text
    assert "lot-code" not in page
    assert "Aucun sachet" in page


def test_what_is_still_printing_cannot_be_counted(site):
    _, ref = printing(site)
    person = site.person("maker")
    assert '<form method="post" class="card"' not in person.get(f"/harvest/{ref}").text
    answer = person.send(f"/harvest/{ref}", good="2", scrap="0")
    assert answer.status_code == 409
    assert site.world.state(ref) is AttemptState.PRINTING


def test_the_bed_is_clear(site):
    world = site.world
    world.add_lab()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    person = site.person("maker")
    assert f"/fleet/{NODE}/{PRINTER}/ready" in person.get("/waiting").text
    answer = person.send(f"/fleet/{NODE}/{PRINTER}/ready", at="/waiting")
    assert answer.location == "/waiting"
    assert labs.fleet(world.ledger.reading)[0].printers[0].clear


def a_lot(site, good=2):
    world = site.world
    ref = world.first(AttemptState.PRINTED)
    return harvests.harvest(world.ledger, ref, good, 0, "few", "nour", world.now)


def test_a_lot_is_public_and_names_nobody(site, order):
    code = a_lot(site)
    lots.inspect(site.world.ledger, code, 1, 1, "crack", "alix", site.world.now)
    page = site.person().get(f"/l/{code.lower()}").text
    assert code in page
    assert "Lab lab-a" in page
    assert "PETG" in page
    for secret in ("nour", "alix", "CHU", "Ada"):
        assert secret not in page


def test_a_lot_is_inspected_by_those_who_may(site, order):
    code = a_lot(site)
    assert "Enregistrer le contrôle" not in site.person().get(f"/l/{code}").text
    assert site.person("maker").send(f"/l/{code}", accepted="2", rejected="0").status_code == 403
    person = site.person("inspector")
    assert person.send(f"/l/{code}", accepted="1", rejected="1").status_code == 422
    assert person.send(f"/l/{code}", accepted="1", rejected="1", reason="crack").status_code == 303
    lot = views.lot(site.world.ledger.reading, code)
    assert (lot.accepted, lot.rejected, lot.inspected_by) == (1, 1, "inspector")
    assert person.send(f"/l/{code}", at="/waiting", accepted="2", rejected="0").status_code == 409


# --- errors


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/l/NOPE", 404),
        ("POST", "/fleet", 405),
        ("GET", "/sign-out", 405),
    ],
)
def test_errors_have_a_page_of_the_site(site, method, path, status):
    person = site.person("steward")
    answer = person.client.open(
        path, method=method, data=person.form("/waiting") if method == "POST" else None
    )
    assert answer.status_code == status
    assert '<html lang="fr">' in answer.text
    assert "fabnet.css" in answer.text


def test_a_form_beyond_a_megabyte_is_refused(site):
    answer = site.person().send("/ask", note="x" * 1_100_000)
    assert answer.status_code == 413
    assert "C’est trop d’un coup" in answer.text


def test_a_fault_of_ours_has_a_page_too(site):
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    site.app.view_functions["designs.index"] = lambda: 1 / 0
    answer = site.person().get("/designs")
    assert answer.status_code == 500
    assert "Une panne de notre côté" in answer.text
    assert "ZeroDivision" not in answer.text


def test_the_page_of_a_fault_needs_no_ledger(site):
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    person = site.person("steward")
    with site.world.ledger.transaction() as db:
        db.execute("alter table person rename to gone")
    answer = person.get("/waiting")
    assert answer.status_code == 500
    assert "Une panne de notre côté" in answer.text


def test_a_label_says_what_its_bag_holds_and_whether_it_was_inspected(site):
    world = site.world
    world.add_lab()
    world.order(2)
    code = makes_a_lot(world)
    path = f"/l/{code}/label?lang=en"
    label = site.person().get(path).text
    assert 'label-count">2 ×' in label
    assert "At the hub, before it is used:" in label
    lots.inspect(world.ledger, code, 1, 1, "crack", "inspector", world.now)
    label = site.person().get(path).text
    assert 'label-count">1 ×' in label
    assert "Inspected on 24 November 2026" in label
    assert "before it is used" not in label
    words = "Print a new label: 1 piece is left in the bag"
    assert words in site.person("inspector").get(f"/l/{code}?lang=en").text
    assert words not in site.person().get(f"/l/{code}?lang=en").text


def test_a_label_names_the_hub_and_no_workshop(world, hashed):
    site = Site(world, hashed, hub_address="La Halle, 3 quai Ouest, 44000 Nantes")
    world.add_lab()
    world.order(2)
    code = makes_a_lot(world)
    for login in (None, "maker", "inspector"):
        page = site.person(login).get(f"/l/{code}/label?lang=en").text
        assert "La Halle, 3 quai Ouest" in page
        assert code in page
        assert "Lab lab-a" not in page
    assert "label-a4.css" in site.person().get(f"/l/{code}/label?paper=a4").text
    assert "label-62.css" in site.person().get(f"/l/{code}/label?paper=../../x").text
    assert site.person().get("/l/NO-SUCH/label").status_code == 404
