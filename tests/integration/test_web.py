"""The pages over a real ledger: what each person sees, may do and cannot do."""

import base64
import json
import re
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.coordinator import deliveries, harvests, lots, nodes, orders
from jobs.coordinator.people import add_person
from jobs.ledger import history, labs, views
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterChange, PrinterTele, ReportState, Telemetry
from jobs.model import BatchState, OrderState, Role
from printers.model import PrinterState
from tests.doubles.pages import PASSWORD, PEOPLE, Site
from tests.doubles.world import NODE, PRINTER, a_request
from tests.integration.test_recalls import makes_a_lot
from web.auth import hash_password


@pytest.fixture
def order(site):
    """A planned order with two printed plates; its id."""
    world = site.world
    world.add_lab()
    order_id = world.order(4)
    world.plan()
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
    return order_id


def request_fields(world, **changes):
    fields = {
        "revision_id": world.revision.id,
        "kits": "40",
        "due": "2026-11-27",
        "place": "CHU, urgences",
        "requester": "Ada Infirmière",
        "contact": "01 23 45 67 89",
    }
    return fields | changes


def link_of(site, order_id):
    return f"/o/{orders.link_of(site.world.ledger, order_id)}"


# --- the requester


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


def test_asking_leads_to_the_secret_link(site):
    person = site.person()
    answer = person.send("/ask", **request_fields(site.world))
    assert answer.status_code == 303
    page = person.get(answer.location)
    assert "https://fabnet.example/o/" in page.text
    (kept,) = views.orders(site.world.ledger.reading)
    assert (kept.request.kits, kept.request.language, kept.state) == (40, "fr", OrderState.ASKED)


def test_a_form_sent_twice_is_one_order(site):
    person = site.person()
    form = person.form("/ask") | request_fields(site.world)
    first = person.client.post("/ask", data=form)
    again = person.client.post("/ask", data=form)
    assert first.location == again.location
    assert len(views.orders(site.world.ledger.reading)) == 1


def test_a_form_that_was_changed_after_it_was_sent_is_not_taken_for_the_first(site):
    person = site.person()
    form = person.form("/ask") | request_fields(site.world)
    sent = person.client.post("/ask", data=form)
    changed = person.client.post("/ask", data=form | {"kits": "400"})
    assert changed.status_code == 409
    assert sent.location in changed.text
    assert 'value="400"' in changed.text
    fresh = re.search(r'name="request_key" value="([^"]+)"', changed.text)[1]
    second = person.client.post("/ask", data=form | {"kits": "400", "request_key": fresh})
    assert second.status_code == 303
    assert second.location != sent.location


def test_nothing_typed_is_lost(site):
    answer = site.person().send(
        "/ask", **request_fields(site.world, kits="0", due="2020-01-01", note="<b>quai</b>")
    )
    assert answer.status_code == 422
    assert 'value="CHU, urgences"' in answer.text
    assert "&lt;b&gt;quai&lt;/b&gt;" in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert views.orders(site.world.ledger.reading) == ()


def test_too_many_orders_from_one_place_are_slowed_down(world, hashed):
    site = Site(world, hashed, orders_per_hour=2)
    person = site.person()
    codes = [person.send("/ask", **request_fields(world)).status_code for _ in range(3)]
    assert codes == [303, 303, 429]
    answer = person.send("/ask", **request_fields(world))
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "Réessayez" in answer.text
    assert person.get("/ask").status_code == 200


def test_a_hospital_with_one_address_may_ask_for_all_its_wards(site):
    person = site.person()
    codes = {person.send("/ask", **request_fields(site.world)).status_code for _ in range(12)}
    assert codes == {303}


def test_the_same_form_again_does_not_count_as_an_order(world, hashed):
    person = Site(world, hashed, orders_per_hour=2).person()
    form = person.form("/ask") | request_fields(world)
    codes = []
    for _ in range(4):
        codes.append(person.client.post("/ask", data=form).status_code)
        world.pass_time(seconds=1)
    assert codes == [303] * 4


def test_typing_errors_do_not_count_as_orders(world, hashed):
    person = Site(world, hashed, orders_per_hour=1).person()
    for _ in range(3):
        assert person.send("/ask", **request_fields(world, kits="")).status_code == 422
    assert person.send("/ask", **request_fields(world)).status_code == 303


def test_a_guessed_link_leads_nowhere(site, order):
    answer = site.person().get("/o/" + "A" * 32)
    assert answer.status_code == 404
    assert "Il n’y a rien ici" in answer.text
    assert site.person().get("/o/" + "A" * 32 + "/live").status_code == 404


def test_the_requesters_page_tells_nothing_to_others(site, order):
    headers = site.person().get(link_of(site, order)).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")


def test_the_requesters_page_names_no_lab(site, order):
    page = site.person().get(link_of(site, order)).text
    assert "1 atelier travaille pour vous" in page
    assert "Lab lab-a" not in page


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


def test_a_refused_order_says_why(site):
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    orders.refuse(world.ledger, placed.order_id, "Nobody answered", "steward", world.now)
    assert "Nobody answered" in site.person().get(f"/o/{placed.link}").text


def on_its_way(site, order_id):
    """Count, inspect, pack and dispatch all that was printed; return the batch's id."""
    world = site.world
    for attempt in world.attempts():
        if attempt.state is AttemptState.PRINTED:
            code = harvests.harvest(
                world.ledger, attempt.ref, attempt.pieces, 0, "", "maker", world.now
            )
            lots.inspect(world.ledger, code, attempt.pieces, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    return batch


def test_the_hospital_counts_its_parcel_in(site, order):
    batch = on_its_way(site, order)
    link, person = link_of(site, order), site.person()
    answer = person.send(
        f"{link}/received/{batch}", at=link, refused="1", lost="0", reason="a sharp edge"
    )
    assert answer.status_code == 303
    assert site.world.books(order).refused == 1
    again = person.send(f"{link}/received/{batch}", at="/ask", refused="0", lost="0")
    assert again.status_code == 303
    assert site.world.books(order).refused == 1
    assert ", 1 refusée<" in re.sub(r"\s*<br>", "<", person.get(link).text)


def test_more_than_was_sent_cannot_be_lost(site, order):
    batch = on_its_way(site, order)
    link = link_of(site, order)
    answer = site.person().send(f"{link}/received/{batch}", at=link, refused="3", lost="3")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert views.batch(site.world.ledger.reading, batch).state is BatchState.DISPATCHED


def test_a_link_receives_its_own_parcels_only(site, order):
    batch = on_its_way(site, order)
    other = site.world.order(2)
    link = link_of(site, other)
    answer = site.person().send(f"{link}/received/{batch}", at="/ask", refused="0", lost="0")
    assert answer.status_code == 404
    assert views.batch(site.world.ledger.reading, batch).state is BatchState.DISPATCHED


def test_forms_work_over_tls_without_a_referer(world, hashed):
    """Pages with a secret address send none."""
    site = Site(world, hashed, secure_cookies=True)
    client = site.app.test_client()
    token = re.search(
        r'csrf_token" value="([^"]+)"', client.get("/sign-in", base_url="https://x").text
    )[1]
    answer = client.post(
        "/sign-in",
        base_url="https://x",
        data={"csrf_token": token, "login": "steward", "password": PASSWORD},
    )
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Strict-Transport-Security" in answer.headers


# --- signing in


def test_signing_in_leads_to_what_waits(site):
    answer = site.person().send("/sign-in", login="steward", password=PASSWORD)
    assert answer.location == "/waiting"


def test_a_page_that_needs_an_account_is_come_back_to(site):
    person = site.person()
    answer = person.get("/fleet")
    assert answer.location == "/sign-in?next=/fleet"
    assert person.send(answer.location, login="maker", password=PASSWORD).location == "/fleet"


@pytest.mark.parametrize("login", ["steward", "nobody", ""])
def test_a_wrong_password_says_no_more_than_that(site, login):
    answer = site.person().send("/sign-in?lang=en", login=login, password="wrong")
    assert answer.status_code == 422
    assert "Login and password do not match." in answer.text
    assert "wrong" not in answer.text.replace("Wrong", "")


def test_guessing_passwords_is_slowed_down_and_signing_in_is_not(world, hashed):
    site = Site(world, hashed, tries_per_hour=3)
    for _ in range(5):
        site.person("steward")
    codes = [
        site.person().send("/sign-in", login="steward", password="x").status_code for _ in range(4)
    ]
    assert codes == [422, 422, 422, 429]


def test_a_session_ends_by_itself(site):
    person = site.person("steward")
    site.world.pass_time(hours=11)
    assert person.get("/orders").status_code == 200
    site.world.pass_time(hours=2)
    assert person.get("/orders").status_code == 303


def test_a_session_ends_with_its_password_and_changes_with_its_role(site, hashed):
    person, world = site.person("steward"), site.world
    add_person(world.ledger, "steward", "S", Role.MAKER, hashed, NODE, world.now)
    assert person.get("/orders").status_code == 403
    add_person(world.ledger, "steward", "S", Role.STEWARD, hash_password("new"), "", world.now)
    assert person.get("/orders").status_code == 303


def test_signing_in_keeps_nothing_of_the_session_before(site):
    person = site.person()
    with person.client.session_transaction() as session:
        session["planted"] = "x"
    person.send("/sign-in", login="steward", password=PASSWORD)
    with person.client.session_transaction() as session:
        assert "planted" not in session


def test_signing_out(site):
    person = site.person("steward")
    person.send("/sign-out", at="/waiting")
    assert person.get("/waiting").status_code == 303


def test_a_form_without_its_token_changes_nothing(site):
    answer = site.app.test_client().post("/ask", data=request_fields(site.world))
    assert answer.status_code == 400
    assert "trop longtemps" in answer.text
    assert views.orders(site.world.ledger.reading) == ()


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/waiting", {"maker", "inspector", "steward"}),
        ("/orders", {"inspector", "steward"}),
        ("/fleet", {"maker", "inspector", "steward"}),
        ("/api/waiting", {"maker", "inspector", "steward"}),
        ("/orders/{order}", {"inspector", "steward"}),
        ("/api/orders/{order}", {"inspector", "steward"}),
        ("/harvest/{ref}", {"maker", "steward"}),
    ],
)
def test_pages_open_for_their_roles_only(site, order, path, allowed):
    path = path.format(order=order, ref=site.world.first(AttemptState.PRINTED))
    for login in PEOPLE:
        assert site.person(login).get(path).status_code == (200 if login in allowed else 403), login
    assert site.person().get(path).status_code == (401 if path.startswith("/api") else 303)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/orders/{asked}/confirm", {"steward"}),
        ("/orders/{asked}/refuse", {"steward"}),
        ("/orders/{order}/pack", {"inspector", "steward"}),
        ("/attempts/{ref}/stop", {"maker", "steward"}),
        ("/attempts/{ref}/write-off", {"steward"}),
        ("/fleet/lab-a/p1/ready", {"maker", "steward"}),
    ],
)
def test_deeds_are_for_their_roles_only(site, order, path, allowed):
    world = site.world
    asked = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    path = path.format(order=order, asked=asked.order_id, ref=world.first(AttemptState.PRINTED))
    before = history.last_event(world.ledger.reading)
    for login in set(PEOPLE) - allowed:
        assert site.person(login).send(path, at="/waiting").status_code == 403, login
    assert site.person().send(path, at="/sign-in").status_code == 303
    assert history.last_event(world.ledger.reading) == before
    for login in allowed:
        answer = site.person(login).send(path, at="/waiting", reason="because", other="because")
        assert answer.status_code in (303, 409), login


def test_a_maker_acts_for_her_own_printers_only(site, order, hashed):
    world = site.world
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, "lab-b", world.now)
    person = site.person("other")
    ref = world.first(AttemptState.PRINTED)
    assert person.get(f"/harvest/{ref}").status_code == 403
    assert person.send(f"/harvest/{ref}", at="/waiting", good="2", scrap="0").status_code == 403
    assert person.send(f"/fleet/{NODE}/{PRINTER}/ready", at="/waiting").status_code == 403
    assert str(ref) not in person.get("/waiting").text


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


def test_only_the_steward_sees_who_asked(site, order):
    assert "01 23 45 67 89" in site.person("steward").get(f"/orders/{order}").text
    page = site.person("inspector").get(f"/orders/{order}").text
    assert "01 23 45 67 89" not in page
    assert "/o/" not in page


def test_the_stewards_page_says_why_and_how_far(site):
    world = site.world
    world.add_lab(grams=1.0)
    order_id = world.order(2)
    world.plan()
    page = site.person("steward").get(f"/orders/{order_id}?lang=en").text
    assert re.search(r"needs [\d.]+ g, 1 g left", page)
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


def test_errors_of_the_api_are_json(site):
    answer = site.person("steward").get("/api/orders/none?lang=en")
    assert answer.status_code == 404
    assert answer.json["error"].startswith("There is nothing here.")


# --- the JSON interface


def test_an_order_as_json(site, order):
    told = site.person("inspector").get(f"/api/orders/{order}").json
    assert told["state"] == "confirmed"
    assert told["books"]["frame"]["ordered"] == 4
    assert {a["state"] for a in told["attempts"]} == {"printed"}
    assert "contact" not in json.dumps(told)


def test_the_waiting_list_as_json(site, order):
    told = site.person("maker").get("/api/waiting").json
    assert {each["kind"] for each in told} == {"harvest"}


@pytest.fixture
def node_key(site):
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    site.world.add_lab()
    nodes.enrol(site.world.ledger, NODE, "Lab", base64.b64encode(raw).decode(), site.world.now)
    return key


def plate_of(site):
    world = site.world
    world.order(2)
    world.plan()
    world.tick()
    return world.attempts()[-1].plate_sha256


def signed(key, sha256, node=NODE, **headers):
    signature = base64.b64encode(key.sign(f"GET /api/files/{sha256}".encode())).decode()
    return {"X-Fabnet-Node": node, "X-Fabnet-Signature": signature} | headers


def test_a_node_fetches_its_plate_in_pieces(site, node_key):
    sha256 = plate_of(site)
    whole = site.world.library.file(sha256).read_bytes()
    client = site.app.test_client()
    path = f"/api/files/{sha256}"
    first = client.get(path, headers=signed(node_key, sha256), buffered=True)
    assert (first.status_code, first.data) == (200, whole)
    rest = client.get(path, headers=signed(node_key, sha256, Range="bytes=100-"), buffered=True)
    assert (rest.status_code, rest.data) == (206, whole[100:])
    beyond = client.get(path, headers=signed(node_key, sha256, Range="bytes=999999999-"))
    assert beyond.status_code == 416


def test_nobody_else_gets_the_plate(site, node_key):
    sha256 = plate_of(site)
    client, path = site.app.test_client(), f"/api/files/{sha256}"
    stranger = Ed25519PrivateKey.generate()
    for headers in (
        {},
        {"X-Fabnet-Node": NODE},
        signed(stranger, sha256),
        signed(node_key, sha256, node="unknown"),
        signed(node_key, "0" * 64),
        {"X-Fabnet-Node": NODE, "X-Fabnet-Signature": "é"},
    ):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json["error"]
    assert site.person("steward").get(path).status_code == 401


def test_a_node_gets_the_plates_of_its_live_attempts_only(site, node_key):
    mesh = site.world.revision.parts[0].facts.mesh_sha256
    client = site.app.test_client()
    for name in (mesh, "0" * 64, "..", "x"):
        answer = client.get(f"/api/files/{name}", headers=signed(node_key, name))
        assert answer.status_code in (403, 404), name


def test_a_plate_that_is_gone_is_said_to_be_gone(site, node_key):
    sha256 = plate_of(site)
    site.world.library.file(sha256).unlink()
    answer = site.app.test_client().get(f"/api/files/{sha256}", headers=signed(node_key, sha256))
    assert answer.status_code == 404
    assert answer.json["error"]


def test_healthz(site):
    answer = site.app.test_client().get("/healthz")
    assert (answer.status_code, answer.data) == (200, b"ok\n")


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
