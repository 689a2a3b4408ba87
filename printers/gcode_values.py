"""What commands may say that neither move nor heat, but change how the printer does both. Pure.

Leaves which commands there may be to `printers.gcode_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping

from printers.gcode_rules import SCALE

#: Of M201 (acceleration, mm/s2), M203 (greatest speed, mm/s) and M204 (acceleration), by word: less than any
#: slicer writes. A print that creeps takes many times what anybody told of it.
_LEAST: Mapping[str, Mapping[str, float]] = {
    "M201": {"X": 50.0, "Y": 50.0, "Z": 5.0, "E": 50.0},
    "M203": {"X": 20.0, "Y": 20.0, "Z": 1.0, "E": 5.0},
    "M204": {"S": 50.0, "P": 50.0, "T": 50.0, "R": 50.0},
}
#: Of M220 (speed) and M221 (flow), in per cent.
_FACTORS: Mapping[str, tuple[str, float, float]] = {
    "M220": ("speed", 10.0, 200.0),
    "M221": ("flow", 50.0, 150.0),
}


def why_not(name: str, words: Mapping[str, float]) -> str:
    """Return why a command may not be given with these words, "" where it may."""
    if name in _FACTORS:
        what, least, most = _FACTORS[name]
        told = words.get("S", 100.0)
        return "" if least <= told <= most else f"{told:g} % of {what} cannot be meant"
    for letter, least in _LEAST.get(name, {}).items():
        if not words.get(letter, least) >= least:
            return f"{name} {letter}{words[letter]:g} is slower than any printer is meant to be"
    # RepRapFirmware's G10 with another S sets a temperature.
    if name == "G10" and (words.keys() - {"S"} or words.get("S", 0.0) not in {0.0, 1.0}):
        return f"G10: {SCALE}"
    if name == "M413" and words.get("S") != 0.0:
        return "it lets the printer go on by itself after a power cut"
    # With S it puts its own map of the bed on or off; Z is the height at which that ends.
    if name == "M420" and words.get("S") not in {0.0, 1.0}:
        return "M420 takes S0 or S1 here"
    return ""
