"""Nights in which a lab's clocks are set: the network knows her hours, and her week has its end."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from fabnet import clock
from fabnet.node.desk import Desk
from jobs.messages import Capabilities
from tests.doubles.idle_node import Node


@pytest.fixture
def paris(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def at(monkeypatch):
    """Set the clock of this process."""

    def set_to(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    return set_to


@pytest.mark.parametrize(
    ("change", "offsets_min"),
    [
        (datetime(2027, 3, 28, 1, tzinfo=UTC), (60, 120)),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), (120, 60)),
    ],
)
def test_the_network_hears_at_once_that_a_labs_clock_was_set(
    paris, at, tmp_path, change, offsets_min
):
    at(change - timedelta(minutes=1))
    node, desk = Node(tmp_path), Desk()
    with node.journal.transaction() as db:
        node.agent._say_all(db, clock.now())
    node.agent._owner.serve(desk)

    def told_min():
        return [each.utc_offset_min for each in node.said() if isinstance(each, Capabilities)]

    assert told_min() == [offsets_min[0]]
    node.agent._owner.serve(desk)
    assert told_min() == []
    at(change)
    node.agent._owner.serve(desk)
    assert told_min() == [offsets_min[1]]
    node.journal.close()


@pytest.mark.parametrize(
    ("now", "begun", "counts_h"),
    [
        # Noon of the Sundays on which clocks are set; the week began on Monday at 0:00 as it was then.
        (datetime(2027, 3, 28, 10, tzinfo=UTC), datetime(2027, 3, 21, 22, tzinfo=UTC), 1.0),
        (datetime(2026, 10, 25, 11, tzinfo=UTC), datetime(2026, 10, 18, 21, tzinfo=UTC), 1.0),
        # New Year's Eve is in the week of New Year's day.
        (datetime(2027, 1, 1, 11, tzinfo=UTC), datetime(2026, 12, 31, 22, tzinfo=UTC), 2.0),
    ],
)
def test_a_weekly_ceiling_counts_from_monday_as_the_clock_stood_then(
    paris, at, tmp_path, now, begun, counts_h
):
    at(now)
    node = Node(tmp_path, weekly_h=10.0)
    node.journal.begun = lambda: ((begun, 2 * 3600.0),)
    assert node.agent._lab.rules().begun_s == counts_h * 3600
    node.journal.close()


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2027-03-28", datetime(2027, 3, 27, 22, 59, tzinfo=UTC), datetime(2027, 3, 27, 23, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 24, 21, 59, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("2027-01-01", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_pause_ends_on_its_day_by_the_clock_on_the_wall(paris, at, tmp_path, day, before, after):
    at(before)
    node, desk = Node(tmp_path, paused=True, paused_until=day), Desk()
    node.agent._owner.serve(desk)
    node.said()
    assert node.agent._lab.paused
    at(after)
    node.agent._owner.serve(desk)
    told = [each for each in node.said() if isinstance(each, Capabilities)]
    assert [each.paused for each in told] == [False]
    node.journal.close()
