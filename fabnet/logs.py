"""One log format for all processes."""

from __future__ import annotations

import logging
import time

#: So often the same line is written of what fails at every turn.
_AGAIN_S = 15 * 60.0
#: So many lines are remembered.
_MOST = 1000
_AGAIN = ("fabnet.service.faults", "jobs.ledger.rows")


def set_up(*, verbose: bool = False) -> None:
    """Write log lines to standard error, in UTC."""
    logging.Formatter.converter = time.gmtime
    logging.Formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for name in _AGAIN:
        logging.getLogger(name).addFilter(Seldom())


class Seldom(logging.Filter):
    """Lets the same line pass once in a while: what fails at every turn must not fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._said_s: dict[str, float] = {}  # by line, when it was written last

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        error = record.exc_info[1] if record.exc_info else None
        line = f"{record.getMessage()} {error!r}"
        if 0 <= record.created - self._said_s.get(line, float("-inf")) < _AGAIN_S:
            return False
        if len(self._said_s) >= _MOST:
            self._said_s.clear()
        self._said_s[line] = record.created
        return True
