"""How many separate things G-code prints: by what its slicer calls them, and by where it prints. Pure.

A piece in one body covers one patch of the bed, however it is shaped: seen from above, all that is
printed of it hangs together. What lies on the first layers only (skirts, brims, lines that prime the
nozzle) is left out, and what the slicer calls a support. A part in several bodies has as many patches.

Nothing is decided here. Leaves what may run to `printers.gcode`; it has passed there before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from firmware_profiles.profile import MachinePreset

#: Skirts and brims lie no higher; of a part that is thinner, its upper half is looked at.
_LAYERS_MM = 1.0
#: Lines of one part lie closer than a cell, parts of a plate further than two cells apart.
_CELL_MM = 0.8
_CELL_NOZZLES = 2.0
#: More than a plate of the smallest parts; names are kept for counting.
_MOST_NAMES = 10_000

#: What slicers write where they begin a thing: PrusaSlicer, SuperSlicer and Orca; Orca and Bambu Studio
#: for a Bambu; Cura; ideaMaker; any for Marlin. A file may have it in two ways.
_NAMED = re.compile(
    r"; printing object (?P<prusa>.+?)\s*$"
    r"|; start printing object, unique label id: (?P<bambu>\d+)"
    r"|;MESH:(?!NONMESH)(?P<cura>.+?)\s*$"
    r"|;PRINTING_ID: (?P<idea>\d+)"
    r"|M486 S(?P<marlin>\d+)"
)
#: ";TYPE:Outer wall"; "; FEATURE: Outer wall" for a Bambu; "; feature outer perimeter" in Simplify3D.
_KIND = re.compile(r";\s*(?:TYPE:|FEATURE:?\s)\s*(.+)", re.IGNORECASE)
_NO_PART = ("support", "skirt", "brim", "wipe tower", "prime", "shield", "raft", "custom", "flush")
_MOVE = re.compile(r"G0*([0123])(?![\d.])")
#: A move as slicers write most of them, which needs no second look.
_PLAIN = re.compile(r"G1 X(\d+\.?\d*) Y(\d+\.?\d*) E(-?\d*\.?\d+)[ \t]*(?:;.*)?\n?$")
_WORDS = re.compile(r"([XYZEIJ])\s*([-+]?(?:\d+\.?\d*|\.\d+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What was counted in one file."""

    named: int | None  # things that its slicer tells apart, None where it names none
    patches: int  # separate patches of the bed that are printed on above the first layers


def count(lines: Iterable[str], preset: MachinePreset, height_mm: float) -> Things:
    """Count the things that G-code prints; it has passed the check for this machine.

    Args:
        lines: of the file.
        preset: whose bed it is.
        height_mm: of the parts.
    """
    reader = _Reader(preset, min(_LAYERS_MM, height_mm / 2))
    for line in lines:
        reader.read(line)
    return Things(named=reader.names.count(), patches=reader.patches())


def named(lines: Iterable[str]) -> int | None:
    """Return how many things the slicer of G-code tells apart, None where it names none.

    A tenth of the time that `count` takes.
    """
    names = _Names()
    for line in lines:
        if line.startswith((";", "M486")):
            names.read(line)
    return names.count()


class _Names:
    """What a slicer calls the things that it prints."""

    def __init__(self) -> None:
        self._told: dict[str, set[str]] = {}  # by the way in which they are told

    def read(self, line: str) -> None:
        found = _NAMED.match(line)
        if found is None or found.lastgroup is None:
            return
        names = self._told.setdefault(found.lastgroup, set())
        if len(names) < _MOST_NAMES:
            names.add(found[found.lastgroup])

    def count(self) -> int | None:
        return max(map(len, self._told.values()), default=None)


class _Reader:
    """Where the nozzle is, and which cells of the bed were printed on."""

    def __init__(self, preset: MachinePreset, above_mm: float) -> None:
        self._above_mm = above_mm
        self._cell = max(_CELL_MM, _CELL_NOZZLES * preset.nozzle_mm)
        self._wide = math.ceil(preset.bed_x_mm / self._cell) + 2
        self._deep = math.ceil(preset.bed_y_mm / self._cell) + 2
        self._printed = bytearray(self._wide * self._deep)
        self.names = _Names()
        self._part = True
        self._relative = self._relative_e = False
        self._x = self._y = self._z = self._e = 0.0

    def read(self, line: str) -> None:
        plain = _PLAIN.match(line)
        if plain is not None and not self._relative:
            x, y, told = plain.groups()
            self._go(float(x), float(y), float(told))
        elif line.startswith("G"):
            self._command(line)
        elif line.startswith(";"):
            self._comment(line)
        elif line.startswith("M82"):
            self._relative_e = False
        elif line.startswith("M83"):
            self._relative_e = True
        elif line.startswith("M486"):
            self.names.read(line)

    def _comment(self, line: str) -> None:
        kind = _KIND.match(line)
        if kind is not None:
            self._part = not any(each in kind[1].lower() for each in _NO_PART)
        else:
            self.names.read(line)

    def _command(self, line: str) -> None:
        code = line.partition(";")[0]
        move = _MOVE.match(code)
        if move is not None:
            words = {letter: float(number) for letter, number in _WORDS.findall(code)}
            self._move(words, int(move[1]))
        elif code.startswith(("G90", "G91")):
            self._relative = self._relative_e = code.startswith("G91")
        elif code.startswith("G92"):
            self._e = float(dict(_WORDS.findall(code)).get("E", self._e))
        elif code.startswith("G28"):
            self._x = self._y = self._z = 0.0

    def _move(self, words: dict[str, float], kind: int) -> None:
        from_x, from_y = self._x, self._y
        if self._relative:
            self._x += words.get("X", 0.0)
            self._y += words.get("Y", 0.0)
            self._z += words.get("Z", 0.0)
        else:
            self._x = words.get("X", from_x)
            self._y = words.get("Y", from_y)
            self._z = words.get("Z", self._z)
        told = words.get("E", 0.0 if self._relative_e else self._e)
        pushed = told if self._relative_e else told - self._e
        self._e += pushed
        if pushed <= 0 or not self._part or self._z <= self._above_mm:
            return
        if kind > 1:
            self._arc(from_x, from_y, words.get("I", 0.0), words.get("J", 0.0), 5 - 2 * kind)
        else:
            self._line(from_x, from_y, self._x, self._y)

    def _go(self, x: float, y: float, told_e: float) -> None:
        """Follow a straight move to a place of the bed."""
        pushed = told_e if self._relative_e else told_e - self._e
        self._e += pushed
        if pushed > 0 and self._part and self._z > self._above_mm:
            self._line(self._x, self._y, x, y)
        self._x, self._y = x, y

    def _line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        if x0 == x1 and y0 == y1:
            return  # filament that was pulled back, or a drop in front of the bed
        steps = int(max(abs(x1 - x0), abs(y1 - y0)) / self._cell * 2)
        self._print(x0, y0)
        for step in range(1, steps + 1):
            part = step / (steps + 1)
            self._print(x0 + part * (x1 - x0), y0 + part * (y1 - y0))
        self._print(x1, y1)

    def _arc(self, x0: float, y0: float, i: float, j: float, clockwise: int) -> None:
        """Print an arc to where the nozzle is now; `clockwise` is 1 for G2 and -1 for G3."""
        radius = math.hypot(i, j)
        begins = math.atan2(-j, -i)
        ends = math.atan2(self._y - y0 - j, self._x - x0 - i)
        turn = (begins - ends) * clockwise % math.tau or math.tau
        steps = int(radius * turn / self._cell * 2) + 1
        for step in range(steps + 1):
            angle = begins - clockwise * turn * step / steps
            self._print(x0 + i + radius * math.cos(angle), y0 + j + radius * math.sin(angle))

    def _print(self, x: float, y: float) -> None:
        column, row = int(x / self._cell) + 1, int(y / self._cell) + 1
        if 0 < column < self._wide and 0 < row < self._deep:
            self._printed[row * self._wide + column] = 1

    def patches(self) -> int:
        """Return how many patches there are; cells that touch at a corner hang together."""
        left, wide, found = bytearray(self._printed), self._wide, 0
        around = (-wide - 1, -wide, -wide + 1, -1, 1, wide - 1, wide, wide + 1)
        at = left.find(1)
        while at >= 0:
            found += 1
            left[at] = 0
            waiting = [at]
            while waiting:
                here = waiting.pop()
                for step in around:
                    near = here + step
                    if 0 <= near < len(left) and left[near]:
                        left[near] = 0
                        waiting.append(near)
            at = left.find(1, at)
        return found
