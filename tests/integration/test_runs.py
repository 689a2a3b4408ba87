"""Runs of volunteer drivers: the stops, her page, and how long it says where people are."""

from datetime import date, time

import pytest

from jobs.coordinator import deliveries
from jobs.coordinator.recalls import begin
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import links, views
from jobs.ledger import runs as reading
from jobs.model import BatchState, StopOutcome
from jobs.recall import Cause, RecallKind
from tests.doubles.pages import sections
from tests.doubles.parcels import (
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

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def site(world, hashed):
    return hub_site(world, hashed)


@pytest.fixture
def batch(site):
    return packed(site.world, 2)


def page_of(world, run):
    return f"/r/{run}/{links.key_of(world.ledger.reading, 'run', run)}"


def test_a_run_leaves_whole_or_not_at_all(site, batch):
    world = site.world
    other = packed(world, 2)
    deliveries.dispatch(world.ledger, other, "inspector", world.now)
    with pytest.raises(RefusedError, match="dispatched already"):
        tour(world, batch, other)
    assert found(world, batch).batch.state is BatchState.PACKED
    assert reading.open_runs(world.ledger.reading) == ()
    for wrong in ({"driver": " "}, {"end": time(13)}, {"day": date(2026, 11, 20)}):
        with pytest.raises(InvalidFieldError):
            tour(world, batch, **wrong)
    for none in ((), (batch, batch)):
        with pytest.raises(InvalidFieldError):
            tour(world, *none)
    with pytest.raises(NotFoundError):
        tour(world, "nothing")


def test_the_drivers_page_from_the_hub_to_the_last_stop(site, batch):
    """Stops in the order of their numbers; delivered is not received; the addresses go with the last word."""
    world, hub = site.world, site.person("inspector")
    other = packed(world, 2)
    assert 'value="2026-11-24"' in hub.get("/deliveries").text, "most runs are of today"
    typed = {"driver": "Dominique", "day": "2026-11-25", "from": "14:00", "to": "16:00"}
    for wrong in ({}, {f"stop_{batch}": "1", f"stop_{other}": "1"}, {f"stop_{batch}": "x"}):
        answer = hub.send("/deliveries/runs", at="/deliveries", **typed, **wrong)
        assert answer.status_code == 422
    order = {f"stop_{batch}": "2", f"stop_{other}": "1"}
    assert hub.send("/deliveries/runs", at="/deliveries", **typed, **order).status_code == 303
    (run,) = reading.open_runs(world.ledger.reading)
    assert [stop.batch_id for stop in run.stops] == [other, batch]
    path, driver = page_of(world, run.id), site.person()
    assert f"https://fabnet.example{path}" in hub.get("/deliveries").text
    text = driver.get(path, headers=ENGLISH).text
    for words in (
        "CHU, urgences",
        "Ada Infirmière",
        "tel:0123456789",
        "Camille, 02 40",
        "Take the parcels along from the hub: <strong>La Halle</strong>",
        "14:00–16:00",
    ):
        assert words in text, words
    assert text.index(other) < text.index(batch)
    assert "/o/" not in text
    assert "/d/" not in text, "a driver cannot say for the hospital what has arrived"
    answer = driver.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "between 14:00 and 16:00" in driver.get(address(world, batch), headers=ENGLISH).text
    bag = driver.get(f"/l/{found(world, batch).batch.lots[0].lot}", headers=ENGLISH).text
    assert "scan the code on the delivery note" in bag
    assert "Camille, 02 40" in bag
    bag = hub.get(f"/l/{found(world, batch).batch.lots[0].lot}", headers=ENGLISH).text
    assert "scan the code on the delivery note" not in bag
    assert driver.send(f"{path}/1", at=path, outcome="delivered").status_code == 303
    assert driver.send(f"{path}/1", at=path, outcome="delivered").status_code == 303
    assert driver.send(f"{path}/1", at=path, outcome="nobody-there").status_code == 409
    parcel = found(world, other)
    assert (parcel.batch.state, parcel.handed_at) == (BatchState.DISPATCHED, world.now)
    assert (books(world, other).in_transit, books(world, other).delivered) == (2, 0)
    assert driver.send(f"{path}/2", at=path, outcome="refused-at-the-door").status_code == 422
    assert driver.send(f"{path}/2", at=path, outcome="received").status_code == 422
    assert driver.send(f"{path}/2", at=path, outcome="nobody-there").status_code == 303
    assert (books(world, batch).in_transit, books(world, batch).at_hub) == (0, 2)
    assert kinds(world, batch) == ["packed", "dispatched", "nobody-there"]
    text = driver.get(path, headers=ENGLISH).text
    assert "This run is over" in text
    for gone in ("CHU", "Ada", "0123456789", other):
        assert gone not in text, gone
    assert batch in text, "this one goes back"
    page = sections(hub.get("/deliveries", headers=ENGLISH).text)
    assert "nobody was there comes back with Dominique" in page
    assert page.count("comes back with") == 1
    assert reading.open_runs(world.ledger.reading) == ()
    count = deliveries.Count(damaged=1)
    deliveries.receive(world.ledger, other, count, "requester", world.now)
    assert (books(world, other).delivered, books(world, other).refused) == (1, 1)


def test_addresses_go_a_day_after_the_window_whatever_was_said(site, batch):
    world = site.world
    path = page_of(world, tour(world, batch))
    world.pass_time(hours=49)  # from noon, UTC, to 14:00 in Paris two days later
    assert "CHU" in site.person().get(path).text
    world.pass_time(hours=2)
    text = site.person().get(path).text
    assert "CHU" not in text
    assert "Ada" not in text
    answer = site.person().send(f"{path}/1", at="/ask", outcome="delivered")
    assert answer.status_code == 409
    assert found(world, batch).handed_at is None


def test_only_its_own_address_opens_a_run(site, batch):
    world = site.world
    run, other = tour(world, batch), tour(world, packed(world, 2))
    path, nobody = page_of(world, run), site.person()
    key = path.rpartition("/")[2]
    for wrong in (path[:-1], f"/r/{other}/{key}", f"/r/nothing/{key}", f"/d/{batch}/{key}"):
        assert nobody.get(wrong).status_code == 404
    answer = nobody.send(f"/r/{other}/{key}/1", at="/ask", outcome="delivered")
    assert answer.status_code == 404
    assert nobody.send(f"{path}/9", at=path, outcome="delivered").status_code == 404
    assert nobody.get("/deliveries").status_code == 303
    assert site.person("maker").get("/deliveries").status_code == 403


def test_what_the_hospital_has_counted_is_not_brought_back_by_a_late_driver(site, batch):
    world = site.world
    run = tour(world, batch)
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    assert reading.open_runs(world.ledger.reading) == (), "nothing of it is on its way"
    say(world, run, 1, StopOutcome.NOBODY)
    assert found(world, batch).batch.state is BatchState.RECEIVED
    assert books(world, batch).delivered == 2


def test_a_parcel_that_came_back_and_left_on_another_run_is_not_moved_by_the_first(site, batch):
    world = site.world
    first = tour(world, batch)
    deliveries.come_back(world.ledger, batch, "flat tyre", "steward", world.now)
    second = tour(world, batch)
    say(world, first, 1, StopOutcome.REFUSED, "too late")
    assert found(world, batch).batch.state is BatchState.DISPATCHED
    assert found(world, batch).run.id == second


def test_a_lot_called_back_on_its_way_does_not_leave_a_second_time(site, batch):
    world = site.world
    run = tour(world, batch)
    lot = views.batch(world.ledger.reading, batch).lots[0].lot
    begin(world.ledger, Cause(kind=RecallKind.LOT, value=lot), "a sharp edge", "steward", world.now)
    order_id = order_of(world, batch)
    path = page_of(world, run)
    page = site.person().get(path, headers=ENGLISH).text
    assert "Called back: do not hand it over." in page
    back = {"outcome": "refused-at-the-door", "reason": "called back while it was on its way"}
    assert back["reason"] in page
    assert site.person().send(f"{path}/1", at=path, **back).status_code == 303
    assert not views.lot(world.ledger.reading, lot).batches
    assert world.books(order_id).in_transit == 0
    assert "Dominique" not in site.person("inspector").get("/deliveries").text
    assert site.person().get(page_of(world, run)).status_code == 200
