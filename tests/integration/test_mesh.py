"""The gate for model files with real and broken files: a measure or a reason, never anything else."""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
import trimesh

import designs.catalogue
from designs.errors import MeshRefusedError
from designs.mesh import measure, read_canonical
from designs.model import Bed
from designs.packing import footprint, pack, placed

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


def test_a_block_is_measured_and_moved_to_the_origin(tmp_path):
    block().export(tmp_path / "part.stl")
    facts = measure(tmp_path / "part.stl", tmp_path / "out.stl")
    assert facts.extents_mm == (20.0, 30.0, 10.0)
    assert facts.volume_mm3 == pytest.approx(6000)
    assert facts.side_mm2 == pytest.approx(2 * (20 + 30) * 10)
    assert (facts.up_mm2, facts.down_mm2) == (600.0, 600.0)
    assert (facts.triangles, facts.warnings) == (12, ())
    corners = read_canonical(tmp_path / "out.stl")
    assert corners.min(axis=(0, 1)).tolist() == [0, 0, 0]


def test_the_same_body_gives_the_same_bytes(tmp_path):
    mesh = block()
    mesh.export(tmp_path / "binary.stl")
    (tmp_path / "ascii.stl").write_text(trimesh.exchange.stl.export_stl_ascii(mesh))
    mesh.export(tmp_path / "zipped.3mf")
    moved = block(at=(100.0, 50.0, -20.0))
    moved.faces = moved.faces[::-1]
    moved.export(tmp_path / "moved.stl")
    hashes = {
        measure(tmp_path / name, tmp_path / f"{name}.out").mesh_sha256
        for name in ("binary.stl", "ascii.stl", "zipped.3mf", "moved.stl")
    }
    assert len(hashes) == 1


def test_the_committed_visor_is_in_canonical_form(tmp_path):
    measure(FRAME, tmp_path / "out.stl")
    assert (tmp_path / "out.stl").read_bytes() == FRAME.read_bytes()


def test_a_3mf_in_inches_is_measured_in_mm(tmp_path):
    block().export(tmp_path / "mm.3mf")
    with zipfile.ZipFile(tmp_path / "mm.3mf") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "inch.3mf", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data.replace(b'unit="millimeter"', b'unit="inch"'))
    facts = measure(tmp_path / "inch.3mf", tmp_path / "out.stl")
    assert facts.extents_mm == pytest.approx((20 * 25.4, 30 * 25.4, 10 * 25.4))


def test_a_body_that_is_inside_out_is_turned(tmp_path):
    mesh = block()
    mesh.invert()
    mesh.export(tmp_path / "part.stl")
    facts = measure(tmp_path / "part.stl", tmp_path / "out.stl")
    assert facts.volume_mm3 == pytest.approx(6000)
    assert "inside out" in facts.warnings[0]


def test_bodies_that_overlap_are_weighed_once(tmp_path):
    pair = trimesh.util.concatenate(
        [block((20, 20, 20), (0, 0, 0)), block((20, 20, 20), (10, 3, 2))]
    )
    pair.export(tmp_path / "part.stl")
    facts = measure(tmp_path / "part.stl", tmp_path / "out.stl")
    assert facts.volume_mm3 == pytest.approx(16000 - 10 * 17 * 18, rel=1e-4)
    assert "overlap" in facts.warnings[0]


def test_a_part_that_may_be_in_inches_is_warned_about(tmp_path):
    block((7.5, 5.0, 2.0)).export(tmp_path / "part.stl")
    facts = measure(tmp_path / "part.stl", tmp_path / "out.stl")
    assert "in inches it would be 190 mm" in facts.warnings[0]


GOOD = stl(block().triangles)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0" + bytes(5000), "a JPEG picture"),
        (b"<!DOCTYPE html><html>not found</html>" * 9, "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64, "Git LFS"),
        (GOOD[:-70], "cut short"),
        (HEADER + struct.pack("<I", 50_000_000) + GOOD[84:], "50000000 triangles"),
        (HEADER + struct.pack("<I", 0), "no triangle"),
        (b"solid nothing\nendsolid nothing\n", "no triangle"),
        (b"solid x\n facet normal 0 0 1\n outer loop\n vertex a b c\n", "no triangle"),
        (b"solid x\n facet\n" + b"vertex 1 2\n" * 50, "no triangle"),
        (stl(np.where(block().triangles == 5.0, np.nan, block().triangles)), "no numbers"),
        (stl(np.where(block().triangles == 5.0, np.inf, block().triangles)), "no numbers"),
        (stl(np.where(block().triangles == 5.0, 1e30, block().triangles)), "millimetres"),
        (stl(block().triangles[1:]), "3 edges of 18 have a gap"),
        (stl(np.concatenate([block().triangles[:1, ::-1], block().triangles[1:]])), "face inwards"),
        (stl(np.zeros((4, 3, 3))), "0 x 0 x 0"),
        (stl(block((0.19, 0.14, 0.02)).triangles), "metres? That would be 190 mm"),
        (stl(block((4.0, 3.0, 1.0)).triangles), "inches? That would be 102 mm"),
        (stl(block((4000.0, 3000.0, 10.0)).triangles), "more than 2000"),
        (stl(np.repeat(block().triangles[:1], 2, axis=0)), "edges"),
        (bytes(range(256)) * 40, "cut short or is broken"),
    ],
)  # fmt: skip
def test_what_cannot_be_printed_is_refused_with_what_was_measured(tmp_path, data, says):
    assert says in refusal(tmp_path, data)


def test_a_file_of_another_kind_or_none_at_all(tmp_path):
    assert "STL and 3MF" in refusal(tmp_path, b"ISO-10303-21;", "part.step")
    with pytest.raises(MeshRefusedError, match="cannot be read"):
        measure(tmp_path / "missing.stl", tmp_path / "out.stl")
    (tmp_path / "folder.stl").mkdir()
    with pytest.raises(MeshRefusedError):
        measure(tmp_path / "folder.stl", tmp_path / "out.stl")


def archive_of(path, model):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", model)
    return path.read_bytes()


MODEL = (
    '<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">'
    "<resources>{}</resources><build>{}</build></model>"
)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("this is no XML", "cannot be read"),
        (MODEL.format("", ""), "cannot be read as 3MF"),
        ('<!DOCTYPE m [<!ENTITY a "b">]>' + MODEL.format("", ""), "entities"),
        (MODEL.format(" " * 40_000_000, ""), "would grow"),
        (MODEL.format("", '<component objectid="1"/>' * 300), "components"),
    ],
)
def test_a_3mf_that_is_broken_or_a_trap_is_refused(tmp_path, model, says):
    data = archive_of(tmp_path / "part.3mf", model)
    assert says in refusal(tmp_path, data, "part.3mf")


def test_a_truncated_3mf_is_refused(tmp_path):
    block().export(tmp_path / "part.3mf")
    data = (tmp_path / "part.3mf").read_bytes()
    assert "cannot be read" in refusal(tmp_path, data[: len(data) // 2], "part.3mf")
    assert "no 3MF" in refusal(tmp_path, b"not a zip", "part.3mf")


@pytest.mark.parametrize(
    ("name", "extents", "volume_cm3"),
    [
        ("prusa_headband_rc3_petg.stl", (191.0, 143.8, 20.0), 39.35),
        ("3dverkstan_visor_europe_iso838_v4.stl", (158.0, 181.0, 5.0), 12.58),
        ("glia_faceshield_headpiece.stl", (218.4, 96.8, 15.0), 21.17),
        ("charlotte_valve_decathlon.stl", (85.4, 59.2, 83.1), 29.49),
        ("ear_saver_surgical_mask_strap.stl", (163.0, 31.5, 2.0), 3.35),
        ("aon3d_face_shield_frame_r01.stl", (182.4, 218.9, 3.2), 27.34),
    ],
)
def test_real_designs_pass_with_their_known_measures(tmp_path, name, extents, volume_cm3):
    facts = measure(real(name), tmp_path / "out.stl")
    assert facts.extents_mm == pytest.approx(extents, abs=0.06)
    assert facts.volume_mm3 / 1000 == pytest.approx(volume_cm3, abs=0.01)


def test_a_real_mesh_with_shared_edges_passes_with_a_warning(tmp_path):
    facts = measure(real("charlotte_valve_decathlon.stl"), tmp_path / "out.stl")
    assert "10 edges are shared" in facts.warnings[0]


def test_a_real_slicers_project_is_refused(tmp_path):
    with pytest.raises(MeshRefusedError, match="4 bodies on a plate"):
        measure(real("prusa_headband_rc2_2pcs_project.3mf"), tmp_path / "out.stl")


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("prusa_headband_rc3_petg.stl", 2),
        ("3dverkstan_visor_europe_iso838_v4.stl", 2),
        ("glia_faceshield_headpiece.stl", 3),
        ("ear_saver_surgical_mask_strap.stl", 8),
        ("aon3d_face_shield_frame_r01.stl", 1),
    ],
)
def test_real_designs_on_a_bed_of_250_by_210(tmp_path, name, copies):
    measure(real(name), tmp_path / "out.stl")
    shadow = footprint(read_canonical(tmp_path / "out.stl"))
    layout = pack(shadow, Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0))
    assert len(layout.placements) >= copies
    shadows = [placed(shadow, each) for each in layout.placements]
    room = shapely.box(2, 2, 248, 208).buffer(0.002)
    assert all(room.covers(each) for each in shadows)
    pairs = [(a, b) for i, a in enumerate(shadows) for b in shadows[:i]]
    assert all(a.distance(b) >= 1.998 for a, b in pairs)


def test_a_real_part_that_is_too_wide_does_not_fit(tmp_path):
    measure(real("prusa_headband_rc3_petg.stl"), tmp_path / "out.stl")
    shadow = footprint(read_canonical(tmp_path / "out.stl"))
    assert pack(shadow, Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0)).placements == ()
