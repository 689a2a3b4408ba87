from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.doubles import Sign, doubles, ways
from jobs.model import Order, OrderState, Request

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DESIGNS = {"r1": "visor", "r2": "visor", "r3": "hook"}


def an_order(order_id="o1", days=0, state=OrderState.ASKED, **changes):
    facts = {
        "request_key": order_id, "revision_id": "r1", "kits": 40, "due": date(2026, 12, 1),
        "requester": "Ada", "place": "CHU de Nantes, Urgences", "contact": "02 40 00 00 00",
    }  # fmt: skip
    return Order(
        id=order_id, state=state, created_at=NOON + timedelta(days=days),
        request=Request(**(facts | changes)),
    )  # fmt: skip


def signs(*others):
    return [(d.order.id, d.sign) for d in doubles(an_order(), [an_order(), *others], DESIGNS)]


def test_an_order_is_no_double_of_itself():
    assert signs() == []


def test_the_same_ward_and_design_however_it_is_written():
    other = an_order(
        "o2", kits=50, place="chu de nantes - URGENCES", contact="x@y.fr", revision_id="r2"
    )
    assert signs(other) == [("o2", Sign.PLACE)]


def test_the_same_in_everything_comes_first():
    assert signs(an_order("o2", kits=9), an_order("o3", contact="a@b.fr")) == [
        ("o3", Sign.SAME), ("o2", Sign.PLACE),
    ]  # fmt: skip


def test_the_same_telephone_in_another_ward():
    other = an_order("o2", place="EHPAD", revision_id="r3", contact="+33 2 40 00 00 00 / a@b.fr")
    assert signs(other) == [("o2", Sign.CONTACT)]


@pytest.mark.parametrize(
    "other",
    [
        an_order("o2", place="EHPAD", contact="02 40 00 00 01"),
        an_order("o2", revision_id="r3", contact="a@b.fr"),
        an_order("o2", days=-15),
        an_order("o2", state=OrderState.REFUSED),
        an_order("o2", state=OrderState.CANCELLED),
        an_order("o2", sandbox=True),
    ],
)
def test_what_is_no_double(other):
    assert signs(other) == []


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("02.40.00.00.00", {"0240000000"}),
        ("0033 2 40 00 00 00", {"0240000000"}),
        ("+33 (0)2 40 00 00 00", {"0240000000"}),
        ("Ada@CHU.fr / 02 40 00 00 00", {"ada@chu.fr", "0240000000"}),
        ("<ada@chu.fr>", {"ada@chu.fr"}),
        ("poste 12", set()),
        ("", set()),
    ],
)
def test_one_way_to_write_a_contact(contact, expected):
    assert ways(contact) == expected
