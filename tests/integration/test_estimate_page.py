"""Estimates against slicers and prints, as a steward sees them."""

import re

import pytest

from jobs.lifecycle import AttemptState
from jobs.messages import ReportState
from tests.doubles.pages import Site
from web.pages.estimates import signed, x_of


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed)


def printed(world, hours, count=1):
    """Print plates that the slicer of `World.ready` says take 6400 s."""
    for _ in range(count):
        ref = next(a.ref for a in world.attempts() if a.state is AttemptState.OFFERED)
        world.take(ref)
        world.ready(ref)
        world.report(ref, ReportState.PRINTING)
        world.pass_time(hours=hours)
        world.report(ref, ReportState.PRINTED)


def orders(world, kits):
    world.order(kits)
    world.plan()
    world.tick()


def page(site, language="en"):
    answer = site.person("steward").get("/estimates", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text


def test_a_machine_is_shown_with_its_estimate_and_its_print_beside_the_slice(site):
    world = site.world
    assert "No workshop has sliced a plate yet." in page(site)
    world.add_lab()
    orders(world, 2)
    printed(world, 6400 * 1.1 / 3600)
    text = page(site)
    assert "Generic printer, bed 250 x 210 mm" in text
    # One kind of plate: a dot for its time, one for its weight, and one for its print.
    (picture,) = re.findall(r'<svg viewBox="0 0 320 142".*?</svg>', text, re.DOTALL)
    assert picture.count("<circle") == 3
    assert re.search(r"<dt>Time, printed</dt><dd>\+10\u00a0% in the middle \(1 plate\)", text)
    # The visor's own figures, as `jobs.estimate` was fitted, lie near 7000 s and 32 g.
    assert re.search(r"<dt>Time, estimated</dt><dd>\+\d\u00a0% in the middle", text)
    assert "left out" not in text
    french = page(site, "fr")
    assert "Durée imprimée" in french
    assert "+10\u00a0% au milieu" in french


def test_a_print_that_the_network_heard_of_late_is_left_out_and_said(site):
    site.world.add_lab()
    orders(site.world, 2)
    printed(site.world, 0)
    text = page(site)
    assert "1 print is left out" in text
    assert re.search("<dt>Time, printed</dt><dd>nothing yet</dd>", text)


def test_a_printer_that_a_person_feeds_has_no_time_of_its_own(site):
    site.world.add_lab(link="manual")
    orders(site.world, 2)
    printed(site.world, 2)
    text = page(site)
    assert re.search("<dt>Time, printed</dt><dd>nothing yet</dd>", text)
    assert "left out" not in text


def test_it_is_linked_for_stewards_only(site):
    assert 'href="/estimates"' in site.person("steward").get("/fleet").text
    maker = site.person("maker")
    assert 'href="/estimates"' not in maker.get("/fleet").text
    assert maker.get("/estimates").status_code == 403


def test_differences_are_signed_and_stay_in_the_picture():
    assert [signed(each) for each in (0.064, -0.03, 0.001)] == [
        "+6\u00a0%", "\u22123\u00a0%", "0\u00a0%",
    ]  # fmt: skip
    assert x_of(-0.9) == x_of(-0.5) == 12.0
    assert x_of(3.0) == x_of(1.0) == 308.0
    assert 12.0 < x_of(0.0) < x_of(0.1) < 308.0
