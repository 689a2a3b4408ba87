"""The MQTT link: the only module that knows paho.

Callbacks run on paho's thread and only put into a queue: an exception there would end the
thread while `is_connected` stays true, and a slow callback would drop the connection. Nothing
durable is left to paho or to the broker: sessions are clean, and what must arrive is sent again
from the outbox until it is acknowledged.
"""

from __future__ import annotations

import logging
import queue
import random
import secrets
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fabnet.errors import BrokerError
from jobs.ledger.streams import OutboxRow

_log = logging.getLogger(__name__)

#: paho sends all it has after a reconnect, whatever its own limit says, so we keep little in it.
WINDOW = 16
_RESEND_FIRST_S = 2.0
_RESEND_MOST_S = 60.0
_KEEPALIVE_S = 30
_QUEUE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message from the broker."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The link is up, under this new connection id; subscriptions are asked for."""

    conn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The link is down; paho tries again."""

    reason: str


LinkEvent = Incoming | Connected | Disconnected


class Link:
    """One connection to one broker.

    Args:
        url: `mqtt://host:port` or `mqtts://host:port`.
        user, password: the login; the broker makes the login the client id.
        subscriptions: filters asked for at QoS 1 after every connect.
        will: given the new connection's id, returns topic and payload of the (retained) will.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        subscriptions: Iterable[str],
        will: Callable[[str], tuple[str, bytes]],
    ) -> None:
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self.events: queue.Queue[LinkEvent] = queue.Queue(_QUEUE)
        self._host, self._port, tls = _address(url)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, clean_session=True)
        self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set(cert_reqs=ssl.CERT_REQUIRED)
        self._client.max_inflight_messages_set(WINDOW)
        # Without jitter a whole network would come back in the same second after a broker restart.
        self._client.reconnect_delay_set(1, random.randint(20, 40))  # noqa: S311 - guards nothing
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._conn = ""
        self._set_will()

    def _set_will(self) -> None:
        self._conn = secrets.token_hex(8)
        topic, payload = self._will(self._conn)
        self._client.will_set(topic, payload, qos=1, retain=True)

    def start(self) -> None:
        """Connect in the background, and again whenever the link is lost."""
        self._client.connect_async(self._host, self._port, keepalive=_KEEPALIVE_S)
        self._client.loop_start()

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Say good-bye, which replaces the will, and disconnect."""
        if farewell is not None and self.up:
            info = self._client.publish(farewell[0], farewell[1], qos=1, retain=True)
            try:
                info.wait_for_publish(2.0)
            except (ValueError, RuntimeError) as error:
                _log.debug("farewell not sent: %s", error)
        self._client.disconnect()
        self._client.loop_stop()

    def reconnect(self) -> None:
        """Drop the connection and make a new one: the way out of a link that is up and deaf."""
        _log.warning("reconnecting: the link is up but nobody answers")
        self._client.loop_stop()
        self._client.disconnect()
        self._set_will()
        self._client.connect_async(self._host, self._port, keepalive=_KEEPALIVE_S)
        self._client.loop_start()

    @property
    def up(self) -> bool:
        """Whether paho believes to be connected."""
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        """Hand a message to the broker if the link is up; return whether it was."""
        if not self.up:
            return False
        return (
            self._client.publish(topic, payload, qos=qos, retain=retain).rc == mqtt.MQTT_ERR_SUCCESS
        )

    def _put(self, event: LinkEvent) -> None:
        try:
            self.events.put_nowait(event)
        except queue.Full:
            # A reliable message is sent again, a lossy one may be lost: the queue may drop.
            _log.error("inbound queue full, message dropped")

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._put(Disconnected(reason=f"the broker refused the login: {reason}"))
            return
        for pattern in self._subscriptions:
            client.subscribe(pattern, qos=1)
        self._put(Connected(conn=self._conn))

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # The next connection must not be mistaken for this one by a late will.
        self._set_will()
        self._put(Disconnected(reason=str(reason)))

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        self._put(Incoming(topic=message.topic, payload=bytes(message.payload)))


def _address(url: str) -> tuple[str, int, bool]:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise BrokerError(f"{url!r} is no broker address; write it as mqtt://host:1883")
    tls = parts.scheme == "mqtts"
    return parts.hostname, parts.port or (8883 if tls else 1883), tls


class Pump:
    """Sends outbox rows until they are acknowledged, with growing pauses, for each peer alone."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._head: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def reset(self, peer: str | None = None) -> None:
        """Send everything at once, to one peer or to all: the link is new."""
        for times in (self._next, self._pause):
            if peer is None:
                times.clear()
            else:
                times.pop(peer, None)

    def due(self, peer: str, rows: tuple[OutboxRow, ...], now_s: float) -> tuple[OutboxRow, ...]:
        """Return which of the oldest rows to send now; `now_s` from a clock that only grows."""
        if not rows:
            return ()
        first, last = rows[0].n, rows[-1].n
        fresh: tuple[OutboxRow, ...] = ()
        if self._head.get(peer) != first:
            self._pause[peer] = _RESEND_FIRST_S
            self._head[peer] = first
        elif last > self._last.get(peer, 0):
            fresh = tuple(row for row in rows if row.n > self._last[peer])
        if now_s < self._next.get(peer, 0.0):
            self._last[peer] = max(last, self._last.get(peer, 0))
            return fresh
        pause = self._pause.setdefault(peer, _RESEND_FIRST_S)
        spread = 0.8 + 0.4 * random.random()  # noqa: S311 - spreads load, guards nothing
        self._next[peer] = now_s + pause * spread
        self._pause[peer] = min(pause * 2, _RESEND_MOST_S)
        self._last[peer] = last
        return rows
