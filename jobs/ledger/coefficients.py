"""The estimates that were fitted to what slicers said, a row a machine preset.

The functions run inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import msgspec

from jobs.estimate import Coefficients
from jobs.refit import Refit


def keep_fit(db: sqlite3.Connection, preset: str, fit: Refit, now: datetime) -> None:
    """Keep the fit of a preset in the place of the one before."""
    db.execute(
        "insert or replace into coefficients (preset, body, plates, before, after, at)"
        " values (?, ?, ?, ?, ?, ?)",
        (preset, msgspec.json.encode(fit.coefficients).decode(), fit.plates, fit.before, fit.after,
         now.isoformat()),
    )  # fmt: skip


def fitted(db: sqlite3.Connection) -> Mapping[str, Coefficients]:
    """Return the coefficients of every preset that has some of its own.

    Those that cannot be read are as if there were none: the next fit replaces them.
    """
    found = {}
    for preset, body in db.execute("select preset, body from coefficients"):
        with suppress(msgspec.DecodeError):
            found[preset] = msgspec.json.decode(body, type=Coefficients)
    return found
