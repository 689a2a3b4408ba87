"""Which G-code commands may run, which may not and why, and where an arc goes. Pure.

What the allowed ones do is followed in `printers.gcode`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

#: Grows with every rule that lets less through, or times it otherwise: what was checked by earlier ones
#: is checked anew.
EDITION = 7

#: Commands that the check has a rule for.
FOLLOWED = frozenset(
    {f"G{n}" for n in (0, 1, 2, 3, 4, 10, 28, 29, 80, 90, 91, 92)}
    | {f"M{n}" for n in (18, 82, 83, 84, 104, 109, 140, 190, 220, 221, 413, 420)}
    | {"T0"}
)
#: Commands without a rule of their own: their words are read, and do no harm.
ALLOWED = frozenset(
    {f"G{n}" for n in (11, 21)}
    | {f"M{n}" for n in (17, 73, 105, 106, 107, 114, 115, 201, 203, 204, 205)}
    | {f"M{n}" for n in (400, 486, 862, 900)}
)
#: Commands that have a word T: a heater's tool, the acceleration (M204) or least speed (M205) of
#: travels. Elsewhere a T, G, M or N in a line begins a second command.
TAKES_T = frozenset({"M104", "M109", "M140", "M190", "M204", "M205"})
#: Commands whose rest is text for people.
TEXT = frozenset({"M117", "M486", "M862"})
#: Commands that have a number behind a point. Elsewhere it makes another one: Smoothieware's G28.3 sets
#: the position that G28 looks for, and who knows no points does G28.
POINTS = frozenset({"M862"})
#: The words of each command. Others change what it does: with I, Marlin's M104 takes a temperature of its
#: menu and passes over S, with F it lets the nozzle's heat follow the moves, after an M104 S0 too; with H,
#: RepRapFirmware's G1 passes over its ends; with P6 C, Marlin's G29 lowers the map of the bed; with P,
#: Teacup's M106 switches a heater; with X, Y, Z, Repetier's M204 sets how it regulates heat.
WORDS: Mapping[str, frozenset[str]] = {
    "G0": frozenset("XYZEF"), "G1": frozenset("XYZEF"),
    "G2": frozenset("XYZEFIJR"), "G3": frozenset("XYZEFIJR"), "G4": frozenset("SP"),
    "G28": frozenset("XYZW"), "G29": frozenset("AJLPSZ"), "G80": frozenset("XYZWHIPV"),
    "M104": frozenset("ST"), "M109": frozenset("SRT"),
    "M140": frozenset("ST"), "M190": frozenset("SRT"), "M106": frozenset("S"),
    "M73": frozenset("PRQSCD"), "M105": frozenset("RS"),
    "M201": frozenset("XYZE"), "M203": frozenset("XYZE"),
    "M204": frozenset("SPTR"), "M205": frozenset("STBXYZEJ"),
    "M220": frozenset("SBR"), "M221": frozenset("S"), "M900": frozenset("K"),
    "M413": frozenset("S"), "M420": frozenset("SZ"),
    **dict.fromkeys(("M17", "M18", "M84"), frozenset("XYZES")),
    **dict.fromkeys(
        ("G11", "G21", "G90", "G91", "M82", "M83", "M107", "M114", "M115", "M400", "T0"), frozenset()
    ),
}  # fmt: skip

#: Old firmware that reads a card begins a new command after so many bytes, and behind : and #.
_MOST_BYTES = 95
#: Of a command that is all that every firmware surely reads, behind a line's number and before its checksum.
MOST_SIGNS = 80
_HIDDEN = re.compile(r"[:#]\s*[GMT]\s*\d", re.IGNORECASE)
#: Of M117 every firmware takes the whole line for text. Of the others RepRapFirmware and Smoothieware read
#: on, and do what stands behind them; of what stands in quotation marks they do not.
_QUOTED = re.compile(r'"[^"]*"')
_SECOND = re.compile(r"[GM]\s*\d")
#: Sprinter and Marlin 1.0 look for a G anywhere in a line first, M117 or not, and then for its words: of
#: "Good X" they make a G0 X0.
_FIRST_G = re.compile(r"G\s*[-+.\d]|G.*[XYZEF]|[XYZEF].*G")
#: Prusa-Firmware looks for this word anywhere but in M117: with FR behind it all settings are lost.
_PRUSA = "PRUSA"
#: Marlin looks for this one anywhere in a line, and for an N behind it: the number of the line that it
#: waits for. With a small one the host prints the beginning again, among the parts.
_RENUMBERS = "M110"
_REMARK = re.compile(r"\([^)]*\)")

#: Firmwares reckon with seven digits: an arc that is shorter, in radians, may be a whole circle there.
_NO_SWEEP = 1e-5

_WAITS = "it would wait for a person at the printer"
_CARD = "it works on the printer's own memory card"
_SETTINGS = "it changes the printer's own settings"
SCALE = "it changes how far the printer moves, so that nothing can be checked"
REFUSED: Mapping[str, str] = {
    "G20": "it is in inches; slice it in millimetres",
    "M0": _WAITS, "M1": _WAITS, "M25": _WAITS, "M226": _WAITS, "M600": _WAITS, "M601": _WAITS,
    "M20": _CARD, "M21": _CARD, "M22": _CARD, "M23": _CARD, "M24": _CARD, "M26": _CARD,
    "M28": _CARD, "M29": _CARD, "M30": _CARD, "M32": _CARD, "M928": _CARD,
    "M92": SCALE, "M206": SCALE, "M211": SCALE, "M218": SCALE, "M290": SCALE, "M428": SCALE,
    "M851": SCALE, "M200": SCALE, "G53": SCALE, "G54": SCALE, "G55": SCALE, "G68": SCALE,
    "M42": "it switches the printer's wires", "M80": "it switches the printer's power supply",
    "M81": "it switches the printer's power supply",
    "M112": "it is an emergency stop",
    "M302": "it lets the printer push cold filament",
    "M301": _SETTINGS, "M303": "it heats to tune the heater, without an end",
    "M304": _SETTINGS, "M500": _SETTINGS, "M501": _SETTINGS, "M502": _SETTINGS, "M504": _SETTINGS,
    "M575": _SETTINGS, "M907": _SETTINGS, "M914": _SETTINGS, "M569": _SETTINGS, "M350": _SETTINGS,
    "M997": "it updates the printer's firmware", "M999": "it restarts a printer that has stopped",
}  # fmt: skip


def arc_corners(
    x0: float, y0: float, x1: float, y1: float, offset: tuple[float, float], sense: int
) -> list[tuple[float, float]]:
    """The ends of an arc and the outermost points that it passes in between.

    It runs from (x0, y0) to (x1, y1) round the point that lies `offset` from its start; the same
    start and end are a full circle. `sense` is 1 for anticlockwise, -1 for clockwise.
    """
    centre_x, centre_y = x0 + offset[0], y0 + offset[1]
    radius = math.hypot(*offset)
    start = math.atan2(y0 - centre_y, x0 - centre_x)
    sweep = arc_sweep(x0, y0, x1, y1, offset, sense)
    corners = [(x0, y0), (x1, y1)]
    for quarter in range(4):
        if (quarter * math.pi / 2 - start) * sense % (2 * math.pi) <= sweep:
            turn_x, turn_y = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
            corners.append((centre_x + radius * turn_x, centre_y + radius * turn_y))
    return corners


def arc_sweep(
    x0: float, y0: float, x1: float, y1: float, offset: tuple[float, float], sense: int
) -> float:
    """Return how far an arc of `arc_corners` goes round, in radians, above 0."""
    start = math.atan2(-offset[1], -offset[0])
    end = math.atan2(y1 - (y0 + offset[1]), x1 - (x0 + offset[0]))
    sweep = (end - start) * sense % (2 * math.pi)
    return sweep if sweep >= _NO_SWEEP else 2 * math.pi


def hides_command(text: str) -> bool:
    """Return whether a firmware may take the end of a line with text for a command of its own.

    Long object names and colons are honest; what could follow them as a command is not.
    """
    # Within quotation marks RepRapFirmware begins no remark at a ; and OctoPrint begins none behind a \.
    if not text.replace("\t", " ").isprintable() or text.count('"') % 2 or "\\" in text:
        return True
    # On a serial line remarks in parentheses are left out, which may bring together what stood apart.
    for each in (text, _REMARK.sub("", text)):
        if _HIDDEN.search(each) is not None or len(each.encode()) > _MOST_BYTES:
            return True
        rest = each.lstrip()[1:]
        if _FIRST_G.search(rest) is not None or _RENUMBERS in rest:
            return True
        if rest.startswith("117"):
            continue
        if _PRUSA in rest or _SECOND.search(_QUOTED.sub("", rest)) is not None:
            return True
    return False
