"""What the people of the scenario typed, and what of it a page or a printer's record contradicts. Pure.

Nothing here asks the product how it counts: it has the people's own notes, the simulated printers'
own records, and what pages showed at the end.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True, kw_only=True)
class Asked:
    """One order as its hospital wrote it down."""

    number: int
    hospital: int
    design: str
    kits: int
    due: date
    verified: bool  # the steward reaches somebody there
    in_parts: bool  # the hub sends what there is, and not all at once
    pieces: int
    link: str = ""
    id: str = ""


@dataclass(slots=True, kw_only=True)
class Bag:
    """One lot as the people who had it in their hands know it."""

    code: str
    ref: str
    order: str
    node: str
    printer: str  # by the printer's own record, or by the maker who works by hand
    good: int
    accepted: int | None = None
    rejected: int = 0
    parcel: str = ""
    announced: bool = False  # to be fetched
    signed: bool = False  # by a second person


@dataclass(slots=True, kw_only=True)
class Parcel:
    """One batch: what its recipient counted."""

    order: str
    left: bool = False
    received: bool = False
    refused: int = 0
    lost: int = 0


@dataclass(slots=True, kw_only=True)
class Called:
    """One recall."""

    id: str
    machines: frozenset[tuple[str, str]]  # node and printer, all of whose bags are called back
    over: bool = False


@dataclass(slots=True, kw_only=True)
class Shown:
    """What the pages say of one order at the end; figures are summed over its parts."""

    state: str
    figures: Mapping[str, int]
    lots: frozenset[str]  # on the requester's page, of what she has received


@dataclass(slots=True, kw_only=True)
class Book:
    """All notes."""

    orders: list[Asked] = field(default_factory=list)
    bags: dict[str, Bag] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    called: list[Called] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # a sentence for each thing that is wrong

    def wrong(self, text: str, count: int = 1) -> int:
        """Keep a sentence; return the count."""
        if count:
            self.words.append(text)
        return count

    def sent(self, parcel: str) -> int:
        """Return how many pieces are in a parcel."""
        return sum(bag.accepted or 0 for bag in self.bags.values() if bag.parcel == parcel)

    def has_left(self, bag: Bag) -> bool:
        """Whether its recipient has it, or soon will."""
        return bag.parcel in self.parcels and self.parcels[bag.parcel].left

    def made_by(self, called: Called) -> set[str]:
        """Return the bags of a recall's cause."""
        bags = self.bags.values()
        return {bag.code for bag in bags if (bag.node, bag.printer) in called.machines}

    def received(self, order: str) -> int:
        """Return how many pieces an order's hospital kept."""
        return sum(
            self.sent(name) - parcel.refused - parcel.lost
            for name, parcel in self.parcels.items()
            if parcel.order == order and parcel.received
        )


def draw(
    seed: int, hospitals: int, orders: int, today: date, designs: Mapping[str, Mapping[str, int]]
) -> list[Asked]:
    """Return what all hospitals will ask for; the same seed asks for the same.

    Args:
        designs: how many pieces of each part are in one kit of each.
    """
    dice = random.Random(f"{seed}/orders")
    found = []
    for number in range(orders):
        design = dice.choice(sorted(designs))
        kits = dice.choice((2, 3, 5, 8, 12, 20))
        found.append(
            Asked(
                number=number,
                hospital=number % hospitals,
                design=design,
                kits=kits,
                due=date.fromordinal(today.toordinal() + dice.randint(2, 20)),
                verified=number == 0 or dice.random() > 0.06,
                in_parts=dice.random() < 0.3,
                pieces=kits * sum(designs[design].values()),
            )
        )
    return found


def share(seed: int, what: str, of: int, chance: float) -> int:
    """Return how many of some pieces are bad, by what they are: 0 mostly."""
    dice = random.Random(f"{seed}/{what}")
    return dice.randint(1, max(1, of // 4)) if of and dice.random() < chance else 0


def unaccounted(book: Book, shown: Mapping[str, Shown]) -> int:
    """Count pieces that somebody had in her hands, and that the pages do not show where she put them."""
    missing = 0
    for asked in book.orders:
        if not asked.verified:
            continue
        page = shown[asked.id]
        bags = [bag for bag in book.bags.values() if bag.order == asked.id]
        parcels = {n: p for n, p in book.parcels.items() if p.order == asked.id}
        own = {
            "ordered": asked.pieces,
            "harvested": sum(bag.good for bag in bags),
            "waiting": sum(bag.good for bag in bags if bag.accepted is None),
            "accepted": sum(bag.accepted or 0 for bag in bags),
            "delivered": book.received(asked.id),
            "refused": sum(p.refused for p in parcels.values()),
            "lost": sum(p.lost for p in parcels.values()),
            "in_transit": sum(
                book.sent(n) for n, p in parcels.items() if p.left and not p.received
            ),
        }
        for name, pieces in own.items():
            off = abs(pieces - page.figures[name])
            missing += book.wrong(
                f"order {asked.id}: the page has {page.figures[name]} pieces {name}, we {pieces}",
                off,
            )
        # What is not there yet must be somewhere: to be made, in work, at the hub, or called back.
        where = ("deficit", "jobs", "coming", "waiting", "at_hub", "in_transit")
        elsewhere = sum(page.figures[name] for name in where)
        short = asked.pieces - (own["delivered"] - page.figures["recalled_there"]) - elsewhere
        missing += book.wrong(f"order {asked.id}: {short} pieces are nowhere", max(0, short))
    return missing


def untraceable(book: Book, shown: Mapping[str, Shown], says: Mapping[str, str]) -> int:
    """Count delivered bags whose way cannot be read backwards or forwards.

    Args:
        says: what the page of each delivered bag says of its workshop and printer, by code, as
            "<lab> / <printer>"; our own notes have node and printer.
    """
    count = 0
    for bag in book.bags.values():
        parcel = book.parcels.get(bag.parcel)
        if parcel is None or not parcel.received:
            continue
        back = says.get(bag.code) == f"{bag.node}/{bag.printer}"
        forth = parcel.order == bag.order and bag.code in shown[bag.order].lots
        count += book.wrong(
            f"bag {bag.code}: was made on {bag.node}/{bag.printer} for {bag.order}; its page says"
            f" {says.get(bag.code)}, and its recipient's page {'names' if forth else 'misses'} it",
            int(not (back and forth)),
        )
    known = {bag.code for bag in book.bags.values()}
    for order, page in shown.items():
        for code in page.lots - known:
            count += book.wrong(f"bag {code} on the page of {order} was filled by nobody")
    return count
