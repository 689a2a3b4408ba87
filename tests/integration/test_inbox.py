"""The durable inbox on a real ledger: applied once, acknowledged after the commit, blocked by nobody."""

import json
import sqlite3

import pytest

from fabnet import wire
from fabnet.inbox import Acks, Inbox
from fabnet.wire import Ack, Channel, Presence
from jobs.coordinator import attempts, nodes
from jobs.errors import RefusedError
from jobs.ledger import labs, streams
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import (
    Answer,
    PrinterChange,
    PrinterTele,
    Report,
    ReportState,
    Telemetry,
    encode,
)
from jobs.model import AttemptRef
from printers.model import PrinterState
from tests.doubles.world import NODE, NOON, PRINTER


class Speaker:
    """A node's side of the wire: numbers its messages as a journal does."""

    def __init__(self, node=NODE, stream="s1"):
        self.node, self.stream, self.n = node, stream, 0

    def event(self, message, n=None):
        kind, body = encode(message)
        return self.raw(kind, body, n)

    def raw(self, kind, body, n=None):
        if n is None:
            self.n = n = self.n + 1
        data = wire.envelope(
            id=f"{self.stream}-{n}",
            stream=self.stream,
            n=n,
            boot="boot",
            kind=kind,
            body=body,
            at="",
        )
        return wire.topic(self.node, Channel.EVENTS), data

    def on(self, channel, value):
        return wire.topic(self.node, channel), wire.write(value)


def state(printer_state, printer=PRINTER):
    return PrinterChange(printer=printer, state=printer_state, clear=True)


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.db")
    for node in (NODE, "lab-b"):
        nodes.enrol(made, node, f"Lab {node}", "", NOON)
    yield made
    made.close()


@pytest.fixture
def inbox(ledger):
    return Inbox(ledger, Live(), 0)


def acks(taken):
    return {to(node): ack for (node, _), ack in taken.acks.items()}


def to(node):
    return wire.topic(node, Channel.COORDINATOR_ACK)


def dead_letters(ledger):
    rows = ledger.reading.execute("select peer, n, type, error from dead_letter order by id")
    return [tuple(row) for row in rows]


def test_a_batch_is_acknowledged_once_a_node_up_to_its_last(inbox):
    a, b = Speaker(), Speaker("lab-b", "s2")
    idle = state(PrinterState.IDLE)
    taken = inbox.take([a.event(idle), b.event(idle), a.event(idle), a.event(idle)], NOON)
    assert len(taken.acks) == 2
    assert acks(taken) == {
        to(NODE): Ack(stream="s1", n=3, id="s1-3"),
        to("lab-b"): Ack(stream="s2", n=1, id="s2-1"),
    }


def test_what_is_acknowledged_is_on_the_disk(inbox, ledger):
    a = Speaker()
    taken = inbox.take([a.event(state(PrinterState.IDLE))], NOON)
    other = sqlite3.connect(ledger.path)
    stored = other.execute("select stream, cursor, last_id from stream_in").fetchone()
    other.close()
    ack = acks(taken)[to(NODE)]
    assert stored == (ack.stream, ack.n, ack.id)


def test_a_double_is_acknowledged_again_and_a_gap_is_not(inbox):
    a = Speaker()
    first = a.event(state(PrinterState.IDLE))
    inbox.take([first], NOON)
    assert acks(inbox.take([first], NOON)) == {to(NODE): Ack(stream="s1", n=1, id="s1-1")}
    assert inbox.take([a.event(state(PrinterState.IDLE), n=3)], NOON).acks == {}


def test_a_batch_in_which_a_node_knows_more_than_the_ledger_is_not_acknowledged_beyond(
    inbox, ledger
):
    a = Speaker()
    idle = state(PrinterState.IDLE)
    known = [a.event(idle), a.event(idle)]
    kind, body = encode(idle)
    ahead = wire.envelope(
        id="s1-9", stream="s1", n=9, boot="boot", kind=kind, body=body, at="", floor=8
    )
    topic = known[0][0]
    taken = inbox.take([*known, (topic, ahead), a.event(idle)], NOON)
    assert taken.acks == {}
    assert taken.woken == {NODE}
    assert streams.cursor_of(ledger.reading, NODE).n == 0
    assert [row.type for row in streams.unacknowledged(ledger.reading, NODE, 9)][-1] == "restate"
    assert inbox.take([a.event(idle)], NOON).acks == {}


def test_an_ended_stream_is_told_so(inbox):
    old, new = Speaker(), Speaker(stream="s2")
    inbox.take([old.event(state(PrinterState.IDLE))], NOON)
    taken = inbox.take([new.event(state(PrinterState.IDLE))], NOON)
    assert taken.woken == {NODE}
    late = inbox.take([old.event(state(PrinterState.IDLE))], NOON)
    assert acks(late) == {to(NODE): Ack(stream="s1", n=0, over=True)}


def test_attempts_move_and_what_is_refused_leaves_no_trace(world):
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (ref,) = [a.ref for a in world.attempts()]
    inbox, a = Inbox(world.ledger, Live(), 0), Speaker()
    stranger = Report(attempt=AttemptRef(job="none", number=1), state=ReportState.PRINTED)
    batch = [
        a.event(Answer(attempt=ref, taken=True)),
        a.event(stranger),
        a.raw("report", b'{"attempt": 3}'),
        a.raw("sermon", b"{}"),
        a.event(Report(attempt=ref, state=ReportState.PREPARING)),
    ]
    taken = inbox.take(batch, world.now)
    assert acks(taken)[to(NODE)].n == 5
    assert world.state(ref) is AttemptState.PREPARING
    assert [(peer, n, kind) for peer, n, kind, _ in dead_letters(world.ledger)] == [
        (NODE, 2, "report"),
        (NODE, 3, "report"),
        (NODE, 4, "sermon"),
    ]


def a_bug_in(printer):
    """The real use cases, with a fault in one message that strikes after it has written."""

    def apply(db, node, message, now):
        attempts.apply(db, node, message, now)
        if isinstance(message, PrinterChange) and message.printer == printer:
            db.execute("update node set lab = 'half written' where id = ?", (node,))
            raise KeyError("nobody foresaw this")

    return apply


def test_a_bug_in_one_message_blocks_neither_its_node_nor_the_others(ledger):
    inbox = Inbox(ledger, Live(), 0, a_bug_in("cursed"))
    a, b = Speaker(), Speaker("lab-b", "s2")
    batch = [
        b.event(state(PrinterState.IDLE)),
        a.event(state(PrinterState.IDLE)),
        a.event(state(PrinterState.IDLE, "cursed")),
        a.event(state(PrinterState.IDLE)),
        b.event(state(PrinterState.IDLE)),
    ]
    found = acks(inbox.take(batch, NOON))
    assert (found[to(NODE)].n, found[to("lab-b")].n) == (3, 2)
    assert dead_letters(ledger) == [(NODE, 2, "printer", "KeyError: 'nobody foresaw this'")]
    assert "half written" not in {node.lab for node in labs.fleet(ledger.reading)}


def test_a_bug_outside_the_streams_drops_that_message_alone(ledger, monkeypatch):
    def presence(db, node, *args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(nodes, "presence", presence)
    inbox, a = Inbox(ledger, Live(), 0), Speaker()
    birth = a.on(Channel.PRESENCE, Presence(online=True, boot="b", conn="c"))
    taken = inbox.take([birth, a.event(state(PrinterState.IDLE))], NOON)
    assert acks(taken)[to(NODE)].n == 1
    assert taken.woken == set()
    assert dead_letters(ledger) == []


def test_a_law_that_breaks_at_the_commit_is_the_fault_of_one_message_only(tmp_path):
    def audit(db):
        if db.execute("select 1 from printer where fault = 'cursed'").fetchone():
            raise AssertionError("the books do not add up")

    ledger = Ledger(tmp_path / "ledger.db", audit=audit)
    nodes.enrol(ledger, NODE, "Lab", "", NOON)
    with ledger.transaction() as db:
        db.execute("insert into printer (node, id, facts) values (?, ?, '{}')", (NODE, PRINTER))
    a = Speaker()
    cursed = PrinterChange(printer=PRINTER, state=PrinterState.FAULT, clear=False, fault="cursed")
    batch = [a.event(state(PrinterState.IDLE)), a.event(cursed)]
    assert acks(Inbox(ledger, Live(), 0).take(batch, NOON))[to(NODE)].n == 2
    assert [row[:3] for row in dead_letters(ledger)] == [(NODE, 2, "printer")]
    ledger.close()


def test_a_full_disk_loses_nothing_and_blames_no_message(inbox, ledger):
    a = Speaker()
    pages = ledger.reading.execute("pragma page_count").fetchone()[0]
    ledger.reading.execute(f"pragma max_page_count = {pages}")
    big = [a.raw("sermon", json.dumps({"words": "x" * 50_000}).encode()) for _ in range(20)]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        inbox.take(big, NOON)
    assert streams.cursor_of(ledger.reading, NODE).n == 0
    ledger.reading.execute("pragma max_page_count = 1000000")
    assert acks(inbox.take(big, NOON))[to(NODE)].n == 20


def test_a_statement_that_is_wrong_is_a_bug_and_not_the_disks_fault(ledger):
    def apply(db, node, message, now):
        db.execute("select no_such_column from node")

    a = Speaker()
    taken = Inbox(ledger, Live(), 0, apply).take([a.event(state(PrinterState.IDLE))], NOON)
    assert acks(taken)[to(NODE)].n == 1
    assert len(dead_letters(ledger)) == 1


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("fabnet/v1/00/nobody/up/evt", b"{}"),
        (wire.topic("stranger", Channel.EVENTS), b"{}"),
        (wire.topic(NODE, Channel.EVENTS), b"\xff"),
        (wire.topic(NODE, Channel.EVENTS), b"x" * (wire.MOST_BYTES + 1)),
        (wire.topic(NODE, Channel.TELEMETRY), b"[]"),
        (wire.topic(NODE, Channel.PRESENCE), b"{}"),
        (wire.topic(NODE, Channel.COMMANDS), b"{}"),
    ],
)
def test_what_is_no_word_of_an_enrolled_node_is_dropped(inbox, topic, payload):
    good = Speaker()
    taken = inbox.take([(topic, payload), good.event(state(PrinterState.IDLE))], NOON)
    assert list(acks(taken)) == [to(NODE)]


def test_acks_wait_a_moment_for_newer_ones_and_none_is_forgotten():
    waiting = Acks()
    waiting.add({(NODE, "s1"): Ack(stream="s1", n=1)})
    assert len(waiting.due(10.0)) == 1
    waiting.add({(NODE, "s1"): Ack(stream="s1", n=2), ("lab-b", "s2"): Ack(stream="s2", n=1)})
    waiting.add({(NODE, "s1"): Ack(stream="s1", n=3)})
    assert waiting.due(10.1) == []
    found = {topic: wire.read_ack(payload).n for topic, payload in waiting.due(10.3)}
    assert found == {to(NODE): 3, to("lab-b"): 1}
    assert waiting.due(20.0) == []


def test_half_a_use_case_is_undone_before_its_message_is_kept_aside(ledger):
    def apply(db, node, message, now):
        db.execute("update node set lab = 'half written' where id = ?", (node,))
        raise RefusedError("no")

    a = Speaker()
    taken = Inbox(ledger, Live(), 0, apply).take([a.event(state(PrinterState.IDLE))], NOON)
    assert acks(taken)[to(NODE)].n == 1
    assert len(dead_letters(ledger)) == 1
    assert "half written" not in {node.lab for node in labs.fleet(ledger.reading)}


def test_a_node_that_is_let_in_is_heard_at_once_and_one_that_is_let_out_no_more(inbox, ledger):
    late = Speaker("lab-c", "s3")
    words = late.event(state(PrinterState.IDLE))
    assert inbox.take([words], NOON).acks == {}
    # By another connection, as the command line and the pages do it.
    other = Ledger(ledger.path)
    nodes.enrol(other, "lab-c", "Lab C", "", NOON)
    assert acks(inbox.take([words], NOON)) == {to("lab-c"): Ack(stream="s3", n=1, id="s3-1")}
    with other.transaction() as db:
        db.execute("delete from node where id = 'lab-c'")
    other.close()
    assert inbox.take([words], NOON).acks == {}


def test_presence_wakes_and_an_ack_empties_the_outbox(inbox, ledger):
    a = Speaker()
    with ledger.transaction() as db:
        streams.send(db, NODE, "x", b"{}", NOON)
    birth = a.on(Channel.PRESENCE, Presence(online=True, boot="b", conn="c"))
    assert inbox.take([birth], NOON).woken == {NODE}
    assert labs.node(ledger.reading, NODE).online
    stream, _ = streams.stream_of(ledger.reading, NODE)
    inbox.take([a.on(Channel.NODE_ACK, Ack(stream=stream, n=1))], NOON)
    assert streams.unacknowledged(ledger.reading, NODE, 16) == ()


def test_telemetry_is_for_the_pages_and_never_for_the_ledger(ledger):
    live, a = Live(), Speaker()
    tele = Telemetry(printers=(PrinterTele(printer=PRINTER, state=PrinterState.PRINTING),))
    changes = ledger.reading.total_changes
    topic = wire.topic(a.node, Channel.TELEMETRY)
    Inbox(ledger, live, 0).take(
        [(topic, b'{"printers":[{"printer":"p1","state":"printing"}]}')], NOON
    )
    assert live.printer(NODE, PRINTER) == tele.printers[0]
    assert ledger.reading.total_changes == changes
