"""A node takes what its owner's rules allow, and says in words why not."""

from datetime import datetime

import pytest

from fabnet.node.policy import Rules, decide, may_start, parse_hours
from jobs.messages import OfferedAttempt
from jobs.model import AttemptRef
from printers.model import PrinterFacts, Spool

SPOOL = Spool(id="s1", material="PETG", grams=100.0)


def a_printer(spool=SPOOL):
    return PrinterFacts(
        id="p1", title="MK3 left", preset="generic-250x210", bed_x_mm=250, bed_y_mm=210,
        height_mm=210, margin_mm=2, nozzle_mm=0.4, spool=spool,
    )  # fmt: skip


def some_rules(printer=None, **changes):
    facts = {
        "paused": False, "attended": parse_hours("08:00-20:00"), "unattended": frozenset(),
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


@pytest.mark.parametrize(
    ("offer", "rules", "word"),
    [
        (an_offer(), some_rules(paused=True), "pause"),
        (an_offer(printer="p9"), some_rules(), "no printer p9"),
        (an_offer(), some_rules(a_printer(spool=None)), "no spool"),
        (an_offer(material="PLA"), some_rules(), "PETG loaded, not PLA"),
        (an_offer(grams=101.0), some_rules(), "needs 101 g, the spool has 100 g"),
        (an_offer(), some_rules(reserved_g={"p1": 70.0}), "has 30 g left"),
        (an_offer(seconds=10 * 3600.0), some_rules(), "longer than anybody is here"),
    ],
)
def test_every_no_has_its_reason(offer, rules, word):
    decision = decide(offer, rules)
    assert not decision.taken
    assert word in decision.reason


def test_a_printer_that_may_work_alone_takes_long_plates():
    assert decide(an_offer(seconds=30 * 3600.0), some_rules(unattended=frozenset({"p1"}))).taken


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
    rules = some_rules(attended=parse_hours(hours))
    local = datetime(2026, 11, 24, *clock)  # noqa: DTZ001 - local by meaning
    assert may_start("p1", seconds, rules, local) is expected


def test_a_pause_holds_even_where_nobody_needs_to_be_there():
    rules = some_rules(paused=True, unattended=frozenset({"p1"}))
    assert not may_start("p1", 60, rules, datetime(2026, 11, 24, 12))  # noqa: DTZ001
