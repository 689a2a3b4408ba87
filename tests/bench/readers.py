"""Readers of an open page: who follows its stream, and who asks for it again and again."""

from __future__ import annotations

import json
import re
import selectors
import threading
import time
from contextlib import ExitStack

from tests.doubles.viewers import Viewer, cookie_of, live_of, sign_in

_PART = re.compile(rb'data-part=\\?"(lab-\d+)')
_NOZZLE = re.compile(rb"<b>(\d+)[\s\xc2\xa0\xe2\x80\xaf]*\xc2\xb0C")


def states_of(html):
    """Return node and temperature of each lab in the HTML of a page or a part."""
    parts = list(_PART.finditer(html))
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        found = _NOZZLE.search(html, part.end(), following.start() if following else len(html))
        if found:
            yield part[1].decode(), int(found[1])


class Readers:
    """All who look; `seen` is, for each, when she first saw a temperature of a node."""

    def __init__(self, url, address, count, logins, password):
        self.address, self.url = address, url
        self.cookies = []
        for login in logins:
            session, cookie = sign_in(url, login, password)
            self.cookies.append((session, cookie))
        self.count = count
        self.bytes = 0
        self.page_s = []
        self.seen = [{} for _ in range(count)]

    def _one(self, number):
        session, _ = self.cookies[0 if number % 2 else number // 2 % len(self.cookies)]
        return session, ("fr", "en")[number // 2 % 2]

    def follow(self, there, stop):
        """Open the streams, say so, and read them until told to stop."""
        pages = {}
        with ExitStack() as stack, selectors.DefaultSelector() as selector:
            for number in range(self.count):
                session, language = self._one(number)
                kind = (id(session), language)
                if kind not in pages:
                    headers = {"Accept-Language": language}
                    pages[kind] = session.get(f"{self.url}/fleet", headers=headers, timeout=60).text
                viewer = Viewer(
                    self.address, live_of(pages[kind]), cookie_of(session),
                    headers=[f"Accept-Language: {language}"],
                )  # fmt: skip
                stack.callback(viewer.close)
                if viewer.opened() != 200:
                    raise RuntimeError(f"no stream: {viewer.status}")
                selector.register(viewer, selectors.EVENT_READ, number)
            there.set()
            while not stop.is_set():
                for key, _ in selector.select(0.1):
                    self._take(key.data, key.fileobj.read())

    def _take(self, number, events):
        at = time.monotonic()
        for event in events:
            self.bytes += len(event.data)
            if event.kind != "part":
                continue
            _, html = json.loads(event.data)
            for state in states_of(html.encode()):
                self.seen[number].setdefault(state, at)

    def poll(self, there, stop, every_s):
        """Fetch the page again and again, each reader in a thread, until told to stop."""

        def one(number):
            session, language = self._one(number)
            due = time.monotonic() + every_s * number / self.count
            while not stop.wait(max(0.0, due - time.monotonic())):
                begun = time.monotonic()
                due = max(due + every_s, begun)
                answer = session.get(
                    f"{self.url}/fleet", headers={"Accept-Language": language}, timeout=60
                )
                at = time.monotonic()
                self.page_s.append(at - begun)
                self.bytes += len(answer.content)
                for state in states_of(answer.content):
                    self.seen[number].setdefault(state, at)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(self.count)]
        for thread in threads:
            thread.start()
        there.set()
        for thread in threads:
            thread.join()

    def delays(self, said):
        """Return how long each change took to each reader, and how many she never saw."""
        found, missed = [], 0
        for seen in self.seen:
            for node, celsius, at, _ in said:
                there = seen.get((node, celsius))
                missed += there is None
                if there is not None:
                    found.append(there - at)
        return found, missed


# --- the run
