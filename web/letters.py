"""The words of letters to people: short, one thing to do, one link to it, and how to be told less.

Made without a request, so it speaks through the catalogues alone. Leaves who is told what to
`jobs.telling`, and the form of a mail or a webhook to `fabnet`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from jobs.model import CourierKind
from jobs.notice_kinds import TO_REQUESTERS, Kind
from web.language import Speech
from web.sentences import say

#: Pages that letters lead to.
WAITING_PATH, CHOICE_PATH, STOP_PATH = "/waiting", "/told", "/told/stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all letters of a network have in common."""

    network: str
    public_url: str  # of the pages, without a slash at the end
    secret: bytes  # signs the links that end all letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom a letter goes to: a person with an account, or the requester of an order."""

    to: str  # the address
    login: str = ""
    order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a person reads."""

    subject: str
    text: str  # without the foot
    url: str  # where the one thing is done; "" where there is nothing to do
    foot: str  # how to be told less
    stop_url: str

    @property
    def whole(self) -> str:
        """The text of a mail."""
        lines = [self.text, self.url] if self.url else [self.text]
        return "\n".join([*lines, "", "-- ", self.foot, self.stop_url, ""])

    @property
    def short(self) -> str:
        """The text of a push message: its own link is the whole message."""
        return f"{self.text.strip()}\n\n{self.foot}\n{self.stop_url}\n"


def _short(to: str) -> str:
    return hashlib.sha256(to.encode()).hexdigest()[:16]


def _signer(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="told no more")


def stop_token(secret: bytes, reader: Reader) -> str:
    """Return what proves that its holder was sent a letter for this reader at this address."""
    return str(_signer(secret).dumps([reader.login, reader.order_id, _short(reader.to)]))


def read_stop_token(secret: bytes, token: str) -> Reader | None:
    """Return the reader of a token, with a shortened address; None where nobody was given it."""
    try:
        login, order_id, to = _signer(secret).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return Reader(login=str(login), order_id=str(order_id), to=str(to))


def is_sent_to(shortened: str, to: str) -> bool:
    """Return whether a token's shortened address is this one."""
    return bool(to) and shortened == _short(to)


def letter(
    kind: Kind,
    facts: Mapping[str, str | int],
    language: str,
    reader: Reader,
    head: Letterhead,
    order_path: str = "",
) -> Letter:
    """Return the words of one notice; `order_path` is a requester's own page, "" where none is named."""
    speech = Speech(language)
    if kind in TO_REQUESTERS:
        (subject, text), path = _to_requester(speech, kind, facts, head.network), order_path
    else:
        subject, text = _words(speech, kind, facts, head.network)
        path = CHOICE_PATH if kind is Kind.HELLO else WAITING_PATH
        if kind is Kind.ADVICE:
            path = f"/labs/{facts['name']}/given"
    stop = f"{head.public_url}{STOP_PATH}/{stop_token(head.secret, reader)}"
    _ = speech.gettext
    return Letter(
        subject=subject,
        text=text,
        url=f"{head.public_url}{path}" if path else "",
        foot=_("To be told less, or nothing more – no need to sign in:"),
        stop_url=stop,
    )


def _to_requester(
    speech: Speech, kind: Kind, facts: Mapping[str, str | int], network: str
) -> tuple[str, str]:
    _ = speech.gettext
    kits, day = facts["kits"], speech.day(str(facts["due"]))
    match kind:
        case Kind.ORDER_ASKED:
            subject = _("%(network)s has your request", network=network)
            # Nobody has looked at it yet, and this may be the address of a stranger.
            text = _(
                "Your request for %(kits)s pieces has arrived. You need not do anything: the"
                " coordination team calls you before anything is made, and then you get a link to"
                " follow it.", kits=kits,
            )  # fmt: skip
        case Kind.ORDER_CONFIRMED:
            subject = _("Your %(kits)s pieces are being made", kits=kits)
            text = _(
                "Your request is confirmed, for %(day)s. Follow it here. Keep this link to yourself:"
                " whoever has it can see your order.", day=day,
            )  # fmt: skip
        case Kind.ORDER_REFUSED:
            subject = _("Your request cannot be made")
            text = _(
                "The coordination team writes: %(reason)s\n\nYour request, and how to ask again:",
                reason=facts["reason"],
            )
        case Kind.ORDER_NEED:
            subject = _("Do you still need your %(kits)s pieces?", kits=kits)
            text = _(
                "You asked for them for %(day)s, and the next parcel is ready. It leaves once you have"
                " said here that you need all of them, fewer, or none any more:", day=day,
            )  # fmt: skip
        case Kind.ORDER_CANCELLED:
            subject = _("Your order is cancelled")
            text = _(
                "Nothing more is made or sent for it. What there was to read of it, and how to ask again:"
            )
        case Kind.ORDER_RECALLED:
            subject = speech.ngettext(
                "Please put %(num)s piece aside: it is called back",
                "Please put %(num)s pieces aside: they are called back",
                int(facts["pieces"]),
            )
            text = _(
                "Do not use them: %(reason)s.\n\nWhich bags they came in, and where to say that you"
                " have read this:", reason=str(facts["reason"]).rstrip("."),
            )  # fmt: skip
        case Kind.ORDER_HANDED:
            subject = _("A parcel was handed over to you")
            text = _(
                "So says the courier. Please count it, and say here what has arrived, or that nothing"
                " has:"
            )
        case _:
            subject, way = _way(speech, facts)
            text = "\n\n".join([*way, _("When it has arrived, count it and say so here:")])
    return subject, text


def _way(speech: Speech, facts: Mapping[str, str | int]) -> tuple[str, list[str]]:
    """Return the subject of a parcel's letter, and how the parcel comes."""
    _ = speech.gettext
    match facts.get("courier"):
        case CourierKind.CARRIER:
            way = [
                _("%(carrier)s brings it, under the number %(tracking)s.",
                  carrier=facts["carrier"], tracking=facts["tracking"]),
                *filter(None, [str(facts.get("link", ""))]),
            ]  # fmt: skip
        case CourierKind.DRIVER:
            way = [
                _("A volunteer brings it on %(day)s between %(start)s and %(end)s.",
                  day=speech.day(str(facts["day"])), start=facts["from"], end=facts["to"]),
                _("Please let somebody be there who can take it."),
            ]  # fmt: skip
        case _:
            way = []
    return _("A parcel is on its way to you"), way


def _words(
    speech: Speech, kind: Kind, facts: Mapping[str, str | int], network: str
) -> tuple[str, str]:
    _, ngettext = speech.gettext, speech.ngettext
    count, name = int(facts.get("count", 1)), facts.get("name", "")
    match kind:
        case Kind.ALARM:
            return _alarm(speech, facts)
        case Kind.OFFERS:
            subject = ngettext(
                "A plate for %(name)s: do you take it?", "%(num)s plates wait for your answer",
                count, name=name,
            )  # fmt: skip
            text = _(
                "Say yes or no here. If you do not answer within two hours, others are asked:"
                " that is no harm."
            )
        case Kind.BEDS:
            subject = ngettext(
                "%(name)s waits for you", "%(num)s printers wait for you", count, name=name
            )
            text = _(
                "Clear the bed, count the parts and say so here. The printer does not heat or move"
                " before."
            )
        case Kind.ADVICE:
            subject = _("How your pieces can be made better")
            text = _(
                "A hospital has written what was wrong with pieces, and an inspector says what can be"
                " done better. Thank you for every piece, these too. Read both here:"
            )
        case Kind.HUB:
            subject = ngettext(
                "1 thing waits at the hub", "%(num)s things wait at the hub", count, name=name
            )
            text = _(
                "Bags to fetch, lots to inspect, or parcels to pack and hand over. See which here:"
            )
        case Kind.TEAM:
            subject = ngettext(
                "1 request waits for you: %(name)s", "%(num)s requests wait for you",
                count, name=name,
            )  # fmt: skip
            text = _team(speech, facts)
        case Kind.DIGEST:
            return _digest(speech, facts)
        case _:
            subject = _("You will be told here: %(network)s", network=network)
            text = _(
                "This address was entered at %(network)s, and it works. Choose what you are told,"
                " and when, here. If it was not you, stop it with the second link.",
                network=network,
            )
    return subject, text


def _team(speech: Speech, facts: Mapping[str, str | int]) -> str:
    _ = speech.gettext
    text = _(
        "Somebody asks for help, a workshop wants to join, or an order has no plan by a fault"
        " of fabnet. See which here:"
    )
    if "printers" not in facts:
        return text
    odd = _(
        "What the ledger has of these printers cannot be used, and they get nothing until their"
        " nodes are started again: %(printers)s.", printers=facts["printers"],
    )  # fmt: skip
    return f"{odd}\n\n{text}"


def _alarm(speech: Speech, facts: Mapping[str, str | int]) -> tuple[str, str]:
    _ = speech.gettext
    printer, lab, words = (facts.get(name, "") for name in ("printer", "lab", "words"))
    if "silent_min" in facts:
        subject = _("%(printer)s prints on out of sight, and may be hot", printer=printer)
        return subject, "\n\n".join(
            [
                _(
                    "%(lab)s has been out of reach for %(minutes)s min, and %(printer)s was printing there."
                    " It prints on by itself, and may still be hot: nobody sees it from here.",
                    lab=lab, printer=printer, minutes=facts["silent_min"],
                ),
                _(
                    "If you can, go and look. Most often only the Internet is gone: then leave it printing."
                    " Switch it off if something is wrong."
                ),
                _("This ends by itself when the workshop’s computer is back. How things stand:"),
            ]
        )  # fmt: skip
    subject = _("%(printer)s may still be hot: switch it off", printer=printer)
    lines = [
        _("Something went wrong at %(printer)s (%(lab)s).", printer=printer, lab=lab),
        _("The printer may still be hot. Go there now and switch it off."),
    ]
    if words:
        lines.append(_("Its computer says: %(words)s", words=say(str(words), speech)))
    lines.append(_("When it is safe, say here what is on the bed:"))
    return subject, "\n\n".join(lines)


def _digest(speech: Speech, facts: Mapping[str, str | int]) -> tuple[str, str]:
    counts = {Kind(name): int(count) for name, count in facts.items()}
    subject = speech.ngettext(
        "Today: %(num)s thing waits for you",
        "Today: %(num)s things wait for you",
        sum(counts.values()),
    )
    return subject, "".join(f"- {_counted(speech, *each)}\n" for each in counts.items())


def _counted(speech: Speech, kind: Kind, count: int) -> str:
    ngettext = speech.ngettext
    match kind:
        case Kind.OFFERS:
            return ngettext(
                "%(num)s plate waits for an answer", "%(num)s plates wait for an answer", count
            )
        case Kind.BEDS:
            return ngettext(
                "%(num)s printer waits for somebody", "%(num)s printers wait for somebody", count
            )
        case Kind.HUB:
            return ngettext(
                "%(num)s thing to do at the hub", "%(num)s things to do at the hub", count
            )
        case _:
            return ngettext("%(num)s request to answer", "%(num)s requests to answer", count)
