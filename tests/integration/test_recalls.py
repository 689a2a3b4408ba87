"""A recall, in both directions, with both book-keeping laws checked after every transaction."""

import pytest

from jobs.coordinator import deliveries, harvests, recalls
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import recalls as called
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import ReportState
from jobs.model import LotState, OrderState, Role
from jobs.recall import Cause, RecallKind, causes
from tests.doubles.lots import accepts, delivered, makes_a_lot, of_order, sends

PRINTER_OF_A = Cause(kind=RecallKind.PRINTER, value="lab-a/p1")


def calls_back(world, cause, reason="it has a sharp edge"):
    return recalls.begin(world.ledger, cause, reason, "inspector", world.now)


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


def test_a_lot_that_nobody_inspected_is_held_where_it_lies(lab):
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    recall_id = calls_back(lab, Cause(kind=RecallKind.LOT, value=code))
    books = lab.books(order_id)
    assert (books.waiting, books.at_lab, books.deficit) == (0, 1, 1)
    assert waiting(lab.ledger.reading, Role.INSPECTOR) == ()
    with pytest.raises(RefusedError, match="called back"):
        accepts(lab, code)
    recalls.end(lab.ledger, recall_id, "looked at again", "steward", lab.now, good=True)
    assert lab.books(order_id).waiting == 1
    accepts(lab, code)
    assert lab.books(order_id).usable == 1


def test_a_lot_in_a_parcel_that_has_not_left_is_taken_out(lab):
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    accepts(lab, code)
    batch = deliveries.pack(lab.ledger, order_id, "inspector", lab.now)
    calls_back(lab, Cause(kind=RecallKind.LOT, value=code))
    with pytest.raises(NotFoundError):
        views.batch(lab.ledger.reading, batch)
    with pytest.raises(RefusedError, match="no inspected lot"):
        deliveries.pack(lab.ledger, order_id, "inspector", lab.now)
    assert "pack" not in {w.kind for w in waiting(lab.ledger.reading, Role.INSPECTOR)}
    books = lab.books(order_id)
    assert (books.usable, books.at_hub, books.recalled, books.recalled_here) == (0, 1, 1, 1)


def test_the_other_lots_of_that_parcel_are_packed_anew(lab):
    order_id = lab.order(4)
    codes = []
    while lab.books(order_id).to_make:
        codes.append(makes_a_lot(lab))
        accepts(lab, codes[-1])
    assert len(codes) > 1
    batch = deliveries.pack(lab.ledger, order_id, "inspector", lab.now)
    calls_back(lab, Cause(kind=RecallKind.LOT, value=codes[0]))
    again = deliveries.pack(lab.ledger, order_id, "inspector", lab.now)
    assert [lot.lot for lot in views.batch(lab.ledger.reading, again).lots] == sorted(codes[1:])
    with pytest.raises(NotFoundError):
        views.batch(lab.ledger.reading, batch)


def test_what_was_delivered_is_made_again(lab):
    order_id = delivered(lab)
    recall_id = calls_back(lab, PRINTER_OF_A)
    books = lab.books(order_id)
    assert (books.delivered, books.kept, books.usable, books.deficit) == (1, 0, 0, 1)
    assert of_order(lab, order_id).state is OrderState.CONFIRMED
    (notice,) = called.notices(lab.ledger.reading, recall_id)
    assert (notice.order_id, notice.pieces, notice.acknowledged_at) == (order_id, 1, None)


def test_a_spare_bag_that_is_called_back_opens_no_delivered_order_anew(lab):
    order_id = lab.order(1)
    lab.plan()
    lab.tick()
    late = lab.first(AttemptState.OFFERED)
    lab.take(late)
    lab.ready(late)
    lab.report(late, ReportState.PRINTING)
    harvests.write_off(lab.ledger, late, "silent", "steward", lab.now)
    accepts(lab, makes_a_lot(lab))
    batch = sends(lab, order_id)
    deliveries.receive(lab.ledger, batch, deliveries.Count(), "requester", lab.now)
    code = harvests.harvest(lab.ledger, late, 1, 0, "", "maker", lab.now)
    calls_back(lab, Cause(kind=RecallKind.LOT, value=code))
    assert lab.books(order_id).surplus == 0
    assert of_order(lab, order_id).state is OrderState.DELIVERED


def test_its_recipient_may_need_no_others(lab):
    order_id = delivered(lab)
    recall_id = calls_back(lab, PRINTER_OF_A)
    recalls.waive(lab.ledger, recall_id, order_id, "steward", lab.now)
    assert lab.books(order_id).to_make == 0
    assert of_order(lab, order_id).state is OrderState.DELIVERED
    with pytest.raises(RefusedError, match="settled"):
        recalls.waive(lab.ledger, recall_id, order_id, "steward", lab.now)


def test_pieces_on_their_way_are_not_made_twice_when_they_are_refused_too(lab):
    order_id = lab.order(1)
    accepts(lab, makes_a_lot(lab))
    batch = sends(lab, order_id)
    calls_back(lab, PRINTER_OF_A)
    assert lab.books(order_id).deficit == 1
    deliveries.receive(lab.ledger, batch, deliveries.Count(damaged=1), "requester", lab.now)
    books = lab.books(order_id)
    assert (books.refused, books.recalled, books.deficit) == (1, 0, 1)


@pytest.mark.parametrize(("refused", "lost"), [(1, 0), (0, 1), (1, 1), (0, 0)])
def test_every_split_of_a_parcel_that_is_called_back_adds_up(lab, refused, lost):
    order_id = lab.order(4)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    batch = sends(lab, order_id)
    first = views.batch(lab.ledger.reading, batch).lots[0]
    calls_back(lab, Cause(kind=RecallKind.LOT, value=first.lot))
    deliveries.receive(
        lab.ledger, batch, deliveries.Count(damaged=refused, lost=lost), "requester", lab.now
    )
    assert lab.books(order_id).to_make >= first.pieces


def test_what_is_counted_later_is_held_too(lab):
    order_id = lab.order(4)
    makes_a_lot(lab)
    lab.plan()
    lab.tick()
    ref = lab.first(AttemptState.OFFERED)
    lab.print(ref)
    calls_back(lab, PRINTER_OF_A)
    later = harvests.harvest(lab.ledger, ref, 2, 0, "", "maker", lab.now)
    assert views.lot(lab.ledger.reading, later).recall
    assert lab.books(order_id).waiting == 0


@pytest.mark.parametrize("kind", [kind for kind in RecallKind if kind not in ("bought", "unknown")])
def test_what_may_have_the_fault_makes_nothing_meanwhile(lab, kind):
    order_id = lab.order(4)
    code = makes_a_lot(lab)
    lab.plan()
    lab.tick()
    assert lab.first(AttemptState.OFFERED)
    values = {
        RecallKind.LOT: code, RecallKind.PRINTER: "lab-a/p1", RecallKind.SPOOL: "lab-a/s1",
        RecallKind.MATERIAL: "PETG/L42", RecallKind.REVISION: lab.revision.id,
    }  # fmt: skip
    recall_id = calls_back(lab, Cause(kind=kind, value=values[kind]))
    lab.tick()
    lab.plan()
    lab.tick()
    made = {a.ref: a.state for a in lab.attempts() if a.state is AttemptState.OFFERED}
    books = lab.books(order_id)
    if kind is RecallKind.LOT:
        assert made
        return
    assert (made, books.deficit) == ({}, 4)
    lab.add_lab("lab-b")
    lab.plan()
    lab.tick()
    elsewhere = [a for a in lab.attempts() if a.node == "lab-b"]
    assert bool(elsewhere) == (kind not in (RecallKind.REVISION, RecallKind.MATERIAL))
    recalls.end(lab.ledger, recall_id, "looked at", "steward", lab.now, good=False)
    lab.plan()
    lab.tick()
    assert any(a.state is AttemptState.OFFERED for a in lab.attempts())


def test_what_is_bad_stays_out_of_the_count(lab):
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    accepts(lab, code)
    recall_id = calls_back(lab, PRINTER_OF_A)
    recalls.end(lab.ledger, recall_id, "thrown away", "steward", lab.now, good=False)
    lot = views.lot(lab.ledger.reading, code)
    assert (lot.state, lot.accepted, lot.rejected) == (LotState.INSPECTED, 0, 1)
    books = lab.books(order_id)
    assert (books.scrap, books.at_hub, books.deficit) == (1, 0, 1)
    assert views.lot(lab.ledger.reading, makes_a_lot(lab)).recall == ""
    with pytest.raises(RefusedError, match="ended by steward"):
        recalls.end(lab.ledger, recall_id, "again", "steward", lab.now, good=True)


def test_a_lot_of_two_recalls_is_free_after_both(lab):
    lab.order(1)
    code = makes_a_lot(lab)
    first = calls_back(lab, Cause(kind=RecallKind.LOT, value=code))
    second = calls_back(lab, Cause(kind=RecallKind.SPOOL, value="lab-a/s1"))
    recalls.end(lab.ledger, first, "good", "steward", lab.now, good=True)
    assert views.lot(lab.ledger.reading, code).recall == second
    recalls.end(lab.ledger, second, "good", "steward", lab.now, good=True)
    assert views.lot(lab.ledger.reading, code).recall == ""


def test_good_after_all_once_others_are_made_is_surplus(lab):
    order_id = lab.order(1)
    accepts(lab, makes_a_lot(lab))
    recall_id = calls_back(lab, PRINTER_OF_A)
    lab.add_lab("lab-b")
    lab.can(paused=True)
    lab.plan()
    lab.tick()
    ref = lab.first(AttemptState.OFFERED)
    assert lab.node_of(ref) == "lab-b"
    lab.print(ref)
    harvests.harvest(lab.ledger, ref, 1, 0, "", "maker", lab.now)
    recalls.end(lab.ledger, recall_id, "good", "steward", lab.now, good=True)
    assert lab.books(order_id).surplus == 1


def test_from_one_bag_to_every_other_with_the_same_fault(lab):
    lab.add_lab("lab-b")
    orders = [lab.order(4), lab.order(4)]
    codes = set()
    while any(lab.books(each).to_make for each in orders):
        codes.add(makes_a_lot(lab))
    lot = views.lot(lab.ledger.reading, min(codes))
    found = causes(
        lot=lot.code, node=lot.attempt.node, printer=lot.attempt.printer, spool=lot.attempt.spool,
        revision=lot.revision_id, material=f"{lot.attempt.material}/{lot.attempt.maker_lot}",
    )  # fmt: skip
    reached = {
        cause.kind: {each.code for each in called.lots_of(lab.ledger.reading, cause)}
        for cause in found
    }
    here = {c for c in codes if views.lot(lab.ledger.reading, c).attempt.node == lot.attempt.node}
    assert reached[RecallKind.LOT] == {lot.code}
    assert reached[RecallKind.PRINTER] == reached[RecallKind.SPOOL] == here
    # Both labs have a spool of the same lot of its maker's.
    assert reached[RecallKind.MATERIAL] == reached[RecallKind.REVISION] == codes
    assert here < codes


def test_who_has_pieces_answers_and_may_correct_herself(lab):
    order_id = delivered(lab)
    recall_id = calls_back(lab, PRINTER_OF_A)
    told = called.told_to(lab.ledger.reading, order_id)
    assert [(r.id, n.pieces) for r, n in told] == [(recall_id, 1)]
    with pytest.raises(InvalidFieldError, match="from 0 to 1"):
        recalls.acknowledge(lab.ledger, recall_id, order_id, 2, "requester", lab.now)
    for found in (0, 1):
        recalls.acknowledge(lab.ledger, recall_id, order_id, found, "requester", lab.now)
        (notice,) = called.notices(lab.ledger.reading, recall_id)
        assert notice.set_aside == found
    recalls.end(lab.ledger, recall_id, "all came back", "steward", lab.now, good=False)
    assert called.told_to(lab.ledger.reading, order_id) == ()


def test_who_has_pieces_gets_a_letter_even_if_she_ended_all_others(lab):
    order_id = delivered(lab)
    with lab.ledger.transaction() as db:
        db.execute("update orders set contact = 'ada@chu.example', untold = 1")
    calls_back(lab, PRINTER_OF_A)
    calls_back(lab, PRINTER_OF_A)
    (row,) = lab.ledger.reading.execute("select * from notice").fetchall()
    assert (row["kind"], row["recipient"], row["ref"]) == (
        "order-recalled", "ada@chu.example", order_id,
    )  # fmt: skip
    assert "sharp edge" in row["facts"]


def test_twice_is_once_and_nothing_is_no_recall(lab):
    lab.order(1)
    makes_a_lot(lab)
    assert calls_back(lab, PRINTER_OF_A) == calls_back(lab, PRINTER_OF_A, "another reason")
    with pytest.raises(NotFoundError):
        calls_back(lab, Cause(kind=RecallKind.PRINTER, value="lab-a/p9"))
    with pytest.raises(InvalidFieldError, match="what is wrong"):
        calls_back(lab, PRINTER_OF_A, "  ")
    with pytest.raises(NotFoundError):
        recalls.cause_of("printer:")
    assert recalls.cause_of("printer:lab-a/p1") == PRINTER_OF_A


def test_the_lot_of_a_filament_stays_known_when_its_spool_is_gone(lab):
    lab.order(4)
    code = makes_a_lot(lab)
    lab.can("lab-a", material="PETG")
    with lab.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.spool.maker_lot', 'L43')")
    later = makes_a_lot(lab)
    held = Cause(kind=RecallKind.MATERIAL, value="PETG/L42")
    assert [each.code for each in called.lots_of(lab.ledger.reading, held)] == [code]
    calls_back(lab, held)
    assert views.lot(lab.ledger.reading, code).recall
    assert not views.lot(lab.ledger.reading, later).recall


def test_filament_without_a_lot_number_is_no_cause(lab):
    lab.order(4)
    with lab.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.spool.maker_lot', '')")
    code = makes_a_lot(lab)
    lot = views.lot(lab.ledger.reading, code)
    assert lot.attempt.maker_lot == ""
    assert called.lots_of(lab.ledger.reading, Cause(kind=RecallKind.MATERIAL, value="PETG/")) == ()


def types_the_lot(lab, number):
    with lab.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.spool.maker_lot', ?)", (number,))


def test_the_number_of_a_filaments_lot_is_the_same_in_small_letters_and_with_spaces(lab):
    lab.order(4)
    codes = []
    for number in ("ab 12", "AB12"):
        types_the_lot(lab, number)
        codes.append(makes_a_lot(lab))
    cause = Cause(kind=RecallKind.MATERIAL, value="PETG/Ab12")
    assert sorted(each.code for each in called.lots_of(lab.ledger.reading, cause)) == sorted(codes)


def test_what_was_made_and_sent_before_somebody_typed_the_lot_of_its_spool_is_called_back_too(lab):
    types_the_lot(lab, "")
    order_id = delivered(lab)
    code = views.order_view(lab.ledger.reading, order_id).lots[0].code
    types_the_lot(lab, "L42")
    lab.order(2)
    later = makes_a_lot(lab)
    found = calls_back(lab, Cause(kind=RecallKind.MATERIAL, value="PETG/L42"))
    assert views.lot(lab.ledger.reading, code).recall == found
    assert views.lot(lab.ledger.reading, later).recall == found
    (told,) = called.notices(lab.ledger.reading, found)
    assert told.order_id == order_id


def test_who_has_pieces_whose_spool_gets_its_number_during_a_recall_is_told_then(lab):
    types_the_lot(lab, "")
    order_id = delivered(lab)
    lab.order(1)
    code = makes_a_lot(lab)
    with lab.ledger.transaction() as db:
        db.execute(
            "update attempt set spool = 's9', maker_lot = 'L42'"
            " where job_id = (select job_id from lot where code = ?)",
            (code,),
        )
    found = calls_back(lab, Cause(kind=RecallKind.MATERIAL, value="PETG/L42"))
    assert called.notices(lab.ledger.reading, found) == ()
    types_the_lot(lab, "L42")
    with lab.ledger.transaction() as db:
        assert recalls.catch_up(db, lab.now) == 1
        assert recalls.catch_up(db, lab.now) == 0
    (told,) = called.notices(lab.ledger.reading, found)
    assert told.order_id == order_id
    assert of_order(lab, order_id).state is OrderState.CONFIRMED
