"""A link and what a printer says to it, with a clock of its own: line by line, or turn by turn."""

import dataclasses
import re

from firmware_profiles.loader import load_firmware
from printers.gcode_line import checksum
from printers.gcode_link import GcodeLink

#: With fewer lines in flight than it takes, so that a dialogue is short.
MARLIN = dataclasses.replace(
    load_firmware("marlin"), window_lines=4, reads_ahead=1, flushes_late=False
)
PRUSA = load_firmware("prusa-mk3")
KLIPPER = load_firmware("klipper")
DUET = load_firmware("reprapfirmware")
REPETIER = load_firmware("repetier")
SMOOTHIE = load_firmware("smoothieware")
MOVES = tuple(f"G1 X{i}" for i in range(1, 9))
GAP = "Error:Line Number is not Last Line Number+1, Last Line: "
SPOILT = "Error:checksum mismatch, Last Line: "


def turn(*sent, says=(), after_s=0.001):
    return sent, says, after_s


def waits(seconds):
    return turn(says=(), after_s=seconds)


def numbered(first, *commands):
    return [f"N{first + i} {command}" for i, command in enumerate(commands)]


HELLO = turn("N0 M110 N0", says=["ok"])


def sent_by(link, now_s):
    """Return the lines that a link sends now, without checksums, which are checked."""
    data = link.outgoing(now_s)
    link.sent(len(data))
    lines = []
    for line in data.decode().splitlines():
        body, _, check = line.rpartition("*")
        assert int(check) == checksum(body.encode())
        lines.append(body)
    return lines


def hold(profile, commands, *turns):
    """Hold a dialogue to the letter; return the link as it is after the last turn."""
    now_s = 0.0
    link = GcodeLink(profile, now_s)
    link.stream(command.encode() for command in commands)
    for number, (sent, says, after_s) in enumerate(turns):
        assert sent_by(link, now_s) == list(sent), f"turn {number}"
        now_s += after_s
        link.receive("".join(line + "\n" for line in says).encode("latin-1"), now_s)
    return link


class Dialogue:
    """A link with its hello done, and a time that tests move."""

    def __init__(self, profile=MARLIN, *, hello=True):
        self.now_s = 0.0
        self.link = GcodeLink(profile, self.now_s)
        if hello:
            assert self.sent() == ["N0 M110 N0"]
            self.hear("ok")

    def sent(self):
        return sent_by(self.link, self.now_s)

    def hear(self, *lines, after_s=0.001):
        self.now_s += after_s
        self.link.receive("".join(line + "\n" for line in lines).encode(), self.now_s)

    def wait(self, seconds):
        self.now_s += seconds
        return self.sent()


def moves(count):
    return [f"G1 X{i}".encode() for i in range(count)]


def numbers(lines):
    return [int(re.match(r"N(-?\d+)", line).group(1)) for line in lines]
