"""Open pages in a real browser: they move by themselves, and say when they do not."""

import re
import threading

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import harvests, orders
from jobs.messages import PrinterChange
from printers.model import PrinterState
from tests.doubles.world import NODE, PRINTER
from tests.e2e.conftest import WCAG


def test_what_is_being_entered_outlives_the_nodes_answer(open_page, site):
    world = site.world
    world.add_lab()
    page = open_page(f"/labs/{NODE}", signed_in=True)
    page.get_by_label("Pareil tous les jours").check()
    page.get_by_label("de", exact=True).first.fill("07:30")
    page.get_by_text("Peser, ou changer").click()
    page.get_by_label("Matière").select_option("PLA")
    page.get_by_label("une autre bobine").check()
    world.can(paused=True)
    expect(page.get_by_role("heading", name="Cet atelier fait une pause")).to_be_visible()
    expect(page.get_by_label("Pareil tous les jours")).to_be_checked()
    expect(page.get_by_label("de", exact=True).first).to_have_value("07:30")
    expect(page.get_by_label("Matière")).to_have_value("PLA")
    expect(page.get_by_label("une autre bobine")).to_be_checked()


def test_a_bed_fills_by_itself(open_page, site):
    site.busy_order()
    page = open_page("/fleet", signed_in=True)
    expect(page.get_by_role("img", name="42 %")).to_be_visible()
    site.progress(0.77)
    expect(page.get_by_role("img", name="77 %")).to_be_visible()


def follow(site, order):
    return "/o/" + orders.link_of(site.world.ledger, order)


def count_one(site):
    harvests.harvest(site.world.ledger, site.printed(), 2, 0, "", "camille", site.world.now)


def made(page):
    return page.locator(".strip li").nth(2).locator(".step-count")


def test_an_open_page_moves_by_itself_and_keeps_what_was_typed(open_page, site):
    page = open_page(follow(site, site.busy_order()))
    expect(made(page)).to_contain_text("2 / 8")
    page.get_by_text("Il manque quelque chose").click()
    lost = page.get_by_label("Manquantes dans le colis", exact=True)
    lost.fill("1")
    lost.focus()
    page.evaluate("window.stayed = true")
    count_one(site)
    expect(made(page)).to_contain_text("4 / 8")
    expect(lost).to_have_value("1")
    expect(lost).to_be_focused()
    assert page.evaluate("window.stayed"), "the page was not loaded anew"


def test_a_page_without_a_stream_asks_for_itself(open_page, site, monkeypatch):
    monkeypatch.setattr("web.streams.MOST_STREAMS", 0)
    page = open_page(follow(site, site.busy_order()), expect=["503"])
    expect(made(page)).to_contain_text("2 / 8")
    count_one(site)
    expect(made(page)).to_contain_text("4 / 8")
    expect(page.locator("#offline")).to_be_hidden()


LOST = ["net::ERR_"]


def test_a_page_says_since_when_it_is_offline_and_recovers(open_page, site):
    page = open_page(follow(site, site.busy_order()), expect=LOST)
    page.get_by_text("Il manque quelque chose").click()
    lost = page.get_by_label("Manquantes dans le colis", exact=True)
    lost.fill("1")
    notice = page.locator("#offline")
    expect(notice).to_be_hidden()
    site.stop()
    expect(notice).to_contain_text(re.compile(r"Hors ligne depuis \d\d:\d\d\s: "))
    expect(page.get_by_role("status")).to_contain_text("Hors ligne")
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert Axe().run(page, options=WCAG).response["violations"] == []
    count_one(site)
    site.start()
    expect(notice).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("De nouveau en ligne.")
    expect(made(page)).to_contain_text("4 / 8")
    expect(lost).to_have_value("1")
    settles(site, 1)


def test_a_page_in_english_is_offline_in_english(open_page, site):
    page = open_page(follow(site, site.busy_order()) + "?lang=en", expect=LOST)
    expect(made(page)).to_contain_text("2 / 8")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_contain_text(re.compile(r"Offline since \d\d:\d\d"))
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()


def settles(site, count):
    pause = threading.Event()
    for _ in range(3000):
        if site.streams.count == count:
            return
        pause.wait(0.02)
    assert site.streams.count == count


def test_a_hidden_page_reads_nothing_and_catches_up(open_page, site):
    page = open_page(follow(site, site.busy_order()))
    settles(site, 1)
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    settles(site, 0)
    count_one(site)
    page.wait_for_timeout(500)
    expect(made(page)).to_contain_text("2 / 8")
    page.evaluate(hide, False)
    expect(made(page)).to_contain_text("4 / 8")


def test_who_signs_out_elsewhere_reads_that_her_page_stands_still(open_page, site):
    site.world.add_lab()
    page = open_page("/fleet", signed_in=True, expect=["MIME", "EventSource"])
    settles(site, 1)
    other = page.context.new_page()
    other.goto("/designs")
    other.get_by_role("button", name="Se déconnecter").click()
    expect(page.locator("#offline")).to_contain_text("ne se met plus à jour")
    other.close()


def test_parts_change_alone_with_buttons_that_work_and_the_focus_stays(open_page, site):
    world = site.world
    world.add_lab()
    world.add_lab("lab-b")
    page = open_page("/fleet", signed_in=True)
    settles(site, 1)
    page.evaluate("document.querySelector('[data-part=lab-b]').mark = true")
    hours = page.locator("[data-part=lab-a]").get_by_role("link", name="Heures et stock")
    hours.focus()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    button = page.get_by_role("button", name="Le plateau est libre")
    expect(button).to_be_visible()
    expect(hours).to_be_focused()
    assert page.evaluate("document.querySelector('[data-part=lab-b]').mark"), "untouched"
    button.click()
    expect(page.get_by_text("plateau libre").first).to_be_visible()
    expect(button).to_be_hidden()
