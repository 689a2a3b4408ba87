"""The open list of labs: in it is who said so herself, and nothing that nobody else need know."""

import json
import subprocess
import sys

import pytest

from jobs.coordinator import leaving, nodes
from jobs.errors import NotFoundError
from jobs.ledger import labs
from jobs.okw import facilities
from tests.doubles.pages import Site
from tests.doubles.world import NODE

B = "lab-b"


@pytest.fixture
def site(world, hashed):
    world.add_lab(NODE, place=(47.2184, -1.5536))
    world.add_lab(B)
    return Site(world, hashed)


def listed(site):
    return [each.id for each in labs.listed(site.world.ledger.reading)]


def test_a_maker_alone_puts_her_lab_into_the_open_list_and_takes_it_out(site):
    steward, maker = site.person("steward"), site.person("maker")
    assert "open-list" in steward.get(f"/labs/{NODE}").text
    assert "Le faire figurer" not in steward.get(f"/labs/{NODE}").text
    assert steward.send(f"/labs/{NODE}/listed", f"/labs/{NODE}", listed="yes").status_code == 403
    assert maker.send(f"/labs/{B}/listed", f"/labs/{NODE}", listed="yes").status_code == 403
    assert listed(site) == []
    assert "liste publique" not in steward.get("/fleet").text

    assert maker.send(f"/labs/{NODE}/listed", f"/labs/{NODE}", listed="yes").status_code == 303
    assert listed(site) == [NODE]
    assert "ne peut pas être repris" in maker.get(f"/labs/{NODE}").text
    assert "1 atelier que tout le monde peut" in steward.get("/fleet").text
    assert "open-list.json" not in maker.get("/fleet").text
    answer = steward.get("/fleet/open-list.json")
    (found,) = json.loads(answer.text)
    assert found["name"] == f"Lab {NODE}"
    assert found["location"] == {"gps_coordinates": "47.2, -1.55"}
    assert found["equipment"][0]["x_travel"] == 250
    for value in (B, "Lab lab-b", "PETG, ", "L42", "p1", '"Printer"', "800", "maker"):
        assert value not in answer.text
    assert maker.get("/fleet/open-list.json").status_code == 403

    maker.send(f"/labs/{NODE}/listed", f"/labs/{NODE}", listed="no")
    assert json.loads(steward.get("/fleet/open-list.json").text) == []


def test_who_leaves_is_in_no_list_and_a_stranger_cannot_be(site):
    world = site.world
    nodes.let_know(world.ledger, NODE, "maker", world.now, listed=True)
    leaving.leave(world.ledger, "maker", world.now)
    assert listed(site) == []
    with pytest.raises(NotFoundError):
        nodes.let_know(world.ledger, "nobody", "maker", world.now, listed=True)


def test_a_preset_of_an_owners_own_is_told_by_its_room_only(site):
    world = site.world
    nodes.let_know(world.ledger, NODE, "maker", world.now, listed=True)
    with world.ledger.transaction() as db:
        db.execute("update printer set facts = replace(facts, 'generic-250x210', 'adas-own')")
    (found,) = facilities(labs.listed(world.ledger.reading), world.now)
    (printer,) = found["equipment"]
    assert "model" not in printer
    assert (printer["x_travel"], printer["nozzle_size"], printer["quantity"]) == (250, 0.4, 1)
    assert "adas-own" not in json.dumps(found)


def test_the_command_writes_who_said_so_and_counts_the_others(site, tmp_path):
    world = site.world
    nodes.let_know(world.ledger, B, "maker", world.now, listed=True)
    (tmp_path / "there").mkdir()
    world.ledger.reading.execute("vacuum into ?", (str(tmp_path / "there" / "ledger.db"),))
    (tmp_path / "coordinator.toml").write_text('data_dir = "there"\n')
    # In a process of its own: the command goes over to the network's time zone.
    answer = subprocess.run(
        [sys.executable, "-m", "fabnet", "export-okw", "workshops.json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    written = json.loads((tmp_path / "workshops.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in written] == [f"Lab {B}"]
    assert "1 labs are in it; 1 did not say" in answer.stderr
