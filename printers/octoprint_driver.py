"""Printers that an OctoPrint feeds. What its answers mean is decided in `printers.octoprint_job`.

OctoPrint has the file and goes on when we are gone. It is looked at inside `poll`: at once when its
websocket says that something has changed, and every two seconds; twice a second where none gets through.
What somebody else prints or selects there is never touched.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

from printers.driver import PrinterIdentity
from printers.emergency import STOPPED, UNHEARD
from printers.errors import (
    BusyPrinterError,
    NotSafeError,
    OctoPrintError,
    OctoPrintLostError,
)
from printers.feeding import BEGINS
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult
from printers.octoprint_api import OctoPrintApi
from printers.octoprint_job import (
    HOT,
    Doing,
    Heat,
    Job,
    OwnPrint,
    Trouble,
    Verdict,
    judge,
)
from printers.octoprint_push import PRINTER_RESET, Push

#: Our files in OctoPrint's storage; the driver deletes what is left there from earlier prints.
_FOLDER = "fabnet"
_LOOK_S = 0.5
_LOOK_LISTENING_S = 2.0  # while its websocket would tell a change at once
_RESET_TOLD_S = 0.5  # after its answer has changed, the websocket says why
_LOOK_HEAT_S = 2.0
_CONNECT_S = 12.0  # a board that is reset boots in up to 10 s
_CANCEL_S = 10.0
_SAFE_S = 15.0
_STOP_S = 5.0
_BEGUN_S = 20.0
_SERVERS_FAULT = 500  # and above: of HTTP's answers those that say nothing of what was done
_RECONNECT_S = 10.0
#: Nothing listens any more: the program that fed the printer has ended, and its print with it.
_GONE_S = 10.0
#: No answer at all may be the network, and the print goes on; so long we wait to hear of it.
_SILENT_S = 300.0
_HEATERS_OFF = ("M104 S0", "M140 S0", "M107")


class OctoPrintDriver:
    """A printer behind an OctoPrint; keeps to `printers.driver.Driver`.

    Args:
        url: http(s)://host[:port][/path].
        api_key: an application key.

    Raises:
        OctoPrintError: this is no address.
    """

    def __init__(self, url: str, *, api_key: str) -> None:
        self._api = OctoPrintApi(url, api_key)
        self._url = self._api.url
        self._push = Push(self._url, self._api.login)
        self._print: OwnPrint | None = None
        self._last: PrintOutcome | None = None
        self._status = PrinterStatus(state=PrinterState.OFFLINE, fault="not opened yet")
        self._heat = Heat()
        self._halted = False
        self._lost_s: float | None = None
        self._next_s = 0.0
        self._next_heat_s = 0.0
        self._reconnect_s = 0.0
        self._pause = threading.Event()

    # --- opening ----------------------------------------------------------------------------------

    def open(self) -> PrinterIdentity:
        """Ask who answers, and see that OctoPrint has its printer.

        Raises:
            OctoPrintLostError: nobody answers.
            OctoPrintError: the key is wrong, or OctoPrint has no printer on its line.
        """
        version = self._api.version()
        job = self._api.job()
        if job.doing is Doing.OFFLINE and not job.is_stopped_by_hand:
            self._connect()
        until_s = time.monotonic() + _CONNECT_S
        while (job := self._api.job()).doing is Doing.CONNECTING and time.monotonic() < until_s:
            self._pause.wait(_LOOK_S)
        if not job.is_usable:
            raise OctoPrintError(self._url, job.why_unusable)
        self._next_s = self._next_heat_s = 0.0
        return PrinterIdentity(firmware="", machine=f"OctoPrint {version}", profile="")

    def _connect(self) -> None:
        self._api.connect()
        self._pause.wait(_LOOK_S)

    def close(self) -> None:
        """Let go of the connections; never raises."""
        self._push.close()
        self._api.close()

    # --- printing ---------------------------------------------------------------------------------

    def start(self, gcode: Path, name: str) -> None:
        """Upload the file and print it; the printer shows the attempt's name first.

        Raises:
            BusyPrinterError: something is being printed, ours or not.
            OctoPrintError: it cannot take or start the file.
        """
        if self._print is not None:
            raise BusyPrinterError(self._print.name)
        self._api.refuse_unready()
        for path in self._api.files_in(_FOLDER):
            self._api.delete(path)
        shown = name.encode("ascii", "replace").decode()
        path = self._api.upload(
            gcode,
            _FOLDER,
            f"{name}.gcode",
            before="\n".join((f"M117 {shown}", *BEGINS, "")),
            # Everything before M400's ok has been done, and M118 says so: the printer's own record.
            after=f"\nM400\nM118 {shown} done\n",
        )
        self._last = self._lost_s = None
        self._print = own = OwnPrint(name=name, path=path, since_s=time.monotonic())
        try:
            self._api.select_and_print(path)
        except OctoPrintError as error:
            # It may have heard us, and a proxy before it answers in its place: only a look tells, now or
            # when it is back.
            refused = not isinstance(error, OctoPrintLostError) and error.status < _SERVERS_FAULT
            if refused and not self._api.prints(path):  # or something there begins what it gets
                self._print = None
                self._api.refuse_unready()
                raise
        self._await_start(own)

    def _await_start(self, own: OwnPrint) -> None:
        """Return when the print is seen, has ended, or nobody tells.

        Raises:
            OctoPrintError: OctoPrint did not start it.
        """
        until_s = own.since_s + _BEGUN_S
        while not own.seen and self._lost_s is None and self._last is None:
            if time.monotonic() > until_s:
                return  # It answers, and says nothing: `poll` looks on.
            self._look()
            self._listen(0.05)
        if own.never_began and self._last is not None:
            why, self._last = self._last.reason, None
            raise OctoPrintError(self._url, why)

    def cancel(self) -> None:
        """Stop our print, heaters off; OctoPrint's own cancel script parks the head.

        An OctoPrint that does not answer is told as soon as it does.
        """
        if self._print is None or self._print.cancelled:
            return
        self._print.cancelled = True
        self._next_s = 0.0
        with suppress(OctoPrintError):
            self._cancel_if_ours(self._print.path)

    def _cancel_if_ours(self, path: str) -> None:
        job = self._api.job()
        if job.is_busy and job.path == path and job.state != "Cancelling":
            self._api.cancel()

    def stop_now(self) -> None:
        """M112 through OctoPrint, whoever's print it is; OctoPrint lets go of its line then.

        Nothing connects it again but a person there.

        Raises:
            OctoPrintError: it does not answer, or may not.
        """
        self._api.send("M112")
        heard = self._let_go()
        if not heard:
            self.cancel()
        self._halted, self._next_s = heard, 0.0
        if self._print is not None:
            self._end(self._print, PrintResult.INTERRUPTED, STOPPED if heard else UNHEARD)

    def _let_go(self) -> bool:
        """Return whether OctoPrint has let go of the printer within some seconds."""
        until_s = time.monotonic() + _STOP_S
        while self._api.job().is_usable:
            if time.monotonic() > until_s:
                return False
            self._pause.wait(0.1)
        return True

    def make_safe(self) -> PrinterStatus:
        """Heaters off, confirmed by a later report of the printer; our own print is stopped first.

        Raises:
            BusyPrinterError: somebody else's print is running; it is left alone.
            NotSafeError: it was not confirmed.
        """
        try:
            self._stop_own()
            before = self._api.newest()
            self._api.send(*_HEATERS_OFF, "M105")
            if self._confirmed_cold(before.time):
                self._look()
                return self._status
        except OctoPrintError as error:
            raise NotSafeError(self._url) from error
        raise NotSafeError(self._url)

    def _stop_own(self) -> None:
        until_s = time.monotonic() + _CANCEL_S
        while (job := self._api.job()).is_busy:
            if self._print is None or job.path != self._print.path:
                raise BusyPrinterError(job.title)
            if time.monotonic() > until_s:
                raise NotSafeError(self._url)
            self._print.cancelled = True
            self._cancel_if_ours(self._print.path)
            self._pause.wait(_LOOK_S)

    def _confirmed_cold(self, before_s: float) -> bool:
        """Return whether the printer itself reports that its targets are 0, later than `before_s`.

        OctoPrint notes a target when it sends it. So the first reading that says 0 proves nothing;
        one that comes two of its seconds later was made by the printer.
        """
        began_s: float | None = None
        until_s = time.monotonic() + _SAFE_S
        while time.monotonic() < until_s:
            newest = self._api.newest()
            if newest.time <= before_s or not newest.is_off:
                began_s = None
            elif began_s is None:
                began_s = newest.time
            elif newest.time >= began_s + 2:
                self._heat = newest
                return True
            self._pause.wait(_LOOK_S)
            self._api.send("M105")
        return False

    def resume(self, name: str) -> bool:
        """Take up a print of an earlier run of this program, if OctoPrint still knows of it."""
        path = f"{_FOLDER}/{name}.gcode"
        job = self._api.job()
        known = job.path == path and (job.is_busy or job.is_complete)
        if not known and self._api.take_back(path):
            return False
        self._last = None
        self._print = OwnPrint(name=name, path=path, since_s=time.monotonic(), seen=True)
        self._next_s = 0.0
        return True

    # --- the thread's work --------------------------------------------------------------------------

    def poll(self, timeout_s: float) -> PrinterStatus:
        """Wait for at most `timeout_s`, or look at OctoPrint if it is time to."""
        wait_s = self._next_s - time.monotonic()
        if wait_s > 0 and self._listen(min(wait_s, timeout_s)):
            self._next_s = 0.0
        if time.monotonic() >= self._next_s:
            self._look()
            self._next_s = time.monotonic() + (_LOOK_LISTENING_S if self._push.live else _LOOK_S)
        return self._status

    def _listen(self, wait_s: float) -> bool:
        """Wait, or until OctoPrint says that something has changed."""
        heard = self._push.wait(wait_s)
        if self._print is not None and PRINTER_RESET in heard:
            self._print.reset = True
        return bool(heard)

    def _look(self) -> None:
        """Ask OctoPrint once and judge what it says."""
        try:
            job = self._api.job()
            was_lost, self._lost_s = self._lost_s is not None, None
            self._push.keep(back=was_lost)
            if self._print is not None:
                self._follow(self._print, job)
            if job.is_usable:
                self._halted = False
                self._read_heat()
            self._status = self._told(job, None if job.is_usable else self._offline(job))
        except OctoPrintError as error:
            self._miss(error)

    def _follow(self, own: OwnPrint, job: Job) -> None:
        if job.is_busy and job.path == own.path:
            own.seen = True
            if own.cancelled:
                self._cancel_if_ours(own.path)
        trouble = Trouble() if job.is_busy else self._api.trouble()
        verdict = judge(own, job, trouble, time.monotonic())
        if verdict is not None and self._asks_why(own, verdict):
            verdict = judge(own, job, trouble, time.monotonic())
        if verdict is not None and verdict.never_began and not self._api.take_back(own.path):
            verdict = None
        if verdict is not None:
            own.never_began = verdict.never_began
            self._halted = verdict.halted
            self._end(own, verdict.result, verdict.reason)

    def _asks_why(self, own: OwnPrint, verdict: Verdict) -> bool:
        """Whether the websocket has told by now if a print that was stopped there was cut by a reset."""
        if verdict.result is not PrintResult.CANCELLED or own.cancelled:
            return False
        until_s = time.monotonic() + _RESET_TOLD_S
        while self._push.is_open and not own.reset and (left_s := until_s - time.monotonic()) > 0:
            self._listen(left_s)
        if self._push.live:
            own.reset = bool(own.reset)
        return True

    def _end(self, own: OwnPrint, result: PrintResult, reason: str) -> None:
        self._print = None
        self._last = PrintOutcome(name=own.name, result=result, reason=reason)
        if own.cancelled and result is PrintResult.CANCELLED:
            self._api.send(*_HEATERS_OFF)

    def _offline(self, job: Job) -> str:
        """Return why the printer cannot be used; let OctoPrint connect again, now and then."""
        fault = str(OctoPrintError(self._url, job.why_unusable))
        now_s = time.monotonic()
        # Without an error somebody has pressed Disconnect, and will press Connect.
        broken = bool(job.error) and job.doing is Doing.OFFLINE
        broken = broken and not (self._halted or job.is_stopped_by_hand)
        if broken and now_s > self._reconnect_s:
            self._reconnect_s = now_s + _RECONNECT_S
            try:
                self._connect()
            except OctoPrintLostError:
                raise
            except OctoPrintError as error:
                fault = str(error)
        cut = self._last is not None and self._last.result is PrintResult.INTERRUPTED
        return f"{fault}. {HOT}" if cut else fault

    def _read_heat(self) -> None:
        now_s = time.monotonic()
        if now_s < self._next_heat_s:
            return
        self._next_heat_s = now_s + _LOOK_HEAT_S
        try:
            self._heat = self._api.readings()
        except OctoPrintLostError:
            raise
        except OctoPrintError:
            self._heat = Heat()  # Disconnected between the two questions.

    def _told(self, job: Job, fault: str | None) -> PrinterStatus:
        if fault is not None:
            state = PrinterState.FAULT if self._halted else PrinterState.OFFLINE
            return PrinterStatus(state=state, fault=fault, last=self._last)
        # A print that we did not start is told as a print without a name: the printer is not free.
        state = PrinterState.PRINTING if job.is_busy or self._print else PrinterState.IDLE
        return PrinterStatus(
            state=PrinterState.PAUSED if job.doing is Doing.PAUSED else state,
            name=None if self._print is None else self._print.name,
            fraction_done=job.fraction if job.is_busy else None,
            nozzle_c=self._heat.tool0.actual, nozzle_target_c=self._heat.tool0.target,
            bed_c=self._heat.bed.actual, bed_target_c=self._heat.bed.target,
            last=self._last, printed=job.printed,
        )  # fmt: skip

    def _miss(self, error: OctoPrintError) -> None:
        """OctoPrint does not answer, or not as it should: tell it, and give a print up in time."""
        now_s = time.monotonic()
        fault = str(error)
        if isinstance(error, OctoPrintLostError):
            self._push.close()
            self._lost_s = self._lost_s or now_s
            patience_s = _GONE_S if error.refused else _SILENT_S
            if self._print is not None:
                fault = f"{fault} {HOT}"
                if now_s > self._lost_s + patience_s:
                    self._end(self._print, PrintResult.INTERRUPTED, fault)
        self._status = PrinterStatus(
            state=PrinterState.OFFLINE,
            name=None if self._print is None else self._print.name,
            fault=fault,
            last=self._last,
        )
