"""What stands in a cell of the ledger, as a value, and the other way round: times, dates, reasons, states."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from jobs.errors import InvalidFieldError
from jobs.model import Reason

#: What reading a cell raises in which stands what cannot be.
UNREADABLE = (
    ArithmeticError,
    InvalidFieldError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
#: SQL for what was said of printer `p`: nothing where that is no JSON, which would end the whole query.
FACTS = "case when json_valid(p.facts) then p.facts else '{}' end"


def when(text: str | None) -> datetime | None:
    """Read a time of the ledger."""
    return None if text is None else datetime.fromisoformat(text)


def moment(text: str) -> datetime:
    """Read a time of the ledger that is never missing."""
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    """Read a date of the ledger."""
    return date.fromisoformat(text)


def reasons_of(text: str) -> tuple[Reason, ...]:
    """Read a column of reasons; none where they cannot be read: the next plan says them anew."""
    try:
        return msgspec.json.decode(text, type=tuple[Reason, ...])
    except msgspec.DecodeError:
        return ()


def quoted(states: Iterable[str]) -> str:
    """Return states as SQL has them in a list; they are words of ours, never a person's.

    >>> quoted({"open", "done"})
    "'done','open'"
    """
    return ",".join(f"'{state}'" for state in sorted(states))


def bare(text: str) -> str:
    """Return SQL for the number of a lot as people mean it: small letters and spaces do not matter."""
    return f"upper(replace({text}, ' ', ''))"
