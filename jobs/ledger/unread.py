"""Which rows of the ledger hold a word that cannot be read, for `fabnet doctor` and the log."""

from __future__ import annotations

import enum
import sqlite3

from jobs.first_mile import PickupState
from jobs.hub import Scope
from jobs.joining import Standing
from jobs.ledger.cells import quoted
from jobs.lifecycle import AttemptState
from jobs.model import BatchState, JobState, LotState, OrderState, Priority, Role
from jobs.notice_kinds import Kind
from jobs.recall import RecallKind

#: Of each thing its table, what it is known by there, the column of the word, and the words that there are.
_WORDS: tuple[tuple[str, str, str, str, type[enum.StrEnum]], ...] = (
    ("order", "orders", "id", "state", OrderState),
    ("order", "orders", "id", "priority", Priority),
    ("job", "job", "id", "state", JobState),
    ("attempt", "attempt", "job_id || '-a' || number", "state", AttemptState),
    ("lot", "lot", "code", "state", LotState),
    ("batch", "batch", "id", "state", BatchState),
    ("pick-up", "pickup", "id", "state", PickupState),
    ("recall", "recall", "id", "kind", RecallKind),
    ("node", "node", "id", "standing", Standing),
    ("account", "person", "login", "role", Role),
    ("rule of the hub", "hub_rule", "scope || ' ' || value", "scope", Scope),
    ("letter", "notice", "id", "kind", Kind),
)
#: The same of what is JSON.
_JSON = (
    ("design", "revision", "id", "body"),
    ("hosted node", "hosted", "node", "facts"),
    ("account", "telling", "login", "kinds"),
    ("letter", "notice", "id", "facts"),
)
#: So many are named of each.
_MOST = 10


def rows(db: sqlite3.Connection) -> tuple[str, ...]:
    """Return them, each as "lot ABC (state)"; of more than ten of a kind, ten."""
    wrong = [
        (thing, table, key, column, f"{column} not in ({quoted(set(kind) - {'unknown'})})")
        for thing, table, key, column, kind in _WORDS
    ]
    wrong += [(*each, f"not json_valid({each[3]})") for each in _JSON]
    return tuple(
        f"{thing} {row[0]} ({column})"
        for thing, table, key, column, where in wrong
        for row in db.execute(f"select {key} from {table} where {where} limit {_MOST}")
    )
