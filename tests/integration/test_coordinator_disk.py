"""A coordinator whose disk is full says so to whoever sends something, and takes it once there is room."""

import signal

import pytest
import requests

from tests.doubles import small_disk
from tests.doubles.network_of_one import Coordinator
from tests.doubles.small_disk import SmallDisk
from tests.doubles.waiting import until


@pytest.fixture
def coordinator(tmp_path):
    if why := small_disk.why_not("full"):
        pytest.skip(why)
    made = Coordinator(tmp_path)
    disk = SmallDisk(tmp_path / "data", "full")
    made.inside, made.disk = disk.inside, disk
    made.start()
    yield made
    made.stop(signal.SIGTERM)
    disk.close()


@pytest.mark.timeout(200)
def test_who_sends_something_hears_that_the_disk_is_full_and_sends_it_again(coordinator):
    steward = coordinator.person("camille")
    coordinator.disk.breaks()
    fields = {"lab": "Atelier Nord", "hours": "24"}
    answer = steward.send("/members/invite", at="/members", **fields)
    assert answer.status_code == requests.codes.unavailable
    assert "The server’s disk is full" in answer.text.replace("'", "’").replace("&#39;", "’")
    assert answer.headers["Retry-After"] == "60"
    assert steward.get("/waiting").ok
    coordinator.disk.heals()
    until(lambda: steward.send("/members/invite", at="/members", **fields).ok, what="room")
