"""`fabnet sim-printer`: a printer that is not there, for who wants to try the rest without one."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from fabnet.cli.common import FILE, stop_on_signals
from fabnet.errors import FabnetError

_FIRMWARES = (
    "marlin", "marlin-1", "prusa-mk3", "repetier", "smoothieware", "klipper", "reprapfirmware",
    "sprinter", "grbl",
)  # fmt: skip
_BAUDRATE = 115200
_HEATING_C_S = 20.0  # ten times a real one


@click.command("sim-printer")
@click.option(
    "--port", type=FILE, default="sim-printer.tty", show_default=True, help="Where its port is."
)
@click.option(
    "--firmware",
    type=click.Choice(_FIRMWARES),
    default="marlin",
    show_default=True,
    help="Whose dialect it speaks.",
)
@click.option(
    "--hurry", type=click.FloatRange(min=0), default=10.0, show_default=True,
    help="It moves so many times faster than a real one; 0: as fast as it can.",
)  # fmt: skip
@click.option("--unprotected", is_flag=True, help="Without thermal protection.")
def sim_printer(port: Path, firmware: str, hurry: float, unprotected: bool) -> None:
    """Be a 3D printer on a serial port, for trying fabnet without one.

    It answers, heats, moves and can be cut off like a real one, over a line of 115200 baud. What it
    has executed is written beside its port. Ends with Ctrl-C.

    \b
    Example: fabnet sim-printer
             fabnet sim-printer --port left.tty --firmware prusa-mk3
    """
    from printers.sim.board import Board
    from printers.sim.dialect import DIALECTS
    from printers.sim.record import Record
    from printers.sim.talk import Faults, Firmware
    from printers.sim.wire import Pace, serve

    if port.exists() and not port.is_symlink():
        raise FabnetError(f"{port} is there already, and no port; name another with --port")
    if not port.absolute().parent.is_dir():
        raise FabnetError(f"there is no folder {port.absolute().parent}")
    dialect = DIALECTS[firmware]
    record = port.absolute().with_suffix(".record")
    board = Board(
        Record(record), lambda _line: None, heating_c_s=_HEATING_C_S, hurry=hurry,
        protected=bool(dialect.runaway) and not unprotected, echoes=dialect.echoes,
    )  # fmt: skip
    pace = Pace(baudrate=_BAUDRATE, timed=dialect.rx_bytes > 0, ok_s=0.001)
    for line in _next_steps(port.absolute(), record, firmware, hurry):
        click.echo(line)
    serve(Firmware(board, dialect, Faults()), port.absolute(), pace, stop_on_signals())


def _next_steps(port: Path, record: Path, firmware: str, hurry: float) -> list[str]:
    faster = f"{hurry:g} times as fast as a real one" if hurry else "as fast as it can"
    return [
        str(port),
        "",
        f"A simulated printer ({firmware}) listens there until you press Ctrl-C. In another terminal:",
        f"  fabnet node setup --port {shlex.quote(str(port))}",
        "adds it to the lab that has joined from there, as if it stood beside it. Then:",
        "  fabnet node run",
        f"It moves {faster} (--hurry). What it does is in {record}, a line for each print that begins or ends.",
    ]
