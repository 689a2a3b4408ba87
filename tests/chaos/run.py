"""Breaks a real network in every way for some time, lets it settle, and judges by the printers' records.

    make chaos ARGS="--seconds 60 --seed 7"

The last line printed is one JSON object. See docs/chaos.md.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from fabnet.broker import free_port
from jobs.lifecycle import MAY_HAVE_STARTED
from tests.chaos import judge
from tests.chaos.deeds import Deeds
from tests.chaos.judge import AttemptFact, LedgerFacts
from tests.chaos.naive import NaiveNetwork
from tests.chaos.nemesis import PERIOD_S, schedule
from tests.chaos.network import Network, faketime, own_mounts
from tests.chaos.people import People
from tests.chaos.saboteur import Saboteur

NODES, PRINTERS_EACH = 5, 2
#: So long nothing may move after the faults, and so long it may take in all.
SETTLE_S, SETTLE_MOST_S = 150.0, 480.0
_SAY_S = 10.0
_LOOK_S = 0.4
_STEP_S = 0.05
_UP_S = 180.0


def say(text: str) -> None:
    """Tell a person how it goes."""
    sys.stderr.write(f"chaos: {text}\n")
    sys.stderr.flush()


class Auditor:
    """Counts both book-keeping laws on the running ledger, and remembers all that it ever knew."""

    def __init__(self, network: Network, lock: threading.Lock) -> None:
        self.rounds = 0
        self.broken: list[str] = []
        self.seen: dict[str, AttemptFact] = {}
        self.at_node: dict[str, str] = {}
        self.burnt: str | None = None
        self.facts: LedgerFacts | None = None
        self._network = network
        self._lock = lock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(10)

    def open_plates(self) -> int:
        """Return how many plates are still to be made, as the ledger said last."""
        facts = self.facts
        if facts is None:
            return 0
        jobs = sum(state == "open" for _, state in facts.jobs.values()) - len(self.in_ashes())
        pieces = sum(pieces for pieces, _ in facts.unplaced.values())
        return jobs + (pieces + 1) // 2

    def at_burnt(self) -> tuple[str, ...]:
        """Return the names of the attempts of the lab that burnt down."""
        return tuple(name for name, node in self.at_node.items() if node == self.burnt)

    def in_ashes(self) -> frozenset[str]:
        """Return the jobs that nobody can move on before a grant of that lab is over."""
        facts = self.facts
        return frozenset() if facts is None else judge.in_ashes(facts, self.at_burnt())

    def begun_at(self, node: str) -> tuple[AttemptFact, ...]:
        """Return the attempts of a lab that may have begun and are not over, as the ledger said last."""
        facts = self.facts
        return tuple(
            each
            for each in (facts.attempts if facts is not None else ())
            if each.state in MAY_HAVE_STARTED and self.at_node.get(each.name) == node
        )

    def settled(self) -> bool:
        """Whether everything that was asked for is made and counted, or lies in the ashes."""
        facts = self.facts
        return facts is not None and not facts.unplaced and self.open_plates() == 0

    def look(self) -> None:
        """One round."""
        file = self._network.ledger_file
        try:
            with (
                self._lock,
                closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1.0)) as db,
            ):
                db.isolation_level = None
                facts = judge.read(db)
                rows = db.execute("select job_id, number, node from attempt").fetchall()
        except sqlite3.Error:
            return  # It is being put back, or made anew.
        self.rounds += 1
        self.facts = facts
        self.seen |= {attempt.name: attempt for attempt in facts.attempts}
        self.at_node |= {f"fabnet-{job}-a{number}": node for job, number, node in rows}
        if facts.law and facts.law not in self.broken:
            say(f"LAW BROKEN: {facts.law}")
            self.broken.append(facts.law)
            with self._lock, closing(sqlite3.connect(file)) as db:
                target = self._network.folder / f"broken-{len(self.broken)}.db"
                with closing(sqlite3.connect(target)) as there:
                    db.backup(there)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            self.look()


class Run:
    """One run."""

    def __init__(self, folder: Path, seconds: float, seed: int, leave_out: frozenset[str]) -> None:
        self._seconds = seconds
        self._seed = seed
        self._network = Network(
            folder, nodes=NODES, printers_each=PRINTERS_EACH, may_mount=own_mounts()
        )
        if not all(node.has_disk for node in self._network.nodes):
            say("no disk may be mounted here: the kernel refuses a node's writes instead")
        if faketime() is None:
            say("libfaketime is not installed: no clock is set in this run")
            leave_out |= {"clock"}
        self._naive = NaiveNetwork(folder / "naive", self._network.exchange, free_port(), NODES)
        self._faults = schedule(
            seed, seconds, nodes=NODES, printers=NODES * PRINTERS_EACH, leave_out=leave_out
        )
        self._lock = threading.Lock()
        self._auditor = Auditor(self._network, self._lock)
        copies = "restore" not in leave_out
        self._deeds = Deeds(self._network, self._naive, self._lock, copies=copies)
        self._people = People(
            self._network,
            seed,
            self._auditor.seen.get,
            self._auditor.begun_at,
            self._auditor.open_plates,
            most_open=2 * NODES * PRINTERS_EACH,
        )
        login = self._network.saboteur_login
        self._saboteurs = (
            Saboteur(self._network.broker_port, "fabnet/#", seed, login),
            Saboteur(self._naive.port, "naive/#", seed, None),
        )
        self._began_s = 0.0
        self._said_s = 0.0

    def play(self) -> dict[str, int | str]:
        """Break it, let it settle, judge it."""
        network = self._network
        try:
            network.exchange.start()
            self._wait_until_up()
            self._auditor.start()
            self._people.start()
            for saboteur in self._saboteurs:
                saboteur.start()
            self._wait_for_work()
            self._break()
            settled_s = self._settle()
        finally:
            self._stop_all()
            self._network.let_go_of_disks()
        return self._result(settled_s)

    def _stop_all(self) -> None:
        self._people.stop()
        self._auditor.stop()
        for saboteur in self._saboteurs:
            saboteur.stop()
        self._naive.stop()
        self._network.stop()

    def _keep(self) -> None:
        self._network.keep()
        for member in self._naive.members:
            member.keep()

    def _wait_until_up(self) -> None:
        until_s = time.monotonic() + _UP_S
        while time.monotonic() < until_s:
            self._keep()
            self._auditor.look()
            with closing(sqlite3.connect(self._network.ledger_file, timeout=5.0)) as db:
                (online,) = db.execute("select count(*) from node where online = 1").fetchone()
            if online == len(self._network.nodes):
                return
            time.sleep(0.2)
        raise SystemExit("chaos: the network did not come up; see the logs")

    def _wait_for_work(self) -> None:
        """The faults begin once printers print, so that there is something to break."""
        until_s = time.monotonic() + _UP_S
        while time.monotonic() < until_s and self._events("begin") < NODES:
            self._keep()
            time.sleep(_STEP_S)

    def _break(self) -> None:
        self._began_s = time.monotonic()
        ahead = list(self._faults)
        while (at_s := time.monotonic() - self._began_s) < self._seconds:
            while ahead and ahead[0].at_s <= at_s:
                fault = ahead.pop(0)
                self._deeds.do(fault)
                self._people.burnt = self._auditor.burnt = self._deeds.burnt
            self._deeds.look()
            self._keep()
            self._progress("breaking")
            time.sleep(_STEP_S)

    def _settle(self) -> float:
        """The faults are over: all work that there is gets done. Returns how long it took in s."""
        for saboteur in self._saboteurs:
            saboteur.stop()
        self._people.ask_no_more()
        self._deeds.heal()
        say("the faults are over")
        over_s = moved_s = time.monotonic()
        calm, stands = 0, (0, 0)
        while (took_s := time.monotonic() - over_s) < SETTLE_MOST_S:
            before, stands = stands, (self._auditor.open_plates(), self._events("end"))
            if stands != before:
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > SETTLE_S:
                break
            self._keep()
            self._progress("settling")
            calm = calm + 1 if self._auditor.settled() else 0
            # Quiet for some seconds: a print that nobody waits for would begin now.
            if calm * _STEP_S > 5.0:
                break
            time.sleep(_STEP_S)
        return took_s

    def _progress(self, what: str) -> None:
        now_s = time.monotonic()
        if now_s < self._said_s + _SAY_S:
            return
        self._said_s = now_s
        done = self._deeds.done
        ends = self._events("end")
        say(
            f"{what} {now_s - self._began_s:4.0f} s: {len(self._people.accepted)} orders,"
            f" {ends} plates done, {self._auditor.open_plates()} open, {done['kill']} kills,"
            f" {self._saboteurs[0].doubled} doubles, {len(self._auditor.broken)} laws broken;"
            f" {dict(sorted((k, v) for k, v in done.items() if ' ' not in k))}"
        )

    def _events(self, kind: str) -> int:
        return sum(
            event.event == kind for printer in self._network.printers for event in printer.events()
        )

    def _must_be_there(self) -> list[str]:
        """Orders that no ledger that was put back can excuse."""
        return [
            order.link_hash
            for order in self._people.accepted
            if not any(
                back.copied_s - 1.0 < order.at_s and order.asked_s < back.at_s + 1.0
                for back in self._deeds.restored
            )
        ]

    def _result(self, settled_s: float) -> dict[str, int | str]:
        self._auditor.look()
        facts = self._auditor.facts
        assert facts is not None
        records = [printer.events() for printer in self._network.printers]
        burnt = self._auditor.at_burnt()
        verdict = judge.judge(
            facts, self._auditor.seen, records, must_be_there=self._must_be_there(), burnt=burnt
        )
        words = [*verdict.words, *self._people.errors]
        for text in words:
            say(f"WRONG: {text}")
        (self._network.folder / "wrong.txt").write_text("\n".join(words) + "\n")
        (self._network.folder / "schedule.txt").write_text(
            "\n".join(str(fault) for fault in self._faults) + "\n"
        )
        starts = self._naive.starts()
        jobs = {attempt.job for attempt in self._auditor.seen.values()}
        begun, ended = self._events("begin"), self._events("end")
        say(
            f"settled in {settled_s:.0f} s; {self._auditor.rounds} audits;"
            f" {dict(sorted(self._deeds.done.items()))}"
        )
        return {
            "jobs": len(jobs | set(facts.jobs)),
            "plates_done": ended,
            "kills": self._deeds.done["kill"],
            "printed_twice": verdict.printed_twice,
            "lost": verdict.lost + len(self._people.errors),
            "interrupted": begun - ended,
            "write_offs": len(facts.written_off),
            "surplus_unexplained": verdict.surplus_unexplained,
            "law_violations": len(self._auditor.broken),
            "naive_jobs": len(starts),
            "naive_printed_twice": sum(times > 1 for times in starts.values()),
            "seed": self._seed,
            "orders": len(self._people.accepted),
            "given_up": len(facts.given_up),
            "in_ashes": len(self._auditor.in_ashes()),
            "restores": self._deeds.done["restore"],
            "journals": self._deeds.done["journal"],
            "doubles": self._saboteurs[0].doubled,
            "settled_s": round(settled_s),
        }


def is_good(result: dict[str, int | str]) -> bool:
    """Whether everything that must be 0 is, and the control has failed."""
    zeros = ("printed_twice", "lost", "law_violations", "surplus_unexplained")
    some = ("plates_done", "naive_printed_twice")
    return all(result[n] == 0 for n in zeros) and all(int(result[n]) > 0 for n in some)


def main() -> None:
    """Run, and print the result as the last line."""
    parser = argparse.ArgumentParser(description="Break a real network, and count what it did.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the faults last")
    parser.add_argument("--seed", type=int, help="of the schedule; drawn and printed without it")
    parser.add_argument("--no-restore", action="store_true", help="no ledger is put back")
    parser.add_argument(
        "--leave-out", default="", help=f"kinds of fault, by commas: {', '.join(PERIOD_S)}, burn"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder of a good run too")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    leave_out = frozenset(kind for kind in options.leave_out.split(",") if kind)
    if options.no_restore:
        leave_out |= {"restore"}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="fabnet-chaos-"))
    say(f"seed {seed}, {options.seconds:.0f} s, in {folder}")
    good = False
    try:
        result = Run(folder, options.seconds, seed, leave_out).play()
        good = is_good(result)
    finally:
        if good and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"logs, ledger and records are in {folder}")
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
