"""One printer of a node's configuration: a frozen value, and what of it goes together.

Leaves the rest of the file, and what several printers share, to `fabnet.config`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from designs.model import BY_PEOPLE, PRINTED
from fabnet.errors import ConfigError
from printers.model import LEAST_RATE_PER_H, MANUAL, MOST_RATE_PER_H

#: What a spool's id begins with that Spoolman keeps; its number there follows.
SPOOLMAN = "spoolman-"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterConfig:
    """One printer of a node."""

    id: str
    preset: str = ""  # name of a machine preset; a machine with another process has none
    # One way to it: a serial port, an OctoPrint with its key, or a person.
    port: str = ""  # /dev/serial/by-id/...
    baudrate: int = 115200  # of that port; boards with native USB do not care
    octoprint: str = ""  # http(s)://host[:port][/path]
    api_key_file: str = ""  # for that OctoPrint; relative to the configuration file
    camera: bool = False  # the camera of that OctoPrint is shown on the node's own page
    manual: bool = False  # a person feeds it
    title: str = ""
    material: str = ""  # on the loaded spool; "" means none is loaded
    grams: float = 0.0  # on the loaded spool when it was put on
    spool: str = ""  # its id; "" means <printer>-1
    spool_lot: str = ""  # the filament maker's lot number
    spoolman_spool: int = 0  # its number in Spoolman, which then says the four above; 0: not there
    unattended: bool = False  # may print while nobody is there; needs the next three
    protection_tested: bool = False  # its thermal protection
    smoke_alarm: bool = False
    surroundings_clear: bool = False
    process: str = PRINTED  # 3DP; LAS, SEW or ASM: a machine, or hands, that a person works
    rate_per_h: float = 0.0  # pieces an hour that she makes, of such a machine

    @property
    def spool_name(self) -> str:
        """The id of the spool that this file names, "" where it names none."""
        return f"{SPOOLMAN}{self.spoolman_spool}" if self.spoolman_spool else self.spool

    @property
    def link(self) -> str:
        """How the node reaches it, as `PrinterFacts.link` says it."""
        if self.manual:
            return MANUAL
        return "octoprint" if self.octoprint else "serial"


def check_printer(path: Path, printer: PrinterConfig) -> None:
    """Check what is said of one printer; its name is looked at with those of the others.

    Raises:
        ConfigError: naming the file, the printer and the field.
    """
    if printer.grams < 0:
        raise ConfigError(str(path), f"printers.{printer.id}.grams", "cannot be below 0")
    _check_link(path, printer)
    _check_process(path, printer)
    _check_alone(path, printer)


def _check_link(path: Path, printer: PrinterConfig) -> None:
    where = f"printers.{printer.id}"
    ways = [printer.port != "", printer.octoprint != "", printer.manual]
    if sum(ways) != 1:
        raise ConfigError(
            str(path), where, "give it one of: port, octoprint (with api_key_file), manual = true"
        )
    if printer.baudrate <= 0:
        raise ConfigError(str(path), f"{where}.baudrate", "must be above 0, as 115200 or 250000")
    if printer.octoprint and not printer.octoprint.startswith(("http://", "https://")):
        raise ConfigError(str(path), f"{where}.octoprint", 'write it as "http://host:port"')
    if bool(printer.octoprint) != bool(printer.api_key_file):
        why = "belongs to octoprint: a file with an API key in it, beside this one"
        raise ConfigError(str(path), f"{where}.api_key_file", why)
    if printer.camera and not printer.octoprint:
        why = "is that of an OctoPrint: this printer has none"
        raise ConfigError(str(path), f"{where}.camera", why)


def _check_process(path: Path, printer: PrinterConfig) -> None:
    where = f"printers.{printer.id}"
    if printer.process == PRINTED:
        if not printer.preset:
            why = "is needed: the machine preset of this printer, see docs/printers.md"
            raise ConfigError(str(path), f"{where}.preset", why)
        if printer.rate_per_h:
            why = "is for machines with process LAS, SEW or ASM: a printer's time is its slicer's"
            raise ConfigError(str(path), f"{where}.rate_per_h", why)
        return
    if printer.process not in BY_PEOPLE:
        why = f"write one of {', '.join((PRINTED, *BY_PEOPLE))}"
        raise ConfigError(str(path), f"{where}.process", why)
    if not printer.manual:
        why = f"needs manual = true beside it: a person works a machine with {printer.process}"
        raise ConfigError(str(path), f"{where}.process", why)
    if not LEAST_RATE_PER_H <= printer.rate_per_h <= MOST_RATE_PER_H:
        why = f"between {LEAST_RATE_PER_H:g} and {MOST_RATE_PER_H:g} pieces an hour"
        raise ConfigError(str(path), f"{where}.rate_per_h", why)
    for name in ("preset", "material", "grams", "spool", "spool_lot", "unattended"):
        if getattr(printer, name):
            why = f"is for printers, and {printer.id} has process {printer.process}"
            raise ConfigError(str(path), f"{where}.{name}", why)


def _check_alone(path: Path, printer: PrinterConfig) -> None:
    said = (printer.protection_tested, printer.smoke_alarm, printer.surroundings_clear)
    if printer.unattended and not all(said):
        why = (
            "needs protection_tested, smoke_alarm and surroundings_clear = true beside it: its"
            " thermal protection was tested, a smoke alarm is near, nothing that burns is around it"
        )
        raise ConfigError(str(path), f"printers.{printer.id}.unattended", why)
