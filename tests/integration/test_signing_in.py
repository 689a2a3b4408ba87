"""Who is let in, for how long, and which pages and deeds are for which role."""

import re

import pytest

from jobs.coordinator import orders
from jobs.coordinator.people import add_person
from jobs.ledger import history, views
from jobs.lifecycle import AttemptState
from jobs.model import Role
from tests.doubles.pages import PASSWORD, PEOPLE, Site, request_fields
from tests.doubles.world import NODE, PRINTER, a_request
from web.auth import hash_password


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


def test_only_the_steward_sees_who_asked(site, order):
    assert "01 23 45 67 89" in site.person("steward").get(f"/orders/{order}").text
    page = site.person("inspector").get(f"/orders/{order}").text
    assert "01 23 45 67 89" not in page
    assert "/o/" not in page
