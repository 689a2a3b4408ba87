"""The broker as we configure it: a node speaks and hears for itself alone; it comes back when killed."""

import os
import signal
import socket

import pytest

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, Broker, free_port, password_line
from fabnet.errors import BrokerError, PortTakenError
from fabnet.inlet import Connected, Disconnected, Incoming
from fabnet.wire import Channel
from tests.doubles.links import Client, listens, needs_mosquitto

EVERYTHING = "fabnet/v1/#"


@needs_mosquitto
def test_messages_go_both_ways(broker, links):
    coordinator = Client(
        links, broker, COORDINATOR_USER, topics=[wire.all_nodes(Channel.EVENTS)]
    ).up()
    node = Client(links, broker, "lab-a", topics=[wire.topic("lab-a", Channel.COMMANDS)]).up()
    listens(coordinator.link, coordinator.link, wire.topic("lab-a", Channel.EVENTS))
    listens(node.link, coordinator.link, wire.topic("lab-a", Channel.COMMANDS))
    assert node.link.publish(wire.topic("lab-a", Channel.EVENTS), b"up", qos=1)
    assert coordinator.hear(Incoming).payload == b"up"
    coordinator.link.publish(wire.topic("lab-a", Channel.COMMANDS), b"down", qos=1)
    assert node.hear(Incoming).payload == b"down"


@needs_mosquitto
def test_a_node_can_neither_speak_nor_hear_for_another(broker, links):
    coordinator = Client(links, broker, COORDINATOR_USER, topics=[EVERYTHING]).up()
    spy = Client(links, broker, "lab-b", topics=[EVERYTHING]).up()
    listens(coordinator.link, coordinator.link, wire.topic("lab-a", Channel.EVENTS))
    spy.link.publish(wire.topic("lab-a", Channel.EVENTS), b"forged", qos=1)
    spy.link.publish(wire.topic("lab-a", Channel.COMMANDS), b"forged", qos=1)
    spy.link.publish(wire.COORDINATOR_TOPIC, b"forged", qos=1)
    coordinator.link.publish(wire.topic("lab-a", Channel.COMMANDS), b"for a only", qos=1)
    assert [payload for _, payload in coordinator.heard(least=1)] == [b"for a only"]
    assert spy.heard() == []


@needs_mosquitto
def test_a_will_cannot_be_left_on_another_nodes_topic(broker, links):
    coordinator = Client(links, broker, COORDINATOR_USER, topics=[EVERYTHING]).up()
    spy = Client(links, broker, "lab-b", will=wire.topic("lab-a", Channel.PRESENCE)).up()
    spy.link._client.socket().close()
    assert [t for t, _ in coordinator.heard(1.5) if "lab-a" in t] == []


@needs_mosquitto
@pytest.mark.parametrize(("user", "password"), [("lab-a", "wrong"), ("nobody", "x")])
def test_a_wrong_login_is_told(broker, links, user, password):
    client = Client(links, broker, user, password)
    assert "refused" in client.hear(Disconnected).reason


@needs_mosquitto
def test_a_login_that_is_added_later_works_and_one_that_is_taken_away_does_not(broker, links):
    lines = {user: password_line(user, f"{user}-pw") for user in (COORDINATOR_USER, "lab-c")}
    broker.set_users(lines)
    Client(links, broker, "lab-c").up()
    gone = Client(links, broker, "lab-a")
    while "refused" not in gone.hear(Disconnected).reason:
        pass  # it was let in before the broker had read the new logins


@needs_mosquitto
def test_a_killed_broker_is_noticed_and_found_again(broker, links):
    node = Client(links, broker, "lab-a").up()
    os.kill(broker.pid, signal.SIGKILL)
    node.hear(Disconnected)
    assert not node.link.publish(wire.topic("lab-a", Channel.EVENTS), b"x", qos=1)
    # Linux closes the sockets of a killed process before its parent can see that it is dead.
    os.waitid(os.P_PID, broker.pid, os.WEXITED | os.WNOWAIT)
    assert not broker.alive()
    broker.start()
    node.hear(Connected)


@needs_mosquitto
def test_the_broker_dies_with_its_parent_and_keeps_its_files_to_itself(broker):
    assert oct(broker.folder.stat().st_mode)[-3:] == "700"
    assert oct((broker.folder / "passwords").stat().st_mode)[-3:] == "600"
    assert "lab-a-pw" not in (broker.folder / "passwords").read_text()


def test_a_taken_port_is_said(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(port)):
            Broker(tmp_path, "127.0.0.1", port, kind="mosquitto").start()


def test_a_missing_broker_is_said_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("fabnet.broker.find_mosquitto", lambda: None)
    with pytest.raises(BrokerError, match="sudo apt-get install mosquitto"):
        Broker(tmp_path, "127.0.0.1", free_port(), kind="mosquitto").start()


def test_the_embedded_broker_carries_messages(tmp_path, links):
    broker = Broker(tmp_path / "broker", "127.0.0.1", free_port(), kind="iotcore")
    broker.start()
    coordinator = Client(
        links, broker, COORDINATOR_USER, topics=[wire.all_nodes(Channel.EVENTS)]
    ).up()
    node = Client(links, broker, "lab-a").up()
    listens(coordinator.link, node.link, wire.topic("lab-a", Channel.EVENTS))
    node.link.publish(wire.topic("lab-a", Channel.EVENTS), b"up", qos=1)
    assert coordinator.hear(Incoming).payload == b"up"
    for link in links:
        link.stop()
    links.clear()
    broker.stop()


def test_a_free_port_goes_to_who_is_told_its_number_and_to_nobody_by_chance():
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)
    for _ in range(2):  # as often as it begins
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port), 10).close()
