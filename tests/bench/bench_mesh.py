"""What the gate for model files costs: against `trimesh.load` and `is_watertight` alone.

Run with `make bench-mesh`. Each file is read by both, each time in a fresh child process, in the same
run; the gate does all that it does before a design is added (sniffs, hashes, measures, says its
verdict, writes the canonical mesh), pictures apart. The files are a generated torus of 1.3 million
triangles, our catalogue, and the real designs where `FABNET_REAL_DESIGNS` leads to some. Prints a
row a file, then one JSON object: `time_ratio` is the gate's seconds over trimesh's, sums over all
files of the median of each file's rounds; `peak_mb` the most memory that a process of the gate took.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import designs.catalogue
from designs.errors import DesignError
from designs.mesh import check

REAL = Path(
    os.environ.get("FABNET_REAL_DESIGNS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "designs"
)
CATALOGUE = Path(designs.catalogue.__path__[0])
KINDS = (".stl", ".3mf", ".obj")
ROUND_THE_RING, ROUND_THE_TUBE = 1280, 512
#: Loads as one mesh, as a user of trimesh who asks for nothing else would.
PEER = (
    "import sys, trimesh\n"
    "mesh = trimesh.load(sys.argv[1], force='mesh')\n"
    "print(len(mesh.faces), mesh.is_watertight)\n"
)


def torus(path, around=ROUND_THE_RING, tube=ROUND_THE_TUBE):
    """Write a rippled torus of 2 * around * tube triangles as a binary STL."""
    u, v = np.meshgrid(
        np.linspace(0, 2 * np.pi, around, endpoint=False),
        np.linspace(0, 2 * np.pi, tube, endpoint=False),
        indexing="ij",
    )
    thick = 20.0 + np.sin(24 * u) * np.cos(7 * v)
    reach = 70.0 + thick * np.cos(v)
    points = np.stack([reach * np.cos(u), reach * np.sin(u), thick * np.sin(v)], axis=2)
    east, north = np.roll(points, -1, axis=0), np.roll(points, -1, axis=1)
    across = np.roll(east, -1, axis=1)
    corners = np.stack([np.stack([points, east, across], 2), np.stack([points, across, north], 2)])
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.zeros(2 * around * tube, dtype=record)
    data["corners"] = corners.reshape(-1, 3, 3)
    path.write_bytes(bytes(80) + len(data).to_bytes(4, "little") + data.tobytes())


def files(work):
    """Return what is read: the torus, the catalogue's meshes, the real designs."""
    big = work / "torus.stl"
    torus(big)
    found = [big, *sorted(CATALOGUE.glob("*/*.stl"))]
    if REAL.exists():
        found += sorted(path for path in REAL.iterdir() if path.suffix.lower() in KINDS)
    return found


def by_trimesh(path):
    """Return seconds, and what trimesh says: faces and whether they are watertight."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-c", PEER, str(path)], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    return seconds, done.stdout.strip() if done.returncode == 0 else "failed"


def by_gate(path):
    """Return seconds and the gate's report; None when it raised, which it never may."""
    with tempfile.TemporaryDirectory() as keep:
        began = time.perf_counter()
        try:
            report = check(path, Path(keep))
        except (DesignError, OSError, ValueError, RuntimeError) as error:
            print(f"{path.name}: {error!r}", file=sys.stderr)
            report = None
        return time.perf_counter() - began, report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="each file so often by each; 3")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which they are read")
    parser.add_argument("files", nargs="*", type=Path, help="read these instead")
    wanted = parser.parse_args()
    shuffle = random.Random(wanted.seed)
    ours, theirs, reports, said = {}, {}, {}, {}
    crashed = 0
    with tempfile.TemporaryDirectory() as work:
        found = wanted.files or files(Path(work))
        for _ in range(wanted.rounds):
            turns = [(path, gate) for path in found for gate in (True, False)]
            shuffle.shuffle(turns)
            for path, gate in turns:
                if gate:
                    seconds, reports[path] = by_gate(path)
                    ours.setdefault(path, []).append(seconds)
                    crashed += reports[path] is None
                else:
                    seconds, said[path] = by_trimesh(path)
                    theirs.setdefault(path, []).append(seconds)
    for path in found:
        report = reports[path]
        print(
            f"{path.parent.name}/{path.name} gate={statistics.median(ours[path]):.2f}s"
            f" trimesh={statistics.median(theirs[path]):.2f}s said={said[path]!r}"
            f" verdict={report.verdict if report else 'crashed'}"
            f" peak={report.peak_mb if report else None}MB"
        )
    verdicts = [each.verdict for each in reports.values() if each]
    spent = [sum(statistics.median(each) for each in side.values()) for side in (ours, theirs)]
    print(
        json.dumps(
            {
                "time_ratio": round(spent[0] / spent[1], 3),
                "peak_mb": max((r.peak_mb or 0.0 for r in reports.values() if r), default=0.0),
                "files": len(found),
                "refused": verdicts.count("refused"),
                "crashed": crashed,
                "gate_s": round(spent[0], 2),
                "trimesh_s": round(spent[1], 2),
                "real_designs": REAL.exists(),
            }
        )
    )


if __name__ == "__main__":
    main()
