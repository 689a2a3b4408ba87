"""The coordinator and what is counted on a bed: once, wherever it is counted, and the lost is made again."""

import json

import pytest

from jobs.coordinator import attempts, harvests, nodes, people
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Counted,
    Harvested,
    HeldAttempt,
    PrinterChange,
    PrinterReady,
    Report,
    ReportState,
    Sync,
    Withdraw,
)
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.lots import offered, printed
from tests.doubles.world import NODE, PRINTER


def test_a_harvest_counts_once_and_frees_the_printer(world):
    order_id, (ref, *_) = printed(world)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert Harvested(attempt=ref, good=2, by="maker") in world.told()
    assert len(code) <= 20
    with pytest.raises(RefusedError, match="counted already"):
        harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert world.books(order_id).waiting == 2


def test_scrap_is_planned_again(world):
    order_id, (ref, *_) = printed(world)
    harvests.harvest(world.ledger, ref, 1, 1, "warped", "maker", world.now)
    books = world.books(order_id)
    assert (books.waiting, books.deficit) == (1, 1)
    assert world.plan() == 1
    assert world.books(order_id).deficit == 0


def test_a_loss_needs_a_reason(world):
    _, (ref, *_) = printed(world)
    for good, scrap in ((1, 1), (1, 0), (0, 0)):
        with pytest.raises(InvalidFieldError) as caught:
            harvests.harvest(world.ledger, ref, good, scrap, "", "maker", world.now)
        assert caught.value.field == "reason"


def test_a_failed_plate_may_hold_good_parts(world):
    order_id, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    world.report(ref, ReportState.FAILED, "thermal runaway")
    assert world.books(order_id).coming == 2
    harvests.harvest(world.ledger, ref, 1, 1, "stopped halfway", "maker", world.now)
    assert world.books(order_id).waiting == 1


def test_an_interrupted_attempt_that_never_started_gives_its_pieces_back(world):
    order_id, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.INTERRUPTED, "power cut")
    assert harvests.harvest(world.ledger, ref, 0, 0, "never started", "maker", world.now) is None
    assert world.books(order_id).deficit == 2


def test_what_was_written_off_and_comes_back_counts(world):
    order_id, (ref, *_) = printed(world)
    harvests.write_off(world.ledger, ref, "the lab burnt down", "steward", world.now)
    assert world.books(order_id).deficit == 2
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    books = world.books(order_id)
    assert (books.deficit, books.waiting, books.surplus) == (0, 2, 0)


def test_what_comes_back_after_it_was_made_again_dissolves_jobs_and_then_is_surplus(world):
    order_id, refs = printed(world, kits=4)
    harvests.write_off(world.ledger, refs[0], "lost", "steward", world.now)
    assert world.plan() == 1
    harvests.harvest(world.ledger, refs[0], 2, 0, "", "maker", world.now)
    books = world.books(order_id)
    assert (books.jobs, books.deficit, books.surplus) == (0, 0, 0)
    # More came off the second plate than was on it: nothing is open any more, so it is surplus.
    harvests.harvest(world.ledger, refs[1], 3, 0, "", "maker", world.now)
    assert world.books(order_id).surplus == 1


def test_a_bed_with_parts_on_it_is_not_cleared_without_counting(world):
    printed(world)
    with pytest.raises(RefusedError, match="Count the parts"):
        nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    for each in [a.ref for a in world.attempts()]:
        harvests.harvest(world.ledger, each, 2, 0, "", "maker", world.now)
    nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    assert PrinterReady(printer=PRINTER, used="") in world.told()


def test_a_bed_is_called_clear_of_the_use_that_its_node_has_told(world):
    world.add_lab()
    told = PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False, used="0a1b2c3d")
    world.says(told)
    nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    assert world.told() == [PrinterReady(printer=PRINTER, used="0a1b2c3d")]


def test_a_cleared_bed_withdraws_what_its_node_may_still_hold_and_nothing_twice(world):
    _, refs = printed(world, kits=4)
    for ref in refs:
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    world.told()

    def withdrawn():
        nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
        return [m.attempt for m in world.told() if isinstance(m, Withdraw)]

    assert withdrawn() == refs
    assert withdrawn() == []
    # It printed on, and has ended since.
    world.report(refs[0], ReportState.PRINTED)
    assert withdrawn() == [refs[0]]
    # Its journal was put back, and it holds one of them again.
    held = HeldAttempt(attempt=refs[1], state=AttemptState.INTERRUPTED)
    world.says(Sync(attempts=(held,), in_stream="", in_cursor=0))
    assert withdrawn() == [refs[1]]
    assert withdrawn() == []


def test_who_prints_by_hand_ends_the_print_with_the_count(world):
    world.add_lab(link="manual")
    order_id = world.order(2)
    world.plan()
    world.tick()
    (ref,) = (a.ref for a in world.attempts())
    world.take(ref)
    world.ready(ref)
    with pytest.raises(RefusedError, match="granted"):
        harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    world.report(ref, ReportState.PRINTING)
    (waits,) = [w for w in waiting(world.ledger.reading, Role.MAKER, NODE) if w.kind == "print"]
    assert waits.key == str(ref)
    assert harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert world.state(ref) is AttemptState.HARVESTED
    assert world.books(order_id).waiting == 2


def test_a_printer_that_speaks_for_itself_is_not_counted_while_it_prints(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    with pytest.raises(RefusedError, match="printing"):
        harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)


# --- counts made at the node ---------------------------------------------------------------------


def history(world, kind):
    rows = world.ledger.reading.execute(
        "select actor, subject, data from event where kind = ? order by id", (kind,)
    )
    return [(actor, subject, json.loads(data)) for actor, subject, data in rows]


def test_a_count_at_the_node_is_booked_right_after_the_reports_before_it(world):
    order_id, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    world.told()
    with world.ledger.transaction() as db:  # one batch
        for message in (
            Report(attempt=ref, state=ReportState.PRINTING, spool="s1"),
            Report(attempt=ref, state=ReportState.PRINTED),
            Counted(
                attempt=ref, good=1, scrap=1, reason="warped", by="Nour", at="2026-11-24T12:00"
            ),
        ):
            attempts.apply(db, NODE, message, world.now)
    found = views.attempt(world.ledger.reading, ref)
    assert (found.state, found.good, found.scrap) == (AttemptState.HARVESTED, 1, 1)
    assert (world.books(order_id).waiting, world.books(order_id).deficit) == (1, 1)
    (told,) = world.told()
    assert told == Harvested(attempt=ref, good=1, scrap=1, reason="warped", by="Nour")
    assert [actor for actor, *_ in history(world, "harvested")] == ["Nour"]


def test_the_first_count_that_is_booked_stands_and_the_second_is_kept_for_the_steward(world):
    order_id, (ref, *_) = printed(world)
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    before = world.books(order_id)
    world.says(Counted(attempt=ref, good=1, scrap=1, reason="warped", by="Nour", at="then"))
    assert world.books(order_id) == before
    ((actor, subject, data),) = history(world, "counted-besides")
    assert (actor, subject) == ("Nour", str(ref))
    assert (data["good"], data["scrap"], data["at"]) == (1, 1, "then")
    assert "2 good" in data["why"]


def test_a_count_at_the_node_of_what_was_written_off_counts(world):
    order_id, (ref, *_) = printed(world)
    harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    world.says(Counted(attempt=ref, good=2, scrap=0))
    books = world.books(order_id)
    assert (books.deficit, books.waiting) == (0, 2)


def test_no_node_counts_for_another(world):
    _, (ref, *_) = printed(world)
    world.add_lab("lab-b")
    with pytest.raises(RefusedError, match="cannot speak for it"):
        world.says(Counted(attempt=ref, good=2, scrap=0), "lab-b")


@pytest.mark.parametrize(
    ("by", "kept"),
    [
        ("Nour", "Nour"),
        ("zoe", "zoe"),
        ("iris", "iris (lab-a)"),
        ("fabnet", "fabnet (lab-a)"),
        ("requester", "requester (lab-a)"),
        ("lab-b", "lab-b (lab-a)"),
    ],
)
def test_nobody_counts_in_the_name_of_another_labs_people(world, by, kept):
    """A node can say any name; only its own people's stand in the books as such."""
    _, (ref, *_) = printed(world)
    world.add_lab("lab-b")
    people.add_person(world.ledger, "zoe", "Zoé", Role.MAKER, "hash", NODE, world.now)
    people.add_person(world.ledger, "iris", "Iris", Role.STEWARD, "hash", "", world.now)
    world.says(Counted(attempt=ref, good=2, scrap=0, by=by))
    world.says(Counted(attempt=ref, good=1, scrap=1, by=by))  # it was counted: it is only told
    for kind in ("harvested", "counted-besides"):
        assert [actor for actor, *_ in history(world, kind)] == [kept]
