"""What a maker types at `fabnet node setup` is understood, or asked again; it is never guessed."""

import pytest

from fabnet.cli.questions import address_meant, grams_meant, machine_meant
from firmware_profiles.loader import all_machines

MACHINES = all_machines()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("creality-ender-3", "creality-ender-3"),
        ("Ender 3", "creality-ender-3"),
        ("ender 3 V2", "creality-ender-3-v2"),
        ("mk3s", "prusa-mk3s"),
        ("neptune", "elegoo-neptune-2"),
        ("Original Prusa i3 MK3S, MK3S+", "prusa-mk3s"),
        ("1", MACHINES[0].name),
        (str(len(MACHINES)), MACHINES[-1].name),
    ],
)
def test_a_machine_by_number_name_or_part_of_it(told, name):
    meant = machine_meant(told, MACHINES)
    assert meant is not None
    assert meant.name == name


@pytest.mark.parametrize("told", ["", "-", "prusa", "0", "99", "-1", "²", "laser"])
def test_what_is_none_or_several_is_asked_again(told):
    assert machine_meant(told, MACHINES) is None


def test_every_machine_is_found_by_its_own_name_and_title():
    for machine in MACHINES:
        assert machine_meant(machine.name, MACHINES) == machine
        assert machine_meant(machine.title, MACHINES) == machine


@pytest.mark.parametrize(
    ("told", "grams"),
    [("750", 750), (" 750 g", 750), ("0,75kg", 750), ("12.5", 12.5), ("0", 0), ("full", None),
     ("-3", None), ("1 lb", None), ("", None), ("750 g of PLA", None)],
)  # fmt: skip
def test_grams_as_people_write_them(told, grams):
    assert grams_meant(told) == grams


def test_an_address_without_its_scheme():
    assert address_meant(" octopi.local/ ") == "http://octopi.local"
    assert address_meant("https://octopi.local:8443") == "https://octopi.local:8443"
    assert address_meant("") == ""


@pytest.mark.parametrize("page", ["/#temp", "/?#control", "?a=b", "/login/?redirect=%2F%3F"])
def test_an_address_as_a_browser_shows_it(page):
    assert address_meant(f"http://octopi.local{page}") == "http://octopi.local"
    assert address_meant(f"shelf.local/left{page}") == "http://shelf.local/left"
