"""What is still to be said to a printer: what is urgent, then the stream with its waits for heat. Pure.

Lines of the stream are made some time before they go. Leaves how many may be on their way to
`printers.flight`, and what was sent to `printers.gcode_link`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice

from printers.flight import Flight
from printers.gcode_line import Line, Temperatures, line_of
from printers.heat_wait import HeatWait, heat_wait

_READY = 32  # lines made together


class Supply:
    """Commands in the order in which they go; each gets the number that it is asked for with."""

    def __init__(self) -> None:
        self._urgent: deque[bytes] = deque()
        self._stream: Iterator[bytes] = iter(())
        self._ready: deque[Line] = deque()  # of the stream
        self._heat: HeatWait | None = None
        self._next: Line | None = None  # waits for room, and is not of `_ready`
        #: Whether anything of the stream is still to be taken from it.
        self.streaming = False

    # --- what comes in --------------------------------------------------------------------------

    def urgent(self, *commands: bytes) -> None:
        """Put these before what is left of the stream."""
        self._urgent.extend(commands)

    def first(self, command: bytes) -> None:
        """Put this before everything that does not wait for room."""
        self._urgent.appendleft(command)

    def ask_temperatures(self) -> None:
        """Ask, unless that question waits already."""
        if b"M105" not in self._urgent:
            self._urgent.append(b"M105")

    def begin(self, commands: Iterable[bytes]) -> None:
        """Take a new stream."""
        self.drop()
        self._stream, self.streaming = iter(commands), True

    def drop(self) -> None:
        """Forget the stream."""
        self._stream, self.streaming, self._heat = iter(()), False, None
        self._ready.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.drop()
        self._urgent.clear()
        self._next = None

    # --- what goes out --------------------------------------------------------------------------

    @property
    def hurries(self) -> bool:
        """Whether something is urgent."""
        return bool(self._urgent)

    @property
    def waits(self) -> bool:
        """Whether a line waits for room that has to go before all others."""
        return self._next is not None

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to say."""
        return not (self._urgent or self.streaming) and self._next is None

    def look(self, number: int, flight: Flight, now_s: float, *, held: bool) -> Line | None:
        """Return the line that goes when it has room, with this number; None where there is none now.

        Args:
            number: of the next new line.
            flight: what is on its way.
            now_s: on the clock of the dialogue.
            held: nothing of the stream may go.
        """
        line = self._next
        if line is not None and line.number != number:
            line = line_of(number, line.text)
        if line is None:
            line = self._choose(number, flight, now_s, held=held)
        if not self._ready or line is not self._ready[0]:
            self._next = line
        return line

    def take(self, line: Line) -> None:
        """Tell that the line of `look` goes."""
        if line is self._next:
            self._next = None
        elif self._ready and line is self._ready[0]:
            self._ready.popleft()

    def plainly(self, number: int) -> deque[Line] | None:
        """Return the lines that are ready, from this number on, where nothing else can go before them."""
        ready = self._ready
        if not ready or ready[0].number != number or self._urgent or self._next or self._heat:
            return None
        return ready

    def _choose(self, number: int, flight: Flight, now_s: float, *, held: bool) -> Line | None:
        # Behind a firmware that waits for heat its queue stays empty, so that M108 gets into it.
        if flight.heats and b"M108" not in self._urgent:
            return None
        if self._urgent:
            return line_of(number, self._urgent.popleft())
        if held:
            return None
        if self._heat is not None:
            return self._of_wait(self._heat, number, flight, now_s)
        return self._of_stream(number, now_s)

    def _of_stream(self, number: int, now_s: float) -> Line | None:
        ready = self._ready
        if not ready or ready[0].number != number:
            more = islice(self._stream, _READY - len(ready))
            texts = chain([line.text for line in ready], more)
            self._ready = ready = deque(map(line_of, count(number), texts))
            self.streaming = bool(ready)
        if not ready:
            return None
        line = ready[0]
        if line.heats:
            self._heat = heat_wait(line.text, number, now_s)
        if self._heat is None:
            return line
        ready.popleft()
        return line_of(number, self._heat.sets)

    # --- waiting for heat -----------------------------------------------------------------------

    def _of_wait(self, heat: HeatWait, number: int, flight: Flight, now_s: float) -> Line | None:
        """Return a question, or what was waited with; None where it is waited on."""
        if heat.number in flight.numbers:
            heat.begin(now_s)
        elif heat.is_over(now_s):
            self._heat = None
            return line_of(number, heat.command)
        return line_of(number, b"M105") if not flight.lines and heat.asks(now_s) else None

    def put_before(self) -> None:
        """Tell that a line goes before the one that waits for room."""
        heat, line = self._heat, self._next
        if heat is not None and line is not None and line.text is heat.sets:
            heat.number += 1

    def asks_at(self, otherwise_s: float) -> float:
        """Return when the next question how hot it is may be due, `otherwise_s` where none will be."""
        return otherwise_s if self._heat is None else self._heat.ask_s

    def feel(self, told: Temperatures, flight: Flight, sent: int, now_s: float) -> None:
        """Take a report of temperatures; `sent`: number of the next line to go."""
        heat = self._heat
        if heat is not None and heat.number < sent and heat.number not in flight.numbers:
            heat.hear(told, now_s)
