"""Photos of a lot's pieces: for its maker and the hub alone; bounded, and kept as long as is said."""

import io
import json
from base64 import b64decode, b64encode

import pytest

from fabnet import backup
from fabnet.reports import lot_trace
from jobs.coordinator import leaving, lot_photos, recalls, retention
from jobs.coordinator.people import add_person
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import lot_photos as reading
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import Role
from jobs.recall import Cause, RecallKind
from jobs.retention import limits
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import Site
from tests.doubles.photo import a_photo
from tests.doubles.world import NODE

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    world.order_id = world.order(2)
    found = Site(world, hashed)
    add_person(world.ledger, "other", "Other", Role.MAKER, hashed, "lab-b", world.now)
    return found


@pytest.fixture
def lot(site):
    return makes_a_lot(site.world)


def send(person, code, *photos, at=None):
    """Send files with the form of a page that has one."""
    files = [(io.BytesIO(data), f"{n}.jpg") for n, data in enumerate(photos)]
    fields = person.form(at or f"/l/{code}/photos") | {"photos": files}
    return person.client.post(f"/l/{code}/photos", data=fields, headers=ENGLISH)


def taken(world, code):
    return [(each.number, each.at_hub) for each in reading.of_lot(world.ledger.reading, code)]


def keep(world, code, *photos, by="maker"):
    return lot_photos.add(world.ledger, code, photos, by, world.now)


def test_a_maker_counts_and_then_takes_photos_that_she_and_the_hub_see_and_nobody_else(site):
    world = site.world
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    world.is_there(online=False)  # her node needs not be there for it
    maker, page = site.person("maker"), f"/harvest/{ref}?lang=en"
    assert "Take a photo" not in maker.get(page).text
    maker.send(f"/harvest/{ref}", good="2", scrap="0", reason="")
    (code,) = [row[0] for row in world.ledger.reading.execute("select code from lot")]
    text = maker.get(page).text
    assert f'action="/l/{code}/photos"' in text
    assert 'capture="environment"' in text
    before = world.books(world.order_id)
    answer = send(maker, code, a_photo(), b"%PDF-1.7", at=f"/harvest/{ref}")
    assert answer.status_code == 422
    assert "is no photo that can be read" in answer.text
    assert "1 photo is kept, the others are not." in answer.text
    assert taken(world, code) == [(1, False)]
    assert "1 photo is kept." in maker.get(page).text
    assert world.books(world.order_id) == before, "a photo moves no piece"
    photo, inspector = f"/l/{code}/photos/1.jpg", site.person("inspector")
    for who in (maker, inspector):
        assert f'src="{photo}"' in who.get(f"/l/{code}").text
        found = who.get(photo)
        assert (found.mimetype, b"Secret" in found.data) == ("image/jpeg", False)
        assert found.headers["Cache-Control"] == "no-store"
    assert send(inspector, code, a_photo((300, 200))).status_code == 303
    assert taken(world, code) == [(1, False), (2, True)]
    stranger, other = site.person(), site.person("other")
    assert stranger.get(photo).status_code == 303
    assert stranger.client.post(f"/l/{code}/photos").status_code in (400, 303)
    for path in (photo, f"/l/{code}/photos"):
        assert other.get(path).status_code == 403
    assert send(other, code, a_photo(), at="/waiting").status_code == 403
    for who in (stranger, other):
        text = who.get(f"/l/{code}").text
        assert "/photos" not in text
        assert code in text
    assert taken(world, code) == [(1, False), (2, True)]
    assert lot_trace(world.ledger, world.library, code)["photos"] == 2


def test_who_took_a_photo_or_a_steward_takes_it_away(site, lot):
    world = site.world
    keep(world, lot, b"first", b"second")
    keep(world, lot, b"third", by="inspector")

    def remove(login, number):
        person = site.person(login)
        return person.send(f"/l/{lot}/photos/{number}/remove", at=f"/l/{lot}/photos").status_code

    assert [remove("maker", 3), remove("inspector", 1)] == [403, 403]
    assert [remove("maker", 1), remove("inspector", 3), remove("maker", 9)] == [303, 303, 404]
    assert taken(world, lot) == [(2, False)]
    assert remove("steward", 2) == 303
    assert taken(world, lot) == []
    kinds = [r[0] for r in world.ledger.reading.execute("select kind from event order by id")]
    assert kinds[-5:] == ["photos-added", "photos-added", *["photo-removed"] * 3]


def test_they_are_few_and_small_and_the_same_one_is_kept_once(site, lot):
    world, maker = site.world, site.person("maker")
    assert "take or choose a photo first" in send(maker, lot).text
    answer = send(maker, lot, *[b"x"] * 4)
    assert (answer.status_code, "At most 3 photos." in answer.text) == (422, True)
    assert keep(world, lot, b"a", b"b", b"a") == 2
    assert keep(world, lot, b"b", b"c") == 1
    with pytest.raises(InvalidFieldError, match="2 MB"):
        keep(world, lot, b"x" * ((2 << 20) + 1))
    with pytest.raises(InvalidFieldError, match="at most 6"):
        keep(world, lot, *(bytes([n]) for n in range(4)))
    assert keep(world, lot, b"d") == 1
    answer = send(maker, lot, *(a_photo((30, 20 + n)) for n in range(3)))
    assert (answer.status_code, "at most 6" in answer.text) == (422, True)
    assert keep(world, lot, b"e", b"f") == 2
    answer = send(maker, lot, a_photo((30, 20)))
    assert answer.status_code == 422
    assert "A lot has 6 photos at most." in answer.text
    with pytest.raises(NotFoundError):
        keep(world, "NO-LOT", b"a")


def test_they_are_forgotten_after_a_year_but_not_while_the_lot_is_called_back(site, lot):
    world = site.world
    keep(world, lot, b"a")

    def later(days):
        world.pass_time(days=days)
        retention.sweep(world.ledger, limits(world.now), world.now)
        return taken(world, lot)

    assert later(365) == [(1, False)]
    cause = Cause(kind=RecallKind.LOT, value=lot)
    recall = recalls.begin(world.ledger, cause, "sharp", "inspector", world.now)
    assert later(1) == [(1, False)]
    with pytest.raises(RefusedError, match="called back"):
        lot_photos.remove(world.ledger, lot, 1, "steward", world.now)
    assert "/remove" not in site.person("steward").get(f"/l/{lot}/photos").text
    recalls.end(world.ledger, recall, "all good", "steward", world.now, good=True)
    assert later(0) == []


def test_a_maker_has_a_copy_of_them_and_hers_go_with_her(site, lot):
    world, picture = site.world, a_photo((30, 20))
    keep(world, lot, picture, b"second")
    keep(world, lot, b"third", by="inspector")
    whole = json.loads(site.person("maker").get(f"/labs/{NODE}/export.json").data)
    assert [each["jpeg"] for each in whole["photos"]] == [
        b64encode(each).decode() for each in (picture, b"second", b"third")
    ]
    assert b64decode(whole["photos"][0]["jpeg"]) == picture
    assert whole["plates"][0]["lot"] == lot
    leaving.leave(world.ledger, "maker", world.now)
    assert taken(world, lot) == [(3, True)]


def test_a_backup_holds_them(site, lot, tmp_path):
    world = site.world
    keep(world, lot, b"a picture")
    copy = tmp_path / "fabnet.tar"
    backup.make(world.ledger.path.parent, copy, world.now)
    again = tmp_path / "again"
    backup.put_back(copy, again, "this machine", world.now, replace=False)
    ledger = Ledger(again / world.ledger.path.name)
    assert reading.picture(ledger.reading, lot, 1) == b"a picture"
    ledger.close()
