"""People are told: what is written down for them in the transaction of what went wrong, and what is not."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet import clock
from jobs.coordinator import attempts, nodes, telling
from jobs.coordinator.people import add_person
from jobs.errors import InvalidFieldError
from jobs.ledger import labs
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterChange, Report, ReportState
from jobs.model import Role
from jobs.notice_kinds import Kind
from printers.model import PrinterState
from tests.doubles.telling import AWA, PARIS, chosen, falls_silent, printing, rows
from tests.doubles.world import NODE, PRINTER


def undone(world, message):
    with world.ledger.transaction() as db:
        attempts.apply(db, NODE, message, world.now)
        assert db.execute("select count(*) from notice").fetchone()[0] == 2
        raise RuntimeError("the disk is full")


def test_an_alarm_is_written_in_the_transaction_of_what_went_wrong(people):
    ref = printing(people)
    with pytest.raises(RuntimeError):
        undone(people, Report(attempt=ref, state=ReportState.FAILED))
    assert rows(people) == []
    assert people.state(ref) is AttemptState.PRINTING
    people.report(ref, ReportState.FAILED, "thermal runaway")
    assert people.state(ref) is AttemptState.FAILED
    assert rows(people) == [("awa", "alarm", "waiting"), ("camille", "alarm", "waiting")]
    # The printer's own word on the same trouble adds nothing.
    people.says(PrinterChange(printer=PRINTER, state=PrinterState.FAULT, clear=False, fault="x"))
    assert len(rows(people)) == 2


@pytest.mark.parametrize(
    ("before", "after", "alarm"),
    [
        (PrinterState.IDLE, PrinterState.FAULT, True),
        (PrinterState.PRINTING, PrinterState.OFFLINE, True),
        (PrinterState.IDLE, PrinterState.OFFLINE, False),
        (PrinterState.OFFLINE, PrinterState.IDLE, False),
    ],
)
def test_a_printer_that_is_switched_off_in_the_evening_is_no_alarm(people, before, after, alarm):
    people.add_lab()
    people.says(PrinterChange(printer=PRINTER, state=before, clear=True))
    people.says(PrinterChange(printer=PRINTER, state=after, clear=True, fault="gone"))
    assert bool(rows(people)) is alarm
    people.says(PrinterChange(printer=PRINTER, state=after, clear=True, fault="gone"))
    assert len(rows(people)) == 2 * alarm


def another_lab(world):
    nodes.enrol(world.ledger, "lab-b", "Lab B", "", world.now)
    world.is_there("lab-b")


def out_of_sight(world):
    found = labs.out_of_sight(world.ledger.reading, world.now)
    return [(node.id, printer.facts.id) for node, printer in found]


def test_a_lab_that_stays_silent_while_it_prints_is_told_once_and_it_ends_by_itself(people):
    printing(people)
    another_lab(people)
    falls_silent(people, minutes=14)
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    people.now += timedelta(minutes=1)
    assert telling.tell(people.ledger, people.now, PARIS) == 2
    people.now += timedelta(minutes=45)
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    assert out_of_sight(people) == [(NODE, PRINTER)]
    assert rows(people) == [("awa", "alarm", "waiting"), ("camille", "alarm", "waiting")]
    people.is_there()
    assert rows(people) == [("awa", "alarm", "dropped"), ("camille", "alarm", "dropped")]
    assert out_of_sight(people) == []
    falls_silent(people, minutes=20)
    assert telling.tell(people.ledger, people.now, PARIS) == 2  # another silence


def test_what_a_person_feeds_and_what_is_printed_is_no_alarm(people):
    ref = printing(people)
    with people.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.link', 'manual')")
    falls_silent(people, minutes=60)
    assert out_of_sight(people) == []
    with people.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.link', 'serial')")
    assert out_of_sight(people) == [(NODE, PRINTER)]
    people.report(ref, ReportState.PRINTED)
    assert out_of_sight(people) == []


def test_where_every_lab_is_silent_at_once_nobody_is_told(people):
    people.add_lab()
    people.add_lab("lab-b")
    people.order(40)
    people.plan()
    people.tick()
    for each in people.attempts():
        people.take(each.ref)
        people.ready(each.ref)
        people.report(each.ref, ReportState.PRINTING)
    people.is_there("lab-b", online=False)
    falls_silent(people, minutes=20)
    assert {node for node, _ in out_of_sight(people)} == {NODE, "lab-b"}
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    people.is_there("lab-b")
    assert telling.tell(people.ledger, people.now, PARIS) == 2


def test_a_print_that_a_person_cancels_is_no_alarm(people):
    people.report(printing(people), ReportState.CANCELLED, "stopped by awa")
    assert rows(people) == []


def test_what_waits_is_written_down_once_however_often_it_is_asked(people):
    people.add_lab(asks=True)
    people.order(12)
    people.plan()
    people.tick()
    assert telling.tell(people.ledger, people.now, PARIS) == 0, "it has waited for no time yet"
    people.pass_time(minutes=3)
    assert telling.tell(people.ledger, people.now, PARIS) == 1
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    assert rows(people) == [("awa", "offers", "waiting")]


def test_a_bed_to_clear_is_told_and_a_request_to_the_steward(people):
    ref = printing(people)
    people.report(ref, ReportState.PRINTED)
    people.pass_time(minutes=11)
    telling.tell(people.ledger, people.now, PARIS)
    assert rows(people) == [("awa", "beds", "waiting")]


def test_an_address_that_is_none_is_refused_and_nothing_is_kept(people):
    before = telling.choice_of(people.ledger, "awa")
    for field, value in (("address", "a@b\nc"), ("webhook", "ftp://x/y"), ("quiet_to_min", 1440)):
        with pytest.raises(InvalidFieldError) as caught:
            telling.choose(people.ledger, replace(before, **{field: value}), people.now)
        assert caught.value.field == field
    wrong = replace(before, kinds=frozenset({Kind.TEAM}))
    with pytest.raises(InvalidFieldError):
        telling.choose(people.ledger, wrong, people.now)
    assert telling.choice_of(people.ledger, "awa") == before


def test_who_has_stopped_it_is_told_nothing_and_may_choose_again(people):
    ref = printing(people)
    people.report(ref, ReportState.FAILED, "x")
    telling.stop(people.ledger, "awa", people.now)
    telling.stop(people.ledger, "awa", people.now)
    assert rows(people) == [("awa", "alarm", "dropped"), ("camille", "alarm", "waiting")]
    people.pass_time(hours=2)
    with people.ledger.transaction() as db:
        telling.trouble(db, "again", NODE, PRINTER, "", people.now)
    assert [r[0] for r in rows(people)] == ["awa", "camille", "camille"]


def test_a_first_letter_is_not_lost_when_its_reader_saves_twice(world):
    world.now = clock.now()
    add_person(world.ledger, "awa", "Awa", Role.MAKER, "x", NODE, world.now)
    chosen(world, "awa", address="typo@example.org")
    chosen(world, "awa", address=AWA)
    chosen(world, "awa", address=AWA, language="en")
    found = world.ledger.reading.execute("select recipient, state from notice order by id")
    assert list(map(tuple, found)) == [("typo@example.org", "dropped"), (AWA, "waiting")]


def test_an_alarm_reads_no_more_than_its_own_lab(people):
    """A node that flaps must cost the coordinator little, however big the network is."""
    people.add_lab()
    began = time.process_time()  # a machine that is busy with others is no fault
    with people.ledger.transaction() as db:
        for n in range(500):
            telling.trouble(db, f"flap-{n}", NODE, PRINTER, "", people.now)
    assert time.process_time() - began < 5
    assert len(rows(people)) == 2
