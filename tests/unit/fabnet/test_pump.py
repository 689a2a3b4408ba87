"""The pump sends what is new at once and what is unanswered again, ever more slowly."""

import itertools

from fabnet.pacing import Pump, Throttle, pause_s
from jobs.ledger.streams import OutboxRow


def rows(*numbers):
    return tuple(
        OutboxRow(peer="a", stream="s", n=n, id=str(n), type="x", body=b"{}", at="", floor=0)
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


def test_where_nothing_waits_nothing_is_due():
    assert Pump().due("a", (), 0.0) == ()


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


def test_what_was_acknowledged_makes_room_at_once():
    pump = Pump()
    assert sent(pump, [1, 2], 0.0) == [1, 2]
    assert sent(pump, [2, 3], 0.01) == [3]
    assert sent(pump, [3, 4, 5], 0.02) == [4, 5]


def test_what_the_link_did_not_take_is_due_with_the_next_round():
    pump = Pump()
    (_, second, _) = pump.due("a", rows(1, 2, 3), 0.0)
    pump.refused(second)
    assert sent(pump, [1, 2, 3], 0.1) == [2, 3]
    assert sent(pump, [1, 2, 3], 0.2) == []


def test_a_stream_that_begins_anew_is_sent_from_its_first_message():
    pump = Pump()
    sent(pump, [40, 41], 0.0)
    pump.reset("a")
    assert sent(pump, [1], 0.1) == [1]
    assert sent(pump, [1, 2], 0.2) == [2]


def test_a_sender_that_floods_is_held_to_its_rate_and_nobody_else_is():
    throttle = Throttle(10.0, 5.0)
    taken = [throttle.allows("loud", n / 1000) for n in range(1000)]
    assert sum(taken) == 14  # the burst, and ten in the second
    assert throttle.allows("quiet", 1.0)
    assert throttle.allows("loud", 2.0)


def test_links_that_were_lost_at_once_come_back_spread_out_and_then_ever_later():
    assert [pause_s(0, 5.0, chance) for chance in (0.0, 0.5)] == [0.0, 2.5]
    assert [pause_s(k, 5.0, 1.0) for k in (1, 2, 3, 5, 6, 40)] == [2, 4, 8, 32, 60, 60]


def test_what_rests_need_not_be_read():
    pump = Pump()
    assert not pump.rests("a", 1, 2, 0.0)
    assert sent(pump, [1, 2], 0.0) == [1, 2]
    assert pump.rests("a", 1, 2, 0.5)
    assert not pump.rests("a", 1, 3, 0.5)
    assert not pump.rests("a", 2, 2, 0.5)
    assert not pump.rests("a", 1, 2, 2.5)
    pump.reset("a")
    assert not pump.rests("a", 1, 2, 0.5)


def test_a_message_is_taken_as_soon_as_its_second_has_passed():
    throttle = Throttle(1.0, 1.0)
    assert [throttle.allows("a", now_s) for now_s in (0.0, 0.5, 1.0, 1.5, 2.0)] == [
        True, False, True, False, True,
    ]  # fmt: skip
