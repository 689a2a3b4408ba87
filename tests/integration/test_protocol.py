"""Rules of docs/protocol.md that no test of one side alone holds: what is on the disk before a word of it."""

import hashlib
import json
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, password_line
from fabnet.errors import FileFetchError
from fabnet.inlet import Incoming
from fabnet.node.files import FileStore
from jobs.ledger import streams
from jobs.ledger.rows import tell
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterReady, ReportState, Synced, encode
from tests.doubles.idle_node import Node, an_offer
from tests.doubles.links import Client, needs_mosquitto
from tests.doubles.world import NODE


@pytest.fixture
def acks(node):
    """What the node has acknowledged, each with what its journal's file held at that moment."""
    seen = []

    def note(topic, payload, **_):
        if topic == wire.topic("lab-a", wire.Channel.NODE_ACK):
            with closing(sqlite3.connect(node.folder / "journal.db")) as other:
                cursor = other.execute("select cursor from stream_in").fetchone()[0]
                outbox = other.execute("select count(*) from outbox where type = 'answer'")
                seen.append((wire.read_ack(payload).n, cursor, outbox.fetchone()[0]))

    node.agent._uplink._link.publish = note
    return seen


def test_a_change_that_is_undone_says_nothing(world):
    world.add_lab()
    world.told()

    def change():
        with world.ledger.transaction() as db:
            tell(db, NODE, PrinterReady(printer="p1"), world.now)
            assert streams.unacknowledged(db, NODE, 16)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        change()
    assert world.told() == []


def test_what_is_acknowledged_is_on_the_disk_first(node, acks):
    node.hears(an_offer())
    assert acks == [(1, 1, 1)]


def test_a_double_is_acknowledged_and_a_gap_is_not(node, acks):
    node.hears(an_offer())
    node.hears(an_offer(), n=1)
    assert acks == [(1, 1, 1)] * 2
    node.hears(PrinterReady(printer="p1"), n=3)
    assert len(acks) == 2
    assert not node.journal.is_clear("p1")


def test_both_books_are_synced_to_disk(node, world):
    for connection in (node.journal.reading, world.ledger.reading):
        assert connection.execute("pragma synchronous").fetchone()[0] == 2  # FULL
        assert connection.execute("pragma journal_mode").fetchone()[0] == "wal"


def test_a_file_of_other_bytes_is_never_used(tmp_path):
    class Answer(BaseHTTPRequestHandler):
        body = b"other bytes"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_):
            """Say nothing."""

    wanted = hashlib.sha256(b"the plate").hexdigest()
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        store = FileStore(tmp_path, url, "lab-a", Ed25519PrivateKey.generate())
        with pytest.raises(FileFetchError) as refused:
            store.fetch(wanted)
        assert refused.value.again
        assert list(tmp_path.iterdir()) == []
        Answer.body = b"the plate"
        assert store.fetch(wanted).read_bytes() == b"the plate"
        # A file that was changed on the disk is fetched again rather than printed.
        (tmp_path / wanted).write_bytes(b"rotten")
        assert store.fetch(wanted).read_bytes() == b"the plate"
        server.shutdown()


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("M104 S400", AttemptState.DECLINED),
        ("M28 boot.g", AttemptState.DECLINED),
        ("G1 X900 E5 F1000", AttemptState.DECLINED),
        ("G1 X15 E0.5", AttemptState.READY),
    ],
)
def test_gcode_that_must_not_run_here_is_handed_back_and_never_asked_for(tmp_path, line, end):
    """The coordinator itself sends it, with a true hash: the node looks for itself."""
    plate = b"a plate"
    gcode = f"G28\nM83\nG1 X10 Y10 Z0.2 E1 F1000\n{line}\nG1 X20 E2\n".encode()
    figures = {
        "sha256": hashlib.sha256(gcode).hexdigest(), "seconds": 60, "grams": 10, "layers": 2,
        "slicer": "x",
    }  # fmt: skip

    class Coordinator(BaseHTTPRequestHandler):
        def do_GET(self):
            slices = self.path.startswith("/api/slices/")
            body = gcode if slices else plate
            self.send_response(200)
            if slices:
                self.send_header(
                    "X-Fabnet-Slice", json.dumps({"figures": figures, "key": "a" * 64})
                )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Coordinator) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        node = Node(tmp_path, slicer="coordinator", coordinator=url)
        node.hears(an_offer(plate_sha256=hashlib.sha256(plate).hexdigest()))
        node.hears(PrinterReady(printer="p1"))
        node.agent._preparer.start_next()
        node.agent._preparer._preparing[1].exception(timeout=100)
        node.agent._preparer.take_done()
        server.shutdown()
    assert node.state() is end
    if end is AttemptState.DECLINED:
        assert node.said()[-1].state is ReportState.DECLINED
    assert (node.ready() is None) == (end is AttemptState.DECLINED)
    assert node.commands() == []
    node.journal.close()


@needs_mosquitto
# The socket that is left to nobody is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("answers", [True, False])
def test_a_link_that_is_up_but_deaf_is_left(tmp_path, broker, links, monkeypatch, answers):
    """The coordinator is online and hears; what it says does or does not come through."""
    monkeypatch.setattr("fabnet.node.uplink._DEAF_S", 1.0)
    # On a busy machine the answer itself may come too late once.
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        left = _leaves_a_deaf_link(folder, broker, links, answers=answers)
        if left is not answers:
            return
    pytest.fail(f"left: {left}, although answers came: {answers}")


def _leaves_a_deaf_link(folder, broker, links, *, answers):
    """Whether a node makes a second connection by itself; the coordinator answers its first, or none."""
    presence = wire.topic("lab-a", wire.Channel.PRESENCE)
    coordinator = Client(links, broker, COORDINATOR_USER, topics=[presence]).up()
    online = wire.write(wire.CoordinatorPresence(online=True, epoch=1))
    coordinator.link.publish(wire.COORDINATOR_TOPIC, online, qos=1, retain=True)
    broker.set_users({COORDINATOR_USER: password_line(COORDINATOR_USER, f"{COORDINATOR_USER}-pw"),
                      "lab-a": password_line("lab-a", "x")})  # fmt: skip
    node = Node(folder, broker=broker.url)
    stop = threading.Event()
    runner = threading.Thread(target=node.agent.run, args=(stop,), daemon=True)
    runner.start()
    try:
        if answers:
            coordinator.hear(Incoming)
            word, body = encode(Synced())
            answer = wire.envelope(
                id="i", stream="s", n=1, boot="b", kind=word, body=body, at="", epoch=1
            )
            coordinator.link.publish(wire.topic("lab-a", wire.Channel.COMMANDS), answer, qos=1)
        births, until = coordinator.heard(6.0) if answers else [], time.monotonic() + 60
        while not answers and len(connections(births)) < 2 and time.monotonic() < until:
            births += coordinator.heard()
    finally:
        stop.set()
        runner.join(60)
        coordinator.link.publish(presence, b"", qos=1, retain=True)  # the next one begins anew
        coordinator.link.stop()
    return len(connections(births)) >= 2


def connections(births):
    return {wire.read_presence(payload).conn for _, payload in births}
