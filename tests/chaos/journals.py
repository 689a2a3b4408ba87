"""Copies of the nodes' journals, made at one moment and put back at another."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.chaos.nemesis import Fault
from tests.chaos.network import Network, Node

_COPY_EVERY_S = 0.5
_KEPT = 10


class Journals:
    """Makes a copy of one journal after another, and puts one back. Used by the main thread.

    Copies of a time that was forgotten since are kept too: who has put the wrong one back puts back
    another.

    Args:
        ledger_lock: held while the ledger is read.
    """

    def __init__(self, network: Network, ledger_lock: threading.Lock) -> None:
        self._network = network
        self._lock = ledger_lock
        self._folder = network.folder / "journals"
        self._folder.mkdir()
        self._copies: dict[str, list[tuple[float, Path]]] = {each.id: [] for each in network.nodes}
        self._turns = itertools.cycle(network.nodes)
        self._next_s = 0.0

    def copy(self, now_s: float) -> None:
        """Copy the journal whose turn it is."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + _COPY_EVERY_S
        node = next(self._turns)
        target = self._folder / f"{node.id}-{now_s:.2f}.db"
        source = f"file:{_journal(node)}?mode=ro"
        kept = self._copies[node.id]
        # Not yet there, or its disk is full.
        with suppress(sqlite3.Error):
            with (
                closing(sqlite3.connect(source, uri=True, timeout=0.1)) as here,
                closing(sqlite3.connect(target)) as there,
            ):
                here.backup(there)
            kept.append((now_s, target))
        while len(kept) > _KEPT:
            kept.pop(0)[1].unlink(missing_ok=True)

    def lose(self, node: Node, fault: Fault, now_s: float) -> bool:
        """kill -9 a node, and put an older copy of its journal back, or none; False: there is none."""
        old = [path for at_s, path in self._copies[node.id] if at_s <= now_s - fault.value]
        if fault.value and not old:
            return False
        node.member.kill(fault.for_s)
        journal = _journal(node)
        for ending in ("-wal", "-shm"):
            journal.with_name(journal.name + ending).unlink(missing_ok=True)
        if fault.value:
            # What lies beside it stays, as where a person copies a file.
            journal.write_bytes(old[-1].read_bytes())
            how = f"a copy {fault.value:.1f} s old or older, {old[-1].name}"
        else:
            for path in (journal, journal.with_name(journal.name + ".mark")):
                path.unlink(missing_ok=True)
            how = "none"
        with (self._network.folder / "journals.txt").open("a") as told:
            told.write(f"{time.time():.2f} {node.id}: {how}\n")
        return True

    def are_heard(self, node: Node) -> bool:
        """Whether the ledger has asked this node for nothing that it has not said."""
        source = f"file:{self._network.ledger_file}?mode=ro"
        with suppress(sqlite3.Error), self._lock:
            with closing(sqlite3.connect(source, uri=True, timeout=0.2)) as db:
                row = db.execute(
                    "select unheard from node where id = ? and not exists"
                    " (select 1 from meta where key = 'restored')",
                    (node.id,),
                ).fetchone()
            return row is not None and not row[0]
        return False


def _journal(node: Node) -> Path:
    return node.data / "journal.db"
