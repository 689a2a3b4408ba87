"""Many MQTT clients in one thread, on bare sockets: as cheap as a thousand nodes have to be here.

Speaks as much of MQTT 3.1.1 as a node needs: login, will, QoS 0 and 1, keepalive, a clean session.
What a client does is up to the caller: `heard` is called for each message that comes in.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections import deque

_BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE
_CONNACK, _PUBLISH, _PUBACK, _SUBACK = 0x20, 0x30, 0x40, 0x90


def _text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def _packet(kind, body):
    size, length = b"", len(body)
    while True:
        length, low = divmod(length, 128)
        size += bytes([low | 0x80 if length else low])
        if not length:
            return bytes([kind]) + size + body


class Member:
    """One connection. `up` once its login and its subscriptions are acknowledged."""

    def __init__(self, name, password, will, keepalive_s, topics, busy):
        self.name = name
        self.connected = False
        self.up = False
        self.refused = False
        self.sock = None
        self.unacked = 0  # by the broker
        self.last_out = 0.0
        self._keepalive_s = keepalive_s
        self._topics = topics
        self._login = self._connect_packet(password, will, keepalive_s)
        self._in = bytearray()
        self._out = deque()
        self._busy = busy
        self._mid = 0

    def _connect_packet(self, password, will, keepalive_s):
        flags = 0xC2 | (0x2C if will else 0)  # login, clean session; will at QoS 1, retained
        body = _text("MQTT") + bytes([4, flags]) + struct.pack("!H", keepalive_s) + _text(self.name)
        if will:
            body += _text(will[0]) + _text(will[1])
        return _packet(0x10, body + _text(self.name) + _text(password))

    def open(self, address):
        self.connected = self.up = self.refused = False
        self.unacked = self._mid = 0
        self._in.clear()
        self._out.clear()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(address)
        self._send(self._login)

    def publish(self, topic, payload, *, qos=1, retain=False):
        body = _text(topic)
        if qos:
            self._mid = self._mid % 65535 + 1
            self.unacked += 1
            body += struct.pack("!H", self._mid)
        self._send(_packet(_PUBLISH | qos << 1 | retain, body + payload))

    def _send(self, packet):
        self._out.append(packet)
        self._busy.add(self)

    def write(self):
        """Send what is waiting; return whether all went."""
        data = b"".join(self._out)
        self._out.clear()
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        self.connected = True
        if sent < len(data):
            self._out.append(data[sent:])
        self.last_out = time.monotonic()
        return sent == len(data)

    def ping_if_quiet(self):
        if self.up and time.monotonic() - self.last_out > self._keepalive_s * 0.7:
            self._send(b"\xc0\x00")

    def read(self):
        """Return the messages that came in; None at the end of the connection."""
        data = self.sock.recv(65536)
        if not data:
            return None
        self._in += data
        heard = []
        while (packet := self._next()) is not None:
            kind, body = packet
            if kind & 0xF0 == _PUBLISH:
                heard.append(self._message(kind, body))
            elif kind & 0xF0 == _PUBACK:
                self.unacked -= 1
            elif kind & 0xF0 == _CONNACK:
                self._on_connack(body)
            elif kind & 0xF0 == _SUBACK:
                self.up = True
        return heard

    def _on_connack(self, body):
        if body[1]:
            self.refused = True
        elif self._topics:
            topics = b"".join(_text(topic) + b"\x01" for topic in self._topics)
            self._send(_packet(0x82, b"\x00\x01" + topics))
        else:
            self.up = True

    def _next(self):
        data, length, shift = self._in, 0, 0
        for at in range(1, min(len(data), 5)):
            length |= (data[at] & 0x7F) << shift
            shift += 7
            if not data[at] & 0x80:
                end = at + 1 + length
                if len(data) < end:
                    return None
                kind, body = data[0], bytes(data[at + 1 : end])
                del data[:end]
                return kind, body
        return None

    def _message(self, kind, body):
        (size,) = struct.unpack_from("!H", body)
        topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
        if kind & 0x06:
            self._send(_packet(_PUBACK, rest[:2]))
            rest = rest[2:]
        return topic, rest


class Crowd:
    """All connections of a process.

    Args:
        heard: called with member, topic and payload.
        lost: called with a member whose connection has ended.
    """

    def __init__(self, address, heard, lost=lambda _member: None):
        self._address = address
        self._heard = heard
        self._lost = lost
        self._selector = selectors.DefaultSelector()
        self._pinged = time.monotonic()
        self._busy = set()
        self.members = {}

    def add(self, name, password, *, will=None, keepalive_s=30, topics=()):
        member = self.members[name] = Member(name, password, will, keepalive_s, topics, self._busy)
        return member

    def connect(self, member):
        member.open(self._address)
        self._selector.register(member.sock, _BOTH, member)

    def drop(self, member):
        self._busy.discard(member)
        if member.sock.fileno() in self._selector.get_map():
            self._selector.unregister(member.sock)
        member.sock.close()
        member.sock, member.up = None, False

    def mute(self, member):
        """Keep the connection and read and write nothing on it, as behind a pulled cable."""
        self._busy.discard(member)
        self._selector.unregister(member.sock)
        member.connected = member.up = False

    def turn(self, timeout_s=0.05):
        """Send and take what there is."""
        for member in [m for m in self._busy if m.connected]:
            self._write(member)
        for key, mask in self._selector.select(timeout_s):
            if mask & selectors.EVENT_WRITE and not self._write(key.data):
                continue
            if mask & selectors.EVENT_READ:
                self._read(key.data)
        if time.monotonic() - self._pinged > 1.0:
            self._pinged = time.monotonic()
            for member in self.members.values():
                member.ping_if_quiet()

    def _write(self, member):
        """Send what waits; return whether the connection is still there."""
        try:
            done = member.write()
        except OSError:
            self._end(member)
            return False
        if done:
            self._busy.discard(member)
        events = selectors.EVENT_READ if done else _BOTH
        self._selector.modify(member.sock, events, member)
        return True

    def _read(self, member):
        try:
            heard = member.read()
        except BlockingIOError:
            return
        except OSError:
            heard = None
        if heard is None:
            self._end(member)
            return
        for topic, payload in heard:
            self._heard(member, topic, payload)

    def _end(self, member):
        self.drop(member)
        self._lost(member)

    def close(self):
        """End all connections without a word."""
        for member in self.members.values():
            if member.sock is not None:
                self.drop(member)
        self._selector.close()
