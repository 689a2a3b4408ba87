"""How fast to speak: sending again, coming back after a lost link, and what one sender may say.

Decides only; the clock and the network are `fabnet.link`'s and its owners'.
"""

from __future__ import annotations

import random

from jobs.ledger.streams import OutboxRow

_RESEND_FIRST_S = 2.0
_RESEND_MOST_S = 60.0
_PAUSE_MOST_S = 60.0


def pause_s(failures: int, spread_s: float, chance: float) -> float:
    """Return how long to wait before the next connection, in seconds.

    `failures` counts the attempts since the last steady connection, `chance` is a random number in
    [0, 1): so many links that were lost at once come back spread out.
    """
    most = spread_s if failures == 0 else min(_PAUSE_MOST_S, 2.0 ** min(failures, 6))
    return chance * most


class Throttle:
    """How much each sender may say, so that one that floods starves nobody: a bucket a sender.

    Args:
        rate: messages a second that are taken for ever.
        burst: messages that are taken at once after a silence.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, sender: str, now_s: float) -> bool:
        """Count a message of a sender; return whether to take it."""
        left, seen_s = self._left.get(sender, (self._burst, now_s))
        left = min(self._burst, left + (now_s - seen_s) * self._rate)
        taken = left >= 1.0
        self._left[sender] = (left - 1.0 if taken else left, now_s)
        return taken


class Pump:
    """Sends outbox rows until they are acknowledged, with growing pauses, for each peer alone."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._head: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def reset(self, peer: str | None = None) -> None:
        """Send everything at once, to one peer or to all: the link is new."""
        for times in (self._next, self._pause):
            if peer is None:
                times.clear()
            else:
                times.pop(peer, None)

    def refused(self, row: OutboxRow) -> None:
        """The link did not take this row: it and those behind it are due with the next round."""
        self._last[row.peer] = row.n - 1

    def rests(self, peer: str, first: int, last: int, now_s: float) -> bool:
        """Whether `due` would send nothing of the rows `first` to `last`: they need not be read."""
        known = self._head.get(peer) == first and last <= self._last.get(peer, 0)
        return known and now_s < self._next.get(peer, 0.0)

    def due(self, peer: str, rows: tuple[OutboxRow, ...], now_s: float) -> tuple[OutboxRow, ...]:
        """Return which of the oldest rows to send now; `now_s` from a clock that only grows."""
        if not rows:
            return ()
        first, last = rows[0].n, rows[-1].n
        sent = self._last.get(peer, 0)
        self._last[peer] = last
        moved = self._head.get(peer) != first
        self._head[peer] = first
        if moved:
            self._pause[peer] = _RESEND_FIRST_S
        waits = now_s < self._next.get(peer, 0.0)
        if moved or not waits:
            pause = self._pause.setdefault(peer, _RESEND_FIRST_S)
            spread = 0.8 + 0.4 * random.random()  # noqa: S311 - spreads load, guards nothing
            self._next[peer] = now_s + pause * spread
            self._pause[peer] = min(pause * 2, _RESEND_MOST_S)
        # What it has acknowledged makes room for more; what is on its way has time.
        return tuple(row for row in rows if row.n > sent) if waits else rows
