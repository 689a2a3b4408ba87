"""When a requester is asked whether she still needs what she ordered. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta


def must_ask(
    *,
    created_at: datetime,
    due: date,
    asked_at: datetime | None,
    answered_at: datetime | None,
    now: datetime,
    age: timedelta,
) -> bool:
    """Return whether it is time to ask: the last word is old, or the day has passed since.

    Args:
        created_at: when she ordered.
        due: the day by which she wanted it.
        asked_at: when she was asked last.
        answered_at: when she, or a steward for her, answered last.
        now: of the coordinator's clock.
        age: so old a word may be.
    """
    if is_open(asked_at, answered_at):
        return False
    word = answered_at or created_at
    return now - word >= age or word.date() <= due < now.date()


def is_open(asked_at: datetime | None, answered_at: datetime | None) -> bool:
    """Return whether she was asked and has not answered."""
    return asked_at is not None and (answered_at is None or answered_at < asked_at)


def kits_for(pieces: int, ordered: int, kits: int) -> int:
    """Return for how many kits so many pieces of a part are, each begun one whole."""
    return -(-pieces * kits // ordered) if ordered else 0
