"""What `fabnet node setup` writes: the maker's comments stay, and no old file is lost."""

from datetime import UTC, datetime

import pytest

from fabnet.config import load_node
from fabnet.errors import ConfigError
from fabnet.node.setup import QUESTIONS, Safety, changed, propose_id, write_setup
from fabnet.printer_config import PrinterConfig

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
FILE = """\
# Our lab, do not touch before asking Awa!
id = "lab-nord"
lab = "Atelier Nord"
coordinator = "http://127.0.0.1:1"
broker = "mqtt://127.0.0.1:1"
data_dir = "data"
password_file = "mqtt.password"
key_file = "node.key"
attended = "08:00-20:00"   # Awa's hours

# One [[printers]] table for each printer:
# id = "mk3-left"
"""
OLD = """
[[printers]]
id = "old"   # the one from the attic
preset = "creality-ender-3"
port = "/dev/ttyUSB0"
title = "The old one"
material = "PLA"
grams = 300
unattended = true
protection_tested = true
smoke_alarm = true
surroundings_clear = true
"""
MK3 = PrinterConfig(id="mk3s", preset="prusa-mk3s", port="/dev/serial/by-id/a", material="PETG",
                    grams=850.0)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "node.toml"
    made.write_text(FILE, encoding="utf-8")
    return made


def test_a_printer_is_added_and_all_else_stays(path):
    written = write_setup(path, [MK3], {}, "", NOW)
    assert written.config.printers == (MK3,)
    text = path.read_text()
    assert text.startswith(FILE)
    added = [line for line in text[len(FILE) :].splitlines() if line]
    assert added == [
        "[[printers]]", 'id = "mk3s"', 'preset = "prusa-mk3s"', 'port = "/dev/serial/by-id/a"',
        'material = "PETG"', "grams = 850.0",
    ]  # fmt: skip
    assert written.kept.name == "node.toml.20260504T030201Z.old"
    assert written.kept.read_text() == FILE
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_printer_that_is_there_gets_the_new_values_and_keeps_its_comments(path):
    path.write_text(FILE + OLD)
    way = PrinterConfig(id="old", preset="generic-220x220", port="/dev/ttyUSB1", baudrate=250000)
    (found,) = write_setup(path, [way], {}, "", NOW).config.printers
    assert (found.port, found.baudrate, found.preset) == ("/dev/ttyUSB1", 250000, "generic-220x220")
    assert (found.title, found.material, found.grams) == ("The old one", "", 0.0)
    assert (found.unattended, found.smoke_alarm) == (False, False), "not confirmed anew"
    assert "# the one from the attic" in path.read_text()


def test_the_way_to_a_printer_may_change(path):
    path.write_text(FILE + OLD)
    way = PrinterConfig(id="old", preset="creality-ender-3", octoprint="http://octopi")
    (found,) = write_setup(path, [way], {"old": "SECRET"}, "", NOW).config.printers
    assert (found.port, found.octoprint) == ("", "http://octopi")
    key = path.with_name("old.key")
    assert found.api_key_file == str(key)
    assert key.read_text() == "SECRET\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert "SECRET" not in path.read_text()


def test_no_key_file_is_written_over(path):
    way = PrinterConfig(id="o", preset="prusa-mini", octoprint="http://octopi")
    path.with_name("o.key").write_text("OTHER\n")
    for key, name in (("K1", "o-2.key"), ("K1", "o-2.key"), ("OTHER", "o.key")):
        (found,) = write_setup(path, [way], {"o": key}, "", NOW).config.printers
        assert found.api_key_file == str(path.with_name(name))
    assert path.with_name("o.key").read_text() == "OTHER\n"


def test_old_files_are_kept_also_those_of_the_same_second(path):
    for port in ("a", "b"):
        way = PrinterConfig(id="p", preset="prusa-mini", port=port)
        write_setup(path, [way], {}, "", NOW)
    kept = sorted(each.read_text() for each in path.parent.glob("*.old*"))
    assert len(kept) == 2
    assert kept[0] == FILE


def test_hours_change_and_nothing_else_does(path):
    path.write_text(FILE + OLD)
    write_setup(path, [], {}, "Mon-Fri 18:00-23:00", NOW)
    old, new = (FILE + OLD).splitlines(), path.read_text().splitlines()
    assert [line for line in new if line not in old] == [
        'attended = "Mon-Fri 18:00-23:00"   # Awa\'s hours'
    ]
    assert len(new) == len(old)


def test_hours_that_were_not_there_stand_before_the_printers(path):
    path.write_text(FILE.replace('attended = "08:00-20:00"   # Awa\'s hours\n', "") + OLD)
    assert write_setup(path, [], {}, "09:00-10:00", NOW).config.attended == "09:00-10:00"


def test_the_same_again_writes_nothing(path):
    write_setup(path, [MK3], {}, "", NOW)
    before = path.stat().st_mtime_ns
    assert write_setup(path, [MK3], {}, "08:00-20:00", NOW).kept is None
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "wrong",
    [
        PrinterConfig(id="Not A Name", preset="prusa-mini", port="a"),
        PrinterConfig(id="p", preset="prusa-mini", port="a", manual=True),
        PrinterConfig(id="p", preset="prusa-mini"),
    ],
)
def test_what_the_node_would_refuse_changes_nothing(path, wrong):
    with pytest.raises(ConfigError) as caught:
        write_setup(path, [wrong], {}, "", NOW)
    assert caught.value.path == str(path)
    assert [each.name for each in path.parent.iterdir()] == ["node.toml"]
    assert path.read_text() == FILE


def test_a_file_that_is_no_toml_or_is_not_there(path):
    path.write_text("id = ")
    with pytest.raises(ConfigError, match="is no TOML"):
        write_setup(path, [MK3], {}, "", NOW)
    path.unlink()
    with pytest.raises(ConfigError, match="fabnet node join"):
        write_setup(path, [MK3], {}, "", NOW)


def test_an_empty_list_and_a_list_in_one_line_are_extended(path):
    top = FILE.replace("# Our lab", "printers = []\n# Our lab")
    path.write_text(changed(top, [MK3], "", "x"))
    assert [p.id for p in load_node(path).printers] == ["mk3s"]
    one = 'printers = [{id = "a", preset = "prusa-mini", port = "x"}]\n' + FILE
    path.write_text(changed(one, [MK3], "", "x"))
    assert [p.id for p in load_node(path).printers] == ["a", "mk3s"]


def test_names_are_free_and_short():
    assert propose_id("creality-ender-3", ()) == "ender-3"
    assert propose_id("creality-ender-3", {"ender-3", "ender-3-2"}) == "ender-3-3"
    assert len(propose_id("prusa-" + "x" * 60, ())) <= 28


def test_unattended_needs_all_three():
    for missing in QUESTIONS:
        assert not Safety(**{name: name != missing for name in QUESTIONS}).unattended
    assert Safety(**dict.fromkeys(QUESTIONS, True)).unattended
    assert not Safety().unattended
