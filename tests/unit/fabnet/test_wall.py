"""A clock that has stopped with its machine is found by what was seen of it before."""

from datetime import UTC, datetime, timedelta

import pytest

from fabnet.node.wall import Seen, is_behind, is_to_keep, least

NIGHT = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = Seen(at=NIGHT, at_s=5000.0, boot="one")


def behind(hours, now_s, boot, seen=SEEN):
    return is_behind(seen, BUILT, NIGHT + timedelta(hours=hours), now_s, boot)


@pytest.mark.parametrize(
    ("hours", "now_s", "boot", "said"),
    [
        (1, 5000.0 + 3600, "one", False),
        (0.99, 5000.0 + 3600, "one", False),
        (0.9, 5000.0 + 3600, "one", True),
        (-7, 60.0, "two", True),
        (0, 60.0, "two", False),
        # Ticking on from where it stopped is no catching up: an hour has passed, and it lacks seven.
        (0.5, 7.5 * 3600, "two", True),
        (8, 7.5 * 3600, "two", False),
    ],
)
def test_time_that_has_passed_since_it_was_seen_has_passed_at_least(hours, now_s, boot, said):
    assert behind(hours, now_s, boot) is said


@pytest.mark.parametrize(
    ("days", "said"), [(-30, True), (0, True), (2, False), (3600, False), (3990, True)]
)
def test_a_clock_that_was_years_ahead_when_it_was_seen_keeps_nobody_waiting_for_years(days, said):
    """Who has typed 2037 and puts it right has hours again; what falls to before the program has not."""
    ahead = Seen(at=NIGHT + timedelta(days=4000), at_s=5000.0, boot="one")
    built, now = NIGHT + timedelta(days=1), NIGHT + timedelta(days=days)
    assert is_behind(ahead, built, now, 6000.0, "one") is said


def test_no_clock_is_before_its_program():
    assert is_behind(None, BUILT, datetime(1970, 1, 1, tzinfo=UTC), 10.0, "one")
    assert not is_behind(None, BUILT, NIGHT, 10.0, "one")


def test_what_is_seen_is_kept_after_a_start_and_every_five_minutes():
    assert is_to_keep(None, 1.0, "one")
    assert is_to_keep(SEEN, 1.0, "two")
    assert not is_to_keep(SEEN, 5299.0, "one")
    assert is_to_keep(SEEN, 5300.0, "one")
    assert least(SEEN, 5300.0, "one") == NIGHT + timedelta(minutes=5)
