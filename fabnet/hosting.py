"""Hosted nodes: for makers without software, their node runs beside the coordinator.

Each is the same agent with its own journal as any other node, in a thread of the coordinator's
process; its printers are fed by hand and its events come from its maker's pages. A folder that
appears under `hosted/` is started, one whose configuration changes is started anew.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from fabnet.config import load_node
from fabnet.errors import FabnetError
from fabnet.node.opening import open_node
from firmware_profiles.errors import FirmwareProfileError
from printers.errors import PrinterError

_log = logging.getLogger(__name__)
_END_S = 15.0


@dataclass(slots=True)
class _Running:
    stop: threading.Event
    thread: threading.Thread | None
    changed_at_s: float  # of node.toml when it was started


class Hosting:
    """All hosted nodes of one coordinator.

    Args:
        folder: holds a folder for each, with its node.toml.
        machine: names this machine, for the journals.
    """

    def __init__(self, folder: Path, machine: str) -> None:
        self._folder = folder
        self._machine = machine
        self._nodes: dict[str, _Running] = {}

    def look(self) -> None:
        """Start what is new or changed, stop what is gone. Cheap; called all the time."""
        found = {path.parent.name: path for path in self._folder.glob("*/node.toml")}
        for name in self._nodes.keys() - found.keys():
            self._end(self._nodes.pop(name))
        for name, path in found.items():
            changed_at_s = path.stat().st_mtime
            running = self._nodes.get(name)
            if running is not None and running.changed_at_s == changed_at_s:
                continue
            if running is not None:
                self._end(running)
            self._nodes[name] = self._start(name, path, changed_at_s)

    def _start(self, name: str, path: Path, changed_at_s: float) -> _Running:
        stop = threading.Event()
        try:
            agent = open_node(load_node(path), self._machine)
        except (FabnetError, PrinterError, FirmwareProfileError) as error:
            _log.error("hosted node %s cannot run: %s", name, error)
            return _Running(stop=stop, thread=None, changed_at_s=changed_at_s)
        thread = threading.Thread(
            target=agent.run, args=(stop,), name=f"hosted-{name}", daemon=True
        )
        thread.start()
        _log.info("hosted node %s runs", name)
        return _Running(stop=stop, thread=thread, changed_at_s=changed_at_s)

    def _end(self, running: _Running) -> None:
        running.stop.set()
        if running.thread is not None:
            running.thread.join(_END_S)

    def stop(self) -> None:
        """End all of them."""
        for running in self._nodes.values():
            running.stop.set()
        for running in self._nodes.values():
            self._end(running)
        self._nodes.clear()
