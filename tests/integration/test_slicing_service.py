"""A node without a slicer: it asks the coordinator over HTTP until PrusaSlicer there has made its G-code."""

import base64
import dataclasses
import hashlib
import http.server
import json
import threading
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from designs.library import Library
from fabnet.config import NodeConfig
from fabnet.errors import FileFetchError
from fabnet.node.files import signed
from fabnet.node.remote_slicer import RemoteSlicer, slicer_for
from fabnet.slicing_service import SlicingService
from firmware_profiles.loader import load_machine
from jobs.coordinator import nodes
from jobs.coordinator.files import needed_slices
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import Capabilities, Offer, OfferedAttempt, Ready
from printers.errors import NoSlicerError, SlicingError
from printers.ready_slices import ReadySlices
from printers.slices import SliceRequest
from printers.slicing import PrusaSlicer, check_slice, find_slicer
from tests.doubles.idle_node import Node
from tests.doubles.world import NODE, some_facts
from web.app import WebSettings, create_app, make_server

PRESET = load_machine("generic-250x210")


@pytest.fixture(scope="module")
def prusa_slicer():
    found = find_slicer()
    if not isinstance(found, PrusaSlicer):
        pytest.skip("prusa-slicer is not installed")
    return found


class Site:
    """A coordinator's pages with a slicing service, and a node's key."""

    def __init__(self, world, folder, find):
        self.world = world
        self.slices = folder / "slices"
        self.service = SlicingService(self.slices, lambda: needed_slices(world.ledger), find)
        self.service.start()
        app = create_app(
            world.ledger,
            lambda: Library(world.ledger.database, folder / "world" / "files"),
            Live(),
            lambda: world.now,
            WebSettings(
                secret_key=b"k" * 32, network_name="Test", public_url="http://x",
                secure_cookies=False,
            ),
            self.service,
        )  # fmt: skip
        self.server = make_server(app, "127.0.0.1", 0)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.key = Ed25519PrivateKey.generate()
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        world.add_lab()
        nodes.enrol(world.ledger, NODE, "Lab", public, world.now)
        world.order(2)
        world.plan()
        world.tick()
        self.attempt = world.attempts()[-1]
        self.remote = RemoteSlicer(self.url, NODE, self.key)

    def close(self):
        self.service.stop()
        self.server.close()
        self.thread.join()

    def a_node(self, folder, slicer):
        """A node that was offered the attempt; it slices itself, or asks here."""
        folder.mkdir()
        (folder / "key").write_text(base64.b64encode(self.key.private_bytes_raw()).decode())
        node, a = Node(folder, coordinator=self.url, slicer=slicer), self.attempt
        offered = OfferedAttempt(
            attempt=a.ref, printer="p1", part=a.part_id, pieces=a.pieces, material=a.material,
            mesh_sha256=a.mesh_sha256, plate_sha256=a.plate_sha256, seconds=a.seconds, grams=a.grams,
        )  # fmt: skip
        node.hears(Offer(attempts=(offered,)))
        return node

    def request(self, preset=PRESET, **changes):
        facts = {
            "plate": self.slices / "the node has a copy", "plate_sha256": self.attempt.plate_sha256,
            "mesh_sha256": self.attempt.mesh_sha256, "copies": self.attempt.pieces,
            "preset": preset, "material": "PETG",
        }  # fmt: skip
        return SliceRequest(**(facts | changes))

    def get(self, query="?preset=generic-250x210&material=PETG", key=None, node=NODE, **headers):
        path = f"/api/slices/{self.attempt.plate_sha256}{query}"
        return requests.get(
            self.url + path, headers=signed(node, key or self.key, path) | headers, timeout=60
        )


@pytest.fixture
def open_site(world, tmp_path):
    opened = []

    def make(find):
        opened.append(Site(world, tmp_path, find))
        return opened[-1]

    yield make
    for site in opened:
        site.close()


@pytest.fixture
def site(open_site, prusa_slicer):
    return open_site(lambda: prusa_slicer)


def patiently(ask, seconds=200):
    """Ask as a node does, until there is an answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except FileFetchError as error:
            if not error.again or time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_a_node_asks_until_the_coordinator_has_sliced(site, tmp_path):
    out = tmp_path / "node"
    with pytest.raises(FileFetchError, match="still slicing") as first:
        site.remote.slice(site.request(), out)
    assert first.value.again
    made = patiently(lambda: site.remote.slice(site.request(), out))
    assert made.slicer.startswith("PrusaSlicer-")
    assert made.gcode.parent == out
    assert hashlib.sha256(made.gcode.read_bytes()).hexdigest() == made.sha256
    facts = check_slice(made.gcode, PRESET, "PETG")
    assert facts.x_max - facts.x_min > 230  # two visors
    # Again: the same slice, of which only the header comes over the line.
    inode = made.gcode.stat().st_ino
    assert site.remote.slice(site.request(), out) == made
    assert made.gcode.stat().st_ino == inode
    # Pages find it by its key and by what is in it.
    path = site.service.gcode_of(made.key)
    assert path.read_bytes() == made.gcode.read_bytes()
    assert site.service.gcode_of(made.sha256) == path
    for name in ("0" * 64, f"../slices/{made.key}", "", "x"):
        assert site.service.gcode_of(name) is None
    # What a disk has damaged is not carried to a printer.
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"S999")
    assert site.service.gcode_of(made.key) is None


def test_gcode_travels_compressed_for_who_reads_that(site, tmp_path):
    patiently(lambda: site.remote.slice(site.request(), tmp_path / "node"))
    plain = site.get(**{"Accept-Encoding": "identity"})
    packed = site.get()
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.content == packed.content
    with requests.get(packed.url, headers=packed.request.headers, stream=True, timeout=60) as raw:
        assert len(raw.raw.read()) < len(plain.content) / 2


def test_a_crash_forgets_the_request_but_not_the_slice(site, open_site, prusa_slicer, tmp_path):
    request = dataclasses.replace(
        site.request(), plate=site.world.library.file(site.attempt.plate_sha256)
    )
    made = patiently(lambda: _or_wait(site.service, request))
    inode = made.gcode.stat().st_ino
    site.service.stop()
    fresh = SlicingService(site.slices, lambda: (), lambda: prusa_slicer)
    fresh.start()
    assert patiently(lambda: _or_wait(fresh, request)) == made
    assert made.gcode.stat().st_ino == inode
    # Deleted meanwhile: made anew.
    made.gcode.unlink()
    assert patiently(lambda: _or_wait(fresh, request)).key == made.key
    fresh.stop()


def _or_wait(service, request):
    made = service.ask(request)
    if made is None:
        raise FileFetchError("x", "waiting", again=True)
    return made


def test_many_requests_for_a_plate_are_one(site, prusa_slicer):
    request = dataclasses.replace(
        site.request(), plate=site.world.library.file(site.attempt.plate_sha256)
    )
    counted = []

    class Counting:
        name = prusa_slicer.name

        def slice(self, each, out):
            counted.append(each)
            return prusa_slicer.slice(each, out)

    service = SlicingService(site.slices, lambda: (), Counting)
    assert [service.ask(request) for _ in range(5)] == [None] * 5
    service.start()
    patiently(lambda: _or_wait(service, request))
    service.ask(request)
    assert len(counted) == 1
    service.stop()


def test_only_the_nodes_own_live_plates_are_sliced(site):
    stranger = Ed25519PrivateKey.generate()
    assert site.get(key=stranger).status_code == 401
    assert site.get(node="unknown").status_code == 401
    path = f"/api/slices/{site.attempt.plate_sha256}"
    assert requests.get(site.url + path, timeout=60).status_code == 401
    # The signature holds for the query, too.
    good = "?preset=generic-250x210&material=PETG"
    other = site.url + path + good.replace("PETG", "PLA")
    answer = requests.get(other, headers=signed(NODE, site.key, path + good), timeout=60)
    assert answer.status_code == 401
    for query in ("?preset=", good.replace("PETG", "PLA"), good.replace("250x210", "180x180")):
        answer = site.get(query)
        assert answer.status_code == 403, query
        assert answer.json()["error"]
    site.attempt = dataclasses.replace(site.attempt, plate_sha256="0" * 64)
    assert site.get(good).status_code == 403
    with pytest.raises(SlicingError, match="No live attempt"):
        site.remote.slice(site.request(), site.slices / "node")


def test_a_preset_that_the_coordinator_does_not_know_is_named(site, tmp_path):
    facts = dataclasses.replace(some_facts(), preset="mine")
    site.world.says(Capabilities(lab="Lab", printers=(facts,)))
    mine = dataclasses.replace(PRESET, name="mine")
    with pytest.raises(SlicingError, match="does not know the machine preset mine"):
        site.remote.slice(site.request(mine), tmp_path)


def test_what_cannot_be_sliced_is_told_to_the_node_in_a_sentence(open_site, tmp_path):
    site = open_site(lambda: ReadySlices(tmp_path / "no catalogue"))
    for _ in range(2):  # told once, then tried anew
        with pytest.raises(SlicingError) as error:
            patiently(lambda: site.remote.slice(site.request(), tmp_path / "node"))
        assert str(error.value).startswith(
            "the coordinator does not slice this plate: there is no slicer on this machine"
        )


def test_a_lost_plate_is_said_to_be_lost(site):
    site.world.library.file(site.attempt.plate_sha256).unlink()
    answer = site.get()
    assert answer.status_code == 404
    assert "lost" in answer.json()["error"]


def test_gcode_that_a_printer_must_not_run_is_never_handed_out(site, tmp_path):
    cool = dataclasses.replace(PRESET, nozzle_max_c=230.0)
    request = dataclasses.replace(
        site.request(cool), plate=site.world.library.file(site.attempt.plate_sha256)
    )
    with pytest.raises(SlicingError, match="240 C, and 230 C is the most here"):
        patiently(lambda: _or_wait(site.service, request))
    assert list(site.slices.glob("*.gcode")) == []


def test_a_coordinator_that_is_away_is_asked_again(tmp_path, site):
    away = RemoteSlicer("http://127.0.0.1:1", NODE, site.key)
    with pytest.raises(FileFetchError, match="cannot be reached") as error:
        away.slice(site.request(), tmp_path)
    assert error.value.again


@pytest.mark.parametrize(
    ("told", "status", "error", "words"),
    [
        ({"key": "../../escaped"}, 200, SlicingError, "update fabnet"),
        ("no JSON", 200, SlicingError, "update fabnet"),
        ({"key": "a" * 64}, 200, FileFetchError, "damaged"),
        ({}, 503, FileFetchError, "answered 503"),
        ({}, 404, SlicingError, "answered 404"),
    ],
)
def test_a_wrong_answer_is_not_believed(tmp_path, site, told, status, error, words):
    figures = {"sha256": "0" * 64, "seconds": 1, "grams": 1, "layers": 1, "slicer": "x"}
    header = told if isinstance(told, str) else json.dumps({"figures": figures} | told)

    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("X-Fabnet-Slice", header)
            self.end_headers()
            self.wfile.write(b"G28\n")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Wrong) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        remote = RemoteSlicer(f"http://127.0.0.1:{server.server_port}", NODE, site.key)
        with pytest.raises(error, match=words):
            remote.slice(site.request(), tmp_path / "node" / "slices")
        server.shutdown()
        thread.join()
    assert list(tmp_path.glob("**/*.gcode")) == []


# --- the node as a whole


def test_a_node_without_a_slicer_brings_its_attempt_to_ready(site, tmp_path):
    node = site.a_node(tmp_path / "node", slicer="coordinator")
    end = time.monotonic() + 200
    waited = False
    while node.state(site.attempt.ref) is not AttemptState.READY:
        assert node.state(site.attempt.ref) in (AttemptState.TAKEN, AttemptState.PREPARING)
        assert time.monotonic() < end
        node.agent._preparer.take_done()
        waited |= bool(node.agent._preparer._again_at_s)
        node.agent._preparer._again_at_s.clear()  # not to wait five seconds in a test
        node.agent._preparer.start_next()
        time.sleep(0.05)
    assert waited
    assert node.journal.entry(site.attempt.ref).slicer.startswith("PrusaSlicer-")
    # The coordinator keeps what the node is to print, and knows its figures for the next plan.
    for message in [m for m in node.said() if not isinstance(m, Capabilities)]:
        site.world.says(message)
    entry = node.journal.entry(site.attempt.ref)
    site.world.says(
        Ready(
            attempt=site.attempt.ref, nonce="n", gcode_key=entry.gcode_key, seconds=entry.seconds,
            grams=entry.grams, slicer=entry.slicer,
        )
    )  # fmt: skip
    assert needed_slices(site.world.ledger) == {entry.gcode_key}
    node.journal.close()


def config(slicer, url="http://127.0.0.1:1"):
    return NodeConfig(
        id=NODE, lab="Lab", coordinator=url, broker="mqtt://127.0.0.1:1", data_dir="d",
        password_file="p", key_file="k", slicer=slicer,
    )  # fmt: skip


def test_the_owner_chooses_who_slices(prusa_slicer, monkeypatch, tmp_path, site):
    key = site.key
    assert slicer_for(config("auto"), key).name == prusa_slicer.name
    assert slicer_for(config("local"), key).name == prusa_slicer.name
    assert slicer_for(config("coordinator"), key).name == "the coordinator's slicer"
    monkeypatch.setattr("printers.slicing.shutil.which", lambda *_, **__: None)
    local = slicer_for(config("local"), key)
    with pytest.raises(NoSlicerError):
        local.slice(site.request(material="PLA"), tmp_path)
    auto = slicer_for(config("auto", site.url), key)
    # What came with fabnet needs nobody; for the rest the coordinator is asked.
    assert auto.slice(site.request(), tmp_path).slicer.startswith("PrusaSlicer-2.5.0")
    with pytest.raises(SlicingError, match="the coordinator does not slice this plate"):
        auto.slice(site.request(material="PLA"), tmp_path)
    monkeypatch.setattr("printers.slicing.shutil.which", lambda *_, **__: "/bin/true")
    assert slicer_for(config("auto"), key).name == auto.name
    with pytest.raises(SlicingError, match="does not answer as PrusaSlicer"):
        slicer_for(config("local"), key)
