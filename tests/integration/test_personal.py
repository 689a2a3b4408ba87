"""A requester's name and contact: on no page that need not have them; exported, and erased by hand and time."""

import json
from base64 import b64encode
from datetime import timedelta

import pytest

from jobs.coordinator import (
    first_mile,
    needs,
    orders,
    recalls,
    retention,
    runs,
)
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import complaints as wrongs
from jobs.ledger import first_mile as custody
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.model import Role, StopOutcome
from jobs.retention import limits
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import PEOPLE
from tests.doubles.story import (
    DRIVER,
    MAIL,
    NAME,
    PERSONAL,
    PHONE,
    addresses,
    calls_back,
    driven_of,
    story_of,
)
from tests.doubles.world import NODE, a_request
from web.auth import PERMISSIONS

#: Who needs to read them, and where.
NEEDS = {
    ("steward", "orders.show"),
    ("steward", "recalls.show"),
    ("inspector", "recalls.show"),  # they telephone who has pieces
    # The driver asks for her at the door. Her delivery note is a PDF, for the ward itself.
    *((who, "deliveries.run") for who in (None, "maker", "inspector", "steward")),
}


@pytest.fixture
def story(world, hashed):
    return story_of(world, hashed)


@pytest.fixture
def driven(story):
    return driven_of(story)


@pytest.mark.parametrize("who", [None, *PEOPLE])
def test_no_page_shows_who_asked_but_those_that_need_it(driven, who):
    story = driven
    recall_id = calls_back(story)
    person = story.site.person(who)
    seen, shown = set(), set()
    for rule in story.site.app.url_map.iter_rules():
        # A stream sends numbers of versions, and does not end.
        if "GET" not in rule.methods or rule.endpoint.endswith(("live", "static")):
            continue
        for path in addresses(story, rule, recall_id):
            with person.get(path) as answer:
                text = answer.get_data().decode("utf-8", "replace")
            if answer.status_code == 200:
                seen.add(rule.endpoint)
            if any(word in text for word in PERSONAL):
                shown.add((who, rule.endpoint))
    assert shown == {(role, page) for role, page in NEEDS if role == who}
    role = None if who is None else Role(who)
    open_pages = {e for e, rule in PERMISSIONS.items() if rule == "public" or role in rule}
    # The walk has really been on the pages of orders, bags, beds and labs.
    must = {"requesters.follow", "lots.show", "orders.show", "recalls.show", "harvests.count",
            "deliveries.parcel", "deliveries.index", "pickups.show", "pickups.run",
            "complaints.index"}  # fmt: skip
    assert must & open_pages <= seen


def old(world, days):
    world.pass_time(days=days)
    return retention.sweep(world.ledger, limits(world.now), world.now)


def request_of(world, order_id):
    return views.order(world.ledger.reading, order_id).request


def everything(world):
    """The ledger as rows of text."""
    reading = world.ledger.reading
    tables = [r[0] for r in reading.execute("select name from sqlite_master where type = 'table'")]
    return "\n".join(str(tuple(r)) for t in tables for r in reading.execute(f"select * from {t}"))


def test_what_is_over_is_forgotten_after_its_time_and_its_trace_stays(story):
    assert old(story, 89) == 0
    assert request_of(story, story.done).requester == NAME
    assert old(story, 2) == 1
    assert old(story, 0) == 0
    asked = request_of(story, story.done)
    assert (asked.requester, asked.contact, asked.note) == ("", "", "")
    assert asked.place == "CHU, urgences"
    view = views.order_view(story.ledger.reading, story.done)
    assert [lot.code for lot in view.lots] == [story.code]
    assert view.batches[0].lots[0].received == 2
    # The other order is still being made: she must be reached.
    assert request_of(story, story.open).requester == NAME


def test_a_clock_that_is_years_ahead_erases_nobody_and_the_steward_reads_of_it(story, caplog):
    started, boot = story.now, "before"

    def rounds(days, now_s):
        story.now = started + timedelta(days=days)
        by = retention.follow(story.ledger, started - timedelta(days=9), story.now, now_s, boot)
        return retention.sweep(story.ledger, limits(by), story.now), by

    assert rounds(0, 1000.0) == (0, started)
    assert rounds(1 / 24, 4600.0) == (0, story.now)
    assert not caplog.text
    boot = "after"  # the machine begins with another date
    erased, by = rounds(4000, 60.0)
    assert not erased
    assert by < started + timedelta(days=1)
    assert "set it if it is wrong" in caplog.text
    page = story.site.person("steward").get("/personal?lang=en").text
    assert 'The server’s clock shows <time datetime="2037-11-06' in page
    assert 'as if it were <time datetime="2026-11-24' in page
    assert request_of(story, story.done).requester == NAME
    assert retention.known(story.ledger, MAIL, story.now).letters
    # It is set, and all is as it was; who lets it be wrong for a fortnight loses what is 90 days old.
    assert rounds(0.1, 7200.0) == (0, story.now)
    assert "leapt ahead" not in story.site.person("steward").get("/personal?lang=en").text
    assert rounds(4000, 14 * 86_400.0)[0] == 1


def test_nobody_is_forgotten_whose_pieces_are_called_back(story):
    recall_id = calls_back(story)
    deliveries_state = views.order(story.ledger.reading, story.done).state
    assert deliveries_state == "confirmed"  # others are made instead
    recalls.waive(story.ledger, recall_id, story.done, "steward", story.now)
    assert old(story, 400) == 0
    with pytest.raises(RefusedError, match="called back"):
        retention.erase(story.ledger, story.done, "steward", story.now)
    recalls.end(story.ledger, recall_id, "all good", "steward", story.now, good=True)
    assert old(story, 0) == 1


def test_a_refused_order_keeps_no_word_of_it(story):
    request = a_request(story.revision, 2, requester=NAME, contact=PHONE)
    order_id = orders.place(story.ledger, request, story.revision, story.now).order_id
    orders.refuse(story.ledger, order_id, f"{NAME} is not known there", "steward", story.now)
    old(story, 91)
    needs.answer(story.ledger, story.open, 0, "requester", story.now, f"{NAME} has left")
    retention.erase(story.ledger, story.open, "steward", story.now)
    left = everything(story)
    assert not [word for word in PERSONAL if word in left]


def test_a_steward_exports_and_erases_what_a_requester_asks_for(story):
    steward = story.site.person("steward")
    page = steward.send("/personal", who=MAIL.upper(), deed="look").text
    assert page.count("CHU, urgences") == 2
    told = json.loads(steward.send("/personal", who="0033698765432", deed="export").data)
    assert [order["name"] for order in told["orders"]] == [NAME]
    assert told["thanks"] == ["Merci de la part de Zélie"]
    page = steward.send("/personal?lang=en", at="/personal", who=NAME, deed="erase").text
    assert "Who asked is erased from 1 order." in page
    assert "cancel it, or wait until it is delivered" in page
    assert request_of(story, story.done).contact == ""
    assert "erased" in steward.get(f"/orders/{story.done}?lang=en").text
    # Her own page still tells where her pieces are, and the bag still knows where it went.
    link = orders.link_of(story.ledger, story.done)
    assert story.code in story.site.person().get(f"/o/{link}").text
    assert steward.send("/personal", who="personne", deed="look").status_code == 404
    with pytest.raises(NotFoundError):
        retention.known(story.ledger, PHONE, story.now)


def test_letters_and_thanks_have_their_own_time(story):
    letters = retention.known(story.ledger, MAIL, story.now).letters
    assert {letter.ref for letter in letters} == {story.done, story.open}
    old(story, 31)
    db = story.ledger.reading
    assert db.execute("select count(*) from notice").fetchone()[0] == 0
    assert db.execute("select count(*) from batch where thanks != ''").fetchone()[0] == 1
    with story.ledger.transaction() as writing:
        writing.execute("update orders set erased_at = ?", (story.now.isoformat(),))
    story.pass_time(days=400)
    retention.sweep(story.ledger, limits(story.now), story.now)
    assert db.execute("select count(*) from batch where thanks != ''").fetchone()[0] == 0


def is_refused_at_the_door(story):
    why = f"{NAME} is not there"
    runs.say(story.ledger, story.run, 1, StopOutcome.REFUSED, why, story.now)


def test_a_driver_is_forgotten_after_her_time_and_the_chain_of_custody_stays(driven):
    is_refused_at_the_door(driven)
    old(driven, 30)
    assert DRIVER in everything(driven)
    old(driven, 2)
    assert DRIVER not in everything(driven)
    trail = custody.handovers(driven.ledger.reading, driven.bag)
    assert [each.holder for each in trail] == ["", "Inspector"]
    page = driven.site.person("inspector").get(f"/l/{driven.bag}?lang=en").text
    assert "a driver" in page


def test_a_driver_is_forgotten_of_whose_bags_and_parcels_nobody_says_what_came(driven):
    db = driven.ledger.reading
    driven.order(6)
    taken, waits = makes_a_lot(driven), makes_a_lot(driven)
    ready_at = driven.now + timedelta(days=1)
    on_way, stays = (
        first_mile.announce(driven.ledger, NODE, [code], at, "here", "maker", driven.now)
        for code, at in ((taken, driven.now), (waits, ready_at))
    )
    for each in (on_way, stays):
        first_mile.give(driven.ledger, each, DRIVER, driven.now)
    first_mile.take(driven.ledger, on_way, [taken], "driver", driven.now)
    with (
        driven.ledger.transaction() as writing
    ):  # who fetched it with a name, and nobody counted it
        writing.execute("update batch set courier = 'hand', carrier = ?, run = ''", (DRIVER,))
    old(driven, 30)
    assert (custody.pickup(db, on_way).driver, custody.pickup(db, stays).driver) == (DRIVER, DRIVER)
    old(driven, 2)
    assert DRIVER not in everything(driven)
    assert [each.holder for each in custody.handovers(db, taken)] == [""]
    steward = driven.site.person("steward")
    page = steward.get(f"/pickups/{on_way}?lang=en").text
    assert "Who had the bags is not kept any more." in page
    assert "QR code of the run" not in steward.get(f"/pickups/{stays}?lang=en").text
    asked = [
        each.key for each in waiting(db, Role.STEWARD, now=driven.now) if each.kind == "pickup"
    ]
    assert asked == [stays], "the one that nobody drove is to be given again"


def test_a_driver_reads_and_erases_what_is_known_of_her(driven):
    is_refused_at_the_door(driven)
    steward = driven.site.person("steward")
    waits = makes_a_lot(driven)
    second = first_mile.announce(
        driven.ledger, NODE, [waits], driven.now, "12 rue des Lilas", "maker", driven.now
    )
    first_mile.give(driven.ledger, second, DRIVER, driven.now)
    told = json.loads(steward.send("/personal", who="dominique LE BIHAN", deed="export").data)
    assert {each["what"] for each in told["drives"]} == {"run", "pick-up"}
    page = steward.send("/personal?lang=en", at="/personal", who=DRIVER, deed="erase").text
    assert "Her name is erased from 2 drives." in page
    assert f"still on the road for this: {second}" in page
    assert custody.pickup(driven.ledger.reading, second).driver == DRIVER
    first_mile.give(driven.ledger, second, "Sam", driven.now)
    assert DRIVER not in everything(driven)
    with pytest.raises(NotFoundError):
        retention.known(driven.ledger, DRIVER, driven.now)


def test_a_complaint_is_exported_and_goes_with_who_asked(driven):
    is_refused_at_the_door(driven)
    steward = driven.site.person("steward")
    told = json.loads(steward.send("/personal", who=MAIL, deed="export").data)
    assert told["complaints"][0]["text"] == "a sharp edge"
    assert told["photos"] == [b64encode(b"jpeg").decode()]
    needs.answer(driven.ledger, driven.open, 0, "requester", driven.now)
    for order_id in (driven.done, driven.open):
        retention.erase(driven.ledger, order_id, "steward", driven.now)
    left = everything(driven)
    assert not [word for word in PERSONAL if word in left]
    (kept,) = wrongs.complaints(driven.ledger.reading)
    assert (kept.text, kept.photos, kept.pieces, kept.advice) == ("", 0, 1, "File it.")
    for path in ("/complaints", f"/labs/{NODE}/given"):
        assert "not kept any more" in steward.get(f"{path}?lang=en").text


def test_a_place_that_no_driver_came_to_is_forgotten(story):
    waits = makes_a_lot(story)
    found = first_mile.announce(
        story.ledger, NODE, [waits], story.now, "12 rue des Lilas", "maker", story.now
    )
    old(story, 29)
    assert custody.spot_of(story.ledger.reading, found) == "12 rue des Lilas"
    old(story, 2)
    assert "12 rue des Lilas" not in everything(story)
