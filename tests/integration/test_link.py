"""The link against a real broker where paho, the network or the other side do their worst."""

import logging
import socket
import threading
import time

import pytest

from fabnet import link as link_module
from fabnet import wire
from fabnet.broker import COORDINATOR_USER, Broker, free_port, password_line
from fabnet.inlet import Connected, Disconnected, Incoming, Inlet
from fabnet.link import Link
from fabnet.wire import Channel
from tests.doubles.links import hear, listens, needs_mosquitto
from tests.doubles.links import heard as heard_of
from tests.doubles.tcp_proxy import TcpProxy
from tests.doubles.waiting import until

EVENTS = wire.topic("lab-a", Channel.EVENTS)
PRESENCE = wire.topic("lab-a", Channel.PRESENCE)
COMMANDS = wire.topic("lab-a", Channel.COMMANDS)
CONNACK = b"\x20\x02\x00\x00"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    made = Broker(tmp_path_factory.mktemp("broker"), "127.0.0.1", free_port(), kind="mosquitto")
    made.set_users({u: password_line(u, f"{u}-pw") for u in (COORDINATOR_USER, "lab-a")})
    made.start()
    yield made
    made.stop()


@pytest.fixture
def proxy(broker):
    made = TcpProxy(("127.0.0.1", broker.port))
    yield made
    made.close()


def connect(links, port, user="lab-a", topics=(COMMANDS,), scheme="mqtt", **more):
    def will(conn):
        return (PRESENCE if user == "lab-a" else wire.COORDINATOR_TOPIC), f"gone {conn}".encode()

    more = {"spread_s": 0.1} | more
    link = Link(f"{scheme}://127.0.0.1:{port}", user, f"{user}-pw", topics, will, **more)
    links.append(link)
    link.start()
    return link


def heard(link, least=0):
    return [payload for _, payload in heard_of(link, 0.5, least)]


def coordinator(links, broker, *channels):
    link = connect(links, broker.port, COORDINATOR_USER, [wire.all_nodes(c) for c in channels])
    hear(link, Connected)
    if channels:  # what earlier tests left retained comes before
        listens(link, link, wire.topic("lab-a", channels[0]))
    return link


@needs_mosquitto
def test_paho_never_holds_more_than_a_window_and_sends_none_of_it_again_by_itself(
    broker, proxy, links
):
    listening = coordinator(links, broker, Channel.EVENTS)
    node = connect(links, proxy.port)
    hear(node, Connected)
    proxy.silent = True
    taken = [node.publish(EVENTS, b"old %d" % n, qos=1) for n in range(200)]
    assert 8 <= sum(taken) <= 16
    # A birth still has a place.
    assert node.publish(PRESENCE, b"birth", qos=1, retain=True)
    assert len(node._client._out_messages) <= 16
    proxy.cut()
    proxy.silent = False
    hear(node, Disconnected)
    hear(node, Connected)
    assert len(node._client._out_messages) == 0
    # The window is open again, and what the outbox sends arrives once.
    assert node.publish(EVENTS, b"new", qos=1)
    assert node.publish(EVENTS, b"newer", qos=1)
    arrived = [b""]
    while arrived[-1] != b"newer":
        arrived.append(hear(listening, Incoming).payload)
    assert arrived.count(b"new") == 1
    assert heard(listening) == []


@needs_mosquitto
def test_the_window_opens_as_the_broker_acknowledges(broker, links):
    listening = coordinator(links, broker, Channel.EVENTS)
    node = connect(links, broker.port)
    hear(node, Connected)
    sent = 0
    end_s = time.monotonic() + 60
    while sent < 500 and time.monotonic() < end_s:
        sent += node.publish(EVENTS, b"%d" % sent, qos=1)
    assert heard(listening, 500) == [b"%d" % n for n in range(500)]


@needs_mosquitto
def test_what_is_said_while_the_link_is_down_is_refused_and_not_kept(broker, proxy, links):
    listening = coordinator(links, broker, Channel.EVENTS)
    node = connect(links, proxy.port)
    hear(node, Connected)
    proxy.silent = True  # until it is said otherwise, no new link comes about
    proxy.cut()
    hear(node, Disconnected)
    # From here on until the next birth, a message that was refused must never arrive.
    assert not node.publish(EVENTS, b"lost", qos=1)
    proxy.silent = False
    hear(node, Connected)
    assert heard(listening) == []


class Poisoned(Inlet):
    def offer(self, event):
        if isinstance(event, Incoming) and event.payload == b"poison":
            raise RuntimeError("a bug of ours")
        return super().offer(event)


@needs_mosquitto
def test_an_exception_in_a_callback_costs_a_message_and_not_the_link(broker, links):
    speaking = coordinator(links, broker)
    node = connect(links, broker.port)
    hear(node, Connected)
    listens(node, speaking, COMMANDS)
    node.events = Poisoned()
    for payload in (b"one", b"poison", b"two"):
        speaking.publish(COMMANDS, payload, qos=1)
    assert hear(node, Incoming).payload == b"one"
    assert hear(node, Incoming).payload == b"two"
    assert node.up


class BrokenBroker:
    """Accepts a login and then says what no broker says; afterwards it is silent."""

    def __init__(self, words, answer=CONNACK):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.logins = 0
        self._words = words
        self._answer = answer
        self._open = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            self.logins += 1
            if self._answer:
                sock.recv(4096)
                sock.sendall(self._answer + self._words)

    def close(self):
        # Wakes `accept`, which `close` alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for sock in self._open:
            sock.close()


@pytest.mark.parametrize(
    "words",
    [
        b"\x30\x02\xff\xff",  # a topic of 65535 bytes in a packet of two
        b"\x32\x00",  # a message of nothing
        b"\x90\x00",  # a SUBACK of nothing
        b"\x40\x01\x00",  # half a PUBACK
        b"\xff\xff\xff\xff\xff\xff",  # no length
        b"\x00\x00",  # no packet
    ],
)
def test_a_broker_that_speaks_nonsense_costs_a_connection_and_not_the_thread(links, words):
    server = BrokenBroker(words)
    try:
        node = connect(links, server.port)
        until(lambda: server.logins >= 2, 60)
        hear(node, Disconnected)
        node.stop()
    finally:
        server.close()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_takes_the_connection_and_says_nothing_is_left(links, scheme, monkeypatch):
    monkeypatch.setattr(link_module, "_CONNECT_S", 1.0)
    server = BrokenBroker(b"", answer=b"")
    try:
        node = connect(links, server.port, scheme=scheme)
        until(lambda: server.logins >= 2, 60)
        assert not node.up
        node.stop()
    finally:
        server.close()


@needs_mosquitto
def test_a_link_that_carries_nothing_is_noticed_by_both_ends(broker, proxy, links):
    keepalive_s = 6
    listening = coordinator(links, broker, Channel.PRESENCE)
    node = connect(links, proxy.port, keepalive_s=keepalive_s)
    conn = hear(node, Connected).conn
    late = []
    # A busy machine is late once; a link that is watched too little is late each time.
    while len(late) < 3:
        threading.Event().wait(1.0)
        node_s, broker_s, will = _pulled(proxy, node, listening)
        assert will == f"gone {conn}".encode()
        before, conn = conn, hear(node, Connected).conn
        assert conn != before
        # The node's own end is sooner; paho alone would take two keepalives.
        if node_s <= 1.5 * keepalive_s + 2 and broker_s <= 1.5 * keepalive_s + 6.1:
            return
        late.append((node_s, broker_s))
    pytest.fail(f"node and broker noticed after {late} s")


def _pulled(proxy, node, listening):
    """Pull the cable until both have noticed; return after how many seconds each did, and the will."""
    began, over = time.monotonic(), threading.Event()
    proxy.silent = True

    def busy():
        # A node that talks all the time must notice too: what it says is not what it hears.
        while not over.wait(0.2):
            node.publish(wire.topic("lab-a", Channel.TELEMETRY), b"{}", qos=0)

    talker = threading.Thread(target=busy)
    talker.start()
    try:
        hear(node, Disconnected)
        node_s = time.monotonic() - began
        assert not node.up
    finally:
        over.set()
        talker.join()
    will = hear(listening, Incoming).payload
    broker_s = time.monotonic() - began
    proxy.silent = False
    return node_s, broker_s, will


@needs_mosquitto
def test_a_deaf_link_is_left_at_once_even_when_the_network_is_silent(broker, proxy, links):
    node = connect(links, proxy.port)
    first = hear(node, Connected).conn
    node.reconnect()
    assert hear(node, Connected).conn != first
    proxy.silent = True
    node.reconnect()
    assert not node.up
    hear(node, Disconnected)
    proxy.silent = False
    hear(node, Connected)


def test_a_full_inlet_drops_messages_counts_them_and_keeps_what_the_link_does():
    inlet = Inlet(most=2)
    assert inlet.offer(Incoming(topic="t", payload=b"1"))
    assert inlet.offer(Incoming(topic="t", payload=b"2"))
    assert not inlet.offer(Incoming(topic="t", payload=b"3"))
    assert inlet.offer(Disconnected(reason="gone"))
    assert inlet.offer(Connected(conn="new"))
    assert inlet.dropped == 1
    assert [type(inlet.get_nowait()) for _ in range(4)] == [
        Incoming, Incoming, Disconnected, Connected,
    ]  # fmt: skip
    assert inlet.offer(Incoming(topic="t", payload=b"4"))


def test_the_inlet_is_bounded_in_bytes_too():
    inlet = Inlet(most_bytes=1000)
    taken = [inlet.offer(Incoming(topic="t", payload=b"x" * 400)) for _ in range(10)]
    assert sum(taken) == 3
    inlet.get_nowait()
    inlet.get_nowait()
    assert inlet.offer(Incoming(topic="t", payload=b"x"))


def test_a_broker_that_is_away_is_said_once_for_each_reason(links, caplog):
    caplog.set_level(logging.DEBUG, "fabnet.link")
    connect(links, free_port())
    until(lambda: len([r for r in caplog.records if "no link" in r.message]) > 2, 30)
    levels = [r.levelno for r in caplog.records if "no link" in r.message]
    assert levels[:3] == [logging.WARNING, logging.DEBUG, logging.DEBUG]


@needs_mosquitto
def test_a_full_inbound_queue_is_said_and_the_link_stays(broker, links, caplog):
    speaking = coordinator(links, broker)
    node = connect(links, broker.port)
    hear(node, Connected)
    listens(node, speaking, COMMANDS)
    node.events._most = 3
    for n in range(10):
        speaking.publish(COMMANDS, b"%d" % n, qos=1)
    until(lambda: node.events.dropped == 7, 60)
    assert [r for r in caplog.records if "messages are dropped" in r.message]
    assert node.up
    assert heard(node, 3) == [b"0", b"1", b"2"]
    speaking.publish(COMMANDS, b"after", qos=1)
    assert hear(node, Incoming).payload == b"after"


@needs_mosquitto
def test_a_good_bye_replaces_the_will(broker, links):
    listening = coordinator(links, broker, Channel.PRESENCE)
    node = connect(links, broker.port)
    hear(node, Connected)
    node.stop((PRESENCE, b"good bye"))
    assert heard(listening, 1) == [b"good bye"]
    assert not node.up
