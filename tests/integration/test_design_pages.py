"""Pages of designs: pictures, facts, licence, kits, and plates on the network's beds."""

import io
import re
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
import trimesh

from designs.model import Bed
from jobs.coordinator import harvests, orders, reviews
from jobs.errors import RefusedError
from jobs.ledger import views
from jobs.messages import Capabilities
from jobs.model import OrderState
from tests.doubles.pages import Site
from tests.doubles.world import CATALOGUE, a_request, some_facts


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
    assert "un kit\u00a0: " in page(site, "/designs", "fr")


def test_a_kit_of_a_printed_and_a_sewn_part_names_both_in_the_gallery(site):
    site.world.library.add_design(CATALOGUE / "door-hook-pouch")
    names = re.findall(r"<li>1 × ([\w ]+) <span", page(site, "/designs"))
    assert names == ["Hook", "Cloth pouch"]


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


def test_a_round_bed_and_what_stays_empty_are_drawn(site, kit):
    site.world.add_lab()
    beds = (
        replace(some_facts("delta"), bed_x_mm=260.0, bed_y_mm=260.0, round_bed=True),
        replace(some_facts("clip"), keep_out_mm=((0.0, 180.0, 40.0, 210.0),)),
    )
    site.world.says(Capabilities(lab="Lab lab-a", printers=beds))
    page(site, f"/designs/{kit.id}")
    text = page(site, f"/designs/{kit.id}")
    assert "260 × 260 × 210 mm, round" in text
    assert '<circle class="bed" cx="130.0" cy="130.0" r="130.0"/>' in text
    assert "250 × 210 × 210 mm, 1 place stays empty" in text
    assert '<rect class="bed-zone" x="0.0" y="0.0" width="40.0" height="30.0"/>' in text
    assert text.count('class="copies"') == 4


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


@pytest.mark.parametrize(
    ("spdx", "marked"),
    [
        ("CC-BY-NC-SA-4.0", True),
        ("PolyForm-Noncommercial-1.0.0 OR CC-BY-NC-4.0", True),
        ("CC-BY-NC-4.0 OR MIT", False),
        ("CC-BY-SA-4.0", False),
    ],
)
def test_who_asks_for_a_design_reads_that_nobody_may_sell_it(site, tmp_path, spdx, marked):
    trimesh.creation.box(extents=(20, 20, 5)).export(tmp_path / "clip.stl")
    clip = site.world.library.add_model(tmp_path / "clip.stl", licence=spdx)
    words = "It may be made and given away, and its author is named; nobody may sell it."
    assert page(site, "/ask").count(words) == int(marked)
    placed = orders.place(site.world.ledger, a_request(clip, 3), clip, site.world.now)
    steward = site.person("steward")
    text = steward.get(f"/orders/{placed.order_id}", headers={"Accept-Language": "en"}).text
    assert (words in text, "Confirm: make it" in text) == (marked, True)


# --- uploads, reviews, turning


def test_a_steward_withdraws_a_design_and_releases_a_bag(site):
    world = site.world
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    ref = world.attempts()[0].ref
    world.print(ref)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    address = f"/designs/{world.revision.id}"
    steward = site.person("steward")
    path = f"{address}/withdraw"
    form = steward.form(address)
    assert "tried out" in page(site, "/ask")
    assert steward.client.post(path, data=form | {"reason": " "}).status_code == 422
    assert steward.client.post(path, data=form | {"reason": "the hook breaks"}).status_code == 303
    text = page(site, address)
    assert "This design was withdrawn." in text
    assert "the hook breaks" in text
    assert world.revision.title not in page(site, "/ask")
    assert "Held: do not give it away." in page(site, f"/l/{code}")
    released = steward.client.post(
        f"/lots/{code}/release", data=steward.form(f"/l/{code}") | {"reason": "made before"}
    )
    assert released.status_code == 303
    assert "released this bag: made before" in " ".join(page(site, f"/l/{code}").split())


def test_a_design_that_is_only_cut_or_sewn_has_its_page_with_its_pattern(site):
    foil = site.world.library.add_design(CATALOGUE / "visor-foil")
    text = page(site, f"/designs/{foil.id}")
    assert "297 × 210 mm" in text
    assert "PET or PETG" in text
    assert "On the network" not in text
    small = f"/designs/patterns/{foil.others[0].pattern_sha256}?small=yes"
    assert f'src="{small}"' in page(site, "/designs")
    with site.person().get(small) as answer:
        assert "stroke-width:2px" in answer.text
    svg, dxf = (
        site.person().get(address)
        for address in re.findall(r'href="(/designs/patterns/[^"]+)"', text)
    )
    assert (svg.mimetype, dxf.mimetype) == ("image/svg+xml", "image/vnd.dxf")
    assert svg.headers["Content-Security-Policy"].startswith("sandbox")
    assert "attachment" in dxf.headers["Content-Disposition"]
    svg.close()
    dxf.close()
    assert site.person().get("/designs/patterns/" + "0" * 64).status_code == 404
    sent = site.person().get(f"/designs/{foil.id}/design.zip")
    with zipfile.ZipFile(io.BytesIO(sent.data)) as archive:
        assert set(archive.namelist()) == {"design.toml", "foil.svg", "foil.dxf"}
        assert foil.id in archive.read("design.toml").decode()
    again = site.person().get(f"/designs/{foil.id}/design.zip")
    assert again.data == sent.data
    sent.close()
    again.close()


def test_what_lies_in_the_breathing_path_is_asked_for_only_when_accepted_for_that(site):
    world = site.world
    mask = world.library.add_design(CATALOGUE / "cloth-mask")
    document = world.library.add_file(CATALOGUE / "cloth-mask" / "mask.svg")

    def accept(use):
        reviews.accept(
            world.ledger, mask.id, body="CHU", use=use, document="note.pdf", document_sha256=document,
            until=world.now.date() + timedelta(days=9), by="Ada", now=world.now,
        )  # fmt: skip

    asked = a_request(mask, 3)
    for use in ("", "a gift"):
        if use:
            accept(use)
        with pytest.raises(RefusedError, match="breathing path"):
            orders.place(world.ledger, asked, mask, world.now)
        assert f'value="{mask.id}"' not in page(site, "/ask")
        assert "Nobody can ask for it" in page(site, f"/designs/{mask.id}")
    accept("Breathing path of visitors")
    assert f'value="{mask.id}"' in page(site, "/ask")
    order_id = orders.place(world.ledger, asked, mask, world.now).order_id
    steward, address = site.person("steward"), f"/orders/{order_id}"
    english = {"Accept-Language": "en"}
    assert "Confirm: make it" in steward.get(address, headers=english).text

    world.pass_time(days=10)  # the acceptance has run out before anybody confirms
    steward = site.person("steward")
    text = steward.get(address, headers=english).text
    assert "Confirm: make it" not in text
    assert "Who has accepted it" in text
    assert steward.send(f"{address}/confirm", at=address).status_code == 409
    assert views.order(world.ledger.reading, order_id).state is OrderState.ASKED
    accept("Breathing path of visitors")
    assert steward.send(f"{address}/confirm", at=address).status_code == 303
    assert views.order(world.ledger.reading, order_id).state is OrderState.CONFIRMED

    address = f"/designs/documents/{document}"
    assert address not in page(site, f"/designs/{mask.id}")
    assert address in site.person("steward").get(f"/designs/{mask.id}").text
    answer = site.person("steward").get(address)
    assert "note.pdf" in answer.headers["Content-Disposition"]
    assert answer.mimetype == "application/octet-stream"
    answer.close()
    assert site.person("steward").get("/designs/documents/" + mask.id).status_code == 404
