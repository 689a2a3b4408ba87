"""A part that takes a few seconds to print: a flat frame, two of which fill a bed."""

from __future__ import annotations

import shutil
from pathlib import Path

from designs.library import Library
from designs.model import Revision
from firmware_profiles.loader import load_machine
from printers.model import PrinterFacts
from printers.slices import SliceRequest
from printers.slicing import PrusaSlicer, find_slicer

PRESET, MATERIAL = "generic-250x210", "PETG"
#: Of one copy; a bed takes two.
_X_MM, _Y_MM, _WALL_MM, _HEIGHT_MM = 200.0, 90.0, 0.9, 0.6
#: Of one that a bed of 180 by 180 takes one of, and every larger one of the demo two, as of our visor.
SMALL_MM = (170.0, 90.0)


def write_model(path: Path, x_mm: float = _X_MM, y_mm: float = _Y_MM) -> None:
    """Write a flat frame as STL: a few hundred lines of G-code."""

    def corners(inset_mm: float, z_mm: float) -> list[tuple[float, float, float]]:
        x0, y0, x1, y1 = inset_mm, inset_mm, x_mm - inset_mm, y_mm - inset_mm
        return [(x0, y0, z_mm), (x1, y0, z_mm), (x1, y1, z_mm), (x0, y1, z_mm)]

    outer, inner = corners(0.0, 0.0), corners(_WALL_MM, 0.0)
    outer_top, inner_top = corners(0.0, _HEIGHT_MM), corners(_WALL_MM, _HEIGHT_MM)
    squares = []
    for a in range(4):
        b = (a + 1) % 4
        squares += [
            (outer[a], outer[b], outer_top[b], outer_top[a]),
            (inner[b], inner[a], inner_top[a], inner_top[b]),
            (outer_top[a], outer_top[b], inner_top[b], inner_top[a]),
            (outer[b], outer[a], inner[a], inner[b]),
        ]
    lines = ["solid frame"]
    for one, two, three, four in squares:
        for triangle in ((one, two, three), (one, three, four)):
            lines += ["facet normal 0 0 0", "outer loop"]
            lines += [f"vertex {x} {y} {z}" for x, y, z in triangle]
            lines += ["endloop", "endfacet"]
    path.write_text("\n".join([*lines, "endsolid frame", ""]), encoding="ascii")


def slice_all(library: Library, revision: Revision, folder: Path) -> None:
    """Slice the plates of one and of two copies, as the nodes would; they find them ready.

    Raises:
        SlicingError: there is no PrusaSlicer here, or it cannot slice them.
    """
    preset = load_machine(PRESET)
    slicer = find_slicer()
    if not isinstance(slicer, PrusaSlicer):
        raise SystemExit(
            "fabnet: the chaos run slices a plate of its own and finds no PrusaSlicer;"
            " install it with: sudo apt-get install prusa-slicer"
        )
    facts = PrinterFacts(
        id="any", title="any", preset=PRESET, bed_x_mm=preset.bed_x_mm, bed_y_mm=preset.bed_y_mm,
        height_mm=preset.height_mm, margin_mm=preset.margin_mm, nozzle_mm=preset.nozzle_mm,
        spool=None,
    )  # fmt: skip
    mesh = revision.parts[0].facts.mesh_sha256
    layout = library.max_layout(mesh, facts.bed)
    for copies in range(1, len(layout.placements) + 1):
        plate = library.plate(mesh, layout, copies)
        path = library.file(plate.sha256)
        assert path is not None
        wish = SliceRequest(
            plate=path, plate_sha256=plate.sha256, mesh_sha256=mesh, copies=copies, preset=preset,
            material=MATERIAL,
        )  # fmt: skip
        slicer.slice(wish, folder)


def give(slices: Path, folder: Path) -> None:
    """Copy the slices to where somebody looks for them."""
    shutil.copytree(slices, folder, dirs_exist_ok=True)
