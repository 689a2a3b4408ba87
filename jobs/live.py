"""What printers are doing this minute: kept in memory for pages, never in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from jobs.messages import PrinterTele, Telemetry


class Live:
    """The newest telemetry of every printer. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._told: dict[str, dict[str, tuple[PrinterTele, datetime]]] = {}  # by node, by printer

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` after each telemetry, on the thread that brings it: it must be quick."""
        self._listeners.append(heard)

    def tell(self, node: str, telemetry: Telemetry, now: datetime) -> None:
        """Keep a node's telemetry in place of its older one."""
        with self._lock:
            self._told[node] = {tele.printer: (tele, now) for tele in telemetry.printers}
        for heard in self._listeners:
            heard()

    def printer(self, node: str, printer: str) -> PrinterTele | None:
        """Return the newest telemetry of a printer, None when there was none."""
        with self._lock:
            told = self._told.get(node, {}).get(printer)
        return None if told is None else told[0]
