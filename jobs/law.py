"""The two book-keeping laws, per order and part, in pieces.

Both are equations between figures that are each kept or counted on their own, never as what
the others leave over: otherwise they could not fail. `jobs.ledger.books` counts the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import LawBrokenError


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All figures of one part of one order."""

    order_id: str
    part_id: str
    ordered: int
    surplus: int  # pieces that exist beyond the order, recorded when they appeared
    harvested: int  # good pieces that makers counted
    waiting: int  # in lots that nobody has inspected
    accepted: int
    scrap: int  # good at harvest, rejected at inspection
    coming: int  # in attempts from taken to the harvest
    jobs: int  # in open jobs without such an attempt
    deficit: int  # not in any job
    at_lab: int
    at_hub: int
    in_transit: int
    delivered: int
    refused: int
    lost: int
    recalled: int = 0  # accepted, called back, and to be made again
    recalled_there: int = 0  # of them, those that were delivered
    recalled_here: int = 0  # of them, those that lie at the hub
    incoming: int = 0  # in transit from a lab to the hub
    mislaid: int = 0  # lost on that way, before anybody inspected them

    @property
    def usable(self) -> int:
        """Accepted pieces that are not lost, refused or recalled."""
        return self.accepted - self.lost - self.refused - self.recalled

    @property
    def kept(self) -> int:
        """Delivered pieces that may be used."""
        return self.delivered - self.recalled_there

    @property
    def to_make(self) -> int:
        """Pieces that nobody is making."""
        return self.jobs + self.deficit


def check(books: Books) -> None:
    """Do nothing if both laws hold.

    Raises:
        LawBrokenError: naming the law, the order and part, and both sums.
    """
    subject = f"order {books.order_id}, part {books.part_id}"
    need = books.usable + books.waiting + books.coming + books.to_make
    if need != books.ordered + books.surplus:
        raise LawBrokenError("the law of need", subject, need, books.ordered + books.surplus)
    found = (
        books.at_lab + books.incoming + books.at_hub + books.in_transit + books.delivered
        + books.scrap + books.refused + books.lost + books.mislaid
    )  # fmt: skip
    if books.harvested != found:
        raise LawBrokenError("the law of places", subject, books.harvested, found)
    negative = [
        name for name in books.__slots__ if isinstance(v := getattr(books, name), int) and v < 0
    ]
    if negative:
        raise LawBrokenError(
            "no figure is below zero", f"{subject}: {negative[0]}", getattr(books, negative[0]), 0
        )
