"""What must hold whatever a serial line delivers; looked for with atheris, and with Hypothesis in the suite.

    make fuzz ARGS=-max_total_time=600   (what it finds is written to a file, and given back as an argument)

The seeds are what genuine Marlins have said, and one line of each kind of the other firmwares.
"""

from __future__ import annotations

import re
from pathlib import Path

from firmware_profiles.loader import all_firmwares
from printers.gcode_answer import read_answer
from printers.gcode_line import Temperatures, checksum
from printers.gcode_link import GcodeLink

SEEDS = tuple(path.read_bytes() for path in sorted((Path(__file__).parent / "seeds").glob("*.txt")))
PROFILES = all_firmwares()
_COMMANDS = [b"M109 S200", *[b"G1 X%d E0.1" % n for n in range(200)], b"M190 R40", b"M400"]
_NUMBERED = re.compile(rb"N(\d+) (.+)\*(\d+)")


def judge(data: bytes) -> None:
    """Read bytes line by line, and as one side of a dialogue.

    Raises:
        AssertionError: a line was taken for what it is not.
    """
    for line in data.split(b"\n"):
        answer = read_answer(line)
        assert answer.oks <= oks_in(line), line
        if answer.temperatures is not None:
            stand_in(answer.temperatures, line)
    if data:
        converse(data[1:], data[0])


def oks_in(line: bytes) -> int:
    """Count the oks at both ends of a line, where alone they can be answers."""
    said = line.replace(b"\0", b"").strip()
    first = re.match(rb"((?:ok)+)(?:\s|$)", said)
    rest = said[first.end() :] if first else said
    last = re.search(rb"(?:^|[0-9])((?:ok)+)$", rest.strip())
    return sum(len(found.group(1)) // 2 for found in (first, last) if found)


def stand_in(told: Temperatures, line: bytes) -> None:
    """Find each temperature behind its heater's name in the line."""
    said = line.replace(b"\0", b"")
    for name, at_c, target_c in (
        (rb"T0?:", told.nozzle_c, told.nozzle_target_c),
        (rb"B:", told.bed_c, told.bed_target_c),
    ):
        pairs = re.findall(name + rb"\s*(-?\d+(?:\.\d+)?)(?:\s*/\s*(-?\d+(?:\.\d+)?))?", said)
        if at_c is not None:
            assert any(
                float(at) == at_c and (target_c is None or float(target or "nan") == target_c)
                for at, target in pairs
            ), line
            assert -50 <= at_c <= 600, line


def converse(data: bytes, choice: int) -> None:
    """Hold a dialogue in which the printer says this, in pieces; look at all that is sent to it."""
    profile = PROFILES[choice % len(PROFILES)]
    link = GcodeLink(profile, 0.0)
    link.stream(iter(_COMMANDS))
    sent, size = bytearray(), 1 + choice % 23
    for turn, start in enumerate(range(0, len(data), size)):
        now_s = turn * 0.03
        out = link.outgoing(now_s)
        written = out[: len(out) - turn % 3]
        link.sent(len(written))
        sent += written
        link.receive(data[start : start + size], now_s)
        ahead = (profile.reads_ahead + 1) * profile.max_line_bytes
        assert link._flight.bytes <= profile.window_bytes + ahead
        assert link.wake_s(now_s) >= 0
    for line in bytes(sent).split(b"\n")[:-1]:
        found = _NUMBERED.fullmatch(line)
        assert found is not None, line
        assert int(found.group(3)) == checksum(line[: line.rindex(b"*")]), line
