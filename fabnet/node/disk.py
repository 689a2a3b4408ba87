"""Whether the node can write: a disk that is full, or that its system has made read-only.

What prints goes on, for a print needs nothing written until its end; nothing new begins, is counted or
answered. Said once in the log, and to whoever asks the node; it goes on by itself.
"""

from __future__ import annotations

import logging
from pathlib import Path

from fabnet import clock
from fabnet.node.journal import Journal
from jobs.errors import RefusedError
from jobs.ledger.disk import DiskTrouble, trouble_of

_log = logging.getLogger(__name__)

_TRIED = "disk_tried"  # the setting that is written to see whether anything can be

_LOGGED = {
    DiskTrouble.FULL: "its disk is full: nothing new begins, what prints goes on. Make room; it goes on by"
    " itself",
    DiskTrouble.FAILS: "its disk cannot be written: nothing new begins, what prints goes on. Look at the"
    " machine's log, then restart the machine; if that does not help, replace the disk or memory card",
}
_REFUSED = {
    DiskTrouble.FULL: "The disk of this machine is full: nothing was kept. Make room, and do it again.",
    DiskTrouble.FAILS: "The disk of this machine cannot be written: nothing was kept. Restart the machine; if"
    " that does not help, replace its disk or memory card.",
}


class Disk:
    """Used by the thread that owns the journal.

    Args:
        node: named in the log.
        folder: in which the journal lies.
    """

    def __init__(self, node: str, journal: Journal, folder: Path) -> None:
        self.trouble = DiskTrouble.NONE
        self._node = node
        self._journal = journal
        self._folder = folder

    def failed(self, error: Exception) -> bool:
        """Take an error; return whether the disk is to blame, which is logged when it begins."""
        found = trouble_of(error, self._folder)
        if found and found is not self.trouble:
            _log.error("node %s: %s (%s)", self._node, _LOGGED[found], error)
        self.trouble = found or self.trouble
        return bool(found)

    def look(self) -> None:
        """Where there was trouble, see whether it is over.

        Raises:
            sqlite3.Error: it is not.
        """
        if not self.trouble:
            return
        with self._journal.transaction() as db:
            self._journal.set_setting(db, _TRIED, clock.now().isoformat())
        _log.info("node %s: its disk can be written again", self._node)
        self.trouble = DiskTrouble.NONE

    def refusal(self, error: Exception) -> RefusedError | None:
        """Return what is said to whoever wished what cannot be kept; None where it is not the disk."""
        found = trouble_of(error, self._folder)
        return RefusedError(_REFUSED[found]) if found else None
