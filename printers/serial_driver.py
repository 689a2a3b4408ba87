"""Printers on a serial port: `printers.gcode_link` on a `printers.serial_line`.

All work is done inside `poll`, in the printer's own thread, with `select` on the port.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from firmware_profiles.detect import GRBL, detect
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.loader import all_firmwares, load_firmware
from firmware_profiles.profile import FirmwareProfile
from printers.driver import PrinterIdentity
from printers.emergency import STOPPED, UNHEARD, shout
from printers.errors import (
    BusyPrinterError,
    ForeignMachineError,
    NoAnswerError,
    NotSafeError,
    PortError,
    PrinterError,
)
from printers.feeding import COLD, count, end_is_proven, refused_filament, whole_print
from printers.gcode_link import GcodeLink
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult
from printers.serial_line import SerialLine
from printers.trouble import Broken, Trouble

_ANSWER_S = 12.0  # a board that opening the port has reset boots in up to 10 s
_NEXT_RATE_S = 3.0  # it has booted by then
_SAFE_S = 10.0
_ASK_TEMPERATURE_S = 2.0
_REOPEN_S = 1.0
_ASK_END_S = 2.0
_HEATERS_OFF = ("M104 S0", "M140 S0", "M107")


@dataclass(slots=True, kw_only=True)
class _Print:
    """The print in progress."""

    name: str
    total: int
    cancelled: bool = False
    ending: tuple[PrintResult, str] = (PrintResult.CANCELLED, "cancelled")  # where it is
    asked_end_s: float = 0.0


class SerialDriver:
    """A printer that speaks G-code on a serial port; keeps to `printers.driver.Driver`.

    Args:
        port: a device, best one of /dev/serial/by-id; a name that may be another printer's prints nothing.
        baudrates: what the firmware was built with, boards with native USB do not care; of several
            the first that is answered.
        firmware: name of the firmware profile; None asks the printer (M115).
        own_profiles: folder of the owner's own; those in its `firmware/` go before ours.
    """

    def __init__(
        self, port: str, *, baudrates: Sequence[int] = (115200,), firmware: str | None = None,
        own_profiles: Path | None = None,
    ) -> None:  # fmt: skip
        self._port = port
        self._baudrates = tuple(baudrates)
        #: The rate that was last tried: after `open`, the one that the printer answers.
        self.baudrate = self._baudrates[0]
        self._profile: FirmwareProfile = load_firmware(firmware or "unknown", own_profiles)
        self._own_profiles = own_profiles
        self._detects = firmware is None
        self._line: SerialLine | None = None
        self._link: GcodeLink | None = None
        self._print: _Print | None = None
        self._last: PrintOutcome | None = None
        self._fault: str | None = None
        self._halted = False
        self._reopen_s = self._asked_s = 0.0

    # --- opening ----------------------------------------------------------------------------------

    def open(self) -> PrinterIdentity:
        """Connect and ask who answers.

        Raises:
            PortError: no such port, or another program holds it.
            NoAnswerError: nobody answers as a 3D printer does.
        """
        self._connect()
        try:
            link = self._ask_who()
        except PrinterError:
            self.close()
            raise
        name = link.identity.get("FIRMWARE_NAME", "")
        if self._detects:
            try:
                self._profile = detect(name, all_firmwares(self._own_profiles))
            except FirmwareProfileError as error:
                self.close()
                raise NoAnswerError(self._port, str(error)) from error
            # The window of the profile holds from the next line on.
            link.use(self._profile)
        if link.caps.get("AUTOREPORT_TEMP"):
            link.urgent("M155 S2")
        self._fault, self._halted = None, False
        machine = link.identity.get("MACHINE_TYPE", "")
        return PrinterIdentity(firmware=name, machine=machine, profile=self._profile.name)

    def _connect(self) -> None:
        self.baudrate = self._baudrates[0]
        self._line = SerialLine(self._port, self.baudrate)
        self._link = GcodeLink(self._profile, time.monotonic(), self.baudrate)

    def _ask_who(self) -> GcodeLink:
        """Ask M115 at each rate; the port stays open between, since opening it resets many boards.

        Raises:
            NoAnswerError: nobody answers at any of them.
        """
        answer_s = _ANSWER_S
        for baudrate in self._baudrates[:-1]:
            try:
                return self._converse("M115", answer_s=answer_s)
            except NoAnswerError as error:
                if self._line is None or isinstance(error, ForeignMachineError):
                    raise
                self._change_rate(self._baudrates[self._baudrates.index(baudrate) + 1])
                answer_s = _NEXT_RATE_S
        return self._converse("M115", answer_s=answer_s)

    def _change_rate(self, baudrate: int) -> None:
        if self._line is not None:
            self.baudrate = baudrate
            self._line.change_rate(baudrate)
            self._link = GcodeLink(self._profile, time.monotonic(), self.baudrate)

    def _converse(self, *commands: str, answer_s: float) -> GcodeLink:
        """Send commands and wait until all are acknowledged.

        Raises:
            NoAnswerError: they are not, in time.
        """
        link = self._link
        if link is None:
            raise PortError(self._port, "the port is not open")
        link.urgent(*commands)
        until_s = time.monotonic() + answer_s
        while not link.idle:
            if not self._exchange(0.1) or time.monotonic() > until_s:
                raise NoAnswerError(
                    self._port,
                    "nobody answers; is the printer switched on, and is the baud rate right?",
                )
            if link.broken is not None and link.broken.trouble is Trouble.RESET:
                # Opening the port resets many boards; the greeting comes when they are up.
                self._link = link = GcodeLink(self._profile, time.monotonic(), self.baudrate)
                link.urgent(*commands)
            elif link.broken is not None:
                self._refuse(link.broken)
        return link

    def _refuse(self, broken: Broken) -> NoReturn:
        if broken.trouble is Trouble.FOREIGN:
            raise ForeignMachineError(self._port, GRBL, broken.text)
        raise NoAnswerError(self._port, f"the printer says: {broken.text}")

    def close(self) -> None:
        """Let go of the port; never raises."""
        if self._line is not None:
            self._line.close()
        self._line = self._link = None

    # --- printing ---------------------------------------------------------------------------------

    def start(self, gcode: Path, name: str) -> None:
        """Begin to print; the first line shows the attempt's name on the printer.

        Raises:
            BusyPrinterError: a print is in progress.
            PortError: the port is lost, or the file cannot be read.
            GcodeLineError: a line cannot be sent.
            PrinterError: the firmware has stopped and needs a reset.
        """
        if self._print is not None:
            raise BusyPrinterError(self._print.name)
        if self._link is None:
            raise PortError(self._port, self._fault or "the port is not open")
        if self._halted:
            raise PrinterError(f"{self._port}: {self._fault} Switch the printer off and on again.")
        total = count(gcode, self._profile)
        self._last = None
        self._print = _Print(name=name, total=total)
        self._link.stream(whole_print(gcode, name, self._profile))
        self._link.ask_temperatures()  # who has answered this has had a line, and may ask for no first one

    def cancel(self) -> None:
        """Stop the print, also one that is still heating up; heaters off, nozzle raised by 5 mm."""
        job = self._print
        if job is None or self._link is None or job.cancelled:
            return
        job.cancelled = True
        self._link.drop_stream()
        self._link.urgent(*_HEATERS_OFF, "G91", "G1 Z5 F600", "G90", "M117 cancelled")

    def stop_now(self) -> None:
        """M112, whatever it does: motors and heaters off, and a fault until somebody resets it.

        Raises:
            PortError: the port is lost, so that nobody hears it.
        """
        if self._link is None:
            raise PortError(self._port, self._fault or "the port is not open")
        heard = shout(self._link, self._exchange)
        if self._line is None:  # lost meanwhile, and told as that
            return
        self._halted, self._fault = True, STOPPED if heard else UNHEARD
        self._end(PrintResult.INTERRUPTED, self._fault)
        self._begin_anew(safe=not heard)

    def make_safe(self) -> PrinterStatus:
        """Heaters off, confirmed by the printer's own report of its targets.

        Raises:
            NotSafeError: it was not confirmed within ten seconds.
        """
        link = self._link
        if link is None or self._halted:
            raise NotSafeError(self._port)
        link.drop_stream()
        link.forget_temperatures()
        link.urgent(*_HEATERS_OFF, "M105")
        until_s = time.monotonic() + _SAFE_S
        while time.monotonic() < until_s and self._exchange(0.1) and link.broken is None:
            if link.temperatures is not None and link.temperatures.is_off:
                return self._status()
            if link.idle:
                link.urgent("M105")
        raise NotSafeError(self._port)

    def resume(self, name: str) -> bool:  # noqa: ARG002 - it holds for every print
        """Return False: the stream was cut, and no printer goes on without its next line."""
        return False

    # --- the thread's work --------------------------------------------------------------------------

    def poll(self, timeout_s: float) -> PrinterStatus:
        """Feed the printer and read its answers for at most `timeout_s`."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            if self._link is None:
                self._reopen(left_s)
                continue
            before = self._last
            if not self._exchange(left_s):
                continue
            self._judge()
            if self._last is not before:
                break
        self._ask_temperature()
        return self._status()

    def _exchange(self, timeout_s: float) -> bool:
        """One round on the port; False when it is lost."""
        link, line = self._link, self._line
        if link is None or line is None:
            return False
        try:
            line.exchange(link, timeout_s)
        except OSError as error:  # pyserial's errors are such
            self._lose(f"the serial line was lost ({error.strerror or error})")
            return False
        return True

    def _judge(self) -> None:
        """Look whether the print has ended, well or not."""
        link, job = self._link, self._print
        if link is None:
            return
        if link.broken is not None:
            self._judge_broken(link.broken)
            return
        if job is None:
            link.heard.clear()
            return
        if job.cancelled:
            if link.idle and link.unheard:
                link.urgent(*_HEATERS_OFF)  # until one of them is answered, or the line is given up
            elif link.idle:
                self._end(*job.ending)
            return
        if link.stop_asked or refused_filament(link.heard, link.temperatures):
            self._stop_asked(job, link)
        elif end_is_proven(link.heard, job.name, streaming=link.streaming):
            self._end(PrintResult.DONE, "")
        elif link.idle and time.monotonic() > job.asked_end_s + _ASK_END_S:
            # All is acknowledged, but what proves the end was lost on the way, or this firmware has
            # no M118: its position is as good.
            job.asked_end_s = time.monotonic()
            link.urgent("M400", "M114")
        link.heard.clear()

    def _stop_asked(self, job: _Print, link: GcodeLink) -> None:
        """The printer asks the host to stop: a person pressed a button, a sensor did, or it is too cold."""
        word, link.stop_asked = link.stop_asked, ""
        if word not in {"", "cancel"}:
            self._lose(f"the printer asked to be left alone ({word}) during {job.name}")
            return
        self.cancel()
        if not word:
            job.ending = PrintResult.FAILED, COLD

    def _judge_broken(self, broken: Broken) -> None:
        if broken.trouble is Trouble.FATAL:
            self._halted, self._fault = True, f"the printer has stopped: {broken.text}"
            self._end(PrintResult.FAILED, self._fault)
        elif broken.trouble is Trouble.STALLED:
            self._lose(broken.text)
            return
        else:
            unknown = broken.trouble in (Trouble.RESET, Trouble.LOST)
            self._end(PrintResult.INTERRUPTED if unknown else PrintResult.FAILED, broken.text)
            self._halted &= broken.trouble is not Trouble.RESET
        self._fault = self._fault if self._halted else None
        self._begin_anew(safe=not self._halted)

    def _begin_anew(self, *, safe: bool) -> None:
        """Let the dialogue begin anew with the heaters off; where it is not `safe` to speak, listen."""
        self._link = GcodeLink(self._profile, time.monotonic(), self.baudrate)
        if safe:
            self._link.urgent(*_HEATERS_OFF)
        else:
            # A printer that has stopped must not be given up for its silence: opening its port
            # anew would reset it, and that is for a person to do.
            self._link.silence()

    def _end(self, result: PrintResult, reason: str) -> None:
        if self._print is not None:
            self._last = PrintOutcome(name=self._print.name, result=result, reason=reason)
        self._print = None

    def _lose(self, why: str) -> None:
        self.close()
        self._fault = f"{self._port}: {why}. The printer may still be hot: switch it off."
        self._end(PrintResult.INTERRUPTED, self._fault)
        self._reopen_s = time.monotonic() + _REOPEN_S

    def _reopen(self, left_s: float) -> None:
        """Try the port again once a second; never resume a print."""
        wait_s = self._reopen_s - time.monotonic()
        if wait_s > 0:
            threading.Event().wait(min(wait_s, left_s))
            return
        self._reopen_s = time.monotonic() + _REOPEN_S
        try:
            self.open()
        except PrinterError as error:
            self._fault = str(error)

    def _ask_temperature(self) -> None:
        link, now_s = self._link, time.monotonic()
        if link is None or self._halted or now_s < self._asked_s + _ASK_TEMPERATURE_S:
            return
        # In a print its answer shows, too, which lines were acknowledged.
        if (
            self._print
            or not link.caps.get("AUTOREPORT_TEMP")
            or now_s > link.silent_s + 3 * _ASK_TEMPERATURE_S
        ):
            self._asked_s = now_s
            link.ask_temperatures()

    def _status(self) -> PrinterStatus:
        link, line, job = self._link, self._line, self._print
        if link is None or line is None:
            return PrinterStatus(state=PrinterState.OFFLINE, fault=self._fault, last=self._last)
        told, done = link.temperatures, link.acknowledged - link.asked
        works = PrinterState.PAUSED if link.held else PrinterState.PRINTING
        state = PrinterState.IDLE if job is None else works
        fault = self._fault if self._halted else "" if job is not None else line.doubt
        return PrinterStatus(
            state=PrinterState.FAULT if self._halted or fault else state,
            name=None if job is None else job.name,
            fraction_done=None if job is None else min(1.0, done / max(1, job.total)),
            nozzle_c=None if told is None else told.nozzle_c,
            nozzle_target_c=None if told is None else told.nozzle_target_c,
            bed_c=None if told is None else told.bed_c,
            bed_target_c=None if told is None else told.bed_target_c,
            fault=fault or None,
            last=self._last,
        )
