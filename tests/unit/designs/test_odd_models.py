"""Odd model files, as they are found in the wild: each gets a verdict, and the right one."""

import importlib.util
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from designs.bodies import RefusedError
from designs.mesh import check
from designs.model import Verdict
from designs.reading import read
from tests.doubles.step_file import AP203, AP214, AP242, step_of_block, step_of_blocks

BLOCK = trimesh.creation.box((21.5, 21.5, 21.5))
BLOCK.apply_translation((0.25, 0.5, 0.75))


def text_stl(name="part", *, end=True):
    lines = [f"solid {name}"]
    for corners in BLOCK.triangles:
        lines += ["facet normal 0 0 1", " outer loop"]
        lines += ["  vertex {:g} {:g} {:g}".format(*corner) for corner in corners]
        lines += [" endloop", "endfacet"]
    return "\n".join([*lines, f"endsolid {name}" if end else ""]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        text_stl().upper(),
        text_stl().replace("\n", "\r\n"),
        text_stl().replace("\n", "\r"),
        text_stl().replace("\n", "\n\n"),
        text_stl(name="pièce 测试 vertex facet normal"),
        text_stl(name="x" * 3000),
        text_stl(end=False),
        "\ufeff" + text_stl(),
    ],
    ids=["upper", "crlf", "cr", "blank lines", "name", "long name", "no end", "byte order mark"],
)
def test_a_text_stl_of_any_dialect_is_the_same_body(tmp_path, text):
    path = tmp_path / "odd.stl"
    path.write_bytes(text.encode())
    (body,) = read(path, "stl")
    assert np.allclose(body.soup, BLOCK.triangles, atol=1e-4)


def test_several_solids_of_a_text_stl_are_one_body(tmp_path):
    path = tmp_path / "odd.stl"
    path.write_text(text_stl("one") + text_stl("two"))
    (body,) = read(path, "stl")
    assert len(body.soup) == 24


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (text_stl().replace(".", ","), "commas"),
        (text_stl()[:-200], "cut short"),
        (text_stl().replace("vertex", "vortex", 1), "cut short"),
        (text_stl().replace(" endloop", "  vertex 1 2 3\n endloop", 1), "cut short"),
        (text_stl().replace("11", "eleven", 1), "'eleven.5' stands where a number should"),
    ],
)
def test_a_text_stl_that_is_broken_is_refused(tmp_path, text, says):
    path = tmp_path / "odd.stl"
    path.write_text(text)
    with pytest.raises(RefusedError, match=says):
        read(path, "stl")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.amf", b"<amf/>", "AMF is not read"),
        ("a.gcode", b"G28\n", "G-code is for one printer only"),
        ("a.stl", b"; by a slicer\nG28 ; home\nG1 X10 Y10\n" * 9, "but G-code"),
        (
            "a.stl",
            b"ISO-10303-21;\nHEADER;\n" * 9,
            "by what is in it, it is STEP; let its name end in .step",
        ),
        ("a.obj", text_stl().encode(), "it is no OBJ file: by what is in it, it is STL"),
        ("a.obj", bytes(80) + (1).to_bytes(4, "little") + bytes(50), "it is STL; let its name"),
        (
            "a.stl",
            b"# by hand\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" * 3,
            "let its name end in .obj",
        ),
        ("a.stl", b"PK\x03\x04" + bytes(26) + b"3D/3dmodel.model" + bytes(99), "it is 3MF"),
        ("a.stl", b"\n\n<!doctype html><title>404</title>" * 9, "but a web page"),
        ("a.stl", b"<HTML><HEAD></HEAD></HTML>" * 9, "but a web page"),
        ("a.obj", b'{"message": "Not Found"}', "but JSON"),
        ("a.stl", b"<?xml version='1.0'?>\n<amf unit='inch'></amf>" * 9, "but an AMF file"),
        (
            "a.stl",
            b"\0\x05\x16\x07\0\2\0\0Mac OS X" + bytes(120),
            "but what a Mac keeps beside a file",
        ),
        (
            "a.3mf",
            b"\0\x05\x16\x07\0\2\0\0Mac OS X" + bytes(120),
            "but what a Mac keeps beside a file",
        ),
        ("a.stl", bytes(5000), "but nothing but zeros"),
        ("a.stl", b"\xd0\xcf\x11\xe0" + bytes(600), "of Office or of a CAD program"),
        (
            "a.stl",
            bytes(80) + (1).to_bytes(4, "little") + bytes(range(250)),
            "it says 1 triangles, and 200 bytes more come behind",
        ),
        (
            "a.stl",
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not the file itself: fetch",
        ),
        ("a.scad", b"cube(1);\n", "it is an OpenSCAD program, which is not read"),
        ("a.F3D", b"PK\x03\x04", "it is a Fusion 360 design"),
        ("a.igs", b"S      1\n", "it is an IGES file"),
        ("a.ply", b"ply\n", "it is a PLY file"),
        ("a.svg", b"<svg/>", "bring it in a ZIP with a design.toml that names it"),
        ("a.cdr", b"RIFF", "it is a drawing, which is not read"),
        ("a.rar", b"Rar!", "unpack it, or pack it as ZIP"),
        ("a.bgcode", b"GCDE", "G-code is for one printer only"),
        ("a", b"solid x", "only STL, OBJ and 3MF files can be read"),
        ("a.stl", b"cube([20, 20, 20]);\n" * 9, "but text of another kind"),
        ("a.stl", b"#VRML V2.0 utf8\nShape {}\n" * 9, "but a VRML file"),
        ("a.stl", b"OFF\n8 6 0\n" * 9, "but an OFF file"),
        ("a.stl", text_stl().encode("utf-16"), "but text in UTF-16"),
        ("a.3mf", b"\x1f\x8b" + b"\0" * 99, "but a gzip archive"),
    ],
)
def test_what_is_no_model_is_called_by_its_name(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    report = check(tmp_path / name)
    assert report.verdict is Verdict.REFUSED
    assert says in report.reasons[0]


@pytest.mark.parametrize(
    "behind",
    [b"\n", bytes(range(49)), bytes(50), b"\xff" * 70_000, b"by a program on 2020-04-01\r\n" * 9],
    ids=["a byte", "less than a triangle", "zeros", "filled up", "a note"],
)
def test_what_comes_behind_the_triangles_of_an_stl_is_left_out_and_said(tmp_path, behind):
    path = tmp_path / "odd.stl"
    path.write_bytes(BLOCK.export(file_type="stl") + behind)
    report = check(path)
    assert (report.verdict, report.triangles, report.watertight) == (Verdict.WARNED, 12, True)
    assert report.reasons == (
        f"{len(behind)} bytes behind its 12 triangles are left out: look whether the part is whole",
    )


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (6, "it says 6 triangles, and 300 bytes more come behind"),
        (11, "it says 11 triangles, and 50 bytes more come behind"),
        (13, "it says 13 triangles and has room for 12"),
        (0, "it says 0 triangles and has room for 12"),
        (0xFFFFFFFF, "it says 4294967295 triangles and has room for 12"),
    ],
)
def test_an_stl_that_counts_its_triangles_wrong_is_refused(tmp_path, told, says):
    content = BLOCK.export(file_type="stl")
    path = tmp_path / "odd.stl"
    path.write_bytes(content[:80] + told.to_bytes(4, "little") + content[84:])
    report = check(path)
    assert report.verdict is Verdict.REFUSED
    assert says in report.reasons[0]


@pytest.mark.parametrize("before", ["# by a program\n; of ours\n", ""])
def test_a_text_stl_may_begin_with_its_first_facet(tmp_path, before):
    path = tmp_path / "odd.stl"
    path.write_text(before + text_stl().partition("\n")[2])
    report = check(path)
    assert (report.verdict, report.triangles, report.watertight) == (Verdict.PASSED, 12, True)


def test_a_name_in_another_alphabet_of_old_is_no_hindrance(tmp_path):
    path = tmp_path / os.fsdecode(b"visi\xe8re.stl")
    path.write_text(text_stl())
    report = check(path)
    assert (report.verdict, report.file) == (Verdict.PASSED, "visi?re.stl")
    assert report.parts[0].name == "visire"


def test_what_is_no_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.stl")
    assert "no file" in check(tmp_path / "pipe.stl").reasons[0]
    (tmp_path / "folder.stl").mkdir()
    assert "no file" in check(tmp_path / "folder.stl").reasons[0]


CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
BEAMS = "http://schemas.microsoft.com/3dmanufacturing/beamlattice/2017/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
ELSEWHERE = '<item objectid="1" p:path="/3D/Objects/part_1.model"/>'
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/clip.model" Id="r"'
    ' Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


def model(attributes="", item='<item objectid="1"/>', title=""):
    corners = "".join('<vertex x="{:g}" y="{:g}" z="{:g}"/>'.format(*v) for v in BLOCK.vertices)
    faces = "".join('<triangle v1="{}" v2="{}" v3="{}"/>'.format(*f) for f in BLOCK.faces)
    return (
        f'<model xmlns="{CORE}" {attributes}><resources><object id="1" name="{title}"><mesh>'
        f"<vertices>{corners}</vertices><triangles>{faces}</triangles></mesh></object></resources>"
        f"<build>{item}</build></model>"
    )


def archive(path, files, *, lock=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    content = bytearray(buffer.getvalue())
    if lock:
        content[content.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "files",
    [
        {"/3D/3dmodel.model": model()},
        {"3D\\3dmodel.model": model()},
        {"_rels/.rels": RELS, "3D/clip.model": model(), "3D/other.model": model(item="")},
        {"_rels/.rels": RELS.replace("clip", "My%20Clip"), "3D/my clip.model": model()},
        {
            "3D/3dmodel.model": model(f'xmlns:p="{PRODUCTION}"', ELSEWHERE).replace(
                ' id="1"', ' id="9"'
            ),
            "3D/Objects/Part_1.model": model(item=""),
        },
        {"3D/3dmodel.model": model(title="n" * 100_000)},
        {"3D/3dmodel.model": model(), "../../etc/cron.d/x": "left alone", "/etc/x": ""},
    ],
    ids=[
        "slash",
        "backslash",
        "relations",
        "quoted",
        "elsewhere",
        "long name",
        "paths that lead out",
    ],
)
def test_a_3mf_of_any_dialect_is_the_same_body(tmp_path, files):
    (body,) = read(archive(tmp_path / "odd.3mf", files), "3mf")
    assert np.allclose(body.soup, BLOCK.triangles, atol=1e-4)
    assert len(body.name) < 100


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (model(f'requiredextensions="b" xmlns:b="{BEAMS}"'), "needs the 3MF extension"),
        (model().replace("</mesh>", "<beamlattice/></mesh>"), "lattice of beams"),
        (model().replace("10.", "10,"), "numbers are written with commas"),
        (model(item='<item objectid="77"/>'), "object '77' that is not in it"),
        (model(item='<item objectid="1" transform="1 0 0"/>'), "a transform is not of 12 numbers"),
        (
            model().replace("<resources>", '<resources><object id="1"><mesh/></object>'),
            "two of its objects are called '1'",
        ),
    ],
)
def test_a_3mf_that_would_lose_something_is_refused(tmp_path, content, says):
    path = archive(tmp_path / "odd.3mf", {"3D/3dmodel.model": content})
    with pytest.raises(RefusedError, match=says):
        read(path, "3mf")


def test_entities_are_found_in_any_encoding(tmp_path):
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE m [<!ENTITY a "b">]>' + model()
    path = archive(tmp_path / "odd.3mf", {"3D/3dmodel.model": text.encode("utf-16")})
    with pytest.raises(RefusedError, match="XML entities"):
        read(path, "3mf")


def test_a_3mf_of_gcode_is_called_so(tmp_path):
    files = {"3D/3dmodel.model": model(item=""), "Metadata/plate_1.gcode": "G28\n"}
    with pytest.raises(RefusedError, match="G-code for one printer and no model"):
        read(archive(tmp_path / "plate.gcode.3mf", files), "3mf")


def test_a_unit_is_known_however_it_is_spelt(tmp_path):
    files = {"3D/3dmodel.model": model('unit="Millimeter"')}
    (body,) = read(archive(tmp_path / "odd.3mf", files), "3mf")
    assert np.ptp(body.soup[..., 0]) == pytest.approx(21.5, abs=1e-4)


def test_a_locked_3mf_is_refused_in_words(tmp_path):
    path = archive(tmp_path / "odd.3mf", {"3D/3dmodel.model": model()}, lock=True)
    with pytest.raises(RefusedError, match="password"):
        read(path, "3mf")


def test_a_3mf_that_python_cannot_unpack_is_refused_in_words(tmp_path):
    path = archive(tmp_path / "odd.3mf", {"3D/3dmodel.model": model()})
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x01\x02") + 10] = 9  # Deflate64
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="pack it as a plain ZIP"):
        read(path, "3mf")


@pytest.mark.parametrize(
    ("schema", "unit", "unit_mm"),
    [(AP203, "INCH", 25.4), (AP214, "", 1000.0), (AP242, "MILLI", 1.0)],
)
def test_solids_of_a_step_file_of_any_schema_and_unit_are_parts(
    tmp_path, monkeypatch, schema, unit, unit_mm
):
    pytest.importorskip("cascadio")
    blocks = {
        "clip": ((40 / unit_mm, 30 / unit_mm, 20 / unit_mm), (0, 0, 0)),
        "Open CASCADE STEP translator 7.8 1.2": (
            (50 / unit_mm, 8 / unit_mm, 8 / unit_mm),
            (90 / unit_mm, 0, 0),
        ),
    }
    monkeypatch.chdir(tmp_path)  # of the child, which this test is
    Path("kit.step").write_text(step_of_blocks(blocks, unit, schema))
    clip, other = read(Path("kit.step"), "step")
    assert (clip.name, other.name) == ("clip", "kit 2")  # the second was named by nobody
    for body, sides in ((clip, (40, 30, 20)), (other, (50, 8, 8))):
        assert np.ptp(body.soup.reshape(-1, 3), axis=0) == pytest.approx(sides, abs=1e-3)


def test_without_its_extra_a_step_file_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    path = tmp_path / "block.step"
    path.write_text(step_of_block((40, 30, 20)))
    assert "pip install 'fabnet[step]'" in check(path).reasons[0]


def test_watertight_is_told_as_trimesh_tells_it_and_many_copies_are_one_part(tmp_path):
    turned = BLOCK.copy()
    turned.faces[:5] = turned.faces[:5, ::-1]
    turned.export(tmp_path / "turned.stl")
    assert turned.is_watertight
    report = check(tmp_path / "turned.stl")
    assert (report.verdict, report.watertight) == (Verdict.REFUSED, True)

    body = model().split("<resources>")[1].split("</resources>")[0]
    many = range(1, 41)
    objects = "".join(body.replace('id="1"', f'id="{n}"') for n in many)
    items = "".join(f'<item objectid="{n}"/>' for n in many)
    text = f'<model xmlns="{CORE}"><resources>{objects}</resources><build>{items}</build></model>'
    report = check(archive(tmp_path / "many.3mf", {"3D/3dmodel.model": text}))
    assert [part.copies for part in report.parts] == [40]
