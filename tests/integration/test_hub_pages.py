"""The hub and the first mile on pages alone: maker, driver, inspector."""

import html
import re
import shutil
from datetime import timedelta

import pytest

from jobs.coordinator import first_mile, nodes, orders
from jobs.ledger import first_mile as rows
from jobs.ledger import views
from jobs.lot_code import lot_code
from jobs.model import AttemptRef
from tests.doubles.lots import accepts, makes_a_lot
from tests.doubles.pages import Site, sections
from tests.doubles.world import CATALOGUE, NODE, World, a_request

SPOT = "12 rue des Lilas, code A1B2"


@pytest.fixture
def site(fresh_world, hashed, tmp_path):
    """A network for each test: rules and stock of one would change what another finds."""
    shutil.copytree(fresh_world, tmp_path / "world")
    world = World(tmp_path / "world")
    world.add_lab()
    nodes.enrol(world.ledger, "lab-b", "Lab lab-b", "", world.now)
    yield Site(
        world,
        hashed,
        hub_address="Tiers-lieu, 3 place du Port",
        hub_contact="Camille, 02 40 00 00 00",
    )
    world.ledger.close()


@pytest.fixture
def codes(site):
    """Two bags that lie at the lab."""
    site.world.order(4)
    return makes_a_lot(site.world), makes_a_lot(site.world)


def announced(site, *codes, **fields):
    maker = site.person("maker")
    page = f"/labs/{NODE}/pickups"
    typed = {"day": "2026-11-26", "clock": "18:00", "spot": SPOT, **fields}
    answer = maker.send(page, **{f"bag_{code}": "yes" for code in codes}, **typed)
    assert answer.status_code == 303, answer.text
    return answer.location


def given(site, path, driver="Sam"):
    """The run is given to a driver; return the path of her link."""
    steward = site.person("steward")
    assert steward.send(f"{path}/driver", at=path, driver=driver).status_code == 303
    return re.search(r"https://fabnet\.example(/run/[\w-]+)", steward.get(path).text)[1]


@pytest.mark.parametrize("page", ["/hub", "/recalls"])
def test_a_code_as_it_is_typed_or_read_by_a_scanner_leads_to_its_bag(site, codes, page):
    inspector, code = site.person("inspector"), codes[0]
    end = f"/l/{code}" + ("/recall" if page == "/recalls" else "")
    for typed in (
        code.lower(),
        f" {code[:4]} {code[4:]} ",
        code.replace("-", ""),
        f"https://fabnet.example/l/{code}",
    ):
        answer = inspector.get(page, query_string={"lot": typed})
        assert answer.status_code == 303
        assert answer.location.endswith(end)
    other = "B" if code[0] == "8" else "8"
    for typed, why in ((other + code[1:], "A letter is not"), ("ABCDEFGHJK-1", "A letter is not")):
        answer = inspector.get(page, query_string={"lot": typed, "lang": "en"})
        assert answer.status_code == 404
        assert why in answer.text
        assert f'value="{typed}"' in answer.text
    unknown = lot_code(AttemptRef(job="0" * 10, number=1))
    assert "no bag with this code" in inspector.get(f"{page}?lot={unknown}&lang=en").text
    assert inspector.get(page).status_code == 200


def test_a_bag_goes_from_her_door_to_the_hub(site, codes):
    maker = site.person("maker")
    lying = len(rows.bags_at(site.world.ledger.reading, NODE))
    assert f"{lying} bags are with you." in maker.get("/waiting?lang=en").text
    path = announced(site, *codes)
    assert len(rows.bags_at(site.world.ledger.reading, NODE)) == lying - 2
    assert f"{lying} bags are with you." not in maker.get("/waiting?lang=en").text
    assert "The hub looks for a driver" in maker.get(f"{path}?lang=en").text
    assert codes[0] not in site.person("inspector").get("/waiting").text, "it is not at the hub"
    run = given(site, path)
    assert "each with its label" in maker.get(f"{path}?lang=en").text
    driver = site.person()
    page = driver.get(f"{run}?lang=en").text
    assert SPOT in html.unescape(page)
    assert "Then bring the bags to the hub:" in page
    assert "Call the hub: Camille, 02 40 00 00 00" in page
    assert "Thursday, 26 November, 18:00" in page or "Thursday 26 November, 18:00" in page
    # One label is scanned with the same telephone, the other bag is ticked on the run's page.
    lot = f"/l/{codes[0]}"
    assert "I took this bag" in driver.get(f"{lot}?lang=en").text
    assert driver.send(f"{lot}/taken", at=lot).status_code == 303
    assert "I took this bag" not in driver.get(f"{lot}?lang=en").text
    assert driver.send(f"{run}/taken", at=run, **{f"bag_{codes[1]}": "yes"}).status_code == 303
    page = driver.get(f"{run}?lang=en").text
    assert "You have 2 bags." in page
    assert "Tiers-lieu, 3 place du Port" in page
    assert "/pickups/" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    hub = site.person("inspector")
    assert "Sam does the run." in hub.get("/hub?lang=en").text
    assert "on its way to the hub" in site.person().get(f"{lot}?lang=en").text
    assert hub.send(f"{path}/arrived", at=path, **{f"bag_{codes[0]}": "yes"}).status_code == 303
    still = views.lot(site.world.ledger.reading, codes[1]).good
    coming = hub.get("/hub?lang=en").text.partition(f'{path}">')[2].partition("</li>")[0]
    coming = sections(coming)
    assert "1 bag ·" in coming
    assert f"· {still} pieces · the others are here" in coming
    answer = hub.send(f"{path}/arrived", at=path, **{f"bag_{codes[1]}": "yes"})
    assert answer.status_code == 303
    assert "The hub has the bags." in driver.get(f"{run}?lang=en").text
    page = hub.get(f"{lot}?lang=en").text
    assert re.findall(r"<span>(Sam|Inspector)</span>", page) == ["Sam", "Inspector"]
    assert "Sam" not in site.person().get(f"{lot}?lang=en").text


def test_only_the_page_of_the_run_says_where_the_bags_stand(site, codes):
    path = announced(site, *codes)
    first = given(site, path, "Sam")
    second = given(site, path, "Lou")
    pages = [path, "/hub", f"/labs/{NODE}/pickups", f"/labs/{NODE}", f"/l/{codes[0]}", "/waiting"]
    for who in ("maker", "steward"):
        person = site.person(who)
        for page in pages:
            assert "Lilas" not in person.get(page).text, (who, page)
    assert site.person().get(first).status_code == 404
    answer = site.person().get(second)
    assert "Lilas" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    driver = site.person()
    driver.get(second)
    driver.send(f"{second}/taken", at=second, **{f"bag_{codes[0]}": "yes"})
    assert "Lilas" not in driver.get(second).text


def test_a_stranger_takes_nothing(site, codes):
    path = announced(site, *codes)
    given(site, path)
    lot = f"/l/{codes[0]}"
    stranger = site.person()
    page = stranger.get("/ask")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    stranger.client.post(f"{lot}/taken", data={"csrf_token": token})
    assert views.lot(site.world.ledger.reading, codes[0]).place == f"lab:{NODE}"
    assert stranger.get(path).status_code == 303
    assert stranger.get("/run/nonsense").status_code == 404


def test_a_maker_sees_her_own_pickups_only(site, codes):
    path = announced(site, *codes)
    assert site.person("maker").get("/labs/lab-b/pickups").status_code == 403
    assert site.person("maker").get(path).status_code == 200
    with site.world.ledger.transaction() as db:
        db.execute("update pickup set node = 'lab-b' where id = ?", (path.rsplit("/", 1)[1],))
    assert site.person("maker").get(path).status_code == 403


def test_what_is_wrong_in_a_form_stands_beside_its_field(site, codes):
    maker = site.person("maker")
    page = f"/labs/{NODE}/pickups"
    typed = {f"bag_{codes[0]}": "yes", "day": "2026-11-26", "clock": "18:00", "spot": SPOT}
    for name, value in (("spot", " "), ("day", "soon"), ("clock", "25:00"), ("day", "2029-01-01")):
        answer = maker.send(page, **(typed | {name: value}))
        assert answer.status_code == 422, name
    answer = maker.send(f"{page}?lang=en", at=page, **(typed | {f"bag_{codes[0]}": ""}))
    assert "Please tick at least one bag." in answer.text
    path = announced(site, codes[0])
    assert maker.send(f"{path}/driver", at=path, driver="").status_code == 422
    for goods in ({"goods": ""}, {"quantity": "0"}, {"grams": "x"}, {"material": "wood"}):
        line = {"goods": "foil", "quantity": "3", "material": "", "grams": ""} | goods
        assert maker.send(f"{path}/goods", at=path, **line).status_code == 422, goods
    line = {"goods": "filament", "quantity": "1", "material": "PETG", "grams": "750"}
    assert maker.send(f"{path}/goods", at=path, **line).status_code == 303
    assert "PETG · 750 g" in re.sub(r"<[^>]+>", "", maker.get(path).text)
    assert maker.send(f"{path}/cancel", at=path).status_code == 303
    assert maker.send(f"{path}/cancel", at=page).status_code == 303


def test_a_bag_that_holds_fewer_pieces_is_counted_with_a_reason(site, codes):
    hub, code = site.person("inspector"), codes[0]
    lot = f"/l/{code}"
    good = views.lot(site.world.ledger.reading, code).good
    assert hub.send(f"{lot}/arrived", at=lot).status_code == 303
    wrong = hub.send(f"{lot}/counted?lang=en", at=lot, pieces=str(good - 1))
    assert wrong.status_code == 422
    # What is wrong stands in the form of the count, which comes before the one of the inspection.
    form = wrong.text.partition("Fewer pieces have come")[2].partition("Record the count")[0]
    assert "Not sent yet" in form
    assert wrong.text.count("Not sent yet") == 1
    assert wrong.text.index("Record the count") < wrong.text.index("Record the inspection")
    said = {"pieces": str(good - 1), "loss": "bag-torn"}
    assert hub.send(f"{lot}/counted", at=lot, **said).status_code == 303
    assert "1 lost on the way to the hub" in hub.get(f"{lot}?lang=en").text
    answer = hub.send(lot, accepted=str(good - 1), rejected="0", reason="")
    assert answer.status_code == 303
    assert f"Print a new label: {good - 1} piece" in hub.get(f"{lot}?lang=en").text
    order = views.lot(site.world.ledger.reading, code).attempt.order_id
    page = hub.get(f"/orders/{order}?lang=en").text
    assert "Bag counted at the hub" in page
    assert "The bag is torn" in page


def test_what_should_have_come_is_late(site, codes):
    world = site.world
    announced(site, *codes)
    (found,) = [p for p in rows.open_pickups(world.ledger.reading) if p.bags[0].code in codes]
    assert '<h2 id="late">' not in site.person("inspector").get("/hub?lang=en").text
    before = world.now
    world.now = found.ready_at + timedelta(hours=25)
    try:
        assert '<h2 id="late">' in site.person("inspector").get("/hub?lang=en").text
        first_mile.give(world.ledger, found.id, "Sam", world.now)
    finally:
        world.now = before


def test_rules_are_a_stewards_and_bags_say_what_they_wait_for(site, codes):
    world, code = site.world, codes[0]
    steward, inspector = site.person("steward"), site.person("inspector")
    page, lot = "/hub/rules", f"/l/{code}"
    assert inspector.get(page).status_code == 403
    for wrong in ({"for": "all"}, {"hold_h": "721"}, {"second": "maybe"}):
        said = {"for": "material:PETG", "hold_h": "48", "second": ""} | wrong
        assert steward.send(page, **said).status_code == 422, wrong
    said = {"for": "material:PETG", "hold_h": "48", "second": "yes"}
    assert steward.send(page, **said).status_code == 303
    assert "lies 48 h at the hub" in steward.get(f"{page}?lang=en").text
    before = world.now
    try:
        assert "Held for 48 h" in inspector.get(f"{lot}?lang=en").text
        inspector.send(f"{lot}/arrived", at=lot)
        at = inspector.get(f"{lot}?lang=en").text
        assert "held for now" in at
        assert "the oldest for less than an hour" in inspector.get("/hub?lang=en").text
        assert re.search(r"Held until Thursday,? 26 November, 13:00\.", at)
        good = views.lot(world.ledger.reading, code).good
        counted = {"accepted": str(good), "rejected": "0", "reason": ""}
        answer = inspector.send(f"{lot}?lang=en", at=lot, **counted)
        assert answer.status_code == 422
        assert "nothing of it can be accepted yet" in answer.text
        world.now += timedelta(hours=48)
        assert site.person("inspector").send(lot, **counted).status_code == 303
        inspector, steward = site.person("inspector"), site.person("steward")
        assert "You have inspected it yourself." in inspector.get(f"{lot}?lang=en").text
        assert "Release lot" not in inspector.get("/waiting?lang=en").text
        assert "Release lot" in steward.get("/waiting?lang=en").text
        assert "to be released" in steward.get(f"{lot}?lang=en").text
        assert steward.send(f"{lot}/sign", at=lot).status_code == 303
        page = re.sub(r"<[^>]+>", "", inspector.get(f"{lot}?lang=en").text)
        assert "Inspected by Inspector · released by Steward" in page
        assert "released by" not in site.person().get(f"{lot}?lang=en").text
    finally:
        world.now = before
        taken = {"for": "material:PETG", "hold_h": "", "second": ""}
        site.person("steward").send("/hub/rules", **taken)


def test_pieces_are_put_right_rejected_and_spoilt_on_pages(site):
    world = site.world
    world.order(8)  # whatever others have left: of two pieces one is rejected, and one spoilt
    made = (makes_a_lot(world) for _ in range(8))
    code = next(each for each in made if views.lot(world.ledger.reading, each).good > 1)
    lot = f"/l/{code}"
    hub = site.person("inspector")
    hub.send(f"{lot}/arrived", at=lot)
    assert hub.send(f"{lot}/rework", at=lot, rework="0", fault="dirty").status_code == 422
    assert hub.send(f"{lot}/rework", at=lot, rework="1").status_code == 422
    assert hub.send(f"{lot}/rework", at=lot, rework="1", fault="dirty").status_code == 303
    assert "1 piece is being put right" in hub.get(f"{lot}?lang=en").text
    assert "Put pieces of lot" in hub.get("/waiting?lang=en").text
    assert hub.send(f"{lot}/reworked", at=lot).status_code == 303
    good = views.lot(world.ledger.reading, code).good
    counted = {"accepted": str(good - 1), "rejected": "1", "fault": "sharp-edge", "reason": ""}
    assert hub.send(lot, **counted).status_code == 303
    assert "Sharp edge" in hub.get(f"{lot}?lang=en").text
    assert hub.send(f"{lot}/scrap", at=lot, spoilt="1").status_code == 422
    said = {"spoilt": "1", "spoilt_reason": "it fell"}
    assert hub.send(f"{lot}/scrap", at=lot, **said).status_code == 303
    assert views.lot(world.ledger.reading, code).rejected == 2


def test_pieces_that_are_thrown_away_twice_with_one_form_are_thrown_away_once(site):
    world = site.world
    world.order(8)
    made = (makes_a_lot(world) for _ in range(8))
    code = next(each for each in made if views.lot(world.ledger.reading, each).good > 1)
    accepts(world, code)
    lot, hub = f"/l/{code}", site.person("inspector")
    said = hub.form(f"{lot}?lang=en") | {"spoilt": "1", "spoilt_reason": "it fell"}
    assert hub.client.post(f"{lot}/scrap", data=said).status_code == 303
    again = hub.client.post(f"{lot}/scrap", data=said)
    assert again.status_code == 409
    assert "there is nothing more to do" in again.text
    assert views.lot(world.ledger.reading, code).rejected == 1


def test_what_is_bought_is_counted_and_what_is_short_is_shown(site):
    world = site.world
    clips = world.library.add_design(CATALOGUE / "visor-kit")
    placed = orders.place(world.ledger, a_request(clips, 3), clips, world.now)
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    item = next(part for part in clips.others if part.process == "BUY")
    hub = site.person("inspector")
    page = hub.get("/hub/stock?lang=en").text
    assert "not counted yet" in page
    assert f"{3 * item.per_kit} for what is ordered" in page
    said = {"item": item.title, "pieces": "1"}
    assert hub.send("/hub/stock", **(said | {"pieces": "many"})).status_code == 422
    assert hub.send("/hub/stock", **said).status_code == 303
    page = hub.get("/hub/stock?lang=en").text
    assert "1 here" in page
    assert f"{3 * item.per_kit - 1} are missing" in page
    orders.mark_trial(world.ledger, placed.order_id, "steward", world.now, trial=True)
    page = hub.get("/hub/stock?lang=en").text
    assert "0 for what is ordered" in page
    assert "missing" not in page


def test_the_page_of_the_hub_marks_the_bottleneck(site, codes):
    hub, lot = site.person("inspector"), f"/l/{codes[0]}"
    hub.send(f"{lot}/arrived", at=lot)
    page = hub.get("/hub?lang=en").text
    assert page.count("bottleneck</span>") == 1
    page = hub.get("/hub/steps/count?lang=en").text
    assert codes[0] in page
    order_id = views.lot(site.world.ledger.reading, codes[0]).attempt.order_id
    assert f'for <a href="/orders/{order_id}#parcels">CHU, urgences</a>' in page
    assert "No bag stands here." in hub.get("/hub/steps/rework?lang=en").text
    assert "They are all here" in hub.get(f"{lot}?lang=en").text
    good = views.lot(site.world.ledger.reading, codes[0]).good
    assert hub.send(f"{lot}/counted", at=lot, pieces=str(good)).status_code == 303
    assert codes[0] not in hub.get("/hub/steps/count?lang=en").text
    assert codes[0] in hub.get("/hub/steps/inspect?lang=en").text
    assert hub.get("/hub/steps/nonsense").status_code == 404
    assert site.person("maker").get("/hub").status_code == 403


def test_a_parcel_says_how_many_complete_kits_it_holds(site, codes):
    world, inspector = site.world, site.person("inspector")
    order = views.lot(world.ledger.reading, codes[0]).attempt.order_id
    for code in codes:
        accepts(world, code)
    page = f"/orders/{order}"
    assert inspector.send(f"{page}/pack", at=page).status_code == 303
    pieces = sum(lot.accepted for lot in views.order_view(world.ledger.reading, order).lots)
    assert f"{pieces} complete kits" in inspector.get(f"{page}?lang=en").text
