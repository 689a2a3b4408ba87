"""The gate for model files with real and broken STL: a measure or a reason, never anything else."""

import hashlib
import struct
import time

import numpy as np
import pytest
import trimesh

from designs.child import CPU_S, MEMORY_BYTES
from designs.errors import MeshRefusedError
from designs.mesh import check, measure, read_canonical
from designs.model import Verdict
from tests.doubles.models import FRAME, HEADER, REAL_FIGURES, block, real, refusal, stl


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
        (b"solid x\n facet normal 0 0 1\n outer loop\n vertex a b c\n", "cut short"),
        (b"solid x\n facet\n" + b"vertex 1 2\n" * 50, "cut short"),
        (stl(np.where(block().triangles == 5.0, np.nan, block().triangles)), "no numbers"),
        (stl(np.where(block().triangles == 5.0, np.inf, block().triangles)), "no numbers"),
        (stl(np.where(block().triangles == 5.0, 1e30, block().triangles)), "millimetres"),
        (stl(block().triangles[1:]), "3 edges of 18 have a gap"),
        (stl(np.concatenate([block().triangles[:1, ::-1], block().triangles[1:]])), "face inwards"),
        (stl(np.zeros((4, 3, 3))), "0 x 0 x 0"),
        (stl(block((0.19, 0.14, 0.02)).triangles), "metres? That would be 190 mm"),
        (stl(block((4.0, 3.0, 1.0)).triangles), "inches? That would be 102 mm"),
        (stl(block((1.181, 0.787, 0.394)).triangles), "inches? That would be 30 mm"),
        (stl(block((5000.0, 3000.0, 10.0)).triangles), "2000 (taken for inches? In mm it would be 197 mm"),
        (stl(block((2e5, 3000.0, 10.0)).triangles), "micrometres? In mm it would be 200 mm"),
        (stl(np.repeat(block().triangles[:1], 2, axis=0)), "edges"),
        (bytes(range(256)) * 40, "cut short or is broken"),
    ],
)  # fmt: skip
def test_what_cannot_be_printed_is_refused_with_what_was_measured(tmp_path, data, says):
    assert says in refusal(tmp_path, data)


def test_a_file_of_another_kind_or_none_at_all(tmp_path):
    assert "STL, OBJ or 3MF" in refusal(tmp_path, b"ply", "part.ply")
    with pytest.raises(MeshRefusedError, match="cannot be read"):
        measure(tmp_path / "missing.stl", tmp_path / "out.stl")
    (tmp_path / "folder.stl").mkdir()
    with pytest.raises(MeshRefusedError):
        measure(tmp_path / "folder.stl", tmp_path / "out.stl")


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


def test_bodies_laid_out_in_one_stl_are_one_piece_and_warned_about(tmp_path):
    pair = trimesh.util.concatenate([block(), block(at=(50.0, 0.0, 3.0))])
    pair.export(tmp_path / "part.stl")
    report = check(tmp_path / "part.stl")
    assert (report.verdict, report.bodies) == (Verdict.WARNED, 2)
    assert "export one part alone" in report.reasons[0]


def test_a_body_that_hangs_in_the_air_is_refused_and_a_stack_is_not(tmp_path):
    trimesh.util.concatenate([block(), block(at=(50.0, 0.0, 9.0))]).export(tmp_path / "part.stl")
    assert "6.0 mm above the bed" in refusal(tmp_path, (tmp_path / "part.stl").read_bytes())
    trimesh.util.concatenate([block(), block(at=(5.0, -7.0, 13.3))]).export(tmp_path / "stack.stl")
    assert check(tmp_path / "stack.stl").bodies == 2


def test_a_refusal_tells_what_was_measured_before(tmp_path):
    (tmp_path / "part.stl").write_bytes(stl(block().triangles[1:]))
    report = check(tmp_path / "part.stl")
    assert report.verdict is Verdict.REFUSED
    assert (report.triangles, report.watertight, report.parts) == (11, False, ())
    assert report.extents_mm == pytest.approx((20, 30, 10))
    assert report.sha256 == hashlib.sha256((tmp_path / "part.stl").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", sorted(REAL_FIGURES))
def test_every_real_design_gets_its_verdict_in_bounded_time(name):
    began = time.monotonic()
    report = check(real(name))
    assert time.monotonic() - began < 2 * CPU_S
    triangles, watertight, bodies, volume_cm3 = REAL_FIGURES[name]
    assert (report.triangles, report.watertight, report.bodies) == (triangles, watertight, bodies)
    assert report.volume_mm3 / 1000 == pytest.approx(volume_cm3, abs=0.006)
    clean = watertight and not name.endswith(".3mf")
    assert report.verdict is (Verdict.PASSED if clean else Verdict.WARNED)
    assert 20 < report.peak_mb < MEMORY_BYTES / 2**20


def test_gaps_are_told_and_kept_for_a_picture(tmp_path):
    (tmp_path / "part.stl").write_bytes(stl(block().triangles[1:]))
    keep = tmp_path / "keep"
    keep.mkdir()
    report = check(tmp_path / "part.stl", keep)
    assert report.verdict is Verdict.REFUSED
    assert [path.name for path in keep.iterdir()] == [report.gaps.mesh_sha256]
    assert len(report.gaps.edges_mm) == 3
    missing = {tuple(corner) for corner in (block().triangles[0] - block().bounds[0]).tolist()}
    assert {each[:3] for each in report.gaps.edges_mm} | {
        each[3:] for each in report.gaps.edges_mm
    } == missing
    assert check(tmp_path / "part.stl").gaps == report.gaps
    assert check(FRAME).gaps is None


def test_a_dust_of_bodies_is_refused_in_bounded_time(tmp_path):
    grid = np.stack(np.meshgrid(*[np.arange(11)] * 3), axis=-1).reshape(-1, 1, 1, 3) * 3.0
    grid[:, :, :, 2] = 0
    grid[:, :, :, 0] += np.arange(1331).reshape(-1, 1, 1) * 3.0 % 500
    dust = (block((1, 1, 1), (0, 0, 0)).triangles[None] + grid * 1.37).reshape(-1, 3, 3)
    (tmp_path / "dust.stl").write_bytes(stl(dust))
    report = check(tmp_path / "dust.stl")
    assert report.verdict is Verdict.REFUSED
    assert "bodies, more than 1000" in report.reasons[0]


def test_memory_is_that_of_the_child_and_not_of_its_parent():
    held = np.ones(40_000_000)  # 320 MB
    report = check(FRAME)
    assert held.sum() == len(held)
    assert report.peak_mb < 150
