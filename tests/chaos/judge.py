"""What really happened: the printers' own records beside the ledger. Pure, but for reading a ledger.

Nothing here believes the coordinator or a node: a start is what a printer has written down.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from jobs.errors import LawBrokenError
from jobs.ledger.books import audit
from jobs.lifecycle import AttemptState
from jobs.model import JobState, OrderState, ReasonCode
from printers.sim.record import RecordEvent

#: With these, a piece that nobody makes waits for no person and not for the fleet: something is wrong.
_NO_REASON = frozenset({"", ReasonCode.NOT_PLANNED, ReasonCode.UNSOUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFact:
    """An attempt as the ledger has it, or had it before it was put back."""

    name: str  # as its printer knows it
    job: str
    order: str
    pieces: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """What a ledger says at one time."""

    orders: Mapping[str, tuple[str, str, int]]  # id: link's hash, state, pieces ordered
    attempts: tuple[AttemptFact, ...]
    jobs: Mapping[str, tuple[str, str]]  # id: order, state
    written_off: frozenset[str]  # names of attempts that a person has given up
    given_up: frozenset[str]  # names of attempts that the coordinator itself waits for no longer
    harvested: Mapping[str, int]  # name of attempt: good
    unplaced: Mapping[str, tuple[int, str]]  # order: pieces in no job, why
    law: str = ""  # what is broken


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The counts, and a sentence for each thing that is wrong."""

    printed_twice: int = 0
    lost: int = 0
    surplus_unexplained: int = 0
    words: list[str] = field(default_factory=list)


def read(db: sqlite3.Connection) -> LedgerFacts:
    """Read a ledger in one transaction; both book-keeping laws are counted on it."""
    db.row_factory = sqlite3.Row
    db.execute("begin")
    try:
        law = ""
        try:
            audit(db)
        except LawBrokenError as error:
            law = str(error)
        orders = {
            r["id"]: (r["link_hash"], r["state"], int(r["pieces"]))
            for r in db.execute(
                "select o.id, o.link_hash, o.state, sum(l.pieces) as pieces from orders o"
                " join line l on l.order_id = o.id group by o.id"
            )
        }
        attempts = tuple(
            AttemptFact(
                name=f"fabnet-{r['job_id']}-a{r['number']}",
                job=r["job_id"],
                order=r["order_id"],
                pieces=r["pieces"],
                state=r["state"],
            )
            for r in db.execute(
                "select a.job_id, a.number, a.state, j.order_id, j.pieces from attempt a"
                " join job j on j.id = a.job_id"
            )
        )
        jobs = {
            r["id"]: (r["order_id"], r["state"])
            for r in db.execute("select id, order_id, state from job")
        }
        given_up, written_off = (
            frozenset(
                f"fabnet-{r[0]}-a{r[1]}"
                for r in db.execute(f"select job_id, number from write_off where {condition}")
            )
            for condition in ("by_person = 'fabnet'", "by_person <> 'fabnet'")
        )
        harvested = {
            f"fabnet-{r[0]}-a{r[1]}": int(r[2])
            for r in db.execute("select job_id, number, good from harvest")
        }
        unplaced = {
            r["order_id"]: (int(r["deficit"]), str(r["code"] or ""))
            for r in db.execute(
                "select order_id, deficit, json_extract(reasons, '$[0].code') as code from line"
                " where deficit > 0"
            )
        }
    finally:
        db.execute("rollback")
    return LedgerFacts(
        orders=orders, attempts=attempts, jobs=jobs, written_off=written_off,
        given_up=given_up, harvested=harvested, unplaced=unplaced, law=law,
    )  # fmt: skip


def in_ashes(ledger: LedgerFacts, burnt: Collection[str]) -> frozenset[str]:
    """Return the open jobs that were granted to the lab that burnt down.

    Their grants live for the look-ahead of eight hours, and before that nobody may give them up.

    Args:
        burnt: names of that lab's attempts.
    """
    held = {a.job for a in ledger.attempts if a.name in burnt and a.state == AttemptState.GRANTED}
    return frozenset(job for job in held if ledger.jobs[job][1] == JobState.OPEN)


def judge(
    ledger: LedgerFacts,
    seen: Mapping[str, AttemptFact],
    records: Iterable[tuple[RecordEvent, ...]],
    *,
    must_be_there: Collection[str],
    burnt: Collection[str] = (),
) -> Verdict:
    """Compare what the printers did with what the ledger says at the end.

    Args:
        ledger: at the end.
        seen: every attempt that any ledger of the run ever knew, by name.
        records: of the printers, one each.
        must_be_there: hashes of the links of orders that were accepted for good.
        burnt: names of attempts of the lab that burnt down: the steward has said that nobody waits
            for them, and what was not counted there is ash.
    """
    verdict = Verdict()
    events = [event for record in records for event in record]
    begun = Counter(event.name for event in events if event.event == "begin")
    ended = Counter(event.name for event in events if event.event == "end")
    facts = {**seen, **{attempt.name: attempt for attempt in ledger.attempts}}
    ash = frozenset(burnt) - ledger.harvested.keys()
    _twice(verdict, begun, facts, ledger.written_off | ash)
    there = Counter({name: times for name, times in ended.items() if name not in ash})
    _surplus(verdict, there, facts, ledger)
    _lost_orders(verdict, ledger, must_be_there)
    _lost_jobs(verdict, ledger, burnt)
    _lost_prints(verdict, begun, ended, facts, ledger, burnt)
    return verdict


def _twice(
    verdict: Verdict,
    begun: Counter[str],
    facts: Mapping[str, AttemptFact],
    written_off: Collection[str],
) -> None:
    """Two starts of one job need a write-off between them; one attempt is never started twice."""
    by_job: dict[str, int] = {}
    for name, times in begun.items():
        job = facts[name].job if name in facts else name.rsplit("-a", 1)[0].removeprefix("fabnet-")
        by_job[job] = by_job.get(job, 0) + 1
        if times > 1:
            verdict.printed_twice += times - 1
            verdict.words.append(f"{name} was started {times} times")
    given_up = Counter(facts[name].job for name in written_off if name in facts)
    for job, starts in by_job.items():
        if starts - 1 > given_up[job]:
            verdict.printed_twice += starts - 1 - given_up[job]
            verdict.words.append(f"{starts} attempts of job {job} were started")


def _surplus(
    verdict: Verdict, ended: Counter[str], facts: Mapping[str, AttemptFact], ledger: LedgerFacts
) -> None:
    """More pieces than were ordered are explained by attempts that were given up and came."""
    made: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    for name, times in ended.items():
        if name not in facts:
            verdict.surplus_unexplained += 1
            verdict.words.append(f"{name} was printed, and no ledger ever knew of it")
            continue
        made[facts[name].order] += times * facts[name].pieces
        if name in ledger.written_off:
            explained[facts[name].order] += facts[name].pieces
    for order, pieces in made.items():
        # An order of a time that the ledger has forgotten is gone, and its pieces with it.
        if order in ledger.orders:
            over = pieces - ledger.orders[order][2] - explained[order]
            if over > 0:
                verdict.surplus_unexplained += over
                verdict.words.append(f"order {order}: {over} pieces more than anybody asked for")


def _lost_orders(verdict: Verdict, ledger: LedgerFacts, must_be_there: Collection[str]) -> None:
    known = {link for link, _, _ in ledger.orders.values()}
    for link in must_be_there:
        if link not in known:
            verdict.lost += 1
            verdict.words.append(f"an accepted order (link {link[:8]}) is not in the ledger")


def _lost_jobs(verdict: Verdict, ledger: LedgerFacts, burnt: Collection[str]) -> None:
    by_job: dict[str, list[AttemptFact]] = {}
    for attempt in ledger.attempts:
        by_job.setdefault(attempt.job, []).append(attempt)
    ashes = in_ashes(ledger, burnt)
    for job, (order, state) in ledger.jobs.items():
        if state != JobState.OPEN:
            continue
        # Makers and steward had time for all that waits for them.
        if job not in ashes:
            verdict.lost += 1
            states = [a.state for a in by_job.get(job, [])]
            verdict.words.append(f"job {job} of order {order} is not done: {states}")
    for order, (pieces, why) in ledger.unplaced.items():
        state = ledger.orders[order][1]
        if why in _NO_REASON or state == OrderState.ASKED:
            verdict.lost += 1
            verdict.words.append(f"order {order} ({state}): {pieces} pieces in no job, {why!r}")


def _lost_prints(
    verdict: Verdict,
    begun: Counter[str],
    ended: Counter[str],
    facts: Mapping[str, AttemptFact],
    ledger: LedgerFacts,
    burnt: Collection[str],
) -> None:
    """Every print that began was counted as its record says, or given up."""
    states = {attempt.name: attempt.state for attempt in ledger.attempts}
    for name in begun:
        if name not in facts or facts[name].order not in ledger.orders:
            continue
        made = facts[name].pieces if ended[name] else 0
        if name in ledger.harvested:
            if ledger.harvested[name] != made:
                verdict.lost += 1
                verdict.words.append(
                    f"{name} gave {made} pieces and was counted as {ledger.harvested[name]}"
                )
        elif name not in ledger.written_off | ledger.given_up and name not in burnt:
            verdict.lost += 1
            verdict.words.append(f"{name} began and was never counted ({states.get(name)})")
