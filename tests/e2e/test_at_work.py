"""A maker looks at what her printers print, on her telephone."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator.people import add_person
from jobs.messages import ReportState
from jobs.model import Role
from tests.doubles.world import NODE
from tests.e2e.conftest import PASSWORD, WCAG
from web.auth import hash_password


def test_a_bar_grows_by_itself_and_ends_in_something_to_do(open_page, site):
    world, hashed = site.world, hash_password(PASSWORD)
    add_person(world.ledger, "malo", "Malo", Role.MAKER, hashed, NODE, world.now)
    site.busy_order()
    page = open_page("/waiting", signed_in="malo")
    bar = page.get_by_role("progressbar", name="Avancement sur")
    expect(bar).to_have_attribute("value", "42")
    assert page.locator("h2").first.inner_text().startswith("Vider le plateau")
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    site.progress(0.77)
    expect(bar).to_have_attribute("value", "77")
    world.report(site.attempt, ReportState.PRINTED)
    expect(page.get_by_role("heading", name="En cours d’impression")).to_be_hidden()
