"""A maker with nothing but a phone, in a real browser: from the QR code to the fingerprint."""

import io

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from fabnet.authority import Reach
from fabnet.hosting import Hosting
from jobs.coordinator import enrolment
from jobs.ledger import members
from jobs.messages import ReportState
from tests.e2e.conftest import WCAG

NEAR = {"latitude": 48.3904, "longitude": -4.4861}


def read_qr(locator):
    """What a phone's camera reads from the screen."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(locator.screenshot())))
    return [each.text for each in found]


def fits_and_is_accessible(page):
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@pytest.fixture
def hosting(site, tmp_path):
    how = Reach(
        url=site.url, broker_url="mqtt://127.0.0.1:1", web_tls=None, broker_tls=None, authority="",
        pin="none",
    )  # fmt: skip
    found = Hosting(site.world.ledger, tmp_path / "hosted", "machine", lambda: how)
    yield found
    found.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_steward_shows_a_code_that_a_phone_reads(open_page, site, scheme):
    page = open_page("/members", signed_in=True, color_scheme=scheme)
    page.get_by_label("Nom de l’atelier").fill("Chez Awa")
    page.get_by_role("button", name="Créer une invitation").click()
    link = page.get_by_label("Lien de l’invitation").input_value()
    assert link.startswith("http://127.0.0.1/join/")
    assert read_qr(page.get_by_role("img", name="Code QR de l’invitation")) == [link]
    fits_and_is_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_maker_joins_with_her_phone(open_page, site, hosting, scheme):
    world = site.world
    token = enrolment.invite(world.ledger, "Chez Awa", "camille", world.now)
    page = open_page(
        f"/join/{token}", expect=["422"], color_scheme=scheme, geolocation=NEAR,
        permissions=["geolocation"],
    )  # fmt: skip
    fits_and_is_accessible(page)
    page.get_by_role("link", name="J’ai un ordinateur").click()
    expect(page.get_by_label("La commande")).to_have_value(
        f'fabnet node join "http://127.0.0.1/#{token}.none"'
    )
    fits_and_is_accessible(page)
    page.get_by_role("link", name="J’ai autre chose").click()
    page.get_by_role("link", name="Je n’ai qu’un téléphone").click()
    page.get_by_label("Quelle commune ?").fill("Brest")
    page.get_by_role("button", name="Où je suis maintenant, arrondi").click()
    expect(page.get_by_label("À peu près où ? (facultatif)")).to_have_value("48.40, -4.50")
    page.get_by_label("Choisissez un identifiant").fill("awa")
    page.get_by_label("Choisissez un mot de passe").fill("court")
    expect(page.get_by_label("Creality Ender-3").first).to_be_hidden()
    page.get_by_text("Creality", exact=True).first.click()
    page.get_by_label("Creality Ender-3").first.check()
    page.get_by_label("Ce qui est chargé").first.select_option("PETG")
    page.get_by_label("Grammes restants").first.fill("640")
    page.get_by_label("Je reste près de l’imprimante").check()
    page.get_by_role("button", name="Rejoindre le réseau").click()
    expect(page.get_by_label("Choisissez un mot de passe")).to_be_focused()
    expect(page.get_by_label("Creality Ender-3").first).to_be_checked()
    fits_and_is_accessible(page)
    page.get_by_label("Choisissez un mot de passe").fill("quatre mots faciles")
    page.get_by_role("button", name="Rejoindre le réseau").click()
    page.wait_for_url("**/welcome")
    hosting.look()
    found = members.member(world.ledger.reading, "chez-awa")
    expect(page.get_by_text(found.fingerprint, exact=True)).to_be_visible()
    fits_and_is_accessible(page)
    enrolment.confirm(world.ledger, "chez-awa", found.fingerprint, "camille", world.now)
    expect(page.get_by_role("heading", name="Vous faites partie du réseau")).to_be_visible()
    fits_and_is_accessible(page)


def test_without_javascript_a_maker_joins_too(open_page, site):
    token = enrolment.invite(site.world.ledger, "Chez Awa", "camille", site.world.now)
    page = open_page(f"/join/{token}?with=phone", java_script_enabled=False)
    page.get_by_label("Quelle commune ?").fill("Brest")
    page.get_by_label("Choisissez un identifiant").fill("awa")
    page.get_by_label("Choisissez un mot de passe").fill("quatre mots faciles")
    page.get_by_text("Creality", exact=True).first.click()
    page.get_by_label("Creality Ender-3").first.check()
    page.get_by_label("Je reste près de l’imprimante").check()
    page.get_by_role("button", name="Rejoindre le réseau").click()
    page.wait_for_url("**/welcome")
    expect(page.get_by_role("heading", name="Vous y êtes presque")).to_be_visible()


def test_a_maker_asks_for_a_plate(open_page, site):
    world = site.world
    world.add_lab("lab-b")
    world.order(40)
    world.plan()
    world.tick()
    world.add_lab("lab-a", link="manual")
    page = open_page("/beds/lab-a/p1", signed_in=True)
    expect(page.get_by_text("Il n’y a pas de tirage pour vous maintenant.")).to_be_visible()
    fits_and_is_accessible(page)
    page.get_by_role("button", name="Donnez-moi un tirage maintenant").click()
    world.plan()
    world.tick()
    expect(page.locator("#main").get_by_text("Un tirage est en route vers vous")).to_be_visible()
    fits_and_is_accessible(page)
    mine = next(a for a in world.attempts() if a.node == "lab-a")
    world.take(mine.ref)
    world.ready(mine.ref)
    world.report(mine.ref, ReportState.PRINTING)
    page.get_by_role("link", name="Imprimer et compter").click()
    expect(page.get_by_role("heading", name="À imprimer depuis la carte")).to_be_visible()
