"""The gate for model files with 3MF: plates, components, projects of slicers, and what is broken or a trap."""

import re
import zipfile

import pytest

from designs.errors import MeshRefusedError
from designs.mesh import check, measure
from designs.model import Verdict
from tests.doubles.models import block, real, refusal


def test_a_3mf_in_inches_is_measured_in_mm(tmp_path):
    block().export(tmp_path / "mm.3mf")
    with zipfile.ZipFile(tmp_path / "mm.3mf") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "inch.3mf", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data.replace(b'unit="millimeter"', b'unit="inch"'))
    facts = measure(tmp_path / "inch.3mf", tmp_path / "out.stl")
    assert facts.extents_mm == pytest.approx((20 * 25.4, 30 * 25.4, 10 * 25.4))


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
