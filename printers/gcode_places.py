"""Where a nozzle may push filament, beside the bed itself. Pure.

Leaves which moves there are to `printers.gcode`.
"""

from __future__ import annotations

from firmware_profiles.profile import MachinePreset

ROUNDING_MM = 0.01
#: A first layer is never lower than this; below, the nozzle would scratch the bed.
LOWEST_MM = -0.05
#: A line that primes the nozzle in front of the bed lies no higher than this.
_PRIME_Z_MM = 0.6


def in_front(preset: MachinePreset, x: float, y: float, z: float) -> bool:
    """Return whether this is of a prime line where the preset has room for one, before the first part.

    Once anything lies on the bed no move may leave it: a part that hangs off its edge would.
    """
    return (
        -preset.prime_front_mm - ROUNDING_MM <= y < -ROUNDING_MM
        and -ROUNDING_MM <= x <= preset.bed_x_mm + ROUNDING_MM
        and LOWEST_MM <= z <= _PRIME_Z_MM
    )
