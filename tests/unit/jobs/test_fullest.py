"""The due date before which least time is to spare, and what is put in first for it."""

import numpy as np
import pytest

from jobs import quotas
from jobs.certificate import earliest_min, fullest_min
from jobs.prices import prices
from jobs.quotas import PLAIN, TOGETHER, WAYS, plan
from tests.bench.bench_hard import an_instance_of


def lines_until(net, lines, end):
    """Return the good pieces [Q] that are due by then."""
    asked = np.where(lines.due_min[lines.order] <= end, lines.pieces, 0.0)
    return np.bincount(lines.part, asked, len(net.most))


@pytest.mark.parametrize("seed", range(901, 906))
def test_no_due_date_needs_a_larger_share_of_all_time(seed):
    net, lines = an_instance_of("feasible", 60, 12, seed)
    found = prices(net, lines.of_parts(len(net.most)), net.class_min(lines.due_min.max()))
    fullest = fullest_min(net, lines, found)
    needed = {
        end: earliest_min(net, lines_until(net, lines, end), found) / end
        for end in np.unique(lines.due_min)
    }
    assert needed[fullest] == max(needed.values())


def test_what_is_due_by_the_fullest_day_goes_where_printers_lose_least(monkeypatch):
    net, lines = an_instance_of("feasible", 300, 30, 102)  # 98 % of all time until one of the days
    assert plan(net, lines, search=False).in_time > 0.9999
    # Nor are orders weighed together, which makes up for it here.
    monkeypatch.setattr(
        quotas, "WAYS", tuple(way for way in WAYS if way[0] not in (PLAIN, TOGETHER))
    )
    assert plan(net, lines, search=False).in_time < 0.9995
