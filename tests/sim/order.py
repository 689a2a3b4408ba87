"""The one order of a simulated world: a ledger that has it, and how it becomes jobs."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.coordinator import nodes
from jobs.ledger.rows import new_id
from jobs.model import JobState
from tests.doubles.world import World as Paper
from tests.sim.ends import PLATE_SHA256, PRINTER

NODES = ("lab-a", "lab-b")
KITS = 4
PIECES = 2  # on a plate


@functools.cache
def template() -> dict[str, bytes]:
    """Return the files of a ledger with one confirmed order, made once."""
    with TemporaryDirectory(prefix="fabnet-sim-") as folder:
        paper = Paper(Path(folder))
        for node in NODES:
            nodes.enrol(paper.ledger, node, node, "", paper.now)
        paper.order(KITS)
        paper.ledger.close()
        return {file.name: file.read_bytes() for file in Path(folder).glob("ledger.db*")}


def make_jobs(db: sqlite3.Connection, labs: Iterator[str], now: datetime) -> None:
    """Give what has no place to the next labs, in plates of two."""
    for line in db.execute("select * from line where deficit > 0").fetchall():
        left = line["deficit"]
        while left:
            pieces = min(PIECES, left)
            left -= pieces
            _insert_job(db, line, next(labs), pieces, now)
        db.execute(
            "update line set deficit = 0, reasons = '[]' where order_id = ? and part_id = ?",
            (line["order_id"], line["part_id"]),
        )


def _insert_job(db, line, node: str, pieces: int, now: datetime) -> None:
    db.execute(
        "insert into job (id, order_id, part_id, pieces, material, mesh_sha256, plate_sha256, node,"
        " printer, seconds, grams, state, created_at) values (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            new_id(), line["order_id"], line["part_id"], pieces, "PETG", "0" * 64, PLATE_SHA256,
            node, PRINTER, 600.0, 10.0, JobState.OPEN, now.isoformat(),
        ),
    )  # fmt: skip
