"""Copies a ledger and its log at random moments while it is worked on, and begins with each copy.

    .venv/bin/python -m tests.chaos.copies --copies 200 --seed 7

A process of its own takes orders, plans, and plays two labs that print. Beside it both files are
copied, one after the other, as a person copies. Afterwards each copy has to open, keep both
book-keeping laws, hold all that was acknowledged before it was made, and, once the labs have said
what they hold by then, make nothing of it again. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec

from jobs.coordinator import harvests, orders, restoring
from jobs.errors import JobError
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from jobs.messages import Grant, KeptAttempt, Offer, OfferedAttempt, ReportState, Restate, Restated
from jobs.model import AttemptRef
from tests.doubles.world import World, a_request

LABS = ("lab-a", "lab-b")
_FILES = ("ledger.db", "ledger.db-wal")
_WAIT_S = 60.0
#: All that is planned is offered at once.
_AHEAD_S = 30 * 86_400.0
_UNCOUNTED = 3
#: After each deed, or the log grows faster than it can be copied.
_BREATH_S = 0.03
_KEPT = msgspec.json.Decoder(KeptAttempt)
#: What each word for the customer stands for in the ledger.
_ACKNOWLEDGED = {
    "order": "select id from orders",
    "confirmed": "select id from orders where state <> 'asked'",
    "printed": "select job_id || '-a' || number from attempt"
    " where state in ('printed', 'harvested')",
    "counted": "select job_id || '-a' || number from harvest",
}

#: By lab.
Journals = dict[str, tuple[KeptAttempt, ...]]


# --- who works with the ledger ---------------------------------------------------------------------


class Work:
    """Everybody's work in turn, for ever: each deed is one transaction, and told once it is done.

    Args:
        folder: of the ledger; what was acknowledged and what the labs' journals hold lie beside it.
    """

    def __init__(self, folder: Path) -> None:
        self._world = World(folder, checked=False)
        self._world.look_ahead_s = _AHEAD_S
        self._uncounted: list[tuple[str, KeptAttempt]] = []
        for lab in LABS:
            self._world.add_lab(lab)
        self._done = (folder / "done").open("a", encoding="ascii")
        self._journals = {
            lab: (folder / f"{lab}.journal").open("a", encoding="ascii") for lab in LABS
        }

    def go_on(self) -> None:
        """Take two orders, and make what they ask for."""
        world = self._world
        for kits in (2, 5):
            request = a_request(world.revision, kits)
            placed = orders.place(world.ledger, request, world.revision, world.now)
            self._tell("order", placed.order_id)
            orders.confirm(world.ledger, placed.order_id, "steward", world.now)
            self._tell("confirmed", placed.order_id)
        for lab in LABS:
            world.can(lab, grams=20_000.0)  # a fresh spool
        world.plan()
        world.tick()
        for lab in LABS:
            for told in world.told(lab):
                for each in told.attempts if isinstance(told, Offer) else ():
                    self._make(
                        lab, KeptAttempt(offered=each, state=AttemptState.TAKEN, begun=False)
                    )

    def _make(self, lab: str, kept: KeptAttempt) -> None:
        world, ref = self._world, kept.offered.attempt
        self._keep(lab, kept)
        world.take(ref)
        world.ready(ref, secrets.token_hex(4))
        # INTENT is in the journal before anybody hears of it.
        self._keep(lab, replace(kept, state=AttemptState.PRINTING, begun=True))
        world.report(ref, ReportState.PRINTING)
        self._keep(lab, replace(kept, state=AttemptState.PRINTED, begun=True))
        world.report(ref, ReportState.PRINTED)
        self._tell("printed", str(ref))
        self._uncounted.append((lab, kept))
        if len(self._uncounted) > _UNCOUNTED:
            self._count(*self._uncounted.pop(0))

    def _count(self, lab: str, kept: KeptAttempt) -> None:
        ref, good = kept.offered.attempt, kept.offered.pieces
        harvests.harvest(self._world.ledger, ref, good, 0, "", "maker", self._world.now)
        self._tell("counted", str(ref))
        counted = replace(kept, state=AttemptState.HARVESTED, begun=True, good=good, scrap=0)
        self._keep(lab, counted)

    def _tell(self, what: str, of: str) -> None:
        time.sleep(_BREATH_S)
        self._done.write(f"{what} {of}\n")
        self._done.flush()

    def _keep(self, lab: str, kept: KeptAttempt) -> None:
        self._journals[lab].write(msgspec.json.encode(kept).decode() + "\n")
        self._journals[lab].flush()


# --- who copies, and begins with the copies ---------------------------------------------------------


def _lines(path: Path) -> list[str]:
    """Return the whole lines of a file that is being written."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def copies_while_worked(
    folder: Path, number: int, seed: int
) -> Generator[tuple[Path, list[str]], None, None]:
    """Yield folders of copies, and what was acknowledged before each; the work ends by kill -9."""
    data = folder / "coordinator"
    data.mkdir()
    dice = random.Random(seed)
    with (folder / "work.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.copies", "--work", str(data)],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            until_s = time.monotonic() + _WAIT_S
            while not _printed(data) and time.monotonic() < until_s:
                time.sleep(0.05)
                _goes_on(worker, folder)
            for n in range(number):
                time.sleep(dice.uniform(0.0, 0.2))
                known = _lines(data / "done")
                copy = folder / f"copy-{n}"
                copy.mkdir()
                for name in dice.sample(_FILES, 2):
                    shutil.copy(data / name, copy)
                (copy / "files").symlink_to(data / "files")
                yield copy, known
            _goes_on(worker, folder)
        finally:
            worker.kill()
            worker.wait()


def _printed(data: Path) -> bool:
    return any(line.startswith("printed") for line in _lines(data / "done"))


def _goes_on(worker: subprocess.Popen[bytes], folder: Path) -> None:
    if worker.poll() is not None:
        raise SystemExit(f"copies: the work has ended: {(folder / 'work.log').read_text()}")


def journals_of(data: Path) -> Journals:
    """Return what each lab's journal holds, the last word on each attempt."""
    found = {}
    for lab in LABS:
        told = (_KEPT.decode(line) for line in _lines(data / f"{lab}.journal"))
        found[lab] = tuple({each.offered.attempt: each for each in told}.values())
    return found


def faults_of(
    copy: Path, known: list[str], journals: Journals, told: Journals | None = None
) -> list[str]:
    """Begin with a copy, with labs that have worked on since; return what is wrong with it.

    Args:
        copy: folder of it.
        known: what was acknowledged before it was made.
        journals: what the labs have done by now.
        told: what they say of it; all, where nothing is given.
    """
    try:
        with closing(sqlite3.connect(copy / "ledger.db")) as db:
            (whole,) = db.execute("pragma integrity_check").fetchone()
        world = World(copy)
    except (sqlite3.Error, JobError) as error:
        return [f"it cannot be opened: {error}"]
    try:
        found = [] if whole == "ok" else [f"it is damaged: {whole}"]
        found += [f"it has lost: {each}" for each in _missing(world, known)]
        if not restoring.is_restored(world.ledger.reading):
            found.append("it does not know that it is a copy")
        with world.ledger.transaction() as db:
            restoring.begin(db, world.now)
        begun = [each.offered for lab in LABS for each in journals[lab] if each.begun]
        return found + _made_again(world, begun, journals if told is None else told)
    except (sqlite3.Error, JobError) as error:
        return [f"it cannot be worked with: {error!r}"]
    finally:
        world.ledger.close()


def _missing(world: World, known: list[str]) -> list[str]:
    db = world.ledger.reading
    there: set[str] = set()
    for what, query in _ACKNOWLEDGED.items():
        there |= {f"{what} {row[0]}" for row in db.execute(query)}
    return [each for each in known if each not in there]


def _made_again(world: World, begun: list[OfferedAttempt], told: Journals) -> list[str]:
    """Let the labs say what they hold, take all that is offered then, and count what is made."""
    world.look_ahead_s = _AHEAD_S
    world.tick()
    early = [each for lab in LABS for each in world.told(lab) if not isinstance(each, Restate)]
    found = [f"before the labs have spoken it says {early}"] if early else []
    for lab, kept in told.items():
        world.says(Restated(attempts=kept, last=True), lab)
        world.is_there(lab)
    fresh: set[AttemptRef] = set()
    for _ in range(3):
        world.plan()
        world.tick()
        fresh |= {ref for lab in LABS for ref in _granted(world, lab)}
    jobs = {offered.attempt.job for offered in begun}
    found += [f"{ref} is granted, and its job was begun" for ref in fresh if ref.job in jobs]
    made = Counter[str]()
    for offered in begun:
        made[offered.order] += offered.pieces
    for ref in fresh:
        attempt = views.attempt(world.ledger.reading, ref)
        made[attempt.order_id] += attempt.pieces
    for order, pieces in world.ledger.reading.execute("select order_id, pieces from line"):
        if made[order] > pieces:
            found.append(f"order {order}: {made[order]} pieces are made of {pieces}")
    return found


def _granted(world: World, lab: str) -> list[AttemptRef]:
    """Take what a lab is offered; return what it may start."""
    for offer in (told for told in world.told(lab) if isinstance(told, Offer)):
        for each in offer.attempts:
            world.take(each.attempt)
            world.ready(each.attempt)
    return [told.attempt for told in world.told(lab) if isinstance(told, Grant)]


def run(folder: Path, number: int, seed: int) -> dict[str, int]:
    """Make so many copies, begin with each of them, and return the counts; faults go to stderr."""
    copies = list(copies_while_worked(folder, number, seed))
    journals = journals_of(folder / "coordinator")
    bad = 0
    for copy, known in copies:
        faults = faults_of(copy, known, journals)
        bad += bool(faults)
        for fault in faults[:5]:
            sys.stderr.write(f"copies: WRONG: {copy.name}: {fault}\n")
        if not faults:
            shutil.rmtree(copy)
    done = Counter(line.split()[0] for line in _lines(folder / "coordinator" / "done"))
    return {
        "copies": len(copies),
        "bad_copies": bad,
        "acknowledged": sum(done.values()),
        "orders": done["order"],
        "printed": done["printed"],
        "counted": done["counted"],
        "seed": seed,
    }


def main() -> None:
    """Run, and print the result as the last line."""
    parser = argparse.ArgumentParser(description="Copy a ledger while it is worked on.")
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--seed", type=int, help="of the moments; drawn and printed without it")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        work = Work(options.work)
        while True:
            work.go_on()
    logging.disable(logging.WARNING)  # each copy warns that it is one
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="fabnet-copies-"))
    sys.stderr.write(f"copies: seed {seed}, in {folder}\n")
    result = run(folder, options.copies, seed)
    if not result["bad_copies"]:
        shutil.rmtree(folder)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(bool(result["bad_copies"]))


if __name__ == "__main__":
    main()
