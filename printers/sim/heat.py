"""Heaters of a simulated printer: they rise, cool, lose their sensor, and burn. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

ROOM_C = 21.0
#: A hot end heated on for longer: plastic gives off smoke, and what holds it melts.
BURNS_C = 350.0
_FALLEN_C = 4.0  # under its target for too long: Marlin's THERMAL_PROTECTION_HYSTERESIS
_SECONDS_DEGREES = 80.0  # 40 s (THERMAL_PROTECTION_PERIOD) where a heater makes 2 degrees a second
_COOLING = 200.0  # a heater of 2 degrees a second has cooled to a third after 100 s


@dataclass(slots=True)
class Heater:
    """A heater that rises to its target at a fixed speed, and cools as hot things do."""

    speed_c_s: float
    target_c: float = 0.0
    highest_target_c: float = 0.0
    _from_c: float = ROOM_C
    _since_s: float = 0.0
    _loose_s: float = math.inf  # since when its sensor hangs in the air
    _loose_c: float = ROOM_C

    def set(self, target_c: float, now_s: float) -> None:
        """Change the target."""
        self._from_c = self.real_c(now_s)
        self._since_s = now_s
        self.target_c = target_c
        self.highest_target_c = max(self.highest_target_c, target_c)

    def lose_sensor(self, now_s: float) -> None:
        """From now on the sensor measures air, and the heater heats after it."""
        self._loose_c = self._from_c = self.real_c(now_s)
        self._loose_s = self._since_s = now_s

    def real_c(self, now_s: float) -> float:
        """Return what it really is."""
        passed_s = now_s - self._since_s
        if now_s >= self._loose_s and self.target_c > 0:
            return self._from_c + passed_s * self.speed_c_s
        goal = max(self.target_c, ROOM_C)
        if goal >= self._from_c:
            return min(goal, self._from_c + passed_s * self.speed_c_s)
        return goal + (self._from_c - goal) * self._left(passed_s)

    def read_c(self, now_s: float) -> float:
        """Return what its sensor says."""
        if now_s < self._loose_s:
            return self.real_c(now_s)
        return ROOM_C + (self._loose_c - ROOM_C) * self._left(now_s - self._loose_s)

    def waits_s(self, now_s: float, *, cooling: bool) -> float:
        """Return how long it takes to the target; to a lower one only where that is waited for."""
        away = self.target_c - self.read_c(now_s)
        if away >= 0:
            return away / self.speed_c_s
        to_go = self.read_c(now_s) - max(self.target_c, ROOM_C)
        return max(0.0, math.log(max(to_go, 1.0)) * _COOLING / self.speed_c_s) if cooling else 0.0

    def runs_away(self, now_s: float) -> bool:
        """Whether a firmware with thermal protection would stop now."""
        if self.target_c == 0 or now_s < self._loose_s + _SECONDS_DEGREES / self.speed_c_s:
            return False
        return self.read_c(now_s) < self.target_c - _FALLEN_C

    def _left(self, passed_s: float) -> float:
        return math.exp(-passed_s * self.speed_c_s / _COOLING)
