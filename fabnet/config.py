"""Configuration files of coordinator and node: TOML to frozen values, checked.

An unknown key is an error that names the nearest known one. Secrets live in files of their own
beside the configuration, readable by their owner only.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fabnet.errors import ConfigError
from fabnet.wire import is_node_id

_T = TypeVar("_T")
_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorConfig:
    """`fabnet serve`'s configuration."""

    data_dir: str  # ledger, files, broker; relative to the configuration file
    network: str = "fabnet"  # the network's name on pages and labels
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # "" means http://host:port
    broker: str = (
        "mosquitto"  # mosquitto | iotcore (demo, loopback) | mqtt(s)://... of an own broker
    )
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    broker_password_file: str = ""  # of the user "coordinator" on an own broker


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterConfig:
    """One printer of a node."""

    id: str
    preset: str  # name of a machine preset
    port: str  # /dev/serial/by-id/...
    title: str = ""
    material: str = ""  # on the loaded spool; "" means none is loaded
    grams: float = 0.0  # on the loaded spool when it was put on
    spool: str = ""  # its id; "" means <printer>-1
    spool_lot: str = ""  # the filament maker's lot number
    unattended: bool = False  # may print while nobody is there


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """`fabnet node run`'s configuration."""

    id: str
    lab: str
    coordinator: str  # http(s)://host:port
    broker: str  # mqtt(s)://host:port
    data_dir: str  # journal, files, slices; relative to the configuration file
    password_file: str  # the node's MQTT password
    key_file: str  # the node's Ed25519 private key
    attended: str = "08:00-20:00"  # local hours in which somebody is with the printers
    paused: bool = False
    printers: tuple[PrinterConfig, ...] = ()


def load_coordinator(path: Path) -> CoordinatorConfig:
    """Read the coordinator's configuration.

    Raises:
        ConfigError: naming the file and the field.
    """
    found = _load(path, CoordinatorConfig)
    for name in ("port", "broker_port"):
        if not 1 <= getattr(found, name) <= 65535:  # noqa: PLR2004 - TCP ports
            raise ConfigError(str(path), name, "must be between 1 and 65535")
    return found


def load_node(path: Path) -> NodeConfig:
    """Read a node's configuration.

    Raises:
        ConfigError: naming the file and the field.
    """
    found = _load(path, NodeConfig)
    if not is_node_id(found.id):
        raise ConfigError(str(path), "id", "1 to 32 of a-z, 0-9 and inner hyphens")
    if not _HOURS.fullmatch(found.attended):
        raise ConfigError(str(path), "attended", 'write it as "08:00-20:00"')
    ids = [printer.id for printer in found.printers]
    for printer in found.printers:
        if not is_node_id(printer.id) or ids.count(printer.id) > 1:
            raise ConfigError(
                str(path), "printers.id", f"{printer.id!r} is no name, or is there twice"
            )
        if printer.grams < 0:
            raise ConfigError(str(path), f"printers.{printer.id}.grams", "cannot be below 0")
    return found


def _load(path: Path, kind: type[_T]) -> _T:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"is no TOML: {error}") from error
    _refuse_unknown(path, data, kind, "")
    if kind is NodeConfig:
        for printer in data.get("printers", ()):
            if isinstance(printer, dict):
                _refuse_unknown(path, printer, PrinterConfig, "printers.")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise ConfigError(str(path), where.strip("`$."), text) from error


def _refuse_unknown(path: Path, data: dict[str, Any], kind: type, prefix: str) -> None:
    known = [field.name for field in fields(kind)]
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0)
            raise ConfigError(
                str(path), prefix + key, f"is no known key; did you mean {near[0]!r}?"
            )
