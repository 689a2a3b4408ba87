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
from collections import deque
from collections.abc import Iterable, Iterator

from firmware_profiles.profile import FirmwareProfile
from printers.flight import Flight, Unwritten
from printers.gcode_answer import Answer, Ear, Kind
from printers.gcode_line import DoneTwice, Numbered, Temperatures
from printers.heat_wait import HeatWait, heat_wait
from printers.restart import Asked, Restart
from printers.said import Said
from printers.trouble import Broken, Trouble

_HISTORY = 400  # lines kept for a Resend; Prusa's panics ask for up to 100 lines back
_RESENDS = 10  # of one line, before the link counts as broken
_TIMEOUTS = 5  # in a row
_WAIT_S = 0.5  # `wait` so long after a line was sent: its ok was lost
_LONG_SILENCE_S = 300.0  # a long command may say nothing for this long
_NUMBERS = 1 << 16  # an ok of Repetier-Firmware has no more
_SILENCE_S = 2.5  # Marlin says that it is busy every two seconds
_ASK_AGAIN_S, _QUESTIONS = 1.25, 2
_COOLED = "the printer was reset, or somebody switched its heaters off there"


class GcodeLink(Said):
    """One dialogue with one printer: `outgoing` gives bytes to write, `receive` takes what was read."""

    def __init__(self, profile: FirmwareProfile, now_s: float) -> None:
        super().__init__()
        self._profile = profile
        self._urgent: deque[bytes] = deque()
        self._stream: Iterator[bytes] = iter(())
        self._streaming = False
        self._heat: HeatWait | None = None
        self._lines = Numbered(_HISTORY)
        self._next: bytes | None = None  # waits for room, and has no number yet
        self._send = 0
        self._flight = Flight(profile)
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

    # --- what to send ---------------------------------------------------------------------------

    def urgent(self, *commands: str) -> None:
        """Send these before what is left of the stream."""
        self._urgent.extend(command.encode("ascii") for command in commands)

    def ask_temperatures(self) -> None:
        """Ask, unless that question waits already."""
        if b"M105" not in self._urgent:
            self._urgent.append(b"M105")

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
        hears = self._profile.breaks_heating or self.caps.get("EMERGENCY_PARSER", False)
        if self._flight.heats and hears:
            self._urgent.appendleft(b"M108")

    def silence(self, last: bytes = b"") -> None:
        """Say this as it is, and nothing else any more: not what waits, and no line again."""
        self._stream, self._streaming, self._heat, self._recover = iter(()), False, None, None
        self._urgent.clear()
        self._lines.clear()
        self._next = None
        self._flight.forget()
        self._send, self._resync = 0, False
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
            and self._next is None
            and self._send == self._lines.next
        )

    @property
    def unheard(self) -> bool:
        """Whether the last lines were given up without an answer: `idle` says nothing of them then."""
        return self._timeouts > 0

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
            return max(0.01, min(self._patience_until(), self._question_at()) - now_s)
        return 1.0 if self._heat is None else max(0.01, self._heat.ask_s - now_s)

    def _fill(self, now_s: float) -> None:
        flight = self._flight
        while not (flight.full or flight.alone):
            fresh = self._send == self._lines.next
            if fresh and self._next is None:
                self._next = self._command_to_send(now_s)
            size = self._lines.size(self._send, self._next)
            if not size or not flight.has_room(size):
                return
            if fresh and self._next is not None:
                self._lines.add(self._next)
                self._next = None
            if not flight:
                self._ok_s = now_s
            self._put()

    def _ask(self) -> None:
        """Put a question before what waits for room, and beside the window: it is short."""
        if self.broken is None:
            if self._heat is not None and self._next is self._heat.sets:
                self._heat.number += 1
            self._lines.add(b"M105")
            self._put()

    def _put(self) -> None:
        line, command = self._lines.line(self._send), self._lines.command(self._send)
        self._flight.add(self._send, len(line), command)
        self._restart.send(self._send, command)
        self._out.bytes += line
        self._send += 1

    def _command_to_send(self, now_s: float) -> bytes | None:
        if self._resync:
            # M110 takes effect when it is executed: a line behind it would be executed twice.
            if self._flight:
                return None
            self._resync = False
            self._lines.clear()
            self._send = 0
            self.acknowledged = self.asked = 0
            self._twice, self._restart = DoneTwice(), Restart()
            return b"M110 N0"
        # Behind a firmware that waits for heat its queue stays empty, so that M108 gets into it.
        if self._flight.heats and b"M108" not in self._urgent:
            return None
        if self._urgent:
            return self._urgent.popleft()
        return None if self.held else self._of_stream(now_s)

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
        if not self._flight or self._recover is not None:
            return
        if now_s >= self._patience_until():
            self._give_up_oks(now_s)
            # A board that has not got round to reading loses the head of what is sent now, with its
            # number, and does the rest: of a question that does no harm.
            if self._streaming and not self._urgent and self._send == self._lines.next:
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
        self.silent_s, self._questions = now_s, 0
        for answer in self._ear.take(data):
            self._heed(answer, now_s)

    def _heed(self, answer: Answer, now_s: float) -> None:
        if self._keep(answer, now_s, printing=self._streaming) and answer.temperatures is not None:
            self._feel(answer.temperatures, now_s)
        match answer.kind:
            case Kind.OK:
                self._oks(answer, now_s)
            case Kind.RESEND if answer.number is not None:
                self._resend(answer.number, now_s)
            case Kind.BUSY:
                self._ok_s = now_s
            case Kind.WAIT:
                if self._flight and self._recover is None and now_s > self._ok_s + _WAIT_S:
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
            self._urgent.appendleft(b"M105")
        heat = self._heat
        if heat is not None and heat.number < self._send and heat.number not in numbers:
            heat.hear(told, now_s)

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
        if not self._flight:
            return
        if number is not None:
            first = self._flight.first
            if number < _NUMBERS:
                number = first + (number - first) % _NUMBERS
            if not first <= number < self._send:
                return  # of a line that was acknowledged before, or a number spoilt on its way
            self._restart.surely = number
        self._ok_s = now_s
        if self._flight.begins and self._timeouts:
            # M110 was said more than once, and counts again each time: let all of it be answered.
            self._recover, self._quiet_at = self._lines.next, now_s + self._profile.drain_s
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
        anew = self._recover is None or now_s > self._quiet_at
        self._asked.hear(number, self._profile.window_lines, anew=anew)
        if self._asked.times > _RESENDS:
            self._break(Trouble.RESENDS, f"the printer asks for line {number} again and again")
        known = number in self._lines or number == self._lines.next
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
            self._urgent.appendleft(b"M105")
        self._quiet_at = now_s + self._profile.drain_s

    def _error(self, text: str, now_s: float) -> None:
        self._restart.complains(text)
        if any(words in text for words in self._profile.fatal):
            self._break(Trouble.FATAL, text)
        elif self._recover is not None:
            self._quiet_at = now_s + self._profile.drain_s
