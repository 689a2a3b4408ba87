"""Lines on their way to a printer: which are not acknowledged yet, and how many there may be. Pure.

The window of bytes and lines is the firmware profile's. After a loss one line is in flight, then one
more after each few oks; and the most that may be is one less than before, until a long time was
without a loss, and twice as long after each time that this was too early. Leaves numbers and words
to `printers.gcode_link`.
"""

from __future__ import annotations

from collections import deque

from firmware_profiles.profile import FirmwareProfile
from printers.gcode_line import Line

_GROW_AFTER = 4  # oks
_FEWEST = 2  # lines in flight, on a line that loses many
_NUMBERS = 1 << 16  # an ok of Repetier-Firmware has no more
_TRUST_AFTER = 1000  # oks without a loss, before one line more may be in flight again


class Unwritten:
    """Bytes that the line has not taken yet."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self._mid_line = False

    def written(self, count: int) -> None:
        """So many of them went."""
        if count:
            self._mid_line = self.bytes[count - 1 : count] != b"\n"
            del self.bytes[:count]

    def drop(self) -> None:
        """Drop them, but for the rest of a line that was begun."""
        if self._mid_line and (end := self.bytes.find(b"\n")) >= 0:
            del self.bytes[end + 1 :]
        else:
            self.bytes.clear()


class Flight:
    """The lines in flight, oldest first.

    What is asked of it for each line is kept as a figure, and not looked for among the lines.
    """

    def __init__(self, profile: FirmwareProfile) -> None:
        self.lines: deque[Line] = deque()
        self.bytes = 0
        self._behind = 0  # bytes of those that the firmware may not have read ahead
        self._long = self._heats = 0  # lines
        self._unharmed = self._grown = 0
        self._trust_after = _TRUST_AFTER
        self._trusted = False  # more again than what lost before
        self.use(profile)

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile."""
        self._room, self._ahead = profile.window_bytes, profile.reads_ahead
        self._behind = sum(len(line.raw) for line in list(self.lines)[self._ahead :])
        self._limit = self._most = self._ceiling = profile.window_lines

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the lines, oldest first."""
        return tuple(line.number for line in self.lines)

    @property
    def first(self) -> int:
        """Number of the oldest line."""
        return self.lines[0].number

    @property
    def long(self) -> bool:
        """Whether the printer may be at one of them for minutes."""
        return self._long > 0

    @property
    def begins(self) -> bool:
        """Whether M110 is on its way."""
        return bool(self.lines) and self.first == 0

    @property
    def heats(self) -> bool:
        """Whether the printer itself waits for heat, or is about to."""
        return self._heats > 0

    @property
    def closed(self) -> bool:
        """Whether no further line may go, however short.

        There are as many as there may be; or the oldest lets none go behind it: M110, which counts from
        when it is done, or a question that is its first line. Where M110 came twice, only the second's
        answer may be the last.
        """
        lines = self.lines
        if len(lines) >= self._limit:
            return True
        if not lines or lines[0].number > 1:
            return False
        return lines[0].number == 0 or lines[0].asks

    def has_room(self, size: int) -> bool:
        """Whether a line of so many bytes may go; a line alone always may.

        The oldest lines are out of the printer's ring, being done or in the queue, where the firmware
        reads ahead. A firmware that does not get round to that loses bytes: then all count, for a while.
        """
        waiting = self._behind if self._limit == self._ceiling else self.bytes
        return waiting + size <= self._room or not self.lines

    def numbered(self, told: int) -> int | None:
        """Return the whole number of the line whose ok tells this one; None where it is not in flight."""
        first = self.first
        number = first + (told - first) % _NUMBERS if told < _NUMBERS else told
        return number if first <= number < first + len(self.lines) else None

    @property
    def questions(self) -> list[int]:
        """Numbers of the first M105, and of those that follow it at once.

        An ok with temperatures is its own, so it acknowledges the lines before it, whose oks may have
        been lost; and of two questions one behind the other the first may have been.
        """
        found: list[int] = []
        for line in self.lines:
            if line.asks:
                found.append(line.number)
            elif found:
                break
        return found

    def add(self, line: Line) -> None:
        """A line goes."""
        size = len(line.raw)
        if len(self.lines) >= self._ahead:
            self._behind += size
        self.lines.append(line)
        self.bytes += size
        self._long += line.long
        self._heats += line.heats

    def acknowledge(self) -> Line:
        """Take the oldest line out."""
        lines, ahead = self.lines, self._ahead
        if len(lines) > ahead:
            self._behind -= len(lines[ahead].raw)
        line = lines.popleft()
        self.bytes -= len(line.raw)
        self._long -= line.long
        self._heats -= line.heats
        return line

    def flow(self, ready: deque[Line]) -> list[Line] | None:
        """Take the oldest line out, and in its place those in that have room, as a single step.

        The same as `acknowledge`, and `add` as long as `closed` and `has_room` allow it. None, and nothing
        is done, where a line is not plain, the window has still to grow, or more may go than is ready.
        """
        lines, ahead, limit = self.lines, self._ahead, self._limit
        if not lines or not lines[0].plain or self._heats or limit != self._ceiling:
            return None
        count, behind = len(lines) - 1, self._behind
        if count >= ahead:
            behind -= len(lines[ahead].raw)
        gone: list[Line] = []
        size = 0
        for line in ready:
            more = len(line.raw)
            if count >= limit or (count and behind + more > self._room):
                break
            if not line.plain:
                return None
            if count >= ahead:
                behind += more
            size += more
            count += 1
            gone.append(line)
        else:
            return None
        self.bytes += size - len(lines.popleft().raw)
        self._behind = behind
        lines.extend(gone)
        for _ in gone:
            ready.popleft()
        return gone

    def grow(self) -> None:
        """An ok came."""
        self._unharmed += 1
        if self._unharmed >= self._trust_after and self._most < self._ceiling:
            self._most, self._unharmed, self._trusted = self._most + 1, 0, True
        if self._limit < self._most:
            self._grown += 1
            if self._grown >= _GROW_AFTER:
                self._limit, self._grown = self._limit + 1, 0

    def forget(self) -> None:
        """Nobody knows what became of them; go on with one line."""
        self.lines.clear()
        self.bytes = self._behind = self._long = self._heats = 0
        self._limit = 1
        self._grown = 0

    def lose(self) -> None:
        """One of them was lost, and with it all behind it."""
        self.forget()
        self._unharmed = 0
        if self._trusted:
            # A ring that is smaller than the profile says loses each time, and what two lines leave of
            # each other passes the checksum once in 256 times: it is tried less and less often.
            self._trusted, self._trust_after = False, self._trust_after * 2
        if self._most > _FEWEST:
            self._most -= 1

    def ran_over(self) -> None:
        """The printer says that its ring was full: from now on one line at a time."""
        self._limit = self._most = self._ceiling = 1
