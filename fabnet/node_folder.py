"""A node's folder: its key, its password, whom it trusts, and its configuration.

The password is made here and never leaves but for the broker. What is there already is used again.
Leaves what the coordinator is asked to `fabnet.joining`.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet.durable import write_whole
from fabnet.errors import JoinError
from jobs.joining import Enrolled

#: The certificate of the network's own authority, in a node's folder.
AUTHORITY = "ca.crt"
_PASSWORD, _KEY = "mqtt.password", "node.key"

PRINTER_HINT = """
# Who slices: "auto" (PrusaSlicer on this machine; without it the coordinator, with the profile of
# each printer's preset), "local" (never the coordinator) or "coordinator".
# slicer = "auto"

# One [[printers]] table for each printer:
# [[printers]]
# id = "mk3-left"
# preset = "prusa-mk3s"
# port = "/dev/serial/by-id/..."   # or octoprint = "http://...", or manual = true: docs/printers.md
# material = "PETG"
# grams = 850
"""


def make_secrets(folder: Path) -> tuple[Ed25519PrivateKey, str]:
    """Return the key and the MQTT password of a node's folder; made where they are not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / _KEY).exists():
        raw = Ed25519PrivateKey.generate().private_bytes_raw()
        write_whole(folder / _KEY, base64.b64encode(raw).decode() + "\n")
    if not (folder / _PASSWORD).exists():
        write_whole(folder / _PASSWORD, secrets.token_urlsafe(32) + "\n")
    password = (folder / _PASSWORD).read_text(encoding="utf-8").strip()
    return read_key(folder / _KEY), password


def read_key(path: Path) -> Ed25519PrivateKey:
    """Return a node's key.

    Raises:
        JoinError: it cannot be read.
    """
    try:
        raw = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
        return Ed25519PrivateKey.from_private_bytes(raw)
    except (OSError, ValueError) as error:
        raise JoinError(f"The key {path} cannot be used: {error}.") from error


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Return the base64 of the raw public key."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def signed(node: str, key: Ed25519PrivateKey, message: bytes) -> dict[str, str]:
    """Return the headers that show who asks: this node, with its signature over the message."""
    return {
        "X-Fabnet-Node": node,
        "X-Fabnet-Signature": base64.b64encode(key.sign(message)).decode(),
    }


def write_config(
    folder: Path,
    answer: Enrolled,
    *,
    coordinator_ca: bool,
    printers: str = PRINTER_HINT,
    attended: str = "08:00-20:00",
) -> Path:
    """Write a node's configuration, and whom it trusts; return the path of node.toml."""
    lines = {
        "id": answer.node,
        "lab": answer.lab,
        "coordinator": answer.coordinator,
        "broker": answer.broker,
        "data_dir": "data",
        "password_file": _PASSWORD,
        "key_file": _KEY,
        "attended": attended,
    }
    if answer.authority:
        write_whole(folder / AUTHORITY, answer.authority)
        if answer.broker.startswith(("mqtts:", "wss:")):
            lines["ca_file"] = AUTHORITY
        if coordinator_ca:
            lines["coordinator_ca_file"] = AUTHORITY
    # A JSON string is a TOML string.
    text = "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items()
    )
    target = folder / "node.toml"
    write_whole(target, text + printers)
    return target


class Passwords:
    """What a node logs in with; called before each connection.

    While a new password is on its way, the broker knows the one or the other: both are tried by turns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = 0
        self._last = self._read(path)

    def __call__(self) -> str:
        """Return the password for the next try. Never raises: it is called by paho's thread."""
        known = [text for path in (self._path, next_of(self._path)) if (text := self._read(path))]
        if known:
            self._last = known[self._turn % len(known)]
        self._turn += 1
        return self._last

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""


def next_of(password_file: Path) -> Path:
    """Return where the next password lies until the coordinator has taken it."""
    return password_file.with_name(password_file.name + ".new")
