"""Whether the name of a serial port stays with its printer. Pure, but for a look at udev's names.

Many boards have a USB adapter without a number of its own (CH340). Of two such, `/dev/ttyUSB0` is the one
that answered first, and both have one name in `/dev/serial/by-id`: after a restart each name may be the
other's, and with it what is known of its bed. Only the socket tells them apart: `/dev/serial/by-path`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BY_PATH = Path("/dev/serial/by-path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What USB tells of one port."""

    device: str  # /dev/ttyUSB0
    usb_id: str  # "1a86:7523"; "" where it is no USB port
    number: str  # its serial number, "" for none


def has_a_twin(device: str, adapters: Iterable[Adapter]) -> bool:
    """Return whether another adapter tells the same of itself as that of this device."""
    found = {each.device: each for each in adapters if each.usb_id}
    mine = found.pop(device, None)
    if mine is None:
        return False
    return any((o.usb_id, o.number) == (mine.usb_id, mine.number) for o in found.values())


def better_name(port: str, adapters: Iterable[Adapter], by_path: Path = BY_PATH) -> str:
    """Return the name of a port that stays with its printer, "" where it has it, or there is none."""
    if Path(port).parent == by_path or not by_path.is_dir():
        return ""
    device = Path(port).resolve()
    if not has_a_twin(str(device), adapters):
        return ""
    # udev has several names of one socket: the shortest is the one without a host's version.
    names = [each for each in by_path.iterdir() if each.resolve() == device]
    return min(map(str, names), key=lambda name: (len(name), name), default="")
