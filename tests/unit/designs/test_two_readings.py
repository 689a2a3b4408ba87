"""Files that two programs read as parts of two sizes, and manifests that never end: refused, in words."""

import time
import zipfile

import numpy as np
import pytest
import trimesh

from designs import okh
from designs.bodies import RefusedError
from designs.errors import ManifestError
from designs.manifest import check_manifest
from designs.measuring import _check_soup
from designs.reading import read
from designs.sources import inside
from tests.unit.designs.test_odd_models import BLOCK, PRODUCTION, RELS, archive, model

SLICES = "http://schemas.microsoft.com/3dmanufacturing/slice/2015/07"
ELSEWHERE = '<item objectid="1" p:path="/3D/part.model"/>'


def in_two_files(plate, part):
    return {
        "3D/3dmodel.model": model(f'{plate} xmlns:p="{PRODUCTION}"', ELSEWHERE).replace(
            ' id="1"', ' id="9"'
        ),
        "3D/part.model": model(part, item=""),
    }


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (in_two_files('unit="inch"', 'unit="millimeter"'), "several units"),
        (in_two_files("", 'unit="inch"'), "several units"),
        (
            {"3D/3dmodel.model": model(), "3d/3DMODEL.model": model()},
            "are called '3d/3dmodel.model'",
        ),
        (
            {
                "_rels/.rels": RELS.replace(
                    "</Relationships>", RELS[RELS.index("<Relationship Target") :]
                ),
                "3D/clip.model": model(),
            },
            "begins with several models",
        ),
        (
            {
                "3D/3dmodel.model": model(f'xmlns:s="{SLICES}"').replace(
                    '<object id="1"', '<object id="1" s:meshresolution="lowres"'
                )
            },
            "coarse stand-in",
        ),
        (
            {"3D/3dmodel.model": model().replace('<object id="1"', '<object id="1" type="other"')},
            "nothing that is a part",
        ),
    ],
    ids=["inch and mm", "mm and inch", "two of one name", "two beginnings", "coarse", "no part"],
)
def test_a_3mf_that_is_read_in_two_ways_is_refused(tmp_path, files, says):
    with pytest.raises(RefusedError, match=says):
        read(archive(tmp_path / "two.3mf", files), "3mf")


def test_files_of_one_unit_are_one_part(tmp_path):
    (body,) = read(archive(tmp_path / "inch.3mf", in_two_files('unit="inch"', "")), "3mf")
    assert np.allclose(np.ptp(body.soup.reshape(-1, 3), axis=0), 21.5 * 25.4)


def test_a_name_that_an_archive_has_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "twice.3mf", "w") as zipped:
        zipped.writestr("3D/3dmodel.model", model())
        with pytest.warns(UserWarning, match="Duplicate"):
            zipped.writestr("3D/3dmodel.model", model())
    with pytest.raises(RefusedError, match="are called"):
        read(tmp_path / "twice.3mf", "3mf")


def test_components_that_lie_too_deep_are_refused_in_words(tmp_path):
    """Named from the innermost on, none of them lies deeper than one in what was counted before."""
    chain = "".join(
        f'<object id="{n}"><components><component objectid="{n - 1}"/><component objectid="1"/>'
        "</components></object>"
        for n in range(2, 499)
    )
    items = "".join(f'<item objectid="{n}"/>' for n in range(1, 499))
    files = {"3D/3dmodel.model": model(item=items).replace("</resources>", f"{chain}</resources>")}
    with pytest.raises(RefusedError):
        read(archive(tmp_path / "deep.3mf", files), "3mf")


def obj(path, head):
    path.write_text(head + trimesh.exchange.obj.export_obj(BLOCK, header=""))
    return path


def test_an_obj_that_says_another_unit_is_refused(tmp_path):
    for head in ("# File units = centimeters\n", "# Units: Inches\n"):
        with pytest.raises(RefusedError, match="says that its unit is"):
            read(obj(tmp_path / "unit.obj", head), "obj")
    for head in ("# File units = millimeters\n", "# by a program, unit 3\n"):
        (body,) = read(obj(tmp_path / "mm.obj", head), "obj")
        assert len(body.soup) == 12


def test_a_part_that_lies_far_away_is_refused():
    near = np.asarray(BLOCK.triangles)
    _check_soup(near + 9e5, {})
    with pytest.raises(RefusedError, match="1 km from the origin"):
        _check_soup(near + 2e6, {})


OWN = {
    "title": "Clip", "version": "1", "license": "CC0-1.0", "fabnet": {"design": "clip"},
    "part": [{"id": "clip", "file": "clip.stl", "materials": ["PLA"]}],
}  # fmt: skip


def part(**changes):
    return OWN | {"part": [OWN["part"][0] | changes]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (part(id=""), "word of at most"),
        (part(id="a\0"), "word of at most"),
        (part(id="a" * 81), "word of at most"),
        (part(per_kit=10**24), "or less"),
        (
            OWN | {"part": [OWN["part"][0] | {"id": f"p{n}"} for n in range(101)]},
            "more than 100 parts",
        ),
        (part(tsdc="LAS", file="foil.svg", materials=["P.V.C. 0.5 mm"]), "PVC is never"),
        (part(tsdc="LAS", file="foil.svg", materials=["Forex 3 mm"]), "PVC is never"),
    ],
)
def test_what_no_manifest_means_is_refused(data, says):
    with pytest.raises(ManifestError, match=says):
        check_manifest(data)


def test_a_file_whose_name_has_no_letters_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="cannot be printed"):
        inside(tmp_path, "clip", "clip\0.stl")


def test_a_manifest_of_thousands_of_brackets_is_refused_at_once():
    began_s = time.monotonic()
    with pytest.raises(ManifestError, match="too deep"):
        okh.read("okh.yml", b"title: A\nx: " + b"[" * 3000 + b"]" * 3000)
    assert time.monotonic() < began_s + 5
