"""From how a printer is connected to its driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from printers.driver import Driver
from printers.errors import ConnectionChoiceError
from printers.manual_driver import ManualDriver
from printers.octoprint_driver import OctoPrintDriver
from printers.serial_driver import SerialDriver


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The way to a printer: exactly one of port, octoprint and manual is set.

    Raises:
        ConnectionChoiceError: none is, or several are.
    """

    port: str = ""  # of a serial line
    baudrate: int = 115200  # of that line
    octoprint: str = ""  # its address, http(s)://host[:port][/path]
    api_key: str = field(default="", repr=False)  # for that OctoPrint
    manual: bool = False  # a person feeds it
    own_profiles: Path | None = None  # folder of an owner's own, with `firmware/` in it

    def __post_init__(self) -> None:
        ways = [bool(self.port), bool(self.octoprint), self.manual]
        if sum(ways) != 1:
            raise ConnectionChoiceError
        if bool(self.octoprint) != bool(self.api_key):
            raise ConnectionChoiceError


def connect(connection: Connection) -> Driver:
    """Return the driver of a printer, not yet opened; a serial one asks which firmware it is.

    Raises:
        OctoPrintError: the address of an OctoPrint is none.
    """
    if connection.manual:
        return ManualDriver()
    if connection.octoprint:
        return OctoPrintDriver(connection.octoprint, api_key=connection.api_key)
    return SerialDriver(
        connection.port, baudrates=(connection.baudrate,), own_profiles=connection.own_profiles
    )
