"""All of the catalogue: what the generators make is what was committed, closed, and can be printed."""

import dataclasses
import itertools
import random
import struct
import tomllib
from pathlib import Path

import numpy as np
import pytest
import trimesh
from shapely.affinity import translate
from shapely.geometry import Point, box

import designs.catalogue
from designs.catalogue import (
    cloth_mask,
    door_hook,
    ear_saver,
    strap_clip,
    trial_frame,
    visor_foil,
    visor_frame,
)
from designs.catalogue.cloth_mask import ClothMask
from designs.catalogue.door_hook import DoorHook
from designs.catalogue.ear_saver import EarSaver
from designs.catalogue.strap_clip import StrapClip
from designs.catalogue.visor_foil import VisorFoil
from designs.catalogue.visor_frame import VisorFrame
from designs.drawing import _look_at_dxf
from designs.manifest import check_manifest
from designs.materials import material
from designs.mesh import read_canonical
from designs.packing import footprint
from designs.pattern import check_pattern

CATALOGUE = Path(designs.catalogue.__path__[0])
MANIFESTS = sorted(CATALOGUE.glob("*/design.toml"))
MESHES = {
    "visor-frame/frame.stl": visor_frame.build,
    "visor-kit/frame.stl": visor_frame.build,
    "visor-kit/clip.stl": strap_clip.build,
    "visor-foil-kit/frame.stl": visor_frame.build,
    "ear-saver/strap.stl": ear_saver.build,
    "door-hook/hook.stl": door_hook.build,
    "door-hook-pouch/hook.stl": door_hook.build,
}


PATTERNS = {
    "visor-foil/foil.svg": lambda: visor_foil.svg(visor_foil.build()),
    "visor-foil/foil.dxf": lambda: visor_foil.dxf(visor_foil.build()),
    "visor-foil-kit/foil.svg": lambda: visor_foil.svg(visor_foil.build()),
    "visor-foil-kit/foil.dxf": lambda: visor_foil.dxf(visor_foil.build()),
    "cloth-mask/mask.svg": cloth_mask.pattern,
    "cloth-mask/steps.svg": cloth_mask.steps,
}


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_committed_pattern_is_what_the_generator_draws_and_is_a4(name):
    assert (CATALOGUE / name).read_text(encoding="utf-8") == PATTERNS[name]()
    if name.endswith(".dxf"):  # without the process of its own that reads what others bring
        found = _look_at_dxf(CATALOGUE / name)
    else:
        found = dataclasses.asdict(check_pattern(CATALOGUE / name))
    assert sorted((found["width_mm"], found["height_mm"])) == pytest.approx([210.0, 297.0])


def test_the_holes_of_the_foil_lie_where_the_pins_of_the_frame_stand():
    foil, frame = visor_foil.VisorFoil(), visor_frame.VisorFrame()
    holes = visor_foil.holes_at(foil, frame)
    cut = visor_foil.build(foil, frame)
    assert len(cut.interiors) == len(holes) == frame.pin_count
    along = visor_frame.outer_face(frame)
    steps = [b[0] - a[0] for a, b in itertools.pairwise(holes)]
    assert steps == pytest.approx([frame.pin_pitch_mm] * 3)
    assert holes[-1][0] - holes[0][0] < along.length, "the foil lies on the arc"
    assert {y for _, y in holes} == {foil.height_mm - foil.edge_mm}
    assert frame.pin_diameter_mm < foil.hole_mm < frame.pin_diameter_mm * 1.15, "its head clicks in"
    assert foil.edge_mm + frame.height_mm < foil.height_mm / 2
    edge = cut.exterior
    assert min(edge.distance(Point(x, y)) for x, y in holes) == pytest.approx(foil.edge_mm)


def test_a_pleated_mask_has_cloth_enough():
    mask = cloth_mask.ClothMask()
    assert mask.folded_mm == pytest.approx(80.0)
    text = cloth_mask.pattern()
    assert "Ni dispositif médical" in text
    assert "Neither a medical device" in cloth_mask.steps()


def read_again(triangles, folder):
    """The mesh after a round trip through a file of 32-bit floats."""
    path = folder / "part.stl"
    with path.open("wb") as file:
        file.write(bytes(80) + struct.pack("<I", len(triangles)))
        for triangle in triangles:
            file.write(bytes(12) + triangle.astype("<f4").tobytes() + bytes(2))
    return trimesh.load_mesh(path)


def test_every_mesh_that_is_committed_is_made_here():
    assert {str(p.relative_to(CATALOGUE)) for p in CATALOGUE.glob("*/*.stl")} == set(MESHES)


@pytest.mark.parametrize("name", sorted(MESHES))
def test_the_committed_file_is_what_the_generator_makes(name, tmp_path):
    made = read_again(MESHES[name](), tmp_path)
    kept = trimesh.Trimesh(**trimesh.triangles.to_kwargs(read_canonical(CATALOGUE / name)))
    assert made.extents == pytest.approx(kept.extents, abs=0.01)
    assert made.volume == pytest.approx(kept.volume, rel=0.001)


@pytest.mark.parametrize(
    ("part", "thickness_mm"),
    [
        (ear_saver.build(), 1.5),
        (ear_saver.build(EarSaver(rows=3, length_mm=120.0, thickness_mm=1.2)), 1.2),
        (strap_clip.build(), 3.0),
        (door_hook.build(), 6.0),
        (door_hook.build(DoorHook(handle_mm=10.0, bar_mm=20.0, thickness_mm=4.0)), 4.0),
        (door_hook.build(DoorHook(handle_mm=40.0, reach_mm=110.0, grip_mm=40.0)), 6.0),
        (strap_clip.build(StrapClip(strap_mm=10.0, thickness_mm=2.4)), 2.4),
    ],
)
def test_a_part_is_one_closed_body_after_a_round_trip(part, thickness_mm, tmp_path):
    mesh = read_again(part, tmp_path)
    assert mesh.is_watertight
    assert mesh.is_volume
    assert mesh.body_count == 1
    assert mesh.bounds[0][2] == 0.0
    assert mesh.extents[2] == pytest.approx(thickness_mm)
    assert max(mesh.extents[:2]) < 176.0, "fits the smallest of our beds"


def test_a_strap_of_20_mm_goes_through_both_slots_of_a_clip():
    clip = strap_clip.build()
    triangles = clip[(clip[:, :, 2] == 0.0).all(axis=1)][:, :, :2]
    covered = sum(abs(np.linalg.det(np.stack([t[1] - t[0], t[2] - t[0]]))) / 2 for t in triangles)
    width, depth = np.ptp(clip.reshape(-1, 3), axis=0)[:2]
    corners = 4 * (1 - np.pi / 4) * 3.0**2
    slots = width * depth - corners - covered
    assert slots / 2 == pytest.approx(21.0 * 3.6, abs=1.0)


@pytest.mark.parametrize("side", [(13.5, 99.0), (-99.0, -13.5)])
def test_an_ear_saver_has_four_hooks_on_each_side_of_each_end(side):
    hooks = footprint(ear_saver.build()).intersection(box(-99, side[0], 99, side[1]))
    left = [hook for hook in hooks.geoms if hook.bounds[2] < 0]
    assert (len(left), len(hooks.geoms)) == (4, 8)


def test_a_hook_takes_its_handle_and_two_fingers_and_holds_on_all_sides():
    hook = DoorHook()
    shape = door_hook.outline(hook)
    handle = Point(0.0, hook.reach_mm).buffer(hook.handle_mm / 2 - 0.1)
    assert not shape.intersects(handle)
    assert not shape.intersects(Point(0.0, 0.0).buffer(hook.grip_mm / 2 - 0.1))
    assert shape.intersects(translate(handle, 0.0, -8.0)), "it is pulled towards the grip"
    assert shape.intersects(translate(handle, -8.0, 0.0))
    assert not shape.intersects(translate(handle, 30.0, 0.0)), "it slides in from the side"
    # No limb is thinner than nine tenths of its bar.
    assert shape.buffer(-0.35 * hook.bar_mm).geom_type == "Polygon"


@pytest.mark.parametrize(
    ("part", "changes", "says"),
    [
        (DoorHook, {"handle_mm": 5.0}, "handle_mm: 5.0 is not between"),
        (DoorHook, {"thickness_mm": 1.0}, "thickness_mm"),
        (DoorHook, {"reach_mm": 40.0, "handle_mm": 40.0}, "leaves no limb"),
        (DoorHook, {"bar_mm": float("nan")}, "bar_mm"),
        (VisorFrame, {"wall_mm": 0.4}, "wall_mm: 0.4 is not between"),
        (VisorFrame, {"pin_count": 6}, "leaves no wall for its pins"),
        (VisorFrame, {"strut_x_mm": 45.0, "head_width_mm": 140.0}, "spacers too far out"),
        (VisorFrame, {"height_mm": 5.0}, "lower than a pin"),
        (EarSaver, {"rows": 0}, "rows: 0 is not between"),
        (EarSaver, {"pitch_mm": 9.0}, "leaves no room for a loop"),
        (EarSaver, {"rows": 6}, "too short for its hooks"),
        (StrapClip, {"bar_mm": -1.0}, "bar_mm"),
        (VisorFoil, {"hole_mm": float("inf")}, "hole_mm"),
        (ClothMask, {"pleats": 5}, "left when it is pleated"),
        (ClothMask, {"width_mm": 200.0}, "width_mm"),
    ],
)
def test_measures_that_give_no_part_are_refused(part, changes, says):
    with pytest.raises(ValueError, match=says):
        part(**changes)


def test_a_foil_has_room_for_the_pins_of_its_frame():
    with pytest.raises(ValueError, match="no room for its holes"):
        visor_foil.build(VisorFoil(width_mm=240.0))


@pytest.mark.parametrize("module", [visor_frame, ear_saver, strap_clip, door_hook])
def test_every_part_that_is_admitted_is_one_closed_body(module, tmp_path):
    chosen = random.Random(8)
    kind = next(
        k for k in (VisorFrame, EarSaver, StrapClip, DoorHook) if k.__module__ == module.__name__
    )
    # Slots, an opening, a ring for two fingers: none of them is lost.
    holes = read_again(module.build(), tmp_path).euler_number
    made = 0
    while made < 8:
        measures = {
            name: chosen.choice((least, most, chosen.uniform(least, most)))
            for name, (least, most) in module._BOUNDS.items()
        }
        # What is counted is whole.
        measures |= {n: int(measures[n]) for n in ("pin_count", "rows") if n in measures}
        try:
            part = kind(**measures)
        except ValueError:
            continue
        made += 1
        mesh = read_again(module.build(part), tmp_path)
        assert (mesh.is_volume, mesh.body_count) == (True, 1), measures
        assert mesh.euler_number == holes, measures


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_a_manifest_is_whole_and_makes_no_medical_claim(path):
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    manifest = check_manifest(data)
    assert manifest.fabnet.design == path.parent.name
    assert manifest.license == "CERN-OHL-S-2.0"
    assert "not a medical device" in data["description"]
    for word in ("protects against", "sterile", "certified", "FFP2", "virus"):
        assert word not in str(data)
    for row in (row for row in manifest.part if row.tsdc == "3DP"):
        assert (path.parent / row.file).exists()
        assert [material(code).code for code in row.materials] == ["PETG", "PLA"]


def test_there_is_a_kit_of_two_printed_parts_and_two_that_are_bought():
    kit = check_manifest(tomllib.loads((CATALOGUE / "visor-kit/design.toml").read_text()))
    assert [(row.id, row.per_kit, row.tsdc) for row in kit.part] == [
        ("frame", 1, "3DP"),
        ("clip", 2, "3DP"),
        ("sheet", 1, "BUY"),
        ("elastic", 1, "BUY"),
    ]
    assert (CATALOGUE / "visor-kit/frame.stl").read_bytes() == (
        CATALOGUE / "visor-frame/frame.stl"
    ).read_bytes()


def test_the_plate_of_a_test_print_is_the_frame_that_is_made_here():
    plate = trimesh.load(CATALOGUE / "trial-frame" / "plate.3mf", force="mesh")
    made = trimesh.Trimesh(**trimesh.triangles.to_kwargs(trial_frame.build().astype(float)))
    assert plate.is_watertight
    assert plate.volume == pytest.approx(made.volume, rel=0.001)
    # In the middle of the smallest bed, so that it lies on every other bed too.
    assert plate.bounds[:, :2].mean(axis=0) == pytest.approx([90, 90])
    assert plate.extents == pytest.approx([trial_frame.OUTSIDE_MM] * 2 + [2.4])
