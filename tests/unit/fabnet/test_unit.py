"""The node's unit: systemd itself reads it back, whatever the folders are called."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fabnet.config import NodeConfig
from fabnet.errors import UnitError
from fabnet.node.unit import Unit, program, remove, text_here, text_of, unit_of, write

verifies = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze"
)
NAMES = ("plain", "with space", "100%", "a$HOME", "été", "semi;colon")
ODD = ('quo"te', "back\\slash")


def config_in(folder, data="data"):
    return NodeConfig(
        id="lab-nord", lab="Atelier Nord", coordinator="https://c", broker="mqtts://b",
        data_dir=str(folder / data), password_file="p", key_file="k",
    )  # fmt: skip


def verify(texts, tmp_path, *options):
    """Let systemd read units; it also looks whether the program of ExecStart is there."""
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"fabnet-node-{number}.service")
        files[-1].write_text(text)
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    return subprocess.run(
        ["systemd-analyze", *options, "verify", *map(str, files)], capture_output=True, text=True,
        check=False, timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    )  # fmt: skip


@verifies
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_finds_program_and_configuration_in_any_folder(user, tmp_path):
    texts = []
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        fabnet = folder / "fabnet"
        fabnet.write_text("#!/bin/sh\n")
        fabnet.chmod(0o755)
        texts.append(text_of(config_in(folder), folder / "node.toml", [str(fabnet)], user=user))
    for name in ODD:
        file = tmp_path / name / "node.toml"
        texts.append(text_of(config_in(tmp_path), file, ["/bin/true"], user=user))
    done = verify(texts, tmp_path, *([] if user else ["--user"]))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ODD)
def test_a_program_that_systemd_cannot_start_is_refused(name, tmp_path):
    with pytest.raises(UnitError, match="of this name"):
        text_of(config_in(tmp_path), tmp_path / "node.toml", [f"/opt/{name}/fabnet"])


@verifies
def test_systemd_says_so_where_the_program_is_another(tmp_path):
    text = text_of(config_in(tmp_path), tmp_path / "node.toml", [str(tmp_path / "none")])
    done = verify([text], tmp_path, "--user")
    assert done.returncode != 0


def read(text):
    found = configparser.ConfigParser(strict=True, interpolation=None)
    found.optionxform = str
    found.read_string(text)
    return found


def test_it_always_comes_back_and_has_no_power_it_does_not_need():
    folder = Path("/var/lib/fabnet/lab")
    text = text_of(
        config_in(folder), folder / "node.toml", ["/opt/fabnet"], user="fabnet", groups=["dialout"]
    )
    unit = read(text)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    service = unit["Service"]
    assert (service["Restart"], service["User"]) == ("always", "fabnet")
    assert service["SupplementaryGroups"] == "dialout"
    assert service["ReadWritePaths"] == '"/var/lib/fabnet/lab"'
    assert service["CapabilityBoundingSet"] == ""
    # Either would take the serial ports away.
    assert {"PrivateDevices", "ProtectClock", "DevicePolicy"} & set(service) == set()
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_a_unit_of_ones_own_asks_for_nothing_that_only_root_can_give(tmp_path):
    unit = read(text_of(config_in(tmp_path), tmp_path / "node.toml", ["/opt/fabnet"]))
    assert {"User", "SupplementaryGroups", "ProtectSystem", "ReadWritePaths"} & set(
        unit["Service"]
    ) == set()
    assert unit["Install"]["WantedBy"] == "default.target"


def test_data_that_lies_elsewhere_can_be_written_too(tmp_path):
    text = text_of(
        config_in(Path("/srv"), "big disk"), Path("/var/lib/lab/node.toml"), ["/f"], user="fabnet"
    )
    assert read(text)["Service"]["ReadWritePaths"] == '"/var/lib/lab" "-/srv/big disk"'


def test_it_calls_this_very_fabnet():
    found = program()
    done = subprocess.run(
        [*found, "node", "install", "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "Example: fabnet node install" in done.stdout
    assert Path(found[0]).is_absolute()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that is root's")
def test_root_does_not_run_a_node(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text("")
    with pytest.raises(UnitError, match="sudo chown"):
        text_here(config_in(tmp_path), file, unit_of("lab-nord", system=True))


def test_writing_again_changes_nothing_and_removing_twice_is_no_error(tmp_path):
    unit = Unit(name="x.service", path=tmp_path / "systemd" / "x.service", system=False)
    assert write(unit, "a")
    assert not write(unit, "a")
    assert write(unit, "b")
    wants = unit.path.parent / "default.target.wants"
    wants.mkdir()
    (wants / unit.name).symlink_to(unit.path)
    for _ in range(2):
        remove(unit)
        assert [p.name for p in unit.path.parent.rglob("*")] == ["default.target.wants"]


def test_no_network_keeps_the_node_waiting(tmp_path):
    text = text_of(config_in(tmp_path), tmp_path / "node.toml", ["/bin/true"], user="fabnet")
    assert "network-online" not in text
