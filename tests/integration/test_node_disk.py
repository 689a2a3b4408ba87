"""A node whose disk is full, or can only be read: what prints goes on, nothing begins, and it is said.

Real processes on a real small disk: the node, the firmware on a pty; no network. Judged by the printer's
own record.
"""

import pytest

from tests.doubles import small_disk
from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.sim_printer import SimPrinter
from tests.doubles.small_disk import SmallDisk
from tests.doubles.waiting import until

PRINT = "M104 S200\nM109 S200\n" + "G1 X10 F3000\nG1 X20 F3000\n" * 500
FULL = "the disk of this machine is full"


class Lab:
    """A node with one granted plate, on its small disk, and its printer."""

    def __init__(self, folder, kind):
        self.printer = SimPrinter(folder, "--lines-per-s", "300", "--heating-c-s", "4000").start()
        self.node = LoneNode(folder, f'port = "{self.printer.port}"')
        self.node.grant(PRINT)
        self.disk = SmallDisk(self.node.data, kind)
        self.node.inside = self.disk.inside

    def prints(self):
        self.node.start()
        self.node.do("ready", "p1")
        self.node.do("start", REF)
        until(lambda: self.hot() and len(self.printer.executed()) > 20, what="a print")

    def hot(self):
        told = [line for line in self.printer.executed() if line.startswith(("M104", "M109"))]
        return bool(told) and not told[-1].endswith("S0")

    def plate(self):
        (plate,) = self.node.do("status")["plates"]
        return plate["state"]

    def did(self):
        return [event.event for event in self.printer.events() if event.event != "boot"]

    def log(self):
        return (self.node.folder / "log").read_text()

    def close(self):
        self.node.stop()
        self.printer.kill()
        self.disk.close()


@pytest.fixture
def lab(tmp_path, request):
    kind = getattr(request, "param", "full")
    if why := small_disk.why_not(kind):
        pytest.skip(why)
    made = Lab(tmp_path, kind)
    yield made
    made.close()


@pytest.mark.timeout(200)
def test_a_print_goes_on_over_a_full_disk_and_is_told_once_there_is_room(lab):
    lab.prints()
    lab.disk.breaks()
    until(lambda: "end" in lab.did(), what="the print's end")
    until(lambda: FULL in lab.node.ask("status").stdout, what="the word of the disk")
    # Nobody counts what the journal does not know to be over, and it is not forgotten meanwhile.
    refused = lab.node.ask("give-back", REF, "--reason", "no time")
    assert refused.returncode == 1
    assert lab.plate() == "printing"
    assert lab.log().count("its disk is full") == 1
    assert "Traceback" not in lab.log()
    lab.disk.heals()
    until(lambda: lab.plate() == "printed", what="the report")
    until(lambda: FULL not in lab.node.ask("status").stdout, what="the end of it")
    assert lab.node.ask("harvest", REF, "--good", "2").returncode == 0
    assert lab.did() == ["begin", "end"]


@pytest.mark.timeout(200)
def test_nothing_begins_while_the_disk_is_full_and_once_when_it_is_not(lab):
    lab.node.start()
    lab.node.do("ready", "p1")
    lab.disk.breaks()
    refused = lab.node.ask("start", REF)
    assert refused.returncode == 1
    assert "The disk of this machine is full: nothing was kept. Make room" in refused.stderr
    lab.disk.heals()
    until(lambda: FULL not in lab.node.ask("status").stdout, what="the end of it")
    # What was refused does not begin by itself later.
    assert lab.did() == []
    lab.node.do("start", REF)
    until(lambda: lab.plate() == "printed", what="the print")
    assert lab.did() == ["begin", "end"]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("lab", ["full", "read-only"], indirect=True)
def test_a_node_that_cannot_begin_leaves_no_printer_hot(lab):
    lab.prints()
    lab.disk.breaks()
    lab.node.kill()
    assert lab.hot()
    lab.node.begin()
    until(lambda: lab.node.ended() is not None, what="its end")
    assert not lab.hot()
    assert "the heaters are off" in lab.log()
    assert lab.node.ended() == 1
    assert "cannot begin: its disk is full, or can only be read. Make room" in lab.log()
    lab.disk.heals()
    lab.node.start()
    until(lambda: lab.plate() == "interrupted", what="the interruption")
    assert lab.did().count("begin") == 1
