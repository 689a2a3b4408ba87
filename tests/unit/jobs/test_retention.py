import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.retention import DAYS, Kept, Reached, begun, limits, reached

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOC = Path(__file__).parents[3] / "docs" / "personal-data.md"


def test_the_page_says_what_the_code_does():
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (\d+) days", DOC.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {Kept(kind): int(days) for kind, days in rows} == DAYS


def test_each_kind_has_its_day():
    assert limits(NOW).contact == NOW - timedelta(days=90)
    assert limits(NOW, contact_days=10).contact == NOW - timedelta(days=10)
    assert limits(NOW, contact_days=10).thanks == NOW - timedelta(days=365)


DAY_S = 86_400.0
BEFORE = Reached(at=NOW, at_s=5000.0, boot="one")


def after(days, passed_s, boot="one", before=BEFORE):
    """Days from NOW on that ages are counted from, where the clock shows `days` after it."""
    now_s = before.at_s + passed_s if boot == before.boot else passed_s
    found = reached(before, NOW + timedelta(days=days), now_s, boot)
    assert (found.at_s, found.boot) == (now_s, boot)
    return (found.at - NOW) / timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "passed_s", "boot", "reached_days"),
    [
        (1 / 24, 3600, "one", 1 / 24),  # as ever
        (3, DAY_S, "two", 3),  # two days off
        (10_000, 3600, "one", 7 / 24),  # years ahead, while it runs
        (10_000, 60, "two", 7 / 1440),  # and after a start: a minute has passed since
        (10_000, 0, "two", 0),
        (60, 10 * DAY_S, "one", 60),  # two months off are caught up with
        (-20_000, 60, "two", -7 / 1440),  # a clock without a battery, before it is set
        (-1 / 24, 3600, "one", -1 / 24),  # set back by an hour or two
    ],
)
def test_ages_are_counted_by_the_clock_but_no_faster_than_a_week_a_day(
    days, passed_s, boot, reached_days
):
    assert after(days, passed_s, boot) == pytest.approx(reached_days, abs=1e-6)


@given(
    st.lists(
        st.tuples(
            st.floats(-30_000, 30_000), st.floats(0, 30 * DAY_S), st.sampled_from(["one", "two"])
        ),
        max_size=20,
    )
)
def test_whatever_the_clock_shows_nothing_grows_older_than_seven_times_what_has_passed(rounds):
    found, passed_s = BEFORE, 0.0
    for days, seconds, boot in rounds:
        now_s = found.at_s + seconds if boot == found.boot else seconds
        found = reached(found, NOW + timedelta(days=days), now_s, boot)
        passed_s += seconds
    assert abs(found.at - NOW) <= timedelta(seconds=7 * passed_s + 1)


def test_a_ledger_begins_to_count_at_its_last_entry_and_never_before_its_program():
    built, later = NOW - timedelta(days=9), NOW + timedelta(days=9_000)

    def first(last, now):
        return begun(last, built, now, 60.0, "one").at

    assert first(NOW, later) == NOW
    assert first(None, NOW) == NOW
    assert first(None, datetime(1970, 1, 1, tzinfo=UTC)) == built
