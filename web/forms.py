"""From what a person typed to values, with an error beside each field that cannot be used.

Nothing typed is lost: a page shows the same `Form` again. Leaves what the ledger refuses to the
use cases; their `InvalidFieldError` is put beside its field by `Form.wrong`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer

from jobs.coordinator.orders import MOST_KITS
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.model import AttemptRef, Request
from web.language import gettext as _

#: What a maker can say in one touch of parts that are not good; anything else is her own words.
SCRAP_REASONS = ("stringing", "warped", "did-not-stick", "stopped-halfway", "never-started")

_KEY_LIFE = timedelta(days=7)
_REF = re.compile(r"([0-9a-z]{1,32})-a([1-9][0-9]{0,5})")
_MOST_TEXT = 200
_MOST_NOTE = 2000


class Form:
    """Fields as they were typed, and what is wrong with them."""

    def __init__(self, typed: Mapping[str, str] | None = None) -> None:
        self.typed = dict(typed or {})
        self.errors: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def good(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.errors

    def wrong(self, name: str, why: str) -> None:
        """Put an error beside a field; the first one stays."""
        self.errors.setdefault(name, why)

    def refused(self, error: InvalidFieldError) -> None:
        """Put what a use case says beside the field that it names."""
        self.wrong(error.field, error.why)

    def text(self, name: str, most: int = _MOST_TEXT, *, needed: bool = True) -> str:
        """Return a field's text without white space around it."""
        value = self[name].strip()
        if needed and not value:
            self.wrong(name, _("Please fill this in."))
        elif len(value) > most:
            self.wrong(name, _("At most %(most)s letters, please.", most=most))
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """Return a whole number; spaces between its digits do no harm."""
        digits = re.sub(r"\s", "", self[name])
        if not re.fullmatch(r"[0-9]{1,9}", digits) or not least <= int(digits) <= most:
            self.wrong(
                name,
                _("Please write a number from %(least)s to %(most)s.", least=least, most=most),
            )
            return least
        return int(digits)

    def day(self, name: str, first: date) -> date:
        """Return a day that is not before `first`."""
        try:
            value = date.fromisoformat(self[name].strip())
        except ValueError:
            self.wrong(name, _("Please choose a day."))
            return first
        if value < first:
            self.wrong(name, _("This day has passed."))
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """Return one of the values that the page offered."""
        value = self[name]
        if value not in allowed:
            self.wrong(name, _("Please choose one."))
        return value


def attempt_ref(text: str) -> AttemptRef:
    """Read an attempt's name as it stands in addresses: `<job>-a<number>`.

    Raises:
        NotFoundError: it is none.
    """
    match = _REF.fullmatch(text)
    if match is None:
        raise NotFoundError("attempt", text)
    return AttemptRef(job=match[1], number=int(match[2]))


def _signer(secret: bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="request form")


def new_request_key(secret: bytes) -> str:
    """Return the hidden field that makes sending the request form twice harmless.

    It is signed, because the order's secret link is derived from it.
    """
    return _signer(secret).dumps(secrets.token_hex(16))


def _request_key(form: Form, secret: bytes) -> str:
    try:
        key: str = _signer(secret).loads(
            form["request_key"], max_age=int(_KEY_LIFE.total_seconds())
        )
    except BadSignature:
        form.wrong("request_key", _("This form was open for too long: please send it again."))
        return ""
    return key


def request_from(
    form: Form, revisions: Collection[str], today: date, language: str, secret: bytes
) -> Request:
    """Read the request form; use the value only if the form is good."""
    return Request(
        request_key=_request_key(form, secret),
        revision_id=form.choice("revision_id", revisions),
        kits=form.whole("kits", 1, MOST_KITS),
        due=form.day("due", today),
        place=form.text("place"),
        requester=form.text("requester"),
        contact=_contact(form),
        note=form.text("note", _MOST_NOTE, needed=False),
        language=language,
    )


def _contact(form: Form) -> str:
    value = form.text("contact")
    digits = sum(letter.isdigit() for letter in value)
    mail = re.fullmatch(r"[^@\s]+@[^@\s]+", value)
    if value and not mail and digits < 6:  # noqa: PLR2004 - the shortest telephone numbers
        form.wrong("contact", _("Please write a telephone number or an e-mail address."))
    return value


def harvest_from(form: Form, pieces: int) -> tuple[int, int, str]:
    """Read good, scrap and reason of one bed; use them only if the form is good."""
    good = form.whole("good", 0, pieces * 10)
    scrap = form.whole("scrap", 0, pieces * 10)
    reason = form["reason"]
    if reason == "other":
        reason = form.text("other")
    elif reason not in SCRAP_REASONS:
        reason = ""
    counted = not form.errors.keys() & {"good", "scrap"}
    if counted and (scrap or good < pieces) and not reason:
        form.wrong("reason", _("Say what happened to the pieces that are not good or not there."))
    return good, scrap, reason


def inspection_from(form: Form, good: int) -> tuple[int, int, str]:
    """Read accepted, rejected and reason of one lot; use them only if the form is good."""
    accepted = form.whole("accepted", 0, good)
    rejected = form.whole("rejected", 0, good)
    if form.good and accepted + rejected != good:
        form.wrong("accepted", _("Accepted and rejected together must make %(good)s.", good=good))
    reason = form.text("reason", needed=rejected > 0)
    return accepted, rejected, reason


def receipt_from(form: Form, sent: int) -> tuple[int, int]:
    """Read how many pieces of a delivery were refused and lost."""
    refused = form.whole("refused", 0, sent)
    lost = form.whole("lost", 0, sent)
    if form.good and refused + lost > sent:
        form.wrong("refused", _("Together they cannot be more than the %(sent)s sent.", sent=sent))
    return refused, lost
