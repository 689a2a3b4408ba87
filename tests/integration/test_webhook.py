"""Letters to webhooks: as ntfy wants them, and never to what only the coordinator can reach."""

import socket
import threading
import time
from email.header import decode_header, make_header

import pytest

from fabnet import webhook
from fabnet.errors import LetterLostError, LetterRefusedError
from fabnet.webhook import Push, is_public, post
from tests.doubles import certificates
from tests.doubles.hook_server import HookServer


@pytest.fixture
def serve():
    servers = []

    def started(**options):
        servers.append(HookServer(**options))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def push(url, **changes):
    facts = {
        "key": "alarm:awa:1:webhook",
        "url": url,
        "title": "Prusa est peut-être encore chaude : éteignez-la",
        "text": "Allez-y tout de suite.\n\nhttps://fabnet.example/told/stop/x",
        "click": "https://fabnet.example/waiting",
        "priority": 5,
        "tags": "rotating_light",
    }
    return Push(**(facts | changes))


def test_a_letter_is_posted_as_ntfy_reads_it(serve):
    server = serve()
    post(push(server.url + "?auth=abc"), private=True)
    ((path, headers, text),) = server.posts
    assert path == "/awa?auth=abc"
    assert str(make_header(decode_header(headers["Title"]))) == push("").title
    assert headers["Title"].isascii()
    assert "\n" not in headers["Title"]
    assert (headers["Priority"], headers["Tags"]) == ("5", "rotating_light")
    assert headers["Click"] == "https://fabnet.example/waiting"
    assert text == push("").text
    post(push(server.url, title="x\r\nEvil: 1"), private=True)
    assert server.posts[1][1]["Title"] == "x Evil: 1"
    assert server.posts[0][1]["Idempotency-Key"] == server.posts[1][1]["Idempotency-Key"]


def test_over_tls_only_to_who_proves_the_name(serve, tmp_path, monkeypatch):
    tls = certificates.make(tmp_path / "tls")
    server = serve(tls=tls)
    with pytest.raises(LetterRefusedError, match="certificate") as caught:
        post(push(server.url), private=True)
    assert caught.value.again
    assert server.posts == []
    monkeypatch.setenv("SSL_CERT_FILE", tls.ca)
    post(push(server.url), private=True)
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x",
        "https://127.0.0.1:{port}/x",
        "https://localhost:{port}/x",
        "https://0.0.0.0:{port}/x",
        "https://[::1]:{port}/x",
        "https://[::ffff:127.0.0.1]:{port}/x",
        "https://2130706433:{port}/x",
        "https://0x7f000001:{port}/x",
        "https://127.1:{port}/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/x",
        "https://[fd00::1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://[2002:a00:1::]/x",
        "https://100.64.0.1/x",
    ],
)
def test_nothing_inside_is_reached(serve, url):
    server = serve()
    with pytest.raises(LetterRefusedError) as caught:
        post(push(url.format(port=server.port)), private=False)
    assert not caught.value.again
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    ["ftp://93.184.216.34/x", "https://", "https://user:word@93.184.216.34/x", "https://x:99999/y",
     "https://[::1/x", "//93.184.216.34/x", "http://93.184.216.34/x"],
)  # fmt: skip
def test_what_is_no_such_address_is_refused(url):
    for private in (False, True):
        with pytest.raises(LetterRefusedError) as caught:
            post(push(url), private=private)
        assert not caught.value.again


def test_a_name_with_one_address_inside_is_refused(serve, monkeypatch):
    server = serve()
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
        for address in ("93.184.216.34", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answers)
    with pytest.raises(LetterRefusedError, match="own network"):
        post(push(f"https://rebind.example:{server.port}/x"), private=False)
    assert server.connections == 0


def test_the_name_is_looked_up_once_and_the_connection_goes_where_it_said(serve, monkeypatch):
    server, names = serve(), []

    def look_up(host, *_args, **_kwargs):
        names.append(host)
        assert len(names) == 1 or host == "127.0.0.1", "a second look may be answered otherwise"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    post(push(f"http://ntfy.example:{server.port}/x"), private=True)
    assert names.count("ntfy.example") == 1
    assert server.posts[0][1]["Host"] == f"ntfy.example:{server.port}"


def test_a_redirect_is_not_followed(serve):
    server, other = serve(), serve()
    server.answer, server.location = 307, other.url
    with pytest.raises(LetterRefusedError, match="another address") as caught:
        post(push(server.url), private=True)
    assert not caught.value.again
    assert other.connections == 0


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (404, False), (403, False)]
)
def test_what_is_tried_again(serve, status, again):
    server = serve()
    server.answer = status
    with pytest.raises(LetterRefusedError, match=str(status)) as caught:
        post(push(server.url), private=True)
    assert caught.value.again is again


def test_who_is_not_there_is_tried_again(serve):
    server = serve()
    held = socket.socket()
    held.bind(("127.0.0.1", 0))  # and does not listen
    with pytest.raises(LetterRefusedError) as caught:
        post(push(server.url.replace(str(server.port), str(held.getsockname()[1]))), private=True)
    held.close()
    assert caught.value.again


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_server_that_says_a_byte_now_and_then_is_left(serve, monkeypatch, tmp_path, over_tls):
    monkeypatch.setattr(webhook, "_WHOLE_S", 1.0)
    done = threading.Event()

    def drip(handler):
        while not done.wait(0.1):
            handler.wfile.write(b"X")

    tls = None
    if over_tls:
        tls = certificates.make(tmp_path / "tls")
        monkeypatch.setenv("SSL_CERT_FILE", tls.ca)
    server = serve(tls=tls)
    server.answer = drip
    began = time.monotonic()
    with pytest.raises(LetterLostError) as caught:
        post(push(server.url), private=True)
    assert time.monotonic() - began < 60  # it would go on for ever
    assert caught.value.handed
    done.set()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1", True),
        ("127.0.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("::ffff:192.168.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("ff02::1", False),
    ],
)
def test_public_addresses(address, public):
    assert is_public(address) is public
