"""How many copies of real parts lie on real beds: our nester, boxes, PrusaSlicer, two prototypes.

Run with `make bench-pack`. Prints a row for each part and bed, then one JSON object. Beds are whole
(margin 0), copies 2 mm apart, so that all columns ask the same; rows of `presets` use the margins
of our machine presets. Every layout of ours is checked exactly, against the shadow of all triangles.

`prusa` is the most that PrusaSlicer's own `--duplicate` arranges; null where it is not installed.
`nest4` and `nest24` are figures of two prototype nesters, measured once on the same files before
this one was written (for the visor frame: on an earlier one of about the same size); null where
they were not measured.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely

import designs.catalogue
from designs.mesh import check, read_canonical
from designs.model import Bed
from designs.packing import footprint, pack
from firmware_profiles.loader import all_machines

REAL = Path(
    os.environ.get("FABNET_REAL_DESIGNS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "designs"
)
CATALOGUE = Path(designs.catalogue.__path__[0])
GAP_MM = 2.0
BEDS = ((250.0, 210.0), (220.0, 220.0), (180.0, 180.0))
#: By file and bed: nest4, nest24.
PROTOTYPES = {
    "prusa_headband_rc3_petg.stl": ((1, 2), (1, 1), (0, 0)),
    "prusa_headband_rc2_2pcs_project.3mf: COVID19_SHIELD_RC2.stl": ((1, 2), (1, 1), (0, 0)),
    "3dverkstan_visor_europe_iso838_v4.stl": ((1, 2), (2, 2), (0, 0)),
    "glia_faceshield_headpiece.stl": ((3, 3), (3, 3), (0, 1)),
    "visor-frame/frame.stl": ((1, 2), (1, 2), (1, 1)),
}
_TOLERANCE_MM = 0.002


def parts(folder):
    """Pass all model files through the gate; return the canonical mesh of each part by name."""
    files = (
        sorted(p for p in REAL.glob("*") if p.suffix in (".stl", ".3mf")) if REAL.exists() else []
    )
    found = {}
    for path in files:
        report = check(path, folder)
        for part in report.parts:
            name = path.name if len(report.parts) == 1 else f"{path.name}: {part.name}"
            found[name] = folder / part.facts.mesh_sha256
    for path in sorted(CATALOGUE.glob("*/*.stl")):
        if path.name != "frame.stl" or path.parent.name == "visor-frame":
            found[f"{path.parent.name}/{path.name}"] = path
    return found


def exact_shadow(triangles):
    """The union of all triangles seen from above: nothing of the nester's own rounding."""
    flat = shapely.polygons(triangles[:, :, :2].astype(np.float64))
    return shapely.union_all(flat[shapely.area(flat) > 0])


def broken_rules(shadow, layout, gap_mm=GAP_MM):
    """Return how often copies stick out of the bed's room or come too close; exactly."""
    bed = layout.bed
    room = shapely.box(
        bed.margin_mm, bed.margin_mm, bed.x_mm - bed.margin_mm, bed.y_mm - bed.margin_mm
    ).buffer(_TOLERANCE_MM)
    lying = []
    for each in layout.placements:
        angle = math.radians(each.angle_deg)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        move = np.array([each.x_mm, each.y_mm])
        lying.append(shapely.transform(shadow, lambda xy, t=turn, m=move: xy @ t + m))
    outside = sum(not room.covers(one) for one in lying)
    close = sum(
        shapely.dwithin(one, other, gap_mm - _TOLERANCE_MM)
        for one, other in itertools.combinations(lying, 2)
    )
    return outside + int(close)


def in_boxes(size, bed):
    """How many boxes fit: rows of one way to lie, then rows of the other; both ways to divide."""
    best = 0
    for length, width in (bed, bed[::-1]):
        for a, b in (size, size[::-1]):
            for first in range(_row(length, a) + 1):
                rest = length - first * (a + GAP_MM)
                best = max(best, first * _row(width, b) + _row(rest, b) * _row(width, a))
    return best


def _row(length, side):
    return max(0, int((length + GAP_MM) / (side + GAP_MM) + 1e-6))


def by_prusa(program, mesh, bed, most):
    """The most copies that PrusaSlicer arranges; its own search, by halves."""
    fits, fails = 0, most + 1
    with tempfile.TemporaryDirectory() as work:
        stl = Path(work) / "part.stl"
        shutil.copy(mesh, stl)
        while fails - fits > 1:
            copies = (fits + fails) // 2
            shape = f"0x0,{bed[0]:g}x0,{bed[0]:g}x{bed[1]:g},0x{bed[1]:g}"
            done = subprocess.run(
                [program, "--export-3mf", "--duplicate", str(copies), "--duplicate-distance",
                 f"{GAP_MM:g}", "--bed-shape", shape, "-o", f"{work}/out.3mf", str(stl)],
                capture_output=True, timeout=300, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                fits = copies
            else:
                fails = copies
    return fits


def on_presets(found, shadows, exact):
    """Return how many copies of each part lie on the bed of each machine preset.

    Many machines have the same bed: it is nested once, and stands in each of their rows.
    """

    @functools.cache
    def nested(name, bed):
        layout = pack(shadows[name], bed, GAP_MM)
        return len(layout.placements), broken_rules(exact[name], layout)

    rows = []
    for name, preset in itertools.product(found, all_machines()):
        bed = Bed(x_mm=preset.bed_x_mm, y_mm=preset.bed_y_mm, margin_mm=preset.margin_mm)
        ours, broken = nested(name, bed)
        row = {
            "part": name,
            "preset": preset.name,
            "margin_mm": preset.margin_mm,
            "ours": ours,
            "broken": broken,
        }
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="nest in another order; the counts stay the same")
    seed = parser.parse_args().seed
    program = shutil.which("prusa-slicer")
    table, seconds, cpu_s = [], [], []
    with tempfile.TemporaryDirectory() as work:
        found = parts(Path(work))
        meshes = {name: read_canonical(path) for name, path in found.items()}
        shadows = {name: footprint(mesh) for name, mesh in meshes.items()}
        exact = {name: exact_shadow(mesh) for name, mesh in meshes.items()}
        pairs = [(name, number) for name in found for number in range(len(BEDS))]
        if seed is not None:
            random.Random(seed).shuffle(pairs)
        for name, number in pairs:
            bed, size = BEDS[number], np.ptp(meshes[name].reshape(-1, 3), axis=0)[:2].tolist()
            began, cpu_began = time.perf_counter(), time.process_time()
            layout = pack(shadows[name], Bed(x_mm=bed[0], y_mm=bed[1], margin_mm=0.0), GAP_MM)
            seconds.append(time.perf_counter() - began)
            cpu_s.append(time.process_time() - cpu_began)
            ours, boxes = len(layout.placements), in_boxes(size, bed)
            nest4, nest24 = PROTOTYPES.get(name, ((None, None),) * 3)[number]
            row = {
                "part": name,
                "bed": f"{bed[0]:g}x{bed[1]:g}",
                "ours": ours,
                "boxes": boxes,
                "prusa": by_prusa(program, found[name], bed, ours + 3) if program else None,
                "nest4": nest4,
                "nest24": nest24,
                "seconds": round(seconds[-1], 2),
                "cpu_s": round(cpu_s[-1], 2),
                "broken": broken_rules(exact[name], layout),
            }
            table.append(row)
            print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        presets = on_presets(found, shadows, exact)
    others = ("boxes", "prusa", "nest4", "nest24")
    worse = sum(row["ours"] < max(row[each] or 0 for each in others) for row in table)
    print(
        json.dumps(
            {
                "table": sorted(table, key=lambda row: (row["part"], row["bed"])),
                "presets": presets,
                "median_s": round(statistics.median(seconds), 3),
                # The same on a machine that does other work besides.
                "median_cpu_s": round(statistics.median(cpu_s), 3),
                "slowest_s": round(max(seconds), 3),
                "worse_than_best": worse,
                "broken": sum(row["broken"] for row in table + presets),
                "real_designs": REAL.exists(),
            }
        )
    )


if __name__ == "__main__":
    main()
