"""What is stuck on a bag, as a browser prints it."""

import re
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import harvests, reviews
from tests.e2e.conftest import WCAG
from tests.e2e.test_newcomers import read_qr

MM_PT = 72 / 25.4
HUB = "La Halle, 3 quai de la Fosse, 44000 Nantes, porte de gauche"


def at_hub(site, address):
    context = site.app.extensions["fabnet"]
    settings = replace(context.settings, hub_address=address)
    site.app.extensions["fabnet"] = replace(context, settings=settings)


@pytest.fixture
def lot(site):
    site.busy_order()
    at_hub(site, HUB)
    world = site.world
    return harvests.harvest(world.ledger, site.printed(), 2, 0, "", "camille", world.now)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_label_is_found_from_the_count_and_fits_a_telephone(open_page, lot, scheme):
    page = open_page(f"/l/{lot}", color_scheme=scheme)
    page.get_by_role("link", name="Étiquette du sachet").click()
    expect(page.get_by_role("button", name="Imprimer")).to_be_visible()
    assert read_qr(page.get_by_role("img", name="Code QR")) == [f"http://127.0.0.1/l/{lot}"]
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    # A workshop may be a home: its name is not on the bag.
    assert "Lab lab-a" not in page.content()


@pytest.mark.parametrize(
    ("paper", "rule", "hub", "width_mm", "height_mm"),
    [
        ("62", "", HUB, 62, 120),
        ("62", "", f"{HUB}, au fond de la cour. " * 4, 62, 160),
        ("62", "fr-anti-projection-2020-05", HUB, 62, 160),
        ("62", "fr-anti-projection-2020-05", f"{HUB}, au fond de la cour. " * 4, 62, 240),
        ("a4", "fr-anti-projection-2020-05", HUB, 210, 297),
    ],
)
def test_it_is_one_page_of_its_paper_and_the_code_is_read_from_it(
    open_page, site, lot, paper, rule, hub, width_mm, height_mm
):
    at_hub(site, hub)
    if rule:
        world = site.world
        reviews.choose_profile(world.ledger, world.revision, rule, "Camille", world.now)
    page = open_page(f"/l/{lot}/label?paper={paper}", width=int(width_mm / 25.4 * 96))
    pdf = page.pdf(prefer_css_page_size=True, print_background=False)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    ((width, height),) = boxes
    assert float(width) == pytest.approx(width_mm * MM_PT, abs=1)
    assert float(height) == pytest.approx(height_mm * MM_PT, abs=1)
    page.emulate_media(media="print")
    label = page.locator(".label")
    assert read_qr(label) == [f"http://127.0.0.1/l/{lot}"]
    box = label.bounding_box()
    assert box["x"] + box["width"] <= width_mm / 25.4 * 96 + 1
    for words in ("Label for the bag", "Étiquette du sachet", "fabnet Nantes · "):
        expect(page.get_by_text(words, exact=True).locator("visible=true")).to_have_count(0)
