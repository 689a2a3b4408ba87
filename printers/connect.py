"""From a printer's configuration to its driver."""

from __future__ import annotations

from printers.driver import Driver
from printers.serial_driver import SerialDriver


def connect(port: str) -> Driver:
    """Return the driver of a printer on this port, not yet opened; it asks which firmware it is."""
    return SerialDriver(port)
