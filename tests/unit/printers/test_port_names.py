"""A port's name that may be another printer's after a restart is not one to print by."""

from pathlib import Path

import pytest

from printers.port_names import Adapter, better_name, has_a_twin


def adapter(device, usb_id="1a86:7523", number=""):
    return Adapter(device=str(device), usb_id=usb_id, number=number)


@pytest.fixture
def by_path(tmp_path):
    """Two printers' sockets, as udev names them."""
    folder = tmp_path / "by-path"
    folder.mkdir()
    for number in (0, 1):
        device = tmp_path / f"ttyUSB{number}"
        device.touch()
        (folder / f"pci-0-usb-0:{number}:1.0-port0").symlink_to(device)
        (folder / f"pci-0-usbv2-0:{number}:1.0-port0").symlink_to(device)
    return folder


def test_who_has_a_number_of_its_own_has_no_twin():
    first, second = adapter("/dev/ttyUSB0"), adapter("/dev/ttyUSB1")
    assert has_a_twin("/dev/ttyUSB0", [first, second])
    assert not has_a_twin("/dev/ttyUSB0", [first])
    assert not has_a_twin("/dev/ttyUSB0", [first, adapter("/dev/ttyUSB1", number="A5")])
    assert not has_a_twin("/dev/ttyUSB0", [first, adapter("/dev/ttyACM0", "2c99:0002")])
    assert not has_a_twin("/dev/ttyS0", [adapter("/dev/ttyS0", ""), adapter("/dev/ttyS1", "")])
    assert not has_a_twin("/dev/pts/3", [first, second])


def test_the_socket_is_the_name_that_stays(tmp_path, by_path):
    twins = [adapter(tmp_path / f"ttyUSB{number}") for number in (0, 1)]
    shared = tmp_path / "usb-1a86_USB_Serial-if00-port0"  # of both, in by-id
    shared.symlink_to(twins[1].device)
    assert better_name(twins[0].device, twins, by_path) == str(by_path / "pci-0-usb-0:0:1.0-port0")
    assert better_name(str(shared), twins, by_path) == str(by_path / "pci-0-usb-0:1:1.0-port0")
    assert better_name(str(by_path / "pci-0-usb-0:1:1.0-port0"), twins, by_path) == ""
    assert better_name(twins[0].device, twins[:1], by_path) == ""
    assert better_name(twins[0].device, twins, tmp_path / "no udev here") == ""
    assert better_name(str(Path("/dev/none")), twins, by_path) == ""
