"""The requester's page of an old order, and a steward who erases who asked: on a telephone."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import harvests, lots, needs, orders
from tests.e2e.conftest import WCAG


def bag(site):
    world = site.world
    code = harvests.harvest(world.ledger, site.printed(), 2, 0, "", "camille", world.now)
    lots.inspect(world.ledger, code, 2, 0, "", "camille", world.now)


def test_a_nurse_needs_fewer_and_reads_why_it_is_late(open_page, site):
    world, order_id = site.world, site.busy_order()
    bag(site)
    world.pass_time(days=15)
    with world.ledger.transaction() as db:
        needs.ask(db, needs.ASK_AFTER, world.now)
    nurse = open_page("/o/" + orders.link_of(world.ledger, order_id), expect=["422"])
    expect(nurse.get_by_role("heading", name="Pourquoi elle est en retard")).to_be_visible()
    assert Axe().run(nurse, options=WCAG).response["violations"] == []
    assert nurse.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    nurse.get_by_role("button", name="Envoyer cette réponse").click()
    expect(nurse.get_by_role("alert")).to_be_visible()
    assert Axe().run(nurse, options=WCAG).response["violations"] == []
    nurse.get_by_label("De moins : le nombre ci-dessous").check()
    nurse.get_by_label("Combien, si moins").fill("4")
    nurse.get_by_role("button", name="Envoyer cette réponse").click()
    expect(nurse.get_by_text("4 × Serre-tête de visière")).to_be_visible()
    expect(nurse.get_by_role("heading", name="En avez-vous encore besoin ?")).to_have_count(0)


def test_a_steward_finds_and_erases_who_asked(open_page, site):
    order_id = site.busy_order()
    page = open_page("/personal", signed_in=True)
    page.get_by_label("Son téléphone, son courriel ou son nom entier").fill("01 23 45 67 89")
    page.get_by_role("button", name="Chercher").click()
    expect(page.get_by_role("link", name="CHU, urgences")).to_be_visible()
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.get_by_role("button", name="Effacer nom et contact").click()
    expect(page.get_by_role("alert")).to_be_visible()  # it is still being made
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert order_id in page.get_by_role("alert").inner_html()


def fits_and_is_accessible(page):
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_steward_unfolds_a_plan_and_asks_what_if(open_page, site):
    world = site.world
    for number in range(16):
        world.add_lab(f"lab-{number:02}", grams=900.0 if number % 2 else 4.0)
    order_id = world.order(60)
    world.plan()
    page = open_page(f"/orders/{order_id}", signed_in=True)
    fits_and_is_accessible(page)
    why = page.get_by_text("Lab lab-00, Printer")
    expect(why).to_be_hidden()
    page.get_by_text("8 imprimantes – trop peu de filament").click()
    expect(why).to_be_visible()
    plates = page.locator("#share-lab-01 .share-printer")
    expect(plates).to_be_hidden()
    page.locator("#share-lab-01 summary").click()
    expect(plates).to_be_visible()
    bar = page.locator("#share-lab-01 .rail-work").bounding_box()
    whole = page.locator("#share-lab-01 .rail-ground").bounding_box()
    assert 0 < bar["width"] < whole["width"] <= 360
    fits_and_is_accessible(page)
    page.get_by_role("link", name="Et si des ateliers partaient").click()
    page.get_by_label("Lab lab-01").check()
    page.get_by_role("button", name="Comparer").click()
    expect(page.get_by_text("Lab lab-01 : 0 au lieu de")).to_be_visible()
    expect(page.get_by_label("Lab lab-01")).to_be_checked()
    fits_and_is_accessible(page)
