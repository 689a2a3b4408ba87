"""The parts of the chaos run itself: a judge that cannot fail is worth nothing."""

import socket
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from jobs.ledger.store import Ledger
from printers.sim.record import RecordEvent
from tests.chaos import judge
from tests.chaos.judge import AttemptFact, LedgerFacts
from tests.chaos.nemesis import PERIOD_S, schedule
from tests.chaos.proxy import TO_CLIENT, TO_SERVER, Exchange
from tests.doubles.waiting import until

# --- the schedule ---------------------------------------------------------------------------------


def made(seed, seconds=60.0, **changes):
    return schedule(seed, seconds, nodes=5, printers=10, **changes)


def test_a_seed_gives_the_same_faults_again():
    assert made(7) == made(7)
    assert made(7) != made(8)


@pytest.mark.parametrize("seed", range(5))
def test_a_minute_holds_every_kind_of_fault(seed):
    faults = made(seed)
    kills = [fault for fault in faults if fault.kind == "kill"]
    assert 35 <= len(kills) <= 100
    assert {fault.target for fault in made(seed, 300.0) if fault.kind == "kill"} == {
        "node", "printer", "broker", "coordinator",
    }  # fmt: skip
    assert {fault.kind for fault in faults} >= {*PERIOD_S, "burn"} - {"disk"}
    assert all(0 <= fault.at_s < 60 for fault in faults)
    pauses = [fault.for_s for fault in faults if fault.kind == "pause"]
    assert all(1 <= pause <= 5 for pause in pauses)


def test_what_is_left_out_changes_nothing_else():
    without = made(3, leave_out=frozenset({"restore"}))
    assert without == tuple(fault for fault in made(3) if fault.kind != "restore")


# --- the proxy ------------------------------------------------------------------------------------


@pytest.fixture
def line():
    """A wire to a server that sends back what comes: (wire, connect)."""
    server = socket.create_server(("127.0.0.1", 0))
    exchange = Exchange()
    wire = exchange.wire(server.getsockname()[1])
    exchange.start()

    def echo(end):
        with closing(end), suppress(OSError):
            while block := end.recv(4096):
                end.sendall(block)

    def serve():
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    clients = []

    def connect():
        client = socket.create_connection(("127.0.0.1", wire.port), 60)
        clients.append(client)
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        return client

    yield wire, connect
    exchange.stop()
    for client in clients:
        client.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def talk(client):
    """Say something, and read until there is no more."""
    client.sendall(b"0123456789")
    while client.recv(10):
        pass


def test_a_reset_cuts_a_packet_in_two_and_new_connections_work(line):
    wire, connect = line
    client = connect()
    wire.reset()
    with pytest.raises(ConnectionResetError):
        talk(client)
    connect()


def test_an_idle_line_is_reset_too(line):
    wire, connect = line
    client = connect()
    wire.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_stall_delivers_late_what_was_sent(line):
    wire, connect = line
    client = connect()
    began_s = time.monotonic()
    wire.stall(1.0)
    client.sendall(b"late")
    assert client.recv(4) == b"late"
    assert time.monotonic() - began_s > 0.8


def test_a_slow_line_is_slow(line):
    wire, connect = line
    client = connect()
    wire.slow(600.0)
    began_s = time.monotonic()
    client.sendall(b"slow")
    assert client.recv(4) == b"slow"
    assert time.monotonic() - began_s > 0.5


@pytest.mark.parametrize("way", [TO_SERVER, TO_CLIENT])
def test_a_half_open_line_swallows_one_way_and_is_never_healed(line, way):
    wire, connect = line
    client = connect()
    wire.half_open(way, 600.0)
    client.sendall(b"gone")
    until(lambda: wire.swallowed == 4)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(4)
    connect()
    client.settimeout(60)
    wire.half_open(way, 0.1)
    with pytest.raises(ConnectionResetError):
        client.recv(4)


def knock(port):
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.recv(1)


def test_a_server_that_is_gone_refuses(line):
    wire, _ = line
    wire.target = 1
    with pytest.raises(ConnectionResetError):
        knock(wire.port)


# --- the judge ------------------------------------------------------------------------------------

ORDER, LINK = "order1", "hash1"


def attempt(job="j1", number=1, state="harvested", pieces=2):
    name = f"fabnet-{job}-a{number}"
    return AttemptFact(name=name, job=job, order=ORDER, pieces=pieces, state=state)


def good(**changes):
    """One order of two pieces on one plate, printed and counted."""
    facts = LedgerFacts(
        orders={ORDER: (LINK, "confirmed", 2)},
        attempts=(attempt(),),
        jobs={"j1": (ORDER, "done")},
        written_off=frozenset(),
        given_up=frozenset(),
        harvested={"fabnet-j1-a1": 2},
        unplaced={},
    )
    return replace(facts, **changes)


def record(*told):
    """("begin", name), ..."""
    return tuple(RecordEvent(event=event, name=name) for event, name in told)


PRINTED = record(("begin", "fabnet-j1-a1"), ("end", "fabnet-j1-a1"))


def judged(ledger, *records, seen=(), must=(LINK,), burnt=()):
    found = judge.judge(
        ledger, {each.name: each for each in seen}, records, must_be_there=must, burnt=burnt
    )
    return found.printed_twice, found.lost, found.surplus_unexplained


def test_a_plate_that_was_printed_and_counted_is_in_order():
    assert judged(good(), PRINTED) == (0, 0, 0)


def test_a_second_start_of_an_attempt_is_printed_twice():
    twice, _, surplus = judged(good(), PRINTED + PRINTED)
    assert (twice, surplus) == (1, 2)


def test_a_second_attempt_of_a_job_is_printed_twice():
    ledger = good(attempts=(attempt(), attempt(number=2)))
    other = record(("begin", "fabnet-j1-a2"), ("end", "fabnet-j1-a2"))
    assert judged(ledger, PRINTED, other)[0] == 1
    given_up = replace(ledger, written_off=frozenset({"fabnet-j1-a1"}))
    assert judged(given_up, PRINTED, other)[0] == 0


def test_what_has_burnt_is_made_again():
    ledger = good(
        attempts=(attempt(state="printing"), attempt(number=2)), harvested={"fabnet-j1-a2": 2}
    )
    burnt, again = PRINTED, record(("begin", "fabnet-j1-a2"), ("end", "fabnet-j1-a2"))
    assert judged(ledger, burnt, again, burnt=("fabnet-j1-a1",)) == (0, 0, 0)
    assert judged(ledger, burnt, again) == (1, 1, 2)


def test_more_than_was_ordered_needs_an_explanation():
    second = AttemptFact(name="fabnet-j2-a1", job="j2", order=ORDER, pieces=1, state="harvested")
    ledger = good(
        attempts=(attempt(), second),
        jobs={"j1": (ORDER, "done"), "j2": (ORDER, "done")},
        harvested={"fabnet-j1-a1": 2, "fabnet-j2-a1": 1},
    )
    more = record(("begin", "fabnet-j2-a1"), ("end", "fabnet-j2-a1"))
    assert judged(ledger, PRINTED, more) == (0, 0, 1)
    late = replace(ledger, written_off=frozenset({"fabnet-j2-a1"}))
    assert judged(late, PRINTED, more) == (0, 0, 0)


def test_a_print_that_no_ledger_knew_is_surplus_and_that_of_an_order_that_is_gone_is_not():
    more = record(("begin", "fabnet-zz-a1"), ("end", "fabnet-zz-a1"))
    assert judged(good(), PRINTED, more) == (0, 0, 1)
    gone = AttemptFact(name="fabnet-zz-a1", job="zz", order="gone", pieces=1, state="printing")
    assert judged(good(), PRINTED, more, seen=(gone,)) == (0, 0, 0)


def test_an_accepted_order_that_is_not_there_is_lost():
    assert judged(good(), PRINTED, must=(LINK, "other")) == (0, 1, 0)


def test_an_open_job_is_lost_unless_a_grant_in_the_ashes_holds_it():
    ledger = good(attempts=(attempt(state="printing"),), jobs={"j1": (ORDER, "open")}, harvested={})
    begun = record(("begin", "fabnet-j1-a1"))
    assert judged(ledger, begun) == (0, 2, 0)  # the job, and the print
    waits = replace(ledger, attempts=(attempt(state="interrupted"),))
    assert judged(waits, begun) == (0, 2, 0)  # a maker had time to count
    assert judged(waits, begun, burnt=("fabnet-j1-a1",)) == (
        0,
        1,
        0,
    )  # and the steward to write off
    granted = replace(ledger, attempts=(attempt(state="granted"),))
    assert judge.in_ashes(granted, ()) == frozenset()
    assert judge.in_ashes(granted, ("fabnet-j1-a1",)) == {"j1"}
    assert judged(granted, burnt=("fabnet-j1-a1",)) == (0, 0, 0)
    assert judged(granted) == (0, 1, 0)


def test_pieces_without_a_job_are_lost_unless_the_page_says_why():
    ledger = good(unplaced={ORDER: (1, "not-planned")})
    assert judged(ledger, PRINTED) == (0, 1, 0)
    assert judged(replace(ledger, unplaced={ORDER: (1, "stock")}), PRINTED) == (0, 0, 0)


def test_a_count_that_is_not_what_was_printed_is_lost():
    assert judged(good(harvested={"fabnet-j1-a1": 1}), PRINTED) == (0, 1, 0)
    assert judged(good(harvested={"fabnet-j1-a1": 0}), PRINTED) == (0, 1, 0)


def test_the_laws_are_counted_on_the_ledger_as_it_is(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        assert judge.read(db).law == ""
        columns = [row["name"] for row in db.execute("pragma table_info(orders)")]
        values = {
            "id": ORDER,
            "link_hash": LINK,
            "state": "confirmed",
            "kits": 2,
            "sandbox": 0,
            "untold": 0,
        }
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        db.execute(
            f"insert into orders ({names}) values ({marks})",
            [values.get(column, "x") for column in columns],
        )
        # Two pieces ordered, one to make: the other is nowhere.
        db.execute(
            "insert into line (order_id, part_id, pieces, deficit, reasons)"
            " values (?, 'p', 2, 1, '[]')",
            (ORDER,),
        )
        found = judge.read(db)
    assert "law" in found.law
    assert found.orders == {ORDER: (LINK, "confirmed", 2)}
