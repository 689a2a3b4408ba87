"""The emergency stop: on a real line, byte by byte, with a script as the board; and on a real node."""

import os
import re
import threading
import time
import tty

import pytest
import requests

from fabnet.broker import free_port
from fabnet.config import load_node
from fabnet.errors import NodeRefusedError
from fabnet.node.door import ask
from jobs.model import AttemptRef
from jobs.owner import Begin, Clear, Look, StopPrint
from printers import emergency
from printers.model import PrinterState, PrintResult
from printers.serial_driver import SerialDriver
from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.rig import until as until_status
from tests.doubles.sim_printer import SimPrinter
from tests.doubles.waiting import until as wait_for

OTHER = AttemptRef(job="bcdefghjkm", number=1)
NAME = "fabnet-abcdefghjk-a1"
HALTED = b"Error:Printer halted. kill() called!\n"


class Board:
    """Says ok to each line, and to M112 what it is told to say."""

    def __init__(self, says):
        self._says = says
        self.lines = []
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self.halted = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        tail = b""
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:
                return
            *lines, tail = (tail + data).split(b"\n")
            for line in lines:
                self.lines.append(line)
                self._answer(line)

    def _answer(self, line):
        if line == b"M112":
            self.halted = bool(self._says)
            self.say(self._says)
        elif b"M115" in line:
            self.say(b"FIRMWARE_NAME:Marlin 2.1.2\nok\n")
        elif not self.halted:
            self.say(b"ok T:200.0 /200.0 B:60.0 /60.0\n" if b"M105" in line else b"ok\n")

    def say(self, words):
        os.write(self._master, words)

    def reset(self):
        self.halted = False
        self.say(b"start\n")

    def close(self):
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def board():
    made = []

    def make(says):
        made.append(Board(says))
        driver = SerialDriver(made[0].port)
        driver.open()
        return made[0], driver

    yield make
    made[0].close()


def a_print(driver, tmp_path):
    path = tmp_path / "plate.gcode"
    path.write_text("G90\n" + "G1 X10.5 Y20.5 E0.5\nG1 X20.5 Y10.5 E0.5\n" * 20_000)
    driver.start(path, NAME)
    for _ in range(3):
        driver.poll(0.1)


def test_m112_goes_alone_and_nothing_behind_it(board, tmp_path):
    printer, driver = board(HALTED)
    a_print(driver, tmp_path)
    driver.stop_now()
    driver.poll(2.5)
    at = printer.lines.index(b"M112")
    assert printer.lines[at:] == [b"M112"]
    # The line before it was not cut in two.
    assert b"*" in printer.lines[at - 1]
    driver.close()


def test_only_a_reset_by_a_person_ends_the_fault_and_heaters_are_off_first(board, tmp_path):
    printer, driver = board(HALTED)
    a_print(driver, tmp_path)
    driver.stop_now()
    until_status(driver, lambda status: status.state is PrinterState.FAULT)
    before = len(printer.lines)
    printer.reset()
    status = until_status(driver, lambda status: status.state is PrinterState.IDLE)
    assert status.fault is None
    assert status.last.result is PrintResult.INTERRUPTED
    said = [line.split(b"*")[0].split(b" ", 1)[-1] for line in printer.lines[before:]]
    assert said[:4] == [b"M110 N0", b"M104 S0", b"M140 S0", b"M107"]
    assert not any(b"G1" in line for line in printer.lines[before:])
    driver.close()


def test_a_board_that_resets_itself_is_a_fault_all_the_same(board, tmp_path):
    _, driver = board(b"start\n")
    a_print(driver, tmp_path)
    driver.stop_now()
    status = until_status(driver, lambda status: status.state is PrinterState.FAULT)
    assert status.last.reason == emergency.STOPPED
    driver.close()


def test_a_board_that_does_not_answer_is_told_again_and_said_so(board, tmp_path, monkeypatch):
    monkeypatch.setattr(emergency, "_ANSWER_S", 1.5)
    monkeypatch.setattr(emergency, "_AGAIN_S", 0.2)
    printer, driver = board(b"")
    a_print(driver, tmp_path)
    driver.stop_now()
    # Said again: as often as there is time on a machine that may be busy.
    wait_for(lambda: printer.lines.count(b"M112") >= 2)
    status = until_status(driver, lambda status: status.state is PrinterState.FAULT)
    assert status.fault == emergency.UNHEARD
    assert "plug" in status.last.reason
    # It may be hot still: in case it hears at least this.
    wait_for(lambda: any(b"M104 S0" in line for line in printer.lines))
    driver.close()


# --- on a node ------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path):
    """Two printers that print for hours, and a page."""
    sims = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sims.append(SimPrinter(tmp_path / name, "--lines-per-s", "100").start())
    link = (
        f'port = "{sims[0].port}"\ntitle = "One"\nmaterial = "PETG"\ngrams = 500.0\n'
        f'[[printers]]\nid = "p2"\npreset = "generic-250x210"\nport = "{sims[1].port}"'
    )
    port = free_port()
    lone = LoneNode(tmp_path, link, page_port=str(port))
    for ref, printer in ((REF, "p1"), (OTHER, "p2")):
        lone.grant("G90\nM104 S200\n" + "G1 X10\nG1 X20\n" * 50_000, ref, printer=printer)
    lone.start()
    config = load_node(lone.file)
    until(config, lambda beds, _: {bed.state for bed in beds.values()} == {"idle"})
    for ref, printer in ((REF, "p1"), (OTHER, "p2")):
        ask(config, Clear(printer=printer))
        ask(config, Begin(attempt=ref))
    until(config, lambda _, plates: {plate.state for plate in plates.values()} == {"printing"})
    yield lone, config, sims, f"http://127.0.0.1:{port}"
    lone.stop()
    for sim in sims:
        sim.kill()


def until(config, condition, seconds=100):
    end = time.monotonic() + seconds
    while True:
        view = ask(config, Look())
        beds = {bed.printer: bed for bed in view.beds}
        plates = {plate.printer: plate for plate in view.plates}
        if condition(beds, plates):
            return beds, plates
        assert time.monotonic() < end, view
        time.sleep(0.05)


def test_one_is_stopped_at_once_and_its_neighbour_never_notices(lab):
    lone, config, (one, two), page = lab
    before = len(two.executed())
    lone.do("stop", "--now", "p1")
    beds, plates = until(config, lambda beds, _: beds["p1"].state == "fault")
    assert beds["p1"].fault == plates["p1"].reason == emergency.STOPPED
    assert (plates["p1"].state, plates["p1"].countable) == ("interrupted", True)
    assert one.events()[-1].event == "halted"
    assert (beds["p2"].state, plates["p2"].state) == ("printing", "printing")
    wait_for(lambda: len(two.executed()) > before)
    assert [event.event for event in two.events()] == ["boot", "begin"]

    # The other by the page: as any cancel, heaters off.
    visitor = requests.Session()
    text = visitor.get(f"{page}/?lang=en", timeout=60).text
    assert text.count("Stop this printer") == 1  # what has stopped has no such button
    assert "motors and heaters go off where they are" in text
    assert "G28, G29" in text
    form = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', text)[1]}
    assert visitor.post(f"{page}/beds/p2/stop", form, timeout=60).status_code == 200
    until(config, lambda _, plates: plates["p2"].state == "cancelled")
    assert "M104 S0" in two.executed()[-8:]
    with pytest.raises(NodeRefusedError, match="nothing that could be stopped"):
        ask(config, StopPrint(printer="p2"))
    visitor.post(f"{page}/beds/p2/stop", {**form, "how": "at-once"}, timeout=60)
    until(config, lambda beds, _: beds["p2"].state == "fault")
    assert two.events()[-1].event == "halted"

    # Somebody switches the first off and on: it is idle, cold, and its plate waits to be counted.
    one.kill()
    one.start()
    beds, plates = until(config, lambda beds, _: beds["p1"].state == "idle")
    assert plates["p1"].state == "interrupted"
    assert not beds["p1"].clear
    one.kill()
    until(config, lambda beds, _: beds["p1"].state == "offline")
    with pytest.raises(NodeRefusedError, match="pull its plug"):
        ask(config, StopPrint(printer="p1", at_once=True))
