"""The coordinator's use cases on a real ledger, both laws checked after every transaction."""

import json

import pytest

from jobs.assign import LOOK_AHEAD_S
from jobs.coordinator import attempts, deliveries, harvests, lots, nodes, orders
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import labs, streams, views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Capabilities,
    Counted,
    Grant,
    Harvested,
    HeldAttempt,
    Offer,
    PrinterChange,
    PrinterReady,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Withdraw,
)
from jobs.model import AttemptRef, OrderState, ReasonCode, Role
from printers.model import PrinterState
from tests.doubles.world import NODE, PRINTER, a_request, some_facts


def offered(world, kits=6):
    """An order that is planned and offered; returns its id and the offered attempts."""
    world.add_lab()
    order_id = world.order(kits)
    world.plan()
    world.tick()
    offers = [message for message in world.told() if isinstance(message, Offer)]
    return order_id, [o.attempt for message in offers for o in message.attempts]


def printed(world, kits=6):
    order_id, refs = offered(world, kits)
    for ref in refs:
        world.print(ref)
    return order_id, refs


def harvested(world, kits=6):
    order_id, refs = printed(world, kits)
    codes = [harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now) for ref in refs]
    return order_id, codes


def test_from_the_form_to_the_hospital(world):
    order_id, codes = harvested(world)
    for code in codes:
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert world.books(order_id).in_transit == 6
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    assert world.books(order_id).delivered == 6
    assert views.order(world.ledger.reading, order_id).state is OrderState.DELIVERED


def test_a_form_sent_twice_is_one_order_with_one_link(world):
    request = a_request(world.revision)
    first = orders.place(world.ledger, request, world.revision, world.now)
    again = orders.place(world.ledger, request, world.revision, world.now)
    assert first == again
    assert len(views.orders(world.ledger.reading)) == 1
    assert orders.by_link(world.ledger, first.link).id == first.order_id
    assert orders.link_of(world.ledger, first.order_id) == first.link


def test_a_guessed_link_leads_nowhere(world):
    orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    with pytest.raises(NotFoundError):
        orders.by_link(world.ledger, "A" * 32)


@pytest.mark.parametrize(
    ("field", "value"),
    [("kits", 0), ("kits", 100_001), ("place", " "), ("contact", ""), ("requester", "")],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(world, field, value):
    with pytest.raises(InvalidFieldError) as caught:
        orders.place(
            world.ledger, a_request(world.revision, **{field: value}), world.revision, world.now
        )
    assert caught.value.field == field
    assert views.orders(world.ledger.reading) == ()


def test_nothing_is_planned_before_a_steward_confirms(world):
    world.add_lab()
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    assert world.plan() == 0
    (line,) = views.order_view(world.ledger.reading, placed.order_id).lines
    assert line.reasons[0].code is ReasonCode.NOT_CONFIRMED
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    assert world.plan() == 3
    with pytest.raises(RefusedError):
        orders.confirm(world.ledger, placed.order_id, "steward", world.now)


def test_a_refused_order_asks_for_nothing_and_says_why(world):
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    with pytest.raises(InvalidFieldError):
        orders.refuse(world.ledger, placed.order_id, " ", "steward", world.now)
    orders.refuse(world.ledger, placed.order_id, "not a hospital", "steward", world.now)
    order = views.order(world.ledger.reading, placed.order_id)
    assert (order.state, order.closed_reason) == (OrderState.REFUSED, "not a hospital")
    assert world.books(placed.order_id).ordered == 0


def test_what_cannot_be_placed_is_a_deficit_with_its_reason(world):
    world.add_lab(grams=40.0)
    order_id = world.order(6)
    assert world.plan() == 1
    view = views.order_view(world.ledger.reading, order_id)
    assert view.lines[0].books.deficit == 4
    assert view.lines[0].reasons[0].code is ReasonCode.STOCK
    # More filament arrives: the rest is planned without anybody asking.
    world.says(Capabilities(lab="Lab", printers=(some_facts(grams=800.0),)))
    assert world.plan() == 2
    assert world.books(order_id).deficit == 0


def test_a_grant_answers_a_ready_with_its_nonce(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref, "abc")
    (grant,) = [m for m in world.told() if isinstance(m, Grant)]
    assert (grant.attempt, grant.nonce) == (ref, "abc")
    assert world.state(ref) is AttemptState.GRANTED


def test_a_ready_asked_again_is_granted_again_and_stays_granted(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref, "one")
    world.ready(ref, "two")
    assert [m.nonce for m in world.told() if isinstance(m, Grant)] == ["one", "two"]
    assert world.state(ref) is AttemptState.GRANTED


def test_a_lease_runs_out_before_the_grant_and_never_after(world):
    order_id, (lapsing, granted, *_) = offered(world)
    world.take(lapsing)
    world.take(granted)
    world.ready(granted)
    world.pass_time(hours=3)
    world.tick()
    assert world.state(lapsing) is AttemptState.LAPSED
    assert world.state(granted) is AttemptState.GRANTED
    assert world.books(order_id).coming == 2


def test_a_late_ready_on_a_lapsed_attempt_is_answered_withdraw(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.pass_time(hours=3)
    world.tick()
    world.told()
    world.ready(ref)
    assert Withdraw(attempt=ref, reason="no word from the node for two hours") in world.told()
    assert world.state(ref) is AttemptState.LAPSED


def test_a_node_cannot_speak_for_another(world):
    _, (ref, *_) = offered(world)
    world.add_lab("lab-b")
    with pytest.raises(RefusedError, match="lab-b cannot speak for it"):
        world.says(Answer(attempt=ref, taken=True), "lab-b")
    assert world.state(ref) is AttemptState.OFFERED


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


def test_a_granted_attempt_is_not_written_off_while_its_grant_lives(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    ttl_s = attempts.grant_ttl_s(6400, LOOK_AHEAD_S)
    world.pass_time(seconds=ttl_s)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    world.pass_time(seconds=ttl_s * 0.1 + 6)
    harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    assert world.state(ref) is AttemptState.WRITTEN_OFF


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


def test_rejected_pieces_are_made_again(world):
    order_id, (code, *_) = harvested(world)
    with pytest.raises(InvalidFieldError):
        lots.inspect(world.ledger, code, 1, 2, "cracked", "inspector", world.now)
    with pytest.raises(InvalidFieldError):
        lots.inspect(world.ledger, code, 1, 1, "", "inspector", world.now)
    lots.inspect(world.ledger, code, 1, 1, "cracked", "inspector", world.now)
    with pytest.raises(RefusedError):
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    books = world.books(order_id)
    assert (books.accepted, books.scrap, books.deficit) == (1, 1, 1)


def test_refused_and_lost_pieces_are_made_again_and_the_order_stays_open(world):
    order_id, codes = harvested(world)
    for code in codes:
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    with pytest.raises(RefusedError):
        deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    with pytest.raises(InvalidFieldError):
        deliveries.receive(
            world.ledger, batch, deliveries.Count(damaged=4, lost=3), "requester", world.now
        )
    deliveries.receive(
        world.ledger, batch, deliveries.Count(damaged=2, lost=1), "requester", world.now
    )
    books = world.books(order_id)
    assert (books.delivered, books.refused, books.lost, books.deficit) == (3, 2, 1, 3)
    assert views.order(world.ledger.reading, order_id).state is OrderState.CONFIRMED
    with pytest.raises(RefusedError):
        deliveries.pack(world.ledger, order_id, "inspector", world.now)


def test_a_bed_with_parts_on_it_is_not_cleared_without_counting(world):
    printed(world)
    with pytest.raises(RefusedError, match="Count the parts"):
        nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    for each in [a.ref for a in world.attempts()]:
        harvests.harvest(world.ledger, each, 2, 0, "", "maker", world.now)
    nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    assert PrinterReady(printer=PRINTER) in world.told()


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


def test_a_node_that_forgot_everything_is_asked_to_look(world):
    order_id, (granted, taken, *_) = offered(world)
    world.take(granted)
    world.take(taken)
    world.ready(granted)
    with world.ledger.transaction() as db:
        nodes.forgot_everything(db, NODE, world.now)
    assert world.state(granted) is AttemptState.INTERRUPTED
    assert world.state(taken) is AttemptState.WITHDRAWN
    assert not labs.fleet(world.ledger.reading)[0].printers[0].clear
    assert world.books(order_id).coming == 2
    assert streams.unacknowledged(world.ledger.reading, NODE, 16) == ()


def test_a_sync_names_what_the_ledger_does_not_know(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    stranger = AttemptRef(job="elsewhere", number=1)
    world.told()
    held = tuple(HeldAttempt(attempt=r, state=AttemptState.TAKEN) for r in (ref, stranger))
    world.says(Sync(attempts=held, in_stream="", in_cursor=0))
    assert world.told() == [Synced(unknown=(stranger,))]


def test_the_will_of_an_older_connection_is_no_news(world):
    world.add_lab()
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "older", world.now, online=False)
    assert labs.fleet(world.ledger.reading)[0].online
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", world.now, online=False)
    assert not labs.fleet(world.ledger.reading)[0].online


def test_an_offer_says_the_day_on_which_its_order_is_due(world):
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (offer,) = (m for m in world.told() if isinstance(m, Offer))
    assert [each.due for each in offer.attempts] == ["2026-12-01"]


def test_offers_go_only_to_nodes_that_are_there(world):
    world.add_lab()
    world.order(2)
    world.plan()
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", world.now, online=False)
    world.tick()
    assert world.attempts() == []


def test_waiting_lists_follow_the_order(world):
    from jobs.model import Role

    def kinds(role, node=""):
        return [w.kind for w in waiting(world.ledger.reading, role, node)]

    world.add_lab()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    placed = orders.place(world.ledger, a_request(world.revision, 2), world.revision, world.now)
    assert kinds(Role.STEWARD) == ["confirm", "clear"]
    assert kinds(Role.MAKER, NODE) == ["clear"]
    assert kinds(Role.MAKER, "lab-b") == []
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    assert kinds(Role.MAKER, NODE) == ["harvest"]
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert kinds(Role.INSPECTOR) == ["inspect"]
    lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    assert kinds(Role.INSPECTOR) == ["pack"]
    batch = deliveries.pack(world.ledger, placed.order_id, "inspector", world.now)
    assert kinds(Role.INSPECTOR) == ["dispatch"]
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert kinds(Role.STEWARD) == []


def test_reports_from_a_taken_back_attempt_do_not_bring_it_back(world):
    _, (ref, *_) = offered(world)
    world.pass_time(hours=3)
    world.tick()
    world.says(Report(attempt=ref, state=ReportState.RETURNED))
    assert world.state(ref) is AttemptState.LAPSED


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


# --- grants ahead, and counts made at the node ---------------------------------------------------


def history(world, kind):
    rows = world.ledger.reading.execute(
        "select actor, subject, data from event where kind = ? order by id", (kind,)
    )
    return [(actor, subject, json.loads(data)) for actor, subject, data in rows]


def test_a_grant_is_good_for_the_look_ahead_and_the_plate(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.told()
    world.ready(ref)
    (grant,) = world.told()
    assert grant.ttl_s == LOOK_AHEAD_S + 6400


@pytest.mark.parametrize(
    ("seconds", "look_ahead_s", "ttl_s"),
    [(6400, 28800, 35200), (40_000, 28800, 57600), (6400, 60, 120), (10, 20, 60)],
)
def test_grants_are_bounded(seconds, look_ahead_s, ttl_s):
    assert attempts.grant_ttl_s(seconds, look_ahead_s) == ttl_s


def test_a_shorter_grant_does_not_make_the_coordinator_wait_less_for_a_longer_one(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    told = Ready(attempt=ref, nonce="n2", gcode_key="k", seconds=10, grams=33, slicer="test")
    with world.ledger.transaction() as db:
        attempts.apply(db, NODE, told, world.now, 60.0)
    grant = world.told()[-1]
    assert grant == Grant(attempt=ref, nonce="n2", ttl_s=70.0)
    world.pass_time(seconds=LOOK_AHEAD_S)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)


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


def test_a_granted_plate_that_its_maker_gives_back_goes_to_others(world):
    order_id, (ref, *_) = offered(world)
    world.add_lab("lab-b")
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.DECLINED, "no-time")
    assert world.state(ref) is AttemptState.DECLINED
    world.tick()
    assert world.books(order_id).deficit == 2
    world.plan()
    world.tick()
    assert {a.node for a in world.attempts() if a.state is AttemptState.OFFERED} >= {"lab-b"}
