"""A board that fabnet does not know: its words are recorded, and its owner writes a profile for it."""

import json
import subprocess
import sys

import pytest

from fabnet.config import load_node
from fabnet.node.opening import open_node
from firmware_profiles.errors import FirmwareProfileError
from printers.connect import Connection, connect
from printers.errors import PortError
from printers.transcript import record
from tests.doubles.commands import fabnet
from tests.doubles.lone_node import LoneNode
from tests.doubles.sim_printer import SimPrinter
from tests.unit.firmware_profiles.test_loader import FIRMWARE

SAYS = (
    "FIRMWARE_NAME:Marlin 2.1.2 MACHINE_TYPE:Ender SERIAL_NUMBER:4711 "
    "UUID:00112233-4455-6677-8899-aabbccddeeff"
)


@pytest.fixture
def sim(tmp_path):
    made = SimPrinter(tmp_path, "--m115", SAYS).start()
    yield made
    made.kill()


def own(folder, text=FIRMWARE):
    (folder / "profiles" / "firmware").mkdir(parents=True)
    (folder / "profiles" / "firmware" / "mine.toml").write_text(text)
    return folder / "profiles"


def test_its_words_are_recorded_and_nothing_is_done(sim):
    said = subprocess.run(
        [sys.executable, "-m", "fabnet", "doctor", "--record", str(sim.port)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    lines = said.stdout.splitlines()
    assert lines[0] == "# Marlin 2.1.2, profile marlin, 115200 baud"
    assert lines[1:4] == ["> N0 M110 N0*125", "< ok", "> N1 M115*39"]
    assert (
        "< FIRMWARE_NAME:Marlin 2.1.2 MACHINE_TYPE:Ender SERIAL_NUMBER:<serial> UUID:<uuid>"
        in lines
    )
    assert any(line.startswith("< ok T:21.00 /0.00") for line in lines)
    assert "4711" not in said.stdout
    assert "read it through" in said.stderr
    allowed = {"M27", "M119", "M9999 fabnet"}
    assert set(sim.executed()) <= allowed


@pytest.mark.parametrize("dialect", ["smoothieware", "klipper", "repetier", "prusa-mk3"])
def test_every_kind_of_board_can_be_recorded(tmp_path, dialect):
    sim = SimPrinter(tmp_path, "--dialect", dialect).start()
    try:
        assert f"profile {dialect}" in record(str(sim.port)).splitlines()[0]
    finally:
        sim.kill()


def test_a_port_that_is_not_there_is_said(tmp_path):
    with pytest.raises(PortError, match="there is no such port"):
        record(str(tmp_path / "none"))


def test_its_owners_profile_is_used(sim, tmp_path):
    driver = connect(Connection(port=str(sim.port), own_profiles=own(tmp_path)))
    try:
        assert driver.open().profile == "mine"
    finally:
        driver.close()


def test_a_wrong_one_is_said_by_the_node_and_by_the_doctor(tmp_path):
    lone = LoneNode(tmp_path, "manual = true")
    own(lone.data, FIRMWARE.replace("window_lines = 1", "window_lines = 0"))
    with pytest.raises(FirmwareProfileError, match="window_lines"):
        open_node(load_node(lone.file), "machine")
    said = fabnet("doctor", lone.file, "--json")
    found = [each for each in json.loads(said.stdout) if each["check"] == "firmware profile mine"]
    assert [(each["ok"], "window_lines" in each["words"]) for each in found] == [(False, True)]
