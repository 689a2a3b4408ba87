"""What stands in a cell of the ledger, as a value, and the other way round: times, dates, reasons, states."""

from __future__ import annotations

import enum
import math
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, time
from typing import TypeVar

import msgspec

from jobs.errors import InvalidFieldError
from jobs.model import UNKNOWN, Reason

_Word = TypeVar("_Word", bound=enum.StrEnum)
_Value = TypeVar("_Value")

#: What reading a cell raises in which stands what cannot be.
UNREADABLE = (
    ArithmeticError,
    InvalidFieldError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
#: Of times in which the network may have lived: what is reckoned from them stays in the calendar.
_YEARS = range(2000, 2201)
#: SQL for what was said of printer `p`: nothing where that is no JSON, which would end the whole query.
FACTS = "case when json_valid(p.facts) then p.facts else '{}' end"


def read_moment(text: str) -> datetime:
    """Read a time of the ledger, for what decides by it.

    Raises:
        ValueError: it is none, or none that can be reckoned with.
        TypeError: it is no text.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or found.year not in _YEARS:
        raise ValueError(f"no time of ours: {text!r}")
    return found


def read_day(text: str) -> date:
    """Read a date of the ledger, for what decides by it.

    Raises:
        ValueError: it is none, or none that can be reckoned with.
        TypeError: it is no text.
    """
    found = date.fromisoformat(text)
    if found.year not in _YEARS:
        raise ValueError(f"no day of ours: {text!r}")
    return found


def moment(text: str) -> datetime:
    """Read a time of the ledger that is never missing; `UNKNOWN` where it cannot be read.

    >>> moment("2020-04-02T12:00:00+00:00").hour, moment("?") == moment("2020-04-02") == UNKNOWN
    (12, True)
    """
    try:
        return read_moment(text)
    except UNREADABLE:
        return UNKNOWN


def when(text: str | None) -> datetime | None:
    """Read a time of the ledger that may be missing, else as `moment`."""
    return None if text is None else moment(text)


def day(text: str) -> date:
    """Read a date of the ledger; that of `UNKNOWN` where it cannot be read."""
    try:
        return read_day(text)
    except UNREADABLE:
        return UNKNOWN.date()


def clock(text: str) -> time:
    """Read a time of day; midnight where it cannot be read: all of its day."""
    try:
        return time.fromisoformat(text)
    except UNREADABLE:
        return time()


def figure(value: float) -> float:
    """Return seconds or grams of the ledger; not a number where they cannot be.

    >>> figure(6400.0), figure(float("inf")), figure(-1.0)
    (6400.0, nan, nan)
    """
    return value if 0 <= value < math.inf else math.nan


def word(kind: type[_Word], text: str) -> _Word:
    """Read a word of the ledger, for what shows it; the `UNKNOWN` of its kind where it is none of them.

    >>> from jobs.model import LotState
    >>> word(LotState, "inspected"), word(LotState, "?")
    (<LotState.INSPECTED: 'inspected'>, <LotState.UNKNOWN: 'unknown'>)
    """
    try:
        return kind(text)
    except ValueError:
        return kind("unknown")


def readable(
    read: Callable[[sqlite3.Row], _Value], rows: Iterable[sqlite3.Row]
) -> tuple[_Value, ...]:
    """Read rows; those that cannot be read are left out, and `fabnet doctor` names them."""
    found = []
    for row in rows:
        with suppress(*UNREADABLE):
            found.append(read(row))
    return tuple(found)


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
