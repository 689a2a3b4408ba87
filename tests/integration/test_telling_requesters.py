"""Requesters, who have no account, read where their order is."""

from jobs.coordinator import deliveries, harvests, lots, orders, telling
from tests.doubles.telling import rows, told
from tests.doubles.world import a_request

NURSE = "ada@chu.example"


def placed(world, contact=NURSE, **changes):
    asked = a_request(world.revision, 2, contact=contact, due=world.now.date(), **changes)
    return orders.place(world.ledger, asked, world.revision, world.now), asked


def test_a_requester_reads_where_her_order_is(people, server):
    order, asked = placed(people, language="en")
    with told(people, server):
        (first,) = server.wait(1)
        assert order.link not in first.get_content(), "nobody has verified this address yet"
        assert asked.place not in first.get_content()
        assert asked.requester not in first.get_content()
        orders.confirm(people.ledger, order.order_id, "camille", people.now)
        second = server.wait(2)[1]
    assert (first["To"], second["To"]) == (NURSE, NURSE)
    assert f"https://fabnet.example/o/{order.link}" in second.get_content()
    assert second["Subject"] == "Your 2 pieces are being made"
    assert order.link not in repr(
        [tuple(r) for r in people.ledger.reading.execute("select * from notice")]
    ), "the link is derived when it is sent, never kept"


def test_a_parcel_on_its_way_and_a_refusal_are_told(people):
    people.add_lab()
    order, _ = placed(people)
    orders.confirm(people.ledger, order.order_id, "camille", people.now)
    people.plan()
    people.tick()
    ref = people.attempts()[0].ref
    people.print(ref)
    code = harvests.harvest(people.ledger, ref, 2, 0, "", "awa", people.now)
    lots.inspect(people.ledger, code, 2, 0, "", "noor", people.now)
    batch = deliveries.pack(people.ledger, order.order_id, "noor", people.now)
    deliveries.dispatch(people.ledger, batch, "noor", people.now)
    other, _ = placed(people)
    orders.refuse(people.ledger, other.order_id, "no ward of this name", "camille", people.now)
    assert [kind for login, kind, _ in rows(people) if not login] == [
        "order-asked", "order-confirmed", "order-sent", "order-asked", "order-refused",
    ]  # fmt: skip


def test_a_form_sent_twice_is_one_letter_and_a_telephone_gets_none(people):
    order, asked = placed(people)
    again = orders.place(people.ledger, asked, people.revision, people.now)
    assert again == order
    placed(people, contact="01 23 45 67 89")
    placed(people, contact="Ada <ada@chu>")
    placed(people, sandbox=True)
    assert rows(people) == [("", "order-asked", "waiting")]


def test_a_requester_who_has_ended_it_gets_nothing_more_on_this_order(people):
    order, _ = placed(people)
    other, _ = placed(people)
    for _ in range(2):
        telling.stop_order(people.ledger, order.order_id, people.now)
    orders.confirm(people.ledger, order.order_id, "camille", people.now)
    orders.confirm(people.ledger, other.order_id, "camille", people.now)
    states = [(kind, state) for _, kind, state in rows(people)]
    assert states == [
        ("order-asked", "dropped"), ("order-asked", "waiting"), ("order-confirmed", "waiting"),
    ]  # fmt: skip
