"""A hospital complains with photos; an inspector reads it; its makers, and they alone, get it with advice."""

import io
from dataclasses import replace
from datetime import UTC

import pytest

from jobs.coordinator import complaints, deliveries, first_mile, recalls, telling
from jobs.coordinator.people import add_person
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import complaints as reading
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.ledger.waiting import waiting
from jobs.model import Role
from jobs.notice_kinds import TOLD_BY, Kind
from jobs.recall import Cause, RecallKind
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import Site
from tests.doubles.parcels import address, order_of, packed
from tests.doubles.photo import a_photo
from tests.doubles.world import NODE
from web.letters import Letterhead, Reader, letter

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    found = Site(world, hashed)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, "lab-b", world.now)
    return found


@pytest.fixture
def batch(site):
    found = packed(site.world, 2)
    deliveries.dispatch(site.world.ledger, found, "inspector", site.world.now)
    return found


def complain(world, batch, **changes):
    facts = {"text": "a sharp edge", "lot_code": "", "pieces": 1, "photos": []}
    return complaints.complain(world.ledger, batch, **facts | changes, now=world.now)


def send(site, batch, photos=(), **fields):
    path, nurse = address(site.world, batch), site.person()
    files = [(io.BytesIO(data), f"{n}.jpg") for n, data in enumerate(photos)]
    fields = nurse.form(path) | {"text": "a sharp edge", "lot": "", "pieces": "1"} | fields
    return nurse.client.post(f"{path}/complaint", data=fields | {"photos": files}, headers=ENGLISH)


def test_from_the_hospital_over_the_inspector_to_the_maker(site, batch):
    world = site.world
    lot = views.batch(world.ledger.reading, batch).lots[0].lot
    before = world.books(order_of(world, batch))
    assert send(site, batch, [a_photo()], lot=lot).status_code == 303
    (found,) = reading.complaints(world.ledger.reading)
    assert (found.lot_code, found.pieces, found.photos) == (lot, 1, 1)
    assert b"Secret" not in reading.photo(world.ledger.reading, found.id, 1)
    assert world.books(order_of(world, batch)) == before, "a complaint moves no piece"
    assert "complaint" in [each.kind for each in waiting(world.ledger.reading, Role.INSPECTOR)]
    assert "complains of a parcel" in site.person("inspector").get("/waiting?lang=en").text
    photo, maker, inspector = (
        f"/complaints/{found.id}/1.jpg",
        site.person("maker"),
        site.person("inspector"),
    )
    given = f"/labs/{NODE}/given?lang=en"
    assert "a sharp edge" not in maker.get(given).text
    assert maker.get(photo).status_code == 403
    assert site.person().get(photo).status_code == 303
    assert inspector.get(photo).mimetype == "image/jpeg"
    assert f'href="/l/{lot}/recall"' in inspector.get("/complaints").text
    read = f"/complaints/{found.id}"
    assert inspector.send(read, at="/complaints", pass_on="yes", advice=" ").status_code == 422
    assert inspector.send(read, at="/complaints", advice="x").status_code == 422
    answer = inspector.send(
        read, at="/complaints", pass_on="yes", advice="Break the edge with a file."
    )
    assert answer.status_code == 303
    text = maker.get(given).text
    for words in (
        "a sharp edge",
        "Break the edge with a file.",
        "Thank you for every piece",
        photo,
    ):
        assert words in text, words
    assert "CHU" not in text.partition('id="complaints"')[2].partition("</section>")[0]
    assert maker.get(photo).mimetype == "image/jpeg"
    assert site.person("other").get(photo).status_code == 403
    assert "complaint" not in [each.kind for each in waiting(world.ledger.reading, Role.INSPECTOR)]
    assert "has been read" in site.person().get(address(world, batch), headers=ENGLISH).text


def test_where_nobody_knows_which_bag_all_in_the_parcel_lead_to_bags_like_them(site, batch):
    complain(site.world, batch)
    text = site.person("inspector").get("/complaints").text
    lots = views.batch(site.world.ledger.reading, batch).lots
    assert all(f'href="/l/{each.lot}/recall"' in text for each in lots)


def test_what_is_not_for_the_makers_is_kept(site, batch):
    world = site.world
    complaint = complain(world, batch, text="the parcel came too late")
    answer = site.person("inspector").send(
        f"/complaints/{complaint}", at="/complaints", pass_on="no"
    )
    assert answer.status_code == 303
    assert reading.told_to(world.ledger.reading, NODE) == ()
    assert reading.complaint(world.ledger.reading, complaint).read_by == "inspector"


@pytest.mark.parametrize("named", [True, False])
def test_a_parcel_that_came_back_and_was_unpacked_is_still_complained_of_to_its_makers(site, named):
    world = site.world
    batch = packed(world, 2)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    (lot,) = views.batch(world.ledger.reading, batch).lots
    complaint = complain(world, batch, lot_code=lot.lot if named else "")
    deliveries.come_back(world.ledger, batch, "all are sharp", "inspector", world.now)
    recalls.begin(
        world.ledger, Cause(kind=RecallKind.LOT, value=lot.lot), "sharp", "inspector", world.now
    )
    with pytest.raises(NotFoundError):
        views.batch(world.ledger.reading, batch)
    complaints.read(world.ledger, complaint, "File it.", "inspector", world.now, pass_on=True)
    assert [each.id for each in reading.told_to(world.ledger.reading, NODE)] == [complaint]
    assert reading.told_to(world.ledger.reading, "lab-b") == ()
    assert "File it." in site.person("maker").get(f"/labs/{NODE}/given?lang=en").text
    assert site.person("inspector").get("/complaints?lang=en").status_code == 200


def test_complaints_of_before_the_table_of_their_lots_have_their_makers(site, batch):
    world = site.world
    lot = views.batch(world.ledger.reading, batch).lots[0].lot
    told = {complain(world, batch, text=code or "all", lot_code=code) for code in (lot, "")}
    for each in told:
        complaints.read(world.ledger, each, "File it.", "inspector", world.now, pass_on=True)
    with world.ledger.transaction() as db:
        db.execute("drop table complaint_lot")
        db.execute("delete from _sqlite_migrations where name = 'm037_complaint_lots'")
    again = Ledger(world.ledger.path)
    assert {each.id for each in reading.told_to(again.reading, NODE)} == told
    again.close()


@pytest.mark.parametrize(
    ("photos", "fields"),
    [
        ([b"%PDF"], {}),
        ([b"x"] * 4, {}),
        ([], {"text": " "}),
        ([], {"text": "x" * 1001}),
        ([], {"lot": "NO-LOT"}),
        ([], {"pieces": "3"}),
    ],
)
def test_what_cannot_be_kept_is_said_and_nothing_is_kept(site, batch, photos, fields):
    assert send(site, batch, photos, **fields).status_code == 422
    assert reading.complaints(site.world.ledger.reading) == ()


def test_it_is_kept_once_and_not_before_the_parcel_has_left_nor_without_end(site, batch):
    world = site.world
    assert complain(world, batch) == complain(world, batch)
    for number in range(complaints.MOST_COMPLAINTS - 1):
        complain(world, batch, text=f"fault {number}")
    with pytest.raises(RefusedError, match="telephone"):
        complain(world, batch, text="one more")
    with pytest.raises(InvalidFieldError, match="photos"):
        complain(world, batch, photos=[b"x"] * 4)
    with pytest.raises(RefusedError, match="has not left"):
        complain(world, packed(world, 2))


def test_makers_are_told_once_by_mail_of_a_complaint_with_advice(site):
    world, batch = site.world, packed(site.world)
    for login in ("maker", "inspector"):
        chosen = telling.choice_of(world.ledger, login)
        told = replace(chosen, address=f"{login}@example.org", quiet_from_min=0, quiet_to_min=0)
        telling.choose(world.ledger, told, world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    kept, passed = (complain(world, batch, text=text) for text in ("a dent", "a sharp edge"))
    complaints.read(world.ledger, kept, "", "inspector", world.now, pass_on=False)
    complaints.read(world.ledger, passed, "File it.", "inspector", world.now, pass_on=True)
    for _day in range(3):
        for _time in range(4):
            telling.tell(world.ledger, world.now, UTC)
            world.pass_time(hours=6)
    rows = world.ledger.reading.execute("select * from notice where kind = 'advice'").fetchall()
    assert [(row["login"], row["recipient"]) for row in rows] == [("maker", "maker@example.org")]
    head = Letterhead(network="N", public_url="https://n.example", secret=b"k" * 32)
    reader = Reader(to="maker@example.org", login="maker")
    found = letter(Kind.ADVICE, {"count": 1, "name": NODE}, "en", reader, head)
    assert found.url == f"https://n.example/labs/{NODE}/given"
    assert "inspector" in found.text


def test_stewards_are_told_of_bags_that_nobody_fetches(site):
    world = site.world
    world.order(1)
    code = makes_a_lot(world)
    waits = first_mile.announce(world.ledger, NODE, [code], world.now, "here", "maker", world.now)

    def keys(role):
        found = waiting(world.ledger.reading, role, NODE, world.now)
        return [each.key for each in found if each.kind == "pickup"]

    assert (keys(Role.STEWARD), keys(Role.INSPECTOR), keys(Role.MAKER)) == ([waits], [waits], [])
    assert TOLD_BY["pickup"] is Kind.HUB
    page = site.person("steward").get("/waiting", headers=ENGLISH).text
    assert f'href="/pickups/{waits}"' in page
    first_mile.give(world.ledger, waits, "Sam", world.now)
    assert keys(Role.STEWARD) == []
