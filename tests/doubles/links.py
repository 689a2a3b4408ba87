"""Links to a real broker, and what they hear."""

import queue
import threading
import time

import pytest

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, find_mosquitto
from fabnet.inlet import Connected, Incoming
from fabnet.link import Link
from fabnet.wire import Channel

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def next_of(link, kind, seconds=60.0):
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


def hear(link, kind, seconds=60.0):
    """Return the next event of a kind; the test fails where none comes in time."""
    event = next_of(link, kind, seconds)
    if event is None:
        pytest.fail(f"no {kind.__name__} within {seconds} s")
    return event


def heard(link, seconds=0.7, least=0):
    """Return topic and payload of what came in: so many messages at least, and what came soon after.

    Who expects something says how many, since on a busy machine nothing comes within a time; who expects
    nothing waits `seconds`.
    """
    found = [hear(link, Incoming) for _ in range(least)]
    threading.Event().wait(seconds)
    found += [event for event in link.take(10_000, 0.0) if isinstance(event, Incoming)]
    return [(event.topic, event.payload) for event in found]


def listens(link, speaker, topic):
    """Wait until a link hears what is said on a topic: it is up before the broker knows what it asks for."""
    until, number, event, last = time.monotonic() + 60, 0, None, b""
    while event is None:
        assert time.monotonic() < until, f"nothing is heard on {topic}"
        number += 1
        if speaker.publish(topic, b"probe %d" % number, qos=1):
            last = b"probe %d" % number
        event = next_of(link, Incoming, 0.1)
    while event.payload != last:
        event = hear(link, Incoming)


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

    def hear(self, kind, seconds=60.0):
        return hear(self.link, kind, seconds)

    def heard(self, seconds=0.7, least=0):
        """Return what was heard: so many at least, and what came soon after."""
        return heard(self.link, seconds, least)

    def up(self):
        self.hear(Connected)
        return self
