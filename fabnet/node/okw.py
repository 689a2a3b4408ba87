"""A lab as an Open Know-Where facility: what anybody may read who looks for workshops. Pure.

Open Know-Where 1.0 (2021) has no wire format of its own: the keys are those of Open Hardware Manager,
the JSON that is in use. Types of machines, processes and materials are pages of Wikipedia, as the
standard wants them. Leaves out what a network of makers knows besides: hours, names of printers and
spools, who feeds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from designs.model import PRINTED
from fabnet.config import OWN_PROFILES, NodeConfig
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import MachinePreset
from jobs.joining import rounded

_WIKI = "https://en.wikipedia.org/wiki/"
_PRINTS = ("3D_printer", "Fused_filament_fabrication")
#: Of each process that people work: what the machine is, and what is done. Hands are no equipment.
_BY_PEOPLE: Mapping[str, tuple[str, str]] = {
    "LAS": ("Laser_cutting", "Laser_cutting"),
    "SEW": ("Sewing_machine", "Sewing"),
}
#: PETG has no page, and no row in the standard: it is a PET, and the brand says which.
_MATERIALS: Mapping[str, str] = {
    "PLA": "Polylactic_acid",
    "PETG": "Polyethylene_terephthalate",
    "ABS": "Acrylonitrile_butadiene_styrene",
}


def facility(config: NodeConfig, now: datetime) -> dict[str, object]:
    """Return what a lab's configuration says of it, as JSON values.

    The place is rounded to some 5 km, as the network is told it, and left out where the file has none.

    Raises:
        FirmwareProfileError: a printer's preset is not there.
    """
    own = Path(config.data_dir) / OWN_PROFILES
    counted = Counter(each.preset for each in config.printers if each.process == PRINTED)
    presets = [load_machine(name, own) for name in sorted(counted)]
    by_hand = sorted({p.process for p in config.printers} & _BY_PEOPLE.keys())
    materials = sorted({code for preset in presets for code in preset.materials})
    processes = [_PRINTS[1]] if presets else []
    processes += [_BY_PEOPLE[process][1] for process in by_hand]
    where = None if config.place is None else rounded(config.place)
    return {
        "name": config.lab,
        "facility_status": "Active",
        "access_type": "Restricted",
        "location": {} if where is None else {"gps_coordinates": f"{where[0]:g}, {where[1]:g}"},
        "manufacturing_processes": [_WIKI + page for page in processes],
        "typical_materials": _materials(materials),
        "equipment": [
            *(_printer(preset, counted[preset.name]) for preset in presets),
            *(_machine(config, process) for process in by_hand),
        ],
        "record_data": {
            "date_created": now.replace(microsecond=0).isoformat(),
            "created_by": {"name": config.lab},
            "data_collection_method": "fabnet node export-okw",
        },
    }


def _printer(preset: MachinePreset, quantity: int) -> dict[str, object]:
    return {
        "equipment_type": _WIKI + _PRINTS[0],
        "manufacturing_process": _WIKI + _PRINTS[1],
        "model": preset.title,
        "quantity": quantity,
        "computer_controlled": True,
        # The standard has whole millimetres; a nozzle of 0.4 mm cannot be one.
        "x_travel": int(preset.bed_x_mm),
        "y_travel": int(preset.bed_y_mm),
        "z_travel": int(preset.height_mm),
        "nozzle_size": preset.nozzle_mm,
        "materials_worked": _materials(preset.materials),
    }


def _machine(config: NodeConfig, process: str) -> dict[str, object]:
    kind, does = _BY_PEOPLE[process]
    return {
        "equipment_type": _WIKI + kind,
        "manufacturing_process": _WIKI + does,
        "quantity": sum(each.process == process for each in config.printers),
    }


def _materials(codes: Sequence[str]) -> list[dict[str, str]]:
    known = [code for code in codes if code in _MATERIALS]  # an owner's own preset may have others
    return [{"material_type": _WIKI + _MATERIALS[code], "brand": code} for code in known]
