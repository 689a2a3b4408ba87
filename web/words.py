"""What states, reasons and events are called on pages, in the reader's language.

Leaves figures to `web.figures`, and whole sentences of a page to its template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType

from flask import Flask

from jobs.law import Books
from jobs.ledger.history import EventView
from jobs.lifecycle import STOPPABLE
from jobs.model import OrderState, Reason, ReasonCode
from web.figures import (
    age,
    counted,
    duration,
    hours,
    inspected,
    reach,
    received,
    received_of,
    whole,
)
from web.language import (
    Lazy,
    day_words,
    lazy_gettext,
    month_words,
    ngettext,
    number,
    weekday,
)
from web.language import gettext as _
from web.one_touch import FAULT_WORDS, LOSS_WORDS, NO_WORDS, SCRAP, STOP_WORDS
from web.sentences import said, said_here
from web.states import (
    ATTEMPT_STATES,
    BATCH_STATES,
    EVENTS,
    HUB_STEPS,
    LINKS,
    LOT_STATES,
    ORDER_STATES,
    PICKUP_STATES,
    PRINTER_STATES,
    PRIORITIES,
    PROCESSES,
    REVIEW_STATES,
    ROLES,
    RULES,
    STEPS,
    STOP_OUTCOMES,
    attempt_words,
)
from web.titles import own_title, part_words

Words = Mapping[str, Lazy]

#: What coordinator and nodes write beside a change of state, in words that never vary.
_TOLD: Words = MappingProxyType(
    {
        "no word from the node for two hours": lazy_gettext("no answer for two hours"),
        "fewer are needed": lazy_gettext("fewer are needed"),
        "it had been lost": lazy_gettext("it had been lost"),
        "bought parts in it are called back": lazy_gettext("bought parts in it are called back"),
        "left of its own accord": lazy_gettext("has left of its own accord"),
        "the lab left the network": lazy_gettext("the workshop has left the network"),
        "the node lost its journal": lazy_gettext("the workshop’s computer lost its memory"),
    }
)
_TAKEN_BACK = "taken back: "

PLAIN_REASONS: Words = MappingProxyType(
    {
        ReasonCode.NOT_CONFIRMED: lazy_gettext("waits for the coordination team to confirm"),
        ReasonCode.NOT_PLANNED: lazy_gettext("not planned yet"),
        ReasonCode.NO_NODE: lazy_gettext("no workshop has joined the network yet"),
        ReasonCode.OFFLINE: lazy_gettext("not connected"),
        ReasonCode.PAUSED: lazy_gettext("has paused"),
        ReasonCode.NO_SPOOL: lazy_gettext("no spool is loaded"),
        ReasonCode.MATERIAL: lazy_gettext("another material is loaded"),
        ReasonCode.PROCESS: lazy_gettext("its parts are made in another way"),
        ReasonCode.BED: lazy_gettext("the part is too big for the bed"),
        ReasonCode.STOCK: lazy_gettext("too little filament"),
        ReasonCode.HOURS: lazy_gettext("nobody is there for long enough"),
        ReasonCode.CEILING: lazy_gettext("its weekly ceiling is reached"),
        ReasonCode.FULL: lazy_gettext("already has work for a year"),
        ReasonCode.FAULT: lazy_gettext("out of order"),
        ReasonCode.SERVICE: lazy_gettext("out of service"),
        ReasonCode.KIT: lazy_gettext("it would make no whole kit: other parts have no place"),
        ReasonCode.UNSOUND: lazy_gettext(
            "fabnet could make no plan of it that keeps its own rules: a fault of fabnet"
        ),
        ReasonCode.ODD: lazy_gettext("what the ledger has of it cannot be used"),
        ReasonCode.RELEASE: lazy_gettext("its order is not to be begun yet"),
        ReasonCode.LATER: lazy_gettext("other printers are done sooner, or lie nearer"),
        ReasonCode.DECLINED: lazy_gettext("its maker said no"),
        ReasonCode.SCRAP: lazy_gettext("pieces did not come out well; they are made again"),
        ReasonCode.REJECTED: lazy_gettext("rejected at inspection; made again"),
        ReasonCode.REFUSED: lazy_gettext("refused on arrival; made again"),
        ReasonCode.LOST: lazy_gettext("lost on the way; made again"),
        ReasonCode.WRITTEN_OFF: lazy_gettext("written off; made again"),
        ReasonCode.RECALLED: lazy_gettext("called back; made again"),
        ReasonCode.WITHDRAWN: lazy_gettext("its design was withdrawn"),
        ReasonCode.REVOKED: lazy_gettext("the workshop has left the network; made elsewhere"),
        ReasonCode.RESPLIT: lazy_gettext(
            "given out anew: some would have come late, or another order is worth more"
        ),
        ReasonCode.CLAIMED: lazy_gettext("another printer had nothing to do"),
    }
)

#: What only those read who know the printers.
_OF_PRINTERS = frozenset(
    {
        ReasonCode.OFFLINE, ReasonCode.PAUSED, ReasonCode.NO_SPOOL, ReasonCode.MATERIAL,
        ReasonCode.PROCESS, ReasonCode.BED, ReasonCode.HOURS, ReasonCode.CEILING, ReasonCode.FULL,
        ReasonCode.FAULT, ReasonCode.SERVICE, ReasonCode.KIT, ReasonCode.ODD, ReasonCode.LATER,
        ReasonCode.DECLINED,
    }
)  # fmt: skip


def requesters_reasons(codes: Iterable[ReasonCode]) -> tuple[str, ...]:
    """Return what a requester reads of pieces without a place: nothing of single printers, nothing twice."""
    words = (
        _("no printer can take them yet") if code in _OF_PRINTERS else str(PLAIN_REASONS[code])
        for code in codes
    )
    return tuple(dict.fromkeys(words))


def order_state(state: OrderState, books: Iterable[Books]) -> str:
    """Return what an order's state is called; one without a place is not being made."""
    lines = tuple(books)
    if state is OrderState.CONFIRMED and lines and all(b.deficit >= b.ordered for b in lines):
        return _("confirmed, no place yet")
    return str(ORDER_STATES[state])


def told(reason: str) -> str:
    """Return why something was so: in words that the network knows, or a person's own as they are."""
    why = reason.removeprefix(_TAKEN_BACK)
    if why != reason:
        return _("taken back: %(why)s", why=PLAIN_REASONS.get(why, why))
    for table in (SCRAP, NO_WORDS, STOP_WORDS, LOSS_WORDS, FAULT_WORDS, _TOLD, PRINTER_STATES):
        if reason in table:
            return str(table[reason])
    return said_here(reason)


def made_of(material: str) -> str:
    """Return what a plate is made of; how, where its material is a person's process."""
    return str(PROCESSES.get(material, material))


def _figure(value: float | None) -> str:
    return "?" if value is None else number(round(value, 1))


def reason(found: Reason, asked: tuple[str, ...] = ()) -> str:
    """Return a reason with its figures.

    Args:
        found: the reason.
        asked: codes of the materials that the part may be made of, where they are known.
    """
    if found.needed is not None and found.available is not None:
        with_figures = _with_figures(found, found.needed, found.available)
        if with_figures:
            return with_figures
    if found.code is ReasonCode.MATERIAL and found.text and asked:
        return _(
            "%(loaded)s is loaded; %(asked)s is asked for",
            loaded=found.text,
            asked=_(" or ").join(asked),
        )
    if found.code is ReasonCode.PROCESS and found.text in PROCESSES:
        return f"{PLAIN_REASONS[found.code]}: {PROCESSES[found.text]}"
    if found.code is ReasonCode.UNSOUND and found.text in RULES:
        return f"{PLAIN_REASONS[found.code]} ({RULES[found.text]})"
    if found.code is ReasonCode.SERVICE and found.text:
        return _("out of service until %(day)s", day=day_words(found.text))
    if found.code is ReasonCode.RELEASE and found.text:
        return _("not before %(day)s", day=day_words(found.text))
    words = str(PLAIN_REASONS[found.code])
    text = told(found.text)
    return f"{words} ({text})" if text else words


def _with_figures(found: Reason, needed: float, available: float) -> str:
    figures = {"needed": _figure(needed), "available": _figure(available)}
    match found.code:
        case ReasonCode.BED if needed > available:
            return _("needs %(needed)s mm, bed is %(available)s mm", **figures)
        case ReasonCode.BED:
            return _(
                "%(needed)s mm long, but it needs room in both directions: the bed has"
                " %(available)s mm",
                **figures,
            )
        case ReasonCode.STOCK if found.text:
            return _(
                "needs %(needed)s g of %(material)s, %(available)s g left",
                material=found.text,
                **figures,
            )
        case ReasonCode.STOCK:
            return _("needs %(needed)s g, %(available)s g left", **figures)
        case ReasonCode.HOURS:
            return _(
                "needs %(needed)s h with somebody there, the longest stretch is %(available)s h",
                **figures,
            )
        case ReasonCode.CEILING if needed > available:
            return _("a plate takes %(needed)s h, its weekly ceiling is %(available)s h", **figures)
        case ReasonCode.CEILING:
            return _("weekly ceiling of %(available)s h is reached until Monday", **figures)
        case ReasonCode.LATER if needed > available:
            return _(
                "with all else that it makes it would be done in %(needed)s h; what had no place is done"
                " elsewhere in %(available)s h",
                **figures,
            )
        case ReasonCode.LATER:
            return _(
                "would be done in %(needed)s h; what had no place is done in %(available)s h on printers"
                " that lie nearer or send a parcel anyway",
                **figures,
            )
    return ""


def _event_figures(found: EventView) -> str:
    data = found.data
    match found.kind:
        case "asked" | "lowered":
            return ngettext("%(num)s kit", "%(num)s kits", int(data["kits"]))
        case "prioritised":
            return _(
                "%(then)s, was %(before)s",
                then=PRIORITIES[str(data["to"])],
                before=PRIORITIES[str(data["before"])],
            )
        case "not-before":
            return day_words(str(data["to"])) if data["to"] else _("no day any more")
        case "planned":
            if data["short"]:
                return ngettext(
                    "%(num)s piece placed, %(short)s without a place",
                    "%(num)s pieces placed, %(short)s without a place",
                    int(data["pieces"]),
                    short=data["short"],
                )
            return ngettext("%(num)s piece placed", "%(num)s pieces placed", int(data["pieces"]))
        case "harvested" | "counted-besides":
            return counted(int(data["good"]), int(data["scrap"]))
        case "inspected":
            return inspected(int(data["accepted"]), int(data["rejected"]))
        case (
            "packed"
            | "rework"
            | "spoilt"
            | "bag-announced"
            | "bag-taken"
            | "bag-arrived"
            | "bag-counted"
            | "plate-claimed"
            | "split-again"
            | "written-off"
            | "taken-back"
            | "called-back"
            | "recall-read"
            | "recall-waived"
            | "passed-on"
            | "taken-over"
            | "turned-up"
        ):
            return ngettext("%(num)s piece", "%(num)s pieces", int(data["pieces"]))
        case "received":
            names = ("received", "refused", "lost", "damaged")
            return received(*(int(data.get(name, 0)) for name in names))
    return ""


def event(found: EventView) -> str:
    """Return a line of an order's history in words."""
    state = found.kind.removeprefix("attempt-")
    if state != found.kind:
        words = _(
            "Plate %(ref)s: %(state)s",
            ref=found.subject,
            state=ATTEMPT_STATES.get(state, ATTEMPT_STATES["unknown"]),
        )
    else:
        words = str(EVENTS.get(found.kind, found.kind))
    why = str(found.data.get("reason", ""))
    why = str(PLAIN_REASONS.get(why, why)) if found.kind == "taken-back" else told(why)
    figures = ""
    # Of a line whose figures cannot be read, or are not all there, its kind is told.
    with suppress(LookupError, ValueError):
        figures = _event_figures(found)
    details = ", ".join(part for part in (figures, why) if part)
    return f"{words} ({details})" if details else words


def register(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(
        attempt_states=ATTEMPT_STATES,
        attempt_words=attempt_words,
        batch_states=BATCH_STATES,
        priorities=PRIORITIES,
        stop_outcomes=STOP_OUTCOMES,
        counted_words=counted,
        inspected_words=inspected,
        received_words=received_of,
        link_words=LINKS,
        fault_words=FAULT_WORDS,
        loss_words=LOSS_WORDS,
        lot_states=LOT_STATES,
        no_words=NO_WORDS,
        hub_steps=HUB_STEPS,
        order_state=order_state,
        pickup_states=PICKUP_STATES,
        plain_reasons=PLAIN_REASONS,
        printer_states=PRINTER_STATES,
        processes=PROCESSES,
        review_states=REVIEW_STATES,
        role_words=ROLES,
        rule_words=RULES,
        scrap_words=SCRAP,
        step_words=STEPS,
        stop_words=STOP_WORDS,
        stoppable=STOPPABLE,
        weekday=weekday,
    )
    app.jinja_env.filters.update(
        age=age,
        duration=duration,
        day_words=day_words,
        event_words=event,
        hours_words=hours,
        made_of=made_of,
        month_words=month_words,
        own_title=own_title,
        part_words=part_words,
        reach=reach,
        reason_words=reason,
        requesters_reasons=requesters_reasons,
        said=said,
        told_words=told,
        whole=whole,
    )
