"""What a requester sees and may do: asking, her secret link, counting a parcel in."""

import re

from jobs.coordinator import deliveries, harvests, lots, orders
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from jobs.model import BatchState, OrderState
from tests.doubles.pages import Site, link_of, request_fields
from tests.doubles.world import CATALOGUE, NODE, a_request


def test_asking_leads_to_the_secret_link(site):
    person = site.person()
    answer = person.send("/ask", **request_fields(site.world))
    assert answer.status_code == 303
    page = person.get(answer.location)
    assert "https://fabnet.example/o/" in page.text
    (kept,) = views.orders(site.world.ledger.reading)
    assert (kept.request.kits, kept.request.language, kept.state) == (40, "fr", OrderState.ASKED)


def test_a_nurse_chooses_by_what_is_in_it_and_reads_a_version_only_where_two_are_offered(site):
    site.world.library.add_design(CATALOGUE / "door-hook-pouch")
    page = site.person().get("/ask?lang=en").text
    assert "1 × Hook, 1 × Cloth pouch" in page
    assert "version 1.0.0" not in page
    assert "version 1.0.0" in site.person("steward").get("/ask?lang=en").text


def test_a_steward_writes_down_what_is_asked_by_telephone(site):
    person = site.person("steward")
    assert 'href="/ask"' in person.get("/orders").text
    assert "Nom du demandeur" in person.get("/ask").text
    for number in range(3):  # the limit for strangers does not count them
        answer = person.send("/ask", **request_fields(site.world) | {"place": f"EHPAD {number}"})
        assert answer.status_code == 303
    kept = {each.request.place: each.id for each in views.orders(site.world.ledger.reading)}
    assert answer.location == f"/orders/{kept['EHPAD 2']}"
    page = person.get(answer.location).text
    assert "https://fabnet.example/o/" in page, "the link for the caller"
    assert f'<dd class="code">{kept["EHPAD 2"]}</dd>' in page
    assert "Votre nom" in site.person().get("/ask").text


def test_a_steward_adds_what_else_the_hospital_said_and_words_stay(site):
    asked = site.person().send("/ask", **request_fields(site.world, note="Sonner deux fois"))
    assert asked.status_code == 303
    (order,) = views.orders(site.world.ledger.reading)
    page, steward = f"/orders/{order.id}", site.person("steward")
    answer = steward.send(f"{page}/facts", at=page, finess="2A12", stock_jours="x")
    assert answer.status_code == 422
    assert answer.text.count("aria-invalid") == 2
    said = {"finess": "2a 0000014", "reference_externe": "BC-118", "stock_jours": "3"}
    assert steward.send(f"{page}/facts", at=page, **said).status_code == 303
    note = views.order(site.world.ledger.reading, order.id).request.note
    assert note == "reference_externe: BC-118\nfiness: 2A0000014\nstock_jours: 3\nSonner deux fois"
    text = steward.get(page).text
    assert "<dd>2A0000014</dd>" in text
    assert "<dd>Sonner deux fois</dd>" in text
    assert site.person("inspector").send(f"{page}/facts", at="/waiting").status_code == 403


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
    page = person.get(link).text
    assert ", 1 refusée<" in re.sub(r"\s*<br>", "<", page)
    assert re.search(rf'href="/d/{batch}/[^"]+#wrong">Un défaut sur des pièces', page)
    site.world.can(NODE, paused=True)
    site.world.plan()
    page = person.get(f"{link}?lang=en").text
    assert "1 piece has no place yet: no printer can take them yet</li>" in page


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
