"""A node takes what its owner's rules allow, and says in words why not."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fabnet.node.policy import Rules, decide, over_ceiling, refusal, start_in_s
from jobs.hours import parse
from jobs.messages import OfferedAttempt
from jobs.model import AttemptRef
from printers.model import PrinterFacts, Spool

SPOOL = Spool(id="s1", material="PETG", grams=100.0)


def a_printer(spool=SPOOL):
    return PrinterFacts(
        id="p1", title="MK3 left", preset="generic-250x210", bed_x_mm=250, bed_y_mm=210,
        height_mm=210, margin_mm=2, nozzle_mm=0.4, spool=spool,
    )  # fmt: skip


SEWS = replace(a_printer(spool=None), link="manual", process="SEW", rate_per_h=12.0)


def some_rules(printer=None, **changes):
    facts = {
        "paused": False, "attended": parse("08:00-20:00"), "unattended": frozenset(),
        "printers": {"p1": printer or a_printer()}, "reserved_g": {},
    }  # fmt: skip
    return Rules(**(facts | changes))


def an_offer(**changes):
    facts = {
        "attempt": AttemptRef(job="j", number=1), "printer": "p1", "part": "frame", "pieces": 2,
        "material": "PETG", "mesh_sha256": "", "plate_sha256": "", "seconds": 6000.0, "grams": 36.0,
    }  # fmt: skip
    return OfferedAttempt(**(facts | changes))


def test_what_fits_is_taken():
    assert decide(an_offer(), some_rules()).taken
    assert decide(an_offer(material="SEW", grams=0.0), some_rules(SEWS)).taken


@pytest.mark.parametrize(
    ("offer", "rules", "word"),
    [
        (an_offer(), some_rules(paused=True), "pause"),
        (an_offer(), some_rules(replace(a_printer(), out_of_service=True)), "out of service"),
        (an_offer(printer="p9"), some_rules(), "no printer p9"),
        (an_offer(), some_rules(a_printer(spool=None)), "no spool"),
        (an_offer(material="PLA"), some_rules(), "PETG loaded, not PLA"),
        (an_offer(material="SEW"), some_rules(), "PETG loaded, not SEW"),
        (an_offer(grams=0.0), some_rules(SEWS), "is for SEW, not for PETG"),
        (an_offer(material="LAS", grams=0.0), some_rules(SEWS), "is for SEW, not for LAS"),
        (an_offer(material="SEW", grams=1.0), some_rules(SEWS), "needs 1 g, the spool has 0 g"),
        (an_offer(grams=101.0), some_rules(), "needs 101 g, the spool has 100 g"),
        (an_offer(), some_rules(reserved_g={"p1": 70.0}), "has 30 g left"),
        (
            an_offer(seconds=150 * 3600.0),
            some_rules(),
            "takes 150.0 h, longer than anybody is here",
        ),
    ],
)
def test_every_no_has_its_reason(offer, rules, word):
    decision = decide(offer, rules)
    assert not decision.taken
    assert word in decision.reason


def test_a_printer_that_may_work_alone_takes_long_plates_and_begins_at_any_hour():
    alone = some_rules(unattended=frozenset({"p1"}))
    assert decide(an_offer(seconds=30 * 3600.0), alone).taken
    night = datetime(2026, 11, 24, 3)  # noqa: DTZ001 - local by meaning
    assert start_in_s("p1", 30 * 3600.0, alone, night) == 0
    assert start_in_s("p1", 3600.0, some_rules(), night) == 5 * 3600


@pytest.mark.parametrize(
    ("hours", "clock", "seconds", "expected"),
    [
        ("08:00-20:00", (9, 0), 3600, True),
        ("08:00-20:00", (7, 59), 60, False),
        ("08:00-20:00", (19, 0), 3600, False),  # would end after 20:00, slack counted
        ("08:00-20:00", (19, 0), 2800, True),
        ("22:00-06:00", (23, 0), 3600, True),
        ("22:00-06:00", (5, 30), 3600, False),
        ("22:00-06:00", (12, 0), 60, False),
        ("00:00-24:00", (23, 59), 90_000, True),
    ],
)
def test_a_plate_starts_only_if_all_of_it_lies_in_attended_hours(hours, clock, seconds, expected):
    rules = some_rules(attended=parse(hours))
    local = datetime(2026, 11, 24, *clock)  # noqa: DTZ001 - local by meaning
    assert (start_in_s("p1", seconds, rules, local) == 0) is expected


def test_a_plate_waits_for_the_next_hours_that_hold_all_of_it():
    rules = some_rules(attended=parse("08:00-09:00, Wed 14:00-20:00"))
    noon = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - a Tuesday, local by meaning
    assert start_in_s("p1", 600, rules, noon) == 20 * 3600
    assert start_in_s("p1", 7200, rules, noon) == 26 * 3600
    assert start_in_s("p1", 7 * 3600, rules, noon) is None


def test_a_pause_holds_even_where_nobody_needs_to_be_there():
    rules = some_rules(paused=True, unattended=frozenset({"p1"}))
    assert start_in_s("p1", 60, rules, datetime(2026, 11, 24, 12)) == 0  # noqa: DTZ001
    assert "pause" in refusal("p1", "PETG", rules)


def test_a_plate_that_was_taken_is_refused_once_its_spool_is_out():
    assert refusal("p1", "PETG", some_rules()) == ""
    assert "PETG loaded, not PLA" in refusal("p1", "PLA", some_rules())
    assert "no spool" in refusal("p1", "PETG", some_rules(a_printer(spool=None)))


@pytest.mark.parametrize(
    ("begun_h", "before_h", "hours", "word"),
    [
        (0, 0, 20, ""),
        (10, 8, 2, ""),
        (10, 8, 2.001, "weekly ceiling of 20 h is reached until Monday"),
        (20, 0, 0.1, "until Monday"),
        (1, 0, 20, "until Monday"),  # as long as the whole week: another week holds it
        (0, 0, 200.5, "the plate takes 200.5 h, the weekly ceiling is 20 h"),
    ],
)
def test_a_week_holds_no_more_than_its_owner_gives(begun_h, before_h, hours, word):
    rules = some_rules(weekly_h=20.0, begun_s=begun_h * 3600.0)
    why = over_ceiling(hours * 3600, before_h * 3600, rules)
    assert word in why
    assert bool(why) is bool(word)


def test_an_offer_beyond_the_ceiling_is_declined_in_words():
    rules = some_rules(weekly_h=2.0, taken_s=3600.0)
    assert decide(an_offer(seconds=3600.0), rules).taken
    assert "until Monday" in decide(an_offer(seconds=3700.0), rules).reason
    assert decide(an_offer(seconds=3700.0), some_rules(taken_s=1e6)).taken


def test_hours_must_hold_a_plate_for_as_long_as_its_printer_really_takes():
    three_h, rules = 3 * 3600.0, some_rules(attended=parse("08:00-12:00"))
    assert decide(an_offer(seconds=three_h), rules).taken
    slow = replace(rules, paces={"p1": 1.5})
    assert (
        "takes 4.5 h, longer than anybody is here" in decide(an_offer(seconds=three_h), slow).reason
    )
    local = datetime(2026, 11, 24, 9)  # noqa: DTZ001
    assert start_in_s("p1", 2 * 3600.0, rules, local) == 0
    assert start_in_s("p1", 2 * 3600.0, slow, local) == 23 * 3600


def test_a_quick_printer_needs_no_shorter_hours():
    quick = some_rules(attended=parse("08:00-11:00"), paces={"p1": 0.5})
    assert not decide(an_offer(seconds=3 * 3600.0), quick).taken
    assert decide(an_offer(seconds=2.4 * 3600.0), quick).taken


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("night", "hour", "hours", "starts"),
    [
        (datetime(2027, 3, 27, tzinfo=PARIS), 0, 3.2, True),
        # At two o'clock it is three: it would end at 04:12, and nobody is there after four.
        (datetime(2027, 3, 28, tzinfo=PARIS), 0, 3.2, False),
        (datetime(2027, 3, 28, tzinfo=PARIS), 0, 2.4, True),
        (datetime(2027, 3, 28, tzinfo=PARIS), 3, 0.8, True),
        # At three o'clock it is two again: they are there an hour longer.
        (datetime(2026, 10, 25, tzinfo=PARIS), 0, 3.2, True),
    ],
)
def test_a_plate_ends_in_attended_hours_also_in_the_night_in_which_clocks_are_set(
    night, hour, hours, starts
):
    rules = some_rules(attended=parse("00:00-04:00"))
    wait_s = start_in_s("p1", hours * 3600, rules, night.replace(hour=hour))
    # It is no reason to give it back: the next night has room for it, an hour less from now.
    assert wait_s == (0 if starts else 23 * 3600)


def test_where_the_clock_is_behind_nobody_is_taken_to_be_there():
    noon = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    behind = some_rules(clock_behind=True)
    assert start_in_s("p1", 600.0, some_rules(), noon) == 0.0
    assert start_in_s("p1", 600.0, behind, noon) > 0
    for at_any_time in ({"unattended": frozenset({"p1"})}, {"attended": parse("00:00-24:00")}):
        rules = replace(behind, **at_any_time)
        assert start_in_s("p1", 600.0, rules, noon) == 0.0
        assert start_in_s("p1", 600.0, replace(rules, weekly_h=10.0), noon) > 0
