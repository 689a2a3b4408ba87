"""One line of G-code taken apart: its command and words, as every firmware reads them. Pure.

What one firmware reads and another passes over, or reads otherwise, is refused: the check would
follow another print than the printer. Leaves what commands do to `printers.gcode`.
"""

from __future__ import annotations

import math
import re

from printers.errors import GcodeRefusedError
from printers.gcode_rules import (
    ALLOWED,
    FOLLOWED,
    MOST_SIGNS,
    POINTS,
    REFUSED,
    TAKES_T,
    TEXT,
    WORDS,
    hides_command,
)

#: A move as slicers write it; `printers.gcode` follows it without taking it apart any further. No possessive
#: quantifiers, which would be quicker: Python 3.11 before 3.11.5 matches what it should not with them.
PLAIN_MOVE = re.compile(
    r"G[01](?: F([0-9.]{1,9}))?(?: X(-?[0-9.]{1,9}))?(?: Y(-?[0-9.]{1,9}))?(?: Z(-?[0-9.]{1,9}))?"
    r"(?: E(-?[0-9.]{1,11}))?(?: F([0-9.]{1,9}))? *(?:;.*)?\n?$"
)
_WORDS = re.compile(r"([A-Z])\s*([-+]?(?:\d+\.?\d*|\.\d+))?\s*")
_COMMAND = re.compile(r"([GMT])\s*0*(\d+)(\.\d+)?(?![\d.])\s*")
#: Of M486: C is the part that is being printed, P one of them.
_LEAVES_OUT = re.compile(r"M486\s*(?:[ST]\s*-?\d+\s*)*(?:C\s*$|[CP]\s*\d)")
#: Old Marlin, Repetier-Firmware and Smoothieware read 50E1 as 500, and some 0X50 as 80.
_GLUED = re.compile(r"\d\.?[EX]")


def ended(line: str, number: int) -> str:
    """Return a line without its end.

    A carriage return within is an end for OctoPrint, and none for who feeds a serial line: what
    stands behind a comment would be done by the one and not by the other.

    Raises:
        GcodeRefusedError: there is one.
    """
    whole = line.removesuffix("\n").removesuffix("\r")
    if "\r" in whole:
        raise GcodeRefusedError(number, "a carriage return (CR) stands within the line")
    return whole


def command_of(line: str, number: int) -> tuple[str, dict[str, float]] | None:
    """Return the command of a line and its words, NaN for one without a number; None: nothing is done.

    Args:
        line: of the file; its comment is left out.
        number: of the line.

    Raises:
        GcodeRefusedError: it is not allowed, or not read alike everywhere.
    """
    code = line.partition(";")[0].strip(" \t\r\n")
    if not code:
        return None
    found = _COMMAND.match(code.upper())
    if found is None:
        raise GcodeRefusedError(number, f"{code[:30]!r} is no command")
    name = found.group(1) + found.group(2)
    if name in TEXT and code[0].isupper():
        if hides_command(line.partition(";")[0].rstrip()):
            raise GcodeRefusedError(number, f"{name}: its text could be taken for a command")
        if _LEAVES_OUT.match(code) is not None:
            raise GcodeRefusedError(number, f"{name}: it leaves parts of the plate out")
        return None
    why = _unclear(code) or _why_not(name, found.group(3) or "")
    if not why and len(line.partition(";")[0].rstrip()) > MOST_SIGNS:
        why = f"{name}: the line is longer than every firmware reads"
    elif not why and name == "M115" and code[found.end() :]:
        why = f"{name}: an older printer waits for a click then; take it out of the start G-code"
    if why:
        raise GcodeRefusedError(number, why)
    words = _words(code[found.end() :], "GMN" if name in TAKES_T else "GMNT", number)
    for letter in sorted(words.keys() - WORDS.get(name, words.keys())):
        why = f"{name}: nobody knows what its word {letter} does here"
        raise GcodeRefusedError(number, why)
    return name, words


def _why_not(name: str, point: str) -> str:
    """Return why a command is not allowed, "" where it is."""
    if point and name not in POINTS:
        return f"{name}{point}: it is not on the list of allowed commands"
    if name in FOLLOWED or name in ALLOWED:
        return ""
    if name.startswith("T"):
        return f"{name}: it asks for another tool, and one is known here"
    return f"{name}: {REFUSED.get(name, 'it is not on the list of allowed commands')}"


def _unclear(code: str) -> str:
    """Return what some firmware would read otherwise, or pass over; "" where nothing is.

    A heater whose `m104 S0` is passed over stays on.
    """
    if code != code.upper():
        return f"{code[:30]!r}: firmwares pass over small letters; write capitals"
    if _GLUED.search(code) is not None:
        return f"{code[:30]!r}: a number stands right before E or X; put a space between"
    if not code.isascii():
        return f"{code[:30]!r}: it has characters that no firmware knows"
    if not code.replace("\t", " ").isprintable():
        return f"{code[:30]!r}: it has signs that cannot be printed"
    return ""


def _words(text: str, beginnings: str, number: int) -> dict[str, float]:
    words: dict[str, float] = {}
    position = 0
    for match in _WORDS.finditer(text):
        letter, value = match.groups()
        if match.start() != position or letter in words or letter in beginnings:
            break
        words[letter] = float(value) if value else math.nan
        position = match.end()
    if position != len(text):
        why = f"{text[position : position + 30]!r} cannot be understood"
        raise GcodeRefusedError(number, why)
    return words
