"""Sets a network up in a folder, runs its processes, lets the people play, and reads the result.

Coordinator, node and printer are processes of their own. One that dies is started again, as
systemd would: kill any of them, and the order still arrives.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import requests

from designs.library import Library
from fabnet import clock
from fabnet.broker import die_with_parent, find_mosquitto
from fabnet.config import load_coordinator
from fabnet.demo.people import Accounts, Cast, PageError
from fabnet.enrolment import create_node
from fabnet.errors import FabnetError, PortTakenError
from jobs.coordinator.people import add_person
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import Role
from printers.sim.record import read_record
from printers.slicing import find_slicer
from web.auth import hash_password

_log = logging.getLogger(__name__)

_CATALOGUE = Path(__file__).parents[2] / "designs" / "catalogue" / "visor-frame"
_NODE = "atelier-nord"
_PRINTER = "mk3-left"
_ONCE_S = 300.0
_START_S = 60.0
#: At this pace a plate of two visors takes about a minute, so that there is something to see.
_LINES_PER_S = 2500


@dataclass(slots=True, kw_only=True)
class _Process:
    """A child that is started again when it dies."""

    name: str
    command: list[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def keep(self) -> None:
        """Start it if it does not run."""
        if self.child is not None and self.child.poll() is None:
            return
        if self.child is not None:
            _log.warning("%s has ended (%s); starting it again", self.name, self.child.returncode)
        self.starts += 1
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call, no lock is taken
            )

    def stop(self) -> None:
        """End it."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = (
            self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        )
        return lines[-1] if lines else "nothing"


class Network:
    """A network in one folder.

    Args:
        port: of the pages; 0 takes a free one.
        lines_per_s: how fast the simulated printer works; 0: as fast as it can.
    """

    def __init__(self, folder: Path, *, port: int, lines_per_s: int) -> None:
        self.folder = folder
        self.broker = "mosquitto" if find_mosquitto() else "iotcore"
        self.slicer = find_slicer().name
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.record = folder / "printer.record"
        self.accounts = Accounts(
            steward=("steward", "demo-steward"),
            maker=("maker", "demo-maker"),
            inspector=("inspector", "demo-inspector"),
        )
        _refuse_taken(self.port)
        self._write(lines_per_s)
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_all, name="watch", daemon=True)

    def _write(self, lines_per_s: int) -> None:
        folder = self.folder
        config_file = folder / "coordinator.toml"
        config_file.write_text(
            f'data_dir = "coordinator"\nnetwork = "fabnet (demo)"\nport = {self.port}\n'
            f'broker = "{self.broker}"\nbroker_port = {_free_port()}\n'
        )
        (folder / "coordinator").mkdir()
        config = replace(load_coordinator(config_file), data_dir=str(folder / "coordinator"))
        self._fill_ledger(folder / "coordinator")
        node_file = create_node(_NODE, "Atelier Nord", config, folder / "node", clock.now())
        tty = folder / "printer.tty"
        text = node_file.read_text(encoding="utf-8").replace("08:00-20:00", "00:00-24:00")
        node_file.write_text(
            text + f'\n[[printers]]\nid = "{_PRINTER}"\npreset = "generic-250x210"\n'
            f"port = {json.dumps(str(tty))}\n"
            'title = "Prusa-like, left"\nmaterial = "PETG"\ngrams = 950\nspool_lot = "DEMO-1"\n',
            encoding="utf-8",
        )
        python = sys.executable
        self.processes = [
            _Process(
                name="printer",
                command=[
                    python, "-m", "printers.sim.firmware", "--link", str(tty),
                    "--record", str(self.record), "--lines-per-s", str(lines_per_s),
                ],
                log=folder / "printer.log",
            ),
            _Process(
                name="coordinator",
                command=[python, "-m", "fabnet", "serve", str(config_file)],
                log=folder / "coordinator.log",
            ),
            _Process(
                name="node",
                command=[python, "-m", "fabnet", "node", "run", str(node_file)],
                log=folder / "node.log",
            ),
        ]  # fmt: skip

    def _fill_ledger(self, folder: Path) -> None:
        ledger = Ledger(folder / "ledger.db")
        library = Library(ledger.database, folder / "files")
        library.migrate()
        library.add_design(_CATALOGUE)
        for role, node in ((Role.STEWARD, ""), (Role.MAKER, _NODE), (Role.INSPECTOR, "")):
            login, password = getattr(self.accounts, role)
            add_person(
                ledger, login, login.capitalize(), role, hash_password(password), node, clock.now()
            )
        ledger.close()

    def start(self) -> None:
        """Start all processes and wait until the pages answer.

        Raises:
            FabnetError: one of them does not come up; says what it said last.
        """
        for process in self.processes:
            process.keep()
        pause = threading.Event()
        for _ in range(int(_START_S / 0.1)):
            if self._answers():
                self._watch.start()
                return
            for process in self.processes:
                if process.child is not None and process.child.poll() is not None:
                    words = process.last_words()
                    self.stop()
                    raise FabnetError(f"The {process.name} did not start; it said: {words}")
            pause.wait(0.1)
        self.stop()
        raise FabnetError(
            f"The pages at {self.url} do not answer; see {self.folder}/coordinator.log"
        )

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def _watch_all(self) -> None:
        while not self._stop.wait(0.5):
            for process in self.processes:
                process.keep()

    def stop(self) -> None:
        """End all processes."""
        self._stop.set()
        if self._watch.is_alive():
            self._watch.join()
        for process in reversed(self.processes):
            process.stop()

    def summary(self, seconds: float) -> dict[str, int | float | str]:
        """Read what became of all orders: from the ledger, and from the printer's own record."""
        ledger = Ledger(self.folder / "coordinator" / "ledger.db")
        ordered = delivered = surplus = 0
        counted: set[str] = set()
        for order in views.orders(ledger.reading):
            view = views.order_view(ledger.reading, order.id)
            ordered += order.request.kits
            delivered += min(line.books.delivered for line in view.lines)
            surplus += sum(line.books.surplus for line in view.lines)
            counted |= {a.ref.name for a in view.attempts if a.state is AttemptState.HARVESTED}
        ledger.close()
        events = read_record(self.record)
        begun = Counter(event.name for event in events if event.event == "begin")
        jobs = Counter(name.rsplit("-a", 1)[0] for name in begun.elements())
        finished = {event.name for event in events if event.event == "end"}
        return {
            "ordered": ordered,
            "delivered": delivered,
            "plates": len(finished),
            "printed_twice": sum(times - 1 for times in jobs.values()) + surplus,
            "lost": len(begun.keys() - counted) + max(0, ordered - delivered),
            "seconds": round(seconds, 1),
            "broker": self.broker,
            "slicer": self.slicer,
        }


def run_demo(
    *, once: bool, kits: int, port: int, stop: threading.Event
) -> dict[str, int | float | str] | None:
    """Run the demo; with `once`, return the summary of its one order.

    Raises:
        FabnetError: something could not be started; nothing is left running.
    """
    folder = Path(tempfile.mkdtemp(prefix="fabnet-demo-"))
    began_s = clock.boottime_s()
    network = Network(folder, port=0 if once else port, lines_per_s=0 if once else _LINES_PER_S)
    _say_what_is_missing(network)
    keep = False
    try:
        network.start()
        done = threading.Event()
        cast = Cast(network.url, network.accounts, network.record)
        _ask(cast, kits, stop)
        if not once:
            _welcome(network, cast)
        deadline = threading.Timer(_ONCE_S, stop.set)
        deadline.daemon = True
        if once:
            deadline.start()
        cast.play(done, stop, rest_s=0.2 if once else 3.0)
        deadline.cancel()
        if once:
            summary = network.summary(clock.boottime_s() - began_s)
            keep = summary["delivered"] != summary["ordered"]
            return summary
        if done.is_set():
            _tell("The order is delivered. The pages stay open until Ctrl-C.")
        stop.wait()
        return None
    finally:
        network.stop()
        if keep:
            _tell(f"The logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _ask(cast: Cast, kits: int, stop: threading.Event) -> None:
    due = (clock.now() + timedelta(days=7)).date()
    while not stop.is_set():
        try:
            cast.ask(kits, due)
        except (requests.RequestException, PageError) as error:
            _log.warning("asking again: %s", error)
            stop.wait(0.5)
        else:
            return


def _say_what_is_missing(network: Network) -> None:
    if network.broker == "iotcore":
        _tell(
            "no mosquitto here: the demo runs on the embedded broker (iotcore), on this machine only"
        )
    if not network.slicer.startswith("PrusaSlicer"):
        _tell("no slicer here: the demo prints slices of the visor that come with fabnet")


def _welcome(network: Network, cast: Cast) -> None:
    _tell(f"An order for visors is on its way: {cast.link}")
    _tell(
        "A printer works on it; steward, maker and inspector do their part. Ctrl-C ends the demo."
    )
    people = ", ".join(
        f"{login} / {password}"
        for login, password in (
            network.accounts.steward,
            network.accounts.maker,
            network.accounts.inspector,
        )
    )
    _tell(f"{network.url}  sign in as {people}")


def _tell(text: str) -> None:
    sys.stderr.write(f"fabnet: {text}\n")
    sys.stderr.flush()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTakenError("The demo's pages", "127.0.0.1", port) from error
