"""The way in for the owner while the node runs: a socket for commands, and her page where she wants it.

The socket lies in the node's folder and is hers alone (mode 600). One JSON wish a connection, one
JSON `Reply`; what is done is decided by `fabnet.node.owner`.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from fabnet import clock
from fabnet.config import NodeConfig
from fabnet.errors import (
    ConfigError,
    NodeAwayError,
    NodeRefusedError,
    NodeSilentError,
    PortTakenError,
)
from fabnet.node.cameras import Cameras
from fabnet.node.desk import Desk
from fabnet.node.own_slices import OwnSlices
from jobs.errors import JobError
from jobs.owner import NodeView, Reply, Wish

_log = logging.getLogger(__name__)

_NAME = "owner.sock"
_MOST_BYTES = 64 * 1024
_WAIT_S = 20.0
_LOOK_S = 0.5
_LEAST_PASSWORD = 8


class Door:
    """Opens socket and page, and closes them again.

    Args:
        config: checked; its paths are absolute.
        desk: where wishes are answered.
    """

    def __init__(self, config: NodeConfig, desk: Desk) -> None:
        self._config = config
        self._desk = desk
        self._stop = threading.Event()
        self._folder = Path(config.data_dir)
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._close_page: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Begin to listen.

        Raises:
            PortTakenError: another program has the page's port.
            ConfigError: its password cannot be read.
        """
        page = self._page() if self._config.page_port else None
        with _reachable(self._folder) as path:
            Path(path).unlink(missing_ok=True)  # of a node that was killed; the journal is ours
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)
            try:
                self._listener.bind(path)
            finally:
                os.umask(before)
        self._listener.listen()
        self._listener.settimeout(_LOOK_S)
        self._threads = [threading.Thread(target=self._listen, name="owner", daemon=True)]
        if page is not None:
            self._threads.append(page)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._stop.set()
        self._close_page()
        for thread in self._threads:
            thread.join(5)
        if self._listener is not None:
            self._listener.close()
            (self._folder / _NAME).unlink(missing_ok=True)

    def _page(self) -> threading.Thread:
        # Flask is for nodes that have a page: all others stay light.
        try:
            from web import node_app  # noqa: PLC0415
        except ModuleNotFoundError as error:
            why = f"needs {error.name}; install it with: pip install 'fabnet[node,page]'"
            raise ConfigError("node.toml", "page_port", why) from error

        config = self._config
        settings = node_app.NodeSettings(
            secret_key=node_app.secret_key(self._folder / "page.key"),
            lab=config.lab,
            password=_password(config),
            host=config.page_host,
            cameras=Cameras(config),
            slices=OwnSlices(config, self._desk.ask),
            coordinator=config.coordinator,
        )
        app = node_app.create_node_app(self._desk, clock.now, settings)
        try:
            server = node_app.serve_node(app, config.page_host, config.page_port)
        except OSError as error:
            raise PortTakenError(
                "The node's page", config.page_host, config.page_port, "page_port in node.toml"
            ) from error
        self._close_page = server.close
        _log.info("the node's page is at http://%s:%s", config.page_host, server.port)
        return threading.Thread(target=server.run, name="page", daemon=True)

    def _listen(self) -> None:
        listener = self._listener
        while listener is not None and not self._stop.is_set():
            try:
                peer, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with peer, suppress(OSError):
                peer.settimeout(_WAIT_S)
                peer.sendall(msgspec.json.encode(self._answer(_line(peer))) + b"\n")

    def _answer(self, data: bytes) -> Reply:
        try:
            return Reply(view=self._desk.ask(msgspec.json.decode(data, type=Wish)))
        except msgspec.DecodeError as error:
            return Reply(refused=f"The node does not know this wish: {error}")
        except JobError as error:
            return Reply(refused=str(error))


def ask(config: NodeConfig, wish: Wish) -> NodeView:
    """Ask the node that runs with this configuration.

    Raises:
        NodeAwayError: it does not run.
        NodeSilentError: it runs, and does not answer.
        NodeRefusedError: it says why not.
    """
    folder = Path(config.data_dir)
    try:
        with _reachable(folder) as path, socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(_WAIT_S)
            peer.connect(path)
            if _is_suspended(process := _process(peer)):
                # It would do later what its owner believes undone.
                raise NodeSilentError(config.id, process, 0.0)
            peer.sendall(msgspec.json.encode(wish) + b"\n")
            reply = msgspec.json.decode(_line(peer), type=Reply)
    except TimeoutError as error:
        raise NodeSilentError(config.id, running(config), _WAIT_S) from error
    except (OSError, msgspec.DecodeError) as error:
        raise NodeAwayError(config.id, str(folder)) from error
    if reply.view is None:
        raise NodeRefusedError(reply.refused)
    return reply.view


def running(config: NodeConfig) -> int | None:
    """Return the process of the node that runs with this configuration, None where none does."""
    try:
        with _reachable(Path(config.data_dir)) as path, socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            return _process(peer)
    except OSError:
        return None


def _process(peer: socket.socket) -> int:
    """Return who listens at the other end of a socket of this machine."""
    told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, _, _ = struct.unpack("3i", told)
    return int(process)


def _is_suspended(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # "pid (name) state ...": a name may hold spaces and brackets.
    return stat.rpartition(") ")[2].startswith("T")


def _line(peer: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _MOST_BYTES * 16:
        block = peer.recv(_MOST_BYTES)
        if not block:
            break
        data += block
    return data


@contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """Give the socket's path in a form that fits into the 107 bytes that Linux allows."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{_NAME}"
    finally:
        os.close(handle)


def _password(config: NodeConfig) -> str:
    if not config.page_password_file:
        return ""
    path = Path(config.page_password_file)
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise ConfigError(str(path), "page_password_file", why) from error
    if len(text) < _LEAST_PASSWORD:
        why = f"holds no password of at least {_LEAST_PASSWORD} letters"
        raise ConfigError(str(path), "page_password_file", why)
    return text
