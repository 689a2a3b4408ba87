"""Sets a network of labs up in a folder, runs its processes, and reads what became of its orders.

Coordinator, nodes and printers are processes of their own, and one that dies is started again: kill
any of them, and the orders still arrive. What was printed is read from the printers' own records.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import requests

from designs.library import Library
from designs.model import Revision
from fabnet import clock
from fabnet.broker import find_mosquitto, free_port
from fabnet.config import CoordinatorConfig, load_coordinator
from fabnet.demo.cable import Cable
from fabnet.demo.labs import HUB_PLACE, DemoLab, DemoPrinter
from fabnet.demo.octoprint import OctoPrint
from fabnet.demo.process import Process
from fabnet.enrolment import create_node, hosted_folder
from fabnet.errors import FabnetError, PortTakenError
from jobs.coordinator.people import add_person
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import Role
from printers.sim.record import RecordEvent, read_record
from printers.slicing import find_slicer
from web.auth import hash_password

_DESIGNS = sorted((Path(__file__).parents[2] / "designs" / "catalogue").glob("*/design.toml"))
_START_S = 60.0

#: What a printer itself says it did, whatever anybody else believes.
Witness = Callable[[], tuple[RecordEvent, ...]]


class Network:
    """A network in one folder.

    Args:
        port: of the pages; 0 takes a free one.
        lines_per_s: how fast the simulated printers work; 0: as fast as they can.
        silent_after_s: how long a lab may be silent before its plates go to others.
        look_ahead_s: work that a printer is granted ahead. Small, where an hour passes in a second:
            what a silent lab was granted waits for it.
        design: a model file that the order is for; None: our own visor frame.
    """

    def __init__(
        self,
        folder: Path,
        labs: tuple[DemoLab, ...],
        *,
        port: int,
        lines_per_s: int,
        silent_after_s: float,
        look_ahead_s: float = 60.0,
        design: Path | None = None,
    ) -> None:
        self.folder = folder
        self.labs = labs
        self.broker = "mosquitto" if find_mosquitto() else "iotcore"
        self.slicer = find_slicer().name
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.silent_after_s = silent_after_s
        self.look_ahead_s = look_ahead_s
        self.witnesses: dict[tuple[str, str], Witness] = {}
        self.ttys: dict[tuple[str, str], Path] = {}
        self.cables: dict[str, Cable] = {}
        self.processes: list[Process] = []
        self._octoprints: list[OctoPrint] = []
        self._lines_per_s = lines_per_s
        self._design = design
        _refuse_taken(self.port)
        self.revision = self._write()
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_all, name="watch", daemon=True)

    @property
    def accounts(self) -> Mapping[str, tuple[str, str]]:
        """Login and password of everybody, by login."""
        logins = ("steward", "inspector", *(lab.login for lab in self.labs))
        return {login: (login, f"demo-{login}") for login in logins}

    # --- setting up -----------------------------------------------------------------------------

    def _write(self) -> Revision:
        config_file = self.folder / "coordinator.toml"
        config_file.write_text(
            f'data_dir = "coordinator"\nnetwork = "fabnet (demo)"\nport = {self.port}\n'
            f'broker = "{self.broker}"\nbroker_port = {free_port()}\n'
            f"hub_place = [{HUB_PLACE[0]}, {HUB_PLACE[1]}]\n"
            'hub_address = "Tiers-lieu de la démo, 1 place du Port, 44000 Nantes"\n'
            'hub_contact = "la coordination, 02 00 00 00 00"\n'
            f"silent_after_s = {self.silent_after_s}\nlook_ahead_s = {self.look_ahead_s}\n",
            encoding="utf-8",
        )
        (self.folder / "coordinator").mkdir()
        config = replace(load_coordinator(config_file), data_dir=str(self.folder / "coordinator"))
        revision = self._fill_ledger(self.folder / "coordinator")
        serve = [sys.executable, "-m", "fabnet", "serve", str(config_file)]
        self._add("coordinator", serve)
        for lab in self.labs:
            self._write_lab(lab, config)
        return revision

    def _fill_ledger(self, folder: Path) -> Revision:
        ledger = Ledger(folder / "ledger.db")
        library = Library(ledger.database, folder / "files")
        library.migrate()
        revisions = {folder.parent.name: library.add_design(folder.parent) for folder in _DESIGNS}
        revision = revisions["visor-frame"]
        if self._design is not None:
            revision = library.add_model(self._design)
        people = {"steward": (Role.STEWARD, ""), "inspector": (Role.INSPECTOR, "")}
        people |= {lab.login: (Role.MAKER, lab.node) for lab in self.labs}
        for login, (role, node) in people.items():
            password = hash_password(self.accounts[login][1])
            add_person(ledger, login, login.capitalize(), role, password, node, clock.now())
        ledger.close()
        return revision

    def _write_lab(self, lab: DemoLab, config: CoordinatorConfig) -> None:
        if lab.loses_link:
            cable = self.cables[lab.node] = Cable(config.broker_port)
            config = replace(config, broker_port=cable.port)
        out = hosted_folder(config, lab.node) if lab.hosted else self.folder / lab.node
        node_file = create_node(lab.node, lab.lab, config, out, clock.now())
        text = node_file.read_text(encoding="utf-8").replace('"08:00-20:00"', f'"{lab.attended}"')
        text += f"place = [{lab.place[0]}, {lab.place[1]}]\nasks = {json.dumps(lab.asks)}\n"
        if lab.hosted:
            text += 'slicer = "coordinator"\n'
        text += "".join(self._printer_table(lab, printer) for printer in lab.printers)
        node_file.write_text(text, encoding="utf-8")
        if not lab.hosted:
            run = [sys.executable, "-m", "fabnet", "node", "run", str(node_file)]
            self._add(lab.node, run)

    def _printer_table(self, lab: DemoLab, printer: DemoPrinter) -> str:
        """Write a printer into node.toml, and start the simulated machine behind it."""
        if printer.link == "octoprint":
            link = self._add_octoprint(lab, printer)
        else:
            link = self._add_simulated(lab, printer)
        return (
            f'\n[[printers]]\nid = "{printer.id}"\npreset = "{printer.preset}"\n{link}\n'
            f"title = {json.dumps(printer.title)}\nmaterial = {json.dumps(printer.material)}\n"
            f'grams = {printer.grams}\nspool_lot = "{printer.spool_lot}"\n'
            f"unattended = {json.dumps(printer.unattended)}\n"
            + "".join(
                # Its printers have no heat.
                f"{said} = {json.dumps(printer.unattended)}\n"
                for said in ("protection_tested", "smoke_alarm", "surroundings_clear")
            )
        )

    def _add_octoprint(self, lab: DemoLab, printer: DemoPrinter) -> str:
        folder = self.folder / f"{lab.node}-{printer.id}"
        at_once = self._lines_per_s == 0
        # Its virtual printer heats by 10 degrees a second, whatever the hurry: it begins warm then.
        octoprint = OctoPrint(folder, at_once=at_once, room_c=150.0 if at_once else 21.3)
        self._octoprints.append(octoprint)
        self.witnesses[lab.node, printer.id] = octoprint.events
        self._add(f"{lab.node}-{printer.id}", octoprint.command)
        return (
            f"octoprint = {json.dumps(octoprint.url)}\n"
            f"api_key_file = {json.dumps(str(octoprint.key_file))}"
        )

    def _add_simulated(self, lab: DemoLab, printer: DemoPrinter) -> str:
        key = (lab.node, printer.id)
        tty = self.ttys[key] = self.folder / f"{lab.node}-{printer.id}.tty"
        record = self.folder / f"{lab.node}-{printer.id}.record"
        self.witnesses[key] = lambda: read_record(record)
        self._add(
            f"{lab.node}-{printer.id}",
            [
                sys.executable, "-m", "printers.sim.firmware", "--link", str(tty),
                "--record", str(record), "--lines-per-s", str(self._lines_per_s),
            ],
        )  # fmt: skip
        return "manual = true" if printer.link == "manual" else f"port = {json.dumps(str(tty))}"

    def _add(self, name: str, command: list[str]) -> None:
        log = self.folder / f"{name}.log"
        self.processes.append(Process(name=name, command=command, log=log))

    # --- running --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all processes and wait until the pages answer.

        Raises:
            FabnetError: one of them does not come up; says what it said last.
        """
        for process in self.processes:
            process.keep()
        pause = threading.Event()
        for _ in range(int(_START_S / 0.1)):
            if self._answers() and all(each.ready() for each in self._octoprints):
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

    def burn_down(self, node: str) -> None:
        """Kill a lab's node and printers; they are never started again."""
        gone = [p for p in self.processes if p.name == node or p.name.startswith(f"{node}-")]
        self.processes = [process for process in self.processes if process not in gone]
        for process in gone:
            process.kill()

    def stop(self) -> None:
        """End all processes."""
        self._stop.set()
        if self._watch.is_alive():
            self._watch.join()
        for process in reversed(self.processes):
            process.stop()
        for cable in self.cables.values():
            cable.close()

    # --- the result -----------------------------------------------------------------------------

    def summary(self, seconds: float) -> dict[str, int | float | str]:
        """Read what became of all orders: from the ledger, and from the printers' own records."""
        ledger = Ledger(self.folder / "coordinator" / "ledger.db")
        ordered = delivered = surplus = 0
        counted: set[str] = set()
        for order in views.orders(ledger.reading):
            view = views.order_view(ledger.reading, order.id)
            ordered += order.request.kits
            delivered += _kits(view, order.request.kits)
            surplus += sum(line.books.surplus for line in view.lines)
            counted |= {a.ref.name for a in view.attempts if a.state is AttemptState.HARVESTED}
        ledger.close()
        events = [event for witness in self.witnesses.values() for event in witness()]
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


def _kits(view: views.OrderView, kits: int) -> int:
    """Return the whole kits that were received."""
    return min(
        (line.books.delivered * kits // line.books.ordered for line in view.lines), default=0
    )


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTakenError("The demo's pages", "127.0.0.1", port, "--port") from error
