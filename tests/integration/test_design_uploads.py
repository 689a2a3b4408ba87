"""A steward adds designs on their page: models, ZIPs with a manifest; and turns parts."""

import io
import re
import zipfile

import numpy as np
import pytest
import trimesh
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.doubles.pages import Site
from tests.doubles.world import CATALOGUE
from tests.integration.test_design_pages import page


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed)


def upload(site, name, data, **fields):
    """Send a file as a steward."""
    person = site.person("steward")
    form = person.form("/designs") | {"title": "", "licence": "", "per_kit": ""} | fields
    headers = {"Accept-Language": "en"}
    # The client itself would leave a large body's temporary file open.
    boundary, body = encode_multipart(form | {"file": FileStorage(io.BytesIO(data), name)})
    kind = f"multipart/form-data; boundary={boundary}"
    return person.client.post("/designs", data=body, headers=headers, content_type=kind)


def stl_of(mesh):
    return trimesh.exchange.stl.export_stl(mesh)


def test_a_steward_adds_a_model(site):
    answer = upload(
        site, "Étrier 2.stl", stl_of(trimesh.creation.box((30, 20, 5))),
        title="Étrier", licence="CC-BY-NC-SA-4.0", per_kit="2",
    )  # fmt: skip
    assert answer.status_code == 303
    text = page(site, answer.location)
    assert "<h1>Étrier" in text
    assert "2 × Étrier" in text
    assert "nobody may sell it. A changed one is passed on under the same licence." in text
    assert "no workshop has made it yet" in text


def test_a_model_with_a_name_in_other_letters_is_taken(site):
    cube = stl_of(trimesh.creation.box((30, 20, 5)))
    assert upload(site, "Козырек.STL", cube, title="Visor").status_code == 303
    assert upload(site, "Козырек.txt", cube).status_code == 422


def test_a_model_of_some_megabytes_is_taken(site):
    ball = trimesh.creation.icosphere(subdivisions=6, radius=40)
    data = stl_of(ball)
    assert len(data) > 4_000_000, "more than any other form may be"
    assert upload(site, "ball.stl", data).status_code == 303


def test_a_refused_model_says_why_and_shows_its_gaps(site):
    mesh = trimesh.creation.box((30, 20, 5))
    mesh.update_faces([False] + [True] * 11)
    before = len(site.world.library.revisions())
    answer = upload(site, "box.stl", stl_of(mesh), title="My box")
    assert answer.status_code == 422
    assert "3 edges of 18 have a gap" in answer.text
    assert 'value="My box"' in answer.text
    (address,) = re.findall(r'src="(/designs/gaps/[^"]+)"', answer.text)
    shown = site.person("steward").get(address)
    assert shown.data.startswith(b"\x89PNG")
    assert site.person("maker").get(address).status_code == 403
    assert len(site.world.library.revisions()) == before
    mesh_file = site.world.revision.parts[0].facts.mesh_sha256
    assert site.person("steward").get(f"/designs/gaps/{mesh_file}.png").status_code == 404


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("", b"", "Please choose a file"),
        ("virus.exe", b"MZ", "Only STL, OBJ, 3MF and ZIP"),
        ("photo.stl", b"\xff\xd8\xff\xe0" + bytes(500), "a JPEG picture"),
        ("bad.zip", b"PK\x03\x04 no", "cannot be unpacked"),
        ("../../etc/passwd.stl", b"solid x\nendsolid\n", "no triangle"),
    ],
)
def test_what_is_no_design_is_refused_beside_its_field(site, name, data, says):
    answer = upload(site, name, data)
    assert answer.status_code == 422
    assert says in answer.text


def test_a_zip_with_a_manifest_is_added(site, tmp_path):
    archive = tmp_path / "kit.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted((CATALOGUE / "visor-kit").iterdir()):
            made.write(path, path.name)
    answer = upload(site, "kit.zip", archive.read_bytes())
    assert answer.status_code == 303
    text = " ".join(page(site, answer.location).split())
    assert "2 × Strap clip, 1 × Clear A4 sheet" in text
    assert "<p>bought</p>" in text


def test_only_a_steward_is_offered_it(site):
    for who in (None, "maker", "inspector"):
        assert 'name="file"' not in site.person(*[who] if who else []).get("/designs").text
    assert 'name="file"' in site.person("steward").get("/designs").text


def test_a_part_that_is_turned_comes_as_integers(site):
    part = site.world.revision.parts[0]
    address = f"/designs/meshes/{part.facts.mesh_sha256}.bin"
    assert f'data-mesh="{address}"' in page(site, f"/designs/{site.world.revision.id}")
    answer = site.person().get(address)
    corners = np.frombuffer(answer.data, "<i2").reshape(-1, 3, 3)
    assert len(corners) == part.facts.triangles
    extents = np.ptp(corners.reshape(-1, 3).astype(float), axis=0)
    assert extents / extents.max() == pytest.approx(
        np.array(part.facts.extents_mm) / max(part.facts.extents_mm), abs=1e-3
    )
    assert extents.max() == pytest.approx(2 * 32767, abs=2)
    assert "max-age" in answer.headers["Cache-Control"]
    assert site.person().get(f"/designs/meshes/{'0' * 64}.bin").status_code == 404


@pytest.mark.parametrize(
    ("spdx", "says"),
    [
        ("CERN-OHL-S-2.0", "same licence, with its sources"),
        ("GPL-3.0-or-later", "same licence, with its sources"),
        ("CC-BY-SA-4.0", "same licence, with its sources"),
        ("MIT", "keeps its author"),
        ("CC-BY-4.0", "keeps its author"),
        ("CC-BY-NC-ND-4.0", "nobody may sell it. Nobody may pass on a changed one."),
        ("CC-BY-ND-4.0", "nobody may change it"),
        ("CC0-1.0", "Anyone may make, change, give and sell it."),
        ("MIT OR Apache-2.0", "Several licences"),
        ("CC-BY-NC-4.0 OR MIT", "Several licences"),
        ("LicenseRef-Ours", "do not know this licence"),
    ],
)
def test_a_licence_is_said_in_a_sentence(site, spdx, says):
    answer = upload(site, "box.stl", stl_of(trimesh.creation.box((30, 20, 5))), licence=spdx)
    assert says in page(site, answer.location).replace("’", "'")
