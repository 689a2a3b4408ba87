"""Model files with what is found in public ones, and good ones broken at random: a verdict, and trimesh's."""

import io
import warnings

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Polygon

from designs import surface
from designs.bodies import RefusedError
from designs.measuring import _check
from designs.reading import read
from tests.unit.designs.test_odd_models import archive, model, text_stl

BOX = trimesh.creation.box((20.0, 20.0, 20.0))
BALL = trimesh.creation.icosphere(subdivisions=2, radius=15.0)
CORNERS = "".join(
    f"v {x} {y} {z}\n" for z in (0, 20) for x, y in ((0, 0), (20, 0), (20, 20), (0, 20))
)
SIDES = "f 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"
CAPS = "f 4 3 2 1\nf 5 6 7 8\n"


def verdict(path, tmp_path):
    """What the gate's child finds, in this process."""
    found = {}
    try:
        _check(path, path.suffix.lower()[1:], tmp_path, found)
    except RefusedError as refused:
        found["refused"] = str(refused)
    return found


def binary_stl(triangles, header=b""):
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.zeros(len(triangles), record)
    data["corners"], data["attribute"] = triangles, 0x801F
    return header.ljust(80, b" ") + len(data).to_bytes(4, "little") + data.tobytes()


def prism(outline):
    """An OBJ whose top and bottom are one face each."""
    size = len(outline)
    rows = [f"v {x:.6g} {y:.6g} {z}" for z in (0, 9) for x, y in outline]
    rows += ["f " + " ".join(map(str, range(size, 0, -1)))]
    rows += ["f " + " ".join(map(str, range(size + 1, 2 * size + 1)))]
    for i in range(size):
        after = (i + 1) % size
        rows.append(f"f {i + 1} {after + 1} {after + size + 1} {i + size + 1}")
    return "\n".join(rows) + "\n"


COMB = [(0, 0), (40, 0), (40, 20), (36, 20), (36, 5), (28, 5), (28, 20), (24, 20), (24, 5), (16, 5),
        (16, 20), (12, 20), (12, 5), (4, 5), (4, 20), (0, 20)]  # fmt: skip
ARROW = [(0, 0), (30, 10), (0, 20), (8, 10)]
STAR = [
    ((20 if i % 2 else 8) * np.cos(i * np.pi / 8), (20 if i % 2 else 8) * np.sin(i * np.pi / 8))
    for i in range(16)
]


@pytest.mark.parametrize(
    ("text", "volume_mm3"),
    [
        (CORNERS + SIDES + CAPS, 8000),
        (SIDES + CAPS + CORNERS, 8000),
        (CORNERS.replace("\n", " 1 0 0\n") + (SIDES + CAPS).replace("\n", " # a side\n"), 8000),
        (CORNERS + SIDES + CAPS.replace("4 3", "4 \\\n3") + "f 1 2\nf 3\nl 1 2 3\n", 8000),
        (CORNERS + SIDES + "f -5 -6 -7 -8\nf -4//1 -3//1 -2//1 -1//1\n", 8000),
        (CORNERS + SIDES + CAPS + "vp 0 0\ncstype bezier\ncurv 0 1 1 2\nend\n", 8000),
        (prism(COMB), 9 * Polygon(COMB).area),
        (prism(STAR), 9 * Polygon(STAR).area),
        (prism(ARROW), 9 * Polygon(ARROW).area),
        (prism(ARROW[2:] + ARROW[:2]), 9 * Polygon(ARROW).area),
    ],
    ids=[
        "quads",
        "faces first",
        "colours",
        "continued",
        "negative",
        "curves",
        "comb",
        "star",
        "arrow",
        "arrow turned",
    ],
)
def test_an_obj_as_programs_write_it_is_a_closed_body(tmp_path, text, volume_mm3):
    (tmp_path / "part.obj").write_text(text)
    found = verdict(tmp_path / "part.obj", tmp_path)
    assert "refused" not in found
    assert found["watertight"]
    assert found["volume_mm3"] == pytest.approx(volume_mm3, rel=1e-4)


def test_plain_triangles_of_an_obj_are_read_as_any_other_way(tmp_path):
    plain = "".join(f"v {x} {y} {z}\n" for x, y, z in BALL.vertices.tolist())
    plain += "".join(f"f {a}/1/1 {b}/2/1 {c}\n" for a, b, c in (BALL.faces + 1).tolist())
    (tmp_path / "plain.obj").write_text(plain)
    (tmp_path / "other.obj").write_text(plain + "end\n")
    one, other = (read(tmp_path / f"{name}.obj", "obj")[0].soup for name in ("plain", "other"))
    assert np.array_equal(one, other)
    assert np.array_equal(one, BALL.triangles)


@pytest.mark.parametrize("line", ["f 1 2 99", "f 1.5 2 3", "f 0 1 2", "v 1 2", "f a b c"])
def test_an_obj_that_names_what_is_not_there_is_refused(tmp_path, line):
    (tmp_path / "part.obj").write_text(CORNERS + "f 1 2 3\n" + line + "\n")
    with pytest.raises(RefusedError, match="cannot be read as OBJ"):
        read(tmp_path / "part.obj", "obj")


def test_a_text_stl_with_colours_and_notes_within_its_facets_is_the_same_body(tmp_path):
    text = (
        text_stl().replace(" outer", "color 1 0 0\n outer").replace(" endloop", " ; note\n endloop")
    )
    (tmp_path / "part.stl").write_text(text)
    (tmp_path / "plain.stl").write_text(text_stl())
    one, other = (read(tmp_path / f"{name}.stl", "stl")[0].soup for name in ("part", "plain"))
    assert np.array_equal(one, other)


def no_area():
    first = BALL.triangles[0]
    return np.array([[first[0], first[1], first[1]], [first[2]] * 3])


SURFACES = {
    "solid": (BOX.triangles, True),
    "apart": (np.concatenate([BOX.triangles, BALL.triangles + 60]), True),
    "a hole": (BALL.triangles[1:], False),
    "turned": (np.concatenate([BALL.triangles[:1, ::-1], BALL.triangles[1:]]), True),
    "a side twice": (np.concatenate([BALL.triangles, BALL.triangles[:2]]), False),
    "all twice": (np.concatenate([BOX.triangles, BOX.triangles]), False),
    "no area": (np.concatenate([BALL.triangles, no_area()]), False),
    "an edge shared": (
        np.concatenate([BOX.triangles, BOX.triangles + np.array((20, 20, 0))]),
        False,
    ),
    "a corner shared": (np.concatenate([BOX.triangles, BOX.triangles + 20]), True),
    "apart by less than 1 um": (
        BALL.triangles + np.random.default_rng(1).uniform(-2e-5, 2e-5, BALL.triangles.shape),
        False,
    ),
    "zero and nearly zero": (
        np.where(BOX.triangles == 10.0, [0.0, 1e-17, -0.0], BOX.triangles),
        True,
    ),
    "as large as the sun": (BALL.triangles * 1e11, False),
    "in metres": (BOX.triangles / 1000, True),
    "in nanometres": (BOX.triangles * 1e6, True),
    "a hole, in metres": (BALL.triangles[1:] / 1000, False),
    "no number": (np.where(BALL.triangles == BALL.vertices[5, 0], np.nan, BALL.triangles), False),
}


@pytest.mark.parametrize("name", SURFACES)
def test_watertight_is_told_as_trimesh_tells_it_also_where_the_file_is_refused(tmp_path, name):
    triangles, watertight = SURFACES[name]
    path = tmp_path / "part.stl"
    path.write_bytes(binary_stl(triangles, b"solid COLOR=abcd"))
    with np.errstate(invalid="ignore"):
        assert trimesh.load(path, force="mesh").is_watertight == watertight
    assert verdict(path, tmp_path)["watertight"] == watertight


def test_a_body_beside_another_that_is_inside_out_is_turned_and_a_cavity_is_not(tmp_path):
    beside = np.concatenate([BOX.triangles, BOX.triangles[:, ::-1] + (50, 0, 0)])
    (tmp_path / "beside.stl").write_bytes(binary_stl(beside))
    found = verdict(tmp_path / "beside.stl", tmp_path)
    assert found["volume_mm3"] == pytest.approx(16_000)
    assert found["bodies"] == 2
    assert "inside out" in found["parts"][0]["warnings"][0]
    mesh = trimesh.load(tmp_path / found["parts"][0]["mesh_sha256"], file_type="stl")
    assert [each.volume for each in mesh.split()] == pytest.approx([8000, 8000])

    hollow = np.concatenate([BOX.triangles, BOX.triangles[:, ::-1] / 2])
    (tmp_path / "hollow.stl").write_bytes(binary_stl(hollow))
    found = verdict(tmp_path / "hollow.stl", tmp_path)
    assert found["volume_mm3"] == pytest.approx(7000)
    assert found["parts"][0]["warnings"] == []


def test_a_closed_surface_is_known_without_welding():
    assert surface.closed(BALL.triangles)
    assert not surface.closed(BALL.triangles[:-1])
    assert not surface.closed(np.zeros((1, 3, 3)))


def test_a_project_with_pictures_of_many_plates_is_read(tmp_path):
    pictures = {f"Metadata/plate_{n}.png": b"x" for n in range(300)}
    path = archive(tmp_path / "part.3mf", {"3D/3dmodel.model": model(), **pictures})
    assert verdict(path, tmp_path)["watertight"]


def load(path):
    """What trimesh makes of a file; None where it fails."""
    try:
        return trimesh.load(path, force="mesh")
    except ValueError:
        return None


def _good():
    zipped = io.BytesIO()
    BOX.export(zipped, file_type="3mf")
    plain = CORNERS + SIDES + CAPS
    return (
        ("stl", binary_stl(BOX.triangles)), ("stl", text_stl().encode()),
        ("obj", plain.encode()), ("3mf", zipped.getvalue()),
    )  # fmt: skip


GOOD = _good()
_MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(["cut", "set", "copy", "drop", "put"]),
        st.binary(max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def _mutated(content, mutations):
    for where, how, what in mutations:
        at = int(where * len(content))
        if how == "cut":
            content = content[: max(at, 1)]
        elif how == "set":
            content = content[:at] + what + content[at + len(what) :]
        elif how == "copy":
            content = content[:at] + content[at // 2 : at // 2 + 50] + content[at:]
        else:
            content = content[:at] + (what if how == "put" else b"") + content[at + len(what) :]
    return content


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(GOOD), _MUTATIONS)
def test_a_good_file_that_was_broken_gets_a_verdict_and_trimeshs_answer(tmp_path, good, mutations):
    kind, content = good
    path = tmp_path / f"part.{kind}"
    path.write_bytes(_mutated(content, mutations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = verdict(path, tmp_path)
        assert "refused" in found or found["parts"]
        if kind == "stl" and found.get("watertight") is not None:
            theirs = load(path)
            if theirs is not None and len(theirs.faces) == found["triangles"]:
                assert theirs.is_watertight == found["watertight"]
