"""An enrolled and hostile node against the whole coordinator: broker, link, inbox, ledger, loop.

Whatever it says, the loop goes on, nothing of another node changes, and the message is dropped or kept
as a dead letter with a reason.
"""

import itertools
import json
import logging
import sqlite3
import threading
import time

import pytest

from fabnet import wire
from fabnet.wire import Channel
from jobs.joining import Standing
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, Capabilities, Ready, Report, ReportState, encode
from jobs.model import AttemptRef
from tests.doubles.hostile_node import HOSTILE, STRANGER, STREAM, VICTIM, Node, Site, envelope
from tests.doubles.links import needs_mosquitto
from tests.doubles.world import World, some_facts

pytestmark = [
    needs_mosquitto,
    pytest.mark.timeout(900),
]
_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_of_the_victim_changes(request):
    if "site" not in request.fixturenames:
        yield
        return
    site = request.getfixturevalue("site")
    for node in (site.victim, site.hostile):
        if not node.peer.open:
            node.connect()
        assert node.epoch
        node.peer.heard.clear()
        site.reads_mail(node)
    before = site.of_victim()
    yield
    assert site.victim.is_served(), "the coordinator's loop does not go on"
    assert site.of_victim() == before


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize("channel", [Channel.EVENTS, Channel.NODE_ACK, Channel.PRESENCE,
                                     Channel.TELEMETRY])  # fmt: skip
@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\0", b"null", b"[]", b"{", b"\xff\xfe\xfa", b'"' * 999, DEEP, b'{"v":1,"d":' + DEEP + b"}",
        b'{"v":1,"id":"\xff","s":"x","n":1,"boot":"","t":"","ts":"","d":{}}',
        envelope(1, id="x" * 60_000), envelope(1, s="x" * 60_000), b"x" * (64 * 1024 + 1),
        b'{"printers":[{"printer":"p","state":"idle","nozzle_c":1e308}]}',
        b'{"printers":[{"printer":"p","state":"printing","fraction_done":1e308}]}',
        b'{"online":true,"boot":"' + b"x" * 60_000 + b'","conn":"c"}',
    ],
    ids=range(16),
)  # fmt: skip
def test_nonsense_is_dropped(site, channel, payload):
    before = site.last_letter()
    site.hostile.peer.say(site.hostile.topic(channel), payload)
    assert site.hostile.is_served()
    assert site.dead_letters(before) == []


@pytest.mark.parametrize(
    "n", [2**63, 2**63 - 1, 2**64, 10**300, -1, -(2**63), 0, True, 1.5, "1", None, [1], {}], ids=str
)
def test_a_place_in_the_stream_that_cannot_be_is_dropped(site, n):
    for changes in ({"n": n}, {"a": n, "n": 10**6}, {"v": n, "n": 1}):
        site.hostile.peer.say(
            site.hostile.topic(), envelope(0, **({"s": site.hostile.stream} | changes))
        )
    ack = json.dumps({"stream": "x", "n": n}).encode()
    site.hostile.peer.say(site.hostile.topic(Channel.NODE_ACK), ack)
    assert site.hostile.is_served()


def test_of_two_keys_of_a_name_one_counts_and_the_stream_goes_on(site):
    n = next(site.hostile.numbers)
    twice = envelope(n, s=site.hostile.stream).replace(b'"n":', b'"n": 77777, "n":')
    site.hostile.says_bytes(n, twice)
    assert site.hostile.acked(n)


def facts(**changes):
    made = json.loads(encode(Capabilities(lab="x", printers=(some_facts(),)))[1])
    made["printers"][0] |= changes
    return made


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("no-such-type", {}),
        ("t" * 64, {}),
        ("sync", []),
        ("sync", "x" * 50_000),
        ("sync", {"attempts": [{"attempt": {"job": "x", "number": 2**63}, "state": "taken"}],
                  "in_stream": "", "in_cursor": 0}),
        ("offer", {"attempts": []}),
        ("grant", {"attempt": {"job": "x", "number": 1}, "nonce": "", "ttl_s": 1}),
        ("answer", {"attempt": {"job": "no-such-job", "number": 1}, "taken": True}),
        ("answer", {"attempt": {"job": "x", "number": -1}, "taken": True}),
        ("report", {"attempt": {"job": "x", "number": 2**64}, "state": "printed"}),
        ("report", {"attempt": {"job": "x", "number": 1}, "state": "harvested"}),
        ("ready", {"attempt": {"job": "x", "number": 1}, "nonce": "", "gcode_key": "", "slicer": "",
                   "seconds": 1e308, "grams": -1}),
        ("counted", {"attempt": {"job": "x", "number": 1}, "good": 2**63, "scrap": -1}),
        ("capabilities", facts(bed_x_mm=1e308)),
        ("capabilities", facts(bed_x_mm=-1)),
        ("capabilities", facts(height_mm=0)),
        ("capabilities", facts(margin_mm=1e6)),
        ("capabilities", facts(round_bed=True)),
        ("capabilities", facts(keep_out_mm=[[0, 0, 1e9, 1]])),
        ("capabilities", facts(keep_out_mm=[[9, 0, 1, 1]])),
        ("capabilities", facts(keep_out_mm=[[0, 0, 1, 1]] * 17)),
        ("capabilities", facts(id="")),
        ("capabilities", facts(title="x" * 10_000)),
        ("capabilities", facts(spool={"id": "s", "material": "PETG", "grams": 1e12})),
        ("capabilities", facts() | {"place": [1e300, 1e300]}),
        ("capabilities", facts() | {"utc_offset_min": 10**9}),
        ("capabilities", facts() | {"attended": "whenever"}),
        ("capabilities", facts() | {"printers": facts()["printers"] * 2}),
    ],
    ids=range(28),
)  # fmt: skip
def test_a_message_that_cannot_be_is_kept_aside_with_a_reason(site, kind, body):
    before = site.last_letter()
    printers = site.rows("select * from printer where node = ?", HOSTILE)
    n = site.hostile.says_raw(kind, body)
    assert site.hostile.acked(n)
    ((kept, why),) = site.dead_letters(before)
    assert kept == kind
    assert why
    assert site.rows("select * from printer where node = ?", HOSTILE) == printers


def test_what_was_recorded_from_another_node_does_nothing_for_the_attacker(site):
    n = site.victim.says(Capabilities(lab=VICTIM, printers=(some_facts(),)))
    assert site.victim.acked(n)
    stream = site.rows("select * from stream_in where peer = ?", VICTIM)
    kind, body = encode(Capabilities(lab="stolen", printers=()))
    for number in (1, n, n + 1):
        mine = {"s": site.victim.stream, "epoch": site.hostile.epoch}
        recorded = envelope(number, kind, json.loads(body), **mine)
        site.hostile.peer.say(site.hostile.topic(), recorded)
        for ack in (1, number, 10**6):
            told = wire.write(wire.Ack(stream=site.victim.stream, n=ack, id=f"m{ack}"))
            site.hostile.peer.say(site.hostile.topic(Channel.NODE_ACK), told)
    # It has begun another stream in its own name by that, and goes on in one of its own.
    site.hostile.begin(f"{STREAM}-again-{n}")
    site.hostile.appears()
    assert site.rows("select * from stream_in where peer = ?", VICTIM) == stream


def test_an_attempt_of_another_node_is_out_of_reach(world, tmp_path):
    world.add_lab(VICTIM)
    order_id = world.order(2)
    world.plan()
    world.tick()
    (ref, *_) = (attempt.ref for attempt in world.attempts())
    world.take(ref)
    world.ready(ref)
    books = world.books(order_id)
    world.ledger.close()
    site = Site(tmp_path / "world")
    try:
        held = site.rows("select job_id, number, node, state, nonce from attempt")
        assert [row[2:4] for row in held] == [(VICTIM, AttemptState.GRANTED)]
        messages = [Report(attempt=ref, state=state, reason="forged") for state in ReportState]
        messages += [Answer(attempt=ref, taken=taken) for taken in (True, False)]
        messages += [
            Ready(attempt=ref, nonce="forged", gcode_key="", seconds=1, grams=1, slicer=""),
            Report(attempt=AttemptRef(job=ref.job, number=2), state=ReportState.PRINTED),
        ]
        for message in messages:
            assert site.hostile.acked(site.hostile.says(message))
        assert len(site.dead_letters()) == len(messages)
        assert all(
            "cannot speak for it" in error or "no" in error for _, error in site.dead_letters()
        )
        # A sync that claims it, and one that claims everything, is answered and changes nothing.
        held_by_all = [
            {"attempt": {"job": ref.job, "number": n}, "state": "printing"} for n in (1, 2)
        ]
        sync = {"attempts": held_by_all, "in_stream": "", "in_cursor": 2**62}
        assert site.hostile.acked(site.hostile.says_raw("sync", sync))
        assert site.victim.is_served()
        assert site.rows("select job_id, number, node, state, nonce from attempt") == held
    finally:
        site.close()
    world = World(tmp_path / "world")
    assert world.books(order_id) == books
    world.ledger.close()


def test_a_node_that_tells_of_a_later_run_does_not_stop_the_coordinator(site):
    """A ledger that was put back learns of later runs from nodes; a hostile one makes them up."""
    ahead = round(time.time() * 1000) + 1000
    for epoch in (ahead, ahead + 10, 2**62, 2**63, -1):
        n = next(site.hostile.numbers)
        words = envelope(n, s=site.hostile.stream, epoch=epoch)
        if 0 <= epoch <= 2**62:
            site.hostile.says_bytes(n, words)
        else:  # it is dropped: the stream waits for another word of this number
            site.hostile.peer.say(site.hostile.topic(), words)
            right = envelope(n, s=site.hostile.stream, epoch=site.hostile.epoch)
            site.hostile.says_bytes(n, right)
        assert site.hostile.acked(n)
    assert site.hostile.is_served()


def test_acknowledging_what_was_never_said_makes_a_stir_for_the_attacker_alone(site):
    mail = site.rows("select stream, last_n from stream_out where peer = ?", VICTIM)
    (own, last), *_ = site.rows("select stream, last_n from stream_out where peer = ?", HOSTILE)
    for stream, n in (
        (own, last + 100),
        (own, 2**62),
        (mail[0][0], 1),
        (mail[0][0], 10**6),
        ("", 1),
    ):
        ack = wire.write(wire.Ack(stream=stream, n=n, id="x"))
        site.hostile.peer.say(site.hostile.topic(Channel.NODE_ACK), ack)
    assert site.victim.is_served()
    site.hostile.begin(f"{STREAM}-after-acks")
    site.hostile.appears()
    assert site.rows("select stream from stream_out where peer = ?", VICTIM) == [mail[0][:1]]


def test_an_old_birth_or_will_does_not_change_who_is_online(site):
    def online(name):
        return site.rows("select online from node where id = ?", name)

    will = wire.Presence(online=False, boot="boot", conn="an-older-connection")
    for name in (VICTIM, HOSTILE):
        site.hostile.peer.say(wire.topic(name, Channel.PRESENCE), wire.write(will), retain=True)
    assert site.hostile.is_served()
    assert online(HOSTILE) == online(VICTIM) == [(1,)]


@pytest.mark.parametrize("standing", [Standing.PENDING, Standing.REVOKED])
def test_a_node_that_is_not_let_in_is_not_heard_even_if_its_broker_still_hears_it(site, standing):
    stranger = Node(site.url, STRANGER)
    # Behind the back of the broker's logins: this is the second wall alone.
    db = sqlite3.connect(site.folder / "ledger.db", timeout=10)
    with db:
        db.execute("update node set standing = ? where id = ?", (standing, STRANGER))
    db.close()
    n = stranger.says(Capabilities(lab="stranger", printers=(some_facts(),)))
    assert not stranger.acked(n, 1.0)
    stranger.peer.close()
    assert site.rows("select online, seen_at from node where id = ?", STRANGER) == [(0, None)]
    assert site.rows("select * from stream_in where peer = ?", STRANGER) == []
    assert site.rows("select * from dead_letter where peer = ?", STRANGER) == []


def flood(url, what, stop, said):
    """Pour words of a kind until `stop` is set; count them in `said`."""
    node = Node(url, HOSTILE)
    other = f"{wire.ROOT}/99/{HOSTILE}/up/evt"
    numbers = itertools.count(1)
    stream = f"flood-{what}-{time.monotonic()}"
    while not stop.is_set() and node.peer.open:
        for _ in range(500):
            n = next(numbers)
            match what:
                case "telemetry":
                    topic, data = node.topic(Channel.TELEMETRY), b'{"printers":[]}'
                case "nonsense":
                    topic, data = node.topic(), b"x" * 100
                case "dead letters":
                    topic, data = (
                        node.topic(),
                        envelope(n, "nonsense", {}, s=stream, epoch=node.epoch),
                    )
                case "streams":
                    topic, data = (
                        node.topic(),
                        envelope(1, "sync", s=f"{stream}-{n}"[-60:], epoch=node.epoch),
                    )
                case _:
                    topic, data = other, envelope(n)
            node.peer.pour(topic, data, 1)
            said[0] += 1
        node.peer.run(stop.is_set, 0.01)
    node.peer.cut()


@pytest.mark.parametrize(
    "what", ["telemetry", "nonsense", "dead letters", "streams", "wrong shards"]
)
def test_a_flood_starves_nobody(site, what):
    """Some 10,000 messages a second, for as long as the victim needs to be served five times."""
    stop = threading.Event()
    said = [0]
    thread = threading.Thread(target=flood, args=(site.url, what, stop, said))
    began = time.monotonic()
    thread.start()
    try:
        waits = []
        time.sleep(1.0)
        for _ in range(5):
            asked = time.monotonic()
            assert site.victim.is_served()
            waits.append(time.monotonic() - asked)
            time.sleep(0.2)
    finally:
        stop.set()
        thread.join()
        lasted_s = time.monotonic() - began
        # The flood has cut off this login, and ended its stream where it began others.
        site.hostile.connect()
        site.hostile.begin(f"{STREAM}-after-{time.monotonic()}")
        site.hostile.appears()
    rate = said[0] / lasted_s
    _log.info("%s: %d messages/s, the victim waited %.2f s at most", what, rate, max(waits))
    assert rate > 100
    # On a busy machine one answer may be late.
    assert sorted(waits)[2] < 20
    assert len(site.dead_letters()) <= 501
    assert site.rows("select count(*) from stream_retired where peer = ?", HOSTILE)[0][0] <= 1001
