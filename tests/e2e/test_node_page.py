"""The node's own page in Chromium, at a telephone's width: served by the node's process, no network."""

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe

from fabnet import clock
from jobs.lifecycle import AttemptState
from jobs.lot_code import lot_code
from tests.doubles.owner_lab import FIRST, SECOND, THIRD, Lab
from web.node_app import NodeSettings, create_node_app, serve_node


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def served(lab):
    """A page with something of everything: to be counted, granted before a restart, waiting."""
    lab.printed(FIRST, AttemptState.INTERRUPTED)
    lab.plate(SECOND, granted_h=2)
    lab.plate(THIRD)
    lab.run()
    settings = NodeSettings(
        secret_key=b"k" * 32, lab="Atelier Nord", coordinator="https://fabnet.example"
    )
    server = serve_node(create_node_app(lab.agent.desk, clock.now, settings), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.close()
    thread.join(60)


@pytest.fixture
def phone(chromium, served):
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, locale="fr-FR", base_url=served
    )  # fmt: skip
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


def test_the_page_is_accessible_and_fits_a_telephone(phone):
    for path in ("/", f"/count/{FIRST}", "/sign-in", "/nowhere"):
        phone.goto(path)
        found = Axe().run(phone).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_counting_and_starting_with_two_thumbs(phone, lab):
    phone.get_by_role("link", name="Compter").click()
    phone.get_by_role("spinbutton", name="Bonnes").fill("1")
    phone.get_by_role("spinbutton", name="Ratées").fill("1")
    phone.get_by_text("Arrêté en cours").click()
    phone.get_by_role("button", name="Compter les pièces").click()
    assert (
        lot_code(FIRST) in phone.get_by_role("region", name="À écrire sur le sachet").inner_text()
    )
    assert Axe().run(phone).response["violations"] == []
    phone.get_by_role("link", name="Retour aux imprimantes").click()
    phone.get_by_role("button", name="L’imprimer").click()
    view = lab.wait(lambda view: view.plates[0].state is AttemptState.PRINTING)
    assert view.plates[0].attempt == SECOND
