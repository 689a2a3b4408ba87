"""Letting a node into the network: its keys, its login at the broker, its configuration file."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet.broker import password_line
from fabnet.config import CoordinatorConfig
from fabnet.errors import ConfigError
from fabnet.wire import is_node_id
from jobs.coordinator import nodes
from jobs.ledger.store import Ledger

_PRINTER_HINT = """
# One [[printers]] table for each printer:
# [[printers]]
# id = "mk3-left"
# preset = "generic-250x210"
# port = "/dev/serial/by-id/..."
# material = "PETG"
# grams = 850
"""


def logins_file(folder: Path) -> Path:
    """Return the file with the MQTT logins (hashed) of all nodes."""
    return folder / "logins"


def read_logins(path: Path) -> dict[str, str]:
    """Return the lines of the logins file by node."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split(":", 1)[0]: line for line in lines if ":" in line}


def _add_login(folder: Path, node: str, password: str) -> None:
    """Add or replace a node's login; a running coordinator notices."""
    path = logins_file(folder)
    lines = read_logins(path) | {node: password_line(node, password)}
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text("\n".join(lines[name] for name in sorted(lines)) + "\n", encoding="utf-8")
    fresh.replace(path)


def create_node(name: str, lab: str, config: CoordinatorConfig, out: Path, now: datetime) -> Path:
    """Enrol a node and write its folder with node.toml and secrets; return node.toml's path.

    Raises:
        ConfigError: the name is none, or the folder is there already.
    """
    if not is_node_id(name):
        raise ConfigError(str(out), "name", "1 to 32 of a-z, 0-9 and inner hyphens")
    if out.exists():
        raise ConfigError(str(out), "", "is there already; choose a new folder")
    key = Ed25519PrivateKey.generate()
    password = secrets.token_urlsafe(32)
    folder = Path(config.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / "ledger.db")
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    nodes.enrol(ledger, name, lab, public, now)
    ledger.close()
    _add_login(folder, name, password)
    out.mkdir(mode=0o700, parents=True)
    private = base64.b64encode(key.private_bytes_raw()).decode()
    for file, text in (("mqtt.password", password), ("node.key", private)):
        (out / file).touch(mode=0o600)
        (out / file).write_text(text + "\n", encoding="utf-8")
    target = out / "node.toml"
    target.write_text(_node_toml(name, lab, config) + _PRINTER_HINT, encoding="utf-8")
    return target


def _node_toml(name: str, lab: str, config: CoordinatorConfig) -> str:
    own = "://" in config.broker
    broker = config.broker if own else f"mqtt://{config.broker_host}:{config.broker_port}"
    lines = {
        "id": name,
        "lab": lab,
        "coordinator": config.public_url or f"http://{config.host}:{config.port}",
        "broker": broker,
        "data_dir": "data",
        "password_file": "mqtt.password",
        "key_file": "node.key",
        "attended": "08:00-20:00",
    }
    # A JSON string is a TOML string.
    return "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items()
    )
