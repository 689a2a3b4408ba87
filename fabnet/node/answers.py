"""Whether this node takes what it is offered, written down before it is said.

Decided by `fabnet.node.policy`, or by a person where the owner wants to be asked. Leaves what becomes
of an attempt that was taken to `fabnet.node.agent`.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from fabnet.node.journal import Journal
from fabnet.node.lab import Lab
from fabnet.node.policy import decide
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, Decide, Offer


class Answers:
    """Answers offers; used by the thread that owns the journal, inside its transaction."""

    def __init__(self, journal: Journal, lab: Lab) -> None:
        self._journal = journal
        self._lab = lab

    def offered(self, db: sqlite3.Connection, offer: Offer, now: datetime) -> None:
        """Answer an offer by the owner's rules; where she wants to be asked, it waits for her word."""
        for each in offer.attempts:
            # A lower number than one we know of is fenced off: its job went on without it.
            if self._journal.knows(each.attempt):
                continue
            decision = decide(each, self._lab.rules())
            if decision.taken and self._lab.asks:
                self._journal.add(db, each, AttemptState.OFFERED, "", now)
                continue
            state = AttemptState.TAKEN if decision.taken else AttemptState.DECLINED
            self._journal.add(db, each, state, decision.reason, now)
            answer = Answer(attempt=each.attempt, taken=decision.taken, reason=decision.reason)
            self._journal.say(db, answer, now)

    def decided(self, db: sqlite3.Connection, told: Decide, now: datetime) -> None:
        """Answer as a person of the lab has decided on the network's pages."""
        entry = self._journal.entry(told.attempt)
        if entry is None or entry.state is not AttemptState.OFFERED:
            return
        state = AttemptState.TAKEN if told.taken else AttemptState.DECLINED
        self._journal.move(db, told.attempt, state, told.reason)
        answer = Answer(attempt=told.attempt, taken=told.taken, reason=told.reason)
        self._journal.say(db, answer, now)
