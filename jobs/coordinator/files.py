"""Which files a node may read, and which plates are sliced for it: those of its own live attempts."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.coordinator.nodes import public_key
from jobs.ledger.cells import FACTS, quoted
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE

_LIVE = quoted(LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateToSlice:
    """What the ledger says of a plate that a node wants sliced."""

    mesh_sha256: str
    copies: int


def readable_file(ledger: Ledger, node: str, sha256: str) -> bool:
    """Return whether a live attempt of this node needs the file."""
    row = ledger.reading.execute(
        "select 1 from attempt a join job j on j.id = a.job_id"
        f" where a.node = ? and j.plate_sha256 = ? and a.state in ({_LIVE})",
        (node, sha256),
    ).fetchone()
    return row is not None


def plate_to_slice(
    ledger: Ledger, node: str, plate_sha256: str, preset: str, material: str
) -> PlateToSlice | None:
    """Return the plate if a live attempt of this node needs it, on a printer of that preset."""
    row = ledger.reading.execute(
        "select j.mesh_sha256, j.pieces from attempt a join job j on j.id = a.job_id"
        " join printer p on p.node = a.node and p.id = a.printer"
        " where a.node = ? and j.plate_sha256 = ? and j.material = ?"
        f" and json_extract({FACTS}, '$.preset') = ? and a.state in ({_LIVE})",
        (node, plate_sha256, material, preset),
    ).fetchone()
    return None if row is None else PlateToSlice(mesh_sha256=row[0], copies=row[1])


def needed_slices(ledger: Ledger) -> frozenset[str]:
    """Return the keys of the slices that live attempts will print."""
    rows = ledger.reading.execute(
        f"select distinct gcode_key from attempt where gcode_key != '' and state in ({_LIVE})"
    )
    return frozenset(row[0] for row in rows)


def node_public_key(ledger: Ledger, node: str) -> str:
    """Return the key with which a node signs file requests.

    Raises:
        NotFoundError: it is not enrolled.
    """
    return public_key(ledger, node)
