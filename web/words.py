"""What states, reasons and events are called on pages, in the reader's language.

Leaves whole sentences of a page to its template.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flask import Flask

from designs.model import ReviewState
from jobs.ledger.views import EventView
from jobs.lifecycle import AttemptState
from jobs.model import BatchState, LotState, OrderState, Reason, ReasonCode, Role
from printers.model import PrinterState
from web.forms import SCRAP_REASONS
from web.language import Lazy, lazy_gettext, number
from web.language import gettext as _

Words = Mapping[str, Lazy]

ORDER_STATES: Words = MappingProxyType(
    {
        OrderState.ASKED: lazy_gettext("to be confirmed"),
        OrderState.CONFIRMED: lazy_gettext("being made"),
        OrderState.REFUSED: lazy_gettext("turned down"),
        OrderState.DELIVERED: lazy_gettext("delivered"),
    }
)

ATTEMPT_STATES: Words = MappingProxyType(
    {
        AttemptState.OFFERED: lazy_gettext("offered"),
        AttemptState.TAKEN: lazy_gettext("taken"),
        AttemptState.PREPARING: lazy_gettext("being prepared"),
        AttemptState.READY: lazy_gettext("ready to start"),
        AttemptState.GRANTED: lazy_gettext("about to start"),
        AttemptState.PRINTING: lazy_gettext("printing"),
        AttemptState.PRINTED: lazy_gettext("printed, to be counted"),
        AttemptState.HARVESTED: lazy_gettext("counted"),
        AttemptState.DECLINED: lazy_gettext("declined"),
        AttemptState.LAPSED: lazy_gettext("lapsed"),
        AttemptState.WITHDRAWN: lazy_gettext("withdrawn"),
        AttemptState.RETURNED: lazy_gettext("given back"),
        AttemptState.CANCELLED: lazy_gettext("stopped, to be counted"),
        AttemptState.FAILED: lazy_gettext("failed, to be counted"),
        AttemptState.INTERRUPTED: lazy_gettext("interrupted, to be counted"),
        AttemptState.WRITTEN_OFF: lazy_gettext("written off"),
    }
)

LOT_STATES: Words = MappingProxyType(
    {
        LotState.WAITING: lazy_gettext("waits for inspection"),
        LotState.INSPECTED: lazy_gettext("inspected"),
    }
)

BATCH_STATES: Words = MappingProxyType(
    {
        BatchState.PACKED: lazy_gettext("packed"),
        BatchState.DISPATCHED: lazy_gettext("on its way"),
        BatchState.RECEIVED: lazy_gettext("has arrived"),
    }
)

PRINTER_STATES: Words = MappingProxyType(
    {
        PrinterState.OFFLINE: lazy_gettext("out of reach"),
        PrinterState.IDLE: lazy_gettext("idle"),
        PrinterState.PRINTING: lazy_gettext("printing"),
        PrinterState.PAUSED: lazy_gettext("paused"),
        PrinterState.FAULT: lazy_gettext("out of order"),
    }
)

REVIEW_STATES: Words = MappingProxyType(
    {
        ReviewState.DRAFT: lazy_gettext("draft"),
        ReviewState.TRIED: lazy_gettext("tried out"),
        ReviewState.ACCEPTED: lazy_gettext("accepted for use"),
        ReviewState.WITHDRAWN: lazy_gettext("withdrawn"),
    }
)

ROLES: Words = MappingProxyType(
    {
        Role.MAKER: lazy_gettext("maker"),
        Role.INSPECTOR: lazy_gettext("inspection"),
        Role.STEWARD: lazy_gettext("coordination"),
    }
)

STEPS: Words = MappingProxyType(
    {
        "asked": lazy_gettext("Asked"),
        "making": lazy_gettext("Being made"),
        "inspection": lazy_gettext("Inspection"),
        "way": lazy_gettext("On its way"),
        "received": lazy_gettext("Received"),
    }
)

SCRAP: Words = MappingProxyType(
    dict(
        zip(
            SCRAP_REASONS,
            (
                lazy_gettext("Stringing"),
                lazy_gettext("Warped"),
                lazy_gettext("Did not stick"),
                lazy_gettext("Stopped halfway"),
                lazy_gettext("Never started"),
            ),
            strict=True,
        )
    )
)

_PLAIN_REASONS: Words = MappingProxyType(
    {
        ReasonCode.NOT_CONFIRMED: lazy_gettext("waits for the coordination team to confirm"),
        ReasonCode.NOT_PLANNED: lazy_gettext("not planned yet"),
        ReasonCode.NO_NODE: lazy_gettext("no workshop has joined the network yet"),
        ReasonCode.OFFLINE: lazy_gettext("out of reach"),
        ReasonCode.PAUSED: lazy_gettext("has paused"),
        ReasonCode.NO_SPOOL: lazy_gettext("no spool is loaded"),
        ReasonCode.MATERIAL: lazy_gettext("another material is loaded"),
        ReasonCode.BED: lazy_gettext("the part is too big for the bed"),
        ReasonCode.STOCK: lazy_gettext("too little filament"),
        ReasonCode.DECLINED: lazy_gettext("declined"),
        ReasonCode.SCRAP: lazy_gettext("pieces did not come out well; they are made again"),
        ReasonCode.REJECTED: lazy_gettext("rejected at inspection; made again"),
        ReasonCode.REFUSED: lazy_gettext("refused on arrival; made again"),
        ReasonCode.LOST: lazy_gettext("lost on the way; made again"),
        ReasonCode.WRITTEN_OFF: lazy_gettext("written off; made again"),
    }
)

_PLAIN_EVENTS: Words = MappingProxyType(
    {
        "asked": lazy_gettext("Asked for"),
        "confirmed": lazy_gettext("Confirmed"),
        "refused": lazy_gettext("Turned down"),
        "planned": lazy_gettext("Planned"),
        "cancel-asked": lazy_gettext("Stop asked for"),
        "harvested": lazy_gettext("Counted"),
        "written-off": lazy_gettext("Written off"),
        "inspected": lazy_gettext("Inspected"),
        "packed": lazy_gettext("Packed"),
        "dispatched": lazy_gettext("Dispatched"),
        "received": lazy_gettext("Received by the requester"),
        "delivered": lazy_gettext("Everything that was ordered has been received"),
        "bed-cleared": lazy_gettext("Bed cleared"),
    }
)


def scrap(reason: str) -> str:
    """Return a maker's reason: one of the page's choices in words, or her own words."""
    return str(SCRAP.get(reason, reason))


def _figure(value: float | None) -> str:
    return "?" if value is None else number(round(value, 1))


def reason(found: Reason) -> str:
    """Return a reason with its figures."""
    figures = {"needed": _figure(found.needed), "available": _figure(found.available)}
    if found.code is ReasonCode.BED and found.needed is not None:
        return _("needs %(needed)s mm, the bed has %(available)s mm", **figures)
    if found.code is ReasonCode.STOCK and found.needed is not None:
        return _("needs %(needed)s g, the spool has %(available)s g", **figures)
    words = str(_PLAIN_REASONS[found.code])
    text = scrap(found.text)
    return f"{words} ({text})" if text else words


def _event_figures(found: EventView) -> str:
    data = found.data
    match found.kind:
        case "asked":
            return _("%(kits)s kits", kits=data["kits"])
        case "planned":
            if data["short"]:
                return _(
                    "%(pieces)s pieces placed, %(short)s without a place",
                    pieces=data["pieces"],
                    short=data["short"],
                )
            return _("%(pieces)s pieces placed", pieces=data["pieces"])
        case "harvested":
            return _("%(good)s good, %(scrap)s scrap", good=data["good"], scrap=data["scrap"])
        case "inspected":
            return _(
                "%(accepted)s accepted, %(rejected)s rejected",
                accepted=data["accepted"],
                rejected=data["rejected"],
            )
        case "packed" | "written-off":
            return _("%(pieces)s pieces", pieces=data["pieces"])
        case "received":
            return _(
                "%(received)s received, %(refused)s refused, %(lost)s lost",
                received=data["received"],
                refused=data["refused"],
                lost=data["lost"],
            )
    return ""


def event(found: EventView) -> str:
    """Return a line of an order's history in words."""
    state = found.kind.removeprefix("attempt-")
    if state != found.kind:
        words = _("Plate %(ref)s: %(state)s", ref=found.subject, state=ATTEMPT_STATES[state])
    else:
        words = str(_PLAIN_EVENTS.get(found.kind, found.kind))
    told = scrap(str(found.data.get("reason", "")))
    details = ", ".join(part for part in (_event_figures(found), told) if part)
    return f"{words} ({details})" if details else words


def duration(seconds: float) -> str:
    """Return how long something takes, to the minute."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return _("%(minutes)s min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{minutes:02}")


def register(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(
        attempt_states=ATTEMPT_STATES,
        batch_states=BATCH_STATES,
        lot_states=LOT_STATES,
        order_states=ORDER_STATES,
        printer_states=PRINTER_STATES,
        review_states=REVIEW_STATES,
        role_words=ROLES,
        scrap_words=SCRAP,
        step_words=STEPS,
    )
    app.jinja_env.filters.update(
        duration=duration, event_words=event, reason_words=reason, scrap_words=scrap
    )
