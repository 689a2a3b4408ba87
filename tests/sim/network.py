"""A broker that loses, doubles, delays and reorders, and the link to it that the real uplink holds."""

from __future__ import annotations

import queue
from dataclasses import dataclass

from fabnet import wire
from fabnet.inlet import LinkEvent


class Crash(BaseException):
    """The process is gone here and now; no handler of ours may stop it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flying:
    """One message under way."""

    to: str  # node, or "coordinator"
    topic: str
    payload: bytes


class Network:
    """Everything under way, and everything that ever was."""

    def __init__(self, nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.flying: list[Flying] = []
        self.past: list[Flying] = []
        self._here: bytes | None = None  # what the coordinator last said of itself, retained

    def subscribe(self, node: str) -> None:
        """A broker gives what it has retained to whoever connects."""
        if self._here is not None:
            self.flying.append(Flying(to=node, topic=wire.COORDINATOR_TOPIC, payload=self._here))

    def send(self, topic: str, payload: bytes) -> None:
        if topic == wire.COORDINATOR_TOPIC:
            self._here = payload
        for to in self._readers(topic):
            message = Flying(to=to, topic=topic, payload=payload)
            self.flying.append(message)
            self.past.append(message)

    def _readers(self, topic: str) -> tuple[str, ...]:
        if topic == wire.COORDINATOR_TOPIC:
            return self.nodes
        node, channel = wire.parse_topic(topic)
        return ("coordinator",) if channel.startswith("up/") else (node,)


class SimLink:
    """What `fabnet.link.Link` is to the uplink and to the service; says everything to the network.

    `dies_at_publish`: the process ends with the next word it says, which is not said: after a
    commit, and before what was to follow it.
    """

    def __init__(self, network: Network) -> None:
        self.events: queue.Queue[LinkEvent] = queue.Queue()
        self.up = False
        self.dies_at_publish = False
        self._network = network

    def start(self) -> None: ...

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None: ...

    def reconnect(self) -> None:
        self.up = False

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        del qos, retain
        if self.dies_at_publish:
            raise Crash
        if self.up:
            self._network.send(topic, payload)
        return self.up
