"""Which files a node may read: the plates of its own live attempts."""

from __future__ import annotations

from jobs.coordinator.nodes import public_key
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE


def readable_file(ledger: Ledger, node: str, sha256: str) -> bool:
    """Return whether a live attempt of this node needs the file."""
    live = ",".join(f"'{state}'" for state in sorted(LIVE))
    row = ledger.reading.execute(
        "select 1 from attempt a join job j on j.id = a.job_id"
        f" where a.node = ? and j.plate_sha256 = ? and a.state in ({live})",
        (node, sha256),
    ).fetchone()
    return row is not None


def node_public_key(ledger: Ledger, node: str) -> str:
    """Return the key with which a node signs file requests.

    Raises:
        NotFoundError: it is not enrolled.
    """
    return public_key(ledger, node)
