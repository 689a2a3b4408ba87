"""A maker who sews, on a phone: she joins, gets a pattern, makes and counts; no word of printing."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import enrolment, orders
from jobs.ledger import members
from jobs.lifecycle import AttemptState
from tests.doubles.world import a_request
from tests.e2e.conftest import WCAG
from tests.integration.test_processes import POUCH, SEWS, add_machine


def fits_and_is_accessible(page):
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def words(page):
    return page.get_by_role("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_she_makes_from_the_pattern_and_counts(open_page, site, scheme):
    world = site.world
    world.add_lab()
    add_machine(world)
    kit = world.library.add_design(POUCH)
    order_id = orders.place(world.ledger, a_request(kit, 3), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "camille", world.now)
    page = open_page(f"/beds/{SEWS}/p1", signed_in=True, color_scheme=scheme)
    assert "Il n’y a pas de travail pour vous maintenant." in words(page)
    fits_and_is_accessible(page)
    world.plan()
    world.tick()
    ref = next(a.ref for a in world.attempts() if a.node == SEWS)
    world.take(ref)
    world.ready(ref)
    world.report(ref, "printing")
    for path in (f"/labs/{SEWS}", "/fleet", f"/orders/{order_id}", f"/designs/{kit.id}"):
        page.goto(site.url + path)
        fits_and_is_accessible(page)
    page.goto(f"{site.url}/harvest/{ref}")
    pattern = page.get_by_role("img", name="Le patron de Pochette en tissu")
    expect(pattern).to_be_visible()
    assert pattern.evaluate("each => each.decode().then(() => each.naturalWidth > 0)")
    assert not re.search("imprim|plateau|gondolé", words(page), re.IGNORECASE)
    fits_and_is_accessible(page)
    page.get_by_role("button", name="Compter les pièces").click()
    assert world.state(ref) is AttemptState.HARVESTED
    assert "cousu" in words(page)
    fits_and_is_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_she_joins_with_what_she_does(open_page, site, scheme):
    world = site.world
    token = enrolment.invite(world.ledger, "Chez Léa", "camille", world.now)
    page = open_page(f"/join/{token}", expect=["422"], color_scheme=scheme)
    fits_and_is_accessible(page)
    page.get_by_role("link", name="Je couds, découpe ou assemble").click()
    fits_and_is_accessible(page)
    page.get_by_role("button", name="Rejoindre le réseau").click()
    fits_and_is_accessible(page)
    page.get_by_label("Quelle commune").fill("Brest")
    page.get_by_label("Choisissez un identifiant").fill("lea")
    page.get_by_label("Choisissez un mot de passe").fill("quatre mots faciles")
    page.get_by_label("Je couds : une machine à coudre").check()
    page.get_by_label("Pièces par heure").fill("12")
    page.get_by_role("button", name="Rejoindre le réseau").click()
    page.wait_for_url("**/welcome")
    (found,) = members.hosted(world.ledger.reading)
    assert [(m.process, m.rate_per_h) for m in found.facts.printers] == [("SEW", 12)]
