"""A simulated printer on a pseudo terminal, as a process of its own.

    python -m printers.sim.firmware --link printer --record record.jsonl

It answers by the rules of one firmware (`printers.sim.dialect`), executes every line, and keeps a
record of its own. It stays when the host goes, as a printer does. Faults are switched on by options.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import msgspec

from printers.sim.board import Board
from printers.sim.dialect import DIALECTS
from printers.sim.record import Record
from printers.sim.talk import Faults, Firmware
from printers.sim.wire import Pace, serve

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29
_HEATING_C_S = 4000.0  # unthrottled: a hot end is hot in some 50 ms


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A simulated printer on a pseudo terminal.")
    parser.add_argument("--link", type=Path, required=True, help="symbolic link to make")
    parser.add_argument("--record", type=Path, required=True, help="file of what was executed")
    parser.add_argument("--record-lines", type=Path, help="file of all executed lines")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="marlin")
    parser.add_argument("--lines-per-s", type=float, default=0.0, help="0: as fast as it can")
    parser.add_argument("--heating-c-s", type=float, default=_HEATING_C_S, help="degrees a second")
    parser.add_argument(
        "--hurry", type=float, default=0.0, help="moves so many times faster; 0: none"
    )
    parser.add_argument("--unprotected", action="store_true", help="no thermal protection")
    parser.add_argument("--baudrate", type=int, default=0, help="0: any")
    parser.add_argument("--timed", action="store_true", help="bytes take their time; rings overrun")
    parser.add_argument("--ok-ms", type=float, default=0.0, help="from a command's end to its ok")
    parser.add_argument("--rx-bytes", type=int, help="of its receive ring")
    parser.add_argument("--nice", type=int, default=0, help="priority, as far as it is allowed")
    parser.add_argument("--tally", type=Path, help="file for figures, written at the end")
    parser.add_argument("--m115", default="", help="what it says of itself")
    for each in fields(Faults):
        parser.add_argument("--" + each.name.replace("_", "-"), type=int, default=0)
    return parser.parse_args(arguments)


def build(asked: argparse.Namespace) -> tuple[Firmware, Pace]:
    """Return the printer and the pace of its line, as the options say."""
    executed: Callable[[bytes], None] = lambda _line: None  # noqa: E731
    if asked.record_lines is not None:
        fd = os.open(asked.record_lines, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        executed = lambda line: _append(fd, line)  # noqa: E731
    dialect = DIALECTS[asked.dialect]
    if asked.rx_bytes is not None:
        dialect = replace(dialect, rx_bytes=asked.rx_bytes)
    board = Board(
        Record(asked.record), executed, heating_c_s=asked.heating_c_s, hurry=asked.hurry,
        protected=bool(dialect.runaway) and not asked.unprotected, echoes=dialect.echoes,
    )  # fmt: skip
    faults = Faults(**{each.name: getattr(asked, each.name) for each in fields(Faults)})
    identity = asked.m115.encode() + b"\n" if asked.m115 else b""
    pace = Pace(
        baudrate=asked.baudrate, timed=asked.timed, ok_s=asked.ok_ms / 1000.0,
        line_s=1 / asked.lines_per_s if asked.lines_per_s else 0.0,
    )  # fmt: skip
    return Firmware(board, dialect, faults, identity), pace


def _append(fd: int, line: bytes) -> None:
    os.write(fd, line + b"\n")


def main() -> None:
    """Run until SIGTERM, or until the parent process ends."""
    asked = options()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    libc.prctl(_PR_SET_TIMERSLACK, 1)  # an ok after 1 ms is no ok after 1.05 ms
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, asked.nice)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    firmware, pace = build(asked)
    serve(firmware, asked.link, pace, stop)
    if asked.tally is not None:
        asked.tally.write_bytes(msgspec.json.encode(firmware.tally))


if __name__ == "__main__":
    main()
