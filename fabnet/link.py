"""The MQTT link: with `fabnet.broker_probe` the only module that knows paho.

Nothing durable is left to paho or to the broker: sessions are clean, and what must arrive is sent
again from the outbox until it is acknowledged. Each connection has a paho client of its own, run by
one thread of ours. So nothing that paho still holds is sent again behind our back over a reconnect,
and an exception, in a callback or in paho's own reading of broken packets, costs a connection and
not the thread. Callbacks only put into a queue: a slow one would drop the connection.
"""

from __future__ import annotations

import logging
import queue
import random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fabnet import broker_socket, clock
from fabnet.broker_socket import BufferedSocket
from fabnet.inlet import Connected, Disconnected, Incoming, Inlet, LinkEvent
from fabnet.pacing import pause_s

_log = logging.getLogger(__name__)

#: Most messages that one peer is sent before it acknowledges, and most that paho holds for us.
WINDOW = 16
#: Places of a window that only retained messages may take: a birth is never crowded out.
_FOR_RETAINED = 2
KEEPALIVE_S = 30
_CONNECT_S = 10.0
_ROUND_S = 1.0
_ROUND_PACKETS = 100
_LEAVE_S = 2.0
#: Without it a whole network would come back in the same second after a restart of the broker.
SPREAD_S = 5.0
#: A connection that ended sooner is a failed attempt: somebody else has our login, say.
_STEADY_S = 3.0
_COMPLAIN_S = 60.0


class _Client(mqtt.Client):
    """paho's client over a socket that we read and write, in place of its own loops."""

    buffered: BufferedSocket

    def _create_socket(self) -> BufferedSocket:
        self.buffered = BufferedSocket(super()._create_socket())
        return self.buffered


def _wake(client: mqtt.Client, _userdata: object, _sock: object) -> None:
    """Tell the link's thread that there is something to write."""
    if isinstance(client, _Client):
        client.buffered.wake()


def _one_round(client: _Client) -> MQTTErrorCode:
    """Wait for something to do, read, write what that and others made, and look after the broker."""
    code, sock = MQTTErrorCode.MQTT_ERR_SUCCESS, client.buffered
    if client.socket() is None:
        return MQTTErrorCode.MQTT_ERR_NO_CONN
    if sock.wait(_ROUND_S, writes=client.want_write()):
        # Not for ever: who sends waits for what acknowledges it.
        for _ in range(_ROUND_PACKETS):
            code = client.loop_read()
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not sock.pending():
                break
    if code == MQTTErrorCode.MQTT_ERR_SUCCESS:
        code = client.loop_write()
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
        return code
    sock.flush()
    return client.loop_misc()


class Link:
    """One connection to one broker.

    Args:
        url: `mqtt://host:port`, or `mqtts`, `ws` or `wss`.
        user, password: the login, which is the client id too. A password that can change is a
            function, called before each connection, on any thread.
        subscriptions: filters asked for at QoS 1 after every connect.
        will: given the new connection's id, returns topic and payload of the (retained) will.
        ca_file: who signed the broker's certificate; "" means the authorities that this machine trusts.
        window: most QoS 1 messages that the broker has not acknowledged.
        keepalive_s: a link that carries nothing is noticed within 1.5 times this and 6 s, by both ends.
        spread_s: a lost connection is made again after a random part of this.
        allows: given a topic, says whether to take a message; called on the network thread.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str | Callable[[], str],
        subscriptions: Iterable[str],
        will: Callable[[str], tuple[str, bytes]],
        *,
        ca_file: str = "",
        window: int = WINDOW,
        keepalive_s: int = KEEPALIVE_S,
        spread_s: float = SPREAD_S,
        allows: Callable[[str], bool] | None = None,
    ) -> None:
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self.events = Inlet()
        self._host, self._port, self._transport, tls = broker_socket.address(url)
        self._user = user
        self._password = password
        self._ssl = broker_socket.trust(ca_file) if tls else None
        self._window = window
        # paho gives up two keepalives after it last heard something.
        self._keepalive_s = max(1, keepalive_s * 3 // 4)
        self._spread_s = spread_s
        self._allows = allows
        self._client: mqtt.Client | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()  # for good
        self._leaving = threading.Event()  # this connection
        self._sending = threading.Lock()
        self._flying: set[int] = set()
        self._landed: deque[int] = deque()
        self._conn = ""
        self._connected_s = 0.0  # since when it is up; 0: it is not
        self._said: deque[str] = deque(maxlen=20)  # why it did not come up, each once
        self._complained_s = float("-inf")

    # --- for the owner -----------------------------------------------------------------------

    def start(self) -> None:
        """Connect in the background, and again whenever the link is lost."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name=f"link-{self._user}", daemon=True)
        self._thread.start()

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Say good-bye, which replaces the will, and disconnect."""
        client = self._client
        if farewell is not None and client is not None and self.up:
            info = client.publish(farewell[0], farewell[1], qos=1, retain=True)
            try:
                info.wait_for_publish(_LEAVE_S)
            except (ValueError, RuntimeError) as error:
                _log.debug("farewell not sent: %s", error)
        self._ending.set()
        if client is not None:
            client.disconnect()
        if self._thread is not None:
            self._thread.join(_LEAVE_S + _ROUND_S + _CONNECT_S)

    def reconnect(self) -> None:
        """Drop the connection and make a new one: the way out of a link that is up and deaf."""
        _log.warning("reconnecting: the link is up but nobody answers")
        client = self._client
        self._leaving.set()
        if client is not None:
            client.disconnect()

    @property
    def up(self) -> bool:
        """Whether the broker has let us in and the connection is not known to be lost."""
        client = self._client
        return client is not None and client.is_connected() and not self._leaving.is_set()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        """Hand a message to the broker if the link is up and its window is open; say whether it was."""
        with self._sending:
            client = self._client
            if client is None or not self.up:
                return False
            if qos:
                while self._landed:
                    self._flying.discard(self._landed.popleft())
                if len(self._flying) >= self._window - (0 if retain else _FOR_RETAINED):
                    return False
            info = client.publish(topic, payload, qos=qos, retain=retain)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if qos:
                self._flying.add(info.mid)
            return True

    def take(self, most: int, timeout_s: float) -> list[LinkEvent]:
        """Return what came in, oldest first, at most so much; wait a moment where nothing did."""
        found: list[LinkEvent] = []
        with suppress(queue.Empty):
            found.append(self.events.get(timeout=timeout_s))
            while len(found) < most:
                found.append(self.events.get_nowait())
        return found

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            self._leaving.clear()
            lasted_s = self._one_connection()
            if self._leaving.is_set():
                continue
            failures = 0 if lasted_s >= _STEADY_S else failures + 1
            self._ending.wait(pause_s(failures, self._spread_s, random.random()))  # noqa: S311

    def _one_connection(self) -> float:
        """Connect and carry messages until the connection ends; return how long it was up, in s."""
        client = self._make_client()
        self._connected_s = 0.0
        try:
            client.connect(self._host, self._port, self._keepalive_s)
            self._begin(client)
            why = self._carry(client)
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001
            # Bytes of a broken or hostile broker make paho raise anything: it costs the connection.
            _log.exception("the link to %s:%s failed", self._host, self._port)
            why = f"{type(error).__name__}: {error}"
        finally:
            with self._sending:
                self._client = None
            if (sock := client.socket()) is not None:
                sock.close()
        if self._connected_s:
            self.events.offer(Disconnected(reason=why))
            return clock.boottime_s() - self._connected_s
        level = logging.DEBUG if why in self._said else logging.WARNING
        self._said.append(why)
        _log.log(level, "no link to the broker %s:%s: %s", self._host, self._port, why)
        return 0.0

    def _make_client(self) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._user,
            clean_session=True,
            transport=self._transport,
            reconnect_on_failure=False,
        )
        # What a callback raises is logged and not raised through paho.
        client.suppress_exceptions = True
        client.enable_logger(_log.getChild("paho"))
        client.connect_timeout = _CONNECT_S
        password = self._password
        client.username_pw_set(self._user, password if isinstance(password, str) else password())
        if self._ssl is not None:
            client.tls_set_context(self._ssl)
        client.max_inflight_messages_set(self._window)
        # The next connection must not be mistaken for this one by a late will.
        self._conn = secrets.token_hex(8)
        topic, payload = self._will(self._conn)
        client.will_set(topic, payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        # Makes `publish` of other threads leave the writing to ours.
        client.on_socket_register_write = _wake
        return client

    def _begin(self, client: mqtt.Client) -> None:
        with self._sending:
            self._flying.clear()
            self._landed.clear()
            self._client = client

    def _carry(self, client: _Client) -> str:
        """Run the connection; return why it ended."""
        until_s = clock.boottime_s() + _CONNECT_S
        while (code := _one_round(client)) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            now_s = clock.boottime_s()
            if self._ending.is_set() or self._leaving.is_set():
                if not client.is_connected():
                    return "left"
                until_s = min(until_s, now_s + _LEAVE_S)
            elif client.is_connected():
                until_s = now_s + _CONNECT_S
            if now_s > until_s:
                return "the broker does not answer"
        return str(mqtt.error_string(code))

    # --- paho's callbacks: on the thread above, never blocking -------------------------------

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            why = f"the broker refused the login: {reason}"
            self.events.offer(Disconnected(reason=why, login_refused=True))
            return
        self._connected_s = clock.boottime_s()
        self._said.clear()
        for pattern in self._subscriptions:
            client.subscribe(pattern, qos=1)
        self.events.offer(Connected(conn=self._conn))

    def _on_publish(
        self,
        _client: mqtt.Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        # Not into the set: `publish` holds its lock while it waits for one that paho holds here.
        self._landed.append(mid)

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        topic = message.topic
        why = "one sender says too much"
        if self._allows is None or self._allows(topic):
            if self.events.offer(Incoming(topic=topic, payload=bytes(message.payload))):
                return
            why = f"{self.events.qsize()} messages wait to be read"
        now_s = clock.boottime_s()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("messages are dropped, one on %s: %s", topic, why)
