"""The MQTT broker as a supervised child: mosquitto, configured by us; for the demo also iotcore.

The broker keeps nothing: no persistence, no queue that anything relies on. Its logins and its
access list say which node may speak on which topics. Leaves connections to `fabnet.link`.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from fabnet.errors import BrokerError, PortTakenError
from fabnet.wire import COORDINATOR_TOPIC, MOST_BYTES, ROOT

_log = logging.getLogger(__name__)

COORDINATOR_USER = "coordinator"
_PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")
_START_S = 10.0
_PR_SET_PDEATHSIG = 1
INSTALL_HINT = "install it with: sudo apt-get install mosquitto"


def find_mosquitto() -> str | None:
    """Return mosquitto's path; Debian keeps it in /usr/sbin, off a user's PATH."""
    found = shutil.which("mosquitto")
    return found or next((place for place in _PLACES if os.access(place, os.X_OK)), None)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies; for `preexec_fn` of children."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def password_line(user: str, password: str) -> str:
    """Return a line of mosquitto's password file: PBKDF2-SHA512, 101 rounds, format 7.

    The rounds are mosquitto's own (`mosquitto_passwd` of 2.0); our passwords are 256-bit random,
    which nobody guesses whatever the rounds.
    """
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


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
    """A broker child on one loopback or LAN address.

    Args:
        folder: where its configuration, passwords and log live; made with mode 700.
        kind: "mosquitto" or "iotcore" (loopback and demo only: it knows no access list).
    """

    def __init__(self, folder: Path, host: str, port: int, *, kind: str) -> None:
        self.folder = folder
        self.host = host
        self.port = port
        self.kind = kind
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients on this machine connect."""
        return f"mqtt://{self.host}:{self.port}"

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
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start the child and wait until it takes connections.

        Must be called from a thread that lives as long as the process: Linux ends the child when
        the *thread* that made it ends.

        Raises:
            PortTakenError: another program holds the port.
            BrokerError: no broker program, or it does not come up.
        """
        self._refuse_taken_port()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = (self.folder / "broker.log").open("ab")
        with log:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call, no lock is taken
            )
        self._wait_until_up()
        _log.info("broker %s (pid %s) listens on %s:%s", self.kind, self.pid, self.host, self.port)

    def _refuse_taken_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise PortTakenError("The MQTT broker", self.host, self.port) from error

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
            f"listener {self.port} {self.host}",
            "allow_anonymous false",
            "use_username_as_clientid true",
            f"password_file {self.folder / 'passwords'}",
            f"acl_file {self.folder / 'access'}",
            "persistence false",
            "max_inflight_messages 1000",
            "max_queued_messages 100000",
            f"max_packet_size {2 * MOST_BYTES}",
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

    def _wait_until_up(self) -> None:
        pause = threading.Event()
        for _ in range(int(_START_S / 0.05)):
            if self._child is None or self._child.poll() is not None:
                break
            try:
                with socket.create_connection((self.host, self.port), 0.2):
                    return
            except OSError:
                pause.wait(0.05)
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
