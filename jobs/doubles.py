"""Requests that may have been made twice: for a steward to see, and never for a requester to look up. Pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from jobs.model import Order, OrderState

#: So long before or after each other two requests may be one.
WINDOW = timedelta(days=14)
_LEAST_DIGITS = 6
#: A country's own zero, and how it is left out when the country is named: +33 2 40... is 02 40...
_COUNTRY = re.compile(r"^(?:\+|00)(?:33|32|41|49|34|39)(?:\(?0\)?)?")


class Sign(enum.StrEnum):
    """What two requests have in common."""

    SAME = "same"  # place, design, number and day
    PLACE = "place"  # place and design
    CONTACT = "contact"  # a telephone number or an address of mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """Another request that may be the same."""

    order: Order
    sign: Sign


def plain_place(text: str) -> str:
    """Return a place without accents, capitals and marks."""
    bare = unicodedata.normalize("NFKD", text)
    letters = "".join(c for c in bare if not unicodedata.combining(c)).casefold()
    return " ".join(re.findall(r"[a-z0-9]+", letters))


def ways(contact: str) -> frozenset[str]:
    """Return the telephone numbers and addresses of mail in a contact, each written in one way."""
    found = {word.casefold().strip(".,;<>()") for word in contact.split() if "@" in word}
    for piece in re.split(r"[/;,]|\b(?:et|ou|and|or)\b", contact):
        if "@" in piece:
            continue
        digits = re.sub(r"[^\d+]", "", piece)
        number = _COUNTRY.sub("0", digits)
        if len(number) >= _LEAST_DIGITS:
            found.add(number)
    return frozenset(found)


def doubles(
    order: Order, others: Iterable[Order], designs: Mapping[str, str]
) -> tuple[Double, ...]:
    """Return the requests that may be the same as this one, the likeliest first.

    What was turned down or cancelled is no double of anything, nor are trials.

    Args:
        order: the one that is looked at.
        others: all that may be the same; itself among them does no harm.
        designs: the design of each revision; one without is its own.
    """
    over = (OrderState.REFUSED, OrderState.CANCELLED)
    mine, place, reach = (
        order.request,
        plain_place(order.request.place),
        ways(order.request.contact),
    )
    found = []
    for other in others:
        its = other.request
        apart = abs(other.created_at - order.created_at)
        if other.id == order.id or other.state in over or its.sandbox or apart > WINDOW:
            continue
        alike = plain_place(its.place) == place and _design(its.revision_id, designs) == _design(
            mine.revision_id, designs
        )
        if alike and (its.kits, its.due) == (mine.kits, mine.due):
            found.append(Double(order=other, sign=Sign.SAME))
        elif alike:
            found.append(Double(order=other, sign=Sign.PLACE))
        elif reach & ways(its.contact):
            found.append(Double(order=other, sign=Sign.CONTACT))
    rank = list(Sign)
    return tuple(sorted(found, key=lambda d: (rank.index(d.sign), d.order.created_at, d.order.id)))


def _design(revision_id: str, designs: Mapping[str, str]) -> str:
    return designs.get(revision_id, revision_id)
