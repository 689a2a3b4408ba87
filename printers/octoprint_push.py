"""OctoPrint's own word that something has changed, over its websocket: the only user of websocket-client.

`/sockjs/websocket` speaks JSON without SockJS's frames around it. What is heard only says *look
now*: what a print has come to is decided from the answers of `printers.octoprint_api`. So a socket that
is missing, cut or mute costs time and nothing else.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from ssl import SSLSocket

import msgspec
import websocket

from printers.errors import OctoPrintError, OctoPrintLostError
from printers.octoprint_job import Login

_log = logging.getLogger(__name__)

PRINTER_RESET = "PrinterReset"
_EVENTS = (
    "PrinterStateChanged", "PrintStarted", "PrintDone", "PrintFailed", "PrintCancelled",
    "Error", "Connected", "Disconnected", PRINTER_RESET,
)  # fmt: skip
_TIMEOUT_S = 1.5  # to connect, and for the rest of a frame that has begun
_AGAIN_S = 60.0  # after none got through
_THROTTLE = 20  # half seconds between two reports of how far it is, which nobody reads
_SWITCHING = 101  # HTTP: from here on it is a websocket


class _Event(msgspec.Struct):
    type: str = ""


class _Frame(msgspec.Struct):
    """What is read of a frame; the rest is not even decoded."""

    event: _Event | None = None
    history: dict[str, msgspec.Raw] | None = None
    current: dict[str, msgspec.Raw] | None = None
    reauthRequired: dict[str, msgspec.Raw] | None = None  # noqa: N815 - OctoPrint's word


class Push:
    """A websocket that may be there or not.

    Args:
        url: of the OctoPrint, http(s)://host[:port][/path].
        login: asks OctoPrint by which name and session it may be listened to.
    """

    def __init__(self, url: str, login: Callable[[], Login]) -> None:
        self._url = url
        self._login = login
        scheme, _, rest = url.partition("://")
        self._address = f"ws{'s' if scheme == 'https' else ''}://{rest}/sockjs/websocket"
        self._socket: websocket.WebSocket | None = None
        self._pause = threading.Event()
        self._again_s = 0.0
        self.live = False  # it has let us in: its silence means that nothing has changed

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._socket is not None

    def keep(self, *, back: bool) -> None:
        """Connect where there is no socket: at once when OctoPrint is `back`, else now and then.

        Raises:
            OctoPrintLostError: it is away again.
        """
        now_s = time.monotonic()
        if self._socket is not None or (now_s < self._again_s and not back):
            return
        self._again_s = now_s + _AGAIN_S
        try:
            self._open(self._login())
        except OctoPrintLostError:
            raise
        except OctoPrintError as error:
            _log.info("%s; it is asked twice a second instead", error)

    def _open(self, login: Login) -> None:
        """Connect; `live` is set once OctoPrint has told its state there.

        Raises:
            OctoPrintError: no websocket gets through; the network's proxies often let none.
        """
        self.close()
        hello = (
            {
                "subscribe": {
                    "state": {"logs": False, "messages": False},
                    "events": list(_EVENTS),
                    "plugins": False,
                }
            },
            {"throttle": _THROTTLE},
            {"auth": f"{login.name}:{login.session}"},
        )
        try:
            # A redirect would carry the session to another address.
            made = websocket.create_connection(
                self._address, timeout=_TIMEOUT_S, redirect_limit=0, enable_multithread=False
            )
            self._socket = made
            if made.getstatus() != _SWITCHING:
                raise OctoPrintError(self._url, "it lets no websocket in", made.getstatus() or 0)
            for each in hello:
                made.send(msgspec.json.encode(each).decode())
        except OctoPrintError:
            self.close()
            raise
        except (OSError, ValueError, websocket.WebSocketException) as error:
            self.close()
            raise OctoPrintError(self._url, f"it lets no websocket in: {error}") from error

    def wait(self, timeout_s: float) -> frozenset[str]:
        """Return the kinds of events that came; wait until one does, or the time is over."""
        heard: set[str] = set()
        if self._socket is None:
            self._pause.wait(timeout_s)
        until_s = time.monotonic() + timeout_s
        # What has come is read whole; it ends, since OctoPrint says little.
        while self._has_more(0.0 if heard else until_s - time.monotonic()):
            heard.update(self._read())
        return frozenset(heard)

    def _has_more(self, timeout_s: float) -> bool:
        """Return whether something is there to read, in the socket or in its TLS."""
        sock = None if self._socket is None else self._socket.sock
        if sock is None:
            return False
        if isinstance(sock, SSLSocket) and sock.pending():
            return True
        return bool(select.select([sock], [], [], max(0.0, timeout_s))[0])

    def _read(self) -> Iterator[str]:
        """Read one frame; control frames too, or one would wait for what is behind it."""
        if self._socket is None:
            return
        try:
            opcode, frame = self._socket.recv_data_frame(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self.close()
            if opcode != websocket.ABNF.OPCODE_TEXT or frame is None:
                return
            said = msgspec.json.decode(frame.data, type=_Frame)
        except (OSError, ValueError, websocket.WebSocketException):
            self.close()
            return
        if said.reauthRequired is not None:
            self.close()
        elif said.history is not None or said.current is not None:
            self.live = True
        elif said.event is not None and said.event.type in _EVENTS:
            yield said.event.type

    def close(self) -> None:
        """Let go of the socket; never raises."""
        self.live = False
        made, self._socket = self._socket, None
        if made is not None and made.sock is not None:
            # Without a goodbye: an OctoPrint that hangs would be waited for.
            with suppress(OSError):
                made.sock.close()
