"""The pages over real HTTP, and who opens a stream of them."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime

from fabnet.authority import own_certificate
from jobs.coordinator import harvests
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterTele, Telemetry
from printers.model import PrinterState
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.viewers import Viewer, anybody, cookie_of, live_of, sign_in
from tests.doubles.world import NODE, PRINTER
from web.app import make_server

A, B = NODE, "lab-b"


class Served:
    """A site that is served; `viewer` opens the stream of a page as a person sees it."""

    def __init__(self, world, hashed, folder, stack, *, tls=False, buffer=None):
        self.site, self.world, self._stack = Site(world, hashed), world, stack
        files = own_certificate(folder, ("127.0.0.1",), datetime.now(UTC)) if tls else None
        pair = None if files is None else (files.certificate, files.key)
        self.server = make_server(self.site.app, "127.0.0.1", 0, pair)
        if buffer is not None:
            self.server._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.ca = True if files is None else str(files.ca)
        self.tls = None if files is None else ssl.create_default_context(cafile=files.ca)
        self.address = ("127.0.0.1", self.server.port)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.port}"
        self.streams = self.site.app.extensions["fabnet"].streams
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    def signed_in(self, login):
        session, cookie = sign_in(self.url, login, PASSWORD, verify=self.ca)
        self._stack.callback(session.close)
        return session, cookie

    def viewer(self, path, session=None, language="en", **options):
        """Read a page and open its stream."""
        known = session or self._stack.enter_context(anybody(self.ca))
        page = known.get(f"{self.url}{path}", headers={"Accept-Language": language}, timeout=60)
        return self.open(live_of(page.text), cookie_of(known), language, **options)

    def open(self, address, cookie="", language="en", **options):
        headers = [f"Accept-Language: {language}", *options.pop("headers", ())]
        found = Viewer(self.address, address, cookie, tls=self.tls, headers=headers, **options)
        self._stack.callback(found.close)
        return found

    def settles(self, count):
        """Wait until so many streams are open."""
        until = time.monotonic() + 60
        while self.streams.count != count and time.monotonic() < until:
            time.sleep(0.01)
        assert self.streams.count == count

    def heats(self, nozzle_c, node=A):
        tele = PrinterTele(printer=PRINTER, state=PrinterState.PRINTING, nozzle_c=nozzle_c)
        self.site.live.tell(node, Telemetry(printers=(tele,)), self.world.now)

    def a_lot(self):
        ref = self.world.first(AttemptState.PRINTED)
        return harvests.harvest(self.world.ledger, ref, 2, 0, "few", "nour", self.world.now)
