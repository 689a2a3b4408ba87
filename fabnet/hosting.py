"""Hosted nodes: for makers without software, their node runs beside the coordinator.

Each is the same agent with its own journal as any other node, in a thread of the coordinator's
process; its printers are fed by hand and its events come from its maker's pages. What a maker said
when she joined becomes a folder under `hosted/`; a folder whose node belongs to the network is
started, one whose configuration changes is started anew, one that was shut out is stopped.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fabnet import clock
from fabnet.authority import Reach
from fabnet.config import OWN_SLICES, load_node
from fabnet.enrolment import make_hosted
from fabnet.errors import FabnetError, SupersededError
from fabnet.node.agent import Agent
from fabnet.node.opening import open_node
from fabnet.node.own_slices import OwnSlices
from firmware_profiles.errors import FirmwareProfileError
from jobs.errors import NotFoundError
from jobs.ledger import members
from jobs.ledger.store import Ledger
from jobs.model import AttemptRef
from printers.errors import PrinterError
from printers.slices import kept, sha256_of

_log = logging.getLogger(__name__)
_END_S = 15.0
_KEY = re.compile("[0-9a-f]{64}")
#: What could not be made, opened or kept running is tried again after so long: the disk may be full.
_AGAIN_S = 30.0


@dataclass(slots=True)
class _Running:
    stop: threading.Event
    thread: threading.Thread | None
    own: OwnSlices | None  # None where it cannot run
    folder: Path  # of its journal and slices
    changed_at_s: float  # of node.toml when it was started
    again_at_s: float = math.inf  # of clock.boottime_s; when it is started again


class Hosting:
    """All hosted nodes of one coordinator.

    Args:
        ledger: knows who joined on her phone, and who belongs to the network.
        folder: holds a folder for each, with its node.toml.
        machine: names this machine, for the journals.
        how: tells how nodes reach the coordinator now.
    """

    def __init__(
        self, ledger: Ledger, folder: Path, machine: str, how: Callable[[], Reach]
    ) -> None:
        self._ledger = ledger
        self._folder = folder
        self._machine = machine
        self._how = how
        self._nodes: dict[str, _Running] = {}
        self._again_at_s = 0.0

    def look(self) -> None:
        """Start what is new or changed, stop what is gone. Cheap; called all the time."""
        self._make()
        out = members.not_members(self._ledger.reading)
        found = {
            path.parent.name: path
            for path in self._folder.glob("*/node.toml")
            # One that is being made has a dot before its name.
            if path.parent.name not in out and not path.parent.name.startswith(".")
        }
        for name in self._nodes.keys() - found.keys():
            self._end(self._nodes.pop(name))
        for name, path in found.items():
            changed_at_s = path.stat().st_mtime
            running = self._nodes.get(name)
            if (
                running is not None
                and running.changed_at_s == changed_at_s
                and clock.boottime_s() < running.again_at_s
            ):
                continue
            if running is not None:
                self._end(running)
            self._nodes[name] = self._start(name, path, changed_at_s)

    def _make(self) -> None:
        """Make the folder of whoever joined on her phone."""
        if clock.boottime_s() < self._again_at_s:
            return
        for found in members.hosted(self._ledger.reading, keyless=True):
            try:
                make_hosted(self._ledger, found, self._how(), self._folder)
            except (OSError, FabnetError, FirmwareProfileError) as error:
                self._again_at_s = clock.boottime_s() + _AGAIN_S
                _log.error("the folder of hosted node %s cannot be made: %s", found.id, error)

    def _start(self, name: str, path: Path, changed_at_s: float) -> _Running:
        made = _Running(
            stop=threading.Event(), thread=None, own=None, folder=path.parent,
            changed_at_s=changed_at_s,
        )  # fmt: skip
        try:
            config = load_node(path)
            made.folder = Path(config.data_dir)
            agent = open_node(config, self._machine)
        except (OSError, FabnetError, PrinterError, FirmwareProfileError) as error:
            _log.error("hosted node %s cannot run: %s", name, error)
            made.again_at_s = clock.boottime_s() + _AGAIN_S
            return made
        made.own = OwnSlices(config, agent.desk.ask)
        made.thread = threading.Thread(
            target=self._run, args=(name, agent, made), name=f"hosted-{name}", daemon=True
        )
        made.thread.start()
        _log.info("hosted node %s runs", name)
        return made

    def _run(self, name: str, agent: Agent, made: _Running) -> None:
        try:
            agent.run(made.stop)
        except SupersededError as error:
            _log.error("hosted node %s has ended: %s", name, error)
        except Exception:  # noqa: BLE001
            # Its plates wait for it, and nobody else would start it.
            _log.exception("hosted node %s has ended", name)
            made.again_at_s = clock.boottime_s() + _AGAIN_S

    # --- what a maker slices herself: asked on the threads of her pages -----------------------

    def hosts(self, node: str) -> bool:
        """Whether this node runs here."""
        return self._own(node) is not None

    def _own(self, node: str) -> OwnSlices | None:
        running = self._nodes.get(node)
        return None if running is None else running.own

    def bring(self, node: str, ref: AttemptRef, plate: Path, gcode: Path, *, sure: bool) -> str:
        """Let a plate of a node be printed from G-code that its maker brings; return its key.

        Args:
            node: that runs here.
            ref: of a plate that it has taken.
            plate: as 3MF.
            gcode: of any slicer, as text.
            sure: its maker says that it is the whole plate, whatever it weighs.

        Raises:
            NotFoundError: there is no such node here, or no such plate on it.
            RefusedError: the G-code is refused, with its line; or it is too late.
        """
        own = self._own(node)
        if own is None:
            raise NotFoundError("node", node)
        own.bring(ref, gcode, sure=sure, file=plate)
        return sha256_of(gcode)

    def gcode_of(self, node: str, key: str) -> Path | None:
        """Return G-code that the maker of a node has brought, None where it is not here."""
        running = self._nodes.get(node)
        if running is None or not _KEY.fullmatch(key):
            return None
        found = kept(running.folder / OWN_SLICES, key)
        return None if found is None else found.gcode

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
