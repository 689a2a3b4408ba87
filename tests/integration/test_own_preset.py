"""An owner's own machine preset, beside the node's data: the node opens with it, the doctor knows it."""

import json

import pytest

from fabnet.config import load_node
from fabnet.errors import ConfigError
from fabnet.node.opening import open_node
from tests.doubles.commands import fabnet
from tests.doubles.lone_node import LoneNode
from tests.unit.firmware_profiles.test_loader import GOOD


@pytest.fixture
def node(tmp_path):
    made = LoneNode(tmp_path, "manual = true")
    text = made.file.read_text().replace('"generic-250x210"', '"workshop-delta"')
    made.file.write_text(text)
    return made


def write_preset(node, text=GOOD):
    folder = node.data / "profiles" / "machines"
    folder.mkdir(parents=True)
    (folder / "workshop-delta.toml").write_text(text)


def test_the_node_opens_with_it(node):
    write_preset(node)
    node.start()
    try:
        assert [bed["printer"] for bed in node.do("status")["beds"]] == ["p1"]
    finally:
        node.stop()


def test_without_its_file_the_nearest_name_is_told(node):
    with pytest.raises(ConfigError, match="no machine that fabnet knows; did you mean"):
        open_node(load_node(node.file), "machine")


@pytest.mark.parametrize(
    ("text", "ok", "words"),
    [(GOOD, True, "Mine"), (GOOD + "bed_z_mm = 1", False, "bed_z_mm")],
)
def test_the_doctor_looks_at_it(node, text, ok, words):
    write_preset(node, text)
    said = fabnet("doctor", node.file, "--json")
    found = [each for each in json.loads(said.stdout) if each["check"] == "p1: preset"]
    assert [(each["ok"], words in each["words"]) for each in found] == [(ok, True)]
