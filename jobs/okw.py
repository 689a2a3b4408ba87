"""Labs as Open Know-Where facilities: what anybody may read who looks for workshops. Pure.

Open Know-Where 1.0 (2021) has no wire format of its own: the keys are those of Open Hardware Manager,
the JSON that is in use. Types of machines, processes and materials are pages of Wikipedia, as the
standard wants them. Leaves out what a network of makers knows besides: hours, names of printers and
spools, who feeds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from designs.model import PRINTED
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.loader import load_machine
from jobs.joining import rounded
from jobs.ledger.labs import NodeView
from printers.model import PrinterFacts

_WIKI = "https://en.wikipedia.org/wiki/"
_PRINTS = ("3D_printer", "Fused_filament_fabrication")
#: Of each process that people work: what the machine is, and what is done. Hands are no equipment.
_BY_PEOPLE: Mapping[str, tuple[str, str]] = {
    "LAS": ("Laser_cutting", "Laser_cutting"),
    "SEW": ("Sewing_machine", "Sewing"),
}
#: PETG has no page, and no row in the standard: it is a PET, and the brand says which.
MATERIALS: Mapping[str, str] = {
    "PLA": "Polylactic_acid",
    "PETG": "Polyethylene_terephthalate",
    "ABS": "Acrylonitrile_butadiene_styrene",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What anybody may know of one machine: machines that are equal are counted."""

    process: str
    preset: str = ""  # orders printers; is not told
    model: str = ""  # make and model, "" where only its owner knows
    travel_mm: tuple[int, int, int] = (0, 0, 0)
    nozzle_mm: float = 0.0
    materials: tuple[str, ...] = ()


def machine_of_preset(preset: str, own: Path | None = None) -> Machine:
    """Return a printer as its preset describes it.

    Raises:
        FirmwareProfileError: there is no such preset.
    """
    found = load_machine(preset, own)
    return Machine(
        process=PRINTED,
        preset=preset,
        model=found.title,
        # The standard has whole millimetres; a nozzle of 0.4 mm cannot be one.
        travel_mm=(int(found.bed_x_mm), int(found.bed_y_mm), int(found.height_mm)),
        nozzle_mm=found.nozzle_mm,
        materials=found.materials,
    )


def machine_of_facts(facts: PrinterFacts) -> Machine:
    """Return a machine as its node told it; what its owner calls it stays hers."""
    if facts.process != PRINTED:
        return Machine(process=facts.process)
    try:
        return machine_of_preset(facts.preset)
    except FirmwareProfileError:  # its owner's own
        return Machine(
            process=PRINTED,
            preset=facts.preset,
            travel_mm=(int(facts.bed_x_mm), int(facts.bed_y_mm), int(facts.height_mm)),
            nozzle_mm=facts.nozzle_mm,
        )


def facilities(nodes: Iterable[NodeView], now: datetime) -> list[dict[str, object]]:
    """Return labs of the ledger as JSON values, see `facility`."""
    return [
        facility(
            each.lab,
            each.place,
            [machine_of_facts(printer.facts) for printer in each.printers],
            now,
            "fabnet export-okw",
        )
        for each in nodes
    ]


def facility(
    lab: str,
    place: tuple[float, float] | None,
    machines: Iterable[Machine],
    now: datetime,
    collected: str,
) -> dict[str, object]:
    """Return a lab as JSON values.

    Args:
        lab: its name.
        place: latitude and longitude in degrees, which are rounded to some 5 km; None: it is not told.
        machines: what it has.
        now: when this is written.
        collected: the command that wrote it.
    """
    counted = Counter(machines)
    printers = sorted((m for m in counted if m.process == PRINTED), key=lambda m: m.preset)
    by_hand = sorted({m.process for m in counted} & _BY_PEOPLE.keys())
    materials = sorted({code for each in printers for code in each.materials})
    processes = [_PRINTS[1]] if printers else []
    processes += [_BY_PEOPLE[process][1] for process in by_hand]
    where = None if place is None else rounded(place)
    return {
        "name": lab,
        "facility_status": "Active",
        "access_type": "Restricted",
        "location": {} if where is None else {"gps_coordinates": f"{where[0]:g}, {where[1]:g}"},
        "manufacturing_processes": [_WIKI + page for page in processes],
        "typical_materials": _materials(materials),
        "equipment": [
            *(_printer(each, counted[each]) for each in printers),
            *(_worked(process, counted) for process in by_hand),
        ],
        "record_data": {
            "date_created": now.replace(microsecond=0).isoformat(),
            "created_by": {"name": lab},
            "data_collection_method": collected,
        },
    }


def _printer(machine: Machine, quantity: int) -> dict[str, object]:
    told: dict[str, object] = {
        "equipment_type": _WIKI + _PRINTS[0],
        "manufacturing_process": _WIKI + _PRINTS[1],
        "model": machine.model,
        "quantity": quantity,
        "computer_controlled": True,
        "x_travel": machine.travel_mm[0],
        "y_travel": machine.travel_mm[1],
        "z_travel": machine.travel_mm[2],
        "nozzle_size": machine.nozzle_mm,
        "materials_worked": _materials(machine.materials),
    }
    return {key: value for key, value in told.items() if value not in ("", [])}


def _worked(process: str, counted: Mapping[Machine, int]) -> dict[str, object]:
    kind, does = _BY_PEOPLE[process]
    return {
        "equipment_type": _WIKI + kind,
        "manufacturing_process": _WIKI + does,
        "quantity": sum(n for machine, n in counted.items() if machine.process == process),
    }


def _materials(codes: Iterable[str]) -> list[dict[str, str]]:
    known = [code for code in codes if code in MATERIALS]  # an owner's own preset may have others
    return [{"material_type": _WIKI + MATERIALS[code], "brand": code} for code in known]
