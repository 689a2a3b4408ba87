"""The gate for model files with real and broken files: a measure or a reason, never anything else."""

import hashlib
import os
import re
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

import designs.catalogue
from designs.child import CPU_S, MEMORY_BYTES
from designs.errors import MeshRefusedError
from designs.mesh import check, measure, read_canonical
from designs.model import Verdict

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
        (stl(block((4000.0, 3000.0, 10.0)).triangles), "more than 2000"),
        (stl(np.repeat(block().triangles[:1], 2, axis=0)), "edges"),
        (bytes(range(256)) * 40, "cut short or is broken"),
    ],
)  # fmt: skip
def test_what_cannot_be_printed_is_refused_with_what_was_measured(tmp_path, data, says):
    assert says in refusal(tmp_path, data)


def test_a_file_of_another_kind_or_none_at_all(tmp_path):
    assert "STL, OBJ and 3MF" in refusal(tmp_path, b"ply", "part.ply")
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
OBJECT = '<object id="{}" type="model">{}</object>'
#: A pyramid 20 mm high.
TETRA = (
    "<mesh><vertices>"
    '<vertex x="0" y="0" z="0"/><vertex x="20" y="0" z="0"/>'
    '<vertex x="0" y="30" z="0"/><vertex x="0" y="0" z="20"/></vertices><triangles>'
    '<triangle v1="0" v2="2" v3="1"/><triangle v1="0" v2="1" v3="3"/>'
    '<triangle v1="1" v2="2" v3="3"/><triangle v1="0" v2="3" v3="2"/></triangles></mesh>'
)

SUPPORT = OBJECT.format(1, TETRA).replace("model", "support")
BROKEN_TETRA = TETRA.replace('v3="2"', 'v3="9"')


def plate(tmp_path, resources, items, **others):
    path = tmp_path / "plate.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", MODEL.format(resources, items))
        for name, text in others.items():
            archive.writestr(name.replace("__", "/") + ".model", text)
    return path


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("this is no XML", "cannot be read"),
        (MODEL.format("", ""), "nothing that is a part lies"),
        (MODEL.format("", '<item objectid="7"/>'), "object '7' that is not in it"),
        (MODEL.format(OBJECT.format(1, "") + OBJECT.format(2, ""), '<item objectid="1"/>'), "no triangle"),
        (
            MODEL.format(
                "".join(
                    OBJECT.format(n, f'<components>{f"""<component objectid="{n + 1}"/>""" * 10}</components>')
                    for n in range(1, 9)
                )
                + OBJECT.format(9, ""),
                '<item objectid="1"/>',
            ),
            "components make more than",
        ),
        (
            MODEL.format(
                OBJECT.format(1, '<components><component objectid="1"/><component objectid="1"/></components>'),
                '<item objectid="1"/>',
            ),
            "hold one another",
        ),
        (MODEL.format(OBJECT.format(1, BROKEN_TETRA), '<item objectid="1"/>'), "not there"),
        (MODEL.format(OBJECT.format(1, TETRA), '<item objectid="1" transform="1 0"/>'), "cannot be read"),
        (MODEL.format(OBJECT.format(1, TETRA), '<item objectid="1" printable="0"/>'), "nothing that is a part"),
        (MODEL.format(SUPPORT, '<item objectid="1"/>'), "nothing that is a part"),
        (MODEL.replace("millimeter", "parsec").format("", ""), "'parsec' is unknown"),
        ('<!DOCTYPE m [<!ENTITY a "b">]>' + MODEL.format("", ""), "entities"),
        (MODEL.format(" " * 40_000_000, ""), "would grow"),
        (MODEL.format(OBJECT.format(1, '<component objectid="1"/>' * 600), ""), "components"),
    ],
)  # fmt: skip
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


def test_copies_of_one_part_on_a_plate_are_one_part(tmp_path):
    items = (
        '<item objectid="1"/><item objectid="1" transform="0 1 0 -1 0 0 0 0 1 60 5 0"/>'
        '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 100 100 0"/>'
    )
    report = check(plate(tmp_path, OBJECT.format(1, TETRA), items))
    assert report.verdict is Verdict.WARNED
    assert "3 of 'object 1'" in report.reasons[0]
    (part,) = report.parts
    assert (part.copies, part.facts.extents_mm) == (3, (20.0, 30.0, 20.0))
    assert report.volume_mm3 == pytest.approx(3 * 2000)
    assert (report.triangles, report.bodies, report.watertight) == (12, 3, True)
    assert measure(tmp_path / "plate.3mf", tmp_path / "out.stl") == part.facts


def test_copies_that_a_slicer_wrote_as_objects_of_their_own_are_one_part(tmp_path):
    resources = OBJECT.format(1, TETRA) + OBJECT.format(2, TETRA)
    items = '<item objectid="1"/><item objectid="2" transform="1 0 0 0 1 0 0 0 1 50 0 0"/>'
    report = check(plate(tmp_path, resources, items))
    assert [part.copies for part in report.parts] == [2]


def test_a_part_that_lies_otherwise_is_another_part(tmp_path):
    items = '<item objectid="1"/><item objectid="1" transform="1 0 0 0 0 1 0 -1 0 50 0 0"/>'
    report = check(plate(tmp_path, OBJECT.format(1, TETRA), items))
    assert [part.facts.extents_mm for part in report.parts] == [(20, 30, 20), (20, 20, 30)]
    with pytest.raises(MeshRefusedError, match="2 different parts"):
        measure(tmp_path / "plate.3mf", tmp_path / "out.stl")


def test_components_are_put_together_also_from_other_files_of_the_archive(tmp_path):
    pair = (
        '<components><component objectid="2"/><component p:path="/3D/Objects/other.model" objectid="1"'
        ' xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06"'
        ' transform="-1 0 0 0 1 0 0 0 1 -10 0 0"/></components>'
    )
    resources = OBJECT.format(1, pair).replace("<object ", '<object name="A pair" ', 1)
    path = plate(
        tmp_path,
        resources + OBJECT.format(2, TETRA),
        '<item objectid="1"/>',
        **{"3D__Objects__other": MODEL.format(OBJECT.format(1, TETRA), "")},
    )
    report = check(path)
    (part,) = report.parts
    assert (part.name, part.copies) == ("A pair", 1)
    assert part.facts.extents_mm == (50.0, 30.0, 20.0)  # the second one is mirrored
    assert part.facts.volume_mm3 == pytest.approx(4000)
    assert "2 separate bodies" in report.reasons[0]


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


def test_a_real_slicers_project_is_a_kit_of_two_parts(tmp_path):
    path = real("prusa_headband_rc2_2pcs_project.3mf")
    report = check(path)
    assert report.verdict is Verdict.WARNED
    assert "2 of 'COVID19_SHIELD_RC2.stl'" in report.reasons[0]
    with pytest.raises(MeshRefusedError, match="2 different parts"):
        measure(path, tmp_path / "out.stl")
    facts = measure(path, tmp_path / "out.stl", "COVID19_SHIELD_RC2.stl")
    assert facts.extents_mm == pytest.approx((191.0, 143.8, 20.0), abs=0.06)
    with pytest.raises(MeshRefusedError, match="no part 'lid'"):
        measure(path, tmp_path / "out.stl", "lid")


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


def test_an_obj_of_any_dialect_is_the_same_body(tmp_path):
    mesh = block()
    mesh.export(tmp_path / "part.stl")
    corners = "".join(f"v {x:.6f} {y:.6f} {z:.6f} 1.0\n" for x, y, z in mesh.vertices)
    faces = "".join(f"f {a + 1}/1/1 {b + 1}//2 {c - 8}\n" for a, b, c in mesh.faces)
    (tmp_path / "part.obj").write_text(
        f"# drawn by hand\nmtllib ../../etc/passwd\no block\n{corners}vn 0 0 1\nusemtl red\n{faces}"
    )
    facts = measure(tmp_path / "part.obj", tmp_path / "out.stl")
    assert facts == measure(tmp_path / "part.stl", tmp_path / "other.stl")


def test_bent_faces_of_an_obj_are_cut_where_they_may_be(tmp_path):
    """An L, 30 x 30 x 10, whose top and bottom are one face of six corners each."""
    outline = [(10, 10), (10, 30), (0, 30), (0, 0), (30, 0), (30, 10)]
    corners = "".join(f"v {x} {y} {z}\n" for z in (0, 10) for x, y in outline)
    top = "f " + " ".join(str(n) for n in range(7, 13))
    bottom = "f " + " ".join(str(n) for n in range(6, 0, -1))
    sides = "\n".join(f"f {n + 1} {(n + 1) % 6 + 1} {(n + 1) % 6 + 7} {n + 7}" for n in range(6))
    (tmp_path / "l.obj").write_text(f"{corners}{top}\n{bottom}\n{sides}\n")
    facts = measure(tmp_path / "l.obj", tmp_path / "out.stl")
    assert facts.volume_mm3 == pytest.approx(500 * 10)
    assert facts.up_mm2 == facts.down_mm2 == pytest.approx(500)
    assert facts.triangles == 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v 0 0 0\nf 1 2 3\n", "line 2: there is no corner 3"),
        ("v 0 0 0\nf 0 0 0\n", "line 2: there is no corner 0"),
        ("v 0 0 0\nf -1 -2 -3\n", "line 2: there is no corner -2"),
        ("v 0 0\n", "line 1: a corner needs three numbers"),
        ("v a b c\n", "cannot be read as OBJ"),
        ("v 0 0 0\nv 0 20,5 0\n", "line 2: numbers need a point as the decimal sign"),
        ("v nan 0 0\nv 1e30 0 0\nv 0 9 0\nf 1 2 3\n", "no numbers"),
        ("v 0 0 0\nv 1e30 0 0\nv 0 9 0\nf 1 2 3\n", "millimetres"),
        ("v 0 0 0\nv 9 0 0\nv 0 9 0\nf 1 2\n", "no triangle in it"),
        ("v 0 0 0\nv 9 0 0\nv 0 9 0\nf 1 2 3\n", "3 edges of 3 have a gap"),
        ("v 0 0 0\nf" + " 1" * 50_000 + "\n", "a face of 10001 corners"),
        ("Just some words.\n", "no triangle"),
        ("\x00\x01\x02", "no OBJ file"),
        ("<!DOCTYPE html>", "a web page"),
    ],
)
def test_an_obj_that_is_none_or_broken_is_refused(tmp_path, text, says):
    assert says in refusal(tmp_path, text.encode(), "part.obj")


def prusa_project(tmp_path, kind):
    """A pyramid with a second, smaller one in the same mesh, which is `kind` of volume."""
    corners = re.findall(r"<vertex.*?/>", TETRA)
    second = TETRA.split("<triangles>")[1].replace("</triangles></mesh>", "")
    second = re.sub(r'="(\d)"', lambda found: f'="{int(found[1]) + 4}"', second)
    mesh = TETRA.replace("</vertices>", "".join(corners) + "</vertices>")
    mesh = mesh.replace("</triangles>", second + "</triangles>")
    path = tmp_path / "project.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "3D/3dmodel.model", MODEL.format(OBJECT.format(1, mesh), '<item objectid="1"/>')
        )
        archive.writestr(
            "Metadata/Slic3r_PE_model.config",
            '<?xml version="1.0" encoding="UTF-8"?><config><object id="1">'
            '<metadata type="object" key="name" value="pyramid.stl"/>'
            '<volume firstid="0" lastid="3"><metadata type="volume" key="volume_type" value="ModelPart"/>'
            f'</volume><volume firstid="4" lastid="7">{kind}</volume></object></config>',
        )
    return path


@pytest.mark.parametrize(
    "kind",
    [
        '<metadata type="volume" key="volume_type" value="ParameterModifier"/>',
        '<metadata type="volume" key="volume_type" value="SupportBlocker"/>',
        '<metadata type="volume" key="modifier" value="1"/>',
    ],
)
def test_modifiers_of_a_prusaslicer_project_are_left_out(tmp_path, kind):
    report = check(prusa_project(tmp_path, kind))
    assert (report.verdict, report.triangles, report.bodies) == (Verdict.WARNED, 4, 1)
    assert report.parts[0].name == "pyramid.stl"
    assert report.volume_mm3 == pytest.approx(2000)
    assert "left out: 1" in report.reasons[0]


def test_what_a_project_cuts_away_is_refused(tmp_path):
    kind = '<metadata type="volume" key="volume_type" value="NegativeVolume"/>'
    report = check(prusa_project(tmp_path, kind))
    assert report.verdict is Verdict.REFUSED
    assert "cuts one volume out of another" in report.reasons[0]


def test_modifiers_of_a_bambu_project_and_supports_of_cura_are_left_out(tmp_path):
    pair = '<components><component objectid="2"/><component objectid="3"/></components>'
    cura = (
        '<metadatagroup><metadata name="cura:support_mesh" type="xs:boolean">True</metadata>'
        f"</metadatagroup>{TETRA}"
    )
    resources = OBJECT.format(1, pair) + OBJECT.format(2, TETRA) + OBJECT.format(3, TETRA)
    items = '<item objectid="1"/><item objectid="4"/>'
    path = plate(tmp_path, resources + OBJECT.format(4, cura), items)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "Metadata/model_settings.config",
            '<config><object id="1"><metadata key="name" value="pair"/>'
            '<part id="2" subtype="normal_part"/><part id="3" subtype="support_enforcer"/>'
            "</object></config>",
        )
    report = check(path)
    assert [(part.copies, part.facts.triangles) for part in report.parts] == [(1, 4)]
    assert "left out: 2" in report.reasons[0]


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
