"""What a node does with its prepared plates: ask for grants ahead, start what is granted, give back.

Pure: facts and the time in, names of attempts out. A grant is asked for long before the printer is
free, so that a lab that is cut off from the network prints on. Leaves the owner's rules to
`fabnet.node.policy`, and the deeds to `fabnet.node.grants`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jobs.model import AttemptRef

#: A ready that was not answered is asked again with a new nonce after this time.
READY_AGAIN_S = 60.0
#: A printer that is out of order for so long gives back what it was granted.
BROKEN_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A prepared attempt that no printer was told of."""

    ref: AttemptRef
    printer: str
    seconds: float  # the slicer's figure
    start_in_s: float | None  # until the owner's hours allow it; None where they never do
    refusal: str  # why the owner's rules forbid it by now; "" where they do not
    granted: bool  # at some time: the coordinator counts on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A printer, as far as duties go."""

    free: bool  # idle, its bed clear and nothing uncounted on it: a plate may start now
    works: bool  # it prints for us, or waits for the count; a plate may start later
    broken_s: float | None = None  # since when it is out of order; of clock.boottime_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is known in memory of the permission to start one attempt; a restart forgets it.

    All times are of clock.boottime_s. A newer grant replaces the older one when it comes; until then
    the older one holds, and the coordinator waits for the latest end of all that it has given.
    """

    nonce: str  # of the last ready
    sent_s: float  # before that ready was written
    until_s: float | None = None  # when the grant in hand ends; None where there is none
    renew_s: float = 0.0  # when half of its time is over: then it is asked for anew

    def holds(self, now_s: float) -> bool:
        """Whether a grant is in hand and alive."""
        return self.until_s is not None and now_s < self.until_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the journal keeps of a grant, for a person's eyes after a restart."""

    at: datetime  # when its ready was sent, by the wall clock
    until: datetime
    until_s: float  # of clock.boottime_s of the run of the machine named `boot`
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that duties are decided by.

    `plates` are in the order in which they are to be made; `unheard` are those whose last ready is still
    on its way to the coordinator; `ahead_s` is how much work a printer may have ahead of it.
    """

    plates: tuple[Plate, ...]
    claims: Mapping[AttemptRef, Claim]
    machines: Mapping[str, Machine]
    unheard: frozenset[AttemptRef]
    ahead_s: float
    now_s: float


def to_start(facts: Facts) -> tuple[AttemptRef, ...]:
    """Return what starts now: on each free printer, the first plate whose grant is alive."""
    chosen: dict[str, AttemptRef] = {}
    for plate in facts.plates:
        machine = facts.machines.get(plate.printer)
        claim = facts.claims.get(plate.ref)
        granted = claim is not None and claim.holds(facts.now_s)
        if machine is None or not machine.free or not granted:
            continue
        if plate.start_in_s == 0 and not plate.refusal:
            chosen.setdefault(plate.printer, plate.ref)
    return tuple(chosen.values())


def to_ask(facts: Facts) -> tuple[AttemptRef, ...]:
    """Return what a grant is asked for: within the look-ahead, where none is held or half is over."""
    return tuple(
        plate.ref for plate in _within(facts) if _asks(facts, plate, facts.claims.get(plate.ref))
    )


def _within(facts: Facts) -> Iterator[Plate]:
    ahead: dict[str, float] = {}
    for plate in facts.plates:
        before_s = ahead.get(plate.printer, 0.0)
        if before_s > 0 and before_s + plate.seconds > facts.ahead_s:
            continue
        ahead[plate.printer] = before_s + plate.seconds
        yield plate


def _asks(facts: Facts, plate: Plate, claim: Claim | None) -> bool:
    machine = facts.machines.get(plate.printer)
    if machine is None or not (machine.free or machine.works) or plate.refusal:
        return False
    if plate.start_in_s is None or plate.start_in_s > facts.ahead_s:
        return False
    if claim is None:
        return True
    # What has not reached the coordinator will: a second one would only fill the outbox.
    if plate.ref in facts.unheard or facts.now_s < claim.sent_s + READY_AGAIN_S:
        return False
    return not claim.holds(facts.now_s) or facts.now_s >= claim.renew_s


def to_return(facts: Facts) -> tuple[tuple[AttemptRef, str], ...]:
    """Return what was granted and will not be made here, with the reason: others are to have it."""
    found = []
    for plate in facts.plates:
        if not plate.granted and plate.ref not in facts.claims:
            continue  # The coordinator takes it back by itself.
        machine = facts.machines.get(plate.printer)
        broken = machine is not None and machine.broken_s is not None
        if plate.refusal:
            found.append((plate.ref, plate.refusal))
        elif plate.start_in_s is None:
            found.append((plate.ref, "it takes longer than anybody is here by now"))
        elif machine is None:
            found.append((plate.ref, "its printer is not configured any more"))
        elif broken and facts.now_s - (machine.broken_s or 0.0) >= BROKEN_S:
            found.append((plate.ref, "its printer is out of order"))
    return tuple(found)


def asked_again(old: Claim | None, nonce: str, sent_s: float) -> Claim:
    """Return the claim after a ready was sent; a grant in hand stays until the newer one comes."""
    return Claim(nonce=nonce, sent_s=sent_s, until_s=None if old is None else old.until_s)


def heard(claim: Claim, ttl_s: float, now_s: float) -> Claim | None:
    """Return the claim with the grant of its last ready in it; None where that came too late.

    Its time runs from when the ready was sent, so it ends here before it ends at the coordinator.
    """
    until_s = claim.sent_s + ttl_s
    if now_s >= until_s:
        return None
    return replace(claim, until_s=until_s, renew_s=claim.sent_s + ttl_s / 2)


def left_s(kept: Kept, now: datetime, now_s: float, boot: str) -> float:
    """Return for how long a person may still re-open a grant that a restart has voided; 0: never.

    Both clocks must allow it. A wall clock that stands before the grant has gone back (a small
    computer without a battery, say), so it proves nothing; and since the machine was started, at
    least that time has passed.

    `boot` names this run of the machine, as `kept.boot` does.
    """
    if now < kept.at:
        return 0.0
    by_wall_s = (kept.until - now).total_seconds()
    if kept.boot == boot:
        return max(0.0, min(by_wall_s, kept.until_s - now_s))
    return max(0.0, min(by_wall_s, (kept.until - kept.at).total_seconds() - now_s))


def reopened(old: Claim | None, left: float, now_s: float) -> Claim:
    """Return the claim that a person's word gives; the ready that is on its way stays in it."""
    return Claim(
        nonce="" if old is None else old.nonce,
        sent_s=now_s if old is None else old.sent_s,
        until_s=now_s + left,
        renew_s=now_s,
    )
