"""A requester's name and contact: on no page that need not have them; exported, and erased by hand and time."""

import json

import pytest

from jobs.coordinator import deliveries, harvests, lots, needs, orders, recalls, retention
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import views
from jobs.ledger.recalls import lots_of
from jobs.model import Role
from jobs.recall import Cause, RecallKind
from jobs.retention import limits
from tests.doubles.pages import PASSWORD, PEOPLE, Site
from tests.doubles.world import NODE, PRINTER, a_request
from web.auth import PERMISSIONS, hash_password

NAME, PHONE, MAIL, NOTE = (
    "Zélie Quimper",
    "06 98 76 54 32",
    "zelie.q@chu.example",
    "porte B, sonnez",
)
PERSONAL = (NAME, "Quimper", PHONE, MAIL, "zelie", NOTE)
#: Who needs to read them, and where.
NEEDS = {
    ("steward", "orders.show"),
    ("steward", "recalls.show"),
    ("inspector", "recalls.show"),  # they telephone who has pieces
}


@pytest.fixture(scope="module")
def hashed():
    return hash_password(PASSWORD)


@pytest.fixture
def story(world, hashed):
    """Two orders of one nurse: one delivered, of which a lot is called back; one being made."""
    world.add_lab()
    made = a_request(
        world.revision, 2, requester=NAME, contact=f"{PHONE} / {MAIL}", note=NOTE,
    )  # fmt: skip
    again = a_request(world.revision, 6, requester=NAME, contact=MAIL, note=NOTE)
    world.done = orders.place(world.ledger, made, world.revision, world.now).order_id
    orders.confirm(world.ledger, world.done, "steward", world.now)
    world.plan()
    world.tick()
    (plate,) = (a.ref for a in world.attempts())
    world.print(plate)
    world.code = harvests.harvest(world.ledger, plate, 2, 0, "", "maker", world.now)
    lots.inspect(world.ledger, world.code, 2, 0, "", "inspector", world.now)
    world.batch = deliveries.pack(world.ledger, world.done, "inspector", world.now)
    deliveries.dispatch(world.ledger, world.batch, "inspector", world.now)
    deliveries.receive(
        world.ledger, world.batch, 0, 0, "requester", world.now, "Merci de la part de Zélie"
    )
    world.open = orders.place(world.ledger, again, world.revision, world.now).order_id
    orders.confirm(world.ledger, world.open, "steward", world.now)
    world.plan()
    world.tick()
    world.refs = [a.ref for a in world.attempts() if a.order_id == world.open]
    world.take(world.refs[0])
    world.site = Site(world, hashed)
    return world


def calls_back(world):
    cause = Cause(kind=RecallKind.LOT, value=world.code)
    assert lots_of(world.ledger.reading, cause)
    return recalls.begin(world.ledger, cause, "brittle", "inspector", world.now)


def addresses(world, rule, recall_id):
    """Return addresses of a page; a new kind of argument needs its line here."""
    revision = world.revision
    known = {
        "link": [orders.link_of(world.ledger, o) for o in (world.done, world.open)],
        "order_id": [world.done, world.open],
        "ref": [str(ref) for ref in world.refs],
        "node": [NODE],
        "printer": [PRINTER],
        "code": [world.code],
        "recall_id": [recall_id],
        "page": [1],
        "revision_id": [revision.id],
        "sha256": [revision.made[0].facts.mesh_sha256],
        "plate_sha256": ["0" * 64],
        "token": ["x"],
        "filename": ["fabnet.css"],
    }
    found = [rule.rule]
    for name in rule.arguments:
        converter = [f"<{name}>", f"<int:{name}>", f"<path:{name}>"]
        found = [
            path.replace(shape, str(value))
            for path in found for shape in converter if shape in path for value in known[name]
        ]  # fmt: skip
    return found


@pytest.mark.parametrize("who", [None, *PEOPLE])
def test_no_page_shows_who_asked_but_those_that_need_it(story, who):
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
    must = {"requesters.follow", "lots.show", "orders.show", "recalls.show", "harvests.count"}
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
        retention.known(story.ledger, PHONE)


def test_letters_and_thanks_have_their_own_time(story):
    letters = retention.known(story.ledger, MAIL).letters
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
