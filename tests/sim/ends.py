"""The two ends as they run in their processes, without threads: started, stepped, killed."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet import wire
from fabnet.config import NodeConfig
from fabnet.exchange import Exchange
from fabnet.inlet import Connected, Incoming
from fabnet.node.agent import Agent
from fabnet.node.files import FileStore
from fabnet.node.journal import Journal
from fabnet.printer_config import PrinterConfig
from fabnet.wire import Channel
from firmware_profiles.loader import load_machine
from jobs.errors import LawBrokenError
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from jobs.live import Live
from printers.slices import Slice, SliceRequest
from tests.sim.machine import Machine, MachineDriver
from tests.sim.network import Network, SimLink

PRINTER = "p1"
#: An hour of work is granted ahead: two plates and a grant that outlives a break of the line.
LOOK_AHEAD_S = 1800.0
_SILENCE = timedelta(minutes=10)
PRESET = load_machine("generic-250x210")
PLATE = b"a plate"
PLATE_SHA256 = hashlib.sha256(PLATE).hexdigest()
_GCODE = "G28\nM83\nM140 S60\nM104 S200\nG1 X10 Y10 F600\nG1 X20 Y20 E1\nM104 S0\nM140 S0\n"
_KEY = Ed25519PrivateKey.generate()


class AtOnce(Executor):
    """Does in the same thread, and at once, what it is given."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as every executor does
            future.set_exception(error)
        return future


class TinySlicer:
    """Makes the same eight lines of every plate."""

    name = "tiny"

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        gcode = out / f"{request.plate_sha256[:8]}.gcode"
        if not gcode.exists():
            gcode.write_text(_GCODE)
        return Slice(
            gcode=gcode, sha256=hashlib.sha256(_GCODE.encode()).hexdigest(), key=gcode.stem,
            seconds=600.0, grams=10.0, layers=1, slicer=self.name,
        )  # fmt: skip


class NodeEnd:
    """One lab's node; its folder and its printer's metal outlive it."""

    def __init__(self, name: str, folder: Path, network: Network, *, keeps_printing: bool) -> None:
        self.name = name
        self.folder = folder
        self.machine = Machine(keeps_printing=keeps_printing)
        self.agent: Agent | None = None
        self._network = network
        self.start()

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal.db"

    def start(self, machine_id: str = "machine") -> None:
        """As `open_node` and the first lines of `Agent.run`."""
        store = self.folder / "files"
        store.mkdir(parents=True, exist_ok=True)
        (store / PLATE_SHA256).write_bytes(PLATE)
        config = NodeConfig(
            id=self.name, lab=self.name, coordinator="http://127.0.0.1:1",
            broker="mqtt://127.0.0.1:1", data_dir=str(self.folder), password_file="", key_file="",
            attended="00:00-24:00",
            printers=(
                PrinterConfig(
                    id=PRINTER, preset=PRESET.name, port="/dev/none", material="PETG", grams=15_000
                ),
            ),
        )  # fmt: skip
        self.link = SimLink(self._network)
        journal = Journal(self.journal_file, machine_id)
        self.agent = Agent(
            config=config,
            presets={PRINTER: PRESET},
            journal=journal,
            link=self.link,
            store=FileStore(store, config.coordinator, self.name, _KEY),
            slicer=TinySlicer(),
            drivers={PRINTER: lambda: MachineDriver(self.machine)},
            boot=secrets.token_hex(8),
        )
        self.agent._preparer._pool.shutdown()
        self.agent._preparer._pool = AtOnce()
        self.agent.begin()

    @property
    def journal(self) -> Journal:
        assert self.agent is not None
        return self.agent._journal

    @property
    def bench(self):
        return self.agent._benches[PRINTER]

    def kill(self) -> None:
        """kill -9: what is in the memory and on the way to the printer is gone."""
        if self.agent is not None:
            self.journal.close()
            self.agent = None
            self.machine.line_cut()

    def will(self) -> tuple[str, bytes]:
        """Return what the broker says when this connection is lost."""
        uplink = self.agent._uplink
        gone = wire.Presence(online=False, boot=uplink._boot, conn=uplink._conn)
        return wire.topic(self.name, Channel.PRESENCE), wire.write(gone)

    def connect(self) -> None:
        self.link.up = True
        self._network.subscribe(self.name)
        self.agent._uplink.on_event(Connected(conn=secrets.token_hex(8)))

    def hear(self, topic: str, payload: bytes) -> None:
        if self.link.up:
            self.agent._uplink.on_event(Incoming(topic=topic, payload=payload))

    def round(self) -> None:
        self.agent._round(0.0)

    def bench_round(self) -> None:
        self.bench._round()


class CoordinatorEnd:
    """The coordinator; its folder outlives it."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder = folder
        self._network = network
        self.broken: list[str] = []
        self._ledger: Ledger | None = None
        self.start()

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None
        return self._ledger

    def start(self) -> None:
        """As `Service` does, without broker, pages and planner."""
        self._ledger = Ledger(self.folder / "ledger.db", audit=self._audit)
        self.link = SimLink(self._network)
        self.exchange = Exchange(self._ledger, Live(), _SILENCE, LOOK_AHEAD_S)

    def _audit(self, db: sqlite3.Connection) -> None:
        """Check both laws; the inbox would keep aside a message that breaks them."""
        try:
            audit(db)
        except LawBrokenError as error:
            self.broken.append(str(error))
            raise

    def kill(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def connect(self) -> None:
        self.link.up = True
        self.exchange.connected(self.link)

    def hear(self, topic: str, payload: bytes) -> None:
        if self.link.up:
            self.exchange.take([(topic, payload)], self.link)

    def round(self) -> None:
        for turn in self.exchange.turns():
            turn()
        self.exchange.send(self.link)


def copy_of(path: Path) -> tuple[bytes, bytes]:
    """Return a SQLite file and its log as they lie on the disk now."""
    log = path.with_name(path.name + "-wal")
    return path.read_bytes(), log.read_bytes() if log.exists() else b""


def put_back(path: Path, copy: tuple[bytes, bytes]) -> None:
    """Replace a SQLite file by a copy of it, as a person would; what lies beside it stays."""
    path.write_bytes(copy[0])
    path.with_name(path.name + "-wal").write_bytes(copy[1])
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def lose_disk(node: NodeEnd) -> None:
    """The node's card is broken; a new one is empty."""
    shutil.rmtree(node.folder)
    node.folder.mkdir()
