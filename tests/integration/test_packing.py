"""Real parts on real beds: as many as boxes and the prototypes, checked exactly; also with margins."""

import numpy as np
import pytest

from designs.mesh import read_canonical
from designs.model import Bed
from designs.packing import footprint, pack
from firmware_profiles.loader import load_machine
from tests.bench.bench_pack import (
    BEDS,
    GAP_MM,
    PROTOTYPES,
    REAL,
    broken_rules,
    exact_shadow,
    in_boxes,
    parts,
)

needs_real = pytest.mark.skipif(
    not REAL.exists(), reason=f"{REAL} is not here; set FABNET_REAL_DESIGNS to real designs"
)
CLIP, STRAP, FRAME = "visor-kit/clip.stl", "ear-saver/strap.stl", "visor-frame/frame.stl"
RC3, GLIA = "prusa_headband_rc3_petg.stl", "glia_faceshield_headpiece.stl"
RC2 = "prusa_headband_rc2_2pcs_project.3mf: COVID19_SHIELD_RC2.stl"
EUROPE, STACK = "3dverkstan_visor_europe_iso838_v4.stl", "3dverkstan_visor_stacked10_sweden_v10.stl"
AON3D, VALVE = "aon3d_face_shield_frame_r01.stl", "charlotte_valve_decathlon.stl"
STRAP_2020 = "ear_saver_surgical_mask_strap.stl"


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    found = parts(tmp_path_factory.mktemp("meshes"))
    return {name: read_canonical(path) for name, path in found.items()}


@pytest.fixture(scope="module")
def exact(meshes):
    return {name: exact_shadow(mesh) for name, mesh in meshes.items()}


def best_known(name, number, mesh):
    size = np.ptp(mesh.reshape(-1, 3), axis=0)[:2].tolist()
    return max(in_boxes(size, BEDS[number]), *PROTOTYPES.get(name, ((0, 0),) * 3)[number])


def nest(meshes, exact, name, bed):
    layout = pack(footprint(meshes[name]), bed, GAP_MM)
    assert broken_rules(exact[name], layout) == 0
    return len(layout.placements)


@pytest.mark.parametrize("number", range(3), ids=["250x210", "220x220", "180x180"])
@pytest.mark.parametrize("name", [CLIP, STRAP, FRAME])
def test_our_own_parts_lie_as_full_as_any_other_way(meshes, exact, name, number):
    bed = Bed(x_mm=BEDS[number][0], y_mm=BEDS[number][1], margin_mm=0.0)
    assert nest(meshes, exact, name, bed) >= best_known(name, number, meshes[name])


@needs_real
@pytest.mark.parametrize("number", range(3), ids=["250x210", "220x220", "180x180"])
@pytest.mark.parametrize("name", [RC3, RC2, GLIA, EUROPE, STACK, AON3D, VALVE, STRAP_2020])
def test_real_parts_lie_as_full_as_any_other_way(meshes, exact, name, number):
    bed = Bed(x_mm=BEDS[number][0], y_mm=BEDS[number][1], margin_mm=0.0)
    assert nest(meshes, exact, name, bed) >= best_known(name, number, meshes[name])


@needs_real
@pytest.mark.parametrize(
    ("name", "preset", "copies"),
    [
        (RC3, "generic-250x210", 2),
        (RC3, "generic-180x180", 0),
        (RC2, "generic-250x210", 2),
        (GLIA, "generic-250x210", 3),
        (GLIA, "generic-180x180", 1),
        (EUROPE, "generic-250x210", 2),
        (EUROPE, "generic-220x220", 2),
        (AON3D, "generic-250x210", 1),
        (FRAME, "generic-220x220", 2),
        (RC3, "prusa-mk3s", 2),
        (GLIA, "prusa-mini", 1),
        (EUROPE, "creality-ender-3", 2),
        (FRAME, "creality-ender-3", 2),
        (FRAME, "anycubic-i3-mega-s", 1),
    ],
)
def test_the_margins_of_our_presets_cost_no_copy(meshes, exact, name, preset, copies):
    machine = load_machine(preset)
    bed = Bed(x_mm=machine.bed_x_mm, y_mm=machine.bed_y_mm, margin_mm=machine.margin_mm)
    assert nest(meshes, exact, name, bed) == copies


@needs_real
@pytest.mark.parametrize(
    ("name", "margin_mm", "copies"),
    [(GLIA, 0.75, 3), (GLIA, 1.0, 2), (AON3D, 1.5, 1), (AON3D, 2.0, 0), (RC3, 0.25, 2)],
)
def test_what_a_margin_costs_on_220_by_220(meshes, exact, name, margin_mm, copies):
    bed = Bed(x_mm=220.0, y_mm=220.0, margin_mm=margin_mm)
    assert nest(meshes, exact, name, bed) == copies


@pytest.mark.parametrize(("x_mm", "y_mm"), [(250.0, 210.0), (220.0, 220.0)])
def test_two_visors_lie_within_a_margin(meshes, exact, x_mm, y_mm):
    assert nest(meshes, exact, FRAME, Bed(x_mm=x_mm, y_mm=y_mm, margin_mm=2.0)) == 2
