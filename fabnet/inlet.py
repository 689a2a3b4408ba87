"""What comes in over a link: events, and the queue in which they wait for the link's owner.

Leaves the connection to `fabnet.link`.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

_QUEUE = 100_000
_QUEUE_BYTES = 64 << 20


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
    """The link is down, or the broker refused the login; it is tried again."""

    reason: str
    login_refused: bool = False


LinkEvent = Incoming | Connected | Disconnected


class Inlet(queue.SimpleQueue[LinkEvent]):
    """Events for the owner of the link, bounded in number and bytes; never blocks who puts.

    One thread puts and one gets. A reliable message is sent again and a lossy one may be lost, so
    messages may be dropped; that the link came or went is never lost.
    """

    def __init__(self, most: int = _QUEUE, most_bytes: int = _QUEUE_BYTES) -> None:
        super().__init__()
        self.dropped = 0
        self._most = most
        self._most_bytes = most_bytes
        # Each end counts for itself, so that neither needs a lock.
        self._put_bytes = 0
        self._got_bytes = 0
        self._waits = False
        self._came = threading.Event()

    def offer(self, event: LinkEvent) -> bool:
        """Put an event if there is room; return whether there was."""
        if isinstance(event, Incoming):
            waiting = self._put_bytes - self._got_bytes
            if waiting >= self._most_bytes or self.qsize() >= self._most:
                self.dropped += 1
                return False
            self._put_bytes += len(event.payload)
        self.put(event)
        return True

    def put(self, event: LinkEvent, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """Put an event, whether there is room or not; see `queue.SimpleQueue.put`."""
        super().put(event, block, timeout)
        if self._waits:
            self._came.set()

    def get(self, block: bool = True, timeout: float | None = None) -> LinkEvent:  # noqa: FBT001, FBT002
        """Return the oldest event, after a wait of up to `timeout` seconds.

        `SimpleQueue` would wait for ever where a signal comes at the end of that time: what is left of
        it is then below nothing, which its lock takes for no end (`_queue.c` of CPython 3.11). A
        coordinator that nobody talks to would not stop any more.

        Raises:
            queue.Empty: nothing came.
        """
        if block and self.empty():
            self._came.clear()
            self._waits = True  # before it looks again: what comes later is told
            if self.empty():
                self._came.wait(timeout)
            self._waits = False
        event = super().get(block=False)
        if isinstance(event, Incoming):
            self._got_bytes += len(event.payload)
        return event

    def get_nowait(self) -> LinkEvent:
        """Return the oldest event at once; see `queue.SimpleQueue.get_nowait`."""
        return self.get(block=False)
