"""The gate for model files with OBJ, in every dialect."""

import pytest

from designs.mesh import measure
from tests.doubles.models import block, refusal


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
