"""How much filament a move pushes, as each kind of firmware reads its E. Pure.

Marlin 2 lets E follow G90 and G91 until M82 or M83; Klipper and RepRapFirmware let it follow M82 and M83
only; Marlin 1 and Prusa take it as relative where either says so. Common end codes (Cura's of an Ender-3)
pull back behind a G91 without an M83, so where the readings part, all are followed, and none may do harm.
Leaves what may be pushed where to `printers.gcode`.
"""

from __future__ import annotations

#: Commands that say whether numbers are positions or ways.
MODES = frozenset({"G90", "G91", "M82", "M83"})


class Extruder:
    """What E means while a file is read; where the filament stands is kept by who reads it."""

    def __init__(self) -> None:
        self.relative = False  # X, Y, Z
        self.relative_e = False  # of Marlin 2
        self._told = False  # by M83
        #: How much further the filament stands for Klipper and for Marlin 1 than for Marlin 2.
        self._further = (0.0, 0.0)

    def tell(self, name: str) -> None:
        """Take one of `MODES`."""
        relative = name in {"G91", "M83"}
        self.relative_e = relative
        if name in {"G90", "G91"}:
            self.relative = relative
        else:
            self._told = relative

    def stands(self) -> None:
        """Take a G92 E: it stands at the same place for all."""
        self._further = (0.0, 0.0)

    @property
    def apart(self) -> bool:
        """Whether a move may push something else on another firmware."""
        ways = {self.relative_e, *self._others()}
        return len(ways) > 1 or self._further != (0.0, 0.0)

    def _others(self) -> tuple[bool, bool]:
        return self._told, self._told or self.relative

    def push(self, told: float, at: float) -> tuple[float, float]:
        """Return what a move with E `told` pushes for Marlin 2, and the most that it pushes anywhere, in mm.

        `at` is where the filament stands before.
        """
        pushed = told if self.relative_e else told - at
        found, most = [], pushed
        for relative, further in zip(self._others(), self._further, strict=True):
            other = told if relative else told - (at + further)
            most = max(most, other)
            if relative is not self.relative_e:
                further += other - pushed  # noqa: PLW2901
            elif not relative:
                further = 0.0  # noqa: PLW2901
            found.append(further)
        self._further = (found[0], found[1])
        return pushed, most
