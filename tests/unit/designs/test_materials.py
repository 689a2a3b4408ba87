"""The vocabulary of materials: complete, sourced, and helpful about a wrong code."""

import pytest

from designs.errors import UnknownMaterialError
from designs.materials import material, materials


def test_the_visors_materials_are_there():
    assert {"PLA", "PETG"} <= materials().keys()
    assert material("PETG").density_g_cm3 == 1.27


@pytest.mark.parametrize("code", sorted(materials()))
def test_each_material_is_consistent_and_cites_a_source(code):
    what = material(code)
    assert what.code == code
    assert "PrusaResearch" in what.source
    assert 0.8 < what.density_g_cm3 < 2.0
    assert what.nozzle_c[0] <= what.nozzle_first_c <= what.nozzle_max_c
    assert what.nozzle_c[0] <= what.nozzle_print_c <= what.nozzle_max_c
    assert what.bed_c[0] <= what.bed_first_c <= what.bed_max_c
    assert what.bed_c[0] <= what.bed_print_c <= what.bed_max_c
    assert 0 <= what.fan_percent[0] <= what.fan_percent[1] <= 100


def test_a_wrong_code_names_the_nearest():
    with pytest.raises(UnknownMaterialError, match="did you mean PETG") as error:
        material("petg ")
    assert error.value.nearest == "PETG"
