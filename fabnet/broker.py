"""The MQTT broker as a supervised child: mosquitto, configured by us; for the demo also iotcore.

The broker keeps nothing: no persistence, no queue that anything relies on. Its logins and its
access list say which node may speak on which topics. It listens in the clear on loopback only;
off loopback it speaks TLS. Leaves connections to `fabnet.link`.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import importlib.util
import ipaddress
import logging
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from fabnet.config import TlsFiles
from fabnet.errors import BrokerError, PortTakenError
from fabnet.wire import COORDINATOR_TOPIC, MOST_BYTES, ROOT

_log = logging.getLogger(__name__)

COORDINATOR_USER = "coordinator"
_PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")
_START_S = 10.0
#: What the broker may hold for one client that reads slowly, so that a flood cannot eat the memory.
_MOST_QUEUED_BYTES = 64 << 20
_LOCALHOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
INSTALL_HINT = "install it with: sudo apt-get install mosquitto"


def find_mosquitto() -> str | None:
    """Return mosquitto's path; Debian keeps it in /usr/sbin, off a user's PATH."""
    found = shutil.which("mosquitto")
    return found or next((place for place in _PLACES if os.access(place, os.X_OK)), None)


def mosquitto_version(program: str) -> str:
    """Return what mosquitto calls its version: "2.0.11"; "unknown" where it does not say."""
    try:
        # It says its version with its help, and calls asking for that a failure.
        said = subprocess.run(
            [program, "-h"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(r"mosquitto version (\S+)", said.stdout + said.stderr)
    return "unknown" if found is None else found[1]


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies; for `preexec_fn` of children."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _prepare_child() -> None:
    die_with_parent()
    # Each client is a file: the usual soft limit of 1024 would shut out the thousandth node.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def is_loopback(host: str) -> bool:
    """Return whether a listener on this address is out of reach for other machines."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def password_line(user: str, password: str) -> str:
    """Return a line of mosquitto's password file."""
    return f"{user}:{login_of(password)}"


def login_of(password: str) -> str:
    """Return what mosquitto keeps of a password: PBKDF2-SHA512, 101 rounds, format 7.

    The rounds are mosquitto's own (`mosquitto_passwd` of 2.0); our passwords are 256-bit random,
    which nobody guesses whatever the rounds.
    """
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def access_list() -> str:
    """Return mosquitto's ACL: a node speaks and hears for itself only."""
    return "\n".join(
        [
            f"user {COORDINATOR_USER}",
            f"topic readwrite {ROOT}/#",
            "",
            f"pattern write {ROOT}/+/%u/up/#",
            f"pattern read {ROOT}/+/%u/dn/#",
            f"pattern read {COORDINATOR_TOPIC}",
            "",
        ]
    )


class Broker:
    """A broker child on one address.

    Args:
        folder: where its configuration, passwords and log live; made with mode 700.
        host, port: of the listener for nodes: TLS where `tls` is given, else loopback only.
        kind: "mosquitto" or "iotcore" (loopback and demo only: it knows no access list).
        tls: what the listeners for nodes prove themselves with.
        websocket_port: of one more listener on the same address, MQTT over WebSocket; TLS likewise.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        port: int,
        *,
        kind: str,
        tls: TlsFiles | None = None,
        websocket_port: int | None = None,
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = port
        self.kind = kind
        self.tls = tls
        self.websocket_port = websocket_port or None
        self._local_port = 0  # of the listener for this machine's own, beside one with TLS
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the coordinator itself connects: over loopback in the clear, whatever the nodes do.

        With TLS it is known once the broker has started, and then stays the same.
        """
        if self.tls is None:
            return f"mqtt://{_in_url(self.host)}:{self.port}"
        return f"mqtt://{_LOCALHOST}:{self._local_port}"

    def node_urls(self, host: str) -> tuple[str, ...]:
        """Return the addresses for nodes that know this machine as `host`; the best one first."""
        secure = "s" if self.tls else ""
        found = [f"mqtt{secure}://{_in_url(host)}:{self.port}"]
        if self.websocket_port:
            found.append(f"ws{secure}://{_in_url(host)}:{self.websocket_port}")
        return tuple(found)

    @property
    def pid(self) -> int | None:
        """The child's process id, None when it does not run."""
        return None if self._child is None else self._child.pid

    def set_users(self, lines: Mapping[str, str]) -> None:
        """Write the password file (user -> line) and let a running mosquitto read it again."""
        if self.kind != "mosquitto":
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.folder / "passwords"
        fresh = self.folder / "passwords.new"
        fresh.touch(mode=0o600)
        fresh.write_text("\n".join(lines[user] for user in sorted(lines)) + "\n")
        fresh.replace(target)
        self.reload()

    def reload(self) -> None:
        """Let a running mosquitto read its logins, and the certificate of its TLS listener, again."""
        if self.kind == "mosquitto" and self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start the child and wait until it takes connections.

        Must be called from a thread that lives as long as the process: Linux ends the child when
        the *thread* that made it ends.

        Raises:
            PortTakenError: another program holds the port.
            BrokerError: no broker program, an address off loopback without TLS, a certificate that
                cannot be read, or it does not come up.
        """
        self._refuse_clear_text()
        for port in (self.port, self.websocket_port):
            if port:
                self._refuse_taken_port(port)
        if self.tls is not None and not self._local_port:
            self._local_port = free_port()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = (self.folder / "broker.log").open("ab")
        with log:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_prepare_child,  # noqa: PLW1509 - system calls, no lock is taken
            )
        self._wait_until_up()
        _log.info("broker %s (pid %s) listens on %s:%s", self.kind, self.pid, self.host, self.port)

    def _refuse_clear_text(self) -> None:
        if self.tls is None and not is_loopback(self.host):
            raise BrokerError(
                f"The MQTT broker would send passwords in the clear on {self.host}: give it a"
                " certificate (tls in the configuration), or let it listen on 127.0.0.1 only"
            )
        if self.kind == "iotcore" and (self.tls is not None or self.websocket_port):
            raise BrokerError(
                f"The broker of the demo knows neither TLS nor WebSocket: {INSTALL_HINT}"
            )
        for path in () if self.tls is None else (self.tls.certificate, self.tls.key):
            if not os.access(path, os.R_OK):
                raise BrokerError(f"{path} of the MQTT broker's TLS cannot be read")

    def _refuse_taken_port(self, port: int) -> None:
        with socket.socket(_family(self.host)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError as error:
                name = "broker_port" if port == self.port else "websocket_port"
                key = f"{name} in coordinator.toml"
                raise PortTakenError("The MQTT broker", self.host, port, key) from error

    def _command(self) -> list[str]:
        if self.kind == "iotcore":
            if importlib.util.find_spec("iotcore") is None:
                raise BrokerError(f"There is no MQTT broker here: {INSTALL_HINT}")
            return [
                sys.executable, "-m", "iotcore", "--listen", self.host, "--port", str(self.port),
                "--log-level", "CRITICAL",
            ]  # fmt: skip
        program = find_mosquitto()
        if program is None:
            raise BrokerError(f"The MQTT broker mosquitto is not on this machine: {INSTALL_HINT}")
        return [program, "-c", str(self._write_configuration())]

    def _write_configuration(self) -> Path:
        (self.folder / "access").write_text(access_list())
        (self.folder / "access").chmod(0o600)
        (self.folder / "passwords").touch(mode=0o600)
        lines = [
            *self._listeners(),
            "allow_anonymous false",
            f"password_file {self.folder / 'passwords'}",
            f"acl_file {self.folder / 'access'}",
            "persistence false",
            "max_inflight_messages 1000",
            "max_queued_messages 100000",
            f"max_queued_bytes {_MOST_QUEUED_BYTES}",
            f"max_packet_size {2 * MOST_BYTES}",
            # WebSocket listeners do not enforce the packet size.
            f"message_size_limit {2 * MOST_BYTES}",
            "set_tcp_nodelay true",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        if os.geteuid() == 0:
            # Started by root it would change to a user that may not read our files.
            lines.append("user root")
        target = self.folder / "mosquitto.conf"
        target.write_text("\n".join(lines) + "\n")
        return target

    def _listeners(self) -> list[str]:
        # The client id is an option of each listener: without it a node with the coordinator's name
        # as its client id would cut the coordinator off.
        each = ["use_username_as_clientid true"]
        tls = list(each)
        if self.tls is not None:
            tls += [f"certfile {self.tls.certificate}", f"keyfile {self.tls.key}"]
        lines = [f"listener {self.port} {self.host}", *tls]
        if self.tls is not None:
            # Not on WebSocket: libwebsockets does not know the option.
            lines += ["tls_version tlsv1.3", f"listener {self._local_port} {_LOCALHOST}", *each]
        if self.websocket_port:
            # Without its address family mosquitto 2.0.11 binds a WebSocket to every address.
            family = "ipv6" if _family(self.host) == socket.AF_INET6 else "ipv4"
            host = _LOCALHOST if self.host == "localhost" else self.host
            lines += [
                f"listener {self.websocket_port} {host}",
                "protocol websockets",
                f"socket_domain {family}",
                *tls,
            ]
        return lines

    def _wait_until_up(self) -> None:
        waiting = [(self.host, port) for port in (self.port, self.websocket_port) if port]
        if self._local_port:
            waiting.append((_LOCALHOST, self._local_port))
        pause = threading.Event()
        for _ in range(int(_START_S / 0.05)):
            if self._child is None or self._child.poll() is not None:
                break
            try:
                with socket.create_connection(waiting[-1], 0.2) as probe:
                    if not is_to_itself(probe):
                        waiting.pop()
            except OSError:
                pause.wait(0.05)
            if not waiting:
                return
        self.stop()
        raise BrokerError(f"The MQTT broker did not start; it said: {self._last_words()}")

    def _last_words(self) -> str:
        log = self.folder / "broker.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return lines[-1] if lines else "nothing"

    def alive(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the child and wait for it."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_to_itself(connection: socket.socket) -> bool:
    """Return whether both ends of a connection are one.

    Who connects to a port that nobody listens on may be given just that port to connect from: TCP lets
    two that call each other at once meet, and one that calls itself too.
    """
    return bool(connection.getsockname() == connection.getpeername())


def free_port() -> int:
    """Return a TCP port of loopback that is nobody's but this process's to give, as long as it lives.

    It stays bound and is not listened on: so the system gives it to no other by chance, and a server that
    is told its number may have it, as often as it begins, if it sets SO_REUSEADDR.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((_LOCALHOST, 0))
    port = int(holder.getsockname()[1])
    holder.detach()  # closed by the end of the process alone
    return port
