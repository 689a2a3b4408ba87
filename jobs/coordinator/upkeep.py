"""What is done to a printer, in dated notes, and whether it is out of service meanwhile.

The notes stay here; whether the printer is out is the node's to keep and to say.
"""

from __future__ import annotations

from datetime import date, datetime

from jobs.coordinator.nodes import is_enrolled
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger.rows import event, tell
from jobs.ledger.store import Ledger
from jobs.messages import Config, OutOfService

MOST_NOTE = 200


def note(
    ledger: Ledger,
    node: str,
    printer: str,
    text: str,
    out: OutOfService | None,
    by: str,
    now: datetime,
) -> None:
    """Write a note on a printer, and take it out of service or put it back; `out` None leaves that.

    Raises:
        NotFoundError: there is no such node, or printer of it.
        InvalidFieldError: a note that is too long, or nothing to note; a day that is none.
    """
    text = text.strip()
    if len(text) > MOST_NOTE:
        raise InvalidFieldError("note", f"at most {MOST_NOTE} characters")
    if not text and out is None:
        raise InvalidFieldError("note", "is needed")
    if out is not None and out.until:
        try:
            date.fromisoformat(out.until)
        except ValueError as error:
            raise InvalidFieldError("until", "is no day") from error
    with ledger.transaction() as db:
        known = db.execute("select 1 from printer where node = ? and id = ?", (node, printer))
        if not is_enrolled(db, node) or known.fetchone() is None:
            raise NotFoundError("printer", f"{node}/{printer}")
        db.execute(
            "insert into upkeep (node, printer, at, by_person, text, out, until)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (
                node,
                printer,
                now.isoformat(),
                by,
                text,
                None if out is None else int(out.out),
                "" if out is None else out.until,
            ),
        )
        if out is not None:
            tell(db, node, Config(out_of_service=(out,)), now)
        event(db, "", "printer-noted", by, f"{node}/{printer}", now)
