import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.retention import DAYS, Kept, limits

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
