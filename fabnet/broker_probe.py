"""The probe of a broker: connections that say what no node of ours says, and who listens meanwhile.

With `fabnet.link` the only module that knows paho. Leaves what is tried to `fabnet.broker_acts`.
"""

from __future__ import annotations

import ssl
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fabnet import wire
from fabnet.errors import BrokerError
from fabnet.wire import Channel

_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_ANSWER_S = 5.0
_ROUND_S = 0.02
_PATIENCE_S = 2.0  # an honest node's message takes no longer while the broker is attacked


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of the broker."""

    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The broker and who may log in there. Whoever is logged in as one of them is cut off."""

    url: str  # mqtt, mqtts, ws or wss
    coordinator: Login
    victim: Login
    attacker: Login
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the broker bore one attack."""

    attack: str
    held: bool
    words: str  # what was tried; where it did not hold, what must be mended


class Peer:
    """One connection of the probe, run by whoever waits on it."""

    def __init__(
        self,
        target: Target,
        login: Login | None,
        *,
        client_id: str = "",
        will: tuple[str, bytes] | None = None,
        clean: bool = True,
        topics: Sequence[str] = (),
    ) -> None:
        parts = urlsplit(target.url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BrokerError(f"{target.url!r} is no broker address; write it as mqtt://host:1883")
        kind: Literal["tcp", "websockets"] = (
            "websockets" if parts.scheme.startswith("ws") else "tcp"
        )
        name = client_id or ("" if login is None else login.user)
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, name, clean_session=clean or not name, transport=kind
        )
        if login is not None:
            self._client.username_pw_set(login.user, login.password)
        if parts.scheme in ("mqtts", "wss"):
            self._client.tls_set_context(ssl.create_default_context(cafile=target.ca_file or None))
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self.heard: list[tuple[str, bytes]] = []
        self.open = False  # the broker has let it in and not closed since
        self.answered = False  # it speaks MQTT, whether or not it lets this one in
        self._subscribed = self._acked = self._sent = 0
        self._enter(parts.hostname, parts.port or _PORTS[parts.scheme], topics)

    def _enter(self, host: str, port: int, topics: Sequence[str]) -> None:
        try:
            self._client.connect(host, port, 30)
        except (OSError, ValueError) as error:
            raise BrokerError(f"The broker {host}:{port} cannot be reached: {error}") from error
        self.open = True
        self.run(lambda: self._client.is_connected() or not self.open, _ANSWER_S)
        self.open = self._client.is_connected()
        if self.open and topics:
            for topic in topics:
                self._client.subscribe(topic, 1)
            self.run(lambda: self._subscribed == len(topics) or not self.open, _ANSWER_S)

    def _on_connect(self, *_: object) -> None:
        self.answered = True

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed += 1

    def _on_publish(self, *_: object) -> None:
        self._acked += 1

    def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Carry messages until something holds; return whether it does."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            if not self.open:
                time.sleep(_ROUND_S)  # noqa: TID251 - the probe has nothing else to do
            elif self._client.loop(_ROUND_S) != mqtt.MQTT_ERR_SUCCESS:
                self.open = False
        return until()

    def say(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait for the broker's word, if it gives one."""
        if self.open:
            self._client.publish(topic, payload, qos, retain)
            self._sent += 1
            self.run(lambda: self._acked >= self._sent or not self.open, _ANSWER_S)

    def pour(self, topic: str, payload: bytes, times: int) -> None:
        """Publish at QoS 0 without waiting for anything."""
        for _ in range(times):
            self._client.publish(topic, payload, 0)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are, and take what comes back."""
        sock = self._client.socket()
        if self.open and sock is not None:
            try:
                sock.send(data)
            except OSError:
                self.open = False
        self.run(lambda: not self.open, 0.1)

    def cut(self) -> None:
        """Drop the connection without a good-bye: the broker publishes the will."""
        if (sock := self._client.socket()) is not None:
            sock.close()
        self.open = False

    def close(self) -> None:
        """Say good-bye."""
        if self.open:
            self._client.disconnect()
            self.run(lambda: not self.open, 1.0)
        self.cut()


def text(value: str | bytes) -> bytes:
    """Return a string as MQTT writes it: two bytes of length before it."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def packet(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Return an MQTT packet; `length` is what it claims to have, whatever it has."""
    rest, size = len(body) if length is None else length, b""
    while True:
        rest, low = divmod(rest, 128)
        size += bytes([low | 0x80 if rest else low])
        if not rest:
            return bytes([kind]) + size + body


class Scene:
    """The honest ones, connected: the coordinator hears all, the victim hears its own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        #: Makes a connection with the attacker's own, valid login.
        self.attacker = partial(Peer, target, target.attacker)
        self.coordinator = self._honest(target.coordinator, [f"{wire.ROOT}/#"])
        self.victim = self._honest(target.victim, self.topics(target.victim))
        self._marks = 0

    def _honest(self, login: Login, topics: Sequence[str]) -> Peer:
        peer = Peer(self.target, login, topics=topics)
        if not peer.open:
            raise BrokerError(
                f"The broker refuses the login {login.user!r}: give it one that it knows"
            )
        return peer

    @staticmethod
    def topics(login: Login) -> list[str]:
        """Return what a node listens to."""
        mine = [wire.topic(login.user, c) for c in (Channel.COMMANDS, Channel.COORDINATOR_ACK)]
        return [*mine, wire.COORDINATOR_TOPIC]

    def of(self, who: Literal["victim", "attacker"], channel: Channel) -> str:
        """Return a topic of one of the two nodes."""
        login = self.target.victim if who == "victim" else self.target.attacker
        return wire.topic(login.user, channel)

    def mark(self) -> bytes:
        """Return words that were never said before."""
        self._marks += 1
        return b"mark %d" % self._marks

    def heard(self) -> list[tuple[str, bytes]]:
        """Return what the two have heard since the last time, once all that was said has arrived.

        The broker takes a connection's packets in order, and ours were acknowledged: what a mark has
        overtaken will not come any more.
        """
        mark = self.mark()
        last = self.attacker()
        last.say(self.of("attacker", Channel.NODE_ACK), mark)
        last.close()
        self.coordinator.run(lambda: mark in self._words(self.coordinator), _ANSWER_S)
        self.coordinator.say(self.of("victim", Channel.COMMANDS), mark)
        self.victim.run(lambda: mark in self._words(self.victim), _ANSWER_S)
        # The coordinator hears what it says itself.
        self.coordinator.run(lambda: self._words(self.coordinator).count(mark) > 1, _ANSWER_S)
        found = [m for m in self.coordinator.heard + self.victim.heard if not _is_mark(m[1])]
        self.coordinator.heard.clear()
        self.victim.heard.clear()
        return found

    @staticmethod
    def _words(peer: Peer) -> list[bytes]:
        return [payload for _, payload in peer.heard]

    def works(self) -> bool:
        """Return whether an honest message goes both ways as fast as ever."""
        up, down = self.mark(), self.mark()
        self.victim.say(self.of("victim", Channel.EVENTS), up)
        self.coordinator.say(self.of("victim", Channel.COMMANDS), down)
        return self.coordinator.run(
            lambda: up in self._words(self.coordinator), _PATIENCE_S
        ) and self.victim.run(lambda: down in self._words(self.victim), _PATIENCE_S)

    def renew(self) -> None:
        """Connect anew whoever an attack has cut off."""
        if not self.victim.open:
            self.victim = self._honest(self.target.victim, self.topics(self.target.victim))
        if not self.coordinator.open:
            self.coordinator = self._honest(self.target.coordinator, [f"{wire.ROOT}/#"])

    def close(self) -> None:
        """Leave, and leave nothing retained."""
        for topic in (
            self.of("attacker", Channel.PRESENCE), self.of("victim", Channel.PRESENCE),
            self.of("victim", Channel.COMMANDS), wire.COORDINATOR_TOPIC,
        ):  # fmt: skip
            self.coordinator.say(topic, b"", retain=True)
        self.coordinator.close()
        self.victim.close()


def _is_mark(payload: bytes) -> bool:
    return payload.startswith(b"mark ")


def speaks_mqtt(url: str, ca_file: str = "") -> bool:
    """Return whether a broker answers there; asks without a login, so that nobody is cut off.

    Raises:
        BrokerError: nothing can be reached there, or its certificate is not trusted.
    """
    nobody = Login(user="", password="")
    target = Target(url=url, coordinator=nobody, victim=nobody, attacker=nobody, ca_file=ca_file)
    peer = Peer(target, None)
    peer.close()
    return peer.answered
