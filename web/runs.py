"""The run that a telephone does: whoever opened its link may take its bags, label by label."""

from __future__ import annotations

from flask import session

from jobs.coordinator import first_mile
from jobs.errors import NotFoundError
from jobs.first_mile import OPEN
from jobs.ledger.first_mile import Pickup
from web.context import here

#: How an order's history calls her; her name stands in the chain of custody alone.
DRIVER = "driver"


def remember(link: str) -> None:
    """This telephone does the run of this link."""
    session["run"] = link


def run_for(code: str) -> Pickup | None:
    """Return this telephone's run if it has still to take the bag of this code."""
    link = session.get("run")
    if not isinstance(link, str):
        return None
    try:
        found = first_mile.by_link(here().ledger, link)
    except NotFoundError:  # it was given to somebody else since
        return None
    waits = any(bag.code == code and bag.at_lab for bag in found.bags)
    return found if found.state in OPEN and waits else None
