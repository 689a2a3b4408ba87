"""The host's side of a serial G-code dialogue: bytes in, bytes out, with the time as an argument.

Pure. Lines are numbered and checksummed; a window of unacknowledged bytes and lines keeps the
line busy without overrunning the receive buffer. On `Resend` it stops, listens until the line is
quiet, and goes back to the line that is asked for, with one line in flight, growing again
(go-back-n with additive increase). A lost `ok` is passed by going on with the *next* line: if a
line was lost too, its number makes the firmware ask for it. Leaves what one line says to
`printers.gcode_answer`, ports and files to `printers.serial_driver`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from firmware_profiles.profile import FirmwareProfile
from printers.flight import Flight, Sent, Unwritten
from printers.gcode_answer import Answer, Kind, read_answer
from printers.gcode_line import DoneTwice, Numbered, Temperatures, Thermometer, takes_long
from printers.heat_wait import HeatWait, heat_wait, waits_for_heat
from printers.trouble import Broken, Trouble

_HISTORY = 400  # lines kept for a Resend; Prusa's panics ask for up to 100 lines back
_RESENDS = 10  # of one line, before the link counts as broken
_TIMEOUTS = 5  # in a row
_WAIT_S = 0.5  # `wait` so long after a line was sent: its ok was lost
_LONG_SILENCE_S = 300.0  # a long command may say nothing for this long
_NUMBERS = 1 << 16  # an ok of Repetier-Firmware has no more
_LONGEST_ANSWER = 4096
_STARTED_ANEW = 100  # so many lines were acknowledged, and the first is asked for


class GcodeLink:
    """One dialogue with one printer: `outgoing` gives bytes to write, `sent` says how many were.

    `receive` takes what was read; `urgent` and `stream` give it commands.
    """

    def __init__(self, profile: FirmwareProfile, now_s: float) -> None:
        self._profile = profile
        self._urgent: deque[bytes] = deque()
        self._stream: Iterator[bytes] = iter(())
        self._streaming = False
        self._heat: HeatWait | None = None
        self._lines = Numbered(_HISTORY)
        self._send = 0
        self._flight = Flight(profile)
        self._recover: int | None = None
        self._quiet_at = 0.0
        self._out, self._tail = Unwritten(), b""
        self._ok_s = self._rx_s = now_s
        self._timeouts = self._burst = 0
        self._asked: tuple[int, int] = (-1, 0)
        self._thermometer = Thermometer()
        self._alone = False
        self._resync = True
        self._twice = DoneTwice()
        self.broken: Broken | None = None
        self.held = False  # the printer, or who stands there, asked the host to wait
        self.stop_asked = ""  # the word by which it asked the host to stop, "" while it has not
        self.heard: deque[str] = deque(maxlen=200)
        self.identity: dict[str, str] = {}
        self.caps: dict[str, bool] = {}
        self.acknowledged = 0  # commands of the stream and urgent ones, since the last M110
        self.asked = 0  # of them those that only ask for temperatures
        self.resends = 0

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile, once the firmware is known."""
        self._profile = profile
        self._flight.use(profile)

    # --- what to send ---------------------------------------------------------------------------

    def urgent(self, *commands: str) -> None:
        """Send these before what is left of the stream."""
        self._urgent.extend(command.encode("ascii") for command in commands)

    def stream(self, commands: Iterable[bytes]) -> None:
        """Number lines anew, then send these commands; they are taken one by one, when needed."""
        self._stream = iter(commands)
        self._streaming = self._resync = True
        self._heat = None
        self.held, self.stop_asked = False, ""

    def drop_stream(self) -> None:
        """Send no more of the stream, and tell a firmware that waits for heat to wait no longer."""
        self._stream = iter(())
        self._streaming = self.held = False
        self._heat = None
        if self._flight.heats and (
            self._profile.breaks_heating or self.caps.get("EMERGENCY_PARSER", False)
        ):
            self._urgent.appendleft(b"M108")

    def silence(self, last: bytes = b"") -> None:
        """Say this as it is, and nothing else any more: not what waits, and no line again."""
        self._stream, self._streaming, self._heat, self._recover = iter(()), False, None, None
        self._urgent.clear()
        self._lines.clear()
        self._flight.forget()
        self._send, self._resync, self._alone = 0, False, False
        self._out.drop()
        self._out.bytes += last

    @property
    def streaming(self) -> bool:
        """Whether anything of the stream is still to be taken from it."""
        return self._streaming

    @property
    def idle(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return (
            not (self._flight or self._out.bytes or self._urgent or self._streaming or self._resync)
            and self._recover is None
            and self._send == self._lines.next
        )

    @property
    def unheard(self) -> bool:
        """Whether the last lines were given up without an answer: `idle` says nothing of them then."""
        return self._timeouts > 0

    @property
    def unacknowledged_bytes(self) -> int:
        """Of lines in flight."""
        return self._flight.bytes

    @property
    def temperatures(self) -> Temperatures | None:
        """The last report that can be believed."""
        return self._thermometer.told

    def forget_temperatures(self) -> None:
        """Wait for a new report."""
        self._thermometer = Thermometer()

    @property
    def silent_s(self) -> float:
        """When anything was last received, on the clock of `receive`."""
        return self._rx_s

    def outgoing(self, now_s: float) -> bytes:
        """Return what may be written now; say with `sent` how much of it was."""
        if self.broken is None:
            self._watch(now_s)
            if self._recover is not None and now_s >= self._quiet_at:
                self._go_back(self._recover, now_s)
            if self._recover is None:
                self._fill(now_s)
        return bytes(self._out.bytes)

    def sent(self, count: int) -> None:
        """Tell that this many of the outgoing bytes were written."""
        self._out.written(count)

    def wake_s(self, now_s: float) -> float:
        """Return in how many seconds `outgoing` should be asked again though nothing came."""
        if self._recover is not None:
            return max(0.0, self._quiet_at - now_s)
        if self._flight:
            return max(0.01, self._patience_until() - now_s)
        return 1.0 if self._heat is None else max(0.01, self._heat.ask_s - now_s)

    def _fill(self, now_s: float) -> None:
        flight = self._flight
        while not flight.full and not (self._alone and flight):
            line = self._line_to_send(now_s)
            if line is None or not flight.has_room(len(line)):
                return
            if not flight:
                self._ok_s = now_s
            command = self._lines.command(self._send)
            heats, long = waits_for_heat(command), takes_long(command)
            flight.add(Sent(self._send, len(line), long, heats))
            self._out.bytes += line
            self._send += 1

    def _line_to_send(self, now_s: float) -> bytes | None:
        if self._send < self._lines.next:
            return self._lines.line(self._send)
        if self._resync:
            # M110 takes effect when it is executed: a line behind it would be executed twice.
            if self._flight:
                return None
            self._resync = False
            self._alone = True
            self._lines.clear()
            self._send = 0
            self.acknowledged = self.asked = 0
            self._twice = DoneTwice()
            return self._lines.add(b"M110 N0")
        self._alone = False
        # Behind a firmware that waits for heat its queue stays empty, so that M108 gets into it.
        if self._flight.heats and b"M108" not in self._urgent:
            return None
        if self._urgent:
            return self._lines.add(self._urgent.popleft())
        if self.held:
            return None
        command = self._of_stream(now_s)
        return None if command is None else self._lines.add(command)

    def _of_stream(self, now_s: float) -> bytes | None:
        """Return the next command; None where there is none, or heat is waited for."""
        heat = self._heat
        if heat is None:
            command = next(self._stream, None)
            self._streaming = command is not None
            if command is not None:
                self._heat = heat_wait(command, self._lines.next, now_s)
            return command if self._heat is None else self._heat.sets
        if heat.number in self._flight.numbers:
            heat.begin(now_s)
        elif heat.is_over(now_s):
            self._heat = None
            return heat.command
        return b"M105" if not self._flight and heat.asks(now_s) else None

    def _go_back(self, number: int, now_s: float) -> None:
        self._recover = None
        self._send = number
        self._flight.lose()
        self._ok_s = now_s

    # --- when nothing comes -----------------------------------------------------------------------

    def _patience_until(self) -> float:
        until_s = self._ok_s + self._profile.ok_timeout_s
        if self._flight.long:
            return max(until_s, self._rx_s + _LONG_SILENCE_S)
        return until_s

    def _watch(self, now_s: float) -> None:
        if self._flight and self._recover is None and now_s >= self._patience_until():
            self._give_up_oks(now_s)
            # A board that has not got round to reading loses the head of what is sent now, with its
            # number, and does the rest: of a question that does no harm.
            if self._streaming and not self._urgent and self._send == self._lines.next:
                self._urgent.append(b"M105")

    def _waits(self, now_s: float) -> None:
        if self._flight and self._recover is None and now_s > self._ok_s + _WAIT_S:
            self._give_up_oks(now_s)

    def _give_up_oks(self, now_s: float) -> None:
        """Take the oks of all lines in flight for lost."""
        self._timeouts += 1
        if self._timeouts > _TIMEOUTS:
            self._break(Trouble.STALLED, "the printer does not answer any more")
            return
        if self._alone:
            self._send = 0  # M110 may be said twice, and nothing may be sent before it is heard
        elif not self._profile.asks_again:
            lines = map(self._lines.command, self._flight.numbers)
            if not all(self._twice.harmless(line) for line in lines):
                self._break(Trouble.LOST, "a line or its answer was lost on the way")
                return
            self._send = self._flight.first
        self._flight.forget()
        self._ok_s = now_s

    def _break(self, trouble: Trouble, text: str) -> None:
        if self.broken is None:
            self.broken = Broken(trouble=trouble, text=text)
            self._out.bytes.clear()

    # --- what comes -------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Take what was read, in pieces of any size."""
        if not data:
            return
        self._rx_s = now_s
        *lines, self._tail = (self._tail + data).split(b"\n")
        if len(self._tail) > _LONGEST_ANSWER:
            # The mark keeps what is left from passing for a line of its own.
            self._tail = b"?" + self._tail[-_LONGEST_ANSWER:]
        for line in lines:
            self._heed(read_answer(line.rstrip(b"\r")), now_s)

    def _heed(self, answer: Answer, now_s: float) -> None:
        match answer.kind:
            case Kind.OK:
                number = self._asked_heat() if answer.reports else answer.number
                for _ in range(answer.oks):
                    self._ok(now_s, number)
            case Kind.RESEND if answer.number is not None:
                self._resend(answer.number, now_s)
            case Kind.BUSY:
                self._ok_s = now_s
            case Kind.WAIT:
                self._waits(now_s)
            case Kind.ERROR:
                self._error(answer.text, now_s)
            case _:
                self._note(answer)
        self.identity = answer.identity or self.identity
        if answer.temperatures is not None:
            if self._thermometer.hear(answer.temperatures, now_s):
                self._feel(answer.temperatures, now_s)
        elif answer.kind is Kind.OK and answer.text:
            self.heard.append(answer.text)

    def _feel(self, told: Temperatures, now_s: float) -> None:
        heat = self._heat
        if (
            heat is not None
            and heat.number < self._send
            and heat.number not in self._flight.numbers
        ):
            heat.hear(told, now_s)

    def _asked_heat(self) -> int | None:
        """Return the number of the M105 in flight: an ok with temperatures is its own.

        So it acknowledges the lines before it, whose oks may have been lost.
        """
        numbers = self._flight.numbers
        return next((n for n in numbers if self._lines.command(n) == b"M105"), None)

    def _note(self, answer: Answer) -> None:
        match answer.kind:
            case Kind.START:
                self._break(Trouble.RESET, "the printer was reset or lost its power")
            case Kind.FOREIGN:
                self._break(Trouble.FOREIGN, answer.text)
            case Kind.REFUSAL if self._alone:  # a printer understands M110
                self._break(Trouble.FOREIGN, answer.text)
            case Kind.FULL:
                self._flight.ran_over()
            case Kind.CAP if answer.cap is not None:
                self.caps[answer.cap[0]] = answer.cap[1]
            case Kind.HOLD:
                self.held = self._streaming
            case Kind.GO_ON:
                self.held = False
            case Kind.STOP:
                self.stop_asked = answer.text
            case Kind.TEXT:
                self.heard.append(answer.text)
            case _:
                pass

    def _ok(self, now_s: float, number: int | None = None) -> None:
        if self._recover is not None:
            # Of a line that the firmware has thrown away; the answers are not over yet.
            self._quiet_at = max(self._quiet_at, now_s + self._profile.drain_s)
            return
        if not self._flight:
            return
        if number is not None:
            first = self._flight.first
            if number < _NUMBERS:
                number = first + (number - first) % _NUMBERS
            if not first <= number < self._send:
                return  # of a line that was acknowledged before, or a number spoilt on its way
        self._ok_s = now_s
        self._timeouts = 0
        while self._flight:
            first = self._flight.acknowledge()
            command = self._lines.command(first)
            self.asked += first > self.acknowledged and command == b"M105"
            self.acknowledged = max(self.acknowledged, first)
            self._twice.follow(command)
            if number is None or first >= number:
                break
        self._flight.grow()

    def _resend(self, number: int, now_s: float) -> None:
        if self._recover is None or now_s > self._quiet_at:
            self._burst = 0
        # Lines in flight behind the lost one are answered alike, once each.
        if not 0 < self._burst <= self._profile.window_lines:
            self._count_asked(number)
        self._burst += 1
        if self._alone and self._flight:
            number = 0  # M110 itself was not understood: the number is of before it
        elif number not in self._lines and number != self._lines.next:
            # A corrupted number, or one of before a reset: it cannot be obeyed. The firmware
            # repeats it if it means it.
            return
        elif number <= 1 and self.acknowledged > _STARTED_ANEW:
            self._break(Trouble.RESET, "the printer asks for the first line: it was reset")
            return
        self.resends += 1
        self._out.drop()
        self._recover = number
        self._quiet_at = now_s + self._profile.drain_s

    def _count_asked(self, number: int) -> None:
        times = self._asked[1] + 1 if self._asked[0] == number else 1
        self._asked = (number, times)
        if times > _RESENDS:
            self._break(Trouble.RESENDS, f"the printer asks for line {number} again and again")

    def _error(self, text: str, now_s: float) -> None:
        if any(words in text for words in self._profile.fatal):
            self._break(Trouble.FATAL, text)
        elif self._recover is not None:
            self._quiet_at = now_s + self._profile.drain_s
        self.heard.append(text)
