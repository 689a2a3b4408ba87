"""The server: streams, silent clients, a renewed certificate, and whom it believes, plain and with TLS."""

import _pyio
import contextlib
import gc
import resource
import socket
import ssl
import struct
import sys
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask, Response, request

from fabnet.authority import own_certificate
from web import serving
from web.serving import make_server
from web.streams import Streams


class Context:
    """What a server needs to know of its application."""

    def __init__(self):
        self.streams = Streams(nullcontext, lambda _ticket: True, lambda: 0)


class Stream:
    """Says a line, and the next one once somebody has read it."""

    def __init__(self):
        self.read = threading.Semaphore(0)

    def __iter__(self):
        for number in range(3):
            yield f"data: {number}\n\n"
            yield "" if self.read.acquire(timeout=30) else "data: nobody has read it\n\n"


@pytest.fixture(params=["plain", "tls"])
def served(request, tmp_path):
    yield from serve(tmp_path, tls=request.param == "tls")


@pytest.fixture
def secure(tmp_path):
    yield from serve(tmp_path, tls=True)


def serve(folder, *, tls):
    app = Flask("served")
    app.extensions["fabnet"] = Context()
    app.add_url_rule("/", "here", lambda: f"{request.remote_addr} {request.scheme}")
    stream = Stream()
    app.add_url_rule("/live", "live", lambda: Response(iter(stream), mimetype="text/event-stream"))
    app.add_url_rule("/much", "much", lambda: bytes(20 << 20))
    files = own_certificate(folder, ("127.0.0.1",), datetime.now(UTC)) if tls else None
    server = make_server(
        app, "127.0.0.1", 0, None if files is None else (files.certificate, files.key)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stream = stream
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{server.port}"
    server.ca, server.folder, server.thread = files.ca if tls else True, folder, thread
    yield server
    server.close()
    thread.join(60)
    assert not thread.is_alive()


def test_a_stream_arrives_as_it_is_made(served):
    with requests.get(f"{served.url}/live", stream=True, verify=served.ca, timeout=60) as answer:
        lines = (line for line in answer.iter_lines(chunk_size=1) if line)
        for number in range(3):
            assert next(lines) == b"data: %d" % number
            served.stream.read.release()


def test_who_leaves_in_the_middle_of_an_answer_leaves_nothing_behind(served, monkeypatch):
    cries = []
    monkeypatch.setattr(sys, "unraisablehook", cries.append)
    # Python 3.12 and before say only in development what they cannot write when a file is collected.
    monkeypatch.setattr(_pyio, "_IOBASE_EMITS_UNRAISABLE", True, raising=False)
    for _ in range(3):
        with (
            socket.create_connection(("127.0.0.1", served.port)) as plain,
            wrapped(plain, served) as client,
        ):
            client.sendall(b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n")
            assert client.recv(5) == b"HTTP/"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    served.close()
    served.thread.join(60)
    gc.collect()
    assert [repr(cry.exc_value) for cry in cries] == []


def wrapped(plain, served):
    if served.ca is True:
        return nullcontext(plain)
    context = ssl.create_default_context(cafile=served.ca)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_closed_server_is_not_to_be_reached(served):
    assert requests.get(served.url, verify=served.ca, timeout=60).ok
    served.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(served.url, verify=served.ca, timeout=60)


def test_clients_that_say_nothing_keep_nobody_out(served):
    # A busy machine makes some of them wait: who is kept out by others waits each time.
    assert any(waited_beside_silent_ones_s(served) < 2 for _ in range(4))


def waited_beside_silent_ones_s(served):
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
        begun = time.monotonic()
        assert requests.get(served.url, verify=served.ca, timeout=60).ok
        return time.monotonic() - begun


def test_where_there_is_no_room_nobody_is_let_in_and_it_is_said_once(monkeypatch, caplog):
    """cheroot asked again at once, and its log grew by a megabyte a second."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        serving._Listening() as listening,
        socket.socket() as first,
        socket.socket() as second,
    ):
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        first.connect(listening.getsockname())
        for _ in range(2):
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                with pytest.raises(BlockingIOError):  # which cheroot passes over
                    listening.accept()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        found, _ = listening.accept()
        found.close()
        # What is left to other things is given to no connection.
        monkeypatch.setattr(serving, "_most_files", lambda: 0)
        second.connect(listening.getsockname())
        with pytest.raises(BlockingIOError):
            listening.accept()
        second.settimeout(10)
        assert second.recv(1) == b""
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "too many connections" in caplog.text


def test_plain_text_and_rubbish_at_a_tls_port_do_no_harm(secure):
    for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 100):
        with socket.create_connection(("127.0.0.1", secure.port)) as client:
            client.sendall(words)
            client.settimeout(60)
            with contextlib.suppress(ConnectionError):
                assert b"200 OK" not in client.recv(1000)
    assert requests.get(secure.url, verify=secure.ca, timeout=60).text == "127.0.0.1 https"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(secure):
    context = ssl.create_default_context(cafile=secure.ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", secure.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        assert client.version() == "TLSv1.2"
    context = ssl.create_default_context(cafile=secure.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secure.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_renewed_certificate_is_shown_without_a_restart(secure):
    def shown():
        return ssl.get_server_certificate(("127.0.0.1", secure.port), timeout=60)

    before = shown()
    own_certificate(secure.folder, ("127.0.0.1", "more.example"), datetime.now(UTC) + timedelta())
    secure.renew()
    assert shown() != before
    assert shown() in Path(secure.folder / "server.crt").read_text().replace("\r", "")
    assert requests.get(secure.url, verify=secure.ca, timeout=60).ok


def test_a_proxy_on_this_machine_says_who_asked(served):
    told = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    answer = requests.get(served.url, headers=told, verify=served.ca, timeout=60)
    assert answer.text == "198.51.100.7 https"
    assert answer.headers["Server"] == "fabnet"


def test_a_taken_port_is_an_error_at_once(served):
    with pytest.raises(OSError, match=str(served.port)):
        make_server(_app(), "127.0.0.1", served.port)


def _app():
    app = Flask("other")
    app.extensions["fabnet"] = Context()
    return app


def test_endless_headers_and_bodies_are_cut_off(served):
    much = {"X-Much": "x" * (1 << 20)}
    with contextlib.suppress(requests.ConnectionError):
        answer = requests.get(served.url, headers=much, verify=served.ca, timeout=60)
        assert answer.status_code == 413
    with contextlib.suppress(requests.ConnectionError):
        answer = requests.post(served.url, data=bytes(101 << 20), verify=served.ca, timeout=60)
        assert answer.status_code == 413
    assert requests.get(served.url, verify=served.ca, timeout=60).ok
