"""Lines on their way to a printer: which are not acknowledged yet, and how many there may be. Pure.

The window of bytes and lines is the firmware profile's. After a loss one line is in flight, then one
more after each few oks; and the most that may be is one less than before, until a long time was
without a loss, and twice as long after each time that this was too early. Leaves numbers and words
to `printers.gcode_link`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_profiles.profile import FirmwareProfile
from printers.gcode_line import takes_long
from printers.heat_wait import waits_for_heat

_GROW_AFTER = 4  # oks
_FEWEST = 2  # lines in flight, on a line that loses many
_TRUST_AFTER = 1000  # oks without a loss, before one line more may be in flight again


@dataclass(frozen=True, slots=True)
class _Sent:
    """A line that was sent."""

    number: int
    size: int  # bytes, with number, checksum and end
    long: bool  # the printer may be at it for minutes
    heats: bool  # the printer is at it until something is hot
    asks: bool  # only how hot it is


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
    """The lines in flight, oldest first."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._lines: deque[_Sent] = deque()
        self.bytes = 0
        self._unharmed = self._grown = 0
        self._trust_after = _TRUST_AFTER
        self._trusted = False  # more again than what lost before
        self.use(profile)

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile."""
        self._profile = profile
        self._limit = self._most = self._ceiling = profile.window_lines

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the lines, oldest first."""
        return tuple(sent.number for sent in self._lines)

    @property
    def first(self) -> int:
        """Number of the oldest line."""
        return self._lines[0].number

    @property
    def long(self) -> bool:
        """Whether the printer may be at one of them for minutes."""
        return any(sent.long for sent in self._lines)

    @property
    def begins(self) -> bool:
        """Whether M110 is on its way."""
        return bool(self._lines) and self.first == 0

    @property
    def alone(self) -> bool:
        """Whether the oldest lets no line go behind it: M110, or a question that is its first line.

        M110 counts from when it is done. Where it came twice, only the second's answer may be the last.
        """
        if not self._lines or (oldest := self._lines[0]).number > 1:
            return False
        return oldest.asks or oldest.number == 0

    @property
    def heats(self) -> bool:
        """Whether the printer itself waits for heat, or is about to."""
        return any(sent.heats for sent in self._lines)

    @property
    def full(self) -> bool:
        """Whether no further line may go, however short."""
        return len(self._lines) >= self._limit

    def has_room(self, size: int) -> bool:
        """Whether a line of so many bytes may go; a line alone always may."""
        return not self._lines or self._waiting_bytes() + size <= self._profile.window_bytes

    def _waiting_bytes(self) -> int:
        """Bytes that may wait in the printer's ring, if nothing is lost for want of room.

        The oldest lines are out of it, being done or in the queue, where the firmware reads ahead. A
        firmware that does not get round to that loses bytes: then all count, for a while.
        """
        ahead = self._profile.reads_ahead
        if not ahead or not self._limit == self._most == self._ceiling:
            return self.bytes
        return self.bytes - sum(self._lines[i].size for i in range(min(ahead, len(self._lines))))

    @property
    def questions(self) -> list[int]:
        """Numbers of the first M105, and of those that follow it at once.

        An ok with temperatures is its own, so it acknowledges the lines before it, whose oks may have
        been lost; and of two questions one behind the other the first may have been.
        """
        found: list[int] = []
        for sent in self._lines:
            if sent.asks:
                found.append(sent.number)
            elif found:
                break
        return found

    def add(self, number: int, size: int, command: bytes) -> None:
        """A line of so many bytes goes."""
        self._lines.append(
            _Sent(number, size, takes_long(command), waits_for_heat(command), command == b"M105")
        )
        self.bytes += size

    def acknowledge(self) -> int:
        """Take the oldest line out; return its number."""
        sent = self._lines.popleft()
        self.bytes -= sent.size
        return sent.number

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
        self._lines.clear()
        self.bytes = 0
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
