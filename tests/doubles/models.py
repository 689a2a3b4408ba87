"""Model files for the gate: made here, shipped, and real designs from outside."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

import designs.catalogue
from designs.errors import MeshRefusedError
from designs.mesh import measure

FRAME = Path(designs.catalogue.__path__[0]) / "visor-frame" / "frame.stl"
REAL = Path(
    os.environ.get("FABNET_REAL_DESIGNS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "designs"
)
HEADER = bytes(80)


def real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{path} is not here; set FABNET_REAL_DESIGNS to a folder with real designs")
    return path


def stl(triangles):
    """A binary STL, whatever the triangles."""
    body = b"".join(
        bytes(12) + np.asarray(each, dtype="<f4").tobytes() + bytes(2) for each in triangles
    )
    return HEADER + struct.pack("<I", len(triangles)) + body


def block(size=(20.0, 30.0, 10.0), at=(5.0, -7.0, 3.0)):
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_translation(np.array(at) + np.array(size) / 2)
    return mesh


def refusal(tmp_path, data, name="part.stl"):
    source, out = tmp_path / name, tmp_path / "out.stl"
    source.write_bytes(data)
    with pytest.raises(MeshRefusedError) as refused:
        measure(source, out)
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    return refused.value.reason


#: Triangles of the file, closed without shared edges, bodies, volume in cm3.
REAL_FIGURES = {
    "3dverkstan_visor_europe_iso838_v4.stl": (5390, True, 1, 12.58),
    "3dverkstan_visor_stacked10_sweden_v10.stl": (63046, True, 1, 129.97),
    "aon3d_face_shield_frame_r01.stl": (1940, True, 1, 27.34),
    "charlotte_valve_decathlon.stl": (47114, False, 1, 29.49),
    "ear_saver_surgical_mask_strap.stl": (1824, True, 1, 3.35),
    "glia_faceshield_headpiece.stl": (33630, True, 1, 21.17),
    "prusa_headband_rc2_2pcs_project.3mf": (42824, True, 4, 82.29),
    "prusa_headband_rc3_petg.stl": (7302, True, 1, 39.35),
}
