"""A printer behind each way to one, and how that way is tested."""

import time

import pytest

from printers.connect import Connection
from printers.feeding import BEGINS
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.sim_printer import SimPrinter

NAME = "fabnet-abcdefghjk-a1"
WAIT_S = 60


class Rig:
    """A printer, and how this kind of printer is tested."""

    def __init__(self, printer, *, hot_c, says):
        self.printer = printer
        self.hot_c = hot_c  # a temperature that it reaches in a few seconds
        self.says = says  # firmware, machine and profile begin with these
        self.connection = printer.connection if printer else Connection(manual=True)

    def executed(self):
        return self.printer.executed() if self.printer else []

    def events(self):
        return self.printer.events() if self.printer else ()


def serial(tmp_path):
    return Rig(SimPrinter(tmp_path).start(), hot_c=215, says=("Marlin", "fabnet", "marlin"))


def octoprint(tmp_path):
    printer = OctoPrinter(tmp_path)
    printer.start()
    return Rig(printer, hot_c=30, says=("", "OctoPrint 1.11", ""))


def manual(_tmp_path):
    return Rig(None, hot_c=0, says=("", "worked by hand", ""))


def a_file(tmp_path, lines=2000, hot_c=215):
    """G-code with comments, blank lines and small letters in words, as files have them."""
    path = tmp_path / "plate.gcode"
    body = [f"G1 X{i % 200}.{i % 10} Y{i % 190} E0.012 ; move {i}" for i in range(lines)]
    head = ["; a comment", "", "G28", "M83", "M140 S60", f"M109 S{hot_c}"]
    path.write_text("\n".join([*head, *body, "M104 S0", "M140 S0", ""]))
    return path


def commands(path):
    lines = (line.split(";")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def as_sent(rig, path):
    """On a serial line heat is set first, and waited for by the host; before each file goes the same."""
    lines = commands(path)
    if isinstance(rig.printer, SimPrinter):
        at = next(n for n, line in enumerate(lines) if line.startswith("M109"))
        lines.insert(at, lines[at].replace("M109", "M104"))
    return [*BEGINS, *lines]


def until(driver, condition, seconds=WAIT_S):
    """Poll until the status is so; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = driver.poll(0.05)
        if condition(status):
            return status
    pytest.fail(f"it did not happen; the last status was {status}")


def ended(status):
    return status.last is not None
