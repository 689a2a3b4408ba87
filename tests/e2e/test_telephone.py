"""A steward with somebody on the telephone: written down, confirmed, and the link is in the clipboard."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.conftest import WCAG


def test_a_request_by_telephone_ends_with_the_link_for_the_caller(open_page, site):
    site.world.add_lab()
    page = open_page("/orders", signed_in=True, expect=("422",))
    page.get_by_role("link", name="Une demande par téléphone").click()
    page.get_by_role("button", name="Noter la demande").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("document.activeElement.name") == "kits"
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.get_by_label("Combien").fill("3")
    page.get_by_label("Pour quand").fill("2026-12-06")
    page.get_by_label("Quel hôpital").fill("EHPAD Les Mimosas, Rezé")
    page.get_by_label("Nom du demandeur").fill("Mme Petit")
    page.get_by_label("Téléphone ou").fill("02 40 11 22 33")
    page.get_by_role("button", name="Noter la demande").click()
    expect(page.get_by_role("button", name="Confirmer et fabriquer")).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copier").click()
    expect(page.get_by_role("button", name="Copié")).to_be_visible()
    link = page.get_by_role("link", name="http://127.0.0.1/o/").get_attribute("href")
    assert page.evaluate("navigator.clipboard.readText()") == link
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
