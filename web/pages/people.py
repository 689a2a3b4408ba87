"""Signing in and out, and what waits for the one who has signed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import cast

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import PRINTED
from jobs.coordinator.people import Person
from jobs.ledger import first_mile, labs, members, paces, views
from jobs.ledger.books import books
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.views import AttemptView
from jobs.ledger.waiting import Waiting, can_do
from jobs.ledger.waiting import waiting as waiting_of
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.model import Role
from printers.model import MANUAL, PrinterFacts
from web import at_work
from web.auth import begin_session, check_password, end_session, me, safe_next
from web.context import Context, here
from web.feeds import WHOLE, Feed
from web.forms import REFUSALS, Form, attempt_ref
from web.idle import Hint, of_maker, of_silence, of_steward
from web.language import gettext as _
from web.streaming import parts, stream

pages = Blueprint("people", __name__)

#: So many things that wait for makers a steward sees at once.
_FEW = 3


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> str | AnyResponse | tuple[str, int]:
    """Sign in with login and password."""
    target = request.values.get("next", "")
    form = Form(request.form)
    if request.method == "GET":
        return render_template("sign_in.html", form=form, next=target)
    found = check_password(form["login"].strip(), form["password"])
    if found is None:
        form.typed.pop("password", None)
        form.wrong("login", _("Login and password do not match."))
        return render_template("sign_in.html", form=form, next=target), 422
    begin_session(found)
    return redirect(safe_next(target), 303)


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """Sign out."""
    end_session()
    return redirect(url_for("requesters.home"), 303)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that waits, with the names that people know it by."""

    waits: Waiting
    place: str  # the order's, "" where there is none
    due: date | None
    printer: str  # its title, "" where there is none
    lab: str
    by_hand: bool  # the printer is fed from an SD card
    plate: AttemptView | None  # that is offered, to be printed or to be counted
    part: str  # what the plate is made of
    printed: bool  # a printer makes it; else a person, by another process


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All that the page of somebody shows."""

    waits: tuple[Waiting, ...]
    hints: tuple[Hint, ...]
    idle: tuple[PrinterFacts, ...]
    coming: tuple[tuple[PrinterFacts, AttemptView], ...]
    bags: int  # at hers, and not announced
    prints: bool  # a printer of hers is at it, see `web.at_work`


def _tasks(waits: Iterable[Waiting]) -> list[Task]:
    context = here()
    db = context.ledger.reading
    printers = {
        (node.id, printer.facts.id): (printer.facts, node.lab)
        for node in labs.fleet(db)
        for printer in node.printers
    }
    orders = {o.id: o.request for o in views.orders(db)}
    tasks = []
    for each in waits:
        facts, lab = printers.get((each.node, each.printer), (None, ""))
        asked = orders.get(each.order_id)
        on_plate = each.kind in ("offer", "print", "harvest")
        plate = views.attempt(db, attempt_ref(each.key)) if on_plate else None
        tasks.append(
            Task(
                waits=each,
                place=asked.place if asked else "",
                due=asked.due if asked else None,
                printer=facts.title if facts else each.printer,
                lab=lab,
                by_hand=facts is not None and facts.link == MANUAL,
                printed=facts is None or facts.process == PRINTED,
                plate=plate,
                part=context.part_title(asked.revision_id, plate.part_id)
                if asked and plate
                else "",
            )
        )
    return tasks


def _hints(person: Person, context: Context) -> tuple[Hint, ...]:
    db = context.ledger.reading
    silent = labs.out_of_sight(db, context.now())
    if person.role is Role.STEWARD:
        return of_silence(silent) + of_steward(views.orders(db), books(db))
    node = next(iter(labs.fleet(db, (person.node,))), None)
    # A maker may have an account before her node is let in.
    if node is None:
        return ()
    hers = of_silence((lab, each) for lab, each in silent if lab.id == node.id)
    now = context.now()
    return hers + of_maker(node, now, paces.known(db, now, node.id))


def _feed() -> Feed:
    person, context = me(), here()

    def look() -> dict[str, object]:
        prints = at_work.prints_of(context, person.node) if person.role is Role.MAKER else ()
        seen = _Seen(
            waits=waiting_of(context.ledger.reading, person.role, person.node, context.now()),
            hints=_hints(person, context),
            idle=_idle(person, context),
            coming=_coming(person, context),
            bags=_bags(person, context),
            prints=bool(prints),
        )
        return {WHOLE: seen, at_work.PART: prints}

    # Who may do the same, at the same lab, waits for the same.
    return context.streams.feed(("waiting", person.role, person.node), look, at_work.show)


@pages.get("/waiting")
def waiting() -> str | AnyResponse:
    """What waits for me."""
    person, context = me(), here()
    if person.node in members.not_members(context.ledger.reading):
        return redirect(url_for("newcomers.welcome"), 303)
    feed = _feed()
    version, facts = feed.whole()
    seen = cast("_Seen", facts)
    # Newer than the version that the page names, at most: then its stream brings it once more.
    _version, (prints,) = parts(feed)
    return render_template(
        "waiting.html",
        tasks=_tasks(can_do(context.ledger.reading, seen.waits, person.login)),
        hints=seen.hints,
        refusals=REFUSALS,
        version=version,
        idle=seen.idle,
        coming=_on_the_way(seen.coming, context),
        bags=seen.bags,
        prints=prints if seen.prints else "",
        printing=seen.prints,
        few=_FEW,
    )


def _bags(person: Person, context: Context) -> int:
    """Return how many bags lie at a maker's, and are not announced."""
    if person.role is not Role.MAKER:
        return 0
    return len(first_mile.bags_at(context.ledger.reading, person.node))


def _by_hand(person: Person, context: Context) -> Iterator[tuple[NodeView, PrinterView]]:
    """Yield a maker's printers that she feeds by hand."""
    if person.role is Role.MAKER:
        for node in labs.fleet(context.ledger.reading, [person.node]):
            yield from ((node, each) for each in node.printers if each.facts.link == MANUAL)


def _idle(person: Person, context: Context) -> tuple[PrinterFacts, ...]:
    """Return those that are ready, and that have no plate."""
    return tuple(
        each.facts for _, each in _by_hand(person, context) if each.attempt is None and each.clear
    )


def _coming(person: Person, context: Context) -> tuple[tuple[PrinterFacts, AttemptView], ...]:
    """Return those for which a plate is on its way, without a word of hers; it is not in her hands yet."""
    return tuple(
        (each.facts, each.attempt)
        for node, each in _by_hand(person, context)
        if each.attempt is not None
        and each.attempt.state in UNGRANTED | {AttemptState.GRANTED}
        and not (node.asks and each.attempt.state is AttemptState.OFFERED)
    )


def _on_the_way(
    coming: Iterable[tuple[PrinterFacts, AttemptView]], context: Context
) -> list[tuple[PrinterFacts, AttemptView, str]]:
    """Add what each plate is made of."""
    return [(facts, plate, context.part_of(plate)) for facts, plate in coming]


@pages.get("/waiting/live")
def waiting_live() -> Response:
    """Tell the open page that its list has changed."""
    return stream(_feed())
