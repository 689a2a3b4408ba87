"""From the label on a bag to everyone who has others like it, on pages alone."""

import re

import pytest

from jobs.coordinator import orders, retention
from jobs.ledger import recalls, views
from tests.doubles.lots import accepts, delivered, makes_a_lot
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.parcels import address


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    return Site(world, hashed)


def link_of(site, order_id):
    return orders.link_of(site.world.ledger, order_id)


def first_lot(world, order_id):
    return views.order_view(world.ledger.reading, order_id).lots[0].code


def calls_back(site, code, cause, who="inspector", reason="a sharp edge"):
    return site.person(who).send(f"/l/{code}/recall", cause=cause, reason=reason)


def test_who_scans_the_note_of_a_parcel_reads_that_a_bag_of_it_is_called_back(site):
    world = site.world
    order_id = delivered(world, 4)
    path = address(world, views.order_view(world.ledger.reading, order_id).batches[0].id)
    other, code = (lot.code for lot in views.order_view(world.ledger.reading, order_id).lots)
    assert "Called back" not in site.person().get(f"{path}?lang=en").text
    answer = calls_back(site, code, f"lot:{code}")
    page = site.person().get(f"{path}?lang=en").text
    said = page[page.index("Called back") : page.index("Is something wrong with pieces?")]
    assert "a sharp edge" in said
    assert code in said
    assert other not in said
    end = {"verdict": "good", "reason": "looked at"}
    ended = site.person("steward").send(f"{answer.location}/end", at=answer.location, **end)
    assert ended.status_code == 303
    assert "Called back" not in site.person().get(f"{path}?lang=en").text


def test_a_nurse_reads_it_and_answers(site):
    world = site.world
    order_id = delivered(world)
    code = first_lot(world, order_id)
    inspector = site.person("inspector")
    assert "Find bags like it…" in inspector.get(f"/l/{code}?lang=en").text
    assert "1 recipient has some" in inspector.get(f"/l/{code}/recall?lang=en").text
    answer = calls_back(site, code, "printer:lab-a/p1")
    assert answer.status_code == 303
    page = inspector.get(answer.location + "?lang=en").text
    assert "CHU, urgences" in page
    assert "no answer yet" in page
    recall_id = answer.location.rsplit("/", 1)[1]
    path = f"/o/{link_of(site, order_id)}"
    nurse = site.person()
    page = nurse.get(f"{path}?lang=en").text
    assert "Please put 1 piece aside: it is called back" in page
    assert "a sharp edge" in page
    assert code in page
    said = f"{path}/recalled/{recall_id}"
    assert nurse.send(said, at=path, set_aside="7").status_code == 422
    assert nurse.send(said, at=path, set_aside="1").status_code == 303
    assert "You have put 1 piece aside" in nurse.get(f"{path}?lang=en").text
    assert "has answered" in inspector.get(answer.location + "?lang=en").text
    steward = site.person("steward")
    waived = f"/recalls/{recall_id}/orders/{order_id}/waive"
    assert steward.send(waived, at=f"/recalls/{recall_id}").status_code == 303
    assert world.books(order_id).to_make == 0


def test_of_pieces_whose_requester_is_forgotten_the_page_says_whom_to_telephone(site):
    world = site.world
    order_id = delivered(world)
    code = first_lot(world, order_id)
    retention.erase(world.ledger, order_id, "steward", world.now)
    answer = calls_back(site, code, f"lot:{code}")
    page = site.person("inspector").get(f"{answer.location}?lang=en").text
    assert "no letter went out. Telephone the switchboard of CHU, urgences" in page
    nurse = site.person()
    path = f"/o/{link_of(site, order_id)}"
    assert "Please put 1 piece aside" in nurse.get(f"{path}?lang=en").text
    recall_id = answer.location.rsplit("/", 1)[1]
    nurse.send(f"{path}/recalled/{recall_id}", at=path, set_aside="1")
    assert "switchboard" not in site.person("inspector").get(f"{answer.location}?lang=en").text


def test_bags_that_may_have_the_same_fault_are_seen_before_anything_is_called_back(site):
    world = site.world
    gone = first_lot(world, delivered(world))
    world.order(1)
    code = makes_a_lot(world)
    accepts(world, code)
    page = site.person("inspector").get(f"/l/{code}/recall?lang=en").text
    assert "Show these 2 bags" in page
    assert f'/l/{gone}"' in page
    assert "received by CHU, urgences, in parcel" in page
    assert "at the hub" in page
    assert recalls.recalls(world.ledger.reading) == ()


def test_who_scans_a_bag_before_signing_in_comes_back_to_it(site):
    world = site.world
    world.order(1)
    code = makes_a_lot(world)
    person = site.person()
    recall, back = re.findall(r'href="(/sign-in\?next=[^"]+)"', person.get(f"/l/{code}").text)
    assert "vous revenez à ce sachet" in person.get(recall).text
    answer = person.send(back, login="inspector", password=PASSWORD)
    assert answer.status_code == 303
    assert answer.location.endswith(f"/l/{code}")
    answer = site.person().send(recall, login="inspector", password=PASSWORD)
    assert answer.location.endswith(f"/l/{code}/recall")
    assert "/sign-in?next" not in person.get(f"/l/{code}").text


def test_whoever_scans_the_bag_reads_not_to_use_it(site):
    world = site.world
    order_id = delivered(world)
    code = first_lot(world, order_id)
    calls_back(site, code, f"lot:{code}")
    page = site.person().get(f"/l/{code}?lang=en").text
    assert "Called back: do not use it." in page
    assert re.findall(r'badge (s-\w+)">([^<]+)', page) == [("s-fault", "do not use it")]
    assert "note good" not in page
    assert "<dd>Visor frame</dd>" in page
    label = site.person().get(f"/l/{code}/label?lang=en").text
    assert '<p class="label-part">Visor frame</p>' in label
    assert "/recalls/" not in page


def test_what_has_not_left_is_listed_and_its_end_is_a_stewards(site):
    world = site.world
    world.order(1)
    code = makes_a_lot(world)
    accepts(world, code)
    answer = calls_back(site, code, f"revision:{world.revision.id}")
    page = site.person("inspector").get(answer.location + "?lang=en").text
    assert "Nobody: nothing of it has left." in page
    assert "at the hub" in page
    end = f"{answer.location}/end"
    said = {"verdict": "bad", "reason": "thrown away"}
    assert site.person("inspector").send(end, at="/waiting", **said).status_code == 403
    steward = site.person("steward")
    assert steward.send(end, at=answer.location, verdict="bad", reason="").status_code == 422
    assert steward.send(end, at=answer.location, **said).status_code == 303
    page = steward.get("/recalls?lang=en").text
    assert re.search(r"badge s-ended", page)
    assert not recalls.recalls(world.ledger.reading)[0].is_open


def test_bad_answers_are_said_beside_their_field(site):
    world = site.world
    world.order(1)
    code = makes_a_lot(world)
    for cause, reason in (("printer:lab-b/p1", "why"), (f"lot:{code}", " "), ("", "why")):
        answer = calls_back(site, code, cause, reason=reason)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert recalls.recalls(world.ledger.reading) == ()
    assert site.person("inspector").get("/l/NONE-1X/recall").status_code == 404
    assert site.person("inspector").get("/recalls/none").status_code == 404
    found = site.person("inspector").get(f"/recalls?lot={code.lower()}")
    assert found.location.endswith("/recall")


def test_another_orders_link_answers_nothing(site):
    world = site.world
    order_id = delivered(world)
    answer = calls_back(site, first_lot(world, order_id), "printer:lab-a/p1")
    recall_id = answer.location.rsplit("/", 1)[1]
    path = f"/o/{link_of(site, world.order(1))}"
    nurse = site.person()
    assert nurse.send(f"{path}/recalled/{recall_id}", at="/ask", set_aside="0").status_code == 404


def test_of_a_large_bag_a_sample_is_tried(site):
    world = site.world
    world.order(1)
    code = makes_a_lot(world)
    with world.ledger.transaction() as db:
        db.execute("update harvest set good = 200")
        db.execute("update lot set good = 200")
        db.execute("update line set surplus = surplus + 199")
    page = site.person("inspector").get(f"/l/{code}?lang=en").text
    assert "try 32 pieces taken at random" in page
    assert "With 2 bad ones at most" in page
