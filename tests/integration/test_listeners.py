"""The broker's ways in: in the clear on loopback, TLS, WebSocket, WebSocket over TLS."""

import socket
import time
from pathlib import Path

import pytest

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, Broker, free_port, is_to_itself, password_line
from fabnet.errors import BrokerError
from fabnet.inlet import Connected, Incoming
from fabnet.link import Link
from fabnet.wire import Channel
from tests.doubles import certificates
from tests.doubles.links import hear, listens, needs_mosquitto, next_of

pytestmark = needs_mosquitto


def a_broker(folder, tls=None):
    made = Broker(
        folder, "127.0.0.1", free_port(), kind="mosquitto", tls=tls, websocket_port=free_port()
    )
    made.set_users({u: password_line(u, f"{u}-pw") for u in (COORDINATOR_USER, "lab-a")})
    made.start()
    return made


@pytest.fixture(params=["clear", "tls"])
def broker(tmp_path, request):
    tls = certificates.make(tmp_path / "certificates") if request.param == "tls" else None
    made = a_broker(tmp_path / "broker", tls)
    yield made
    made.stop()


def connect(made, url, user, topics=(), ca_file=""):
    own = wire.topic("lab-a", Channel.PRESENCE) if user == "lab-a" else wire.COORDINATOR_TOPIC
    link = Link(url, user, f"{user}-pw", topics, lambda _: (own, b"gone"), ca_file=ca_file)
    made.append(link)
    link.start()
    return link


def test_a_node_is_heard_on_every_listener(broker, links):
    ca_file = broker.tls.ca if broker.tls else ""
    coordinator = connect(links, broker.url, COORDINATOR_USER, [wire.all_nodes(Channel.EVENTS)])
    assert hear(coordinator, Connected)
    schemes = ["mqtts", "wss"] if broker.tls else ["mqtt", "ws"]
    assert [url.split(":")[0] for url in broker.node_urls("127.0.0.1")] == schemes
    listens(coordinator, coordinator, wire.topic("lab-a", Channel.EVENTS))
    for url in broker.node_urls("127.0.0.1"):
        node = connect(
            links, url, "lab-a", [wire.topic("lab-a", Channel.COMMANDS)], ca_file=ca_file
        )
        assert hear(node, Connected), url
        listens(node, coordinator, wire.topic("lab-a", Channel.COMMANDS))
        node.publish(wire.topic("lab-a", Channel.EVENTS), url.encode(), qos=1)
        assert hear(coordinator, Incoming).payload == url.encode()
        coordinator.publish(wire.topic("lab-a", Channel.COMMANDS), url.encode(), qos=1)
        assert hear(node, Incoming).payload == url.encode()
        node.stop()


def test_much_goes_both_ways_at_once_on_every_listener_whole_and_in_order(broker, links):
    ca_file = broker.tls.ca if broker.tls else ""
    coordinator = connect(links, broker.url, COORDINATOR_USER, [wire.all_nodes(Channel.EVENTS)])
    hear(coordinator, Connected)
    listens(coordinator, coordinator, wire.topic("lab-a", Channel.EVENTS))
    ways = [wire.topic("lab-a", Channel.EVENTS), wire.topic("lab-a", Channel.COMMANDS)]
    payloads = [b"%05d" % n * (1 + 10_000 * (n % 7 == 0)) for n in range(100)]
    for url in broker.node_urls("127.0.0.1"):
        node = connect(links, url, "lab-a", [ways[1]], ca_file=ca_file)
        hear(node, Connected)
        listens(node, coordinator, ways[1])
        left = {node: iter(payloads), coordinator: iter(payloads)}
        waiting = {link: next(words) for link, words in left.items()}
        got = {node: [], coordinator: []}
        until = time.monotonic() + 60
        while time.monotonic() < until and any(len(each) < len(payloads) for each in got.values()):
            for link, topic in zip((node, coordinator), ways, strict=True):
                while waiting[link] and link.publish(topic, waiting[link], qos=1):
                    waiting[link] = next(left[link], None)
                events = link.take(1000, 0.01)
                got[link] += [each.payload for each in events if isinstance(each, Incoming)]
        assert got[node] == payloads, url
        assert got[coordinator] == payloads, url
        node.stop()


def test_no_listener_in_the_clear_or_for_every_address_is_open_by_mistake(broker):
    for port in (broker.port, broker.websocket_port):
        # Another address of this machine: a listener on every address would take it.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), 1).close()


def test_a_connection_to_itself_is_no_broker(broker):
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", 0))
        alone.connect(alone.getsockname())  # nobody listens there
        assert is_to_itself(alone)
    with socket.create_connection(("127.0.0.1", broker.port), 10) as far:
        assert not is_to_itself(far)


def test_with_tls_the_way_in_in_the_clear_is_on_loopback_and_not_the_nodes_port(tmp_path):
    tls = certificates.make(tmp_path / "certificates", "127.0.0.3")
    made = Broker(tmp_path / "b", "127.0.0.3", free_port(), kind="mosquitto", tls=tls)
    made.start()
    try:
        assert made.url.startswith("mqtt://127.0.0.1:")
        assert not made.url.endswith(f":{made.port}")
        first = made.url
        made.stop()
        made.start()
        assert made.url == first
    finally:
        made.stop()


# paho lets go of a socket whose handshake failed without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_does_not_speak_to_a_broker_that_another_authority_signed(tmp_path, links):
    broker = a_broker(tmp_path / "broker", certificates.make(tmp_path / "one"))
    other = certificates.make(tmp_path / "two")
    try:
        for url in broker.node_urls("127.0.0.1"):
            link = connect(links, url, "lab-a", ca_file=other.ca)
            assert next_of(link, Connected, 2.0) is None
    finally:
        broker.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "printer.example"])  # noqa: S104
def test_passwords_never_travel_in_the_clear_off_loopback(tmp_path, host):
    with pytest.raises(BrokerError, match="in the clear"):
        Broker(tmp_path, host, free_port(), kind="mosquitto").start()


def test_a_certificate_that_is_not_there_is_named(tmp_path):
    tls = certificates.TlsFiles(certificate=str(tmp_path / "no.pem"), key=str(tmp_path / "no.key"))
    with pytest.raises(BrokerError, match=r"no\.pem"):
        Broker(tmp_path, "127.0.0.1", free_port(), kind="mosquitto", tls=tls).start()


def test_the_broker_may_hold_more_connections_than_a_shell_gives_it(broker):
    limits = Path(f"/proc/{broker.pid}/limits").read_text().splitlines()
    (line,) = [each for each in limits if each.startswith("Max open files")]
    assert line.split()[3] == line.split()[4]
