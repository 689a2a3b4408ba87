"""What people are told: what they choose, alarms as they happen, and what has waited long enough.

Nothing is sent here: letters are rows of the outbox, written in the transaction that makes them due.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from jobs.addresses import is_address, mail_in
from jobs.coordinator.people import person
from jobs.errors import InvalidFieldError
from jobs.ledger import complaints, labs, notices, unplanned
from jobs.ledger.cells import FACTS
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger
from jobs.ledger.waiting import waiting
from jobs.model import Role
from jobs.notice_kinds import CHOICES, PACES, Channel, Kind
from jobs.telling import AGAIN_AFTER, DAY_MIN, Listener, Notice, Thing, Trouble, alarms, due, hello

_MOST_WEBHOOK = 500
#: So long advice is told; sooner than anything is told a second time.
_NEW = AGAIN_AFTER - timedelta(hours=1)
_WEBHOOK = re.compile(r"https?://[!-~]+")


def choice_of(ledger: Ledger, login: str) -> Listener:
    """Return what a person wants to be told; all but the digest where she has not chosen yet.

    Raises:
        NotFoundError: there is no such account.
    """
    known = notices.listener(ledger.reading, login)
    if known is not None:
        return known
    found = person(ledger, login)
    kinds = frozenset(CHOICES[found.role]) - {Kind.DIGEST}
    return Listener(login=login, role=found.role, node=found.node, kinds=kinds)


def choose(ledger: Ledger, choice: Listener, now: datetime) -> None:
    """Keep what a person wants to be told; new addresses get a first letter.

    What still waits for her is dropped: it goes by the new choice.

    Raises:
        InvalidFieldError: naming the field.
        NotFoundError: there is no such account.
    """
    _check(choice)
    before = choice_of(ledger, choice.login)
    fresh = replace(
        choice,
        address="" if choice.address == before.address else choice.address,
        webhook="" if choice.webhook == before.webhook else choice.webhook,
    )
    with ledger.transaction() as db:
        notices.keep_listener(db, choice, now)
        notices.drop(db, choice.login, now, (choice.address, choice.webhook))
        notices.write(db, hello(fresh, now), now)


def _check(choice: Listener) -> None:
    if choice.address and not is_address(choice.address):
        raise InvalidFieldError("address", "is no address of mail")
    long = len(choice.webhook) > _MOST_WEBHOOK
    if choice.webhook and (long or not _WEBHOOK.fullmatch(choice.webhook)):
        raise InvalidFieldError("webhook", "write it as https://ntfy.example/topic")
    if not choice.kinds <= {*CHOICES[choice.role]}:
        raise InvalidFieldError("kinds", "is not told to this role")
    for name in ("quiet_from_min", "quiet_to_min", "digest_min"):
        if not 0 <= getattr(choice, name) < DAY_MIN:
            raise InvalidFieldError(name, "is no time of day")


def stop(ledger: Ledger, login: str, now: datetime) -> None:
    """Tell a person nothing more, by no way, until she chooses again. Twice is as good as once."""
    known = notices.listener(ledger.reading, login)
    if known is None or not known.kinds:
        return
    with ledger.transaction() as db:
        notices.keep_listener(db, replace(known, kinds=frozenset()), now)
        notices.drop(db, login, now, ("", ""))
        event(db, "", "telling-stopped", login, login, now)


def trouble(
    db: sqlite3.Connection, key: str, node: str, printer: str, words: str, now: datetime
) -> None:
    """Write alarms down, in the transaction that keeps what went wrong; `key` names the event."""
    people = notices.listeners_at(db, node)
    if not any(Kind.ALARM in each.kinds for each in people):
        return
    lab = db.execute("select lab from node where id = ?", (node,)).fetchone()
    title = db.execute(
        f"select json_extract({FACTS}, '$.title') from printer p where node = ? and id = ?",
        (node, printer),
    ).fetchone()
    found = Trouble(
        key=key,
        node=node,
        printer=printer,
        title=title[0] if title and title[0] else printer,
        lab=lab["lab"] if lab else node,
        words=words,
    )
    told = notices.alarms_since(db, node, now - timedelta(days=1))
    notices.write(db, alarms(found, people, told, now), now)


def on_order(
    db: sqlite3.Connection,
    order_id: str,
    kind: Kind,
    which: str,
    now: datetime,
    **facts: str | int,
) -> None:
    """Write a letter to a requester down, if she gave an address of mail and has not ended them.

    `which` names the event, so that it is one letter. Nothing that a form was filled with goes into it
    before a steward has verified her: anybody may write anybody's address there. Of a recall she reads
    though she has ended all letters: she has pieces that may harm.
    """
    row = db.execute("select * from orders where id = ?", (order_id,)).fetchone()
    contact = mail_in(row["contact"])
    ended = row["untold"] and kind is not Kind.ORDER_RECALLED
    if ended or row["sandbox"] or not contact:
        return
    facts |= {"kits": row["kits"], "due": row["due"]}
    if kind is Kind.ORDER_REFUSED:
        facts["reason"] = row["closed_reason"]
    letter = Notice(
        key=f"{kind}:{which}:{Channel.MAIL}",
        kind=kind,
        channel=Channel.MAIL,
        to=contact,
        language=row["language"],
        ref=order_id,
        facts=facts,
        expires_at=now + PACES[kind].good_for,
    )
    notices.write(db, [letter], now)


def stop_order(ledger: Ledger, order_id: str, now: datetime) -> None:
    """Send a requester nothing more on an order. Twice is as good as once."""
    with ledger.transaction() as db:
        db.execute("update orders set untold = 1 where id = ?", (order_id,))
        notices.drop_about(db, order_id, now)


def tell(ledger: Ledger, now: datetime, zone: tzinfo) -> int:
    """Write down the letters that are due by now; return how many. Called again and again."""
    db = ledger.reading
    people = notices.listeners(db)
    if not people:
        return 0
    found = due(_things(db, now), people, notices.told_since(db, now - AGAIN_AFTER), now, zone)
    found += _silences(db, now)
    if not found:
        return 0
    with ledger.transaction() as writing:
        return notices.write(writing, found, now)


def _silences(db: sqlite3.Connection, now: datetime) -> tuple[Notice, ...]:
    """Return the alarms on printers that print on at silent labs."""
    printers = labs.out_of_sight(db, now)
    # Where every lab is silent, it is not they who are cut off.
    alone = not db.execute("select 1 from node where online = 1").fetchone()
    if alone and len({node.id for node, _ in printers}) > 1:
        return ()
    found: list[Notice] = []
    for node, printer in printers:
        attempt, seen_at = printer.attempt, node.seen_at
        if attempt is None or seen_at is None:
            continue
        trouble = Trouble(
            key=f"silent-{attempt.ref}@{seen_at.isoformat()}",
            node=node.id,
            printer=printer.facts.id,
            title=printer.facts.title,
            lab=node.lab,
            words="",
            silent_since=seen_at,
        )
        people = notices.listeners_at(db, node.id)
        told = notices.alarms_since(db, node.id, now - timedelta(days=1))
        found += alarms(trouble, people, told, now)
    return tuple(found)


def _things(db: sqlite3.Connection, now: datetime) -> list[Thing]:
    """Return what waits for anybody: a steward's list holds everybody's."""
    printers = [(node, each) for node in labs.fleet(db) for each in node.printers]
    titles = {(node.id, each.facts.id): each.facts.title for node, each in printers}
    found = [
        Thing(
            kind=each.kind,
            key=f"{each.kind}:{each.key}",
            node=each.node,
            name=titles.get((each.node, each.printer), each.text),
            since=each.since,
        )
        for each in waiting(db, Role.STEWARD, now=now)
    ]
    # No answer ends a fault of fabnet's own; but a person may report it.
    found += [
        Thing(kind="left-out", key=f"left-out:{order}@{since}", name=place, since=since)
        for order, (place, since) in unplanned.orders(db).items()
    ]
    found += [
        Thing(
            kind="odd", key=f"odd:{node.id}/{each.facts.id}", node=node.id,
            name=f"{each.facts.title} ({node.lab})",
        )
        for node, each in printers
        if each.odd
    ]  # fmt: skip
    # Advice waits for nobody: it is told once, to whose lab it is, while it is new.
    return found + [
        Thing(kind="advice", key=f"advice:{each.id}", node=node, name=node, since=each.read_at)
        for each, node in complaints.passed_on(db, now - _NEW)
    ]
