"""Decides whether a G-code file may run on a printer. Pure: lines in, facts or a refusal out.

A file from the network moves and heats a machine in somebody's home, so only commands from a list
are let through, and every extrusion and temperature is followed. Where firmwares read E
otherwise, each of them is followed (`printers.gcode_extruder`). Leaves how a line is read to
`printers.gcode_words`, commands that neither move nor heat to `printers.gcode_values`, how long moves
take to `printers.gcode_time`, checksums and lengths of lines to `printers.gcode_line`, their numbers to
`printers.gcode_link`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import hypot

from firmware_profiles.profile import MachinePreset
from printers.errors import GcodeRefusedError
from printers.gcode_extruder import MODES, Extruder
from printers.gcode_places import LOWEST_MM, ROUNDING_MM, arc_way, ground_of, in_front
from printers.gcode_rules import SCALE, arc_corners, arc_sweep
from printers.gcode_time import LIMITS, TURNS, Speed, least_s, turn_s
from printers.gcode_values import why_not
from printers.gcode_words import PLAIN_MOVE, command_of, ended

#: Faster than any printer of the presets moves, in mm/min; a slip of units rather than a wish.
_FASTEST = 60_000.0
#: Filament that one move may push or pull, in mm.
_LONGEST_E_MM = 150.0
#: Where E may stand: further, a firmware's seven digits do not tell one move from the next.
_FURTHEST_E_MM = 1_000_000.0
#: Slicers draw nothing wider; firmwares reckon an arc from its centre, with seven digits.
_WIDEST_MM = 100_000.0
_LONGEST_DWELL_S = 600.0
#: All pauses of a file together: a picture of each layer takes a second.
_MOST_DWELL_S = 7200.0
_LONGEST_S = 30 * 86400.0
#: Travel may leave the bed by this much (to park, to wipe), for firmware stops at its own ends.
_TRAVEL_MM = 30.0
#: What stands no higher does no harm to a nozzle that touches the bed there.
_FLAT_MM = 1.0

_AXES = frozenset("XYZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class GcodeFacts:
    """What a file that may run would do. Extents are those of extruding moves on the bed, in mm."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float
    z_max: float
    nozzle_max_c: float
    bed_max_c: float
    extruded_mm: float  # of filament, net of what is pulled back
    least_s: float  # no printer is quicker: its moves at their speeds, and its pauses
    lines: int


def check(
    lines: Iterable[str], preset: MachinePreset, *, nozzle_limit_c: float, bed_limit_c: float
) -> GcodeFacts:
    """Read a G-code file line by line; return what it would do.

    Args:
        lines: of the file, with or without their ends.
        preset: whose bed and height hold.
        nozzle_limit_c: the lower of what machine and material stand.
        bed_limit_c: the same for the bed.

    Raises:
        GcodeRefusedError: it must not run here; names the line and the reason.
    """
    reader = _Reader(preset, nozzle_limit_c, bed_limit_c)
    plain = PLAIN_MOVE.match
    for line in lines:
        if "\r" in line:
            line = ended(line, reader.line + 1)  # noqa: PLW2901
        move = plain(line)
        if move is None or not reader.step(*move.groups()):
            reader.read(line)
    return reader.finish()


class _Reader:
    """The state of the printer while a file is read."""

    def __init__(self, preset: MachinePreset, nozzle_limit_c: float, bed_limit_c: float) -> None:
        self._preset = preset
        self._limits = {"nozzle": nozzle_limit_c, "bed": bed_limit_c}
        self._targets = {"nozzle": 0.0, "bed": 0.0}
        self._hottest = {"nozzle": 0.0, "bed": 0.0}
        self.line = 0
        self._x_high, self._y_high = preset.bed_x_mm + _TRAVEL_MM, preset.bed_y_mm + _TRAVEL_MM
        self._ground = ground_of(preset)
        self._extruder = Extruder()
        self._relative_e = self._the_long_way = False
        self._homed: frozenset[str] = frozenset()
        self._is_homed = self._is_covered = False  # all axes; where it stands, by the print
        # Unknown until the printer is homed or told.
        self._x = self._y = self._z = math.nan
        self._e = 0.0
        self._extruded = self._dwelt_s = self._moved_s = 0.0
        self._speed = Speed()
        self._mm_s = self._speed.mm_s
        # The way over the bed of the move before, a part of its length, and how fast it was.
        self._way_x = self._way_y = self._turns = 0.0
        self._before_mm_s = self._mm_s
        self._x_min = self._y_min = math.inf
        self._x_max = self._y_max = self._z_max = -math.inf
        nozzle, bed = (partial(self._heat, heater) for heater in ("nozzle", "bed"))
        self._rules: Mapping[str, Callable[[dict[str, float]], None]] = {
            "G0": self._move, "G1": self._move, "G2": partial(self._arc, sense=-1),
            "G3": partial(self._arc, sense=1), "G4": self._dwell, "G28": self._home, "G29": self._level,
            "G80": self._level, "G92": self._set, "M18": self._motors_off, "M84": self._motors_off,
            "M104": nozzle, "M109": nozzle, "M140": bed, "M190": bed, "M220": self._speed_factor,
        }  # fmt: skip

    def step(
        self,
        f1: str | None,
        x: str | None,
        y: str | None,
        z: str | None,
        e: str | None,
        f2: str | None,
    ) -> bool:
        """Follow a plain move if it is surely allowed; else change nothing and return False.

        Most moves end within what the print has covered before, so that there is nothing to refuse and
        no extent to widen; `read` knows the rest, and every reason. Arguments are the move's words.
        """
        if self._the_long_way or (f1 and f2):
            return False
        told = f1 or f2
        from_x, from_y, from_z = self._x, self._y, self._z
        try:
            feedrate = float(told) if told else 0.0
            to_x = float(x) if x else from_x
            to_y = float(y) if y else from_y
            to_z = float(z) if z else from_z
            pushed = 0.0 if not e else float(e) if self._relative_e else float(e) - self._e
        except ValueError:  # two points in a number
            return False
        if pushed > 0:
            if (
                pushed > _LONGEST_E_MM
                or not self._is_homed
                or not self._covers(to_x, to_y, to_z)
                or not (self._is_covered or self._covers(from_x, from_y, from_z))
                or (self._ground and self._ground.why_not([(from_x, from_y), (to_x, to_y)]))
            ):
                return False
        elif pushed < -_LONGEST_E_MM or not (
            -_TRAVEL_MM <= to_x <= self._x_high
            and -_TRAVEL_MM <= to_y <= self._y_high
            and LOWEST_MM <= to_z <= self._preset.height_mm
        ):
            return False
        if feedrate:
            if feedrate > _FASTEST:
                return False
            self._mm_s = self._speed.told(feedrate)
        self.line += 1
        way_x, way_y, mm_s = to_x - from_x, to_y - from_y, self._mm_s
        moved = hypot(way_x, way_y)
        if moved > 0 and not z:  # most moves; as `least_s`, without a call
            self._moved_s += moved / mm_s
        else:
            self._moved_s += least_s(moved, abs(to_z - from_z), abs(pushed), mm_s)
        self._turn(way_x, way_y, moved, mm_s)
        self._x, self._y, self._z = to_x, to_y, to_z
        self._is_covered = pushed > 0
        if e:
            self._e += pushed
            self._extruded += pushed
        return True

    def _covers(self, x: float, y: float, z: float) -> bool:
        """Whether the print has been on all sides of a point; False where it is not known."""
        return (
            self._x_min <= x <= self._x_max
            and self._y_min <= y <= self._y_max
            and LOWEST_MM <= z <= self._z_max
        )

    def read(self, line: str) -> None:
        self.line += 1
        self._is_covered = False
        found = command_of(line, self.line)
        if found is not None:
            name, words = found
            why = why_not(name, words)
            if why:
                raise self._refuse(why)
            if name in MODES:
                self._extruder.tell(name)
            if name in LIMITS:
                self._mm_s = self._speed.limit(name, words)
            if name in self._rules:
                self._rules[name](words)
            self._relative_e = self._extruder.relative_e
            self._the_long_way = self._extruder.relative or self._extruder.apart

    def finish(self) -> GcodeFacts:
        """Check what only the end shows."""
        if math.isinf(self._x_min):
            raise GcodeRefusedError(0, "nothing is printed in it")
        for heater, target in self._targets.items():
            if target > 0:
                raise GcodeRefusedError(
                    0, f"the {heater} stays at {target:g} C at the end; end it with heaters off"
                )
        least_s = self._moved_s + self._dwelt_s
        if least_s > _LONGEST_S:
            raise GcodeRefusedError(0, f"it takes {least_s / 86400:.0f} days at the least")
        return GcodeFacts(
            x_min=self._x_min, x_max=self._x_max, y_min=self._y_min, y_max=self._y_max,
            z_max=self._z_max, nozzle_max_c=self._hottest["nozzle"], bed_max_c=self._hottest["bed"],
            extruded_mm=self._extruded, least_s=least_s, lines=self.line,
        )  # fmt: skip

    def _refuse(self, why: str) -> GcodeRefusedError:
        return GcodeRefusedError(self.line, why)

    # -- moves ---------------------------------------------------------------------------------

    def _target(self, words: dict[str, float]) -> tuple[float, float, float, float]:
        """Return where a move ends, and the most filament that any firmware pushes in it."""
        if math.isnan(sum(words.values())):
            raise self._refuse("a word of this move has no number")
        feedrate = words.get("F", 0.0)
        if not 0 <= feedrate <= _FASTEST:
            raise self._refuse(f"a speed of F{feedrate:g} cannot be meant")
        self._mm_s = self._speed.told(feedrate)
        if self._extruder.relative:
            if "Z" not in self._homed and words.get("Z", 0.0) < 0:
                raise self._refuse("it lowers the nozzle before the printer is homed (G28)")
            x = self._x + words.get("X", 0.0)
            y = self._y + words.get("Y", 0.0)
            z = self._z + words.get("Z", 0.0)
        else:
            x, y, z = words.get("X", self._x), words.get("Y", self._y), words.get("Z", self._z)
        most = 0.0
        if "E" in words:
            pushed, most = self._extruder.push(words["E"], self._e)
            for each in (pushed, most):
                if not abs(each) <= _LONGEST_E_MM:
                    raise self._refuse(f"{each:.0f} mm of filament in one move cannot be meant")
            self._e += pushed
            self._extruded += pushed
        return x, y, z, most

    def _move(self, words: dict[str, float]) -> None:
        x, y, z, pushed = self._target(words)
        if pushed > 0:
            self._extrude(self._x, self._y, self._z)
            self._extrude(x, y, z)
            self._lay([(self._x, self._y), (x, y)])
        else:
            self._travel(x, y, z)
        flat = hypot(x - self._x, y - self._y)
        self._moved_s += least_s(flat, abs(z - self._z), abs(pushed), self._mm_s)
        self._turn(x - self._x, y - self._y, flat, self._mm_s)
        self._x, self._y, self._z = x, y, z

    def _turn(self, way_x: float, way_y: float, moved: float, mm_s: float) -> None:
        """Take the way of a move over the bed, and the time of a sharp turn before it."""
        if moved > 0:
            if way_x * self._way_x + way_y * self._way_y < moved * self._turns:
                before_s = turn_s(self._turns / TURNS, self._before_mm_s)
                self._moved_s += turn_s(moved, mm_s) + before_s
            self._way_x, self._way_y, self._turns = way_x, way_y, moved * TURNS
            self._before_mm_s = mm_s

    def _extrude(self, x: float, y: float, z: float) -> None:
        if not self._is_homed or math.isnan(x + y + z):
            raise self._refuse("it pushes filament before the printer is homed (G28)")
        if self._covers(x, y, z):
            return
        preset = self._preset
        if math.isinf(self._x_min) and in_front(preset, x, y, z):
            return
        for axis, at, most in (("X", x, preset.bed_x_mm), ("Y", y, preset.bed_y_mm)):
            if not -ROUNDING_MM <= at <= most + ROUNDING_MM:
                raise self._refuse(
                    f"it prints at {axis} {at:.1f} mm, and the bed has 0 to {most:g} mm"
                )
        self._height(z)
        self._x_min, self._x_max = min(self._x_min, x), max(self._x_max, x)
        self._y_min, self._y_max = min(self._y_min, y), max(self._y_max, y)
        self._z_max = max(self._z_max, z)

    def _lay(self, way: Sequence[tuple[float, float]]) -> None:
        """Look at all of the way where the bed is round or has something on it."""
        if self._ground and (why := self._ground.why_not(way)):
            raise self._refuse(why)

    def _travel(self, x: float, y: float, z: float) -> None:
        for axis, at, most in (("X", x, self._preset.bed_x_mm), ("Y", y, self._preset.bed_y_mm)):
            if at < -_TRAVEL_MM or at > most + _TRAVEL_MM:
                raise self._refuse(f"it moves to {axis} {at:.0f} mm, far off the bed")
        if not math.isnan(z):
            self._height(z)

    def _height(self, z: float) -> None:
        if z < LOWEST_MM:
            raise self._refuse(f"Z {z:.2f} mm lies below the bed")
        if z > self._preset.height_mm + ROUNDING_MM:
            raise self._refuse(
                f"Z {z:.1f} mm is higher than the printer's {self._preset.height_mm:g} mm"
            )

    def _arc(self, words: dict[str, float], sense: int) -> None:
        if "R" in words or not ("I" in words or "J" in words):
            raise self._refuse("an arc without its centre (I, J) cannot be checked")
        start_x, start_y = self._x, self._y
        offset = words.get("I", 0.0), words.get("J", 0.0)
        if math.hypot(*offset) > _WIDEST_MM:
            raise self._refuse("an arc of so wide a circle is drawn elsewhere by a firmware")
        x, y, z, pushed = self._target(words)
        visit = self._extrude if pushed > 0 else self._travel
        for at_x, at_y in arc_corners(start_x, start_y, x, y, offset, sense):
            visit(at_x, at_y, z)
        self._way_x = self._way_y = self._turns = 0.0
        sweep = arc_sweep(start_x, start_y, x, y, offset, sense)
        if self._ground and pushed > 0:
            self._lay([*arc_way(start_x, start_y, offset, sweep, sense), (x, y)])
        length = hypot(*offset) * sweep
        self._moved_s += least_s(length, abs(z - self._z), abs(pushed), self._mm_s)
        self._x, self._y, self._z = x, y, z

    def _home(self, words: dict[str, float]) -> None:
        axes = (_AXES & words.keys()) or _AXES
        if any(words[axis] > 0 or words[axis] < 0 for axis in axes & words.keys()):
            raise self._refuse("old firmwares take a number behind G28 for the position there")
        if "Z" in axes:
            self._touch()
        self._homed |= axes
        self._is_homed = self._homed == _AXES
        self._x = 0.0 if "X" in axes else self._x
        self._y = 0.0 if "Y" in axes else self._y
        self._z = 0.0 if "Z" in axes else self._z

    def _touch(self) -> None:
        """Let the nozzle, or a probe beside it, go down to the bed wherever the printer does that."""
        if self._z_max > _FLAT_MM:
            raise self._refuse("it looks for the bed where parts stand on it already")

    def _set(self, words: dict[str, float]) -> None:
        if not words or words.keys() - {"E"}:
            raise self._refuse(f"G92: {SCALE}")
        self._e = words["E"]
        if math.isnan(self._e):
            raise self._refuse("G92 E without a number")
        if abs(self._e) > _FURTHEST_E_MM:
            raise self._refuse("firmwares reckon with seven digits, and E has more here")
        self._extruder.stands()

    def _motors_off(self, words: dict[str, float]) -> None:
        # With S it says after how long; Klipper passes that over, as others do where it has no number.
        if not words.get("S", math.nan) >= 0:
            self._homed, self._is_homed = frozenset(), False

    def _level(self, words: dict[str, float]) -> None:
        if "Z" in words:
            raise self._refuse("it writes heights into the printer's map of its bed")
        self._touch()
        self._z = 0.0  # nobody knows how high it ends

    # -- heat and the rest ---------------------------------------------------------------------

    def _heat(self, heater: str, words: dict[str, float]) -> None:
        if words.get("T", 0.0) != 0.0:
            raise self._refuse("it heats another tool, and one is known here")
        told = [words[letter] for letter in "SR" if letter in words]
        if not told:
            raise self._refuse(f"it heats the {heater} without saying how far")
        hottest = max(told)
        if not all(0 <= target <= self._limits[heater] for target in told):
            raise self._refuse(
                f"it heats the {heater} to {hottest:g} C, and {self._limits[heater]:g} C is the most here"
            )
        self._targets[heater] = hottest
        self._hottest[heater] = max(self._hottest[heater], hottest)

    def _dwell(self, words: dict[str, float]) -> None:
        waits_s = max(words.get("S", 0.0), words.get("P", 0.0) / 1000.0)
        self._dwelt_s += max(0.0, waits_s)
        if self._dwelt_s > _MOST_DWELL_S:
            waits_s = self._dwelt_s
        if not 0 <= waits_s <= _LONGEST_DWELL_S:
            raise self._refuse(f"it waits for {waits_s:g} s with the heaters on")

    def _speed_factor(self, words: dict[str, float]) -> None:
        self._mm_s = self._speed.factor(words)
