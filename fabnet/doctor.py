"""Looks whether this machine can run fabnet, and says what to do where it cannot."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import sqlite3
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import requests

from designs.model import PRINTED
from fabnet import clock
from fabnet.broker import (
    COORDINATOR_USER,
    INSTALL_HINT,
    Broker,
    find_mosquitto,
    free_port,
    mosquitto_version,
    password_line,
)
from fabnet.broker_attacks import probe, read_target
from fabnet.broker_probe import Login, Scene, Target, speaks_mqtt
from fabnet.config import OWN_PROFILES, CoordinatorConfig, NodeConfig
from fabnet.errors import BrokerError, MailError
from fabnet.mail import Post
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.loader import load_firmware, load_machine
from jobs.joining import is_loopback
from jobs.ledger import labs, unplanned, unread
from jobs.ledger.notices import unsent
from printers.errors import PrinterError
from printers.slicing import find_slicer

_FOLDERS = ("fabnet", "web", "jobs", "printers", "designs", "firmware_profiles")
_OLDEST_SQLITE = (3, 37, 0)  # strict tables
_LEAST_FREE_BYTES = 500 << 20
_TIMEOUT_S = 3
_OLDEST_MOSQUITTO = 2
_LATELY = timedelta(days=7)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str
    ok: bool
    words: str  # what is there; else what to do


def look(config: CoordinatorConfig | NodeConfig | None) -> Iterator[Finding]:
    """Look at the machine and, where a configuration is given, at what it names."""
    yield _python()
    yield _packages()
    yield _sqlite()
    yield _slicer(config)
    if isinstance(config, NodeConfig):
        yield from _node(config)
        return
    yield from _broker(config)
    if config is not None:
        yield from _coordinator(config)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Finding(check="python", ok=ok, words=version if ok else f"{version}: 3.11 is needed")


def _packages() -> Finding:
    """`web` and `jobs` are common names: another package of that name would be imported silently."""
    here = Path(__file__).resolve().parents[1]
    for name in _FOLDERS:
        spec = importlib.util.find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found is None or found.parents[1] != here:
            return Finding(
                check="packages",
                ok=False,
                words=f"{name} is not fabnet's own but {found}: install fabnet in an environment of"
                " its own (pipx, venv)",
            )
    return Finding(check="packages", ok=True, words=", ".join(_FOLDERS))


def _sqlite() -> Finding:
    ok = sqlite3.sqlite_version_info >= _OLDEST_SQLITE
    words = sqlite3.sqlite_version if ok else f"{sqlite3.sqlite_version}: 3.37 or newer is needed"
    return Finding(check="sqlite", ok=ok, words=words)


def _slicer(config: CoordinatorConfig | NodeConfig | None) -> Finding:
    if isinstance(config, NodeConfig) and config.slicer == "coordinator":
        return Finding(check="slicer", ok=True, words="the coordinator slices for this node")
    if isinstance(config, NodeConfig) and config.slicer == "owner":
        return Finding(check="slicer", ok=True, words="its owner brings G-code for every plate")
    try:
        return Finding(check="slicer", ok=True, words=find_slicer().name)
    except PrinterError as error:
        return Finding(check="slicer", ok=False, words=str(error))


def _broker(config: CoordinatorConfig | None) -> Iterator[Finding]:
    if config is not None and "://" in config.broker:
        yield _reach_broker(config.broker)
        return
    program = find_mosquitto()
    if program is None:
        words = f"mosquitto is not on this machine: {INSTALL_HINT}"
        yield Finding(check="broker", ok=False, words=words)
        return
    version = mosquitto_version(program)
    ok = version == "unknown" or int(version.split(".")[0]) >= _OLDEST_MOSQUITTO
    words = f"{program}, version {version}"
    yield Finding(
        check="broker", ok=ok, words=words if ok else f"{words}: {_OLDEST_MOSQUITTO}.0 is needed"
    )
    yield _trial(config)


def _trial(config: CoordinatorConfig | None) -> Finding:
    """Start a broker of this configuration on free ports, and send a message both ways."""
    users = {name: secrets.token_hex(16) for name in (COORDINATOR_USER, "trial")}
    tls = None if config is None else config.tls
    websocket = free_port() if config is not None and config.websocket_port else None
    with tempfile.TemporaryDirectory(prefix="fabnet-doctor-") as folder:
        broker = Broker(
            Path(folder) / "broker", "127.0.0.1", free_port(), kind="mosquitto", tls=tls,
            websocket_port=websocket,
        )  # fmt: skip
        broker.set_users({name: password_line(name, users[name]) for name in users})
        coordinator, node = (Login(user=name, password=users[name]) for name in users)
        listeners = ", ".join(url.split(":")[0] for url in broker.node_urls("127.0.0.1"))
        try:
            broker.start()
            target = Target(url=broker.url, coordinator=coordinator, victim=node, attacker=node)
            scene = Scene(target)
            ok = scene.works()
            scene.close()
        except BrokerError as error:
            return Finding(check="broker trial", ok=False, words=str(error))
        finally:
            broker.stop()
    words = f"a message went both ways; listeners for nodes: {listeners}"
    return Finding(
        check="broker trial", ok=ok, words=words if ok else "no message came through: is the"
        " machine very busy?"
    )  # fmt: skip


def attack_broker(url: str, logins: Path, ca_file: str) -> Iterator[Finding]:
    """Attack a broker with the logins of a file; see docs/security.md.

    Raises:
        BrokerError: it cannot be reached, refuses a login, or the file does not hold three.
    """
    for outcome in probe(read_target(url, logins, ca_file, COORDINATOR_USER)):
        yield Finding(check=f"broker: {outcome.attack}", ok=outcome.held, words=outcome.words)


def _coordinator(config: CoordinatorConfig) -> Iterator[Finding]:
    yield _folder(Path(config.data_dir))
    yield _mail(config)
    yield from plans(config)
    scheme = "http" if is_loopback(config.host) or config.behind_proxy else "https"
    own = Path(config.data_dir) / "tls" / "ca.crt"
    trust = ""
    if config.tls is None and scheme == "https" and not _is_new(own):
        finding = _authority(
            own,
            "look as the user that runs the coordinator; if it is that user's, put the folder tls back"
            " from a backup: without it every node has to join again",
        )
        yield finding
        if not finding.ok:
            return  # whether it runs cannot be told
        trust = str(own)
    if _reach_coordinator(f"{scheme}://{config.host}:{config.port}", trust).ok:
        words = f"it runs: its pages answer at {config.host}:{config.port}"
        yield Finding(check="coordinator", ok=True, words=words)
        return
    for check, host, port in (
        ("page port", config.host, config.port),
        ("broker port", config.broker_host, config.broker_port),
    ):
        yield _port(check, host, port)


def _is_new(authority: Path) -> bool:
    """Whether the network has not made its own certificate authority yet."""
    try:
        return not authority.exists()
    except OSError:  # somebody else's folder
        return False


def _authority(path: Path, advice: str) -> Finding:
    """Look whether a file of certificates can be read, before anything is asked that it has to prove."""
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        words = f"{path} holds no certificate: {advice}"
    except OSError as error:
        words = f"{path} cannot be read ({error.strerror}): {advice}"
    else:
        return Finding(check="authority", ok=True, words=str(path))
    return Finding(check="authority", ok=False, words=words)


def _mail(config: CoordinatorConfig) -> Finding:
    """Sign in at the mail server, send nothing; and look what it has not taken lately."""
    if config.mail is None:
        words = "no [mail] in the configuration: nobody is told anything"
        return Finding(check="mail", ok=True, words=words)
    where = f"{config.mail.host}:{config.mail.port}"
    try:
        with Post(config.mail):
            pass
    except MailError as error:
        return Finding(check="mail", ok=False, words=str(error))
    failed = _asked(config, lambda db: unsent(db, clock.now() - _LATELY)) or ()
    if failed:
        last = failed[0]
        words = (
            f"{where} lets us in, but {len(failed)} of the last letters did not go out; the newest,"
            f" for {last.login or last.ref}: {last.error or 'it was too late'}"
        )
        return Finding(check="mail", ok=False, words=words)
    return Finding(check="mail", ok=True, words=f"{where} lets us in; try fabnet mail-test ADDRESS")


def plans(config: CoordinatorConfig) -> Iterator[Finding]:
    """Say which orders have no plan, which printers get none, and what cannot be read, where there is any."""
    if orders := _asked(config, unplanned.orders):
        words = (
            f"fabnet could make no plan of order {', '.join(orders)} that keeps its own rules: it waits, and"
            " all others go on. The coordinator's log names what broke: please report it with this"
        )
        yield Finding(check="plans", ok=False, words=words)
    if odd := _asked(config, labs.odd_printers):
        named = ", ".join(f"{'/'.join(key)} ({why})" for key, why in odd.items())
        words = f"what the ledger has of printer {named} cannot be used: it gets nothing. Start its node again"
        yield Finding(check="plans", ok=False, words=words)
    if lost := _asked(config, unread.rows):
        words = (
            f"what the ledger says of {', '.join(lost)} cannot be read: it is left as it is, and all else goes"
            " on. Put it back from a backup, or ask whoever knows what stood there"
        )
        yield Finding(check="ledger", ok=False, words=words)


def _asked(
    config: CoordinatorConfig, ask: Callable[[sqlite3.Connection], _Answer]
) -> _Answer | None:
    """Ask the ledger, which is only read; None where there is none of this version."""
    ledger = Path(config.data_dir) / "ledger.db"
    try:
        with closing(sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return ask(db)
    except sqlite3.Error:
        return None


def _folder(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(check="data", ok=False, words=f"{there} may not be written by this user")
    free = shutil.disk_usage(there).free
    words = f"{folder}, {free >> 20} MiB free"
    if free < _LEAST_FREE_BYTES:
        return Finding(check="data", ok=False, words=f"{words}: make room")
    return Finding(check="data", ok=True, words=words)


def _port(check: str, host: str, port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            words = (
                f"{host}:{port}: {error.strerror}; stop the program that holds it, or choose"
                " another port in the configuration"
            )
            return Finding(check=check, ok=False, words=words)
    return Finding(check=check, ok=True, words=f"{host}:{port} is free")


def _node(config: NodeConfig) -> Iterator[Finding]:
    yield _folder(Path(config.data_dir))
    for check, path in (("password", config.password_file), ("key", config.key_file)):
        there = os.access(path, os.R_OK)
        words = path if there else f"{path} cannot be read: copy the whole folder of the node"
        yield Finding(check=check, ok=there, words=words)
    unread = set()
    for ca_file in sorted({config.coordinator_ca_file, config.ca_file} - {""}):
        finding = _authority(
            Path(ca_file),
            "copy the whole folder of the node, or ask the coordination team for the network's ca.crt",
        )
        yield finding
        if not finding.ok:
            unread.add(ca_file)
    if config.coordinator_ca_file not in unread:
        yield _reach_coordinator(config.coordinator, config.coordinator_ca_file)
    if config.ca_file not in unread:
        yield _reach_broker(config.broker, config.ca_file)
    if not config.printers:
        words = "none is named: `fabnet node setup` finds them, and writes them into the file"
        yield Finding(check="printers", ok=False, words=words)
    yield from _own_firmwares(Path(config.data_dir) / OWN_PROFILES)
    for printer in config.printers:
        if printer.process != PRINTED:
            words = f"{printer.process}, {printer.rate_per_h:g} pieces an hour"
            yield Finding(check=printer.id, ok=True, words=words)
            continue
        yield _preset(printer.id, printer.preset, Path(config.data_dir) / OWN_PROFILES)
        if printer.port:
            yield _serial(printer.id, Path(printer.port))


def _reach_coordinator(url: str, ca_file: str) -> Finding:
    try:
        answer = requests.get(
            f"{url.rstrip('/')}/healthz", timeout=_TIMEOUT_S, verify=ca_file or True
        )
    except requests.RequestException as error:
        why = type(error).__name__
        words = f"{url} cannot be reached ({why}): does it run, is the address right?"
        return Finding(check="coordinator", ok=False, words=words)
    words = url if answer.ok else f"{url} answered {answer.status_code}"
    return Finding(check="coordinator", ok=answer.ok, words=words)


def _reach_broker(url: str, ca_file: str = "") -> Finding:
    try:
        ok = speaks_mqtt(url, ca_file)
    except BrokerError as error:
        words = f"{error}: a firewall, a wrong address or certificate, or it does not run"
        return Finding(check="broker", ok=False, words=words)
    words = f"{url} answers" if ok else f"{url}: what listens there is no MQTT broker"
    return Finding(check="broker", ok=ok, words=words)


def _preset(printer: str, preset: str, own: Path) -> Finding:
    try:
        found = load_machine(preset, own)
    except FirmwareProfileError as error:
        return Finding(check=f"{printer}: preset", ok=False, words=str(error))
    return Finding(check=f"{printer}: preset", ok=True, words=found.title)


def _own_firmwares(own: Path) -> Iterator[Finding]:
    """Look at the owner's own firmware profiles, where there are any."""
    for path in sorted((own / "firmware").glob("*.toml")):
        check = f"firmware profile {path.stem}"
        try:
            found = load_firmware(path.stem, own)
        except FirmwareProfileError as error:
            yield Finding(check=check, ok=False, words=str(error))
        else:
            yield Finding(check=check, ok=True, words=found.title)


def _serial(printer: str, port: Path) -> Finding:
    """Looks only: opening a port may reset the board behind it."""
    check = f"{printer}: port"
    if not port.exists():
        words = f"{port} is not there: is the printer plugged in and switched on?"
        return Finding(check=check, ok=False, words=words)
    if not os.access(port, os.R_OK | os.W_OK):
        words = f"{port} may not be used by this user: sudo usermod -aG dialout $USER, then sign in again"
        return Finding(check=check, ok=False, words=words)
    return Finding(check=check, ok=True, words=str(port))
