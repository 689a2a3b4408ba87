"""Links to a real broker, and what they hear."""

import queue
import threading
import time

import pytest

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, find_mosquitto
from fabnet.link import Connected, Incoming, Link
from fabnet.wire import Channel

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def next_of(link, kind, seconds=5.0):
    """Return the next event of a kind, None where none comes in time; others are passed over."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            event = link.events.get(timeout=left)
        except queue.Empty:
            break
        if isinstance(event, kind):
            return event
    return None


def hear(link, kind, seconds=5.0):
    """Return the next event of a kind; the test fails where none comes in time."""
    event = next_of(link, kind, seconds)
    if event is None:
        pytest.fail(f"no {kind.__name__} within {seconds} s")
    return event


class Client:
    def __init__(self, links, broker, user, password=None, topics=(), will=None):
        own = (
            wire.topic(user, Channel.PRESENCE)
            if user != COORDINATOR_USER
            else wire.COORDINATOR_TOPIC
        )
        self.link = Link(
            broker.url, user, password or f"{user}-pw", topics, lambda _: (will or own, b"gone")
        )
        links.append(self.link)
        self.link.start()

    def hear(self, kind, seconds=5):
        return hear(self.link, kind, seconds)

    def heard(self, seconds=0.7):
        threading.Event().wait(seconds)
        found = []
        while not self.link.events.empty():
            event = self.link.events.get()
            if isinstance(event, Incoming):
                found.append((event.topic, event.payload))
        return found

    def up(self):
        self.hear(Connected)
        return self
