"""Hours of a week: read as owners write them, and a plate lies inside one window as a whole."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidFieldError
from jobs.hours import (
    ALWAYS,
    DAYS,
    SLACK,
    WEEK_MIN,
    by_day,
    earliest_start,
    ends_of,
    fits,
    in_week_s,
    is_open,
    open_s,
    parse,
    plates_from,
    write,
)

PARIS = ZoneInfo("Europe/Paris")

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def at(day, hour, minute=0):
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_every_day_is_seven_windows():
    assert parse("08:00-20:00").windows == tuple(
        (d * 1440 + 480, d * 1440 + 1200) for d in range(7)
    )


def test_days_and_several_parts():
    week = parse("Mon-Fri 18:00-23:00, Sat-Sun 09:00-22:00")
    assert len(week.windows) == 7
    assert week.windows[0] == (1080, 1380)
    assert week.windows[5] == (5 * 1440 + 540, 5 * 1440 + 1320)
    assert week.longest_min == 13 * 60


@pytest.mark.parametrize(
    "text", ["00:00-24:00", "00:00-12:00, 12:00-24:00", "06:00-06:00, 00:00-24:00"]
)
def test_always(text):
    if "06:00-06:00" in text:
        with pytest.raises(InvalidFieldError):
            parse(text)
    else:
        assert parse(text) == ALWAYS


def test_a_night_is_one_window_over_midnight_and_over_the_week():
    week = parse("22:00-06:00")
    assert week.longest_min == 8 * 60
    assert week.windows[-1] == (6 * 1440 + 1320, 7 * 1440 + 360)
    assert earliest_start(week, at(0, 1), 3600) == at(0, 1)


def test_nights_that_meet_days_are_one_window():
    week = parse("Sun 20:00-24:00, Mon 00:00-08:00")
    assert week.windows == ((6 * 1440 + 1200, 6 * 1440 + 1440 + 480),)
    assert earliest_start(week, at(0, 2), 3600) == at(0, 2)


def test_hours_that_a_night_over_the_week_holds_already_are_no_windows_of_their_own():
    assert parse("22:00-06:00, 01:00-02:00, 03:00-04:00") == parse("22:00-06:00")
    assert parse("Sun 20:00-06:00, Mon 01:00-02:00, Mon 05:00-08:00") == parse("Sun 20:00-08:00")


def test_friday_to_monday_goes_over_the_weekend():
    assert len(parse("Fri-Mon 10:00-12:00").windows) == 4


@pytest.mark.parametrize(
    "text", ["", "8-20", "25:00-26:00", "Mo 10:00-12:00", "10:60-12:00", "10:00-10:00"]
)
def test_what_cannot_be_read_says_how_to_write_it(text):
    with pytest.raises(InvalidFieldError, match="08:00-20:00"):
        parse(text)


def test_a_plate_waits_for_the_next_window_that_holds_it():
    week = parse("Mon-Fri 18:00-20:00, Sat 09:00-19:00")
    assert earliest_start(week, at(0, 12), 3600) == at(0, 18)
    assert earliest_start(week, at(0, 19, 30), 3600) == at(1, 18)
    assert earliest_start(week, at(0, 12), 5 * 3600) == at(5, 9)
    assert earliest_start(week, at(5, 18), 5 * 3600) == at(12, 9)
    assert earliest_start(week, at(0, 12), 10 * 3600) is None
    assert not fits(week, 10 * 3600)


HOURS = st.integers(0, 23)


@given(
    first=HOURS,
    length=st.integers(1, 23),
    seconds=st.floats(0, 200_000),
    minute=st.integers(0, WEEK_MIN - 1),
)
def test_what_starts_ends_inside_the_window(first, length, seconds, minute):
    end = (first + length) % 24 or 24
    week = parse(f"{first:02d}:00-{end:02d}:00")
    start = earliest_start(week, MONDAY + timedelta(minutes=minute), seconds)
    assert (start is not None) == fits(week, seconds)
    if start is not None:
        assert start >= MONDAY + timedelta(minutes=minute)
        begin = (start - MONDAY).total_seconds() / 60
        finish = begin + seconds * SLACK / 60
        assert any(
            s + turn * WEEK_MIN <= begin and finish <= e + turn * WEEK_MIN + 1e-6
            for s, e in week.windows
            for turn in (-1, 0, 1)
        )


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("00:00-24:00", [(0, 1440)] * 7),
        ("22:00-06:00", [(1320, 360)] * 7),
        ("Sun 20:00-08:00", [None] * 6 + [(1200, 480)]),
        ("Sat 08:00-24:00, Sun 00:00-20:00", [None] * 5 + [(480, 1440), (0, 1200)]),
        ("Mon 08:00-12:00, Mon 14:00-18:00", None),
    ],
)
def test_hours_by_day(text, days):
    found = by_day(parse(text))
    assert found == (None if days is None else tuple(days))


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([(480, 1200)] * 7, "08:00-20:00"),
        ([(0, 1440)] * 7, "00:00-24:00"),
        ([(1080, 1380)] * 5 + [(540, 1320)] * 2, "Mon-Fri 18:00-23:00, Sat-Sun 09:00-22:00"),
        ([None, (60, 120), None, (60, 120), None, None, (1320, 120)],
         "Tue 01:00-02:00, Thu 01:00-02:00, Sun 22:00-02:00"),
    ],
)  # fmt: skip
def test_days_are_written_as_owners_write_them(days, text):
    assert write(days) == text


@pytest.mark.parametrize("days", [[None] * 7, [(600, 600)] + [None] * 6])
def test_hours_with_nobody_in_them_are_refused(days):
    with pytest.raises(InvalidFieldError, match="attended"):
        write(days)


_WINDOW = st.none() | st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(
    lambda window: window[0] != window[1]
)


@settings(deadline=None)
@given(st.lists(_WINDOW, min_size=7, max_size=7).filter(any))
def test_what_is_written_is_read_as_the_same_week(days):
    week = parse(write(days))
    told = by_day(week)
    if told is not None:
        assert parse(write(told)) == week
    for name, window in zip(DAYS, days, strict=True):
        if window is not None:
            start, end = window
            middle = start + (end - start if end > start else end + 1440 - start) / 2
            inside = DAYS.index(name) * 1440 + middle
            assert any(
                begin <= inside + turn * WEEK_MIN <= until
                for begin, until in week.windows
                for turn in (-1, 0, 1)
            )


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        (datetime(2026, 11, 24, 10, tzinfo=UTC), 7200, 7200),
        (datetime(2026, 11, 22, 23, tzinfo=UTC), 7200, 3600),  # began on Sunday, ends on Monday
        (datetime(2026, 11, 29, 23, tzinfo=UTC), 7200, 3600),
        (datetime(2026, 11, 20, 10, tzinfo=UTC), 7200, 0),
        (datetime(2026, 11, 20, tzinfo=UTC), 30 * 86400, 7 * 86400),
    ],
)
def test_a_plate_counts_in_the_week_in_which_it_lies(start, seconds, expected):
    assert in_week_s(start, seconds, datetime(2026, 11, 25, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("day", "first_utc", "last_utc"),
    [
        # Clocks are put forward on 2027-03-28, and back on 2026-10-25.
        ("2027-03-28", "2027-03-21T23", "2027-03-28T22"),
        ("2026-10-25", "2026-10-18T22", "2026-10-25T23"),
        # The week of New Year's day begins in the old year.
        ("2027-01-01", "2026-12-27T23", "2027-01-03T23"),
    ],
)
def test_a_week_in_which_clocks_are_set_ends_at_its_own_midnight(day, first_utc, last_utc):
    first, last = (datetime.fromisoformat(f"{at}:00+00:00") for at in (first_utc, last_utc))
    noon, hour = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=PARIS), timedelta(hours=1)
    assert in_week_s(first - hour, 2 * 3600, noon) == 3600
    assert in_week_s(last - hour, 2 * 3600, noon) == 3600
    assert in_week_s(first, 30 * 86400, noon) == (last - first).total_seconds()


def test_a_plate_of_no_time_may_start_as_a_window_ends():
    week = parse("08:00-20:00")
    closing = datetime(2026, 11, 24, 20, tzinfo=UTC)
    assert earliest_start(week, closing, 0.0) == closing
    assert plates_from(week, closing, 0.0) == 1
    assert plates_from(week, closing - timedelta(hours=2), 1800.0) == 3


@given(st.integers(0, 719), st.integers(1, 720), st.sampled_from([1.0, SLACK, 2.0]))
def test_a_window_holds_as_many_plates_as_may_start_one_after_another(minute, length, slack):
    week, seconds, here = parse("08:00-20:00"), 60.0 * length, at(1, 8) + timedelta(minutes=minute)
    plates, free = 0, here
    while earliest_start(week, free, seconds, slack) == free:
        plates, free = plates + 1, free + timedelta(seconds=seconds)
    assert plates_from(week, here, seconds, slack) == max(1, plates)
    assert plates_from(ALWAYS, here, seconds, slack) == math.inf


@given(
    st.sampled_from(
        ["08:00-20:00", "Sun 20:00-24:00, Mon 00:00-06:00", "22:00-06:00", "00:00-24:00"]
    ),
    st.integers(0, WEEK_MIN - 1),
    st.lists(st.integers(1, 8 * 60).map(lambda minutes: 60.0 * minutes), max_size=30),
)
def test_a_queue_ends_as_its_plates_do_one_by_one(hours, minute, lengths_s):
    week, monday = parse(hours), MONDAY
    free, ends = monday + timedelta(minutes=minute), []
    for seconds in lengths_s:
        start = earliest_start(week, free, seconds)
        free = (free if start is None else start) + timedelta(seconds=seconds)
        ends.append((free - monday) / timedelta(minutes=1))
    assert ends_of(week, minute, lengths_s) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("hours", "from_h", "until_h", "open_h"),
    [
        ("08:00-20:00", 18, 24, 2),
        ("08:00-20:00", 21, 24, 0),
        ("22:00-06:00", 12, 24, 2),
        ("Mon-Fri 08:00-12:00", 6 * 24 + 12, 7 * 24 + 10, 2),  # over the end of the week
        ("00:00-24:00", 18, 24, 6),
        ("00:00-24:00", 18, 9999, 168),
    ],
)
def test_how_long_somebody_is_there_until_a_time(hours, from_h, until_h, open_h):
    start, end = (MONDAY + timedelta(hours=h) for h in (from_h, until_h))
    assert open_s(parse(hours), start, end) == 3600.0 * open_h


def test_no_plate_starts_where_nobody_is():
    week, monday = parse("Mon-Fri 08:00-20:00"), MONDAY
    found = [hour for hour in range(24) if is_open(week, monday + timedelta(hours=hour))]
    assert found == list(range(8, 20))
    assert not is_open(week, monday + timedelta(days=5, hours=9))
