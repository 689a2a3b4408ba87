"""A spool in Spoolman is a printer's, or an error that says what to write there; over real HTTP."""

import http.server
import socket
import threading
from datetime import UTC, datetime

import msgspec
import pytest

from printers.errors import SpoolmanError
from printers.spools import Spoolman, SpoolmanSpool, loaded
from tests.doubles.spoolman import Spoolman as Server

URL = "http://octopi.local:7912"
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


def a_spool(**changes):
    facts = {
        "id": 12,
        "filament": {"name": "Orange", "material": "PETG", "vendor": {"name": "Prusament"}},
        "used_weight": 300.0,
        "remaining_weight": 700.0,
        "lot_nr": "B7",
    }
    return msgspec.convert(facts | changes, SpoolmanSpool)


def test_a_spool_is_read_as_it_stands(server):
    server.add(12, used=187.6, lot="B7")
    spool = loaded(Spoolman(server.url).spool(12), "spoolman-12", server.url)
    assert (spool.id, spool.material, spool.grams, spool.maker_lot) == (
        "spoolman-12", "PETG", 812.4, "B7",
    )  # fmt: skip


def test_what_it_does_not_say_is_not_known(server):
    server.add(12, initial=None, weight=None, lot=None)
    found = Spoolman(server.url).spool(12)
    assert (found.full_g, found.remaining_weight, found.lot_nr) == (None, None, None)


def test_the_filaments_weight_is_a_full_spools_where_it_has_none_of_its_own(server):
    server.add(12, initial=None, weight=750.0)
    assert Spoolman(server.url).spool(12).full_g == 750.0


def test_what_is_told_twice_counts_once(server):
    server.add(12, used=100.0)
    spoolman = Spoolman(server.url)
    found = spoolman.spool(12)
    for _ in range(2):
        assert spoolman.put_right(found, 110.0, None, NOON).used_weight == 110.0
    assert server.spools[12]["last_used"] == "2026-12-01T12:00:00+00:00"
    assert server.patches[0]["first_used"] == "2026-12-01T12:00:00+00:00"


def test_the_first_use_stays_the_first(server):
    server.add(12)
    server.spools[12]["first_used"] = "2026-01-05T08:00:00Z"
    spoolman = Spoolman(server.url)
    spoolman.put_right(spoolman.spool(12), 110.0, None, NOON)
    assert server.spools[12]["first_used"] == "2026-01-05T08:00:00Z"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"archived": True}, ["spool 12 (Prusament Orange)", "archived"]),
        ({"filament": {"material": "PLA+"}}, ["'PLA+'", "does not know", "PETG", "PLA"]),
        ({"filament": {"material": "petg"}}, ["'petg'", "does not know"]),
        ({"filament": {"name": "Orange"}}, ["has no material"]),
        ({"remaining_weight": None}, ["no weight", "full spool"]),
        ({"remaining_weight": 812000.0}, ["812000 g", "put its weight right"]),
    ],
)
def test_a_spool_that_cannot_be_used_says_what_to_write_there(changes, words):
    with pytest.raises(SpoolmanError) as caught:
        loaded(a_spool(**changes), "spoolman-12", URL)
    assert caught.value.url == URL
    for word in words:
        assert word in str(caught.value)


def test_a_lot_that_no_label_can_show_is_cut():
    lot = loaded(a_spool(lot_nr=" B7\n\x1b[2J" + "x" * 90), "spoolman-12", URL).maker_lot
    assert lot.startswith("B7[2Jx")
    assert len(lot) == 64


def test_a_spool_that_is_not_there_names_its_number(server):
    with pytest.raises(
        SpoolmanError, match=r"no spool 13; is the number in node\.toml right"
    ) as no:
        Spoolman(server.url).spool(13)
    assert no.value.status == 404


def test_a_no_is_said_in_spoolmans_words(server):
    server.add(12)
    spoolman = Spoolman(server.url)
    with pytest.raises(SpoolmanError, match="greater_than_equal") as no:
        spoolman.put_right(spoolman.spool(12), -1.0, None, None)
    assert no.value.status == 422


def test_a_key_is_shown_where_one_is_asked_for(server):
    server.add(12)
    server.key = "sm_key"
    assert Spoolman(server.url, "sm_key").spool(12).id == 12
    for key in ("", "another"):
        with pytest.raises(SpoolmanError, match="spoolman_key_file") as no:
            Spoolman(server.url, key).spool(12)
        assert no.value.status == 401
        assert "sm_key" not in str(no.value)


def test_an_address_where_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(SpoolmanError, match="does not answer"):
            Spoolman(f"http://127.0.0.1:{held.getsockname()[1]}").spool(12)


@pytest.mark.parametrize("url", ["octopi.local:7912", "ftp://octopi.local", "http://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SpoolmanError, match="http://host:port"):
        Spoolman(url)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>a router</html>", "not as Spoolman does"),
        (200, b'{"id": 12, "filament": {}, "used_weight": NaN}', "not as Spoolman does"),
        (200, b'{"id": 12, "filament": {}}', "used_weight"),
        (200, b"\xff\xfe", "not as Spoolman does"),
        (401, b"", "login"),
        (302, b"", "http://elsewhere/"),
        (500, b"out of disk", "out of disk"),
    ],
)
def test_what_is_no_spoolman_is_no_spool(status, body, words):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Location", "http://elsewhere/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        with pytest.raises(SpoolmanError, match=words):
            Spoolman(f"http://127.0.0.1:{other.server_address[1]}").spool(12)
        thread.join()
