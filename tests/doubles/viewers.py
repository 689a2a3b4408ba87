"""Who reads a stream of a page: HTTP/1.1 and server-sent events over a bare socket."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie

import requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    kind: str
    data: str
    id: str


class Viewer:
    """One open stream; `status` and `headers` once its answer has begun.

    Args:
        address: host and port.
        tls: an SSL context, None for plain HTTP.
        http10: ask as an old proxy does, so that nothing is chunked.
    """

    def __init__(
        self, address, path, cookie="", *, tls=None, buffer=None, http10=False, headers=()
    ):
        self.sock = socket.socket()
        if buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.settimeout(60)
        self.sock.connect(address)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=address[0])
        lines = [f"GET {path} HTTP/1.{0 if http10 else 1}", f"Host: {address[0]}"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        self.sock.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        self.status, self.headers, self.ended = None, {}, False
        self._raw, self._text = bytearray(), bytearray()
        self.waiting = []
        self.comments = 0

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def read(self):
        """Return the events of what can be read now; `ended` when there will be no more."""
        data = self.sock.recv(1 << 18)
        if not data:
            self.ended = True
            return []
        self._raw += data
        if self.status is None and not self._head():
            return []
        self._body()
        return self._events()

    def event(self, kind=None, seconds=60.0):
        """Return the next event, of a kind or any that is no beat; None where none comes in time."""
        until = time.monotonic() + seconds
        while True:
            while self.waiting:
                found = self.waiting.pop(0)
                if kind in (None, found.kind) and (kind or found.kind != "beat"):
                    return found
            left = until - time.monotonic()
            if left <= 0 or self.ended:
                return None
            self.sock.settimeout(left)
            try:
                self.waiting += self.read()
            except TimeoutError:
                return None
            except OSError:
                self.ended = True

    def ends(self, seconds=60.0):
        """Whether the stream ends in time; events before its end do not matter."""
        self.event("never", seconds)
        return self.ended

    def opened(self):
        """Wait for the head of the answer; return its status."""
        while self.status is None and not self.ended:
            self.waiting += self.read()
        return self.status

    def _head(self):
        head, there, rest = self._raw.partition(b"\r\n\r\n")
        if not there:
            return False
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        self._raw = rest
        return True

    def _body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            self._text += self._raw
            self._raw.clear()
            return
        while (at := self._raw.find(b"\r\n")) >= 0:
            size = int(self._raw[:at], 16)
            if len(self._raw) < at + 2 + size + 2:
                return
            self._text += self._raw[at + 2 : at + 2 + size]
            del self._raw[: at + 2 + size + 2]
            self.ended = self.ended or size == 0

    def _events(self):
        found = []
        while (at := self._text.find(b"\n\n")) >= 0:
            lines = self._text[:at].decode().split("\n")
            del self._text[: at + 2]
            fields = {k: v for k, _, v in (line.partition(": ") for line in lines)}
            self.comments += ":" in fields
            if "data" in fields:
                found.append(
                    Event(
                        kind=fields.get("event", "message"),
                        data=fields["data"],
                        id=fields.get("id", ""),
                    )
                )
        return found


def sign_in(url, login, password, *, verify=True):
    """Sign in; return a session, and its cookie for `Viewer`."""
    session = anybody(verify)
    page = session.get(f"{url}/sign-in", timeout=60).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "login": login, "password": password}
    answer = session.post(f"{url}/sign-in", form, allow_redirects=False, timeout=60)
    assert answer.status_code == 303, answer.status_code
    return session, cookie_of(session)


def anybody(verify):
    """Return a session of nobody in particular."""
    found = requests.Session()
    found.verify, found.trust_env = verify, False
    return found


def cookie_of(session):
    found = SimpleCookie({each.name: each.value for each in session.cookies})
    return found.output(attrs=[], header="", sep=";").strip()


def live_of(page):
    """Return the address of a page's stream, with the version that the page shows."""
    found = re.search(r'data-live="([^"]+)" data-version="([^"]+)"', page)
    return f"{found[1]}?seen={found[2]}"
