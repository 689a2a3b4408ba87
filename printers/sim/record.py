"""The simulated printer's own record: what it executed, whatever anybody else believes.

One JSON object a line, appended with one write each, so that a reader never sees half a line of a
finished event. This is the witness by which "nothing is printed twice" is judged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """One thing that happened inside the printer."""

    event: str  # boot, begin, end, abandoned, halted, burnt
    name: str = ""  # of the attempt, as M117 or M118 gave it
    lines: int = 0  # executed since begin
    sha256: str = ""  # over the executed lines since begin
    extruded_mm: float = 0.0
    nozzle_max_c: float = 0.0
    bed_max_c: float = 0.0


class Record:
    """Appends events to a file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, event: RecordEvent) -> None:
        """Append one event; it is in the file when this returns."""
        os.write(self._fd, msgspec.json.encode(event) + b"\n")


def read_record(path: Path) -> tuple[RecordEvent, ...]:
    """Return all events of a record, none where there is no file yet."""
    if not path.exists():
        return ()
    lines = path.read_bytes().split(b"\n")
    return tuple(msgspec.json.decode(line, type=RecordEvent) for line in lines if line)
