"""What goes with a node that leaves, what stays, and that a deletion that broke off goes on."""

from pathlib import Path

import pytest

from fabnet.config import load_node
from fabnet.errors import LeavingError
from fabnet.node import leaving

FILE = """\
id = "lab-nord"
lab = "Atelier Nord"
coordinator = "http://127.0.0.1:1"
broker = "mqtt://127.0.0.1:1"
data_dir = "{data}"
password_file = "mqtt.password"
key_file = "node.key"
ca_file = "ca.crt"
coordinator_ca_file = "{ca}"
[[printers]]
id = "p1"
preset = "prusa-mini"
octoprint = "http://127.0.0.1:1"
api_key_file = "p1.key"
"""
OURS = ("mqtt.password", "mqtt.password.new", "node.key", "ca.crt", "p1.key", "node.toml.1.old")


def lab(tmp_path, data="data"):
    here = tmp_path / "lab"
    here.mkdir()
    (tmp_path / "theirs.crt").write_text("somebody's")
    (here / "node.toml").write_text(FILE.format(data=data, ca=tmp_path / "theirs.crt"))
    for name in OURS:
        (here / name).write_text("x")
    folder = here / data
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "plate").write_text("x")
    for name in ("journal.db", "journal.lock", "journal.db.mark"):
        (folder / name).write_text("x")
    return here / "node.toml"


@pytest.mark.parametrize("data", ["data", "."])
def test_all_that_fabnet_made_goes_and_nothing_else(tmp_path, data):
    file = lab(tmp_path, data)
    leaving.begin(load_node(file), file)
    with pytest.raises(LeavingError, match="fabnet node leave"):
        leaving.refuse_to_start(file)
    assert leaving.finish(file) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.crt"]


def test_what_somebody_else_put_there_stays_and_is_named(tmp_path):
    file = lab(tmp_path)
    (file.parent / "notes.txt").write_text("mine")
    (file.parent / "data" / "photo.jpg").write_text("mine")
    leaving.begin(load_node(file), file)
    left = leaving.finish(file)
    assert set(left) == {str(file.parent), str(file.parent / "data")}
    kept = {path.name for path in file.parent.rglob("*") if path.is_file()}
    assert kept == {"notes.txt", "photo.jpg"}


def test_a_deletion_that_broke_off_after_any_file_goes_on(tmp_path):
    file = lab(tmp_path)
    leaving.begin(load_node(file), file)
    whole = leaving.belongings(load_node(file), file).files
    for gone in range(len(whole)):
        path = Path(whole[gone])
        if path.is_file():
            path.unlink()
        assert leaving.marker(file).exists()
    assert leaving.finish(file) == ()
    assert not file.parent.exists()


def test_the_secrets_go_first_and_the_configuration_last(tmp_path):
    file = lab(tmp_path)
    names = [Path(path).name for path in leaving.belongings(load_node(file), file).files]
    assert names[0] == "mqtt.password"
    assert names.index("node.key") < names.index("journal.db") < names.index("node.toml")
    assert names[-1] == "node.toml"


def test_a_damaged_list_deletes_nothing(tmp_path):
    file = lab(tmp_path)
    leaving.marker(file).write_text("{")
    with pytest.raises(LeavingError, match="damaged"):
        leaving.finish(file)
    assert file.exists()
