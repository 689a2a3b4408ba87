"""Requests to slice the catalogue's visor, and the check of what comes of them."""

import functools
import hashlib
from pathlib import Path

import designs.catalogue
from designs.mesh import read_canonical
from designs.packing import centred, footprint, pack
from designs.plate_file import write_plate
from firmware_profiles.loader import load_machine
from printers.gcode import check
from printers.model import bed_of_preset
from printers.slices import SliceRequest

CATALOGUE = Path(designs.catalogue.__path__[0])
FRAME = CATALOGUE / "visor-frame" / "frame.stl"
PRESET = load_machine("generic-250x210")


class Visors:
    """Makes requests for a number of visors; plate files have no ending, as files by hash have none."""

    def __init__(self, folder, mesh=FRAME):
        self._folder, self._mesh, self._shadow = folder, mesh, footprint(read_canonical(mesh))
        self.mesh_sha256 = hashlib.sha256(mesh.read_bytes()).hexdigest()
        self._plate_of = functools.cache(self._write)

    def __call__(self, copies=2, preset=PRESET, material="PETG"):
        """Return a request; the plate is laid out once for each machine and number."""
        plate, sha256 = self._plate_of(f"{preset.name}-{copies}", bed_of_preset(preset), copies)
        return SliceRequest(
            plate=plate, plate_sha256=sha256, mesh_sha256=self.mesh_sha256, copies=copies,
            preset=preset, material=material,
        )  # fmt: skip

    def _write(self, name, bed, copies):
        layout = centred(self._shadow, pack(self._shadow, bed, limit=copies), copies)
        return self._folder / name, write_plate(self._mesh, layout, self._folder / name)


def facts_of(gcode, preset=PRESET, nozzle_limit_c=260, bed_limit_c=100):
    """Return what the checks say of G-code; they refuse what may not run."""
    with gcode.open(encoding="ascii", errors="replace") as lines:
        return check(lines, preset, nozzle_limit_c=nozzle_limit_c, bed_limit_c=bed_limit_c)
