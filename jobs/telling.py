"""Who is told what, where and when: one letter for many things, and none in quiet hours. Pure.

What waits for people, what they want to be told and what they were told already go in; notices
come out, each with the key that makes writing it down twice harmless. Leaves what kinds there are to
`jobs.notice_kinds`, the words to `web.letters` and sending to `fabnet.telling_service`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo

from jobs.model import Role
from jobs.notice_kinds import CHOICES, PACES, TOLD_BY, Channel, Kind, Pace

DAY_MIN = 24 * 60
#: A thing that still waits then may be told once more.
AGAIN_AFTER = timedelta(days=3)
#: Alarms of one lab to one person in a day: who got so many knows.
MOST_ALARMS = 10
#: So long after its hour a digest is still sent; later, the next one says it all.
_DIGEST_LATE_MIN = 3 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A person, where she is told things, and what she wants to be told."""

    login: str
    role: Role
    node: str = ""  # a maker's own
    address: str = ""  # of mail; "" for none
    webhook: str = ""  # an address that takes POST as ntfy does; "" for none
    language: str = "fr"
    kinds: frozenset[Kind] = frozenset()
    #: Minutes after midnight, by the network's clock; the same twice means none.
    quiet_from_min: int = 21 * 60
    quiet_to_min: int = 8 * 60
    digest_min: int = 18 * 60

    @property
    def ways(self) -> tuple[tuple[Channel, str], ...]:
        """The channels that reach her, each with its recipient."""
        both = ((Channel.MAIL, self.address), (Channel.WEBHOOK, self.webhook))
        return tuple((channel, to) for channel, to in both if to)

    def is_quiet(self, local: datetime) -> bool:
        """Return whether only alarms may be told now; `local` is by the network's clock."""
        minute = _minute(local)
        start, end = self.quiet_from_min, self.quiet_to_min
        if start <= end:
            return start <= minute < end
        return minute >= start or minute < end


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that waits for somebody."""

    kind: str  # as `jobs.ledger.waiting.Waiting.kind`
    key: str
    node: str = ""
    name: str = ""  # of the printer, the place or the lab that it is about
    since: datetime | None = None  # None: nobody knows, so it has waited long


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice that was written down before."""

    login: str
    kind: Kind
    at: datetime
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something went wrong at a printer."""

    key: str  # of the event: the same event has the same key
    node: str
    printer: str
    title: str  # the printer's name for people
    lab: str
    words: str  # of the node or its driver, "" where it says nothing
    #: Since when the lab is out of reach while this printer prints on; None: the trouble is another.
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One letter to one recipient. `key` is its own: written down twice, it is one letter."""

    key: str
    kind: Kind
    channel: Channel
    to: str
    language: str
    login: str = ""  # "" for who has no account
    ref: str = ""  # what it is about, where that is one thing
    urgent: bool = False  # not held back in quiet hours
    keys: tuple[str, ...] = ()  # the things that it tells of
    facts: Mapping[str, str | int]  # what its words are made of
    expires_at: datetime


def due(
    things: Sequence[Thing],
    listeners: Iterable[Listener],
    told: Iterable[Told],
    now: datetime,
    zone: tzinfo,
) -> tuple[Notice, ...]:
    """Return the notices that are to be written down now.

    Args:
        things: all that waits for anybody.
        listeners: everybody who may be told something.
        told: notices of the last `AGAIN_AFTER`, at least.
        now: aware UTC.
        zone: of the network.
    """
    before: dict[tuple[str, Kind], list[Told]] = defaultdict(list)
    for each in told:
        before[each.login, each.kind].append(each)
    by_kind: dict[Kind, list[Thing]] = defaultdict(list)
    for thing in things:
        by_kind[TOLD_BY[thing.kind]].append(thing)
    found: list[Notice] = []
    for listener in listeners:
        if not listener.ways:
            continue
        for kind in CHOICES[listener.role]:
            if kind not in listener.kinds or kind is Kind.ALARM:
                continue
            known = before[listener.login, kind]
            if kind is Kind.DIGEST:
                found += _digest(by_kind, listener, now, zone)
            elif not listener.is_quiet(now.astimezone(zone)):
                found += _coalesced(kind, _hers(by_kind[kind], listener), listener, known, now)
    return tuple(found)


def _is_near(told: Told, gap: timedelta, now: datetime) -> bool:
    """Whether a notice is so near that the next one waits; a clock that was put back is no reason to."""
    return now - gap < told.at < now + gap


def _hers(things: Iterable[Thing], listener: Listener) -> list[Thing]:
    if listener.role is not Role.MAKER:
        return list(things)
    return [thing for thing in things if thing.node == listener.node]


def _coalesced(
    kind: Kind, things: list[Thing], listener: Listener, known: list[Told], now: datetime
) -> tuple[Notice, ...]:
    """Return one letter on all that waits, if there is something new and the last one is long ago."""
    pace = PACES[kind]
    if any(_is_near(each, pace.gap, now) for each in known):
        return ()
    seen = {key for each in known if each.at > now - AGAIN_AFTER for key in each.keys}
    # A bed has no number: the same one may be told once a day.
    keys = {_key(thing, now): thing for thing in things}
    fresh = [key for key in keys if key not in seen]
    if not fresh or not any(_has_waited(keys[key], pace, now) for key in fresh):
        return ()
    facts: dict[str, str | int] = {"count": len(things), "name": things[0].name}
    if odd := [each.name for each in things if each.kind == "odd"]:
        facts["printers"] = ", ".join(odd)
    # With the day, since what still waits after days is told once more.
    which = _short("\n".join(sorted([*keys, str(now.date())])))
    return _letters(kind, listener, tuple(sorted(keys)), facts, now, which)


def _key(thing: Thing, now: datetime) -> str:
    return thing.key if thing.since is not None else f"{thing.key}@{now.date()}"


def _has_waited(thing: Thing, pace: Pace, now: datetime) -> bool:
    return thing.since is None or thing.since <= now - pace.patience


def _digest(
    by_kind: Mapping[Kind, list[Thing]], listener: Listener, now: datetime, zone: tzinfo
) -> tuple[Notice, ...]:
    """Return the day's summary in the hours after its time; nothing where nothing waits.

    Its key is the day: it is written down once, however often this is asked.
    """
    local = now.astimezone(zone)
    late_min = (_minute(local) - listener.digest_min) % DAY_MIN
    if late_min >= _DIGEST_LATE_MIN:
        return ()
    day = (local - timedelta(minutes=late_min)).date()
    counts: dict[str, str | int] = {}
    for kind in (Kind.OFFERS, Kind.BEDS, Kind.HUB, Kind.TEAM):
        things = _hers(by_kind.get(kind, ()), listener)
        if things and _concerns(kind, listener.role):
            counts[kind] = len(things)
    if not counts:
        return ()
    return _letters(Kind.DIGEST, listener, (), counts, now, day.isoformat())


def _concerns(kind: Kind, role: Role) -> bool:
    """Whether a digest counts it: a steward's counts what waits for makers too."""
    return role is Role.STEWARD or kind in CHOICES[role]


def alarms(
    trouble: Trouble, listeners: Iterable[Listener], told: Iterable[Told], now: datetime
) -> tuple[Notice, ...]:
    """Return who is told of trouble: the lab's makers and the stewards, at any hour.

    Once in a while for one printer, and so many times a day for one lab: a machine that fails again
    and again must not make anybody deaf to alarms. `told` are the alarms of the last day.
    """
    at = f"{trouble.node}/{trouble.printer}"
    recent = [e for e in told if e.kind is Kind.ALARM and e.at > now - timedelta(days=1)]
    gap, lab = PACES[Kind.ALARM].gap, f"{trouble.node}/"
    found: list[Notice] = []
    for listener in listeners:
        mine = listener.role is Role.STEWARD or (
            listener.role is Role.MAKER and listener.node == trouble.node
        )
        if not mine or Kind.ALARM not in listener.kinds:
            continue
        hers = [each for each in recent if each.login == listener.login]
        same = [e for e in hers if at in e.keys and _is_near(e, gap, now)]
        same += [e for e in hers if trouble.key in e.keys]
        of_lab = [e for e in hers if e.at < now + gap and any(k.startswith(lab) for k in e.keys)]
        if same or len(of_lab) >= MOST_ALARMS:
            continue
        facts: dict[str, str | int] = {
            "printer": trouble.title or trouble.printer, "lab": trouble.lab, "words": trouble.words,
            "node": trouble.node,
        }  # fmt: skip
        if trouble.silent_since is not None:
            facts["silent_min"] = int((now - trouble.silent_since).total_seconds() // 60)
        letters = _letters(Kind.ALARM, listener, (at, trouble.key), facts, now, trouble.key)
        found += [replace(each, urgent=True, ref=at) for each in letters]
    return tuple(found)


def hello(listener: Listener, now: datetime) -> tuple[Notice, ...]:
    """Return the first letter to addresses that were just entered: once a day to each."""
    found = _letters(Kind.HELLO, listener, (), {}, now, f"{now.date()}")
    return tuple(replace(each, key=f"{each.key}:{_short(each.to)}", urgent=True) for each in found)


def _letters(
    kind: Kind,
    listener: Listener,
    keys: tuple[str, ...],
    facts: Mapping[str, str | int],
    now: datetime,
    which: str,
) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            key=f"{kind}:{listener.login}:{which}:{channel}",
            kind=kind, channel=channel, to=to, language=listener.language, login=listener.login,
            keys=keys, facts=facts, expires_at=now + PACES[kind].good_for,
        )
        for channel, to in listener.ways
    )  # fmt: skip


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


#: Seconds before the second, third ... try; the last one again and again until it is too late.
_REST_S = (30, 60, 120, 300, 900)


def next_try(tries: int, now: datetime) -> datetime:
    """Return when a letter that could not be sent `tries` times (>= 1) is tried again."""
    return now + timedelta(seconds=_REST_S[min(tries, len(_REST_S)) - 1])


def clock_of(minutes: int) -> time:
    """Return minutes after midnight (0..1439) as a time of day."""
    return time(minutes // 60, minutes % 60)
