"""Does to a network what the schedule says. Used by the harness's main thread."""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.journals import Journals
from tests.chaos.member import Member
from tests.chaos.naive import NaiveNetwork
from tests.chaos.nemesis import Fault
from tests.chaos.network import Network, Node
from tests.chaos.proxy import Wire
from tests.doubles.small_disk import fill_up

_COPY_EVERY_S = 1.0
_COPIES_KEPT = 12
#: After a young death a process is spared until it has been connected for so long.
_AT_WORK_S = {"coordinator": 8.0, "node": 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A ledger that was put back: what was accepted between the two times is gone."""

    copied_s: float  # of time.monotonic
    at_s: float


class Deeds:
    """The hands of the nemesis; the naive network suffers the same.

    Args:
        ledger_lock: held while the ledger is replaced, so that nobody reads half of it.
    """

    def __init__(
        self, network: Network, naive: NaiveNetwork, ledger_lock: threading.Lock, *, copies: bool
    ) -> None:
        self.done: Counter[str] = Counter()
        self.restored: list[Restored] = []
        self.burnt: str | None = None
        self._network = network
        self._naive = naive
        self._lock = ledger_lock
        self._copies_wanted = copies
        self._copies: list[tuple[float, Path]] = []
        self._journals = Journals(network, ledger_lock)
        self._postponed: list[Fault] = []
        self._later: list[tuple[float, str, Node]] = []

    def do(self, fault: Fault) -> None:
        """One deed."""
        match fault.kind:
            case "kill":
                self._kill(fault)
            case "pause":
                own, *naive = self._members(fault)
                self.done["pause"] += own.pause(fault.for_s)
                for member in naive:
                    member.pause(fault.for_s)
            case "reset" | "stall" | "half-open" | "slow":
                for wire in self._wires(fault):
                    _hurt(wire, fault)
                self.done[fault.kind] += 1
            case "clock":
                coordinator = fault.target == "coordinator"
                wall = self._network.clock if coordinator else self._node(fault).clock
                wall.step_to(fault.value)
                self.done["clock"] += 1
            case "disk":
                self._fill_disk(self._node(fault), fault.for_s)
            case "restore" | "journal":
                self._postponed.append(fault)  # As soon as it can be.
            case "burn":
                self.burnt = self._network.burn().id
                self.done["burn"] += 1
            case _:
                raise AssertionError(fault.kind)

    def look(self) -> None:
        """Do what is due by itself: copies of the ledger, disks that get room again."""
        now_s = time.monotonic()
        for due in [each for each in self._later if each[0] <= now_s]:
            self._later.remove(due)
            _free(due[2])
        self._postponed = [fault for fault in self._postponed if not self._put_back(fault)]
        self._journals.copy(now_s)
        if self._copies_wanted and (
            not self._copies or now_s >= self._copies[-1][0] + _COPY_EVERY_S
        ):
            self._copy(now_s)

    def heal(self) -> None:
        """The faults are over."""
        for _, _, node in self._later:
            _free(node)
        self._later.clear()
        self._postponed.clear()
        for node in self._network.nodes:
            node.clock.step_to(0.0)
            node.to_broker.heal()
        self._network.clock.step_to(0.0)
        self._network.to_broker.heal()
        self._naive.heal()
        for member in (*self._network.members, *self._naive.members):
            member.go_on()

    # --- who -------------------------------------------------------------------------------------

    def _node(self, fault: Fault) -> Node:
        return self._network.nodes[fault.index]

    def _members(self, fault: Fault) -> list[Member]:
        network, naive = self._network, self._naive
        match fault.target:
            case "coordinator":
                return [network.coordinator, naive.coordinator]
            case "broker":
                return [network.broker, naive.broker]
            case "printer":
                printer = network.printers[fault.index]
                return [network.printer_members[printer.node, printer.id]]
            case _:
                return [self._node(fault).member, naive.nodes[fault.index % len(naive.nodes)]]

    def _wires(self, fault: Fault) -> list[Wire]:
        if fault.target == "coordinator":
            return [self._network.to_broker, self._naive.wires[-1]]
        return [
            self._node(fault).to_broker,
            self._naive.wires[fault.index % len(self._naive.nodes)],
        ]

    def _wire_of(self, fault: Fault) -> Wire | None:
        match fault.target:
            case "coordinator":
                return self._network.to_broker
            case "node":
                return self._node(fault).to_broker
            case _:
                return None

    # --- what ------------------------------------------------------------------------------------

    def _kill(self, fault: Fault) -> None:
        own, *naive = self._members(fault)
        wire = self._wire_of(fault)
        if wire is not None and not own.may_be_killed(
            at_work=own.is_at_work(wire.connected_at_s, _AT_WORK_S[fault.target])
        ):
            self.done["spared"] += 1
            return
        if own.kill(fault.for_s):
            if fault.target == "printer":
                # As a plug that is pulled: the number of its pty may be another printer's next.
                self._network.printers[fault.index].tty.unlink(missing_ok=True)
            self.done["kill"] += 1
            self.done[f"kill {fault.target}"] += 1
        for member in naive:
            member.kill(fault.for_s)

    def _fill_disk(self, node: Node, for_s: float) -> None:
        """Leave a node no byte to write."""
        if node.has_disk:
            fill_up(node.data / "filler")
        elif node.member.pid is None:
            return
        else:
            # No disk of its own may be mounted here: the kernel refuses its writes instead.
            limits = resource.prlimit(node.member.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(node.member.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
        self._later.append((time.monotonic() + for_s, "disk", node))
        self.done["disk"] += 1

    def _copy(self, now_s: float) -> None:
        target = self._network.folder / f"copy-{now_s:.2f}.db"
        with self._lock, suppress(sqlite3.Error):
            source = f"file:{self._network.ledger_file}?mode=ro"
            with (
                closing(sqlite3.connect(source, uri=True, timeout=0.2)) as here,
                closing(sqlite3.connect(target)) as there,
            ):
                here.backup(there)
            self._copies.append((now_s, target))
        while len(self._copies) > _COPIES_KEPT:
            self._copies.pop(0)[1].unlink(missing_ok=True)

    def _put_back(self, fault: Fault) -> bool:
        """Put a ledger or a journal back; return whether its time had come."""
        return self._restore(fault) if fault.kind == "restore" else self._lose_journal(fault)

    def _lose_journal(self, fault: Fault) -> bool:
        """kill -9 a node, and put an older copy of its journal back, or none.

        What ledger and journal have forgotten both, nobody can know. So the ledger has heard the node
        since it was put back itself, and no copy of an earlier time is put back later.
        """
        node, now_s = self._node(fault), time.monotonic()
        if not node.member.is_at_work(node.to_broker.connected_at_s, _AT_WORK_S["node"]):
            return False
        if any(full is node for _, _, full in self._later) or not self._ledger_knows_all_of(node):
            return False
        if not self._journals.lose(node, fault, now_s):
            return False
        self._forget_copies_after(0.0)
        for member in self._members(fault)[1:]:
            member.kill(fault.for_s)
        self.done["journal"] += 1
        return True

    def _ledger_knows_all_of(self, node: Node) -> bool:
        """Whether the ledger waits for no word of a node on what it has forgotten."""
        network = self._network
        if self.restored and not network.coordinator.is_at_work(
            network.to_broker.connected_at_s, _AT_WORK_S["coordinator"]
        ):
            return False  # A ledger that was put back asks once a coordinator has begun with it.
        return self._journals.are_heard(node)

    def _forget_copies_after(self, at_s: float) -> None:
        for each in [each for each in self._copies if each[0] > at_s]:
            self._copies.remove(each)
            each[1].unlink(missing_ok=True)

    def _restore(self, fault: Fault) -> bool:
        """kill -9 the coordinator, and put a copy of its ledger back."""
        now_s = time.monotonic()
        network = self._network
        at_work = network.coordinator.is_at_work(
            network.to_broker.connected_at_s, _AT_WORK_S["coordinator"]
        )
        old = [each for each in self._copies if each[0] <= now_s - fault.value]
        if not old or not at_work:
            return False
        copied_s, copy = old[-1]
        network.coordinator.kill(fault.for_s)
        file = network.ledger_file
        with self._lock:
            for ending in ("-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
            file.write_bytes(copy.read_bytes())
        self.restored.append(Restored(copied_s=copied_s, at_s=time.monotonic()))
        # Copies of the time that is forgotten now are no copies of this ledger any more.
        self._forget_copies_after(copied_s)
        self.done["restore"] += 1
        return True


def _hurt(wire: Wire, fault: Fault) -> None:
    match fault.kind:
        case "reset":
            wire.reset()
        case "stall":
            wire.stall(fault.for_s)
        case "slow":
            wire.slow(fault.for_s)
        case _:
            # The longest are left by whoever notices: a keep-alive, or a sync that nobody answers.
            wire.half_open(int(fault.value), 3 * fault.for_s)


def _free(node: Node) -> None:
    (node.data / "filler").unlink(missing_ok=True)
    if not node.has_disk and node.member.pid is not None:
        with suppress(ProcessLookupError):
            limits = resource.prlimit(node.member.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(node.member.pid, resource.RLIMIT_FSIZE, (limits[1], limits[1]))
