"""A printer with an SD card: it prints a file that a person has carried to it, without any node."""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path

from printers.errors import PrinterError
from printers.serial_driver import SerialDriver

_log = logging.getLogger(__name__)
_POLL_S = 0.5


class CardPrinter:
    """One file on its way through one printer, in a thread of its own."""

    def __init__(self, tty: Path, name: str, gcode: bytes) -> None:
        self._tty = tty
        self._name = name
        self._gcode = gcode
        self._done = threading.Event()
        threading.Thread(target=self._print, name=f"card-{name}", daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether the printer has stopped, well or not."""
        return self._done.is_set()

    def _print(self) -> None:
        driver = SerialDriver(str(self._tty))
        with tempfile.NamedTemporaryFile(suffix=".gcode") as card:
            card.write(self._gcode)
            card.flush()
            try:
                driver.open()
                driver.start(Path(card.name), self._name)
                while driver.poll(_POLL_S).last is None:
                    pass
            except PrinterError as error:
                _log.warning("%s: %s", self._name, error)
            finally:
                driver.close()
                self._done.set()
