"""Figures in words, in the reader's language: what was counted, how long something takes or waits."""

from __future__ import annotations

import math
import re
from datetime import datetime

from markupsafe import Markup, escape

from jobs import hours as hours_of_week
from jobs.addresses import mail_in, number_in
from jobs.errors import InvalidFieldError
from jobs.ledger.views import BatchView
from jobs.model import UNKNOWN
from web.language import gettext as _
from web.language import local_days, ngettext, number

#: From so many hours on an age is told in days.
_DAYS_FROM_H = 48
#: Days or hours, from one to another.
_RANGE = re.compile(r"[^\s,]+-[^\s,]+")


def hours(text: str) -> Markup:
    """Return hours of a week in words, no range of which is broken; `text` is as `jobs.hours` reads it."""
    try:
        week = hours_of_week.parse(text)
    except InvalidFieldError:
        return escape(text)
    if week.always:
        return escape(_("around the clock"))
    words = str(escape(local_days(text, hours_of_week.DAYS)))
    return Markup(_RANGE.sub(r'<span class="whole">\g<0></span>', words))  # noqa: S704 - escaped above


def counted(good: int, scrap: int) -> str:
    """Return what a maker has counted, in pieces."""
    one = ngettext("%(num)s good", "%(num)s good", good)
    return ", ".join((one, ngettext("%(num)s scrap", "%(num)s scrap", scrap)))


def inspected(accepted: int, rejected: int) -> str:
    """Return what an inspection found, in pieces."""
    one = ngettext("%(num)s accepted", "%(num)s accepted", accepted)
    if not rejected:
        return one
    return ", ".join((one, ngettext("%(num)s rejected", "%(num)s rejected", rejected)))


def received_of(batch: BatchView) -> str:
    """Return what a requester has counted in of a parcel."""
    good = sum(lot.received for lot in batch.lots)
    bad = sum(lot.refused for lot in batch.lots)
    return received(good, bad, sum(lot.lost for lot in batch.lots), batch.damaged)


def received(good: int, bad: int, lost: int, damaged: int = 0) -> str:
    """Return what a requester has counted in, in pieces; of what was not, nothing is said.

    Damaged pieces are among the bad ones; the others of those were refused.
    """
    said = [ngettext("%(num)s received", "%(num)s received", good)]
    if damaged:
        said.append(ngettext("%(num)s damaged", "%(num)s damaged", damaged))
    if bad > damaged:
        said.append(ngettext("%(num)s refused", "%(num)s refused", bad - damaged))
    if lost:
        said.append(ngettext("%(num)s missing", "%(num)s missing", lost))
    return ", ".join(said)


def age(since: datetime, now: datetime) -> str:
    """Return how long something has waited, to the hour, from two days on to the day."""
    if since == UNKNOWN:
        return _("unknown")
    hours = int((now - since).total_seconds() // 3600)
    if hours < 1:
        return _("less than an hour")
    if hours < _DAYS_FROM_H:
        return _("%(hours)s h", hours=hours)
    return ngettext("%(num)s day", "%(num)s days", hours // 24)


def duration(seconds: float) -> str:
    """Return how long something takes, to the minute."""
    if not math.isfinite(seconds):
        return _("unknown")
    minutes = max(1, round(seconds / 60))
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return _("%(minutes)s min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{minutes:02}")


def whole(value: float) -> str:
    """Return a number of grams, rounded up; "unknown" where it cannot be read."""
    return number(math.ceil(value)) if math.isfinite(value) else _("unknown")


def reach(contact: str) -> Markup:
    """Return a contact whose telephone number and address of mail are links: one touch calls."""
    mail = mail_in(contact)
    number = number_in(contact.replace(mail, " ") if mail else contact)
    said = escape(contact)
    for text, href in ((number, f"tel:{re.sub(r'[^0-9+]', '', number)}"), (mail, f"mailto:{mail}")):
        if text:
            link = Markup('<a href="{}">{}</a>').format(href, text)
            said = Markup(str(said).replace(str(escape(text)), str(link), 1))  # noqa: S704 - escaped above
    return said
