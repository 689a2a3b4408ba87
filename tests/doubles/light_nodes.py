"""Many nodes without printers, in one thread: presence, both reliable streams, jittered return.

They do what `fabnet.node.uplink` does on the wire, with lists in place of a journal. A node that is
told to be deaf keeps its connection and acknowledges nothing.
"""

from __future__ import annotations

import random
import time

from fabnet import wire
from fabnet.pacing import pause_s
from fabnet.wire import Channel
from jobs.messages import Sync, encode
from tests.doubles.crowd import Crowd

_RESEND_S = 2.0


class LightNode:
    def __init__(self, name):
        self.name = name
        self.stream = f"{random.getrandbits(64):016x}"
        self.n = 0
        self.sent = {}  # by number, until it is acknowledged
        self.acked = 0
        self.in_stream, self.cursor, self.last_id = "", 0, ""
        self.synced_s = None  # since when both streams carry on this connection
        self.epoch = 0  # of the coordinator, as it says itself
        self.deaf = False
        self.failures = 0
        self.births = 0
        self.arrivals = 0
        self.commands = 0
        self.back_s = 0.0
        self.resend_s = 0.0


class LightNodes:
    """All of them.

    Args:
        address: of the broker.
        password: of all of them.
    """

    def __init__(self, address, password, names, *, keepalive_s=30, spread_s=5.0):
        self._spread_s = spread_s
        self._crowd = Crowd(address, self._heard, self._lost)
        self.nodes = {name: LightNode(name) for name in names}
        for node in self.nodes.values():
            node.back_s = time.monotonic() + random.uniform(0, spread_s)
        for name, node in self.nodes.items():
            gone = wire.Presence(online=False, boot="boot", conn=self._conn(node))
            self._crowd.add(
                name, password, keepalive_s=keepalive_s,
                will=(wire.topic(name, Channel.PRESENCE), wire.write(gone)),
                topics=(
                    wire.topic(name, Channel.COMMANDS),
                    wire.topic(name, Channel.COORDINATOR_ACK),
                    wire.COORDINATOR_TOPIC,
                ),
            )  # fmt: skip
        self._here = set()

    @staticmethod
    def _conn(node):
        return f"conn-of-{node.name}"

    def turn(self):
        """One round of all of them."""
        now = time.monotonic()
        for name, node in self.nodes.items():
            member = self._crowd.members[name]
            if member.sock is None:
                self._here.discard(name)
                if now >= node.back_s:
                    self._crowd.connect(member)
            elif member.up and name not in self._here:
                self._here.add(name)
                self._arrived(node)
            elif name in self._here and not node.deaf and node.sent and now >= node.resend_s:
                self._send(node, list(node.sent)[:16])
        self._crowd.turn()

    def turn_until(self, condition, seconds):
        """Go on until it holds; return after how long, None where it does not."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self.turn()
            if condition():
                return time.monotonic() - began
        return None

    def stall(self, names):
        """Pull these nodes' cables: the broker hears nothing any more, not even an end."""
        for name in names:
            self._crowd.mute(self._crowd.members[name])

    def close(self):
        self._crowd.close()

    def say(self, name, message):
        """Send a message of the reliable stream; return its number."""
        node = self.nodes[name]
        node.n += 1
        kind, body = encode(message)
        node.sent[node.n] = (kind, body)
        if name in self._here:
            self._send(node, [node.n])
        return node.n

    def _send(self, node, numbers):
        node.resend_s = time.monotonic() + _RESEND_S
        if not node.epoch:
            return  # nobody has said yet that the coordinator is there
        for n in numbers:
            kind, body = node.sent[n]
            data = wire.envelope(
                id=f"{node.stream}-{n}", stream=node.stream, n=n, boot="boot", kind=kind,
                body=body, at="", epoch=node.epoch,
            )  # fmt: skip
            self._publish(node, Channel.EVENTS, data)

    def _publish(self, node, channel, data, *, retain=False):
        member = self._crowd.members[node.name]
        member.publish(wire.topic(node.name, channel), data, retain=retain)

    def _arrived(self, node):
        node.failures = 0
        node.arrivals += 1
        self._say_here(node)
        sync = Sync(attempts=(), in_stream=node.in_stream, in_cursor=node.cursor)
        self.say(node.name, sync)
        self._send(node, list(node.sent)[:16])

    def _say_here(self, node):
        node.births += 1
        birth = wire.Presence(online=True, boot="boot", conn=self._conn(node), stream=node.stream)
        self._publish(node, Channel.PRESENCE, wire.write(birth), retain=True)

    def _lost(self, member):
        node = self.nodes[member.name]
        node.synced_s = None
        node.back_s = time.monotonic() + pause_s(node.failures, self._spread_s, random.random())
        node.failures += 1

    def _heard(self, member, topic, payload):
        node = self.nodes[member.name]
        if topic == wire.COORDINATOR_TOPIC:
            told = wire.read_coordinator(payload)
            if told.online:
                node.epoch = told.epoch
                self._say_here(node)
                self._send(node, list(node.sent)[:16])
            return
        _, channel = wire.parse_topic(topic)
        if channel is Channel.COORDINATOR_ACK:
            ack = wire.read_ack(payload)
            if ack.stream == node.stream and not ack.over:
                node.acked = max(node.acked, ack.n)
                for n in [n for n in node.sent if n <= ack.n]:
                    del node.sent[n]
            return
        node.commands += 1
        if not node.deaf:
            self._command(node, wire.read_envelope(payload))

    def _command(self, node, message):
        if message.s != node.in_stream:
            node.in_stream, node.cursor = message.s, 0
        if message.n == node.cursor + 1:
            node.cursor, node.last_id = message.n, message.id
            if message.t == "sync":
                node.synced_s = time.monotonic()
        if node.cursor and message.n <= node.cursor:
            ack = wire.Ack(stream=node.in_stream, n=node.cursor, id=node.last_id)
            self._publish(node, Channel.NODE_ACK, wire.write(ack))

    @property
    def synced(self):
        """How many have their link and both streams in order."""
        return sum(node.synced_s is not None and not node.sent for node in self.nodes.values())
