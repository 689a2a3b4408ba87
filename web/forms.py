"""From what a person typed to values, with an error beside each field that cannot be used.

Nothing typed is lost: a page shows the same `Form` again. Leaves what the ledger refuses to the
use cases; their `InvalidFieldError` is put beside its field by `Form.wrong`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer

from designs.materials import materials
from jobs import hours
from jobs.coordinator.deliveries import MOST_REASON, MOST_THANKS, Count
from jobs.coordinator.nodes import MOST_SPOOL_G
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.messages import Loaded
from jobs.model import MOST_KITS, AttemptRef, Request
from jobs.notice_kinds import CHOICES
from jobs.telling import Listener, clock_of
from printers.model import Spool
from web.language import LANGUAGES, local_days, plain_days
from web.language import gettext as _
from web.sentences import said_here

#: What a maker can say in one touch of parts that are not good; anything else is her own words.
SCRAP_REASONS = ("stringing", "warped", "did-not-stick", "stopped-halfway", "never-started")
#: Likewise of pieces that no printer made.
HAND_REASONS = ("spoilt", "wrong-size", "stopped-halfway", "never-started")

#: What the hub can say in one touch of pieces that did not come.
LOSSES = ("bag-missing", "bag-torn", "fewer-than-said", "broken-on-the-way")

#: What a maker can say in one touch when she does not take a plate.
REFUSALS = ("no-time", "no-filament", "too-long", "needed-here", "not-well")
#: What a maker can say in one touch when she stops a print.
STOP_REASONS = ("came-loose", "tangle", "smells", "noise", "needed-here")
#: How a week's hours are entered: always, every day the same, day by day, or written out.
HOURS_MODES = ("always", "same", "days", "text")

_KEY_LIFE = timedelta(days=7)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
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
        self.wrong(error.field, said_here(error.why))

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
    elif reason not in {*SCRAP_REASONS, *HAND_REASONS}:
        reason = ""
    counted = not form.errors.keys() & {"good", "scrap"}
    if counted and (scrap or good < pieces) and not reason:
        form.wrong("reason", _("Say what happened to the pieces that are not good or not there."))
    return good, scrap, reason


def clock_from(form: Form, name: str) -> time:
    """Read a time of day; use it only if the form is good."""
    match = _CLOCK.fullmatch(form[name].strip())
    if match is None:
        form.wrong(name, _("Please write a time, like 18:30."))
        return time()
    return time(int(match[1]), int(match[2]))


def stops_from(form: Form, batches: Collection[str]) -> list[str]:
    """Read which parcels go along, in the order of their numbers; use it only if the form is good."""
    numbers: dict[int, str] = {}
    for batch in batches:
        typed = form[f"stop_{batch}"].strip()
        if not typed:
            continue
        number = form.whole(f"stop_{batch}", 1, 99)
        if number in numbers:
            form.wrong(f"stop_{batch}", _("This number stands at another parcel too."))
        numbers[number] = batch
    if not numbers and form.good:
        form.wrong("stops", _("Number at least one parcel."))
    return [numbers[number] for number in sorted(numbers)]


def refusal_from(form: Form) -> str:
    """Read why a maker does not take a plate; use it only if the form is good."""
    reason = form["reason"]
    if reason in REFUSALS:
        return reason
    if form["other"].strip():
        return form.text("other")
    form.wrong("reason", _("Say in a word why not: the network plans by it."))
    return ""


def stop_from(form: Form, *, asked: bool) -> str:
    """Read why a print is stopped; use it only if the form is good. "" where it is not `asked`."""
    if form["reason"] in STOP_REASONS:
        return form["reason"]
    if form["other"].strip() or not asked:
        return form.text("other", needed=asked)
    form.wrong("reason", _("Say in a word why: the count of this plate needs it."))
    return ""


def spool_from(form: Form, printer: str, before: Spool | None, now: datetime) -> Loaded:
    """Read what is in a printer now; use it only if the form is good.

    Another material, or the word that it is another spool, makes a new spool: what was printed
    from the old one stays with the old one.
    """
    material = form.choice("material", ("", *materials()))
    if not material:
        return Loaded(printer=printer)
    grams = form.whole("grams", 0, int(MOST_SPOOL_G))
    lot = form.text("maker_lot", needed=False)
    same = before is not None and before.material == material and form["another"] != "yes"
    spool = before.id if before is not None and same else f"{printer}-{now:%y%m%d-%H%M}"
    return Loaded(
        printer=printer, spool=spool, material=material, grams=float(grams), maker_lot=lot
    )


def hours_form(text: str) -> dict[str, str]:
    """Return hours of a week as the fields of their form."""
    typed = {"mode": "text", "written": local_days(text, hours.DAYS)}
    try:
        week = hours.parse(text)
    except InvalidFieldError:
        return typed
    days = hours.by_day(week)
    if week.always:
        return typed | {"mode": "always"}
    if days is None:
        return typed
    typed["mode"] = "same" if days[0] and len(set(days)) == 1 else "days"
    for number, window in enumerate(days):
        if window is not None:
            for name, minute in zip(("from", "to"), window, strict=True):
                clock = f"{minute // 60 % 24:02}:{minute % 60:02}"
                typed[f"{name}_{number}"] = clock
                if typed["mode"] == "same":
                    typed[name] = clock
    return typed


def hours_from(form: Form) -> str:
    """Read hours of a week as `jobs.hours` does; use them only if the form is good."""
    match form.choice("mode", HOURS_MODES):
        case "always":
            return "00:00-24:00"
        case "same":
            days = [_window(form, "from", "to")] * 7
        case "days":
            days = [_window(form, f"from_{day}", f"to_{day}") for day in range(7)]
        case _:
            written = plain_days(form.text("written"), hours.DAYS)
            try:
                hours.parse(written)
            except InvalidFieldError:
                form.wrong("written", _("Please write it like the example."))
            return written
    if not form.good:
        return ""
    try:
        return hours.write(days)
    except InvalidFieldError:
        form.wrong("mode", _("Please say when somebody is there. To take no work, pause instead."))
        return ""


def _window(form: Form, start: str, end: str) -> hours.Day | None:
    """Read one day's window; midnight as an end is the end of that day."""
    typed = {name: form[name].strip() for name in (start, end)}
    if not any(typed.values()):
        return None
    clocks = {name: _CLOCK.fullmatch(text) for name, text in typed.items()}
    for name, clock in clocks.items():
        if clock is None:
            form.wrong(name, _("Please write a time, like 18:30."))
    minutes = [60 * int(clock[1]) + int(clock[2]) for clock in clocks.values() if clock]
    if len(minutes) < len(clocks):
        return None
    first, last = minutes[0], minutes[1] or hours.DAY_MIN
    if first == last:
        form.wrong(end, _("The end is the same as the beginning."))
    return first, last


def telling_form(told: Listener) -> dict[str, str]:
    """Return what a person wants to be told as the fields of its form."""
    quiet = told.quiet_from_min != told.quiet_to_min
    return {
        "address": told.address,
        "webhook": told.webhook,
        "language": told.language,
        "quiet_from": f"{clock_of(told.quiet_from_min):%H:%M}" if quiet else "",
        "quiet_to": f"{clock_of(told.quiet_to_min):%H:%M}" if quiet else "",
        "digest": f"{clock_of(told.digest_min):%H:%M}",
        **{f"kind_{kind}": "yes" for kind in told.kinds},
    }


def telling_from(form: Form, before: Listener) -> Listener:
    """Read what a person wants to be told; use it only if the form is good."""
    quiet = [0, 0]
    if form["quiet_from"].strip() or form["quiet_to"].strip():
        quiet = [minutes_from(form, "quiet_from"), minutes_from(form, "quiet_to")]
    return replace(
        before,
        address=form.text("address", 254, needed=False),
        webhook=form.text("webhook", 500, needed=False),
        language=form.choice("language", LANGUAGES),
        kinds=frozenset(kind for kind in CHOICES[before.role] if form[f"kind_{kind}"] == "yes"),
        quiet_from_min=quiet[0],
        quiet_to_min=quiet[1],
        digest_min=minutes_from(form, "digest"),
    )


def minutes_from(form: Form, name: str) -> int:
    """Return a time of day as minutes."""
    clock = _CLOCK.fullmatch(form[name].strip())
    if clock is None:
        form.wrong(name, _("Please write a time, like 18:30."))
        return 0
    return 60 * int(clock[1]) + int(clock[2])


def need_from(form: Form, kits: int) -> int:
    """Read how many kits are needed still: all, fewer, or none; use it only if the form is good."""
    match form.choice("answer", ("yes", "fewer", "no")):
        case "yes":
            return kits
        case "fewer":
            return form.whole("kits", 1, kits)
        case _:
            return 0


def receipt_from(form: Form, sent: int) -> Count:
    """Read what has become of a delivery's pieces; use it only if the form is good."""
    damaged, refused, lost = (
        form.whole(name, 0, sent) if form[name].strip() else 0
        for name in ("damaged", "refused", "lost")
    )
    if form.good and damaged + refused + lost > sent:
        form.wrong("refused", _("Together they cannot be more than the %(sent)s sent.", sent=sent))
    reason = form.text("reason", MOST_REASON, needed=False)
    if refused and not reason:
        form.wrong("reason", _("Say why pieces are refused: whoever made them learns from it."))
    thanks = form.text("thanks", MOST_THANKS, needed=False)
    return Count(damaged=damaged, refused=refused, lost=lost, reason=reason, thanks=thanks)
