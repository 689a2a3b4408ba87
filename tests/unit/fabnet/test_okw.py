"""A lab as an Open Know-Where facility, with no more in it than anybody may know."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from designs.materials import materials
from fabnet.node.okw import facility
from fabnet.printer_config import PrinterConfig
from firmware_profiles.errors import FirmwareProfileError
from jobs.okw import MATERIALS
from tests.unit.fabnet.test_told import CONFIG

NOW = datetime(2026, 4, 2, 9, 0, 0, 123, tzinfo=UTC)
PET = {
    "material_type": "https://en.wikipedia.org/wiki/Polyethylene_terephthalate", "brand": "PETG"
}  # fmt: skip
PLA = {"material_type": "https://en.wikipedia.org/wiki/Polylactic_acid", "brand": "PLA"}
FFF = "https://en.wikipedia.org/wiki/Fused_filament_fabrication"


def lab(*printers, **changes):
    return facility(replace(CONFIG, printers=printers, **changes), NOW)


def test_machines_are_counted_by_their_preset_with_room_nozzle_and_materials():
    left, right = CONFIG.printers
    found = lab(left, replace(left, id="middle"), right)
    assert found["equipment"][1] == {
        "equipment_type": "https://en.wikipedia.org/wiki/3D_printer", "manufacturing_process": FFF,
        "model": "Original Prusa i3 MK3S, MK3S+", "quantity": 2, "computer_controlled": True,
        "x_travel": 250, "y_travel": 210, "z_travel": 210, "nozzle_size": 0.4,
        "materials_worked": [PET, PLA],
    }  # fmt: skip
    assert [each["quantity"] for each in found["equipment"]] == [1, 2]
    assert found["manufacturing_processes"] == [FFF]
    assert found["typical_materials"] == [PET, PLA]
    assert found["record_data"]["date_created"] == "2026-04-02T09:00:00+00:00"
    assert (found["name"], found["facility_status"]) == ("Atelier Nord", "Active")


def test_the_place_is_rounded_and_what_nobody_else_needs_is_not_there():
    text = json.dumps(facility(CONFIG, NOW))
    assert facility(CONFIG, NOW)["location"] == {"gps_coordinates": "47.2, -1.55"}
    for value in ("47.218", "18:00", "L-77", "left", "octopi", "ttyACM0", "c.example", "lab-nord"):
        assert value not in text
    assert lab(*CONFIG.printers, place=None)["location"] == {}


def test_machines_that_people_work_are_there_and_hands_are_not():
    found = lab(
        PrinterConfig(id="a", process="SEW", rate_per_h=12.0, title="Ada's Singer"),
        PrinterConfig(id="b", process="SEW", rate_per_h=9.0),
        PrinterConfig(id="c", process="ASM", rate_per_h=30.0),
    )
    assert found["equipment"] == [
        {
            "equipment_type": "https://en.wikipedia.org/wiki/Sewing_machine",
            "manufacturing_process": "https://en.wikipedia.org/wiki/Sewing",
            "quantity": 2,
        }
    ]
    assert found["typical_materials"] == []
    assert "Ada" not in json.dumps(found)


def test_every_material_has_its_page():
    assert set(MATERIALS) == set(materials())


def test_a_preset_that_is_not_there_is_said():
    with pytest.raises(FirmwareProfileError, match="prusa-mk3z"):
        lab(replace(CONFIG.printers[0], preset="prusa-mk3z"))
