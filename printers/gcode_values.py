"""What commands may say that neither move nor heat, but change how the printer does both. Pure.

Leaves which commands there may be to `printers.gcode_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from printers.gcode_rules import SCALE

#: Of M201 (acceleration, mm/s2), M203 (greatest speed, mm/s), M204 (acceleration) and M205 (J, mm: how far
#: corners are cut; the others, mm/s: how hard), by word: less than any slicer writes. A print that creeps
#: takes many times what anybody told of it.
_LEAST: Mapping[str, Mapping[str, float]] = {
    "M201": {"X": 200.0, "Y": 200.0, "Z": 10.0, "E": 200.0},
    "M203": {"X": 50.0, "Y": 50.0, "Z": 1.0, "E": 10.0},
    "M204": {"S": 100.0, "P": 100.0, "T": 100.0, "R": 100.0},
    "M205": {"X": 1.0, "Y": 1.0, "Z": 0.05, "E": 0.5, "J": 0.003, "S": 0.0, "T": 0.0, "B": 0.0},
}
#: Of M205's S and T (least speed, mm/s) and B (least time of a move, us), and M900 (mm, or Prusa's of old).
_MOST: Mapping[str, Mapping[str, float]] = {
    "M205": {"S": 50.0, "T": 50.0, "B": 100_000.0},
    "M900": {"K": 500.0},
}
#: Of a bed or nozzle that is waited for until it is as cold; in a warm room a lower one never comes.
_COLDEST_C = 30.0
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
    for letter, most in _MOST.get(name, {}).items():
        if not words.get(letter, most) <= most:
            return f"{name} {letter}{words[letter]:g} is more than any printer is meant to have"
    return _RULES[name](words) if name in _RULES else ""


def _dwell(words: Mapping[str, float]) -> str:
    late = not all(each >= 0 for each in words.values())
    return "G4: a time below 0 is a month for some firmwares" if late else ""


def _retract(words: Mapping[str, float]) -> str:
    # RepRapFirmware's G10 with another S sets a temperature.
    other = words.keys() - {"S"} or words.get("S", 0.0) not in {0.0, 1.0}
    return f"G10: {SCALE}" if other else ""


def _measure(words: Mapping[str, float]) -> str:
    # Marlin's P1 measures, other numbers and an S of 2 and more change what is known.
    other = words.get("P", 1.0) != 1.0 or words.get("S", 1.0) not in {0.0, 1.0}
    return "it changes the printer's map of its bed" if other else ""


def _wait(words: Mapping[str, float]) -> str:
    never = not words.get("R", _COLDEST_C) >= _COLDEST_C
    return "it waits until it is colder than a room" if never else ""


def _after_a_cut(words: Mapping[str, float]) -> str:
    goes_on = words.get("S") != 0.0
    return "it lets the printer go on by itself after a power cut" if goes_on else ""


def _map(words: Mapping[str, float]) -> str:
    # With S it puts its own map of the bed on or off; Z is the height at which that ends.
    return "" if words.get("S") in {0.0, 1.0} else "M420 takes S0 or S1 here"


_RULES: Mapping[str, Callable[[Mapping[str, float]], str]] = {
    "G4": _dwell, "G10": _retract, "G29": _measure, "M109": _wait, "M190": _wait,
    "M413": _after_a_cut, "M420": _map,
}  # fmt: skip
