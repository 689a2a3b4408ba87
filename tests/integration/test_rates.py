"""How many in an hour: said on the lab's page or the node's own, kept by the node, reckoned with by plans."""

import shutil

import pytest

from fabnet import clock
from fabnet.config import NodeConfig
from fabnet.node.opening import open_node
from fabnet.printer_config import PrinterConfig
from jobs.coordinator import nodes, orders
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger import labs, streams
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, Config, OfferedAttempt, PrinterChange, Rates
from jobs.model import AttemptRef
from jobs.owner import SayRates
from printers.model import PartRate, PrinterFacts, PrinterState
from tests.doubles.world import CATALOGUE, NODE, PRINTER, a_request
from web.node_app import NodeSettings, create_node_app

POUCH = CATALOGUE / "door-hook-pouch"
PATH = f"/labs/{NODE}/printers/{PRINTER}/rate"
NOBODY = {
    "preset": "", "bed_x_mm": 0.0, "bed_y_mm": 0.0, "height_mm": 0.0, "margin_mm": 0.0,
    "nozzle_mm": 0.0, "spool": None, "link": "manual",
}  # fmt: skip


def a_sewer(world, *rates, rate_per_h=12.0, lab=NODE, process="SEW"):
    facts = PrinterFacts(
        id=PRINTER, title="Pfaff", process=process, rate_per_h=rate_per_h, rates=rates, **NOBODY
    )
    world.add_lab(lab)
    world.says(Capabilities(lab="Atelier Léa", printers=(facts,)), lab)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True), lab)


def pouches(world, kit, kits=6):
    """Return what a lab is offered of an order: pieces and seconds of each go."""
    order_id = orders.place(world.ledger, a_request(kit, kits), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    world.tick()
    found = [a for a in world.attempts() if a.order_id == order_id and a.part_id == "pouch"]
    return sorted((a.pieces, a.seconds) for a in found)


def rate(kit, per_h):
    return PartRate(part="pouch", source_sha256=kit.others[0].pattern_sha256, per_h=per_h)


def test_a_plan_reckons_with_a_parts_own_rate_also_in_its_next_revision(world, tmp_path):
    kit = world.library.add_design(POUCH)
    world.add_lab("prints")
    a_sewer(world, rate(kit, 4.0), PartRate(part="x", source_sha256="0" * 64, per_h=99.0))
    assert pouches(world, kit) == [(2, 1800.0), (4, 3600.0)]
    shutil.copytree(POUCH, tmp_path / "kit")
    with (tmp_path / "kit" / "pouch.svg").open("a") as file:
        file.write("<!-- a seam more -->")
    mended = world.library.add_design(tmp_path / "kit")
    assert mended.others[0].pattern_sha256 != kit.others[0].pattern_sha256
    assert pouches(world, mended, 4) == [(4, 3600.0)]
    # What is said of the new pattern goes before.
    a_sewer(world, rate(mended, 2.0), rate(kit, 4.0))
    assert pouches(world, mended, 2) == [(2, 3600.0)]


def test_a_part_without_one_goes_at_the_machines_rate(world):
    kit = world.library.add_design(POUCH)
    world.add_lab("prints")
    a_sewer(world, PartRate(part="pouch", source_sha256="0" * 64, per_h=99.0))
    assert pouches(world, kit) == [(6, 1800.0)]


def test_a_maker_says_on_her_page_how_many_she_makes(site):
    world = site.world
    kit = world.library.add_design(POUCH)
    a_sewer(world)
    maker = site.person("maker")
    field = f"rate_{kit.others[0].pattern_sha256}"
    page = maker.get(PATH, headers={"Accept-Language": "fr"}).text
    assert "Combien par heure" in page
    assert f'name="{field}"' in page
    assert "Pochette" in page
    assert PATH in maker.get(f"/labs/{NODE}").text
    answer = maker.send(PATH, rate="10", **{field: "0,5"})
    assert answer.status_code == 303
    sent = labs.unheard(world.ledger.reading, NODE)
    assert sent.rates == (Rates(printer=PRINTER, rate_per_h=10.0, parts=(rate(kit, 0.5),)),)
    shown = maker.get(f"/labs/{NODE}", headers={"Accept-Language": "en"}).text
    assert "10 pieces an hour; Cloth pouch: 0.5 an hour." in shown
    # What is on its way is what the form shows.
    again = maker.get(PATH, headers={"Accept-Language": "fr"}).text
    assert 'value="10"' in again
    assert 'value="0,5"' in again
    with world.ledger.transaction() as db:
        stream, last = streams.stream_of(db, NODE)
        streams.acknowledged(db, NODE, stream, last)
    a_sewer(world, rate(kit, 0.5), rate_per_h=10.0)
    known = maker.get(f"/labs/{NODE}", headers={"Accept-Language": "fr"}).text
    assert "Pochette en tissu\u00a0: 0,5 par heure" in known
    assert maker.send(PATH, rate="10", **{field: ""}).status_code == 303
    assert labs.unheard(world.ledger.reading, NODE).rates[0].parts == ()


@pytest.mark.parametrize("typed", ["", "0", "many", "-3", "1001", "1e3", "nan"])
def test_a_rate_that_nobody_has_is_asked_again(site, typed):
    a_sewer(site.world)
    maker = site.person("maker")
    answer = maker.send(PATH, rate=typed)
    assert answer.status_code == 422
    assert 'id="rate-p1-error"' in answer.text
    assert labs.unheard(site.world.ledger.reading, NODE) is None


def test_a_printer_has_no_rate_and_nobody_says_another_labs(site):
    site.world.add_lab(NODE)
    a_sewer(site.world, lab="lab-b")
    maker = site.person("maker")
    assert maker.get(PATH).status_code == 404
    assert maker.get("/labs/lab-b/printers/p1/rate").status_code == 403
    too_fast = Config(rates=(Rates(printer=PRINTER, rate_per_h=1e9),))
    with pytest.raises(InvalidFieldError):
        nodes.configure(site.world.ledger, "lab-b", too_fast, "x", site.world.now)


# --- the node's own page


@pytest.fixture
def agent(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "key").write_text("A" * 43 + "=")
    config = NodeConfig(
        id="lab-a", lab="Atelier Léa", coordinator="http://127.0.0.1:1", broker="mqtt://127.0.0.1:1",
        data_dir=str(tmp_path), slicer="coordinator", password_file=str(tmp_path / "secret"),
        key_file=str(tmp_path / "key"),
        printers=(
            PrinterConfig(id="m1", title="Pfaff", manual=True, process="SEW", rate_per_h=12.0),
            PrinterConfig(id="p1", preset="generic-250x210", manual=True),
        ),
    )  # fmt: skip
    found = open_node(config, "this machine")
    yield found
    found._journal.close()


class Answering:
    """A desk that is answered at once, in this thread, as the agent's loop would."""

    def __init__(self, owner):
        self._owner = owner

    def ask(self, wish):
        self._owner.do(wish)
        return self._owner.view()


def test_the_nodes_own_page_takes_them_for_parts_it_was_offered(agent):
    offered = OfferedAttempt(
        attempt=AttemptRef(job="aaaaaaaaaa", number=1), printer="m1", part="cloth-pouch", pieces=2,
        material="SEW", mesh_sha256="c" * 64, plate_sha256="c" * 64, seconds=600.0, grams=0.0,
    )  # fmt: skip
    with agent._journal.transaction() as db:
        agent._journal.add(db, offered, AttemptState.DECLINED, "", clock.now())
    settings = NodeSettings(secret_key=b"k" * 32, lab="Atelier Léa")
    client = create_node_app(Answering(agent._owner), clock.now, settings).test_client()
    page = client.get("/?lang=fr").text
    assert "12 pièces par heure" in page
    assert "Pochette en tissu" in page
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    field = f"rate_{'c' * 64}"
    wrong = client.post("/beds/m1/rate", data={"csrf_token": token, "rate": "x", field: "6"})
    assert wrong.status_code == 422
    assert 'value="6"' in wrong.text
    sent = {"csrf_token": token, "rate": "8", field: "2,5"}
    assert client.post("/beds/m1/rate", data=sent).status_code == 303
    assert "2,5 par heure" in client.get("/").text
    assert client.post("/beds/p1/rate", data=sent).status_code == 404
    machine, _ = agent._lab.capabilities().printers
    own = PartRate(part="cloth-pouch", source_sha256="c" * 64, per_h=2.5)
    assert (machine.rate_per_h, machine.rates) == (8.0, (own,))
    # A file's number is what holds before anything was said; what cannot be changes nothing.
    with pytest.raises(InvalidFieldError):
        agent._owner.do(SayRates(printer="m1", rate_per_h=0.0))
    with pytest.raises(NotFoundError):
        agent._owner.do(SayRates(printer="p1", rate_per_h=2.0))
    with agent._journal.transaction() as db:
        agent._lab.configure(db, Config(rates=(Rates(printer="m1", rate_per_h=1e9),)))
    assert agent._lab.capabilities().printers[0].rate_per_h == 8.0
