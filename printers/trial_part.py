"""The G-code of a test print: a small part of ours, sliced as a plate of the network would be.

Where this machine has no slicer it comes ready-made with fabnet. Runs on a node, so no geometry
library is imported here. Leaves printing it to the node.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import designs.catalogue
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import MachinePreset
from printers.errors import NoSlicerError, SlicingError
from printers.slices import Slice, Slicer, SliceRequest, sha256_of
from printers.slicing import check_slice

#: What a person may measure on it, along X and Y.
WIDTH_MM = 20.0
_PLATE = Path(designs.catalogue.__path__[0]) / "trial-frame" / "plate.3mf"
#: Whose ready-made slice is used for every machine: no bed of a preset is smaller.
_STAND_IN = "generic-180x180"


def make_trial_part(slicer: Slicer, preset: MachinePreset, material: str, out: Path) -> Slice:
    """Slice the test part for one printer, and check it as every plate is checked.

    Args:
        slicer: of this machine.
        preset: of the printer.
        material: code of what is on its spool.
        out: folder of slices; one that is there already is used again.

    Raises:
        SlicingError: it cannot be sliced here, and nothing ready-made fits this printer.
        GcodeRefusedError: it must not run on this printer.
        UnknownMaterialError: the material is not in the vocabulary.
        FirmwareProfileError: the preset's slicer profile is missing.
    """
    sha256 = sha256_of(_PLATE)
    request = SliceRequest(
        plate=_PLATE, plate_sha256=sha256, mesh_sha256=sha256, copies=1, preset=preset,
        material=material,
    )  # fmt: skip
    try:
        made = slicer.slice(request, out)
    except NoSlicerError:
        stand_in = load_machine(_STAND_IN)
        if stand_in.nozzle_mm != preset.nozzle_mm:
            raise SlicingError(
                f"no ready-made test part fits a nozzle of {preset.nozzle_mm:g} mm; install a"
                " slicer: sudo apt-get install prusa-slicer"
            ) from None
        made = slicer.slice(replace(request, preset=stand_in), out)
    check_slice(made.gcode, preset, material)
    return made
