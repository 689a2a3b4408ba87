"""One thread a printer: it owns the driver, does what the agent tells it, and tells what it sees.

Decides nothing: the agent has written down that it may start before it says so here. Leaves what is
said, either way, to `fabnet.node.bench_talk`.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from fabnet import clock
from fabnet.node.bench_talk import (
    BenchEvent,
    Changed,
    Command,
    Ended,
    Found,
    Recover,
    Start,
    Started,
    Stop,
    Used,
)
from fabnet.node.files import sha256_of
from fabnet.node.heating import Heat, is_heated
from jobs.messages import PrinterTele
from printers.driver import Driver
from printers.errors import PrinterError
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_REOPEN_S = 3.0
#: Nobody looked for so long: the machine slept, and a print that an OctoPrint holds may be over.
_UNSEEN_S = 60.0
#: A printer that has told no temperature for so long after it came into sight tells none.
_TELLS_S = 5.0
#: The fault of a printer that was not tried yet.
NOT_OPENED = "not opened yet"


class Bench:
    """The thread of one printer.

    Args:
        make_driver: called in the thread; may be called again after a failed open.
        tell: takes events; called from the thread.
    """

    def __init__(
        self, printer: str, make_driver: Callable[[], Driver], tell: Callable[[BenchEvent], None]
    ) -> None:
        self.printer = printer
        self.status = PrinterStatus(state=PrinterState.OFFLINE, fault=NOT_OPENED)
        self._make_driver = make_driver
        self._tell = tell
        self._commands: queue.Queue[Command] = queue.Queue()
        self._stop = threading.Event()
        self._driver: Driver | None = None
        self._name: str | None = None
        self._fraction = 0.0
        self._told_s: float | None = None  # of a print that has not ended
        self._began_s: float | None = (
            None  # of one that has stood still for no moment that is known
        )
        self._looked_s = 0.0
        self._unsafe = False
        #: Somebody else prints or heats there, whatever this node was told of its bed.
        self.in_use = False
        #: It came into sight, and nobody has judged yet what is found there: nothing begins.
        self.in_doubt = False
        self._sight_s: float | None = None  # since when it is in sight, and nothing of it was told
        self._printed = ""
        self._cold = False  # since our last print, and seen so
        self._look_for_heat = True  # until the printer has said its targets after an opening
        self._thread = threading.Thread(target=self._run, name=f"bench-{printer}", daemon=True)

    def start(self) -> None:
        """Begin; the printer is opened in the thread."""
        self._thread.start()

    def command(self, command: Command) -> None:
        """Tell the thread what to do; returns at once."""
        if isinstance(command, Start | Recover):
            self._told_s = clock.boottime_s()
        self._commands.put(command)

    @property
    def heat(self) -> Heat | None:
        """What is known of how hot it is, None while it prints nothing for us."""
        told_s, status = self._told_s, self.status
        if told_s is None:
            return None
        return Heat(
            since_s=told_s, nozzle_c=status.nozzle_c, nozzle_target_c=status.nozzle_target_c,
            bed_c=status.bed_c, bed_target_c=status.bed_target_c,
        )  # fmt: skip

    def tele(self, *, named: bool) -> PrinterTele:
        """Return progress and temperatures, with the attempt's name where it is one."""
        status = self.status
        return PrinterTele(
            printer=self.printer, state=status.state, attempt=(status.name or "") if named else "",
            fraction_done=status.fraction_done, nozzle_c=status.nozzle_c, bed_c=status.bed_c,
        )  # fmt: skip

    def stop_soon(self) -> None:
        """Let the thread end; of many all are told first, for one may be waiting for a dead address."""
        self._stop.set()

    def stop(self) -> None:
        """End the thread; a print in progress is left to `Recover` after the next start."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._round()
            except PrinterError as error:
                self._lost(str(error))
            except Exception as error:  # noqa: BLE001
                # The thread must outlive any fault of a driver, or the printer is lost unseen.
                _log.exception("%s: the driver failed", self.printer)
                self._lost(f"the driver failed: {error}")
        if self._driver is not None:
            self._driver.close()

    def _round(self) -> None:
        if self._driver is None and not self._open():
            return
        try:
            command = self._commands.get_nowait()
        except queue.Empty:
            command = None
        if command is not None:
            self._obey(command)
        if self._driver is not None:
            self._seen(self._driver.poll(_POLL_S))

    def _open(self) -> bool:
        driver = self._make_driver()
        try:
            identity = driver.open()
        except PrinterError as error:
            driver.close()
            self._refuse_commands(str(error))
            self._seen(PrinterStatus(state=PrinterState.OFFLINE, fault=str(error)))
            self._stop.wait(_REOPEN_S)
            return False
        told = ", ".join(filter(None, (identity.firmware, identity.machine)))
        _log.info("%s: %s", self.printer, told)
        self._driver = driver
        self.in_doubt, self._sight_s = True, clock.boottime_s()
        return True

    def _refuse_commands(self, why: str) -> None:
        """Answer what cannot be done without a printer, so that nobody waits for it."""
        while not self._commands.empty():
            command = self._commands.get_nowait()
            match command:
                case Start():
                    self._end(command.name, PrintResult.FAILED, why)
                case Recover():
                    self._unsafe = True
                    hot = f"{why} The printer may still be hot: switch it off."
                    self._end(command.name, PrintResult.INTERRUPTED, hot)

    def _obey(self, command: Command) -> None:
        assert self._driver is not None  # noqa: S101 - _round has opened it
        match command:
            case Start():
                self._begin(self._driver, command)
            case Stop() if command.at_once and command.name in {"", self._name}:
                self._stop_now(self._driver)
            case Stop() if command.name == self._name:
                self._driver.cancel()
            case Recover():
                self._recover(self._driver, command.name)
            case _:
                pass

    def _stop_now(self, driver: Driver) -> None:
        _log.warning("%s: a person asks for an emergency stop", self.printer)
        try:
            driver.stop_now()
        except PrinterError as error:
            _log.warning("%s: it cannot be stopped at once: %s", self.printer, error)
            driver.cancel()

    def _begin(self, driver: Driver, command: Start) -> None:
        try:
            changed = sha256_of(command.gcode) != command.sha256
        except OSError as error:
            why = f"the G-code on this disk cannot be read: {error.strerror}"
            self._end(command.name, PrintResult.FAILED, why)
            return
        if changed:
            self._end(command.name, PrintResult.FAILED, "the G-code on this disk has changed")
            return
        before = self._name, self._fraction
        # Ours from here on: a driver that fails as nobody foresaw may have started it.
        self._name, self._fraction = command.name, 0.0
        try:
            driver.start(command.gcode, command.name)
        except PrinterError as error:
            self._name, self._fraction = before
            self._end(command.name, PrintResult.FAILED, str(error))
            return
        self._began_s = self._looked_s = clock.boottime_s()
        _log.info("%s: prints %s", self.printer, command.name)
        self._tell(Started(printer=self.printer, name=command.name))

    def _recover(self, driver: Driver, name: str) -> None:
        self._name, self._fraction, self._began_s = name, 0.0, None
        try:
            goes_on = driver.resume(name)
        except PrinterError as error:
            _log.warning("%s: %s cannot be asked for: %s", self.printer, name, error)
            goes_on = False
        if goes_on:
            self._tell(Started(printer=self.printer, name=name))
        else:
            self._make_safe(driver, name)
            self._name = None

    def _make_safe(self, driver: Driver, name: str) -> None:
        try:
            driver.make_safe()
        except PrinterError as error:
            self._unsafe = True
            self._end(
                name, PrintResult.INTERRUPTED, f"the node was restarted in mid-print; {error}"
            )
            return
        why = "the node was restarted in mid-print; the heaters are off"
        self._end(name, PrintResult.INTERRUPTED, why)

    def _end(self, name: str, result: PrintResult, reason: str) -> None:
        self._told_s = None
        outcome = PrintOutcome(name=name, result=result, reason=reason)
        self._tell(Ended(printer=self.printer, outcome=outcome, fraction_done=self._fraction))

    def _seen(self, status: PrinterStatus) -> None:
        self._find(status)
        before, self.status = self.status, status
        if status.state is PrinterState.PRINTING and status.fraction_done is not None:
            self._fraction = status.fraction_done
        last, took_s = status.last, self._took_s(status)
        if self._name is not None and last is not None and last.name == self._name:
            self._name = self._told_s = None
            self._unsafe = last.result is PrintResult.INTERRUPTED
            done_s = took_s if last.result is PrintResult.DONE else None
            self._tell(
                Ended(
                    printer=self.printer, outcome=last, fraction_done=self._fraction, took_s=done_s
                )
            )
        self._find_heat(status)
        self._find_others(status)
        if self._unsafe and self._driver is not None and status.state is PrinterState.IDLE:
            # The line is back: whatever was being heated when it was cut goes cold first.
            self._driver.make_safe()
            self._unsafe = False
        if (before.state, before.fault) != (status.state, status.fault):
            self._tell(Changed(printer=self.printer, status=status))

    def _took_s(self, status: PrinterStatus) -> float | None:
        """Return how long the print goes on by now; None where it stood still, or nobody looked."""
        now_s = clock.boottime_s()
        stands = status.state not in {PrinterState.PRINTING, PrinterState.IDLE}
        if stands or now_s - self._looked_s > _UNSEEN_S:
            self._began_s = None
        self._looked_s = now_s
        return None if self._began_s is None else now_s - self._began_s

    def _find(self, status: PrinterStatus) -> None:
        """Tell what a printer shows that was out of sight, as soon as it has told its temperature."""
        now_s = clock.boottime_s()
        if status.state in {PrinterState.OFFLINE, PrinterState.FAULT}:
            self.in_doubt, self._sight_s = self._driver is not None, now_s
            return
        anew = self._sight_s is not None
        if (
            self._sight_s is not None
            and status.nozzle_c is None
            and now_s < self._sight_s + _TELLS_S
        ):
            return
        if anew or (status.printed and status.printed != self._printed):
            self._sight_s, self._printed = None, status.printed
            self._tell(Found(printer=self.printer, status=status, anew=anew))

    def _find_heat(self, status: PrinterStatus) -> None:
        """Make a printer safe that is heated for nobody: a journal that was lost tells of no print."""
        if status.state is PrinterState.OFFLINE:
            self._look_for_heat = True
        if not self._look_for_heat or status.nozzle_target_c is None:
            return
        self._look_for_heat = False
        if status.state is not PrinterState.IDLE:
            return
        if is_heated(status):
            _log.warning("%s: found heated, and it prints nothing of ours", self.printer)
            self._unsafe = True

    def _find_others(self, status: PrinterStatus) -> None:
        """Tell where somebody else begins to use the printer, and where she has done."""
        if status.state in {PrinterState.OFFLINE, PrinterState.FAULT}:
            return  # nobody knows
        heated = is_heated(status)
        if self._name is not None:
            in_use, self._cold = False, False
        elif status.state is PrinterState.IDLE:
            # A card's print shows only by its heat. What our own has left is none.
            in_use = heated and self._cold
            self._cold |= status.nozzle_target_c is not None and not heated
        else:
            in_use = True
        if in_use is not self.in_use:
            self.in_use = in_use
            self._tell(Used(printer=self.printer))

    def _lost(self, why: str) -> None:
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        if self._name is not None:
            self._end(self._name, PrintResult.INTERRUPTED, why)
            self._name, self._unsafe = None, True
        self._seen(PrinterStatus(state=PrinterState.OFFLINE, fault=why))
        self._stop.wait(_REOPEN_S)
