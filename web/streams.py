"""All open streams of a server, on one thread: who reads what, and each change written once to all.

A server hands the connection of a stream over and keeps no thread for it. A reader who reads slowly gets the
newest state when she has room again, and nothing piles up for her. Leaves what is written to
`web.feeds`, HTTP to `web.streaming` and `web.serving`.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Final

from web.feeds import Feed, Reader

_log = logging.getLogger(__name__)

#: Where a server that can hand connections over puts what takes them, in the environment of a request.
HAND_OVER: Final = "fabnet.hand_over"
#: More are told to ask now and then.
MOST_STREAMS = 1000
#: The least time between two looks at what has changed: at most four a second.
_REST_S = 0.25
#: How often it is looked whether another process has written to the ledger, and who may still read.
_LOOK_S = 1.0
BEAT_S = 15.0
#: A comment for proxies, and a word for the page, which cannot see comments.
_BEAT = b":\n\nevent: beat\ndata\n\n"
#: Who has not taken a byte for so long has gone without a word.
_STUCK_S = 30.0
#: Kept without a reader for so long: between a page and its stream, and over a short absence.
_KEEP_FEED_S = 60.0
_SLICE = 64 << 10
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What somebody reads, and by what right."""

    feed: Feed
    reader: Reader
    ticket: Hashable | None  # None: whoever knows the address may
    seen: str  # the version that her page shows


class _Viewer:
    """One open connection; only the thread of the streams touches it."""

    __slots__ = ("chunked", "conn", "events", "moved_s", "out", "seen", "wants")

    def __init__(self, conn: Any, wants: Subscription, now_s: float, *, chunked: bool) -> None:
        self.conn = conn
        self.wants = wants
        self.chunked = chunked
        self.seen = wants.seen
        self.out = memoryview(b"")
        self.events = _READ
        self.moved_s = now_s


class Streams:
    """See the module's docstring.

    Args:
        speaking: a context in which a page is shown in a language.
        may: whether a ticket is still good; called in such a context.
        written: another number whenever anybody has written to the ledger.
    """

    def __init__(
        self,
        speaking: Callable[[str], AbstractContextManager[object]],
        may: Callable[[Hashable], bool],
        written: Callable[[], int],
    ) -> None:
        self._speaking = speaking
        self._may = may
        self._written = written
        self._lock = threading.Lock()
        self._feeds: dict[Hashable, tuple[Feed, float]] = {}  # with when it was last asked for
        self._new: deque[_Viewer] = deque()
        self._ended: deque[Hashable] = deque()  # tickets of those who have signed out
        self._viewers: set[_Viewer] = set()
        self._waker: socket.socket | None = None  # while the thread runs
        self._dirty = False
        self._stopped = False
        self._rest_until_s = 0.0
        self._last_written = 0

    # --- for any thread

    def feed(
        self,
        key: Hashable,
        look: Callable[[], Mapping[str, object]],
        show: Callable[[str, Any, bool], str] | None = None,
    ) -> Feed:
        """Return the feed of this key, made when there is none. See `Feed` for look and show."""
        now_s = time.monotonic()
        with self._lock:
            known = self._feeds.get(key)
            feed = Feed(look, show, self._speaking) if known is None else known[0]
            self._feeds[key] = (feed, now_s)
            if known is None:
                read = {viewer.wants.feed for viewer in (*self._viewers, *self._new)}
                for old, (other, asked_s) in tuple(self._feeds.items()):
                    if now_s - asked_s > _KEEP_FEED_S and other not in read:
                        del self._feeds[old]
        return feed

    @property
    def full(self) -> bool:
        """Whether no more streams are to be had."""
        return len(self._viewers) + len(self._new) >= MOST_STREAMS

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._viewers) + len(self._new)

    def add(self, conn: Any, wants: Subscription, *, chunked: bool) -> None:
        """Take a connection whose answer has begun; it is closed here, whatever happens."""
        viewer = _Viewer(conn, wants, time.monotonic(), chunked=chunked)
        with self._lock:
            if self._waker is not None and not self._stopped:
                self._new.append(viewer)
                self._wake()
                return
        conn.close()

    def end(self, ticket: Hashable) -> None:
        """End the streams of somebody who has signed out."""
        with self._lock:
            self._ended.append(ticket)
            self._wake()

    def wake(self) -> None:
        """Something has changed: look at it soon. Cheap, so it may be called with every change."""
        # Without a lock: who opens a stream just now looks by herself.
        if self._dirty or not self._viewers:
            return
        with self._lock:
            self._dirty = True
            self._wake()

    def _wake(self) -> None:
        if self._waker is not None:
            with suppress(BlockingIOError):
                self._waker.send(b"\0")

    def stop(self) -> None:
        """End all streams, at once; none begins after it."""
        with self._lock:
            self._stopped = True
            self._wake()

    # --- the thread

    def run(self) -> None:
        """Serve until `stop`; on the thread that calls it."""
        woken, waker = socket.socketpair()
        woken.settimeout(0)
        waker.settimeout(0)
        with self._lock:
            self._waker = waker
        with woken, waker, selectors.DefaultSelector() as selector:
            selector.register(woken, _READ)
            try:
                self._serve(selector, woken)
            finally:
                with self._lock:
                    self._waker = None
                    self._viewers.update(self._new)
                    self._new.clear()
                for viewer in tuple(self._viewers):
                    self._drop(viewer, selector)

    def _serve(self, selector: selectors.BaseSelector, woken: socket.socket) -> None:
        look_s = beat_s = time.monotonic()
        while not self._stopped:
            now_s = time.monotonic()
            due_s = min(look_s, beat_s, self._rest_until_s if self._dirty else look_s)
            idle = not self._viewers and not self._new
            for key, mask in selector.select(None if idle else max(0.0, due_s - now_s)):
                if key.data is None:
                    with suppress(BlockingIOError):
                        woken.recv(1024)
                elif mask & _READ:
                    self._read(key.data, selector)
                else:
                    self._flush(key.data, selector)
            self._welcome(selector)
            now_s = time.monotonic()
            if now_s >= look_s:
                look_s = now_s + _LOOK_S
                self._check(selector, now_s)
            if now_s >= beat_s:
                beat_s = now_s + BEAT_S
                self._dirty = True  # what is shown depends on the clock, too
                self._beat(selector)
            if self._dirty and now_s >= self._rest_until_s:
                self._dirty = False
                self._round(selector, now_s)

    def _welcome(self, selector: selectors.BaseSelector) -> None:
        while self._new:
            with self._lock:
                viewer = self._new.popleft()
                self._viewers.add(viewer)
            viewer.conn.socket.settimeout(0)
            selector.register(viewer.conn.socket, _READ, viewer)
            self._dirty = True
        while self._ended:
            ticket = self._ended.popleft()
            for viewer in tuple(self._viewers):
                if viewer.wants.ticket == ticket:
                    self._drop(viewer, selector)

    def _check(self, selector: selectors.BaseSelector, now_s: float) -> None:
        """Look who may still read, who is still there, and whether another process has written."""
        written = self._written()
        if written != self._last_written:
            self._last_written = written
            self._dirty = True
        good: dict[Hashable, bool] = {}
        with self._speaking("en"):
            for ticket in {viewer.wants.ticket for viewer in self._viewers} - {None}:
                good[ticket] = self._may(ticket)
        for viewer in tuple(self._viewers):
            stuck = viewer.out and now_s - viewer.moved_s > _STUCK_S
            if stuck or not good.get(viewer.wants.ticket, True):
                self._drop(viewer, selector)

    def _beat(self, selector: selectors.BaseSelector) -> None:
        for viewer in tuple(self._viewers):
            if not viewer.out:
                self._send(viewer, _BEAT, selector)

    def _round(self, selector: selectors.BaseSelector, begun_s: float) -> None:
        """Look at all feeds that somebody reads, and tell the readers what has changed."""
        used_s = time.thread_time()
        for feed in {viewer.wants.feed for viewer in self._viewers}:
            told: dict[tuple[str, Reader], bytes] = {}
            readers = [viewer for viewer in self._viewers if viewer.wants.feed is feed]
            try:
                feed.refresh()
                for viewer in readers:
                    self._tell(viewer, told, selector)
            except Exception:  # noqa: BLE001
                # One page that cannot be shown must not end the streams of all others.
                _log.exception("a page cannot be followed; its streams end")
                for viewer in readers:
                    self._drop(viewer, selector)
        used_s = time.thread_time() - used_s
        # Pages get at most half of the time of one core, however many are open.
        self._rest_until_s = max(begun_s + _REST_S, time.monotonic() + used_s)

    def _tell(
        self,
        viewer: _Viewer,
        told: dict[tuple[str, Reader], bytes],
        selector: selectors.BaseSelector,
    ) -> None:
        if viewer.out:
            return  # she gets the newest once there is room
        wants = viewer.wants
        kind = (viewer.seen, wants.reader)
        data = told.get(kind)
        if data is None:
            data = told[kind] = wants.feed.since(viewer.seen, wants.reader)
        viewer.seen = wants.feed.version
        if data:
            self._send(viewer, data, selector)

    def _send(self, viewer: _Viewer, data: bytes, selector: selectors.BaseSelector) -> None:
        framed = b"%x\r\n%b\r\n" % (len(data), data) if viewer.chunked else data
        viewer.out = memoryview(framed)
        viewer.moved_s = time.monotonic()
        self._flush(viewer, selector)

    def _flush(self, viewer: _Viewer, selector: selectors.BaseSelector) -> None:
        sock = viewer.conn.socket
        try:
            while viewer.out:
                # With TLS, what would block is offered again as it was.
                sent = sock.send(viewer.out[:_SLICE])
                viewer.out = viewer.out[sent:]
                viewer.moved_s = time.monotonic()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self._drop(viewer, selector)
            return
        if not viewer.out and viewer.events != _READ:
            self._dirty = True  # tell her what she has missed
        events = _READ | _WRITE if viewer.out else _READ
        if events != viewer.events:
            viewer.events = events
            selector.modify(sock, events, viewer)

    def _read(self, viewer: _Viewer, selector: selectors.BaseSelector) -> None:
        """A reader says nothing: what can be read is the end of her connection."""
        try:
            viewer.conn.socket.recv(1024)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            pass
        self._drop(viewer, selector)

    def _drop(self, viewer: _Viewer, selector: selectors.BaseSelector) -> None:
        if viewer not in self._viewers:
            return
        with self._lock:
            self._viewers.discard(viewer)
        with suppress(KeyError, ValueError):
            selector.unregister(viewer.conn.socket)
        if viewer.chunked and not viewer.out:
            with suppress(OSError):
                viewer.conn.socket.send(b"0\r\n\r\n")
        with suppress(OSError):
            viewer.conn.close()
