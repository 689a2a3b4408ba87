"""Somebody with a login for everything, who says again what was said: late, out of order, in others' names.

A quarter of all messages comes back once more, up to six seconds later: commands, events, presence
and acknowledgements. A retained one comes back retained.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

SHARE = 0.25
LATEST_S = 6.0


class Saboteur:
    """A client of one broker.

    Args:
        login: user and password, None where the broker asks for none.
    """

    def __init__(self, port: int, topic: str, seed: int, login: tuple[str, str] | None) -> None:
        self.heard = 0
        self.doubled = 0
        self._port = port
        self._topic = topic
        self._dice = random.Random(f"{seed}/saboteur")
        self._later: list[tuple[float, int, str, bytes, int, bool]] = []
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="saboteur", protocol=mqtt.MQTTv5
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._thread = threading.Thread(target=self._run, name="saboteur", daemon=True)

    def start(self) -> None:
        """Begin to listen, and to repeat."""
        self._client.connect_async("127.0.0.1", self._port, keepalive=10)
        self._client.loop_start()
        self._thread.start()

    def stop(self) -> None:
        """Leave the network in peace; what was to be said later is not said."""
        self._stop.set()
        self._thread.join(5)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client, _userdata, _flags, reason, _properties: Properties | None):
        if not reason.is_failure:
            options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True)
            client.subscribe(self._topic, options=options)

    def _on_message(self, _client, _userdata, message):
        self.heard += 1
        if self._dice.random() < SHARE:
            due_s = time.monotonic() + self._dice.uniform(0.0, LATEST_S)
            told = (message.topic, bytes(message.payload), message.qos, bool(message.retain))
            with self._lock:
                heapq.heappush(self._later, (due_s, next(self._count), *told))

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            while True:
                with self._lock:
                    if not self._later or self._later[0][0] > time.monotonic():
                        break
                    _, _, topic, payload, qos, retain = heapq.heappop(self._later)
                if self._client.is_connected():
                    self._client.publish(topic, payload, qos=qos, retain=retain)
                    self.doubled += 1
