"""What may be a printer, who holds its port, and what an OctoPrint's answers mean. Pure.

Facts in, values out; `printers.discover` and `printers.octoprint_keys` fetch the facts.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_profiles.profile import FirmwareProfile

#: Serial chips and boards that printers have, by USB vendor: the makers' own ids, from the USB ID
#: repository (linux-usb.org/usb.ids). A vendor that is not here is not asked unless it is named.
PRINTER_VENDORS: Mapping[int, str] = {
    0x0403: "FTDI", 0x0483: "STMicroelectronics", 0x10C4: "Silicon Labs CP210x",
    0x1A86: "QinHeng CH340", 0x1D50: "OpenMoko (Smoothieboard, Duet)", 0x2341: "Arduino",
    0x067B: "Prolific", 0x16C0: "Teensy", 0x1EAF: "Maple", 0x2A03: "Arduino",
    0x27B1: "UltiMachine", 0x2C99: "Prusa Research", 0x2E8A: "Raspberry Pi RP2040",
}  # fmt: skip
#: Programs that hold a serial port for hours, by a word of their command line.
_HOSTS: Mapping[str, str] = {
    "octoprint": "OctoPrint", "klippy": "Klipper", "repetier-server": "Repetier-Server",
    "prusalink": "PrusaLink", "pronterface": "Pronterface", "cura": "Cura",
}  # fmt: skip
#: A host of ours. Whoever else runs one locks its ports, so unlike the others it need not be guessed at.
_OUR_NODE = "fabnet node run"
#: It becomes part of an address.
_TOKEN = re.compile("[A-Za-z0-9_-]+")
_PTY_MASTERS = ("/dev/ptmx", "/dev/pts/ptmx")

_CREATED, _ACCEPTED, _OK, _NO_CONTENT = 201, 202, 200, 204
_NOT_FOUND, _TOO_MANY = 404, 429


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPort:
    """A serial port of this machine; it has not been opened."""

    path: str  # the name that stays: /dev/serial/by-id/... where there is one
    device: str  # the device behind it: "/dev/ttyACM0"
    usb_id: str = ""  # "2c99:0002", "" where it is no USB port
    words: str = ""  # what the board says of itself: maker and product
    named: bool = False  # a person named it

    @property
    def may_be_printer(self) -> bool:
        """Whether it is worth asking: a person named it, or boards of printers have such a chip."""
        return self.named or (self.usb_id != "" and int(self.usb_id[:4], 16) in PRINTER_VENDORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that runs on this machine, as far as this user may see."""

    pid: int
    command: str  # its command line, "" where it is not told
    files: (
        tuple[tuple[str, int], ...] | None
    )  # open files, and a pty's number of a master, else -1;
    # None: another user's, whose files this user may not see


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLock:
    """A lock on a device: of the kernel (flock, as pyserial takes it), or a UUCP lock file."""

    device: str
    pid: int  # 0 where it is not told


def held_by(device: str, programs: Iterable[Program], locks: Iterable[PortLock] = ()) -> str | None:
    """Return who holds a port, in words; None when nobody does as far as can be seen.

    Who holds the other end of a pseudo terminal is the printer itself, or stands for it. A program
    whose files cannot be seen counts as a holder when it is one that drives printers: opening a
    port resets many boards, and with them a print.
    """
    known = tuple(programs)
    by_pid = {program.pid: program for program in known}
    pty = device.removeprefix("/dev/pts/")
    devices = {
        program.pid
        for program in known
        if pty.isdigit()
        and any(path in _PTY_MASTERS and number == int(pty) for path, number in program.files or ())
    }
    for program in known:
        if program.pid in devices:
            continue
        if any(path == device for path, _ in program.files or ()):
            return _named(program)
    for lock in locks:
        if lock.device == device and lock.pid not in devices:
            return _named(by_pid.get(lock.pid) or Program(pid=lock.pid, command="", files=None))
    for program in known:
        title = _host(program.command)
        if program.files is None and title and not pty.isdigit():
            return f"{title} runs here as another user and may hold it (process {program.pid})"
    return None


def _host(command: str) -> str:
    lower = command.lower()
    return next((title for word, title in _HOSTS.items() if word in lower), "")


def _named(program: Program) -> str:
    if not program.pid:
        return "another program"
    name = _host(program.command) or program.command.split(" ")[0].rpartition("/")[2]
    if _OUR_NODE in program.command:
        name = "the fabnet node"
    return f"{name or 'another program'} (process {program.pid})"


def baudrates(profiles: Iterable[FirmwareProfile]) -> tuple[int, ...]:
    """Return the rates to try, those that more firmwares use first."""
    orders = [profile.baudrates for profile in profiles]
    rates = {rate for order in orders for rate in order}
    places = {
        rate: (-sum(rate in order for order in orders), min(_place(rate, o) for o in orders))
        for rate in rates
    }
    return tuple(sorted(rates, key=lambda rate: (places[rate], rate)))


def _place(rate: int, order: Sequence[int]) -> int:
    return order.index(rate) if rate in order else len(order)


# --- OctoPrint ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOctoPrint:
    """An OctoPrint that told of itself in this network."""

    url: str
    name: str
    version: str = ""
    uuid: str = ""  # stays the same when its address changes


def seen_octoprint(
    name: str, addresses: Sequence[str], port: int, told: Mapping[bytes, bytes | None]
) -> SeenOctoPrint | None:
    """Return the OctoPrint of an mDNS answer, None where it has no address.

    Args:
        name: of the service: "OctoPrint on octopi._octoprint._tcp.local.".
        addresses: of IP version 4, before those of version 6.
        port: of its web server.
        told: the TXT record.
    """
    if not addresses:
        return None
    text = {key.decode("utf-8", "replace"): (value or b"").decode("utf-8", "replace")
            for key, value in told.items()}  # fmt: skip
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    path = text.get("path", "").strip("/")
    return SeenOctoPrint(
        url=f"http://{host}:{port}" + (f"/{path}" if path else ""),
        name=name.partition("._octoprint.")[0],
        version=text.get("version", ""),
        uuid=text.get("uuid", ""),
    )


class KeyStep(enum.StrEnum):
    """How the question for an application key stands."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"  # or it was asked too long ago
    TOO_MANY = "too-many"
    NOT_THERE = "not-there"  # no OctoPrint, or one without the plugin, or before its first setup


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAnswer:
    """What an OctoPrint answered to the question for a key."""

    step: KeyStep
    token: str = ""  # of the question, while WAITING
    dialog: str = ""  # where the person accepts, "" for OctoPrint's own page
    key: str = ""  # when GRANTED


def read_key_probe(status: int) -> bool:
    """Whether `GET /plugin/appkeys/probe` says that keys can be asked for."""
    return status == _NO_CONTENT


def read_key_request(status: int, body: Any) -> KeyAnswer:
    """Read the answer to `POST /plugin/appkeys/request`."""
    token = body.get("app_token") if isinstance(body, dict) else None
    if status == _CREATED and isinstance(token, str) and _TOKEN.fullmatch(token):
        dialog = body.get("auth_dialog")
        words = dialog if isinstance(dialog, str) else ""
        return KeyAnswer(step=KeyStep.WAITING, token=token, dialog=words)
    if status == _TOO_MANY:
        return KeyAnswer(step=KeyStep.TOO_MANY)
    return KeyAnswer(step=KeyStep.NOT_THERE)


def read_key_decision(status: int, body: Any, token: str) -> KeyAnswer:
    """Read the answer to `GET /plugin/appkeys/request/<token>`."""
    if status == _ACCEPTED:
        return KeyAnswer(step=KeyStep.WAITING, token=token)
    key = body.get("api_key") if isinstance(body, dict) else None
    if status == _OK and isinstance(key, str) and key:
        return KeyAnswer(step=KeyStep.GRANTED, key=key)
    if status == _NOT_FOUND:
        return KeyAnswer(step=KeyStep.REFUSED)
    return KeyAnswer(step=KeyStep.NOT_THERE)
