"""One network of two labs and one order, moved step by step; knows what physically happened.

What must hold after every step is in `tests.sim.laws`.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from fabnet import clock
from fabnet.errors import JournalError, SupersededError, WireError
from fabnet.node.journal import Journal
from jobs.coordinator import harvests, nodes, restoring
from jobs.errors import JobError
from jobs.ledger.views import AttemptView
from jobs.ledger.waiting import waiting
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.model import AttemptRef, Role
from printers.model import PrintResult
from tests.sim.ends import (
    PRINTER,
    CoordinatorEnd,
    NodeEnd,
    copy_of,
    lose_disk,
    put_back,
)
from tests.sim.hosts import Hosts
from tests.sim.laws import Laws, all_attempts
from tests.sim.network import Crash, Network
from tests.sim.order import NODES, PIECES, make_jobs, template

#: A fault that is built into the code for as long as a world lives.
Mutant = Callable[[pytest.MonkeyPatch], None]
_SHM = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


class World:
    """See the module. `hosts` has to be the clock of `fabnet.clock` while it lives: `simulated`."""

    def __init__(self, folder: Path, hosts: Hosts) -> None:
        self.hosts = hosts
        self.folder = folder
        self.network = Network(NODES)
        (folder / "coordinator").mkdir()
        for name, data in template().items():
            (folder / "coordinator" / name).write_bytes(data)
        self.coordinator = CoordinatorEnd(folder / "coordinator", self.network)
        self.nodes: dict[str, NodeEnd] = {}
        for number, name in enumerate(NODES):
            hosts.here = name
            (folder / name).mkdir()
            self.nodes[name] = NodeEnd(
                name, folder / name, self.network, keeps_printing=bool(number)
            )
        self.copies: dict[str, tuple[bytes, bytes]] = {}
        self.laws = Laws(self.coordinator, self.nodes)
        self.unwritten: set[str] = set()  # jobs begun that their node's journal knows no more

    # --- one machine at a time ---------------------------------------------------------------------

    @contextlib.contextmanager
    def at(self, host: str) -> Iterator[None]:
        """Run something on a machine; what kills it is a crash of that machine's process.

        A node whose stream is ended again and again ends too, and systemd starts it.
        """
        self.hosts.here = host
        try:
            yield
        except (Crash, SupersededError):
            self.crash(host)
        self.laws.check()

    def crash(self, host: str) -> None:
        """kill -9, and a start by systemd."""
        self.cut(host)
        end = self.end(host)
        end.kill()
        self.hosts.here = host
        end.start()

    def end(self, host: str) -> CoordinatorEnd | NodeEnd:
        return self.coordinator if host == "coordinator" else self.nodes[host]

    def reboot(self, host: str) -> None:
        """Power cut: the clock since boot begins anew."""
        self.hosts.booted_s[host] = self.hosts.true_s
        self.crash(host)
        self.laws.check()

    # --- the network -------------------------------------------------------------------------------

    def step(self, host: str) -> None:
        with self.at(host):
            end = self.end(host)
            if not end.link.up:
                end.connect()
            end.round()
            if isinstance(end, NodeEnd):
                end.round()

    def bench(self, node: str) -> None:
        with self.at(node):
            self.nodes[node].bench_round()

    def deliver(self, index: int, *, dies: bool = False) -> None:
        message = self.network.flying.pop(index)
        end = self.end(message.to)
        with self.at(message.to):
            end.link.dies_at_publish = dies
            try:
                with contextlib.suppress(WireError):
                    end.hear(message.topic, message.payload)
            finally:
                end.link.dies_at_publish = False

    def exchange(self, node: str, rounds: int = 1) -> None:
        """A good moment for one lab: everything arrives, and its printer is looked after."""
        for _ in range(rounds):
            for host in ("coordinator", node, "coordinator"):
                self.step(host)
                self._deliver_all(node)
            self.bench(node)

    def one_way(self, node: str, *, up: bool) -> None:
        """What one side says arrives, and nothing of what the other says."""
        for host in ("coordinator", node, "coordinator"):
            self.step(host)
            self._deliver_all(node, to=("coordinator",) if up else (node,))
        kept = [m for m in self.network.flying if f"/{node}/" not in m.topic]
        self.network.flying[:] = kept

    def _deliver_all(self, node: str, to: tuple[str, ...] = ()) -> None:
        to = to or (node, "coordinator")
        while found := [
            at
            for at, m in enumerate(self.network.flying)
            if m.to in to and (m.to == node or f"/{node}/" in m.topic)
        ]:
            self.deliver(found[0])

    def cut(self, host: str) -> None:
        """The connection ends, and the broker says a node's will, which comes when it comes."""
        end = self.end(host)
        if end.link.up and isinstance(end, NodeEnd):
            self.network.send(*end.will())
        end.link.up = False

    # --- the metal and the people ------------------------------------------------------------------

    def finish(self, node: str) -> None:
        self.nodes[node].machine.finish()
        self.bench(node)

    def break_off(self, node: str) -> None:
        self.nodes[node].machine.stop(PrintResult.FAILED, "thermal fault")
        self.bench(node)

    def attempts(self) -> list[AttemptView]:
        return all_attempts(self.coordinator.ledger.reading)

    def plan(self, *first: str) -> None:
        """Give what has no place to labs in turn, in plates of two: to all, or to those named."""
        self.hosts.here = "coordinator"
        others = () if len(first) > 1 else tuple(node for node in NODES if node not in first)
        labs = itertools.cycle((*first, *others))
        with self.coordinator.ledger.transaction() as db:
            make_jobs(db, labs, clock.now())

    def harvest(self, index: int = 0) -> bool:
        """A maker who looks at the bed counts one attempt that is over; return whether one was."""
        self.hosts.here = "coordinator"
        over = [a for a in self.attempts() if a.state in TO_HARVEST | {AttemptState.WRITTEN_OFF}]
        over = [a for a in over if a.state is not AttemptState.WRITTEN_OFF or self._exists(a)]
        if not over:
            return False
        found = over[index % len(over)]
        whole = self._exists(found)
        good = found.pieces if whole else 0
        machine = self.nodes[found.node].machine
        if machine.now is None and machine.lies == found.ref.name:
            machine.lies = ""
        reason = "" if whole else "it broke off, or was never begun"
        self._count(found.ref, good, reason)
        return True

    def _count(self, ref: AttemptRef, good: int, reason: str) -> None:
        harvests.harvest(self.coordinator.ledger, ref, good, 0, reason, "maker", clock.now())
        if not good:
            self.laws.excused.add(ref.job)
        self.laws.check()

    def _exists(self, found: AttemptView) -> bool:
        return self.nodes[found.node].machine.ended[found.ref.name] > 0

    def harvest_again(self, index: int) -> None:
        """Somebody counts what was counted."""
        self.hosts.here = "coordinator"
        done = [a for a in self.attempts() if a.state is AttemptState.HARVESTED]
        if done:
            with contextlib.suppress(JobError):
                self._count(done[index % len(done)].ref, PIECES, "")

    def clear_bed(self, node: str) -> None:
        """The maker has taken everything off and says so."""
        self.hosts.here = "coordinator"
        end = self.nodes[node]
        if end.machine.now is not None:
            return
        end.machine.lies = ""
        with contextlib.suppress(JobError):
            nodes.printer_ready(self.coordinator.ledger, node, PRINTER, "maker", clock.now())

    def write_off(self, index: int) -> None:
        """A steward who cannot reach a lab gives an attempt up, where the system lets her."""
        self.hosts.here = "coordinator"
        found = [a for a in self.attempts() if a.granted_at is not None]
        if not found:
            return
        chosen = found[index % len(found)]
        try:
            harvests.write_off(
                self.coordinator.ledger, chosen.ref, "silent", "steward", clock.now()
            )
        except JobError:
            return
        name = chosen.ref.name
        self.laws.excused.add(chosen.ref.job)
        if not any(node.machine.begun[name] for node in self.nodes.values()):
            self.laws.given_up.add(name)
        self.laws.check()

    def go_on_without(self, node: str) -> None:
        self.hosts.here = "coordinator"
        with contextlib.suppress(JobError):
            restoring.go_on_without(self.coordinator.ledger, node, "steward", clock.now())
            self.laws.excused |= {a.ref.job for a in self.attempts()}
            self.laws.excused |= {name.split("-")[1] for name in self.nodes[node].machine.begun}

    # --- time

    def pass_time(self, seconds: float) -> None:
        """The coordinator runs all the while, as a service does."""
        for _ in range(4):
            self.hosts.true_s += seconds / 4
            self.step("coordinator")

    def suspend(self, node: str, seconds: float) -> None:
        """A lab's machine sleeps; the world goes on."""
        self.hosts.slept_s[node] = self.hosts.slept_s.get(node, 0.0) + seconds
        self.pass_time(seconds)

    # --- what is lost and put back -----------------------------------------------------------------

    def copy(self, host: str) -> None:
        self.copies[host] = copy_of(self._file(host))

    def _file(self, host: str) -> Path:
        end = self.end(host)
        return end.folder / "ledger.db" if host == "coordinator" else end.journal_file

    def put_back(self, host: str) -> None:
        if host not in self.copies:
            return
        self._forget(host)
        self.end(host).kill()
        put_back(self._file(host), self.copies[host])
        self.hosts.here = host
        self.end(host).start()
        if host == "coordinator":
            self.laws.look_again()
        self.laws.check()

    def _forget(self, host: str) -> None:
        """Where the ledger and a journal have both forgotten a print, nobody can know of it."""
        if host == "coordinator":
            self.laws.excused |= self.unwritten
            return
        begun = {name.split("-")[1] for name in self.nodes[host].machine.begun}
        self.unwritten |= begun
        if restoring.is_asked(self.coordinator.ledger.reading, host):
            self.laws.excused |= begun

    def lose_disk(self, node: str) -> None:
        self._forget(node)
        self.nodes[node].kill()
        lose_disk(self.nodes[node])
        self.copies.pop(node, None)
        self.hosts.here = node
        self.nodes[node].start()

    def clone(self, node: str) -> None:
        """The card is copied into another machine, and beside itself: neither copy may run."""
        end = self.nodes[node]
        twin = self.folder / "twin"
        shutil.copytree(end.folder, twin)
        try:
            for folder, machine in ((twin, "machine"), (twin, "another machine")):
                try:
                    Journal(folder / "journal.db", machine).close()
                except JournalError:
                    continue
                raise AssertionError(f"a copy of {node}'s journal runs on {machine}")
        finally:
            shutil.rmtree(twin)

    # --- when all is well again --------------------------------------------------------------------

    def settle(self) -> None:
        """Heal everything; whatever was asked for must come, or be with a person."""
        late, self.network.flying = self.network.flying, []
        for host in ("coordinator", *NODES):
            self.cut(host)
            self.step(host)
        for node in NODES:
            self.exchange(node)
        # Whatever was still under way comes when all is well again.
        self.network.flying += late
        for turn in range(60):
            for node in NODES:
                self.exchange(node, 2)
                self.finish(node)
                self.exchange(node, 1)
            while self.harvest():
                pass
            for node in NODES:
                if self._is_asked_for_bed(node):
                    self.clear_bed(node)
            self.plan(NODES[turn % 2])
            self.hosts.true_s += 120
            if self.laws.is_done():
                break
        self.laws.check()
        assert self.laws.is_done(), f"forgotten: {self.laws.story()}"
        self.laws.check_surplus()

    def _is_asked_for_bed(self, node: str) -> bool:
        """Whether the maker's page says that a bed is to be cleared: she knows of it from there."""
        asked = waiting(self.coordinator.ledger.reading, Role.MAKER, node)
        return any(thing.kind == "clear" for thing in asked)


@contextlib.contextmanager
def simulated(mutant: Mutant | None = None) -> Iterator[World]:
    """Make a world in a folder of its own, whose hosts' time is the time of the process."""
    template()
    hosts, dice = Hosts(), random.Random(1)
    folder = Path(mkdtemp(prefix="fabnet-sim-", dir=_SHM if _SHM.is_dir() else None))
    world = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", hosts.now)
        patch.setattr(clock, "boottime_s", hosts.boottime_s)
        # The same steps give the same world, down to the order of random names.
        patch.setattr(secrets, "token_hex", lambda length=16: dice.randbytes(length).hex())
        patch.setattr(secrets, "token_bytes", lambda length=16: dice.randbytes(length))
        patch.setattr(secrets, "choice", dice.choice)
        patch.setattr(secrets, "randbelow", dice.randrange)
        patch.setattr(random, "random", dice.random)
        if mutant is not None:
            mutant(patch)
        try:
            world = World(folder, hosts)
            yield world
        finally:
            if world is not None:
                for host in ("coordinator", *NODES):
                    world.end(host).kill()
            shutil.rmtree(folder)
