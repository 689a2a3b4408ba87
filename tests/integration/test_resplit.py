"""What a lab cannot make goes to others; what it may have started never does; late parts count."""

import pytest

from jobs.coordinator import harvests, nodes
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import labs, views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, Config, Decide, Loaded, ReportState, Withdraw
from jobs.model import ReasonCode, Role
from tests.doubles.world import PRINTER, SILENCE

A, B = "lab-a", "lab-b"


def of(world, node, *states):
    return [a for a in world.attempts() if a.node == node and (not states or a.state in states)]


def pieces(world, order_id):
    plan = views.order_view(world.ledger.reading, order_id).plan
    return {row.node: row.pieces for row in plan}


@pytest.fixture
def shared(world):
    """An order of eight frames on two labs, taken by both."""
    world.add_lab(A)
    world.add_lab(B)
    order_id = world.order(8)
    world.plan()
    world.tick()
    for attempt in world.attempts():
        world.take(attempt.ref)
    assert pieces(world, order_id) == {A: 4, B: 4}
    world.told(A), world.told(B)
    return order_id


def test_what_a_lab_declines_goes_to_another_and_is_not_asked_again(world, shared):
    first, second = of(world, A)
    world.report(first.ref, ReportState.DECLINED, "no time this week")
    world.tick()
    world.plan()
    assert pieces(world, shared) == {A: 2, B: 6}
    (row,) = [r for r in views.order_view(world.ledger.reading, shared).plan if r.node == A]
    assert (row.reasons[0].code, row.reasons[0].text) == (ReasonCode.DECLINED, "no time this week")
    assert world.state(second.ref) is AttemptState.PREPARING


def test_a_journal_that_was_lost_leaves_no_lease_behind(world, shared):
    with world.ledger.transaction() as db:
        nodes.forgot_everything(db, A, world.now)
        # As ledgers have it that were written before.
        db.execute("update attempt set lease_until = ?", (world.now.isoformat(),))
    world.pass_time(hours=3)
    world.tick()
    assert of(world, A, AttemptState.LAPSED) == []
    assert {a.state for a in of(world, B)} == {AttemptState.LAPSED}


def test_a_clock_that_was_set_back_makes_nobody_wait_for_a_lab_that_is_gone(world, shared):
    world.pass_time(days=1)
    world.is_there(A, online=False)
    world.pass_time(days=-1)
    world.tick()
    world.pass_time(seconds=SILENCE.total_seconds() + 1)
    world.tick()
    world.plan()
    assert pieces(world, shared) == {A: 0, B: 8}


def test_who_declined_is_asked_again_once_the_lab_has_changed(world):
    world.add_lab(A)
    world.order(2)
    world.plan()
    world.tick()
    (attempt,) = world.attempts()
    world.says(Answer(attempt=attempt.ref, taken=False, reason="the spool is nearly empty"), A)
    world.tick()
    assert world.plan() == 0
    world.pass_time(minutes=5)
    world.can(A, grams=700.0)  # less than before: printed, not changed
    assert world.plan() == 0
    world.can(A, grams=1000.0)
    assert world.plan() == 1


def test_a_day_later_a_lab_is_asked_again(world):
    world.add_lab(A)
    world.order(2)
    world.plan()
    world.tick()
    world.says(Answer(attempt=world.attempts()[0].ref, taken=False, reason="not today"), A)
    world.tick()
    world.pass_time(hours=11)
    assert world.plan() == 0
    world.pass_time(hours=2)
    assert world.plan() == 1


def test_an_offer_that_nobody_answers_goes_to_another_lab(world):
    world.add_lab(A, asks=True)
    order_id = world.order(2)
    world.plan()
    world.tick()
    world.add_lab(B)
    world.pass_time(hours=3)
    world.tick()
    assert [a.state for a in of(world, A)] == [AttemptState.LAPSED]
    world.plan()
    assert pieces(world, order_id) == {A: 0, B: 2}
    (row,) = [r for r in views.order_view(world.ledger.reading, order_id).plan if r.node == A]
    assert row.reasons[0].code is ReasonCode.DECLINED
    assert "two hours" in row.reasons[0].text


def test_the_plates_of_a_silent_lab_go_to_others_after_a_while(world, shared):
    world.is_there(A, online=False)
    world.pass_time(minutes=9)
    world.tick()
    assert pieces(world, shared) == {A: 4, B: 4}
    world.pass_time(minutes=1)
    world.tick()
    assert [a.state for a in of(world, A)] == [AttemptState.WITHDRAWN] * 2
    assert len([m for m in world.told(A) if isinstance(m, Withdraw)]) == 2
    world.plan()
    assert pieces(world, shared) == {A: 0, B: 8}


def test_what_a_silent_lab_may_have_started_stays_with_it_and_its_parts_count(world, shared):
    granted, _ = of(world, A)
    world.ready(granted.ref)
    world.report(granted.ref, ReportState.PRINTING)
    world.is_there(A, online=False)
    world.pass_time(hours=1)
    world.tick()
    world.plan()
    assert pieces(world, shared) == {A: 2, B: 6}
    world.is_there(A)
    world.report(granted.ref, ReportState.PRINTED)
    harvests.harvest(world.ledger, granted.ref, 2, 0, "", "maker", world.now)
    books = world.books(shared)
    assert (books.waiting, books.surplus, books.deficit) == (2, 0, 0)


def test_parts_that_come_back_after_a_write_off_spare_plates_that_nobody_has(world, shared):
    granted, _ = of(world, A)
    world.look_ahead_s = 600.0  # grants are short here
    world.ready(granted.ref)
    world.is_there(A, online=False)
    world.pass_time(hours=1)
    world.tick()
    harvests.write_off(world.ledger, granted.ref, "the lab burnt down", "steward", world.now)
    world.plan()
    assert pieces(world, shared) == {A: 0, B: 8}
    world.is_there(A)
    harvests.harvest(world.ledger, granted.ref, 2, 0, "", "maker", world.now)
    assert pieces(world, shared)[A] == 2
    books = world.books(shared)
    assert (books.waiting, books.coming + books.jobs + books.deficit, books.surplus) == (2, 6, 0)


def test_a_pause_or_another_spool_frees_the_plates_at_once(world, shared):
    world.can(A, paused=True)
    world.tick()
    assert of(world, A, *[AttemptState.PREPARING]) == []
    world.can(B, material="PLA")
    world.tick()
    assert of(world, B, *[AttemptState.PREPARING]) == []
    assert world.books(shared).deficit == 8
    world.plan()  # our frame may be made of PLA too
    assert pieces(world, shared) == {A: 0, B: 8}


def test_a_printer_that_is_unplugged_for_long_frees_its_plates(world, shared):
    from jobs.messages import PrinterChange
    from printers.model import PrinterState

    fault = PrinterChange(
        printer=PRINTER, state=PrinterState.OFFLINE, clear=True, fault="no answer"
    )
    world.says(fault, A)
    world.pass_time(seconds=SILENCE.total_seconds() - 1)
    world.says(fault, A)  # said again: it began then, not now
    world.tick()
    assert len(of(world, A, AttemptState.PREPARING)) == 2
    world.pass_time(seconds=1)
    world.tick()
    assert of(world, A, AttemptState.PREPARING) == []
    world.plan()
    (row,) = [r for r in views.order_view(world.ledger.reading, shared).plan if r.node == A]
    assert (row.reasons[0].code, row.reasons[0].text) == (ReasonCode.FAULT, "no answer")


def test_a_new_broker_has_heard_of_nobody(world, shared):
    with world.ledger.transaction() as db:
        nodes.all_silent(db, world.now)
    assert [node.online for node in labs.fleet(world.ledger.reading)] == [False, False]
    world.is_there(A)
    assert [node.online for node in labs.fleet(world.ledger.reading)] == [True, False]
    world.tick()
    assert pieces(world, shared) == {A: 4, B: 4}


def test_a_maker_who_is_asked_answers_each_offer(world):
    world.add_lab(A, asks=True)
    world.order(2)
    world.plan()
    world.tick()
    (attempt,) = world.attempts()
    (waits,) = [w for w in waiting(world.ledger.reading, Role.MAKER, A) if w.kind == "offer"]
    assert waits.key == str(attempt.ref)
    assert not [w for w in waiting(world.ledger.reading, Role.MAKER, B) if w.kind == "offer"]
    with pytest.raises(InvalidFieldError, match="reason"):
        nodes.decide(world.ledger, attempt.ref, " ", "maker", world.now, taken=False)
    nodes.decide(world.ledger, attempt.ref, "my child is ill", "maker", world.now, taken=False)
    assert Decide(attempt=attempt.ref, taken=False, reason="my child is ill") in world.told(A)
    world.says(Answer(attempt=attempt.ref, taken=False, reason="my child is ill"), A)
    with pytest.raises(RefusedError, match="declined"):
        nodes.decide(world.ledger, attempt.ref, "", "maker", world.now, taken=True)


def test_what_an_owner_enters_is_checked_and_sent_to_her_node(world):
    world.add_lab(A)
    spool = Loaded(printer=PRINTER, spool="s2", material="PLA", grams=900.0, maker_lot="L7")
    change = Config(paused=True, attended="Mon-Fri 18:00-22:00", loaded=(spool,))
    nodes.configure(world.ledger, A, change, "maker", world.now)
    assert change in world.told(A)
    for wrong, field in [
        (Config(attended="always"), "attended"),
        (Config(loaded=(Loaded(printer=PRINTER, material="CHEESE", grams=1.0),)), "material"),
        (Config(loaded=(Loaded(printer=PRINTER, material="PLA", grams=-1.0),)), "grams"),
    ]:
        with pytest.raises(InvalidFieldError, match=field):
            nodes.configure(world.ledger, A, wrong, "maker", world.now)
    lost = Config(loaded=(Loaded(printer="p9", material="PLA", grams=1.0),))
    with pytest.raises(NotFoundError, match="lab-a/p9"):
        nodes.configure(world.ledger, A, lost, "maker", world.now)
    with pytest.raises(NotFoundError, match="lab-z"):
        nodes.configure(world.ledger, "lab-z", change, "maker", world.now)
    assert world.told(A) == []


def test_what_one_lab_has_sliced_is_what_the_next_plan_reckons_with(world):
    world.add_lab(A)
    world.order(2)
    world.plan()
    world.tick()
    world.take(world.attempts()[0].ref)
    world.ready(world.attempts()[0].ref)  # 6400 s, 33 g
    world.add_lab(B)
    world.order(2)
    world.plan()
    (job,) = world.ledger.reading.execute("select * from job where node = ?", (B,)).fetchall()
    assert (job["seconds"], job["grams"]) == (6400.0, 33.0)


def test_what_an_earlier_plan_expects_too_late_stays_late(world):
    world.add_lab()
    order = world.order(12, due=world.now.date())
    world.plan()
    world.tick()
    assert [row.late for row in views.order_view(world.ledger.reading, order).plan] == [12]
    plate = world.attempts()[0]
    world.print(plate.ref)
    harvests.harvest(world.ledger, plate.ref, plate.pieces - 1, 1, "strings", "maker", world.now)
    world.plan()
    (row,) = views.order_view(world.ledger.reading, order).plan
    assert row.late == 12 - plate.pieces + 1
