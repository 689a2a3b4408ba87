"""Finds printers: serial ports of this machine, and OctoPrints in its network.

A port that another program holds is never opened: that resets many boards, and ends their print.
What the facts mean is decided in `printers.recognise`; the dialogue is the serial driver's.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from firmware_profiles.detect import detect_machine
from firmware_profiles.loader import all_firmwares, all_machines
from printers.errors import PrinterError
from printers.port_names import better_name
from printers.recognise import (
    PortLock,
    Program,
    SeenOctoPrint,
    SerialPort,
    baudrates,
    held_by,
    seen_octoprint,
)
from printers.serial_driver import SerialDriver
from printers.serial_line import plugged_in

_BY_ID = Path("/dev/serial/by-id")
_LOCK_FOLDERS = (Path("/run/lock"), Path("/var/lock"))
_MDNS = "_octoprint._tcp.local."
_MDNS_ASK_MS = 1500
_FLOCK = re.compile(
    r"^\d+: (?:-> )?\w+ .*? (?:READ|WRITE)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPort:
    """A serial port, and who answers there."""

    port: SerialPort
    held: str = ""  # who holds it, in words; then it was not opened
    answers: bool = False
    baudrate: int = 0  # at which it answers
    firmware: str = ""  # FIRMWARE_NAME as sent
    machine: str = ""  # MACHINE_TYPE as sent
    preset: str = ""  # the machine preset to propose, "" where nothing tells
    why: str = ""  # why it cannot be used, a sentence for the maker


def serial_ports(extra: Sequence[str] = ()) -> tuple[SerialPort, ...]:
    """Return the ports that may lead to a printer, by name; nothing is opened.

    Args:
        extra: more paths, as a person names them; asked whatever they are.
    """
    lasting = {}
    if _BY_ID.is_dir():
        lasting = {str(path.resolve()): str(path) for path in sorted(_BY_ID.iterdir())}
    found, adapters = {}, plugged_in()
    for each in list_ports.comports():
        usb_id = "" if each.vid is None else f"{each.vid:04x}:{each.pid or 0:04x}"
        words = " ".join(part for part in (each.manufacturer, each.product) if part)
        found[each.device] = SerialPort(
            path=better_name(each.device, adapters) or lasting.get(each.device, each.device),
            device=each.device,
            usb_id=usb_id,
            words=words,
        )
    ports = {port.device: port for port in found.values() if port.may_be_printer}
    for path in extra:
        device = str(Path(path).resolve())
        known = found.get(device)
        ports[device] = SerialPort(
            path=path, device=device, usb_id=known.usb_id if known else "",
            words=known.words if known else "", named=True,
        )  # fmt: skip
    return tuple(sorted(ports.values(), key=lambda port: port.path))


def look_at(port: SerialPort) -> FoundPort:
    """Ask who answers on a port; opens it only when nobody holds it. Takes up to half a minute."""
    if not Path(port.device).exists():
        return FoundPort(port=port, why="it is not there: is it plugged in?")
    holder = held_by(port.device, running_programs(), port_locks(port.device))
    if holder is not None:
        return FoundPort(port=port, held=holder, why=f"{holder} holds it; close that first")
    driver = SerialDriver(port.path, baudrates=baudrates(all_firmwares()))
    try:
        told = driver.open()
    except PrinterError as error:
        return FoundPort(port=port, why=str(error))
    finally:
        driver.close()
    preset = detect_machine(told.machine, port.usb_id, all_machines())
    return FoundPort(
        port=port, answers=True, baudrate=driver.baudrate, firmware=told.firmware,
        machine=told.machine, preset="" if preset is None else preset.name,
    )  # fmt: skip


def running_programs() -> tuple[Program, ...]:
    """Return the programs of this machine, with the devices that they have open."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                found.append(_program(folder))
    return tuple(found)


def _program(folder: Path) -> Program:
    try:
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except PermissionError:
        words = ""
    files: tuple[tuple[str, int], ...] | None
    try:
        files = tuple(_devices(folder))
    except PermissionError:
        files = None
    return Program(pid=int(folder.name), command=words.strip(), files=files)


def _devices(folder: Path) -> Iterator[tuple[str, int]]:
    for link in (folder / "fd").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            target = str(link.readlink())
            if target.startswith("/dev/"):
                yield target, _pty_number(folder / "fdinfo" / link.name) if "ptmx" in target else -1


def _pty_number(info: Path) -> int:
    """Return which pseudo terminal a master belongs to: proc(5), tty-index."""
    for line in info.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("tty-index:"):
            return int(line.partition(":")[2])
    return -1


def port_locks(device: str) -> tuple[PortLock, ...]:
    """Return the locks on a device: the kernel's are told to every user, of every user's programs."""
    found = []
    facts = Path(device).stat()
    here = (os.major(facts.st_dev), os.minor(facts.st_dev), facts.st_ino)
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            lock = _FLOCK.match(line)
            if lock and (int(lock[2], 16), int(lock[3], 16), int(lock[4])) == here:
                found.append(PortLock(device=device, pid=max(0, int(lock[1]))))
    for folder in _LOCK_FOLDERS:
        path = folder / f"LCK..{Path(device).name}"
        with suppress(OSError):
            text = path.read_text(encoding="ascii", errors="replace").split()
            pid = int(text[0]) if text and text[0].isdigit() else 0
            if pid == 0 or Path(f"/proc/{pid}").exists():
                found.append(PortLock(device=device, pid=pid))
    return tuple(found)


def octoprints(
    seconds: float, interfaces: Sequence[str] | None = None
) -> tuple[SeenOctoPrint, ...]:
    """Return the OctoPrints that answer by mDNS within some seconds, by name.

    Without a network, or without zeroconf installed, there are none.

    Args:
        seconds: to wait for answers.
        interfaces: addresses of this machine; None takes all.
    """
    try:
        import zeroconf  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        return ()
    try:
        network = (
            zeroconf.Zeroconf(interfaces=list(interfaces)) if interfaces else zeroconf.Zeroconf()
        )
    except OSError:
        return ()
    names: set[str] = set()

    def heard(*, name: str, state_change: zeroconf.ServiceStateChange, **_: object) -> None:
        if state_change is not zeroconf.ServiceStateChange.Removed:
            names.add(name)

    found = {}
    with network:
        browser = zeroconf.ServiceBrowser(network, _MDNS, handlers=[heard])
        threading.Event().wait(seconds)
        browser.cancel()
        for name in sorted(names):
            info = network.get_service_info(_MDNS, name, timeout=_MDNS_ASK_MS)
            if info is not None and info.port:
                seen = seen_octoprint(name, info.parsed_addresses(), info.port, info.properties)
                if seen is not None:
                    found[seen.uuid or seen.url] = seen
    return tuple(found.values())
