"""The probable day: later than the plan's, later still where more fails, the same for the same facts."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.chances import Queue, likely
from tests.unit.jobs.test_split import NOW


def a_queue(node="lab-a", hours=24.0, plates=12, **facts):
    return Queue(
        node=node, printer="p1", plates=plates, pieces=2 * plates,
        done_at=NOW + timedelta(hours=hours), **facts,
    )  # fmt: skip


QUEUES = st.lists(
    st.builds(
        a_queue, node=st.sampled_from("abcdef"), hours=st.floats(1, 200), plates=st.integers(1, 50),
        good=st.integers(0, 100), scrap=st.integers(0, 100),
    ),
    min_size=1, max_size=6, unique_by=lambda q: q.node,
)  # fmt: skip


@settings(deadline=None)
@given(queues=QUEUES, data=st.data())
def test_the_order_of_the_facts_does_not_matter_and_quantiles_are_in_order(queues, data):
    found = likely(queues, NOW)
    assert likely(data.draw(st.permutations(queues)), NOW) == found
    assert NOW < found.p50 <= found.p90


def test_a_network_that_fails_more_is_done_later():
    sure = likely([a_queue(good=500)], NOW)
    risky = likely([a_queue(good=250, scrap=250)], NOW)
    assert sure.p50 < risky.p50
    assert sure.p90 < risky.p90


def test_nine_of_ten_is_about_a_quarter_later_where_nothing_fails():
    found = likely([a_queue(good=100_000, plates=1)], NOW)
    hours = (found.p90 - NOW).total_seconds() / 3600
    assert 24 * 1.15 < hours < 24 * 1.35


def test_one_bad_plate_of_a_beginner_says_little_of_her():
    others = [a_queue(f"lab-{n}", good=190, scrap=10) for n in range(5)]
    beginner = a_queue("lab-x", good=0, scrap=1)
    worst = replace(beginner, scrap=200)
    assert likely([*others, beginner], NOW).p90 <= likely([*others, worst], NOW).p90


def test_nothing_to_come_has_no_day():
    assert likely([], NOW) is None
