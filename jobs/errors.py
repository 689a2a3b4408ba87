"""What can go wrong with an order, a job or the books, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class JobError(Exception):
    """Base of every error of this folder; the message is a sentence for a person."""


class NotFoundError(JobError):
    """What was asked for is not in the ledger.

    Args:
        kind: of the thing, in a word.
        key: what was asked for.
        known: what could have been meant, where whoever asks may know that.
    """

    def __init__(self, kind: str, key: str, known: Iterable[str] = ()) -> None:
        there = ", ".join(sorted(known))
        super().__init__(f"There is no {kind} {key!r} here{there and f'; there is: {there}'}.")
        self.kind = kind
        self.key = key


class RefusedError(JobError):
    """The ledger does not allow this now; the message says why and what would be possible."""


class InvalidFieldError(JobError):
    """A value that a person entered cannot be used."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class IllegalTransitionError(JobError):
    """The event cannot happen to an attempt in this state."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event!r} cannot happen to an attempt that is {state}")
        self.state = state
        self.event = event


class LawBrokenError(JobError):
    """The books of an order do not add up; nothing of the transaction was kept."""

    def __init__(self, law: str, subject: str, left: int, right: int) -> None:
        super().__init__(
            f"{law} does not hold for {subject}: {left} on one side, {right} on the other"
        )
        self.law = law
        self.subject = subject
        self.left = left
        self.right = right


class UnsoundPlanError(JobError):
    """A plan breaks a rule; nothing of it was applied, and nothing is wrong with what is printing.

    Args:
        findings: at least one, each in words of the log.
        rules: by order that findings name, the first rule that its plates break.
    """

    def __init__(self, findings: tuple[str, ...], rules: Mapping[str, str]) -> None:
        super().__init__(
            f"The plan was not applied: {len(findings)} broken rules, the first: {findings[0]}."
            " This is a fault of the planner; please report it with the output of `fabnet doctor`."
        )
        self.findings = findings
        self.rules = rules


class LedgerError(JobError):
    """The ledger file cannot be used (wrong version, locked by another coordinator, damaged)."""
