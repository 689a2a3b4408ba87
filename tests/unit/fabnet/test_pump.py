"""The pump sends what is new at once and what is unanswered again, ever more slowly."""

import itertools

from fabnet.link import Pump
from jobs.ledger.streams import OutboxRow


def rows(*numbers):
    return tuple(
        OutboxRow(peer="a", stream="s", n=n, id=str(n), type="x", body=b"{}", at="")
        for n in numbers
    )


def sent(pump, numbers, now_s):
    return [row.n for row in pump.due("a", rows(*numbers), now_s)]


def test_new_rows_go_at_once_and_old_ones_wait():
    pump = Pump()
    assert sent(pump, [1, 2], 0.0) == [1, 2]
    assert sent(pump, [1, 2], 0.5) == []
    assert sent(pump, [1, 2, 3], 0.6) == [3]
    assert sent(pump, [1, 2, 3], 0.7) == []
    assert sent(pump, [1, 2, 3], 2.5) == [1, 2, 3]


def test_the_pause_doubles_up_to_a_minute():
    pump, times, now_s = Pump(), [], 0.0
    while len(times) < 12:
        if sent(pump, [1], now_s):
            times.append(now_s)
        now_s += 0.1
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert 1.5 <= gaps[0] <= 2.6
    assert gaps[2] > gaps[0] * 2
    assert max(gaps) <= 60 * 1.2 + 0.2
    assert gaps[-1] > 45


def test_progress_brings_the_short_pause_back():
    pump = Pump()
    for now_s in (0.0, 3.0, 9.0, 20.0, 45.0):
        sent(pump, [1, 2], now_s)
    sent(pump, [2], 200.0)
    assert sent(pump, [2], 203.0) == [2]


def test_a_new_link_sends_everything_again():
    pump = Pump()
    sent(pump, [1, 2], 0.0)
    pump.reset("b")
    assert sent(pump, [1, 2], 0.1) == []
    pump.reset("a")
    assert sent(pump, [1, 2], 0.2) == [1, 2]
    pump.reset()
    assert sent(pump, [1, 2], 0.3) == [1, 2]
