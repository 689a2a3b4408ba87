"""From the ledger to a delivery note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import url_for

from designs.model import Revision
from designs.regulation import Profile, Words, profiles
from jobs.coordinator.people import name_of
from jobs.hub import Gate
from jobs.ledger import bought, hub, links, parcels, reviews, views
from jobs.ledger.books import books
from jobs.ledger.parcels import LotFacts, Parcel
from jobs.model import UNKNOWN
from jobs.order_facts import facts_in
from web.context import Context
from web.documents.address_label import Address
from web.documents.delivery_note import Note, NoteLine, PartSum
from web.language import Speech
from web.states import PROCESSES
from web.titles import OWN

_ID = 8  # letters of a revision's fingerprint


def parcel_url(context: Context, batch_id: str) -> str:
    """Return the secret address of a parcel, where its reception is said."""
    key = links.key_of(context.ledger.reading, "parcel", batch_id)
    path = url_for("deliveries.parcel", batch_id=batch_id, key=key)
    return context.settings.public_url + path


def rule_of(context: Context, found: Parcel) -> Profile | None:
    """Return the profile under which a parcel left; before, the one that it would leave under."""
    if found.batch.dispatched_at is not None:
        return profiles().get(found.profile)
    db = context.ledger.reading
    order = views.order(db, found.batch.order_id)
    chosen = reviews.profile_choice(db, order.request.revision_id)
    return None if chosen is None else profiles().get(chosen.profile)


def note_of(context: Context, batch_id: str) -> Note:
    """Return what stands on a parcel's delivery note.

    Raises:
        NotFoundError: there is no such batch.
    """
    db = context.ledger.reading
    found = parcels.parcel(db, batch_id)
    batch = found.batch
    order = views.order(db, batch.order_id)
    revision = context.revision(order.request.revision_id)
    rule = rule_of(context, found)
    zone = ZoneInfo(context.settings.timezone)
    parts = _titles(revision)
    lots = parcels.lots_in(db, batch_id)
    gates = {lot.code: hub.gate_of(db, lot.code) for lot in lots}
    design = order.request.revision_id[:_ID]
    facts, _words = facts_in(order.request.note)
    return Note(
        number=batch.id,
        network=context.settings.network_name,
        hub_address=context.settings.hub_address,
        call=context.settings.hub_contact,
        order=order.id,
        asked=_day(order.created_at, zone),
        place=order.request.place,
        requester=order.request.requester,
        address=", ".join(
            filter(
                None,
                (
                    facts.get("adresse"),
                    f"{facts.get('code_postal', '')} {facts.get('ville', '')}".strip(),
                ),
            )
        ),
        finess=facts.get("finess", ""),
        purchase_order=facts.get("reference_externe", ""),
        date=_moment(batch.dispatched_at or batch.packed_at, zone),
        at=context.now(),
        design=_both(revision.title) if revision else Words(fr=design, en=design),
        revision=f"{revision.version} ({revision.id[:_ID]})" if revision else design,
        carried=_carried(found),
        inspected=_names(context, (gate.inspected_by for gate in gates.values())),
        released=_names(context, (gate.signed_by for gate in gates.values())),
        lines=tuple(
            _line(lot, parts, zone, _rested(gates[lot.code], batch.packed_at, zone)) for lot in lots
        ),
        sums=sums_of(context, found, parts),
        product=rule.product if rule else None,
        statements=rule.statements if rule else (),
        cleaning=rule.cleaning if rule else None,
        skin=rule.skin if rule else None,
        url=parcel_url(context, batch_id),
        bought=tuple(
            (box.pieces, _both(box.item), box.lot) for box in bought.boxes_in(db, batch_id)
        ),
    )


def address_of(context: Context, batch_id: str) -> Address:
    """Return what stands on the address of a parcel.

    Raises:
        NotFoundError: there is no such batch.
    """
    db = context.ledger.reading
    found = parcels.parcel(db, batch_id)
    order = views.order(db, found.batch.order_id)
    facts, _words = facts_in(order.request.note)
    return Address(
        number=batch_id,
        network=context.settings.network_name,
        hub_address=context.settings.hub_address,
        call=context.settings.hub_contact,
        place=order.request.place,
        street=facts.get("adresse", ""),
        town=_town(facts),
        requester=order.request.requester,
        contact=order.request.contact,
        order=order.id,
        purchase_order=facts.get("reference_externe", ""),
        carrier=found.carrier if found.tracking else "",
        tracking=found.tracking,
        bags=len(found.batch.lots),
        pieces=sum(lot.pieces for lot in found.batch.lots),
        at=context.now(),
    )


def _town(facts: Mapping[str, str]) -> str:
    return " ".join(filter(None, (facts.get("code_postal"), facts.get("ville"))))


def sums_of(context: Context, found: Parcel, parts: Mapping[str, Words]) -> tuple[PartSum, ...]:
    """Return what of each part of its order is in a parcel, came before it, and is still to come."""
    db = context.ledger.reading
    before = parcels.sent_before(db, found.batch)
    return tuple(
        PartSum(
            part=parts.get(each.part_id, Words(fr=each.part_id, en=each.part_id)),
            ordered=each.ordered,
            before=before.get(each.part_id, 0),
            here=sum(lot.pieces for lot in found.batch.lots if lot.part_id == each.part_id),
        )
        for each in books(db, found.batch.order_id)
    )


def _carried(found: Parcel) -> str:
    if found.run is not None:
        tour = found.run
        return f"{tour.driver}, {tour.day:%d/%m/%Y} {tour.start:%H:%M}-{tour.end:%H:%M}"
    return " ".join(filter(None, (found.carrier, found.tracking)))


def _names(context: Context, logins: Iterable[str]) -> str:
    """Return what people are called, each once."""
    found = dict.fromkeys(name_of(context.ledger, login) for login in logins if login)
    return ", ".join(found)


def _rested(gate: Gate, packed_at: datetime, zone: ZoneInfo) -> str:
    """Return until when a bag had to rest; a rule that was made after it was packed is not of it."""
    until = gate.held_until
    return "" if until is None or until > packed_at else _moment(until, zone)


def _line(lot: LotFacts, parts: dict[str, Words], zone: ZoneInfo, hold: str) -> NoteLine:
    looked = f"{lot.accepted}/{lot.good}"
    return NoteLine(
        lot=lot.code,
        part=parts.get(lot.part_id, Words(fr=lot.part_id, en=lot.part_id)),
        made=_day(lot.made_at, zone),
        inspected=f"{_day(lot.inspected_at, zone)}, {looked}" if lot.inspected_at else "",
        pieces=lot.pieces,
        material="" if lot.material in PROCESSES else lot.material,
        hold=hold,
    )


def _titles(revision: Revision | None) -> dict[str, Words]:
    return {part.id: _both(part.title) for part in revision.made} if revision else {}


def _both(title: str) -> Words:
    """Return a title; one of our own in both languages."""
    return Words(fr=Speech("fr").gettext(title) if title in OWN else title, en=title)


def _day(at: datetime, zone: ZoneInfo) -> str:
    """Return a day as both languages of the sheet read it."""
    return "?" if at == UNKNOWN else f"{at.astimezone(zone):%d/%m/%Y}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return "?" if at == UNKNOWN else f"{at.astimezone(zone):%d/%m/%Y %H:%M}"
