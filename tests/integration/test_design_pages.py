"""Pages of designs: pictures, facts, licence, kits, and plates on the network's beds."""

import re
from dataclasses import replace

import pytest
import trimesh

from designs.model import Bed
from jobs.messages import Capabilities
from tests.doubles.world import CATALOGUE, some_facts
from tests.integration.test_web import Site, hashed

__all__ = ["hashed"]


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed)


@pytest.fixture
def kit(world):
    return world.library.add_design(CATALOGUE / "visor-kit")


def page(site, path, language="en"):
    answer = site.person().get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text


def pictures(text):
    return re.findall(r'src="(/designs/pictures/[^"]+)"', text)


def test_the_gallery_shows_every_design_with_its_picture(site, kit):
    text = page(site, "/designs")
    assert len(pictures(text)) == len(site.world.library.revisions()) == 2
    assert f'href="/designs/{kit.id}"' in text
    assert "2 × Strap clip" in text
    assert "CERN-OHL-S-2.0" in text
    assert "sur" not in text
    assert "un kit : " in page(site, "/designs", "fr")


def test_a_picture_is_a_png_that_is_kept_by_browsers(site, kit):
    (address, *_) = pictures(page(site, f"/designs/{kit.id}"))
    answer = site.person("steward").get(address)
    assert answer.data.startswith(b"\x89PNG")
    assert answer.mimetype == "image/png"
    assert "max-age=86400" in answer.headers["Cache-Control"]
    again = site.person().get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/designs/" + "0" * 64, "/designs/nothing"])
def test_an_unknown_design_is_not_found(site, path):
    assert site.person().get(path).status_code == 404


def test_only_pictures_of_designs_are_drawn(site):
    world = site.world
    assert site.person().get(f"/designs/pictures/{'0' * 64}.png").status_code == 404
    mesh = world.revision.parts[0].facts.mesh_sha256
    layout = world.library.max_layout(mesh, Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0))
    plate = world.library.plate(mesh, layout, 1)
    assert site.person().get(f"/designs/pictures/{plate.sha256}.png").status_code == 404
    world.library.file(mesh).unlink()
    answer = site.person().get(f"/designs/pictures/{mesh}.png")
    assert (answer.status_code, answer.location) == (302, "/static/part.svg")


def test_a_design_tells_its_facts(site, kit):
    text = page(site, f"/designs/{kit.id}")
    assert "<h1>Visor with strap clips" in text
    assert kit.id in text
    assert "1 × Frame, 2 × Strap clip" in " ".join(text.split())
    assert "174.8 × 167.4 × 8.1 mm" in text
    assert "15.8 cm³" in text
    assert "3,520" in text
    assert "PETG or PLA" in text
    assert "174,8 × 167,4 × 8,1 mm" in page(site, f"/designs/{kit.id}", "fr")
    assert len(pictures(text)) == 3, "the kit, and each part of it"


def grams(text):
    return [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) to ([\d.]+) g", text)]


def test_a_kit_takes_what_its_parts_take(site, kit):
    whole, frame, clips, *_ = grams(page(site, f"/designs/{kit.id}"))
    assert 12 < whole[0] < whole[1] < 25
    for number in (0, 1):
        assert frame[number] + clips[number] == pytest.approx(whole[number], abs=0.11)


def test_no_network_no_beds(site, kit):
    assert "No workshop has joined" in page(site, f"/designs/{kit.id}")


def test_plates_are_drawn_on_the_beds_of_the_network(site, kit):
    site.world.add_lab()
    text = page(site, f"/designs/{kit.id}")
    assert "250 × 210 × 210 mm" in text
    assert "1 printer" in text
    assert "2 per plate" in text
    assert re.search(r"[67]\d per plate", text), "some 70 clips"
    assert 'viewBox="-1 -1 252.0 212.0"' in text
    drawn = re.findall(r'class="copies" fill-rule="evenodd" d="([^"]+)"', text)
    assert [len(re.findall("M", path)) >= 2 for path in drawn] == [True, True]
    assert "Lab lab-a" not in text, "nobody reads here who has which printer"


def test_a_page_nests_only_a_little_at_a_time(site, kit):
    site.world.add_lab()
    beds = (replace(some_facts(f"p{n}"), bed_x_mm=200.0 + n, bed_y_mm=200.0) for n in range(3))
    site.world.says(Capabilities(lab="Lab lab-a", printers=tuple(beds)))
    first = page(site, f"/designs/{kit.id}")
    assert first.count("not laid out yet") == 2 * 4, "once for eyes, once for ears"
    second = page(site, f"/designs/{kit.id}")
    assert second.count("not laid out yet") == 2 * 2
    assert page(site, f"/designs/{kit.id}").count("not laid out yet") == 0


def test_a_part_that_does_not_fit_is_told(site, tmp_path):
    for name, size in (("tower", (20, 20, 230)), ("board", (400, 30, 5))):
        trimesh.creation.box(extents=size).export(tmp_path / f"{name}.stl")
    site.world.add_lab()
    tower = site.world.library.add_model(tmp_path / "tower.stl")
    board = site.world.library.add_model(tmp_path / "board.stl")
    assert "does not fit: the part is too tall" in page(site, f"/designs/{tower.id}")
    assert "does not fit on this bed" in page(site, f"/designs/{board.id}")


def test_an_unknown_licence_is_told(site, tmp_path):
    trimesh.creation.box(extents=(20, 20, 5)).export(tmp_path / "found_it.stl")
    revision = site.world.library.add_model(tmp_path / "found_it.stl")
    text = page(site, f"/designs/{revision.id}")
    assert "Nobody has said under which licence" in text
    assert "licence not stated" in page(site, "/designs")


def test_the_request_form_shows_pictures(site, kit):
    text = page(site, "/ask")
    assert len(pictures(text)) == 2
    assert all(site.person().get(path).status_code == 200 for path in pictures(text))
