"""A real network in a folder: broker, coordinator, nodes, printers, with a wire before each client.

The broker is mosquitto without persistence and belongs to the harness, so that everybody, the
coordinator too, reaches it through a wire that can be broken.
"""

from __future__ import annotations

import base64
import ctypes
import os
import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from designs.library import Library
from fabnet import clock
from fabnet.broker import (
    COORDINATOR_USER,
    access_list,
    find_mosquitto,
    free_port,
    password_line,
)
from jobs.coordinator import nodes
from jobs.coordinator.people import add_person
from jobs.ledger.store import Ledger
from jobs.model import Role
from printers.sim.record import RecordEvent, read_record
from tests.chaos import plates
from tests.chaos.member import Member
from tests.chaos.proxy import Exchange, Wire
from web.auth import hash_password

SABOTEUR = "saboteur"
_LINES_PER_S = 60
_SILENT_AFTER_S = 20.0
_TMPFS_BYTES = 24 << 20
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18
_FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)
_LIBC = ctypes.CDLL(None, use_errno=True)


def own_mounts() -> bool:
    """Let what is mounted from now on vanish with this process; return whether one may mount."""
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        return False
    return _LIBC.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) == 0


def small_disk(folder: Path) -> bool:
    """Mount a small disk of its own on a folder; return whether that was allowed."""
    options = f"size={_TMPFS_BYTES}".encode()
    return _LIBC.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options) == 0


def faketime() -> str | None:
    """Return libfaketime's path, None where it is not installed."""
    return next((path for path in _FAKETIME if Path(path).exists()), None)


class Clock:
    """The wall clock of one process, which can be set while it runs."""

    def __init__(self, file: Path, library: str | None) -> None:
        self._file = file
        self._library = library
        self.step_to(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """For the process."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DISABLE_SHM": "1",
            # CLOCK_BOOTTIME goes with it: an interval is measured by neither.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).parent / "preload"),
        }

    def step_to(self, seconds: float) -> None:
        """Set it off by so much."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        fresh.replace(self._file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """A simulated printer with what it says of itself."""

    node: str
    id: str
    tty: Path
    record: Path
    lines: Path

    def events(self) -> tuple[RecordEvent, ...]:
        """Return its own record."""
        return read_record(self.record)

    def rests(self) -> bool:
        """Whether it has stood still for a moment, as somebody in front of it sees."""
        if not self.lines.exists():
            return True
        return time.time() - self.lines.stat().st_mtime > 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A lab's node."""

    id: str
    member: Member
    data: Path
    printers: tuple[Printer, ...]
    to_broker: Wire
    clock: Clock
    has_disk: bool  # of its own, small


class Network:
    """Everything that runs.

    Args:
        folder: of all files; must be empty.
        nodes: how many labs; one more burns down.
        printers_each: at each lab.
    """

    def __init__(self, folder: Path, *, nodes: int, printers_each: int, may_mount: bool) -> None:
        self.folder = folder
        self.exchange = Exchange()
        self._may_mount = may_mount
        self._passwords: dict[str, str] = {}
        self._http_port, self._broker_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._http_port}"
        self.broker_port = self._broker_port
        self._to_pages = self.exchange.wire(self._http_port)
        self.ledger_file = folder / "coordinator" / "ledger.db"
        self._fill()
        self.clock = Clock(folder / "coordinator.time", faketime())
        self.to_broker = self.exchange.wire(self._broker_port)
        self.coordinator = self._coordinator()
        made = [self._node(f"lab-{n}", printers_each) for n in range(1, nodes + 2)]
        self.nodes = tuple(made)
        self.printer_members: dict[tuple[str, str], Member] = {}
        for node in self.nodes:
            for printer in node.printers:
                self.printer_members[node.id, printer.id] = self._printer_member(printer)
        self.broker = self._broker()
        self.saboteur_login = (SABOTEUR, self._passwords[SABOTEUR])

    @property
    def members(self) -> tuple[Member, ...]:
        """All processes."""
        return (
            self.broker, self.coordinator, *self.printer_members.values(),
            *(node.member for node in self.nodes),
        )  # fmt: skip

    @property
    def printers(self) -> tuple[Printer, ...]:
        """All printers, in the order of the schedule's numbers."""
        return tuple(printer for node in self.nodes for printer in node.printers)

    # --- setting up -----------------------------------------------------------------------------

    def _fill(self) -> None:
        """Fill the ledger with the design and the people, and slice the design's plates."""
        self.ledger_file.parent.mkdir()
        model = self.folder / "frame.stl"
        plates.write_model(model)
        ledger = Ledger(self.ledger_file)
        library = Library(ledger.database, self.ledger_file.parent / "files")
        library.migrate()
        self.revision = library.add_model(model, title="Frame", materials=(plates.MATERIAL,))
        plates.slice_all(library, self.revision, self.folder / "slices")
        add_person(
            ledger, "steward", "Steward", Role.STEWARD, hash_password("steward"), "", clock.now()
        )
        ledger.close()
        plates.give(self.folder / "slices", self.ledger_file.parent / "slices")

    def _coordinator(self) -> Member:
        secret = self.folder / "coordinator.password"
        self._passwords[COORDINATOR_USER] = secrets.token_urlsafe(24)
        secret.touch(mode=0o600)
        secret.write_text(self._passwords[COORDINATOR_USER], encoding="ascii")
        config = self.folder / "coordinator.toml"
        config.write_text(
            f'data_dir = "coordinator"\nnetwork = "fabnet (chaos)"\nport = {self._http_port}\n'
            f'broker = "mqtt://127.0.0.1:{self.to_broker.port}"\n'
            f'broker_password_file = "{secret}"\nsilent_after_s = {_SILENT_AFTER_S}\n',
            encoding="ascii",
        )
        command = [sys.executable, "-m", "fabnet", "serve", str(config)]
        return self._member("coordinator", command, self.clock.environment)

    def _member(self, name: str, command: list[str], environment: dict[str, str]) -> Member:
        return Member(name, command, self.folder / f"{name}.log", environment)

    def _node(self, name: str, printers_each: int) -> Node:
        folder = self.folder / name
        data = folder / "data"
        data.mkdir(parents=True)
        has_disk = self._may_mount and small_disk(data)
        plates.give(self.folder / "slices", data / "slices")
        wire = self.exchange.wire(self._broker_port)
        self._enrol(name, folder)
        printers = tuple(
            Printer(
                node=name,
                id=f"p{n}",
                tty=folder / f"p{n}.tty",
                record=folder / f"p{n}.record",
                lines=folder / f"p{n}.lines",
            )
            for n in range(1, printers_each + 1)
        )
        # Every other lab has no slicer of its own, and fetches its slices from the coordinator.
        slicer = "local" if int(name[-1]) % 2 else "coordinator"
        text = (
            f'id = "{name}"\nlab = "{name}"\ncoordinator = "http://127.0.0.1:{self._to_pages.port}"\n'
            f'broker = "mqtt://127.0.0.1:{wire.port}"\ndata_dir = "data"\nslicer = "{slicer}"\n'
            'password_file = "mqtt.password"\nkey_file = "node.key"\nattended = "00:00-24:00"\n'
        )
        for printer in printers:
            text += (
                f'\n[[printers]]\nid = "{printer.id}"\npreset = "{plates.PRESET}"\n'
                f'port = "{printer.tty}"\nmaterial = "{plates.MATERIAL}"\ngrams = 9000\n'
            )
        (folder / "node.toml").write_text(text, encoding="ascii")
        wall = Clock(folder / "time", faketime())
        command = [sys.executable, "-m", "fabnet", "node", "run", str(folder / "node.toml")]
        return Node(
            id=name,
            member=self._member(name, command, wall.environment),
            data=data,
            printers=printers,
            to_broker=wire,
            clock=wall,
            has_disk=has_disk,
        )

    def _enrol(self, name: str, folder: Path) -> None:
        """Let a node in: key, login at the broker, and a maker who may sign in."""
        key = Ed25519PrivateKey.generate()
        ledger = Ledger(self.ledger_file)
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        nodes.enrol(ledger, name, name, public, clock.now())
        add_person(ledger, name, name, Role.MAKER, hash_password(name), name, clock.now())
        ledger.close()
        self._passwords[name] = secrets.token_urlsafe(24)
        private = base64.b64encode(key.private_bytes_raw()).decode()
        for file, text in (("mqtt.password", self._passwords[name]), ("node.key", private)):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(text + "\n", encoding="ascii")

    def _printer_member(self, printer: Printer) -> Member:
        command = [
            sys.executable, "-m", "printers.sim.firmware", "--link", str(printer.tty),
            "--record", str(printer.record), "--record-lines", str(printer.lines),
            "--lines-per-s", str(_LINES_PER_S),
        ]  # fmt: skip
        return self._member(f"{printer.node}-{printer.id}", command, {})

    def _broker(self) -> Member:
        program = find_mosquitto()
        if program is None:
            raise SystemExit(
                "fabnet: the chaos run needs mosquitto; install it with:"
                " sudo apt-get install mosquitto"
            )
        folder = self.folder / "broker"
        folder.mkdir(mode=0o700)
        self._passwords[SABOTEUR] = secrets.token_urlsafe(24)
        access = f"user {SABOTEUR}\ntopic readwrite #\n\n" + access_list()
        users = [password_line(user, word) for user, word in self._passwords.items()]
        (folder / "access").write_text(access)
        (folder / "passwords").write_text("\n".join(users) + "\n")
        for name in ("access", "passwords"):
            (folder / name).chmod(0o600)
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {self._broker_port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {folder}/passwords\nacl_file {folder}/access\n"
            "use_username_as_clientid true\npersistence false\nset_tcp_nodelay true\n"
            "max_inflight_messages 1000\nlog_dest stderr\nlog_type error\nlog_type warning\n"
            + ("user root\n" if os.geteuid() == 0 else "")
        )
        return self._member("broker", [program, "-c", str(configuration)], {})

    # --- what happens to it ---------------------------------------------------------------------

    def keep(self) -> None:
        """Start again what has died; let go on what was paused. Of the harness's main thread."""
        for member in self.members:
            member.keep()

    def burn(self) -> Node:
        """The last lab burns down: its node and printers are never seen again."""
        node = self.nodes[-1]
        for member in (
            node.member, *(self.printer_members[node.id, p.id] for p in node.printers),
        ):  # fmt: skip
            member.kill()
            member.burnt = True
        return node

    def stop(self) -> None:
        """End everything."""
        for member in (*(node.member for node in self.nodes), self.coordinator):
            member.end()
        for member in self.members:
            member.end()
        self.exchange.stop()

    def let_go_of_disks(self) -> None:
        """Copy what lies on the small disks to where it can be looked at, and unmount them."""
        for node in self.nodes:
            if node.has_disk:
                was = node.data.with_name("was")
                ignore = shutil.ignore_patterns("*.sock", "filler")
                shutil.copytree(node.data, was, dirs_exist_ok=True, ignore=ignore)
                _LIBC.umount2(str(node.data).encode(), 0)
