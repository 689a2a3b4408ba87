"""A lab whose printer is fed by hand, as its owner sees it: a real agent and journal, without a network."""

import re
import threading
import time
from datetime import timedelta

from fabnet import clock
from fabnet.config import NodeConfig
from fabnet.node.duty import Kept
from fabnet.node.files import sha256_of
from fabnet.node.journal import COORDINATOR
from fabnet.node.opening import open_node
from fabnet.printer_config import PrinterConfig
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import OfferedAttempt, decode_up
from jobs.model import AttemptRef
from jobs.owner import Look
from printers.model import PrinterState
from web.node_app import NodeSettings, create_node_app

FIRST = AttemptRef(job="aaaaaaaaaa", number=1)
SECOND = AttemptRef(job="bbbbbbbbbb", number=1)
THIRD = AttemptRef(job="cccccccccc", number=1)


class Lab:
    """A node whose printer is fed by hand, without any network; plates that were granted before."""

    def __init__(self, folder, slicer="coordinator"):
        self.folder = folder
        (folder / "secret").write_text("x")
        (folder / "key").write_text("A" * 43 + "=")
        self.config = NodeConfig(
            id="lab-a", lab="Atelier Nord", coordinator="http://127.0.0.1:1",
            broker="mqtt://127.0.0.1:1", data_dir=str(folder), slicer=slicer,
            password_file=str(folder / "secret"), key_file=str(folder / "key"),
            attended="00:00-24:00",
            printers=(
                PrinterConfig(id="p1", preset="generic-250x210", manual=True, title="MK3 left",
                              material="PETG", grams=500),
            ),
        )  # fmt: skip
        self.agent = open_node(self.config, "this machine")
        self.journal = self.agent._journal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.agent.run, args=(self._stop,))

    def plate(self, ref, granted_h=None, state=AttemptState.READY):
        gcode = self.folder / f"{ref}.gcode"
        gcode.write_text("G28\n")
        offered = OfferedAttempt(
            attempt=ref, printer="p1", part="frame", pieces=2, material="PETG", mesh_sha256="m",
            plate_sha256="f" * 64, seconds=3600.0, grams=10.0,
        )  # fmt: skip
        now = clock.now()
        with self.journal.transaction() as db:
            self.journal.add(db, offered, state, "", now)
            self.journal.prepared(
                db, ref, gcode=str(gcode), gcode_sha256=sha256_of(gcode), gcode_key="k",
                slicer="t", seconds=3600.0, grams=10.0,
            )  # fmt: skip
            if granted_h is not None:
                kept = Kept(
                    at=now - timedelta(hours=1),
                    until=now + timedelta(hours=granted_h),
                    until_s=clock.boottime_s() + granted_h * 3600,
                    boot=clock.boot_id(),
                )
                self.journal.keep_grant(db, ref, kept)

    def printed(self, ref, state=AttemptState.PRINTED):
        self.plate(ref)
        with self.journal.transaction() as db:
            self.journal.intend(db, ref, "p1", clock.now())
            self.journal.move(db, ref, state)

    def run(self):
        self._thread.start()
        self.wait(lambda view: view.beds[0].state is not PrinterState.OFFLINE)
        return self

    def wait(self, condition):
        until = time.monotonic() + 60
        while not condition(view := self.agent.desk.ask(Look())):
            assert time.monotonic() < until, view
        return view

    def stop(self):
        """End the node; return what it has to say to the network."""
        if self._thread.is_alive():
            self._stop.set()
            self._thread.join(60)
        again = open_node(self.config, "this machine")
        rows = streams.unacknowledged(again._journal.reading, COORDINATOR, 1000)
        again._journal.close()
        return [decode_up(row.type, row.body) for row in rows]

    def client(self, **settings):
        found = NodeSettings(secret_key=b"k" * 32, lab="Atelier Nord", **settings)
        app = create_node_app(self.agent.desk, clock.now, found)
        return app.test_client()


def token(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page.get_data(as_text=True))[1]
