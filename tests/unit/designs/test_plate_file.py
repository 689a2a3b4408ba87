"""Plates as 3MF: one object, an item for each copy, the same bytes for the same plate."""

import hashlib
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

import designs.catalogue
from designs.mesh import read_canonical
from designs.model import Bed, KitLayout, KitPlacement, Layout, Placement
from designs.packing import footprint, placed
from designs.plate_file import write_kits, write_plate

FRAME = Path(designs.catalogue.__path__[0]) / "visor-frame" / "frame.stl"
LAYOUT = Layout(
    bed=Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0),
    placements=(
        Placement(angle_deg=90.0, x_mm=169.439, y_mm=2.048),
        Placement(angle_deg=285.0, x_mm=79.05, y_mm=197.825),
    ),
)
CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"


def model_of(path):
    with zipfile.ZipFile(path) as archive:
        return ET.fromstring(archive.read("3D/3dmodel.model"))  # noqa: S314  # our own file


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    """Return the path of a plate, and the hash that its writing gave."""
    path = tmp_path_factory.mktemp("plate") / "plate.3mf"
    return path, write_plate(FRAME, LAYOUT, path)


def test_one_object_and_an_item_for_each_copy(plate):
    model = model_of(plate[0])
    assert model.get("unit") == "millimeter"
    assert len(model.findall(f".//{CORE}object")) == 1
    assert len(model.findall(f".//{CORE}item")) == 2
    assert len(model.findall(f".//{CORE}triangle")) == len(read_canonical(FRAME))


def test_the_same_plate_gives_the_same_bytes(plate, tmp_path):
    again = write_plate(FRAME, LAYOUT, tmp_path / "again")
    assert plate[1] == again == hashlib.sha256((tmp_path / "again").read_bytes()).hexdigest()
    assert plate[0].read_bytes() == (tmp_path / "again").read_bytes()


def test_another_reader_finds_the_copies_where_the_layout_puts_them(plate):
    scene = trimesh.load_scene(plate[0])
    shadow = footprint(read_canonical(FRAME))
    found = []
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        corners = trimesh.transform_points(scene.geometry[name].vertices, matrix)
        found.append(np.round([*corners.min(axis=0)[:2], *corners.max(axis=0)[:2]], 2).tolist())
    expected = [placed(shadow, each).bounds for each in LAYOUT.placements]
    for have, want in zip(sorted(found), sorted(expected), strict=True):
        assert have == pytest.approx(want, abs=0.15)


def test_a_kit_has_each_mesh_once_and_its_parts_where_they_lie(tmp_path):
    clip = FRAME.parents[1] / "visor-kit" / "clip.stl"
    places = [("clip", 30.0), ("frame", 125.0), ("clip", 60.0)]
    layout = KitLayout(
        bed=LAYOUT.bed,
        kits=1,
        placements=tuple(
            KitPlacement(part=part, placement=Placement(angle_deg=0.0, x_mm=x, y_mm=100.0))
            for part, x in places
        ),
    )
    told = {"frame": FRAME, "clip": clip}
    hashes = {
        write_kits(meshes, layout, tmp_path / "kit.3mf")
        for meshes in (told, dict(reversed(told.items())))
    }
    assert len(hashes) == 1
    model = model_of(tmp_path / "kit.3mf")
    items = model.findall(f".//{CORE}item")
    assert [(i.get("objectid"), i.get("transform").split()[9]) for i in items] == [
        ("1", "30"), ("2", "125"), ("1", "60"),
    ]  # fmt: skip
    triangles = [len(o.findall(f".//{CORE}triangle")) for o in model.findall(f".//{CORE}object")]
    assert triangles == [len(read_canonical(clip)), len(read_canonical(FRAME))]


def test_one_part_as_a_kit_is_the_plate_of_that_part(plate, tmp_path):
    kits = KitLayout(
        bed=LAYOUT.bed,
        kits=2,
        placements=tuple(KitPlacement(part="x", placement=each) for each in LAYOUT.placements),
    )
    assert write_kits({"x": FRAME}, kits, tmp_path / "kit.3mf") == plate[1]
