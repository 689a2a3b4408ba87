"""What a maker types at `fabnet node setup` is understood, or asked again; it is never guessed."""

import pytest

from fabnet.cli.questions import (
    address_meant,
    grams_meant,
    hours_meant,
    machines_meant,
    safety_words,
)
from firmware_profiles.loader import all_machines, load_machine

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
    (meant,) = machines_meant(told, MACHINES)
    assert meant.name == name


@pytest.mark.parametrize("told", ["", "-", "prusa", "0", "99", "-1", "²", "laser"])
def test_what_is_none_or_several_is_asked_again(told):
    assert len(machines_meant(told, MACHINES)) != 1


def test_several_are_all_named():
    assert [each.name for each in machines_meant("ender", MACHINES)] == [
        "creality-ender-3", "creality-ender-3-v2", "creality-ender-5",
    ]  # fmt: skip
    assert machines_meant("laser", MACHINES) == []


def test_every_machine_is_found_by_its_own_name_and_title():
    for machine in MACHINES:
        assert machines_meant(machine.name, MACHINES) == [machine]
        assert machines_meant(machine.title, MACHINES) == [machine]


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


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ("08:00-20:00", "08:00-20:00"),
        ("8h-20h", "08:00-20:00"),
        ("Mon-Fri 18:00-23:00, Sat 09:00-19:00", "Mon-Fri 18:00-23:00, Sat 09:00-19:00"),
        ("lun-ven 18h-23h, sam 9h-19h30", "Mon-Fri 18:00-23:00, Sat 09:00-19:30"),
        ("Lundi au vendredi de 18 h à 23 h ; dim. 9:00 - 12:00", "Mon-Fri 18:00-23:00, Sun 09:00-12:00"),
        ("monday to friday: 9:00 to 17:00", "Mon-Fri 09:00-17:00"),
        ("mer 22h–6h", "Wed 22:00-06:00"),
    ],
)  # fmt: skip
def test_hours_as_people_write_them(told, hours):
    assert hours_meant(told) == hours


@pytest.mark.parametrize(
    "told", ["", "lundi", "8-20", "lun 25h-26h", "mars 8h-9h", "always", "8h-8h"]
)
def test_what_is_no_hours_is_asked_again(told):
    assert hours_meant(told) is None


def test_a_machine_sold_without_protection_says_so():
    assert "without thermal protection" in safety_words(load_machine("creality-ender-3"))
    assert "without thermal protection" not in safety_words(load_machine("prusa-mk3s"))
