"""A site that runs, and a browser in front of it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from playwright.sync_api import expect, sync_playwright

from designs.library import Library
from fabnet.broker import free_port
from jobs.coordinator import deliveries, enrolment, harvests, lots, nodes
from jobs.coordinator.people import add_person
from jobs.joining import Enrol
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import PrinterTele, ReportState, Telemetry
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.world import NODE, PRINTER
from tests.integration.conftest import fresh_world, world
from web.app import WebSettings, create_app, make_server
from web.auth import hash_password
from web.letters import Reader

__all__ = ["fresh_world", "world"]

PASSWORD = "correct horse"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
CAMILLE = Reader(login="camille", to="camille@example.org")
#: What does not come about within a minute does not: a busy machine is no fault.
WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)
CHROMIUM = {
    "executable_path": "/usr/bin/chromium",
    "timeout": 2 * WAIT_MS,
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
        self.folder = folder
        self.live = Live()
        hashed = hash_password(PASSWORD)
        add_person(world.ledger, "camille", "Camille", Role.STEWARD, hashed, "", world.now)
        self._port = free_port()
        self.start()

    def start(self):
        """Serve the site, as a coordinator does that begins or begins again."""
        world = self.world
        self.app = create_app(
            world.ledger,
            lambda: Library(world.ledger.database, self.folder / "files"),
            self.live,
            lambda: world.now,
            WebSettings(
                secret_key=b"k" * 32,
                network_name="fabnet Nantes",
                public_url="http://127.0.0.1",
                secure_cookies=False,
            ),
        )
        self.server = make_server(self.app, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()

    def stop(self):
        self.server.close()
        self._thread.join(60)
        assert not self._thread.is_alive()

    @property
    def streams(self):
        return self.app.extensions["fabnet"].streams

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
            lots.inspect(world.ledger, code, 1, 1, "sharp-edge", "camille", world.now)
        batch = deliveries.pack(world.ledger, order_id, "camille", world.now)
        deliveries.dispatch(world.ledger, batch, "camille", world.now)
        world.take(refs[-1])
        world.ready(refs[-1])
        world.report(refs[-1], ReportState.PRINTING)
        self.attempt = refs[-1]
        self.progress(0.42)
        return order_id

    def progress(self, fraction):
        """Let the printer tell how far it is."""
        tele = PrinterTele(
            printer=PRINTER,
            state=PrinterState.PRINTING,
            attempt=str(self.attempt),
            fraction_done=fraction,
            nozzle_c=239.8,
            bed_c=85.1,
        )
        self.live.tell(NODE, Telemetry(printers=(tele,)), self.world.now)

    def offer(self):
        """Return an offer that its maker answers herself."""
        return self._offered("lab-asked", asks=True)

    def by_hand(self):
        """Return an attempt that is printed from an SD card."""
        world, ref = self.world, self._offered("lab-hand", link="manual")
        world.take(ref)
        world.ready(ref)
        world.report(ref, ReportState.PRINTING)
        return ref

    def out_of_sight(self):
        """Let a lab fall silent in the middle of a print; return its node."""
        world, node = self.world, "lab-silent"
        ref = self._offered(node)
        world.take(ref)
        world.ready(ref)
        world.report(ref, ReportState.PRINTING)
        with world.ledger.transaction() as db:
            gone_at = world.now - timedelta(minutes=22)
            nodes.presence(db, node, "boot", "conn", gone_at, online=False)
        return node

    def _offered(self, node, **facts):
        """Return an attempt that a new lab is offered."""
        world = self.world
        world.add_lab(node, **facts)
        world.order(2)
        world.plan()
        world.tick()
        return next(
            a.ref for a in world.attempts() if a.node == node and a.state is AttemptState.OFFERED
        )

    def bag(self):
        """Return a lot that lies at a lab of its own, "lab-bag"."""
        ref = self._offered("lab-bag")
        self.world.print(ref)
        return harvests.harvest(self.world.ledger, ref, 2, 0, "", "camille", self.world.now)

    def joins(self, lab):
        """Let a lab join that waits to be confirmed; return its node."""
        world = self.world
        token = enrolment.invite(world.ledger, lab, "camille", world.now)
        login = "$7$101$" + "A" * 16 + "$" + "B" * 86 + "=="
        ask = Enrol(token=token, public_key=lab, login=login, proof="")
        return enrolment.join(world.ledger, ask, world.now).id

    def printed(self):
        """Return an attempt that waits to be counted."""
        return self.world.first(AttemptState.PRINTED)


@pytest.fixture
def site(world, tmp_path):
    found = Site(world, tmp_path / "world")
    yield found
    found.stop()


@pytest.fixture
def open_page(chromium, site):
    """Open a page of the site; every error in its console fails the test."""
    contexts, complaints = [], []

    def opened(path="/", *, width=360, signed_in=False, expect=(), **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 740}, base_url=site.url,
            **{"locale": "fr-FR", **options},
        )  # fmt: skip
        context.set_default_timeout(WAIT_MS)
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
            page.get_by_label("Identifiant").fill("camille" if signed_in is True else signed_in)
            page.locator("#password").fill(PASSWORD)
            page.get_by_role("button", name="Se connecter").click()
            page.wait_for_url("**/waiting")
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
