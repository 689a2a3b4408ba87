"""The zone that people read times in: of the file, else of the machine."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from fabnet import clock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def own_zone(monkeypatch):
    """The process' own zone is put back afterwards."""
    monkeypatch.setenv("TZ", "UTC")
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("own_zone")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Paris", "2026-11-24 13:00 CET"),
        ("America/Montreal", "2026-11-24 07:00 EST"),
        ("UTC", "2026-11-24 12:00 UTC"),
    ],
)
def test_a_moment_is_told_with_its_zone(name, words):
    clock.use_zone(name)
    assert clock.zone() == name
    assert clock.local(NOON) == words


def test_a_machine_without_a_zone_of_its_own_is_in_paris(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr("os.path.realpath", lambda path: path)
    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    assert clock.zone() == "Europe/Paris"


@pytest.mark.parametrize("name", ["CEST-2", "Nowhere", "../etc/passwd", ""])
def test_what_is_no_zone_is_not_taken_for_one(name, monkeypatch):
    assert not clock.is_zone(name)
    monkeypatch.setenv("TZ", name)
    assert clock.is_zone(clock.zone())


@pytest.mark.usefixtures("own_zone")
def test_the_clock_on_the_wall_knows_when_it_will_be_set(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 3, 28, 0, 30, tzinfo=UTC))
    clock.use_zone("Europe/Paris")
    here = clock.here()
    assert (here.hour, here.utcoffset()) == (1, timedelta(hours=1))
    assert (here + timedelta(hours=3)).utcoffset() == timedelta(hours=2)


@pytest.mark.usefixtures("own_zone")
def test_a_zone_that_only_this_machine_knows_counts_as_it_is_now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    monkeypatch.setattr(clock, "zone", lambda: "Europe/Paris")
    monkeypatch.setenv("TZ", "LOC-5")
    time.tzset()
    assert clock.here().utcoffset() == timedelta(hours=5)
