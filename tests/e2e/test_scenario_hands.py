"""People in a browser: they get there by links, click what is seen, and note what one would stumble over."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fabnet.demo.browser import PageError
from tests.scenario.browser import in_browser
from tests.scenario.diary import Diary, kind_of

PAGES = {
    "/": '<a href="/waiting">Ce qui m’attend</a>',
    "/waiting": '<a href="/orders">Commandes</a> <p>The order is late.</p>',
    "/orders": '<details><summary>Plus</summary><a href="/orders/abc">abc</a></details>',
    "/orders/abc": (
        '<form method="post" action="/orders/abc/count"><input name="good" value="3">'
        '<label>Gondolé<input type="radio" name="why" value="warped"></label>'
        "<button>Compter</button></form>"
        '<form method="post" action="/orders/abc"><button>Rien</button></form>'
    ),
    "/live": '<a href="/">Accueil</a>',
    "/orders/hidden": "<p>Personne n’y mène.</p>",
    "/orders/abc/counted": '<div style="width: 3000px">Compté.</div>',
}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        found = PAGES.get(self.path)
        live = "data-live=/live/live" if self.path == "/live" else ""
        body = f"<!doctype html><main {live}>{found or 'Rien ici.'}</main>".encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.sent.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(303)
        self.send_header(
            "Location", {"/orders/abc": "/orders/abc"}.get(self.path, "/orders/abc/counted")
        )
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.sent = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def served(chromium, server):
    return chromium, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def told(served, server):
    """Let somebody do all of it once; return what was sent, where it led, and the diary."""
    diary = Diary(None)
    maker = in_browser(*served, diary)("maker", 1)
    filled = maker.filled("/orders/abc", "/count")
    clicks = diary.clicks
    led_to = maker.submit("/orders/abc", "/count", {"good": "2", "why": "warped"})
    maker.submit("/orders/abc", "/orders/abc", {})
    maker.read("/orders/hidden")
    with pytest.raises(PageError, match="no form for /pack"):
        maker.submit("/orders/abc", "/pack", {})
    with pytest.raises(PageError, match="answered 404"):
        maker.read("/orders/nothing")
    maker.leave()
    return filled, clicks, led_to, server.sent, diary


def test_a_page_is_found_by_its_links_and_its_form_is_sent_as_it_was_filled_in(told):
    filled, clicks, led_to, sent, _ = told
    assert filled == {"good": "3"}
    assert clicks == 4  # Ce qui m’attend, Commandes, what is folded, abc
    assert sent[0] == "good=2&why=warped"
    assert led_to.endswith("/orders/abc/counted")


def test_what_one_would_stumble_over_is_noted(told):
    diary = told[-1]
    noted = "\n".join(diary.report())
    assert "in English: The order is late." in noted
    assert "maker /orders/x: a button changed nothing" in noted
    assert "px wider than its" in noted
    assert diary.typed["/orders/x"] == 2  # the hidden page, and the one that is not there
    assert diary.summary()["stumbles"] == 3


def test_who_looks_elsewhere_has_put_her_screen_away(served):
    hire = in_browser(*served, Diary(None))
    ward, maker = hire("ward", 1), hire("maker", 2)
    ward.read("/live")
    assert not ward._page.evaluate("document.hidden")
    maker.read("/")
    assert ward._page.evaluate("document.hidden")
    ward.read("/live")
    assert not ward._page.evaluate("document.hidden")
    maker.leave()
    assert hire("maker", 3) is maker  # the next one has her telephone, and nothing of hers in it
    assert hire("maker", 4) is not maker


def test_addresses_are_told_apart_by_their_kind_alone():
    assert kind_of("http://a/d/8k2m9x4t/HFjsdkHFKJSDhfjksdhf/complaint") == "/d/x/complaint"
    assert kind_of("http://a/harvest/9crx4txqhp-a1?lang=fr") == "/harvest/x"
    assert kind_of("http://a/waiting") == "/waiting"
