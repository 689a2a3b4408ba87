"""The least that a host of a serial printer can do: for each ok one select, one read and one write.

It knows all lines beforehand, counts oks and believes them. No host in this language takes less of a
core on the same line, so that a driver's share is judged beside its.
"""

import os
import select
import time

import serial

from firmware_profiles.loader import load_firmware
from printers.feeding import whole_print
from printers.gcode_line import line_of

_LINES = 5  # in flight
_QUIET_S = 0.3


def print_bare(port, path, name, baudrate):
    """Print a file; return the share of a core that it took."""
    commands = [b"M110 N0", *whole_print(path, name, load_firmware("marlin"))]
    lines = [line_of(number, command).raw for number, command in enumerate(commands)]
    with serial.Serial(str(port), baudrate, timeout=0, exclusive=True) as line:
        fd = line.fileno()
        os.set_blocking(fd, False)
        while select.select([fd], [], [], _QUIET_S)[0]:
            os.read(fd, 65536)  # its greeting
        cpu_s, began_s = time.process_time(), time.monotonic()
        _stream(fd, lines)
        return (time.process_time() - cpu_s) / (time.monotonic() - began_s)


def _stream(fd, lines):
    sent = done = 0
    while done < len(lines):
        while sent < len(lines) and sent - done < (_LINES if done else 1):
            os.write(fd, lines[sent])
            sent += 1
        select.select([fd], [], [], 5.0)
        done += os.read(fd, 65536).count(b"ok")
