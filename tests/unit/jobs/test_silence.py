"""A lab is silent only when it was there, is gone, and stays gone."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.fleet import SILENT_AFTER, is_silent

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen_at", "online", "silent"),
    [
        (NOON - SILENT_AFTER, False, True),
        (NOON - SILENT_AFTER + timedelta(seconds=1), False, False),
        (NOON - timedelta(days=2), True, False),
        (None, False, False),
    ],
)
def test_when_a_lab_is_silent(seen_at, online, silent):
    assert is_silent(seen_at, NOON, online=online) is silent
