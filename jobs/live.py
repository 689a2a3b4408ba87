"""What printers are doing this minute: kept in memory for pages, never in the ledger."""

from __future__ import annotations

import threading
from datetime import datetime

from jobs.messages import PrinterTele, Telemetry


class Live:
    """The newest telemetry of every printer. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, dict[str, tuple[PrinterTele, datetime]]] = {}  # by node, by printer

    def tell(self, node: str, telemetry: Telemetry, now: datetime) -> None:
        """Keep a node's telemetry in place of its older one."""
        with self._lock:
            self._told[node] = {tele.printer: (tele, now) for tele in telemetry.printers}

    def printer(self, node: str, printer: str) -> PrinterTele | None:
        """Return the newest telemetry of a printer, None when there was none."""
        with self._lock:
            told = self._told.get(node, {}).get(printer)
        return None if told is None else told[0]
