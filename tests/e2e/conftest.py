"""A site that runs, and a browser in front of it."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import sync_playwright

from designs.library import Library
from jobs.coordinator import deliveries, harvests, lots
from jobs.coordinator.people import add_person
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import PrinterTele, ReportState, Telemetry
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.world import NODE, PRINTER
from tests.integration.conftest import fresh_world, world
from web.app import WebSettings, create_app, make_server
from web.auth import hash_password

__all__ = ["fresh_world", "world"]

PASSWORD = "correct horse"
CHROMIUM = {
    "executable_path": "/usr/bin/chromium",
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        yield browser
        browser.close()


class Site:
    """A served world with a steward in it."""

    def __init__(self, world, folder):
        self.world = world
        self.live = Live()
        app = create_app(
            world.ledger,
            lambda: Library(world.ledger.database, folder / "files"),
            self.live,
            lambda: world.now,
            WebSettings(
                secret_key=b"k" * 32,
                network_name="fabnet Nantes",
                public_url="http://127.0.0.1",
                secure_cookies=False,
            ),
        )
        hashed = hash_password(PASSWORD)
        add_person(world.ledger, "camille", "Camille", Role.STEWARD, hashed, "", world.now)
        self.server = make_server(app, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def busy_order(self):
        """Make an order with something in every state; return its id."""
        world = self.world
        world.add_lab()
        order_id = world.order(8)
        world.plan()
        world.tick()
        refs = [attempt.ref for attempt in world.attempts()]
        for ref in refs[:-1]:
            world.print(ref)
        for ref in refs[:2]:
            code = harvests.harvest(world.ledger, ref, 2, 0, "", "camille", world.now)
            lots.inspect(world.ledger, code, 1, 1, "crack", "camille", world.now)
        batch = deliveries.pack(world.ledger, order_id, "camille", world.now)
        deliveries.dispatch(world.ledger, batch, "camille", world.now)
        world.take(refs[-1])
        world.ready(refs[-1])
        world.report(refs[-1], ReportState.PRINTING)
        tele = PrinterTele(
            printer=PRINTER,
            state=PrinterState.PRINTING,
            attempt=str(refs[-1]),
            fraction_done=0.42,
            nozzle_c=239.8,
            bed_c=85.1,
        )
        self.live.tell(NODE, Telemetry(printers=(tele,)), world.now)
        return order_id

    def printed(self):
        """Return an attempt that waits to be counted."""
        return self.world.first(AttemptState.PRINTED)


@pytest.fixture
def site(world, tmp_path):
    found = Site(world, tmp_path / "world")
    thread = threading.Thread(target=found.server.run)
    thread.start()
    yield found
    found.server.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def open_page(chromium, site):
    """Open a page of the site; every error in its console fails the test."""
    contexts, complaints = [], []

    def opened(path="/", *, width=360, signed_in=False, expect=(), **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 740}, locale="fr-FR", base_url=site.url, **options
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and not any(word in said.text for word in expect)
                else None
            ),
        )
        if signed_in:
            page.goto("/sign-in")
            page.get_by_label("Identifiant").fill("camille")
            page.locator("#password").fill(PASSWORD)
            page.get_by_role("button", name="Se connecter").click()
            page.wait_for_url("**/waiting")
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
