"""Lines on their way to a printer: which are not acknowledged yet, and how many there may be. Pure.

The window of bytes and lines is the firmware profile's. After a loss one line is in flight, then one
more after each few oks; and two are the most that may be, until a long time was without a loss, and
twice as long after each time that this was too early. For a firmware that flushes late one is the most then;
it begins with two, and gets one more only where that makes it quicker. Leaves numbers and words to
`printers.gcode_link`.
"""

from __future__ import annotations

import math
from collections import deque

from firmware_profiles.profile import FirmwareProfile
from printers.gcode_line import Line

_GROW_AFTER = 4  # oks
_FEWEST = 2  # lines in flight, on a line that loses many
#: A firmware that flushes late throws away what comes until it has written which line it asks for; on an AVR
#: that takes as long as a line. A third one is cut then, often right behind its number, and what is left of
#: it is done. The second is only where the host was late with it.
_FEWEST_LATE = 1
_NUMBERS = 1 << 16  # an ok of Repetier-Firmware has no more
_TRUST_AFTER = 1000  # oks without a loss, before one line more may be in flight again
_FIRST_TRUST_AFTER = 50  # where the firmware flushes late
#: Oks with one line more; the quickest of `_PACE_OVER` behind one another tell what it is worth.
_TRIAL, _PACE_OVER = 75, 25
_QUICKER = 1.04
_FULL = 0.9  # of what the line can carry
_NOT_SOON = 40  # times as many oks, where it was worth nothing


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
    `full_bytes_s` is what the line can carry; infinite where nobody knows.
    """

    def __init__(self, profile: FirmwareProfile, full_bytes_s: float = math.inf) -> None:
        self.lines: deque[Line] = deque()
        self._full_bytes_s = full_bytes_s
        self.bytes = 0
        self._behind = 0  # bytes of those that the firmware may not have read ahead
        self._long = self._heats = 0  # lines
        self._unharmed = self._grown = 0
        self._acknowledged = 0  # bytes, in this stretch of oks
        self._since_s = math.inf
        self._pace = self._pace_before = 0.0  # the quickest, in bytes a second
        self._trust_after = _TRUST_AFTER
        self._lossy = False  # it lost one not long ago
        self._trusted = False  # more again than what lost before
        self.use(profile)

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile."""
        self._room, self._ahead = profile.window_bytes, profile.reads_ahead
        self._behind = sum(len(line.raw) for line in list(self.lines)[self._ahead :])
        self._limit = self._most = self._ceiling = profile.window_lines
        self._fewest = _FEWEST_LATE if profile.flushes_late else _FEWEST
        if profile.flushes_late and self._ceiling > _FEWEST:
            self._limit = self._most = _FEWEST
            self._trust_after = _FIRST_TRUST_AFTER

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
        careful = self._lossy or self._limit < self._most
        waiting = self.bytes if careful else self._behind
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
        size = len(line.raw)
        self.bytes -= size
        self._acknowledged += size
        self._long -= line.long
        self._heats -= line.heats
        return line

    def flow(self, ready: deque[Line]) -> list[Line] | None:
        """Take the oldest line out, and in its place those in that have room, as a single step.

        The same as `acknowledge`, `grow`, and `add` as long as `closed` and `has_room` allow it. None, and
        nothing is done, where a line is not plain, the window has still to grow, it is time to measure, or
        more may go than is ready.
        """
        lines, ahead, limit = self.lines, self._ahead, self._limit
        if not lines or not lines[0].plain or self._heats or limit != self._most:
            return None
        grows, lossy = limit != self._ceiling, self._lossy
        if grows and (self._unharmed + 1) % _PACE_OVER == 0:
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
            if not line.plain or (lossy and self.bytes + size + more > self._room):
                return None
            if count >= ahead:
                behind += more
            size += more
            count += 1
            gone.append(line)
        else:
            return None
        done = len(lines.popleft().raw)
        self.bytes += size - done
        if grows:
            self._acknowledged += done
            self._unharmed += 1
        self._behind = behind
        lines.extend(gone)
        for _ in gone:
            ready.popleft()
        return gone

    def grow(self, now_s: float) -> None:
        """An ok came."""
        if self._limit == self._ceiling:
            return
        self._unharmed += 1
        if self._unharmed % _PACE_OVER == 0:
            self._measure(now_s)
        needed = _TRIAL if self._pace_before else self._trust_after
        if self._unharmed >= needed and self._most < self._ceiling:
            self._trust(now_s)
        if self._limit < self._most:
            self._grown += 1
            if self._grown >= _GROW_AFTER:
                self._limit, self._grown = self._limit + 1, 0

    def _measure(self, now_s: float) -> None:
        if now_s > self._since_s and self._limit == self._most:
            self._pace = max(self._pace, self._acknowledged / (now_s - self._since_s))
        self._acknowledged, self._since_s = 0, now_s

    def _trust(self, now_s: float) -> None:
        """Try one line more, or take back the last where that has made nothing quicker."""
        if self._most == _FEWEST and self._pace > self._full_bytes_s * _FULL:
            self._pace_before = 0.0  # there is no room on the line for more
        elif self._most > _FEWEST and self._pace < self._pace_before * _QUICKER:
            self._most -= 1
            self._limit = min(self._limit, self._most)
            self._trust_after *= _NOT_SOON
            self._pace_before = 0.0
        else:
            self._most += 1
            self._trusted, self._lossy = True, False
            self._pace_before = self._pace if self._most > _FEWEST else 0.0
        self._unharmed, self._pace = 0, 0.0
        self._acknowledged, self._since_s = 0, now_s

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
        self._pace = self._pace_before = 0.0
        self._lossy = True
        if self._trusted:
            # A ring that is smaller than the profile says loses each time, and what two lines leave of
            # each other passes the checksum once in 256 times: it is tried less and less often.
            self._trusted, self._trust_after = False, self._trust_after * 2
        self._trust_after = max(self._trust_after, _TRUST_AFTER)
        self._most = min(self._most, self._fewest)

    def ran_over(self) -> None:
        """The printer says that its ring was full: from now on one line at a time."""
        self._limit = self._most = self._ceiling = 1
