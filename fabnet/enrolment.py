"""Letting nodes into the network, on the coordinator's machine: invitations, and folders by hand.

Leaves what the ledger keeps to `jobs.coordinator.enrolment`, and the lab's side to `fabnet.joining`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from designs.model import BY_PEOPLE, PRINTED
from fabnet.alone import make_folder
from fabnet.authority import Reach, reach
from fabnet.broker import login_of
from fabnet.config import CoordinatorConfig
from fabnet.durable import write_whole
from fabnet.errors import ConfigError, JoinError
from fabnet.node_folder import PRINTER_HINT, make_secrets, public_key_of, write_config
from fabnet.wire import is_node_id
from firmware_profiles.loader import load_machine
from jobs.coordinator import enrolment, nodes
from jobs.joining import Enrolled, HandPrinter, JoinCode, Standing, may_join
from jobs.ledger.members import HostedNode
from jobs.ledger.store import Ledger
from printers.model import LEAST_RATE_PER_H, MOST_RATE_PER_H

_OLD_LOGINS = "logins"
#: In the folder of a node that joined by phone: when it did.
_JOINED = "joined"


def import_logins(ledger: Ledger, folder: Path) -> tuple[str, ...]:
    """Take the logins of an older version's file into the ledger, once; return whose they were."""
    path = folder / _OLD_LOGINS
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    taken = enrolment.import_logins(ledger, found)
    path.replace(path.with_suffix(".imported"))
    return taken


def hosted_folder(config: CoordinatorConfig, name: str) -> Path:
    """Return where the folder of a hosted node belongs; a running coordinator starts what appears."""
    return Path(config.data_dir) / "hosted" / name


def open_ledger(config: CoordinatorConfig) -> Ledger:
    """Open the ledger beside a coordinator that may be running; made where there is none."""
    return Ledger(make_folder(Path(config.data_dir)) / "ledger.db")


def invite(config: CoordinatorConfig, lab: str, by: str, hours: int, now: datetime) -> JoinCode:
    """Return the code that lets a lab in; nobody keeps it.

    Raises:
        ConfigError: the coordinator cannot be reached as it is configured.
        InvalidFieldError: no name, or a time that is too long.
    """
    how = reach(config, now)
    if not may_join(how.url, how.pin):
        why = "must begin with https://: labs do not send their secrets over http"
        raise ConfigError("coordinator", "public_url", why)
    ledger = open_ledger(config)
    try:
        token = enrolment.invite(ledger, lab, by, now, hours)
    finally:
        ledger.close()
    return JoinCode(url=how.url, token=token, pin=how.pin)


#: What a machine is called that nobody has named.
_MACHINES = {"LAS": "Laser cutter", "SEW": "Sewing machine", "ASM": "Assembling by hand"}


def create_node(
    name: str,
    lab: str,
    config: CoordinatorConfig,
    out: Path,
    now: datetime,
    by_hand: tuple[str, ...] = (),
    called: Mapping[str, str] = _MACHINES,
) -> Path:
    """Enrol a node by hand and write its folder with node.toml and secrets; return node.toml's path.

    `by_hand` are machine presets of printers that its maker feeds by hand, from an SD card; the
    coordinator slices for them. "SEW=12" is a machine that she works, with its pieces an hour; `called`
    is the name of such a machine by its process, as its maker speaks.

    Raises:
        ConfigError: the name is none, the folder is there already, or a rate is no number.
        FirmwareProfileError: a preset is unknown.
        RefusedError: the name is not to be had.
    """
    machines = [_machine(told, called) for told in by_hand]
    if not is_node_id(name):
        raise ConfigError(str(out), "name", "1 to 32 of a-z, 0-9 and inner hyphens")
    if out.exists():
        raise ConfigError(str(out), "", "is there already; choose a new folder")
    how = reach(config, now)
    # Its name begins with a dot until all is in it: a coordinator that hosts it looks for folders.
    fresh = out.with_name(f".{out.name}.new")
    key, password = make_secrets(fresh)
    ledger = open_ledger(config)
    try:
        nodes.enrol(ledger, name, lab, public_key_of(key), now, login_of(password))
    finally:
        ledger.close()
    answer = Enrolled(
        node=name,
        lab=lab,
        standing=Standing.CONFIRMED,
        coordinator=how.url,
        broker=how.broker_url,
        authority=how.authority,
    )
    printers = _by_hand(machines) if machines else PRINTER_HINT
    write_config(fresh, answer, coordinator_ca=_own_ca(how), printers=printers)
    fresh.rename(out)
    return out / "node.toml"


def _machine(told: str, called: Mapping[str, str]) -> HandPrinter:
    process, _, rate = told.partition("=")
    if process not in BY_PEOPLE:
        return HandPrinter(preset=load_machine(told).name, material="", grams=0)
    try:
        rate_per_h = float(rate)
    except ValueError:
        rate_per_h = 0.0
    if not LEAST_RATE_PER_H <= rate_per_h <= MOST_RATE_PER_H:
        why = f'{told!r}: write it as "{process}=12", from {LEAST_RATE_PER_H:g} to {MOST_RATE_PER_H:g}'
        raise ConfigError("--hosted", process, f"{why} pieces an hour")
    title = called[process]
    return HandPrinter(
        preset="", material="", grams=0, process=process, rate_per_h=rate_per_h, title=title
    )


def make_hosted(ledger: Ledger, found: HostedNode, how: Reach, folder: Path) -> None:
    """Make the folder of a node that a maker joined with on her phone, and tell the ledger its key.

    Ended anywhere, the next call goes on with what is there: the folder gets its name when all is in
    it, and the ledger hears of the key after that. Nothing runs before the node is confirmed.

    Raises:
        OSError: the folder cannot be written.
        FirmwareProfileError: a preset is unknown.
        JoinError: the key that is there cannot be read, or the folder is another node's: of one that
            a ledger that was put back has forgotten.
    """
    out = folder / found.id
    fresh = out.with_name(f".{out.name}.new")
    for path in (fresh, out):
        if path.exists() and not _is_of(path, found):
            raise JoinError(
                f"{path} is there already, and is not of the node {found.id} that joined at"
                f" {found.joined_at:%Y-%m-%d %H:%M} UTC: move it away."
            )
    if not out.exists():
        fresh.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(fresh / _JOINED, found.joined_at.isoformat() + "\n")
        make_secrets(fresh)
        _configure(found, how, fresh)
        fresh.rename(out)
    key, password = make_secrets(out)
    enrolment.keep_key(ledger, found.id, public_key_of(key), login_of(password))


def _is_of(path: Path, found: HostedNode) -> bool:
    """Whether a folder was made for this node; one in which nothing is whole is nobody's yet."""
    joined = path / _JOINED
    if not joined.exists():
        return all(each.suffix == ".part" for each in path.iterdir())
    return joined.read_text(encoding="utf-8").strip() == found.joined_at.isoformat()


def _configure(found: HostedNode, how: Reach, folder: Path) -> None:
    answer = Enrolled(
        node=found.id,
        lab=found.lab,
        standing=Standing.PENDING,
        coordinator=how.url,
        broker=how.broker_url,
        authority=how.authority,
    )
    place = found.facts.place
    top = "" if place is None else f"place = [{place[0]!r}, {place[1]!r}]\n"
    write_config(
        folder, answer, coordinator_ca=_own_ca(how), attended=found.facts.attended,
        printers=top + _by_hand(found.facts.printers),
    )  # fmt: skip


def _own_ca(how: Reach) -> bool:
    return how.web_tls is not None and bool(how.authority)


def _by_hand(printers: Sequence[HandPrinter]) -> str:
    lines = ['slicer = "coordinator"']
    for number, printer in enumerate(printers, 1):
        if printer.process != PRINTED:
            title = json.dumps(printer.title or _MACHINES[printer.process], ensure_ascii=False)
            lines += [
                "", "[[printers]]", f'id = "machine-{number}"', "manual = true",
                f"title = {title}", f'process = "{printer.process}"',
                f"rate_per_h = {float(printer.rate_per_h)!r}",
            ]  # fmt: skip
            continue
        title = json.dumps(load_machine(printer.preset).title, ensure_ascii=False)
        lines += [
            "", "[[printers]]", f'id = "printer-{number}"', f'preset = "{printer.preset}"',
            f"title = {title}", "manual = true",
        ]  # fmt: skip
        if printer.material:
            lines += [f'material = "{printer.material}"', f"grams = {printer.grams!r}"]
    return "\n".join(lines) + "\n"
