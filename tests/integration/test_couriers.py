"""How parcels leave: fetched, or with a carrier; what comes back; what waits for a signature."""

import re
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.config import MailConfig
from fabnet.telling_service import TellingService
from jobs.carriers import KnownCarrier
from jobs.coordinator import deliveries, needs, orders, reviews
from jobs.coordinator.couriers import Carrier, HandPickUp
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.model import BatchState, CourierKind, Role, StopOutcome
from tests.doubles.mail_server import MailServer
from tests.doubles.pages import Site
from tests.doubles.parcels import (
    PARIS,
    address,
    books,
    found,
    hub_site,
    kinds,
    order_of,
    packed,
    say,
    tour,
)
from tests.integration.test_deliveries import VISOR
from web.letters import Letterhead

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def site(world, hashed):
    return hub_site(world, hashed)


@pytest.fixture
def batch(site):
    return packed(site.world, 2)


# --- fetched, or by a carrier


def test_a_carriers_number_is_typed_once_and_shown_to_the_requester(site, batch):
    world = site.world
    for name, tracking in (("", "XY123"), ("Chronopost", ""), ("x" * 101, "XY123"), ("C", "<b>")):
        with pytest.raises(InvalidFieldError):
            deliveries.dispatch(
                world.ledger, batch, "inspector", world.now, Carrier(name=name, tracking=tracking)
            )
    assert found(world, batch).batch.state is BatchState.PACKED
    person = site.person("inspector")
    answer = person.send(f"/batches/{batch}/carrier", at="/deliveries", carrier="La Poste")
    assert answer.status_code == 422
    assert "La Poste" in answer.text
    typed = {"carrier": " La  Poste ", "tracking": "6A 12345 67890"}
    answer = person.send(f"/batches/{batch}/carrier", at="/deliveries", **typed)
    assert answer.status_code == 303
    assert person.send(f"/batches/{batch}/carrier", at="/deliveries", **typed).status_code == 303
    assert kinds(world, batch) == ["packed", "dispatched"]
    said = "La Poste brings it, under the number 6A 12345 67890."
    assert said in site.person().get(address(world, batch), headers=ENGLISH).text
    assert "6A 12345 67890" in person.get("/deliveries").text


def test_the_number_of_a_known_carrier_is_a_link_for_hub_and_hospital(world, hashed):
    world.add_lab()
    known = KnownCarrier(name="La Poste", track="https://post.example/suivi?code={number}")
    site = Site(world, hashed, carriers=(known,))
    batch = packed(world, 2)
    person = site.person("inspector")
    assert '<option value="La Poste">' in person.get("/deliveries").text
    typed = {"carrier": "la poste", "tracking": "6A 123"}
    assert person.send(f"/batches/{batch}/carrier", at="/deliveries", **typed).status_code == 303
    link = 'href="https://post.example/suivi?code=6A123" rel="noreferrer"'
    assert link in person.get("/deliveries").text
    assert link in site.person().get(address(world, batch)).text
    order = orders.link_of(world.ledger, order_of(world, batch))
    assert link in site.person().get(f"/o/{order}").text


def test_one_parcel_is_the_first_stop_and_its_note_is_where_it_is_handed_over(site, batch):
    person = site.person("inspector")
    field = re.search(rf'<input[^>]*name="stop_{batch}"[^>]*>', person.get("/deliveries").text)
    assert 'value="1"' in field[0]
    assert f'href="/batches/{batch}/note.pdf"' in person.get("/waiting").text


def test_somebody_fetches_it(site, batch):
    world = site.world
    person = site.person("inspector")
    answer = person.send(f"/batches/{batch}/hand", at="/deliveries", name="Ada")
    assert answer.status_code == 303
    assert (found(world, batch).courier, found(world, batch).carrier) == (CourierKind.HAND, "Ada")
    assert books(world, batch).in_transit == 2


def test_a_bag_that_holds_more_than_is_still_needed_says_so_on_its_parcel(site, batch):
    world, order = site.world, order_of(site.world, batch)
    assert "a bag is never opened" not in site.person().get(address(world, batch)).text
    needs.answer(world.ledger, order, 1, "requester", world.now)
    again = deliveries.pack(world.ledger, order, "inspector", world.now)
    text = site.person().get(address(world, again), headers=ENGLISH).text
    assert "1 piece more than you have ordered" in text


def test_it_comes_back_with_a_reason_and_leaves_again(site, batch):
    world, person = site.world, site.person("inspector")
    with pytest.raises(RefusedError):
        deliveries.come_back(world.ledger, batch, "wrong address", "inspector", world.now)
    deliveries.dispatch(
        world.ledger, batch, "inspector", world.now, Carrier(name="La Poste", tracking="6A123")
    )
    back = f"/batches/{batch}/back"
    assert person.send(back, at="/deliveries", reason=" ").status_code == 422
    assert person.send(back, at="/deliveries", reason="wrong address").status_code == 303
    assert (books(world, batch).in_transit, books(world, batch).at_hub) == (0, 2)
    assert found(world, batch).tracking == ""
    deliveries.dispatch(world.ledger, batch, "inspector", world.now, HandPickUp())
    assert kinds(world, batch) == ["packed", "dispatched", "came-back", "dispatched"]


def test_a_carrier_may_lose_a_parcel_and_all_of_it_is_made_again(site, batch):
    world, hub = site.world, site.person("inspector")
    assert hub.get(f"/batches/{batch}/address.pdf").data.startswith(b"%PDF")
    assert site.person("maker").get(f"/batches/{batch}/address.pdf").status_code == 403
    path = f"/batches/{batch}/lost"
    assert hub.send(path, at="/deliveries", lost_reason="gone").status_code == 409
    deliveries.dispatch(
        world.ledger, batch, "inspector", world.now, Carrier(name="Poste", tracking="AB123")
    )
    assert hub.send(path, at="/deliveries", lost_reason="").status_code == 422
    assert hub.send(path, at="/deliveries", lost_reason="no trace of it").status_code == 303
    found = books(world, batch)
    assert (found.in_transit, found.lost, found.delivered, found.deficit) == (0, 2, 0, 2)
    assert kinds(world, batch) == ["packed", "dispatched", "lost-on-the-way"]
    page = site.person().get(address(world, batch), headers=ENGLISH).text
    assert "What is missing or refused will be made again." in page
    assert "lost on the way" in page
    assert "Thank you for counting" not in page


# --- the signature


def test_a_parcel_waits_until_a_second_person_has_released_its_bags(site, batch):
    """One signature, on the bag: asked for after it was packed, and again when it came back."""
    world, steward = site.world, site.person("steward")
    reviews.choose_profile(world.ledger, world.revision, VISOR, "Ada", world.now)
    (lot,) = (each.lot for each in views.batch(world.ledger.reading, batch).lots)
    with pytest.raises(RefusedError, match="waits for a second person"):
        deliveries.dispatch(world.ledger, batch, "steward", world.now)
    with pytest.raises(RefusedError, match="waits for a second person"):
        tour(world, batch)
    assert {w.kind for w in waiting(world.ledger.reading, Role.INSPECTOR)} == {"release"}
    assert site.person("inspector").get("/api/waiting").json == []  # it was she who looked at it
    text = steward.get("/deliveries").text
    assert f'/l/{lot}"' in text
    assert f"/batches/{batch}/hand" not in text
    path = f"/l/{lot}"
    assert site.person("inspector").send(f"{path}/sign", at="/hub").status_code == 409
    for _twice in range(2):
        assert steward.send(f"{path}/sign", at="/hub").status_code == 303
    assert {w.kind for w in waiting(world.ledger.reading, Role.INSPECTOR)} == {"dispatch"}
    assert f"/batches/{batch}/hand" in steward.get("/deliveries").text
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert kinds(world, batch) == ["packed", "dispatched"]
    deliveries.come_back(world.ledger, batch, "the box is open", "inspector", world.now)
    with pytest.raises(RefusedError, match="waits for a second person"):
        deliveries.dispatch(world.ledger, batch, "steward", world.now)


# --- letters


@pytest.fixture
def server():
    found = MailServer().start()
    yield found
    found.stop()


def test_letters_say_how_it_comes_and_that_it_was_handed_over_in_her_language(site, server):
    """Real SMTP: a carrier's number in English, a driver's window in French, then that it is there."""
    world = site.world
    world.now = clock.now()
    english = packed(world, 2, contact="ada@chu.example", language="en")
    french = packed(world, 2, contact="lise@chu.example", language="fr")
    with world.ledger.transaction() as db:
        db.execute("delete from notice")
    followed = Carrier(name="La Poste", tracking="6A123456", link="https://post.example/6A123456")
    deliveries.dispatch(world.ledger, english, "inspector", world.now, followed)
    day = world.now.astimezone(PARIS).date() + timedelta(days=1)
    run = tour(world, french, day=day)
    say(world, run, 1, StopOutcome.DELIVERED)
    config = MailConfig(
        host="127.0.0.1", port=server.port, security="none", sender="fabnet <fabnet@example.org>"
    )
    service = TellingService(
        world.ledger, config, Letterhead(network="N", public_url="https://f.example", secret=b"k"), PARIS
    )  # fmt: skip
    service.start()
    try:
        letters = {(m["To"], m["Subject"]): m.get_content() for m in server.wait(3)}
    finally:
        service.stop()
    sent = letters["ada@chu.example", "A parcel is on its way to you"]
    assert "La Poste brings it, under the number 6A123456." in sent
    assert "https://post.example/6A123456" in sent
    link = orders.link_of(world.ledger, order_of(world, english))
    assert f"https://f.example/o/{link}" in sent
    sent = letters["lise@chu.example", "Un colis est en route vers vous"]
    assert "entre 14:00 et 16:00" in sent
    assert "Dominique" not in sent
    handed = letters["lise@chu.example", "Un colis vous a été remis"]
    assert f"/o/{orders.link_of(world.ledger, order_of(world, french))}" in handed


def test_a_parcel_that_leaves_again_is_told_again(site):
    world = site.world
    batch = packed(world, 2, contact="ada@chu.example")
    for _twice in range(2):
        deliveries.dispatch(world.ledger, batch, "inspector", world.now)
        deliveries.come_back(world.ledger, batch, "wrong ward", "inspector", world.now)
    told = world.ledger.reading.execute("select count(*) from notice where kind = 'order-sent'")
    assert told.fetchone()[0] == 2
