"""An OctoPrint, or what passes for one, that answers without an end: a real server on a real socket."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from printers import bounded_http, octoprint_api
from printers.connect import Connection, connect
from printers.errors import OctoPrintError, OctoPrintLostError
from printers.octoprint_api import OctoPrintApi

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def server(answer):
    """Calls `answer(peer)` for each connection, after its request was read."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(peer):
        with peer:
            try:
                while True:
                    data = b""
                    while b"\r\n\r\n" not in data:
                        block = peer.recv(65536)
                        if not block:
                            return
                        data += block
                    answer(peer)
            except OSError:
                return

    def listen():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def trickle(peer, data=b"x", every_s=0.1):
    while True:
        peer.sendall(data)
        time.sleep(every_s)


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(octoprint_api, "_TIMEOUT_S", (0.5, 0.5))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bounded_http, "MOST_BYTES", 1 << 20)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "before",
    [
        b"",  # a status line that never ends
        b"HTTP/1.1 200 OK\r\nX-Long: ",  # headers
        JSON + b"Content-Length: 100000\r\n\r\n{",
        JSON + b"\r\n{",  # till the connection ends
        JSON + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["status", "headers", "length", "no length", "chunks"],
)
def test_a_server_that_trickles_holds_nobody_longer_than_its_bound(before):
    def answer(peer):
        peer.sendall(before)
        trickle(peer, b"1\r\n \r\n" if b"chunked" in before else b"x")

    with server(answer) as url:
        began = time.monotonic()
        with pytest.raises(OctoPrintLostError):
            OctoPrintApi(url, "key").job()
        assert 0.4 < time.monotonic() - began < 60


@pytest.mark.parametrize(
    "length", [b"Content-Length: 1000000000\r\n", b""], ids=["said", "not said"]
)
def test_an_answer_without_an_end_is_cut(length):
    sent = []

    def answer(peer):
        peer.sendall(JSON + length + b"\r\n[")
        while True:
            peer.sendall(b"1," * 32768)
            sent.append(65536)

    with server(answer) as url:
        with pytest.raises(OctoPrintError, match="does not end"):
            OctoPrintApi(url, "key").version()
        assert sum(sent) < 32 << 20


def test_a_packed_answer_is_refused_unread():
    def answer(peer):
        peer.sendall(JSON + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")

    with server(answer) as url, pytest.raises(OctoPrintError, match="cannot be read"):
        OctoPrintApi(url, "key").version()


@pytest.mark.usefixtures("hurried")
def test_the_connection_is_kept_for_the_next_question_whatever_the_time_between():
    peers = set()

    def answer(peer):
        peers.add(peer.fileno())
        body = b'{"server":"1.11.8"}'
        peer.sendall(JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with server(answer) as url:
        api = OctoPrintApi(url, "key")
        for _ in range(3):
            assert api.version() == "1.11.8"
            time.sleep(0.6)  # longer than what is left of the first one's time
        assert len(peers) == 1
        api.close()


@pytest.mark.usefixtures("hurried")
def test_a_drivers_thread_is_back_in_time():
    with server(lambda peer: trickle(peer, b"H")) as url:
        driver = connect(Connection(octoprint=url, api_key="key"))
        began = time.monotonic()
        with pytest.raises(OctoPrintLostError):
            driver.open()
        driver.poll(0.1)
        assert time.monotonic() - began < 60
        driver.close()
