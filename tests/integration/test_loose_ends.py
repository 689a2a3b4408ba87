"""Work and bags that nobody waits for any more come to an end; the laws are checked at every step."""

from jobs.coordinator import deliveries, enrolment, harvests, needs, recalls, restoring, surplus
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, ReportState, Withdraw
from jobs.model import LotState, Role
from jobs.recall import Cause, RecallKind
from tests.doubles.lots import accepts, makes_a_lot, sends


def given_up(world):
    """A print that was given up; return it, its order, and the plate that is offered in its place."""
    world.add_lab()
    late = world.printing()
    (order,) = {each.order_id for each in world.attempts()}
    harvests.write_off(world.ledger, late, "silent", "steward", world.now)
    world.plan()
    world.tick()
    return late, order, world.first(AttemptState.OFFERED)


def test_an_offered_plate_is_taken_back_where_its_pieces_come_back(world):
    late, order, again = given_up(world)
    world.take(again)
    world.told()
    harvests.harvest(world.ledger, late, 2, 0, "", "maker", world.now)
    assert world.books(order).surplus == 2
    world.tick()
    assert world.state(again) is AttemptState.WITHDRAWN
    assert [m.attempt for m in world.told() if isinstance(m, Withdraw)] == [again]
    assert (world.books(order).surplus, world.books(order).to_make) == (0, 0)


def test_a_plate_of_which_some_pieces_are_needed_goes_on(world):
    late, order, again = given_up(world)
    harvests.harvest(world.ledger, late, 1, 1, "strings", "maker", world.now)
    world.tick()
    assert world.state(again) is AttemptState.OFFERED
    assert world.books(order).surplus == 1


def test_a_parcel_that_comes_back_after_its_recall_is_thrown_away(world):
    world.add_lab()
    order = world.order(1)
    code = makes_a_lot(world)
    accepts(world, code)
    batch = sends(world, order)
    cause = Cause(kind=RecallKind.LOT, value=code)
    called = recalls.begin(world.ledger, cause, "sharp", "inspector", world.now)
    recalls.end(world.ledger, called, "they break", "steward", world.now, good=False)
    deliveries.come_back(world.ledger, batch, "nobody there", "inspector", world.now)
    lot = views.lot(world.ledger.reading, code)
    assert (lot.state, lot.accepted, lot.rejected) == (LotState.INSPECTED, 0, 1)
    books = world.books(order)
    assert (books.scrap, books.at_hub, books.recalled, books.deficit) == (1, 0, 0, 1)


def test_a_print_by_hand_is_counted_though_its_printer_was_taken_off_the_list(world):
    world.add_lab(link="manual")
    ref = world.printing()
    (order,) = {each.order_id for each in world.attempts()}
    world.says(Capabilities(lab="Lab lab-a", printers=()))
    asked = waiting(world.ledger.reading, Role.MAKER, "lab-a")
    assert [each.key for each in asked if each.kind == "print"] == [str(ref)]
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert world.books(order).waiting == 2


def test_who_is_shut_out_before_she_has_said_what_she_made_is_waited_for(world):
    world.add_lab()
    order = world.order(2)
    world.plan()
    world.tick()
    (ref,) = [each.ref for each in world.attempts()]
    with world.ledger.transaction() as db:
        restoring.begin(db, world.now)
    enrolment.revoke(world.ledger, "lab-a", "stolen", "steward", world.now)
    assert not world.ledger.reading.execute("select 1 from node where login != ''").fetchone()
    # It may have printed it in the time that the books have forgotten: that is a steward's question.
    assert world.state(ref) is AttemptState.OFFERED
    asked = waiting(world.ledger.reading, Role.STEWARD)
    assert [each.key for each in asked if each.kind == "unheard"] == ["lab-a"]
    world.add_lab("lab-b")
    world.tick()
    assert world.told("lab-b") == []
    restoring.go_on_without(world.ledger, "lab-a", "steward", world.now)
    assert world.state(ref) is AttemptState.WITHDRAWN
    assert world.books(order).deficit == 2
    assert restoring.unheard(world.ledger.reading) == ()


def granted(world, kits):
    """An order of which the first plate is counted, and the others are granted; return it and them."""
    order = world.order(kits)
    world.plan()
    world.tick()
    first, *others = [each.ref for each in world.attempts() if each.order_id == order]
    world.print(first)
    harvests.harvest(world.ledger, first, 2, 0, "", "maker", world.now)
    for ref in others:
        world.take(ref)
        world.ready(ref)
    return order, others


def test_an_order_that_has_enough_gets_no_spare_bag_for_a_plate_that_was_given_back(world):
    """It had pieces to spare, and an idle plate: a bag that others needed went to it."""
    world.add_lab()
    order, (plate,) = granted(world, 4)
    spare, _ = granted(world, 2)
    needs.answer(world.ledger, spare, 0, "steward", world.now)
    needs.answer(world.ledger, order, 2, "steward", world.now)
    world.report(plate, ReportState.RETURNED)
    assert (world.books(order).surplus, world.books(order).jobs) == (2, 2)
    with world.ledger.transaction() as db:
        assert surplus.pass_on(db, world.now) == 0
    wanting = world.order(2)
    with world.ledger.transaction() as db:
        assert surplus.pass_on(db, world.now) > 0
    assert (world.books(wanting).waiting, world.books(wanting).to_make) == (2, 0)
    world.tick()
    assert (world.books(order).surplus, world.books(order).to_make) == (0, 0)


def test_pieces_that_come_back_leave_none_to_be_made_where_some_are_spare(world):
    world.add_lab()
    order, (late, plate) = granted(world, 6)
    world.report(late, ReportState.PRINTING)
    harvests.write_off(world.ledger, late, "silent", "steward", world.now)
    needs.answer(world.ledger, order, 2, "steward", world.now)
    world.report(plate, ReportState.RETURNED)
    harvests.harvest(world.ledger, late, 1, 1, "strings", "maker", world.now)
    assert (world.books(order).surplus, world.books(order).to_make) == (1, 0)
