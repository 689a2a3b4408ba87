"""What the pages of the scenario say when it is over."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from tests.scenario.book import Asked, Book, Shown
from tests.scenario.hands import Hands
from tests.scenario.town import Town
from tests.scenario.wards import Wards

_CODE = re.compile(r'/l/([0-9A-Z-]+)"')


def read_orders(orders: Iterable[Asked], steward: Hands, wards: Wards) -> dict[str, Shown]:
    """Read what the pages say of orders that were made, by their id."""
    found = {}
    for order in orders:
        told = steward.json(f"/api/orders/{order.id}")
        books = told["books"].values()
        found[order.id] = Shown(
            state=told["state"],
            figures={
                name: sum(b[name] for b in books) for name in next(iter(books)) if "_id" not in name
            },
            lots=frozenset(_CODE.findall(wards.of(order).read(order.link))),
        )
    return found


def read_bags(book: Book, town: Town, anybody: Hands) -> dict[str, str]:
    """Read on the public page of each bag that has left where it was made: "<node>/<printer>"."""
    names = {
        (lab.lab, printer.title): f"{lab.node}/{printer.id}"
        for lab in town.labs
        for printer in lab.printers
    }
    found = {}
    for bag in book.bags.values():
        if book.has_left(bag):
            text = html.unescape(anybody.read(f"/l/{bag.code}"))
            facts = set(re.findall(r"<dd>([^<]*)</dd>", text))
            places = [told for (lab, printer), told in names.items() if {lab, printer} <= facts]
            found[bag.code] = " or ".join(places)
    return found
