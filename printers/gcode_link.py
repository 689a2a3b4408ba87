"""The host's side of a serial G-code dialogue: bytes in, bytes out, with the time as an argument.

Pure. Lines are numbered and checksummed; a window of unacknowledged bytes and lines keeps the
line busy without overrunning the receive buffer. On `Resend` it stops, listens until the line is
quiet, and goes back to the line that is asked for, with one line in flight, growing again
(go-back-n with additive increase). A lost `ok` is passed by going on with the *next* line: if a
line was lost too, its number makes the firmware ask for it. Leaves what one line says to
`printers.gcode_answer`, ports and files to `printers.serial_driver`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from firmware_profiles.profile import FirmwareProfile
from printers.flight import Flight, Unwritten
from printers.gcode_answer import ONE_OK, PLAIN_OK, Answer, Ear, Kind
from printers.gcode_line import DoneTwice, Line, Numbered, Temperatures
from printers.restart import Asked, Restart
from printers.said import Said
from printers.supply import Supply
from printers.trouble import Broken, Trouble

_HISTORY = 400  # lines kept for a Resend; Prusa's panics ask for up to 100 lines back
_RESENDS = 10  # of one line, before the link counts as broken
_TIMEOUTS = 5  # in a row
_WAIT_S = 0.5  # `wait` so long after a line was sent: its ok was lost
_LONG_SILENCE_S = 300.0  # a long command may say nothing for this long
_SILENCE_S = 2.5  # Marlin says that it is busy every two seconds
_ASK_AGAIN_S, _QUESTIONS = 1.25, 2
_COOLED = "the printer was reset, or somebody switched its heaters off there"


class GcodeLink(Said):
    """One dialogue with one printer: `outgoing` gives bytes to write, `receive` takes what was read."""

    def __init__(self, profile: FirmwareProfile, now_s: float, baudrate: int = 0) -> None:
        super().__init__()
        self._supply = Supply()
        self._lines = Numbered(_HISTORY)
        self._send = 0
        self._flight = Flight(profile, baudrate / 10 or math.inf)
        self.use(profile)
        self._recover: int | None = None
        self._quiet_at = 0.0
        self._out, self._ear = Unwritten(), Ear()
        self._ok_s = now_s
        self.silent_s = now_s  # since when nothing came, on the clock of `receive`
        self._timeouts = self._questions = self._owed = 0
        self._asked, self._restart = Asked(), Restart()
        self._resync = True
        self._twice = DoneTwice()
        self.broken: Broken | None = None
        self.acknowledged = 0  # commands of the stream and urgent ones, since the last M110
        self.asked = 0  # of them those that only ask for temperatures
        self.resends = 0

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile, once the firmware is known."""
        self._profile = profile
        self._flight.use(profile)
        self._calm_s = min(profile.ok_timeout_s, _SILENCE_S)

    # --- what to send ---------------------------------------------------------------------------

    def urgent(self, *commands: str) -> None:
        """Send these before what is left of the stream."""
        self._supply.urgent(*(command.encode("ascii") for command in commands))

    def ask_temperatures(self) -> None:
        """Ask, unless that question waits already."""
        self._supply.ask_temperatures()

    def stream(self, commands: Iterable[bytes]) -> None:
        """Number lines anew, then send these commands; they are taken a few at a time, when needed."""
        self._supply.begin(commands)
        self._resync = True
        self.held, self.stop_asked = False, ""

    def drop_stream(self) -> None:
        """Send no more of the stream, and tell a firmware that waits for heat to wait no longer."""
        self._supply.drop()
        self.held = False
        hears = self._profile.breaks_heating or self.caps.get("EMERGENCY_PARSER", False)
        if self._flight.heats and hears:
            self._supply.first(b"M108")

    def silence(self, last: bytes = b"") -> None:
        """Say this as it is, and nothing else any more: not what waits, and no line again."""
        self._supply.clear()
        self._lines.clear()
        self._flight.forget()
        self._send, self._resync, self._recover = 0, False, None
        self._out.drop()
        self._out.bytes += last

    @property
    def streaming(self) -> bool:
        """Whether anything of the stream is still to be taken from it."""
        return self._supply.streaming

    @property
    def idle(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return (
            not (self._flight.lines or self._out.bytes or self._resync)
            and self._supply.empty
            and self._recover is None
            and self._send == self._lines.next
        )

    @property
    def unheard(self) -> bool:
        """Whether the last lines were given up without an answer: `idle` says nothing of them then."""
        return self._timeouts > 0

    def outgoing(self, now_s: float) -> bytes:
        """Return what may be written now; say with `sent` how much of it was."""
        if self.broken is None:
            if now_s >= self._ok_s + self._calm_s:
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
        if self._flight.lines:
            until_s = self._ok_s + self._calm_s  # there is nothing to look at before
            if now_s >= until_s:
                until_s = min(self._patience_until(), self._question_at())
            return max(0.01, until_s - now_s)
        return max(0.01, self._supply.asks_at(now_s + 1.0) - now_s)

    def _fill(self, now_s: float) -> None:
        flight, lines = self._flight, self._lines
        while not flight.closed:
            fresh = self._send == lines.next
            line = self._fresh(now_s) if fresh else lines.kept(self._send)
            if line is None or not flight.has_room(len(line.raw)):
                return
            if fresh:
                self._supply.take(line)
                lines.add(line)
            if not flight.lines:
                self._ok_s = now_s
            self._put(line)

    def _fresh(self, now_s: float) -> Line | None:
        """Return the next new line, which goes when it has room; None where there is none now."""
        if not self._resync or self._supply.waits:
            return self._supply.look(self._lines.next, self._flight, now_s, held=self.held)
        # M110 takes effect when it is executed: a line behind it would be executed twice.
        if self._flight.lines:
            return None
        self._resync = False
        self._lines.clear()
        self._send = 0
        self.acknowledged = self.asked = 0
        self._twice, self._restart = DoneTwice(), Restart()
        return self._lines.new(b"M110 N0")

    def _ask(self) -> None:
        """Put a question before what waits for room, and beside the window: it is short."""
        if self.broken is None:
            self._supply.put_before()
            self._put(self._lines.add(self._lines.new(b"M105")))

    def _put(self, line: Line) -> None:
        self._flight.add(line)
        if not line.plain:
            self._restart.send(line.number, line.text)
        self._out.bytes += line.raw
        self._send += 1

    def _go_back(self, number: int, now_s: float) -> None:
        self._recover = None
        if number < self._send:
            self._flight.lose()
        self._flight.forget()
        self._send = number
        self._ok_s = now_s

    # --- when nothing comes -----------------------------------------------------------------------

    def _patience_until(self) -> float:
        until_s = self._ok_s + self._profile.ok_timeout_s
        if self._flight.long:
            return max(until_s, self.silent_s + _LONG_SILENCE_S)
        return until_s

    def _question_at(self) -> float:
        """When to ask whether anybody is there: one who has started anew asks for the first line."""
        if self._flight.begins or self._questions >= _QUESTIONS or self._send < self._lines.next:
            return math.inf
        return max(self._ok_s, self.silent_s) + _SILENCE_S + self._questions * _ASK_AGAIN_S

    def _watch(self, now_s: float) -> None:
        if not self._flight.lines or self._recover is not None:
            return
        if now_s >= self._patience_until():
            self._give_up_oks(now_s)
            # A board that has not got round to reading loses the head of what is sent now, with its
            # number, and does the rest: of a question that does no harm.
            if self.streaming and not self._supply.hurries and self._send == self._lines.next:
                self._ask()
        elif now_s >= self.silent_s + _SILENCE_S and now_s >= self._question_at():
            self._questions += 1
            self._ask()

    def _give_up_oks(self, now_s: float) -> None:
        """Take the oks of all lines in flight for lost."""
        self._timeouts += 1
        if self._timeouts > _TIMEOUTS:
            self._break(Trouble.STALLED, "the printer does not answer any more")
            return
        if self._flight.begins:
            self._send = 0  # M110 may be said twice, and nothing may be sent before it is heard
        elif not self._profile.asks_again:
            if not all(self._twice.harmless(line.text) for line in self._flight.lines):
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
        self.silent_s, self._questions = now_s, 0
        for answer in self._ear.take(data):
            if answer is PLAIN_OK:  # as most are
                self._ok(now_s)
            else:
                self._heed(answer, now_s)

    def flow(self, data: bytes, now_s: float) -> bytes | None:
        """Do the turn that most are: after a plain ok go the lines that have room then; return their bytes.

        The same as `receive`, `outgoing` and `sent`, in few steps: after each pause for a printer the
        processor has none of it in its caches. None where it is another turn, and nothing was done.
        """
        send = self._send
        if (
            data not in ONE_OK or send != self._lines.next or self.held or self._timeouts
            or self._recover is not None or self.broken or self._out.bytes or self._ear.tail
        ):  # fmt: skip
            return None
        ready = self._supply.plainly(send)
        gone = None if ready is None else self._flight.flow(ready)
        if gone is None:
            return None
        self._ok_s = self.silent_s = now_s
        self._questions = 0
        self.acknowledged = max(self.acknowledged, self._flight.first - 1)
        for line in gone:
            self._lines.add(line)
        self._send = send + len(gone)
        return gone[0].raw if len(gone) == 1 else b"".join([line.raw for line in gone])

    def unsent(self, data: bytes, written: int) -> None:
        """Tell that not all that `flow` gave was written."""
        self._out.bytes += data
        self._out.written(written)

    def _heed(self, answer: Answer, now_s: float) -> None:
        if self._keep(answer, now_s, printing=self.streaming) and answer.temperatures is not None:
            self._feel(answer.temperatures, now_s)
        match answer.kind:
            case Kind.OK:
                self._oks(answer, now_s)
            case Kind.RESEND if answer.number is not None:
                self._resend(answer.number, now_s)
            case Kind.BUSY:
                self._ok_s = now_s
            case Kind.WAIT:
                if self._flight.lines and self._recover is None and now_s > self._ok_s + _WAIT_S:
                    self._give_up_oks(now_s)
            case Kind.ERROR:
                self._error(answer.text, now_s)
            case Kind.FULL:
                self._flight.ran_over()
            case _:
                self._end(answer)

    def _end(self, answer: Answer) -> None:
        if answer.kind is Kind.START:
            self._break(Trouble.RESET, "the printer was reset or lost its power")
        elif answer.kind is Kind.FOREIGN or (answer.kind is Kind.REFUSAL and self._flight.begins):
            self._break(Trouble.FOREIGN, answer.text)  # a printer understands M110

    def _feel(self, told: Temperatures, now_s: float) -> None:
        numbers = self._flight.numbers
        first = numbers[0] if numbers else self._send
        if not self.held and self._restart.cools(told, first):
            if self._restart.is_sure:
                self._break(Trouble.RESET, _COOLED)
            self._supply.first(b"M105")
        self._supply.feel(told, self._flight, self._send, now_s)

    def _oks(self, answer: Answer, now_s: float) -> None:
        number = answer.number
        if answer.reports:
            questions = self._flight.questions
            one_by_one = not self._profile.asks_again and self._profile.window_lines == 1
            if one_by_one and questions and questions[0] != self._flight.first:
                # An ok was lost, or the line before the question, or the printer has started anew.
                if self._restart.is_likely:
                    self._break(Trouble.RESET, _COOLED)
                self._give_up_oks(now_s)
                return
            if not questions and self._owed:
                self._owed -= 1
                return
            if questions:
                number = questions[-1]
                self._owed += len(questions) - 1
        for _ in range(answer.oks):
            self._ok(now_s, number)

    def _ok(self, now_s: float, number: int | None = None) -> None:
        if self._recover is not None:
            # Of a line that the firmware has thrown away; the answers are not over yet.
            self._quiet_at = max(self._quiet_at, now_s + self._profile.drain_s)
            return
        flight = self._flight
        if not flight.lines:
            return
        if number is not None:
            number = flight.numbered(number)
            if number is None:
                return  # of a line that was acknowledged before, or a number spoilt on its way
            self._restart.surely = number
        self._ok_s = now_s
        if self._timeouts:
            if flight.begins:
                # M110 was said more than once, and counts again each time: let all of it be answered.
                self._recover, self._quiet_at = self._lines.next, now_s + self._profile.drain_s
            self._timeouts = 0
        while flight.lines:
            line = flight.acknowledge()
            if not line.plain:
                self.asked += line.number > self.acknowledged and line.asks
                self._twice.follow(line.text)
            self.acknowledged = max(self.acknowledged, line.number)
            if number is None or line.number >= number:
                break
        flight.grow(now_s)

    def _resend(self, number: int, now_s: float) -> None:
        anew = self._recover is None or now_s > self._quiet_at
        self._asked.hear(number, self._profile.window_lines, anew=anew)
        if self._asked.times > _RESENDS:
            self._break(Trouble.RESENDS, f"the printer asks for line {number} again and again")
        known = self._lines.kept(number) is not None or number == self._lines.next
        if self._flight.begins:
            number, known = 0, True  # M110 itself was not understood: the number is of before it
        elif self._restart.first_asked(number, self.acknowledged, self._profile.window_lines):
            known = False
            if self._restart.is_sure:
                self._break(Trouble.RESET, "the printer asks for the first line: it was reset")
        elif number > self._lines.next and self._asked.times > 1 and not self._restart.surely:
            number, known = 0, True  # M110 was spoilt to something else that was answered by an ok
        if known:
            self.resends += 1
            self._out.drop()
            self._recover = number
        elif self._recover is None:
            # A number of before a reset, or a spoilt one: the next line brings another.
            self._recover = self._send
            self._supply.first(b"M105")
        self._quiet_at = now_s + self._profile.drain_s

    def _error(self, text: str, now_s: float) -> None:
        self._restart.complains(text)
        if any(words in text for words in self._profile.fatal):
            self._break(Trouble.FATAL, text)
        elif self._recover is not None:
            self._quiet_at = now_s + self._profile.drain_s
